"""Proving a program: what it did in some steps, held against the reference trained in the same way."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from compare.ledger import adapters
from compare.ledger.contract import Layers
from compare.ledger.parity import GATE
from compare.programs.differences import FIRST_WEIGHTS, differences
from compare.programs.observe import Observation
from compare.programs.program import Program
from compare.programs.spec import Spec
from compare.traps.catalogue import Hypothesis
from compare.traps.catalogue.trap import template
from shared.batches import batches
from shared.scenarios import Plan, Scenario

STEPS = 50
ROOT = Path(__file__).resolve().parents[2]
ROUNDED = 1e-5  # by which a learning rate that a framework computes in float32 may be off


@dataclass(frozen=True)
class Proof:
    """Whether a program does what it is said to do."""

    program: Program
    steps: int
    difference: float  # the largest |program - reference| of a tensor, over its largest entry, in any step
    causes: tuple[Hypothesis, ...] = ()  # which the reference was trained with
    others: tuple[str, ...] = ()  # differences that are no trap, in words
    fault: str = ""  # what could not be shown; empty if all was

    def lines(self) -> list[str]:
        """What a program's docstring and the command say of it."""
        if self.fault:
            return [f"Not shown: {self.fault}."]
        size = f"{self.difference:.0e}".replace("e-0", "e-")
        over = f"{self.steps} {'step' if self.steps == 1 else 'steps'} in float64"
        if self.program.form == "equal" or not (self.causes or self.others):
            return [f"Equal to the reference to {size} over {over}."]
        named = [*self.others, *(cause.label for cause in self.causes)]
        return [
            f"With these differences, the reference does the same to {size} over {over}:",
            *(f"- {name}" for name in named),
        ]


class Watcher:
    """A process with one framework in it, which runs programs and says what they did."""

    def __init__(self, framework: str):
        command = [sys.executable, "-m", "compare.programs.observe", framework]
        path = {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=adapters.environment(1) | path, bufsize=-1,
        )  # fmt: skip

    def observe(self, program: Program, steps: int = STEPS, detailed: bool = False) -> Observation:
        """Run a program for some steps; `detailed` as in `compare.programs.observe.observe`."""
        assert self.process.stdin
        assert self.process.stdout
        sections = [(section.name, section.text) for section in program.sections if section.lines]
        try:
            pickle.dump((sections, steps, detailed), self.process.stdin)
            self.process.stdin.flush()
            return Observation(**pickle.load(self.process.stdout))
        except (EOFError, BrokenPipeError):
            return Observation(error=f"the process that ran it ended with status {self.process.wait()}")


@contextlib.contextmanager
def watcher(framework: str) -> Iterator[Watcher]:
    """A Watcher whose process ends with the block."""
    found = Watcher(framework)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


def prove(program: Program, seen: Observation) -> Proof:
    """Hold what a program did against the reference; a Proof with a fault where it cannot be shown."""
    if seen.error:
        return Proof(program, 0, np.inf, fault=f"it does not run: {seen.error}")
    spec, equal = program.spec, program.form == "equal" or program.framework == "numpy"
    try:
        _check_data(spec, seen)
        start = _check_start(program, seen, equal)
        steps = _check_batches(spec, seen, equal)
    except ValueError as error:
        return Proof(program, len(seen.params), np.inf, fault=str(error))
    causes = () if equal else tuple(differences(program.framework, spec))
    plan = _plan(spec, seen, start, steps)
    try:
        found, drift, outputs = _train(plan, spec, causes, seen)
    except ValueError as error:
        return Proof(program, len(seen.params), np.inf, fault=str(error))
    others = () if equal else (FIRST_WEIGHTS[program.framework], *_own(program, seen))
    logits = not (program.framework == "keras" and spec.config.loss == "sigmoid_mse")  # There z is after the sigmoid.
    difference, allowed = _largest_difference(seen, found, drift, outputs, logits)
    proof = Proof(program, len(seen.params), difference, causes, others)
    if difference <= allowed:
        return proof
    what = "the reference" + (" with " + ", ".join(cause.label for cause in causes) if causes else "")
    return replace(proof, fault=f"{what} differs by {difference:.1e} within {proof.steps} steps")


def _check_data(spec: Spec, seen: Observation) -> None:
    """ValueError unless the program trains and tests on the data it is meant for."""
    for name, found in seen.data.items():
        expected = np.asarray(getattr(spec.dataset, name), float)
        if spec.order == "by_class" and name.endswith("train"):
            expected = expected[np.argsort(spec.dataset.y_train, kind="stable")]
        found = found.reshape(expected.shape) if found.size == expected.size else found
        if found.shape != expected.shape or np.abs(found - expected).max() > 1e-6 * np.abs(expected).max():
            raise ValueError(f"its {name} is not that of {spec.source.dataset or spec.source.path}")


