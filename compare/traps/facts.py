"""Simple facts about a difference that no trap explains: a ratio, a transpose, a permutation, a shift by one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from compare.ledger.parity import Comparison
from compare.ledger.trace import Tensor, Trace
from compare.traps.measure import LOSS, UPDATE, Causes, Measure, Place
from shared.scenarios import Plan

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
FLOAT32 = 2e-7  # of a number: what is left of it by a rounding or two to float32

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


def facts_of(measure: Measure, base: Trace, place: Place, causes: Causes = ()) -> list[str]:
    """What is simply true of the first tensor that differs from `base`, what the traps so far make of the reference, of
    the whole step, and of the steps."""
    phase, step, column = place
    tolerance, name = TOLERANCE[measure.dtype], measure.table.names[column]
    sizes = _sizes(measure.plan, step)
    with np.errstate(all="ignore"):
        found = list(_of_losses(base, measure.candidate, tolerance))
        for tensor in _of_its_kind(measure, base, name, step, tolerance):
            a, b = (measure.tensor(trace, tensor, step) for trace in (base, measure.candidate))
            word = "The loss" if tensor == "loss" else tensor
            found += [f"{word} here is {fact}." for fact in of_pair(a, b, tolerance, sizes)]
        if phase == LOSS:
            found += list(_of_known_losses(measure, step, causes))
            found += list(_of_gradients(measure, base, step, tolerance))
            found += list(_of_pairing(measure, base, tolerance))
        if phase == UPDATE:
            found += list(_of_updates(measure, base, step, tolerance, sizes))
    return list(dict.fromkeys(found)) or [f"{name} differs without a pattern that is looked for."]


def facts_of_outcome(comparison: Comparison, reference: Trace, candidate: Trace) -> list[str]:
    """What is simply true of the losses, outputs or predictions of a training on its own that differs there alone."""
    gap = comparison.first
    assert gap
    pairs = {
        "loss": ("The loss", reference.losses[gap.step : gap.step + 1], candidate.losses[gap.step : gap.step + 1]),
        "outputs": ("The output", reference.outputs, candidate.outputs),
        "predictions": ("The prediction", reference.predictions, candidate.predictions),
    }
    word, a, b = pairs.get(gap.tensor, ("It", np.zeros(1), np.zeros(1)))
    with np.errstate(all="ignore"):
        tolerance = TOLERANCE[comparison.dtype]
        found = list(_of_losses(reference, candidate, tolerance)) if gap.tensor == "loss" else []
        found += [f"{word} here is {fact}." for fact in of_pair(a, b, tolerance)]
    return found or [f"{gap.tensor} differs without a pattern that is looked for."]


def in_time(plan: Plan, step: int, some: bool) -> str:
    """Up to where an explanation holds: "explains steps 1 to 42, not 43, the first smaller batch"."""
    if step == 0:
        return ""
    smaller = [i for i, batch in enumerate(plan.steps) if len(batch) < len(plan.steps[0])]
    seen = np.cumsum([len(batch) for batch in plan.steps])
    epoch = np.flatnonzero(seen >= len(plan.dataset.x_train))
    what = ""
    if smaller and smaller[0] == step:
        what = ", the first smaller batch"
    elif len(epoch) and epoch[0] + 1 == step:
        what = ", the first of the second epoch"
    steps = "step 1" if step == 1 else f"steps 1 to {step}"
    return f"{'explains ' if some else 'agrees in '}{steps}, not {step + 1}{what}"


def _sizes(plan: Plan, step: int) -> dict[str, int]:
    """What a factor may be, besides a plain number."""
    outputs = plan.config["layer_sizes"][-1]
    return {
        "the batch size": len(plan.steps[step]),
        "the number of samples": len(plan.dataset.x_train),
        "the number of outputs": outputs,
        "the batch size times the outputs": len(plan.steps[step]) * outputs,
    }


def of_pair(a: np.ndarray, b: np.ndarray, tolerance: float, sizes: dict[str, int] | None = None) -> Iterator[str]:
    """What b is, seen from a: arrays of one shape. `sizes` are numbers, by name, that a factor may be."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    scale = np.abs(a).max(initial=0.0)

    def same(left: np.ndarray, right: np.ndarray) -> bool:
        return bool(np.abs(left - right).max(initial=0.0) <= tolerance * max(scale, np.abs(b).max(initial=0.0)))

    if not np.isfinite(b).all():
        yield f"NaN or infinite in {int((~np.isfinite(b)).sum())} of {b.size} entries"
        return
    if not b.any() or np.abs(b).max() <= 1e-3 * tolerance * scale:
        yield "0 throughout" + ", but for rounding" * bool(b.any())
        return
    ratio = float((a * b).sum() / (a * a).sum()) if a.any() else float("nan")
    if a.size > 1 and np.isfinite(ratio) and same(ratio * a, b):
        yield f"{_times(ratio, sizes)}, in every entry"
        return
    if a.size == 1:
        if scale:
            yield _times(float(b.ravel()[0] / a.ravel()[0]), sizes)
        return
    off = float(np.abs(b - a).max() / scale) if scale else 0.0
    if 0 < off <= FLOAT32:
        yield f"off by up to {off:.1e} of its largest entry, the size of float32 rounding"
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


