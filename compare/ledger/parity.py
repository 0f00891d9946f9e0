"""Holding traces against each other: arrays in, findings out.

A difference is max|a - b| over a tensor, relative to the largest entry of the reference's tensor. What is allowed:

- float64, in step: 1e-12 of the largest entry, and what rounding alone can do to each entry on both sides
  (rounding.py). The second part is some 1e-14 of the largest entry, and matters where a tensor is itself the rounding
  of zero.
- float32, in step: what rounding alone can do to each entry of the implementation; it is held against the float64
  reference.
- On its own: each step may leave that much, relative to the largest weight, and what steps left comes to more in
  training and in the numbers computed, as measured in the reference (trace.amplification): bound = steps x one step's
  rounding x amplification, and 1e-12 besides in float64. Class ids may differ where the reference's own margin is
  below the bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compare.ledger.places import worst_places
from compare.ledger.rounding import UNIT, StepErrors, step_errors
from compare.ledger.trace import Amplification, Trace, initial_state, layout, state_at, unflatten
from impls import mlp_numpy
from shared.scenarios import Plan

GATE = {"float64": 1e-12, "float32": 0.0}
NEAR = 0.1  # share of the gate from which on the derivation is worth its time
PHASES = ("forward", "loss", "gradient", "update", "outcome")
START = "start"  # before them all: what a model did not take of what it was given


@dataclass(frozen=True)
class Gap:
    """How one tensor of two traces compares at one step."""

    phase: str
    tensor: str
    step: int  # from 0; the outcome's is the number of steps
    difference: float  # max|a - b| / max|reference|
    used: float  # the largest share of its bound that an entry's difference takes
    index: tuple[int, ...]  # of that entry
    value_a: float
    value_b: float

    @property
    def equal(self) -> bool:
        return self.used <= 1

    @property
    def number(self) -> int:
        """The step as people count them, from 1; the outcome's is the last."""
        return self.step + (self.phase != "outcome")

    @property
    def bound(self) -> float:
        """The largest difference that would have been allowed, on the scale of `difference`."""
        return self.difference / self.used if self.used and math.isfinite(self.used) else 0.0


@dataclass(frozen=True)
class Comparison:
    """One cell of the table: two traces of one scenario, precision and mode."""

    scenario: str
    dtype: str
    mode: str  # "in step" or "on its own"
    a: str
    b: str
    worst: list[Gap]  # one for each phase
    first: Gap | None  # the first place where they differ
    weights: list[float]  # each step's difference of all parameters
    weight_bounds: list[float]
    losses: list[float]  # each step's difference of the loss
    loss_bounds: list[float]
    places: list[Gap]  # the worst of every tensor in every few steps

    @property
    def equal(self) -> bool:
        return self.first is None

    @property
    def labels(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("scenario", "dtype", "mode", "a", "b")}


class Ruler:
    """The bounds of one scenario, from its reference trace in float64."""

    def __init__(self, plan: Plan, reference: Trace, amplification: Amplification):
        self.plan, self.reference, self.amplification = plan, reference, amplification
        self.config = mlp_numpy.Config(**plan.config, dtype="float64")
        self.param_shapes, self.state_shapes = (
            mlp_numpy.param_shapes(self.config),
            mlp_numpy.state_shapes(self.config),
        )
        self._errors: dict[tuple[int, str], StepErrors] = {}

    def errors(self, step: int, dtype: str) -> StepErrors:
        """What rounding can do in one step of the reference."""
        if (step, dtype) not in self._errors:
            params, state = self.plan.params, initial_state(self.state_shapes)
            if step:
                params = unflatten(self.reference.params[step - 1], self.param_shapes)
                state = state_at(self.reference, step - 1, self.state_shapes)
            self._errors[step, dtype] = step_errors(
                self.config, params, state, self.plan.batch(step), self.plan.masks(step), UNIT[dtype]
            )
        return self._errors[step, dtype]

    @cached_property
    def step_rounding(self) -> float:
        """The largest change of a weight that rounding can make in one step, in units of the roundoff."""
        return (
            max(float(self.errors(step, "float32").params.max()) for step in range(len(self.plan.steps)))
            / (UNIT["float32"])
        )

    def drift(self, dtype: str) -> np.ndarray:
        """What rounding can have added up to in the weights before each step and at the end, (T + 1,), unamplified."""
        return self.step_rounding * UNIT[dtype] * np.arange(len(self.plan.steps) + 1)


