"""Simple facts about a difference that no trap explains: a ratio, a transpose, a permutation, a shift by one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from compare.ledger.parity import Comparison, Gap
from compare.ledger.trace import Tensor, Trace, flatten, layout
from impls import mlp_numpy
from shared.scenarios import Plan

ACTIVATED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the softmax": lambda z: (
        np.exp(z - z.max(axis=-1, keepdims=True))
        / np.exp(z - z.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)
    ),
    "the log-softmax": lambda z: (
        z
        - z.max(axis=-1, keepdims=True)
        - np.log(np.exp(z - z.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True))
    ),
    "the sigmoid": lambda z: (np.tanh(z / 2) + 1) / 2,
    "the tanh": np.tanh,
    "the ReLU": lambda z: np.maximum(z, 0),
    "the absolute value": np.abs,
    "the float32 rounding": lambda z: z.astype(np.float32).astype(float),
    "the float16 rounding": lambda z: z.astype(np.float16).astype(float),
}


def facts(plan: Plan, reference: Trace, candidate: Trace, comparison: Comparison) -> list[str]:
    """What is simply true of the first tensor that differs, of the whole step, and of the steps."""
    gap = comparison.first
    assert gap
    tolerance = 1e-9 if comparison.dtype == "float64" else 1e-4
    with np.errstate(all="ignore"):
        found = list(_of_steps(plan, reference, candidate, comparison, tolerance))
        if gap.phase in ("loss", "outcome"):
            tensors = _whole(gap, reference, candidate)
        else:
            tensors = _tensors(plan, gap, reference, candidate)
        for name, a, b in tensors:
            found += [f"{name} here is {fact}." for fact in of_pair(a, b, tolerance)]
        if gap.phase == "loss":
            found += list(_of_gradients(plan, gap, reference, candidate, tolerance))
        if gap.phase == "update" and gap.tensor.startswith("weights"):
            found += list(_of_update(plan, gap, reference, candidate, comparison.mode, tolerance))
    return found or [f"{gap.tensor} differs without a pattern that is looked for."]


def of_pair(a: np.ndarray, b: np.ndarray, tolerance: float) -> Iterator[str]:
    """What b is, seen from a: arrays of one shape."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    scale = np.abs(a).max(initial=0.0)

    def same(left: np.ndarray, right: np.ndarray) -> bool:
        return bool(np.abs(left - right).max(initial=0.0) <= tolerance * max(scale, np.abs(b).max(initial=0.0)))

    if not np.isfinite(b).all():
        yield f"NaN or infinite in {int((~np.isfinite(b)).sum())} of {b.size} entries"
        return
    if not b.any():
        yield "0 throughout"
        return
    ratio = float((a * b).sum() / (a * a).sum()) if a.any() else float("nan")
    if a.size > 1 and np.isfinite(ratio) and same(ratio * a, b):
        yield f"{_number(ratio)} times the reference's, in every entry"
        return
    if a.size == 1:
        if scale:
            yield f"{_number(float(b.ravel()[0] / a.ravel()[0]))} times the reference's"
        return
    if same(a + (b - a).mean(), b):
        yield f"the reference's plus {float((b - a).mean()):.6g}, in every entry"
        return
    if a.ndim == 2 and a.shape[0] == a.shape[1] and same(a.T, b):
        yield "the reference's transpose"
        return
    if a.ndim == 2 and same(a.T.reshape(a.shape), b):
        yield "the reference's transpose, reshaped to fit"
        return
    for name, function in ACTIVATED.items():
        if same(function(a), b):
            yield f"{name} of the reference's"
            return
    for axis, word in enumerate(("rows", "columns") if a.ndim == 2 else ("entries",)):
        order = _permutation(a, b, axis, tolerance * scale)
        if order is not None:
            yield f"the reference's with its {word} in another order: {_shown(order)}"
            return
    if same(np.sort(a, axis=None), np.sort(b, axis=None)):
        yield "made of the reference's numbers in another order"
        return
    yield from _partly(a, b, tolerance * scale)


def _partly(a: np.ndarray, b: np.ndarray, allowed: float) -> Iterator[str]:
    """Which rows, columns or entries differ, if only some do."""
    differing = np.abs(a - b) > allowed
    if differing.all() or not differing.any():
        signs = np.sign(a) == np.sign(b)
        if signs.all():
            least, most = _number((b / a).min()), _number((b / a).max())
            yield f"of the reference's signs; from {least} to {most} times its entries"
        return
    if a.ndim == 2:
        for axis, word in ((1, "rows"), (0, "columns")):
            lines = differing.any(axis=axis)
            if not lines.all():
                yield f"different in {int(lines.sum())} of {lines.size} {word} only: {_shown(np.flatnonzero(lines))}"
                return
    zero = (b == 0) & (a != 0)
    of_zero = f", where it is 0 in {int(zero.sum())}" if zero.any() else ""
    yield f"different in {int(differing.sum())} of {differing.size} entries only{of_zero}"


def _permutation(a: np.ndarray, b: np.ndarray, axis: int, allowed: float) -> np.ndarray | None:
    """The order of a's lines along an axis that gives b."""
    left, right = (np.moveaxis(m, axis, 0).reshape(m.shape[axis], -1) for m in (a, b))
    if len(left) > 2000:
        return None
    order = np.array([int(np.abs(left - line).max(axis=1).argmin()) for line in right])
    if len(set(order.tolist())) < len(order) or np.abs(left[order] - right).max() > allowed:
        return None
    return order