def _of_losses(reference: Trace, candidate: Trace, tolerance: float) -> Iterator[str]:
    """A shift by one step."""
    a, b = reference.losses, np.asarray(candidate.losses, float)
    scale = tolerance * max(float(np.abs(a).max()), 1e-300)
    if len(a) > 2 and np.abs(a - b).max() > scale:
        if np.abs(a[1:] - b[:-1]).max() <= scale:
            yield "Every loss here is the reference's of the next step: it is one step ahead."
        if np.abs(a[:-1] - b[1:]).max() <= scale:
            yield "Every loss here is the reference's of the step before: it is one step behind."


def _of_its_kind(measure: Measure, base: Trace, name: str, step: int, tolerance: float) -> list[str]:
    """The tensor that differs, and others of its kind that differ at that step."""
    kind = name.partition(" of ")[0]
    alike = [other for other in measure.table.names if other.partition(" of ")[0] == kind and other != name]

    def differs(other: str) -> bool:
        a, b = (measure.tensor(trace, other, step) for trace in (base, measure.candidate))
        return not bool(np.abs(a - b).max() <= tolerance * np.abs(a).max())

    return [name, *(other for other in alike if differs(other))][:4]


def _of_known_losses(measure: Measure, step: int, causes: Causes) -> Iterator[str]:
    """Which known loss gives the candidate's value on its outputs, or is the nearest.

    With dropout or batch normalisation the outputs in training are those of the reference with `causes`.
    """
    config = measure.plan.config
    if "logits" not in measure.shown:
        return
    z, y = measure.tensor(measure.candidate, "logits", step).astype(float), measure.plan.batch(step)[1]
    if config.get("dropout") or config.get("batch_norm"):
        z = measure.outputs_in_training(causes, step)
    value = float(measure.candidate.losses[step])
    known = known_losses(z, y)
    if not known or not np.isfinite(value):
        return
    name = min(known, key=lambda name: abs(known[name] - value))
    off = abs(known[name] - value) / max(abs(value), 1e-300)
    if off <= TOLERANCE[measure.dtype]:
        yield f"On the outputs here, its value {value:.9g} is that of {name}."
    else:
        nearest = f"the nearest is {name}, {known[name]:.9g}"
        yield f"No known loss gives its value {value:.9g} on the outputs here; {nearest}."


