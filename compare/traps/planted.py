"""Bugs planted in the templates themselves, a line replaced by what somebody might have written there."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compare.ledger import adapters, parity, trace
from shared import scenarios
from shared.datasets import load

IMPLS = Path(__file__).resolve().parents[2] / "impls"
STEPS = 8  # of the scenario, enough for every one of them to show


@dataclass(frozen=True)
class Planted:
    """One line of one template, and what stands there instead."""

    template: str
    scenario: str  # one in which it matters
    line: str
    instead: str
    phase: str  # where it must show first
    tensor: str  # the beginning of its name


# fmt: off
PLANTED = [Planted(*row) for row in (
    ("numpy", "moons", "lambda z: np.maximum(z, 0), lambda z, a: z > 0",
     "lambda z: np.maximum(z, 0), lambda z, a: z > -1",
     "gradient", "gradient of layer 1"),
    ("numpy", "moons", "velocity *= c.momentum\n    velocity += g", "velocity *= c.momentum\n    velocity -= g",
     "update", "velocity of layer 1"),
    ("numpy", "digits", "share = 1 / total if", "share = 1.0 if", "loss", "loss"),
    ("numpy", "digits", "d.sum(axis=0, out=db)", "d.mean(axis=0, out=db)", "gradient", "gradient of layer 1 b"),
    ("numpy", "digits", "    p -= target\n", "    p -= target\n    p *= 2\n", "gradient", "gradient of layer 1 W"),
    ("numpy", "digits", "/ (np.sqrt(v / (1 - c.beta2**t)) + c.epsilon)", "/ (np.sqrt(v / (1 - c.beta2**t)) + 1e-7)",
     "update", "weights of layer 1"),
    ("numpy", "iris", "lambda z, a: 1 - a * a", "lambda z, a: 1 - a", "gradient", "gradient of layer 1"),
    ("numpy", "diabetes", "return (z - y) ** 2, 2 * (z - y)", "return (z - y) ** 2, (z - y)",
     "gradient", "gradient of"),
    ("torch", "digits", "torch.optim.Adam(p, c.learning_rate, (c.beta1, c.beta2), c.epsilon)",
     "torch.optim.Adam(p, c.learning_rate, (c.beta1, c.beta2), 1e-7)", "update", "weights of layer 1"),
    ("torch", "moons", "torch.optim.SGD(p, c.learning_rate, momentum=c.momentum)",
     "torch.optim.SGD(p, c.learning_rate, momentum=c.momentum, dampening=0.1)", "update", "velocity"),
    ("torch", "digits", "        self.optimizer.zero_grad()\n", "", "update", "first moment of layer 1 W"),
    ("torch", "diabetes", "F.mse_loss(z, y, reduction=reduction)", "F.mse_loss(z, y, reduction=reduction) / 2",
     "loss", "loss"),
    ("torch", "iris", '"tanh": nn.Tanh', '"tanh": nn.Hardtanh', "forward", "logits"),
    ("keras", "digits", "(ops.sqrt(v / v_share) + c.epsilon)", "(ops.sqrt(v) + c.epsilon) * ops.sqrt(v_share)",
     "update", "weights of layer 1"),
    ("keras", "moons", "    b = c.momentum * b + g\n    return b, [b]", "    b = c.momentum * b - g\n    return b, [b]",
     "update", "velocity of layer 1"),
    ("keras", "diabetes", "ops.square(z - y)", "ops.abs(z - y)", "loss", "loss"),
    ("torch", "cancer-dropout", "return a * self.mask if", "return a * (self.mask > 0) if", "loss", "loss"),
    ("torch", "spirals-norm", "nn.BatchNorm1d(m, NORM_EPSILON,", "nn.BatchNorm1d(m, 1e-3,", "forward", "logits"),
    ("torch", "wine-gelu-adamw", "c.clip_norm / norm.clamp(min=c.clip_norm)",
     "c.clip_norm / (norm.clamp(min=c.clip_norm) + 1e-6)",
     "update", "first moment of layer 1 W"),
    ("keras", "spirals-norm", "NORM_MOMENTUM * (variance * (n / (n - 1))", "NORM_MOMENTUM * (variance",
     "update", "running of layer 1 variance"),
    ("keras", "iris-rmsprop", "g / (ops.sqrt(v) + c.epsilon)", "g / ops.sqrt(v + c.epsilon)",
     "update", "weights of layer 1 W"),
    ("keras", "cancer-dropout", "return g + c.momentum * b, [b]", "return b, [b]", "update", "weights of layer 1 W"),
)]
# fmt: on


def broken_template(bug: Planted) -> types.ModuleType:
    """The template as a module of its own with the bug in it; ValueError if it has no such line."""
    source = (IMPLS / f"mlp_{bug.template}.py").read_text(encoding="utf-8")
    if bug.line not in source:
        raise ValueError(f"mlp_{bug.template}.py has no line {bug.line!r} to break")
    module = types.ModuleType(f"broken_{bug.template}")
    sys.modules[module.__name__] = module  # Where dataclasses look for it.
    exec(compile(source.replace(bug.line, bug.instead, 1), module.__name__, "exec"), module.__dict__)
    return module


def ruler_of(scenario_name: str) -> parity.Ruler:
    """The bounds of the first steps of a scenario, from the NumPy template."""
    scenario = replace(scenarios.get(scenario_name), steps=STEPS)
    plan = scenarios.plan(scenario, load(scenario.dataset))

    def build(params: trace.Layers) -> trace.Implementation:
        return adapters.build("numpy", plan.config | {"dtype": "float64"}, params)

    return parity.Ruler(plan, trace.record(build(plan.params), plan), trace.amplification(build, plan))


def compare(bug: Planted) -> parity.Comparison:
    """The broken template in step with the reference, float64."""
    ruler, template = ruler_of(bug.scenario), broken_template(bug)
    model = template.MLP(template.Config(**ruler.plan.config, dtype="float64"), ruler.plan.params)
    found = trace.record(model, ruler.plan, ruler.reference)
    return parity.in_step(ruler, "float64", ("numpy", f"broken {bug.template}"), ruler.reference, found)


def run(implementation: str, job: dict[str, Any]) -> dict[str, Any]:
    """A worker's part: compare the bug of this number, and say where it showed."""
    bug = PLANTED[job["number"]]
    first = compare(bug).first
    return {
        "template": bug.template,
        "scenario": bug.scenario,
        "line": " ".join(bug.line.split()),
        "instead": " ".join(bug.instead.split()) or "(nothing)",
        "caught": first is not None,
        "step": first.number if first else -1,
        "phase": first.phase if first else "",
        "tensor": first.tensor if first else "",
        "difference": first.difference if first else 0.0,
        "placed": first is not None and first.phase == bug.phase and first.tensor.startswith(bug.tensor),
    }