def _check_start(program: Program, seen: Observation, equal: bool) -> Layers:
    """The first parameters, by layer; ValueError unless they were drawn as they are said to be."""
    spec, c = program.spec, program.spec.config
    parts = iter(seen.start)
    hidden = len(spec.layer_sizes) - 2
    counts = [3 if c.batch_norm and i < hidden else 2 for i in range(hidden + 1)]
    start: Layers = [tuple(np.asarray(next(parts), float) for _ in range(count)) for count in counts]
    expected = spec.draw(spec.layer_sizes, _generator(spec))
    for (n, m), layer, drawn in zip(pairwise(spec.layer_sizes), start, expected, strict=True):
        W, b = layer[0], layer[1]
        if equal or (program.framework == "jax" and spec.draw.legacy):
            precise = np.float32 if spec.options.get("dtype") == "float32" else np.float64
            as_said = all(np.array_equal(a, d.astype(precise)) for a, d in zip(layer, drawn, strict=False))
        elif program.framework == "torch":
            as_said = max(abs(W).max(), abs(b).max()) <= 1 / np.sqrt(n) * (1 + 1e-6)
        elif program.framework == "keras":
            as_said = abs(W).max() <= np.sqrt(6 / (n + m)) * (1 + 1e-6) and not b.any()
        else:
            as_said = abs(np.log(W.std() / drawn[0].std())) < 5 / np.sqrt(W.size)
        if not as_said or (len(layer) == 3 and not (layer[2] == 1).all()):
            raise ValueError(f"the first parameters of its layer ({n}, {m}) are not drawn as they should be")
    return start


def _generator(spec: Spec) -> Any:
    return np.random.RandomState(spec.seed) if spec.draw.legacy else np.random.default_rng(spec.seed)


def _expected_steps(spec: Spec, count: int) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """The batches and dropout masks that a program in the equal form draws from its seed."""
    rng, c, samples = _generator(spec), spec.config, spec.samples
    spec.draw(spec.layer_sizes, rng)
    full = spec.batch_size is None or spec.batch_size >= samples
    steps: list[np.ndarray] = []
    masks: list[list[np.ndarray]] = []
    while len(steps) < count:
        order = rng.permutation(samples) if spec.order == "shuffled" and not full else np.arange(samples)
        drawn = []
        if c.dropout:
            drawn = [(rng.random((samples, h)) >= c.dropout) / (1 - c.dropout) for h in spec.layer_sizes[1:-1]]
        for batch in batches(order, spec.batch_size or samples):
            steps.append(batch)
            masks.append([mask[batch] for mask in drawn])
    return steps[:count], masks[:count]


def _check_batches(spec: Spec, seen: Observation, equal: bool) -> list[np.ndarray]:
    """The sizes of the steps' batches as index arrays; ValueError unless an epoch takes every sample once."""
    x, y = seen.data["x_train"], seen.data["y_train"].reshape(spec.samples, -1)
    wrong = "its batches are not those it should train on"
    if equal:
        expected, masks = _expected_steps(spec, len(seen.batches))
        for (xb, yb), batch, found, drawn in zip(seen.batches, expected, seen.masks, masks, strict=True):
            same = xb.shape == x[batch].shape and np.allclose(xb, x[batch], 1e-12, 0)
            if not same or not np.allclose(_targets(spec, yb), y[batch], 1e-12, 0):
                raise ValueError(wrong)
            if not all(np.allclose(m, d, 1e-12, 0) for m, d in zip(found, drawn, strict=True)):
                raise ValueError("its dropout masks are not those drawn from its seed")
        return expected
    rows = np.column_stack([x, y])
    per = spec.steps_per_epoch
    sizes = [len(batch) for batch in batches(np.arange(spec.samples), spec.batch_size or spec.samples)]
    if [len(xb) for xb, _ in seen.batches] != [sizes[i % per] for i in range(len(seen.batches))]:
        raise ValueError(wrong)
    for first in range(0, len(seen.batches), per):
        epoch = [np.column_stack([xb, _targets(spec, yb)]) for xb, yb in seen.batches[first : first + per]]
        taken, of = np.concatenate(epoch), rows
        if len(epoch) == per and spec.order == "shuffled":
            taken, of = (a[np.lexsort(a.T)] for a in (taken, of))
        elif spec.order == "shuffled":
            continue
        if not np.allclose(taken, of[: len(taken)], 1e-6, 1e-12):
            raise ValueError(wrong)
    return [np.zeros(len(xb), int) for xb, _ in seen.batches]


def _targets(spec: Spec, y: np.ndarray) -> np.ndarray:
    """Targets (B, 1) or (B, O): class ids where a program has them as columns of 0 and 1."""
    one_hot = spec.config.loss == "softmax_cross_entropy" and y.ndim == 2 and y.shape[1] > 1
    return y.argmax(axis=1)[:, None] if one_hot else y.reshape(len(y), -1)