def _gap(
    phase: str, tensor: str, step: int, a: np.ndarray, b: np.ndarray, scale: float, allowed: np.ndarray | float
) -> Gap:
    """Compare two arrays of one shape, where |a - b| may be up to `allowed`."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        distance = np.abs(a - b)
        distance = np.where(np.isfinite(distance), distance, np.inf)
        # Where the derivation has no bound, as in a training that diverges, any finite difference is within it.
        allowed = np.where(np.isnan(allowed), np.inf, allowed)
        used = np.where(distance > 0, distance / allowed, 0.0)
    used = np.where(np.isnan(used), np.inf, used)
    worst = np.unravel_index(int(used.argmax()), used.shape)
    difference = float(distance.max())
    difference = difference / scale if scale > 0 and difference else difference
    return Gap(
        phase,
        tensor,
        step,
        difference,
        float(used[worst]),
        tuple(int(i) for i in worst),
        float(a[worst]),
        float(b[worst]),
    )


def _places(ruler: Ruler, trace: Trace, step: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every tensor of one step of a trace, in the order in which a step computes them: phase, name, array."""
    start = sum(len(s) for s in ruler.plan.steps[:step])
    yield "forward", "logits", trace.logits[start : start + len(ruler.plan.steps[step])]
    yield "loss", "loss", trace.losses[step : step + 1]
    groups: list[tuple] = [("gradient", "gradient", trace.gradients, ruler.param_shapes, ("W", "b", "g"))]
    for name, values in trace.states.items():
        parts = ("mean", "variance") if name == "running" else ("W", "b", "g")
        groups.append(("update", name.replace("_", " "), values, ruler.state_shapes[name], parts))
    groups.append(("update", "weights", trace.params, ruler.param_shapes, ("W", "b", "g")))
    for phase, name, values, shapes, parts in groups:
        for tensor in layout(shapes, parts):
            yield phase, f"{name} of {tensor.name}", values[step, tensor.start : tensor.stop].reshape(tensor.shape)


def _allowed(ruler: Ruler, step: int, dtype: str) -> Iterator[np.ndarray]:
    """What rounding can do to the tensors that `_places` gives, in the same order."""
    errors = ruler.errors(step, dtype)
    yield errors.logits
    yield np.array([errors.loss])
    groups = [(errors.gradients, ruler.param_shapes)]
    groups += [(errors.states[name], shapes) for name, shapes in ruler.state_shapes.items()]
    groups.append((errors.params, ruler.param_shapes))
    for values, shapes in groups:
        for tensor in layout(shapes):
            yield values[tensor.start : tensor.stop].reshape(tensor.shape)


def _starts(trace: Trace, left: bool) -> Iterator[Gap]:
    """What a model did not take before a step: a difference, whatever comes of it."""
    for step, tensor, place, given, found in trace.untaken:
        values = (found, given) if left else (given, found)
        yield Gap(START, tensor, step, abs(found - given) / max(abs(given), 1e-300), math.inf, place, *values)


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array).max())


def _check_steps(ruler: Ruler, *traces: Trace) -> None:
    for trace in traces:
        found = {len(trace.losses), len(trace.params)}
        if found != {len(ruler.plan.steps)}:
            raise ValueError(f"a trace has {sorted(found)} steps, expected {len(ruler.plan.steps)}")


def in_step(
    ruler: Ruler, dtype: str, names: tuple[str, str], a: Trace, b: Trace, blind: frozenset[str] = frozenset()
) -> Comparison:
    """Compare two traces whose every step began where the reference's did. In float32, `a` is the reference itself.

    What is in `blind` is not compared, since somebody's own model does not show it: "logits", "gradient", a slot as in
    "first moment", or one tensor as in "first moment of layer 1 W".
    ValueError if a trace has more or fewer steps than the plan.
    """
    _check_steps(ruler, a, b)
    gaps = [*_starts(a, left=True), *_starts(b, left=False)]
    sides = 2 if dtype == "float64" else 1
    tiny = np.finfo(dtype).tiny  # Below it, rounding is no longer relative.
    for step in range(len(ruler.plan.steps)):
        allowances = None
        tensors = zip(
            _places(ruler, ruler.reference, step), _places(ruler, a, step), _places(ruler, b, step), strict=True
        )
        for number, ((phase, tensor, reference), (_, _, left), (_, _, right)) in enumerate(tensors):
            if tensor.partition(" of ")[0] in blind or tensor in blind:
                continue
            scale = _largest(reference)
            gap = _gap(phase, tensor, step, left, right, scale, GATE[dtype] * scale)
            if gap.used > NEAR:  # Always so in float32; in float64 the gate alone mostly decides.
                allowances = allowances or list(_allowed(ruler, step, dtype))
                allowed = GATE[dtype] * scale + sides * allowances[number] + tiny
                gap = _gap(phase, tensor, step, left, right, scale, allowed)
            gaps.append(gap)
    gaps.sort(key=lambda gap: gap.step)
    errors = [ruler.errors(step, "float32") for step in range(len(ruler.plan.steps))]
    shrink = sides * UNIT[dtype] / UNIT["float32"]
    return _comparison(
        ruler,
        dtype,
        "in step",
        names,
        a,
        b,
        gaps,
        shrink * np.array([e.params.max() for e in errors]),
        GATE[dtype] + shrink * np.array([e.loss for e in errors]) / np.maximum(np.abs(ruler.reference.losses), 1e-300),
    )


