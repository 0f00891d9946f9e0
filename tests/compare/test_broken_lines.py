"""One line of one template broken at a time: every one must turn the comparison, in the right place."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compare.ledger import adapters, parity, trace
from shared import scenarios
from shared.datasets import load

IMPLS = Path(__file__).resolve().parents[2] / "impls"

# template, scenario, a line, the line broken, the first place: phase and the beginning of the tensor's name
BROKEN = [
    ("numpy", "moons", "lambda z: np.maximum(z, 0), lambda z, a: z > 0", "lambda z: np.maximum(z, 0), lambda z, a: z > -1",
     "gradient", "gradient of layer 1"),
    ("numpy", "moons", "velocity *= c.momentum\n    velocity += g", "velocity *= c.momentum\n    velocity -= g",
     "update", "velocity of layer 1"),
    ("numpy", "digits", "share = 1 / total if", "share = 1.0 if", "loss", "loss"),
    ("numpy", "digits", "d.sum(axis=0, out=db)", "d.mean(axis=0, out=db)", "gradient", "gradient of layer 1 b"),
    ("numpy", "digits", "    p -= target\n", "    p -= target\n    p *= 2\n", "gradient", "gradient of layer 1 W"),
    ("numpy", "digits", "/ (np.sqrt(v / (1 - c.beta2**t)) + c.epsilon)", "/ (np.sqrt(v / (1 - c.beta2**t)) + 1e-7)",
     "update", "weights of layer 1"),
    ("numpy", "iris", "lambda z, a: 1 - a * a", "lambda z, a: 1 - a", "gradient", "gradient of layer 1"),
    ("numpy", "diabetes", "return (z - y) ** 2, 2 * (z - y)", "return (z - y) ** 2, (z - y)", "gradient", "gradient of"),
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
]  # fmt: skip


def broken_template(name: str, line: str, instead: str) -> types.ModuleType:
    """The template as a module of its own, with a line replaced."""
    source = (IMPLS / f"mlp_{name}.py").read_text()
    assert source.count(line) >= 1, f"mlp_{name}.py has no line {line!r} to break"
    module = types.ModuleType(f"broken_{name}")
    sys.modules[module.__name__] = module  # where dataclasses look for it
    exec(compile(source.replace(line, instead, 1), module.__name__, "exec"), module.__dict__)
    return module


def prepared(scenario_name: str, steps: int = 8) -> tuple[Any, parity.Ruler]:
    scenario = scenarios.get(scenario_name)
    plan = scenarios.plan(scenario, load(scenario.dataset))
    del plan.steps[steps:]

    def build(params: trace.Layers) -> trace.Implementation:
        return adapters.build("numpy", plan.config | {"dtype": "float64"}, params)

    return plan, parity.Ruler(plan, trace.record(build(plan.params), plan), trace.amplification(build, plan))


@pytest.mark.parametrize(("name", "scenario", "line", "instead", "phase", "tensor"), BROKEN)
def test_a_broken_line_turns_the_verdict(
    name: str, scenario: str, line: str, instead: str, phase: str, tensor: str
) -> None:
    plan, ruler = prepared(scenario)
    template = broken_template(name, line, instead)
    model = template.MLP(template.Config(**plan.config, dtype="float64"), plan.params)
    found = parity.in_step(
        ruler, "float64", ("numpy", "broken"), ruler.reference, trace.record(model, plan, ruler.reference)
    )
    assert found.first is not None
    assert found.first.phase == phase
    assert found.first.tensor.startswith(tensor)


@pytest.mark.parametrize("name", adapters.IMPLEMENTATIONS)
def test_the_whole_template_is_equal(name: str) -> None:
    """So that the test above does not pass for another reason."""
    plan, ruler = prepared("moons")
    template = importlib.import_module(f"impls.mlp_{name}")
    model = template.MLP(template.Config(**plan.config, dtype="float64"), plan.params)
    found = parity.in_step(ruler, "float64", ("numpy", name), ruler.reference, trace.record(model, plan, ruler.reference))
    assert found.equal


def test_a_transposed_square_matrix_is_found() -> None:
    """A square matrix fits either way, so that nothing but the numbers can tell."""
    plan, ruler = prepared("spirals-deep")
    params = [plan.params[0], (np.ascontiguousarray(plan.params[1][0].T), plan.params[1][1]), *plan.params[2:]]
    model = adapters.build("numpy", plan.config | {"dtype": "float64"}, params)
    model.set_params = lambda params: type(model).set_params(  # type: ignore[method-assign]
        model, [params[0], (params[1][0].T, params[1][1]), *params[2:]]
    )
    found = parity.in_step(
        ruler, "float64", ("numpy", "transposed"), ruler.reference, trace.record(model, plan, ruler.reference)
    )
    assert found.first is not None
    assert (found.first.step, found.first.phase) == (0, "forward")


def test_weights_that_were_not_copied_are_found() -> None:
    plan, ruler = prepared("moons")
    template = importlib.import_module("impls.mlp_numpy")
    model = template.MLP(template.Config(**plan.config, dtype="float64"))
    model.set_params = lambda params: None
    found = parity.in_step(
        ruler, "float64", ("numpy", "own weights"), ruler.reference, trace.record(model, plan, ruler.reference)
    )
    assert found.first is not None
    assert (found.first.step, found.first.phase) == (0, "forward")


@pytest.mark.parametrize("broken", ["gradients", "forward"])
def test_an_array_of_another_shape_is_refused(broken: str) -> None:
    plan, ruler = prepared("moons")
    model = adapters.build("numpy", plan.config | {"dtype": "float64"}, plan.params)
    if broken == "forward":
        model.forward = lambda x: np.zeros((len(x), 2))  # type: ignore[method-assign]
    else:
        model.gradients = lambda x, y, masks=None: (0.0, plan.params[:1])  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="expected"):
        trace.record(model, plan, ruler.reference)