def _plan(spec: Spec, seen: Observation, start: Layers, steps: list[np.ndarray]) -> Plan:
    """What the reference is trained by."""
    scenario = Scenario(spec.name, spec.title, spec.source.dataset, spec.layer_sizes[1:-1], spec.options)
    return Plan(scenario, spec.dataset, {"layer_sizes": spec.layer_sizes, **_config(spec)}, start, steps)


def _config(spec: Spec) -> dict[str, Any]:
    return {"seed": spec.seed, **{name: value for name, value in spec.options.items() if name != "dtype"}}


def _train(
    plan: Plan, spec: Spec, causes: tuple[Hypothesis, ...], seen: Observation
) -> tuple[list[list[np.ndarray]], np.ndarray, tuple[np.ndarray, float]]:
    """The reference's parameters after every step, how far a change of 1 at the start has grown by then, its outputs.

    As in `compare.ledger.trace.amplification`, a copy with first weights changed by 1e-9 shows what training makes
    of that.
    """
    random = np.random.default_rng(0)
    size = 1e-9 * max(np.abs(a).max() for layer in plan.params for a in layer)
    changed = [tuple(a + size * random.uniform(-1, 1, a.shape) for a in layer) for layer in plan.params]
    rates = [] if spec.config.schedule == "constant" else seen.rates
    models = [_reference(plan, causes, params, rates) for params in (plan.params, changed)]
    found, drift = [], np.ones(len(seen.batches))
    with np.errstate(all="ignore"):
        for step, ((x, y), masks) in enumerate(zip(seen.batches, seen.masks, strict=True)):
            y = _targets(spec, y)
            y = y[:, 0] if y.shape[1] == 1 else y
            for model in models:
                model.train_step(x, y.astype(np.int64) if spec.dataset.classes else y, masks or None)
            found.append([a for layer in models[0].params for a in layer])
            other = [a for layer in models[1].params for a in layer]
            grown = max(np.abs(a - b).max() for a, b in zip(found[-1], other, strict=True)) / size
            drift[step] = max(grown, drift[step - 1] if step else 1.0)
        z, moved = (adapters.outputs(model, seen.data["x_test"]) for model in models)
    return found, drift, (z, float(np.abs(z - moved).max()) / size)


def _reference(plan: Plan, causes: tuple[Hypothesis, ...], params: Layers, rates: list[float]) -> Any:
    """The reference with these traps in it and, if there are any, with these learning rates."""
    module = template()
    for cause in causes:
        cause.bend(module)
    exact = module.learning_rate

    def learning_rate(config: Any, step: int, *xp: Any) -> float:
        step = min(step, len(rates) - 1)
        if abs(rates[step] - exact(config, step)) > ROUNDED * config.learning_rate:
            raise ValueError(f"its learning rate at step {step + 1} is {rates[step]}")
        return rates[step]

    if rates:
        module.__dict__["learning_rate"] = learning_rate
    model = module.MLP(module.Config(**plan.config, dtype="float64"), params)
    model.set_state(model.state)  # A trap may begin with another state.
    return model


def _own(program: Program, seen: Observation) -> list[str]:
    """Differences that are no trap but what a framework draws or rounds by itself."""
    spec, found = program.spec, []
    batched = spec.batch_size is not None and spec.batch_size < spec.samples
    if batched and spec.order == "shuffled":
        found.append("its own order of the samples")
        per = spec.steps_per_epoch
        if len(seen.batches) >= 2 * per and all(
            np.array_equal(seen.batches[i][0], seen.batches[i + per][0]) for i in range(per)
        ):
            found[-1] += ", the same in every epoch"
    if spec.config.dropout and len(spec.layer_sizes) > 2:
        found.append("its own dropout masks")
    if seen.rates and spec.config.schedule != "constant":
        found.append("learning rates computed in float32")
    return found


def _largest_difference(
    seen: Observation,
    found: list[list[np.ndarray]],
    drift: np.ndarray,
    outputs: tuple[np.ndarray, float],
    logits: bool,
) -> tuple[float, float]:
    """The step's difference that is largest against what is allowed there: both."""
    worst, at = 0.0, GATE["float64"]
    for step, (ours, theirs) in enumerate(zip(seen.params, found, strict=True)):
        scale = max(np.abs(b).max() for b in theirs)
        with np.errstate(all="ignore"):
            gap = max(_gap(a, b) for a, b in zip(ours, theirs, strict=True)) / scale
        allowed = GATE["float64"] * drift[step]
        if gap / allowed > worst / at:
            worst, at = gap, allowed
    z, moved = outputs
    if seen.outputs is not None and logits:
        scale = max(float(np.abs(z).max()), 1.0)
        gap = _gap(seen.outputs.reshape(z.shape), z) / scale
        allowed = GATE["float64"] * max(moved / scale, 1.0)
        if gap / allowed > worst / at:
            worst, at = gap, allowed
    return worst, at


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a - b|; 0 where both are not finite in the same way."""
    if a.shape != b.shape:
        return np.inf
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gap = np.where(same, 0.0, np.abs(a - b))
    return float(np.nan_to_num(gap, nan=np.inf).max())