def on_its_own(
    ruler: Ruler, dtype: str, names: tuple[str, str], a: Trace, b: Trace, blind: frozenset[str] = frozenset()
) -> Comparison:
    """Compare the losses, outputs and predictions of two trainings that ran freely from the same start.

    With "logits" in `blind`, as `in_step` has it, the losses alone.
    ValueError if a trace has more or fewer steps than the plan.
    """
    _check_steps(ruler, a, b)
    reference, drift = ruler.reference, ruler.drift(dtype)
    steps = len(ruler.plan.steps)
    scale = max(_largest(reference.losses), 1e-300)
    own = np.array([ruler.errors(step, "float32").loss for step in range(steps)]) * UNIT[dtype] / UNIT["float32"]
    allowed = GATE[dtype] * scale + 2 * (drift[:-1] * ruler.amplification.losses + own)
    gaps = [
        _gap("loss", "loss", step, a.losses[step : step + 1], b.losses[step : step + 1], scale, allowed[step])
        for step in range(steps)
    ]
    last_own = float(ruler.errors(steps - 1, "float32").logits.max()) * UNIT[dtype] / UNIT["float32"]
    output_scale = _largest(reference.outputs)
    output_allowed = GATE[dtype] * output_scale + 2 * (drift[-1] * ruler.amplification.outputs + last_own)
    if "logits" not in blind:
        gaps.append(_gap("outcome", "outputs", steps, a.outputs, b.outputs, output_scale, output_allowed))
        gaps.append(_predictions(ruler, steps, a, b, output_allowed))
    weights = 2 * drift[1:] * ruler.amplification.params
    return _comparison(ruler, dtype, "on its own", names, a, b, gaps, weights, allowed / scale)


def _predictions(ruler: Ruler, step: int, a: Trace, b: Trace, output_allowed: float) -> Gap:
    """Class ids, labels or values: equal, but where the reference's outputs are closer to a tie than the bound."""
    left, right = np.asarray(a.predictions, float), np.asarray(b.predictions, float)
    if not ruler.config.loss.endswith("cross_entropy"):
        scale = max(_largest(left), 1e-300)  # A sigmoid's predictions move by less than its outputs.
        return _gap("outcome", "predictions", step, left, right, scale, output_allowed)
    z = ruler.reference.outputs
    if ruler.config.loss == "softmax_cross_entropy":
        second, first = np.sort(z, axis=1)[:, -2:].T
        margin = first - second
    else:
        margin = np.abs(z).reshape(left.shape)
    allowed = np.where(margin <= 2 * output_allowed, np.inf, 0.0)  # A class id has no roundings.
    return _gap("outcome", "predictions", step, left, right, 1.0, allowed)


def _comparison(
    ruler: Ruler,
    dtype: str,
    mode: str,
    names: tuple[str, str],
    a: Trace,
    b: Trace,
    gaps: list[Gap],
    weight_bounds: np.ndarray,
    loss_bounds: np.ndarray,
) -> Comparison:
    """Put together a comparison; `weight_bounds` are absolute, `loss_bounds` relative, each (T,)."""
    worst = [
        max((gap for gap in gaps if gap.phase == phase), key=lambda gap: (gap.used, gap.difference))
        for phase in (START, *PHASES)
        if any(gap.phase == phase for gap in gaps)
    ]
    scale = np.maximum(np.abs(ruler.reference.params).max(axis=1), 1e-300)
    weights = np.abs(a.params - b.params).max(axis=1) / scale
    losses = [gap.difference for gap in gaps if gap.phase == "loss"]
    first = next((gap for gap in gaps if not gap.equal), None)
    return Comparison(
        ruler.plan.scenario.name,
        dtype,
        mode,
        *names,
        worst,
        first,
        weights.tolist(),
        (GATE[dtype] + weight_bounds / scale).tolist(),
        losses,
        loss_bounds.tolist(),
        worst_places(gaps, len(ruler.plan.steps)),
    )