def _of_steps(plan: Plan, reference: Trace, candidate: Trace, c: Comparison, tolerance: float) -> Iterator[str]:
    """A shift by one step, and which steps differ."""
    a, b = reference.losses, np.asarray(candidate.losses, float)
    scale = tolerance * max(float(np.abs(a).max()), 1e-300)
    if len(a) > 2 and np.abs(a - b).max() > scale:
        if np.abs(a[1:] - b[:-1]).max() <= scale:
            yield "Every loss here is the reference's of the next step: it is one step ahead."
        if np.abs(a[:-1] - b[1:]).max() <= scale:
            yield "Every loss here is the reference's of the step before: it is one step behind."
    if c.mode != "in step":
        return
    steps = np.flatnonzero(np.abs(reference.params - candidate.params).max(axis=1) > tolerance)
    partial = np.array([len(step) < len(plan.steps[0]) for step in plan.steps])
    if 0 < len(steps) < len(plan.steps):
        if partial[steps].all():
            yield "The updates differ in the last, smaller batches of the epochs only."
        elif len(steps) == 1:
            yield f"The update differs in step {steps[0] + 1} only."
        elif np.array_equal(steps, np.arange(steps[0], len(plan.steps))):
            yield f"The updates agree before step {steps[0] + 1} and differ from there on."
        else:
            yield f"The updates differ in {len(steps)} of {len(plan.steps)} steps: {_shown(steps + 1)}."


def _whole(gap: Gap, reference: Trace, candidate: Trace) -> list[tuple[str, np.ndarray, np.ndarray]]:
    if gap.phase == "loss":
        return [("The loss", reference.losses[gap.step : gap.step + 1], candidate.losses[gap.step : gap.step + 1])]
    if gap.tensor == "outputs":
        return [("The output", reference.outputs, candidate.outputs)]
    return [("The prediction", reference.predictions, candidate.predictions)]


def _tensors(plan: Plan, gap: Gap, reference: Trace, candidate: Trace) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The first tensor that differs, and those of its kind at that step."""
    if gap.phase == "forward":
        start = sum(len(step) for step in plan.steps[: gap.step])
        rows = slice(start, start + len(plan.steps[gap.step]))
        return [("logits", reference.logits[rows], candidate.logits[rows])]
    kind, _, wanted = gap.tensor.partition(" of ")
    shapes = mlp_numpy.param_shapes(mlp_numpy.Config(**plan.config))
    if kind == "running":
        shapes = mlp_numpy.state_shapes(mlp_numpy.Config(**plan.config))["running"]
    name = kind.replace(" ", "_")
    pick = {"gradient": "gradients", "weights": "params"}.get(kind)
    left, right = (getattr(t, pick) if pick else t.states[name] for t in (reference, candidate))
    parts = ("mean", "variance") if kind == "running" else ("W", "b", "g")
    return [
        (f"{kind} of {tensor.name}", _at(tensor, left[gap.step]), _at(tensor, right[gap.step]))
        for tensor in layout(shapes, parts)
        if tensor.name == wanted or not np.array_equal(_at(tensor, left[gap.step]), _at(tensor, right[gap.step]))
    ][:4]


def _of_gradients(plan: Plan, gap: Gap, reference: Trace, candidate: Trace, tolerance: float) -> Iterator[str]:
    """Whether a loss that differs has other gradients too."""
    if candidate.gradients.shape != reference.gradients.shape or np.isnan(candidate.gradients).all():
        return
    a, b = reference.gradients[gap.step], candidate.gradients[gap.step]
    if np.abs(a - b).max() <= tolerance * np.abs(a).max():
        yield "The gradients of that step agree: the loss alone is computed otherwise, or at another time."
        return
    for fact in of_pair(a, b, tolerance):
        yield f"The gradient of all weights at that step is {fact}."


def _at(tensor: Tensor, flat: np.ndarray) -> np.ndarray:
    return flat[tensor.start : tensor.stop].reshape(tensor.shape)


def _of_update(plan: Plan, gap: Gap, reference: Trace, candidate: Trace, mode: str, tolerance: float) -> Iterator[str]:
    """How far the weights moved, against how far the reference's did."""
    before = flatten(plan.params) if gap.step == 0 else reference.params[gap.step - 1]
    start = before if gap.step == 0 or mode == "in step" else candidate.params[gap.step - 1]
    a, b = reference.params[gap.step] - before, candidate.params[gap.step] - start
    for fact in of_pair(a, b, max(tolerance, 1e-6)):
        yield f"The update of all weights here is {fact}."


def _number(value: float) -> str:
    """0.5 as 1/2 where a short fraction is meant."""
    short = Fraction(value).limit_denominator(512)
    if short.denominator > 1 and abs(float(short) - value) <= 1e-7 * abs(value):
        return f"{value:.6g} = {short}"
    return f"{value:.6g}"


def _shown(numbers: np.ndarray) -> str:
    first = ", ".join(str(int(number)) for number in numbers[:12])
    return first + (", ..." if len(numbers) > 12 else "")