def known_losses(z: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The value of every loss that is looked for, by name, on outputs z (B, O) and targets y (B,) or (B, O)."""
    p = (np.tanh(z / 2) + 1) / 2
    values: dict[str, np.ndarray] = {}
    if z.shape[1] > 1 and y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
        top = z - z.max(axis=1, keepdims=True)
        q = np.exp(top) / np.exp(top).sum(axis=1, keepdims=True)
        target, true = np.eye(z.shape[1])[y], q[np.arange(len(y)), y]
        margin = np.maximum(1 + z - z[np.arange(len(y)), y][:, None], 0) * (1 - target)
        values |= {
            "softmax cross-entropy": -np.log(true),
            "softmax cross-entropy in bits": -np.log2(true),
            "focal loss with gamma 2": -((1 - true) ** 2) * np.log(true),
            "focal loss with gamma 1": -(1 - true) * np.log(true),
            "squared error of the softmax": (q - target) ** 2,
            "binary cross-entropy of every class": np.logaddexp(z, 0) - target * z,
            "squared error of the outputs and one-hot targets": (z - target) ** 2,
            "multi-class hinge loss": margin.sum(axis=1) / z.shape[1],
        }
    else:
        y = y.reshape(len(z), -1).astype(float)
        if y.shape != z.shape:
            return {}
        r = z - y
        values |= {
            "squared error": r * r,
            "half the squared error": r * r / 2,
            "absolute error": np.abs(r),
            "Huber loss": np.where(np.abs(r) <= 1, r * r / 2, np.abs(r) - 0.5),
            "log-cosh loss": np.logaddexp(r, -r) - np.log(2),
            "squared error of the sigmoid": (p - y) ** 2,
        }
        if np.isin(y, (0, 1)).all():
            entropy = np.logaddexp(z, 0) - y * z
            values |= {
                "binary cross-entropy": entropy,
                "focal loss with gamma 2": np.abs(y - p) ** 2 * entropy,
                "focal loss with gamma 2 and alpha 0.25": (0.25 * y + 0.75 * (1 - y)) * np.abs(y - p) ** 2 * entropy,
                "hinge loss": np.maximum(1 - (2 * y - 1) * z, 0),
            }
    found = {f"{name}, averaged": float(terms.mean()) for name, terms in values.items()}
    found |= {f"{name}, summed": float(terms.sum()) for name, terms in values.items()}
    if "squared error" in values:
        found["the root of the mean squared error"] = float(np.sqrt(values["squared error"].mean()))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _of_gradients(measure: Measure, base: Trace, step: int, tolerance: float) -> Iterator[str]:
    """Whether a loss that differs has other gradients too."""
    if "gradients" not in measure.shown:
        return
    a, b = base.gradients[step], measure.candidate.gradients[step]
    if np.abs(a - b).max() <= tolerance * np.abs(a).max():
        yield "The gradients of that step agree: the loss alone is computed otherwise, or at another time."
        return
    for fact in of_pair(a, b, tolerance, _sizes(measure.plan, step)):
        yield f"The gradient of all weights at that step is {fact}."


def _of_pairing(measure: Measure, base: Trace, tolerance: float) -> Iterator[str]:
    """Whether every batch has the right outputs and the right targets, paired otherwise.

    The gradient of the last layer's biases is the mean of outputs (or probabilities) less that of the targets: what
    belongs to what does not change it, under a cross-entropy or a squared error.
    """
    linear = ("softmax_cross_entropy", "binary_cross_entropy", "mse")
    if "gradients" not in measure.shown or measure.plan.config["loss"] not in linear:
        return
    *others, biases = measure.table.tensors["gradients"]
    a, b = (trace.gradients for trace in (base, measure.candidate))
    off = np.abs(a - b) > tolerance * np.abs(a).max(axis=1, keepdims=True)

    def differs(tensor: Tensor) -> np.ndarray:
        return off[:, tensor.start : tensor.stop].any(axis=1)

    hidden = len(others) > 1  # Of a single layer, a penalty leaves the biases alone too.
    if hidden and not differs(biases).any() and all(differs(tensor).all() for tensor in others):
        yield (
            "In every step the gradient of the last layer's biases agrees and all else does not: the outputs and the "
            "targets are those of the batch, but x and y are shuffled apart. Index both by one permutation."
        )


def _of_updates(measure: Measure, base: Trace, step: int, tolerance: float, sizes: dict[str, int]) -> Iterator[str]:
    """How far the weights moved, against how far the reference's did: at the step, and from step to step."""
    tolerance = max(tolerance, 1e-6)
    shares: list[float] = []  # of every step: how many times the reference's update; NaN where it is no multiple
    for at in range(len(measure.plan.steps)):
        a, b = (t.params[at] - measure.before(t, at) for t in (base, measure.candidate))
        share = float((a * b).sum() / (a * a).sum()) if a.any() else float("nan")
        shares.append(share if np.abs(share * a - b).max() <= tolerance * np.abs(b).max() else float("nan"))
        if at == step and not abs(share - 1) <= tolerance:
            for fact in of_pair(a, b, tolerance, sizes):
                yield f"The update of all weights here is {fact}."
    yield from _of_shares(np.array(shares), [len(batch) < len(measure.plan.steps[0]) for batch in measure.plan.steps])


def _of_shares(shares: np.ndarray, partial: list[bool]) -> Iterator[str]:
    """What the updates of all steps are, as multiples of the reference's."""
    still = shares == 0
    equal = np.abs(shares - 1) <= 1e-6
    moving = shares[~still]
    if still.any() and not still.all():
        gaps = np.diff(np.flatnonzero(~still))
        if len(gaps) and (gaps == gaps[0]).all() and gaps[0] > 1:
            yield f"The weights move in every {_ordinal(int(gaps[0]))} step only: {_shown(np.flatnonzero(~still) + 1)}."
        else:
            yield f"The weights do not move in steps {_shown(np.flatnonzero(still) + 1)}."
    if equal.all() or not len(moving):
        return
    different = np.flatnonzero(~equal & ~still)
    if len(different) and len(different) < len(shares):
        if np.array(partial)[different].all():
            yield "The updates differ in the last, smaller batches of the epochs only."
        elif len(different) == 1:
            yield f"The update differs in step {different[0] + 1} only."
        elif np.array_equal(different, np.arange(different[0], len(shares))):
            yield f"The updates agree before step {different[0] + 1} and differ from there on."
        elif not still.any():
            yield f"The updates differ in {len(different)} of {len(shares)} steps: {_shown(different + 1)}."
    if np.isfinite(shares).all() and not still.any():
        changes = np.flatnonzero(np.abs(np.diff(shares)) > 1e-6 * np.abs(shares[1:])) + 1
        if 0 < len(changes) <= 6:
            told = [f"{_number(shares[at])} times from step {at + 1} on" for at in changes]
            yield f"As multiples of the reference's, the updates are {_number(shares[0])} times, {', '.join(told)}."


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")


def _times(ratio: float, sizes: dict[str, int] | None) -> str:
    """A factor in words: with the name of what it is, and its distance from 1 where that is all there is to see."""
    if abs(ratio - 1) < 1e-4:
        by = "larger" if ratio > 1 else "smaller"
        of = ", the size of float32 rounding" if abs(ratio - 1) <= FLOAT32 else ""
        return f"{by} than the reference's by {abs(ratio - 1):.1e} of it{of}"
    for name, size in (sizes or {}).items():
        if size > 1 and abs(ratio / size - 1) <= 1e-7:
            return f"{size} times the reference's, {name}"
        if size > 1 and abs(ratio * size - 1) <= 1e-7:
            return f"1/{size} of the reference's, one over {name}"
    return f"{_number(ratio)} times the reference's"


def _number(value: float) -> str:
    """0.5 as 1/2 where a short fraction is meant."""
    short = Fraction(value).limit_denominator(512)
    if short.denominator > 1 and abs(float(short) - value) <= 1e-7 * abs(value):
        return f"{value:.6g} = {short}"
    return f"{value:.6g}"


def _shown(numbers: np.ndarray) -> str:
    first = ", ".join(str(int(number)) for number in numbers[:12])
    return first + (", ..." if len(numbers) > 12 else "")
