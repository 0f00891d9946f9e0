"""Hypotheses with a number read off the candidate: a constant factor, a rate that changes, the strength of a penalty.

Each is a trap of the catalogue with other values than its variants have, and is tried as they are: it explains nothing
unless every number of every step agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from compare.ledger.trace import Tensor, Trace
from compare.traps.catalogue import CATALOGUE, Hypothesis
from compare.traps.catalogue.trap import CONVENTION, FAULT
from compare.traps.measure import Measure
from impls import mlp_numpy
from impls.mlp_numpy import Config

CLOSE = 1e-9  # share by which a number may be off that is read off others
CHANGES = 8  # of a learning rate, at most, that are told one by one; of more the course is told


def fitted(measure: Measure, base: Trace) -> list[Hypothesis]:
    """What the candidate's numbers suggest, next to those of `base`, the reference with the causes so far."""
    if measure.dtype != "float64":
        return []
    with np.errstate(all="ignore"):
        found = [*_factors(measure, base), *_updates(measure, base), *_penalties(measure, base), *_by_epoch(measure)]
        found += [*_clipped(measure, base), *_constrained(measure)]
    return [hypothesis for hypothesis in found if hypothesis.values not in hypothesis.trap.variants.values()]


def multiples(a: np.ndarray, b: np.ndarray, close: float = CLOSE) -> np.ndarray:
    """For every row the number that makes b of a; NaN where there is none."""
    a, b = a.reshape(len(a), -1), np.asarray(b, float).reshape(len(b), -1)
    share = (a * b).sum(axis=1) / (a * a).sum(axis=1)
    off = np.abs(share[:, None] * a - b).max(axis=1)
    return np.where(off <= close * np.abs(b).max(axis=1) + 1e-300, share, np.nan)


def plain(value: float) -> float:
    """The short decimal or fraction that a number is, but for rounding; the number itself if it is none."""
    for short in (float(f"{value:.4g}"), float(Fraction(value).limit_denominator(512))):
        if short and abs(value / short - 1) <= CLOSE:
            return short
    return value


def told(value: float) -> str:
    """A factor in words."""
    fraction = Fraction(value).limit_denominator(512)
    if fraction.denominator > 1 and len(f"{value:g}") > 5 and abs(float(fraction) / value - 1) <= CLOSE:
        return str(fraction)
    return f"{value:.6g}"


def _constant(values: np.ndarray) -> float | None:
    """The one value of all, if there is one."""
    if not len(values) or not np.isfinite(values).all() or not values[0]:
        return None
    return plain(float(np.median(values))) if np.ptp(values) <= CLOSE * abs(values[0]) else None


def _factors(measure: Measure, base: Trace) -> Iterator[Hypothesis]:
    """A loss, and a gradient, that are the same multiple of the reference's in every step."""
    loss = _constant(measure.candidate.losses / base.losses)
    gradient: float | None = 1.0
    if "gradients" in measure.shown:
        gradient = _constant(multiples(base.gradients, measure.candidate.gradients))
    elif measure.plan.config.get("optimizer", "sgd") == "sgd":
        gradient = _constant(multiples(*_moves(measure, base), 1e-6))
    if loss is None or gradient is None or (loss == 1.0 and gradient == 1.0):
        return
    yield Hypothesis(
        CATALOGUE["loss-factor"],
        f"both times {told(loss)}"
        if loss == gradient
        else f"the loss times {told(loss)}, its gradient {told(gradient)}",
        {"loss": loss, "gradient": gradient},
        CONVENTION if loss == gradient else FAULT,
    )


def _moves(measure: Measure, base: Trace) -> tuple[np.ndarray, np.ndarray]:
    """By how much the weights moved in every step, there and here."""
    steps = range(measure.steps)
    return tuple(  # type: ignore[return-value]
        np.array([trace.params[step] - measure.before(trace, step) for step in steps])
        for trace in (base, measure.candidate)
    )


def _updates(measure: Measure, base: Trace) -> Iterator[Hypothesis]:
    """Updates that are multiples of the reference's, or are made in every k-th step only."""
    there, here = _moves(measure, base)
    still = ~np.asarray(here, float).any(axis=1)
    moving = np.flatnonzero(~still)
    if still.any() and len(moving) and moving[0] > 0:
        every = int(moving[0]) + 1
        if np.array_equal(moving, np.arange(every - 1, measure.steps, every)):
            for how in ("the sum", "the mean"):
                for shown, by in (("sum so far", ""), ("each", ", in the optimizer")):
                    values = {"every": every, "averaged": how == "the mean", "shown": shown}
                    label = f"{how} of {every} steps{by}"
                    yield Hypothesis(CATALOGUE["gradients-accumulated"], label, values)
        return
    shares = multiples(there, here, 1e-6)
    if not np.isfinite(shares).all() or not shares.all():
        return
    constant = np.ptp(shares) <= 1e-7 * abs(shares[0])
    if constant:
        factor = plain(_precise(there, here))
        if factor != 1.0 and "gradients" in measure.shown:
            yield Hypothesis(CATALOGUE["learning-rate"], f"{told(factor)} times", {"factor": factor})
        return
    starts = [0, *(np.flatnonzero(np.abs(np.diff(shares)) > 1e-7 * np.abs(shares[1:])) + 1).tolist()]
    ends = [*starts[1:], measure.steps]
    factors = [
        (start, plain(_precise(there[start:end], here[start:end]))) for start, end in zip(starts, ends, strict=True)
    ]
    if factors[0][1] != 1 and "gradients" not in measure.shown:
        return  # It may as well be the gradient that is another.
    changes = ", ".join(_change(start, factor) for start, factor in factors if start or factor != 1)
    if len(starts) > CHANGES:
        changes = _course(measure, shares)
    if changes:
        yield Hypothesis(CATALOGUE["schedule-unnamed"], changes, {"factors": tuple(factors)})


def _course(measure: Measure, shares: np.ndarray) -> str:
    """The usual law by which a rate changes in many steps, in words; "" for none, since it may not be the rate then.

    `shares` are its multiples of the reference's rate.
    """
    config = Config(**measure.plan.config)
    steps = np.arange(len(shares))
    rates = shares * np.array([float(mlp_numpy.learning_rate(config, step)) for step in range(len(shares))])
    span = f"from {rates[0]:.6g} in step 1 to {rates[-1]:.6g} in step {len(rates)}"

    def is_one(values: np.ndarray) -> bool:
        return len(values) > 2 and bool(np.ptp(values) <= 1e-6 * np.abs(values).max())

    ratios, changes = rates[1:] / rates[:-1], np.flatnonzero(np.abs(rates[1:] / rates[:-1] - 1) > 1e-9) + 1
    if is_one(ratios[changes - 1]) and is_one(np.diff(changes, prepend=0)):
        every = "every step" if changes[0] == 1 else f"every {changes[0]} steps"
        return f"times {told(plain(float(ratios[changes[0] - 1])))} in {every}, {span}"
    if is_one(np.diff(rates)):
        return f"a straight line {span}"
    if is_one(np.diff(1 / rates)):
        return f"divided by 1 + {told(plain(float(rates[0] / rates[1] - 1)))} t, {span}"
    peak = int(rates.argmax())
    if is_one(np.diff(rates[: peak + 1])) and is_one(rates[peak:]):
        return f"a warm-up of {peak + 1} steps, {span}"
    with np.errstate(all="ignore"):
        period = np.pi * steps[1:] / np.arccos(2 * rates[1:] / rates[0] - 1)
    if is_one(period[np.isfinite(period)]) and np.isfinite(period).all():
        return f"a cosine over {told(float(np.round(np.median(period), 3)))} steps, {span}"
    return ""


def _change(start: int, factor: float) -> str:
    if factor == 1.0:
        return f"as the reference's from step {start + 1} on"
    return f"{told(factor)} times from step {start + 1} on"


def _precise(there: np.ndarray, here: np.ndarray) -> float:
    """One factor of several updates, from all their entries."""
    return float((there * here).sum() / (there * there).sum())


def _by_epoch(measure: Measure) -> Iterator[Hypothesis]:
    """A schedule whose steps are epochs, or whose epochs are steps."""
    seen = np.cumsum([len(batch) for batch in measure.plan.steps])
    steps = int(np.searchsorted(seen, len(measure.plan.dataset.x_train))) + 1
    if measure.plan.config.get("schedule", "constant") != "constant" and 1 < steps <= measure.steps:
        for reverse, label in ((False, "once an epoch"), (True, "an epoch's steps at a time")):
            values = {"steps": steps, "reverse": reverse}
            yield Hypothesis(CATALOGUE["schedule-by-epoch"], f"{label}, of {steps} steps", values)


def _clipped(measure: Measure, base: Trace) -> Iterator[Hypothesis]:
    """A limit of the gradient's norm, or of its entries, from what the first update made of it."""
    optimizer = measure.plan.config.get("optimizer", "sgd")
    if optimizer in ("sgd", "momentum", "nesterov"):
        there, here = (moves[0] for moves in _moves(measure, base))
    elif optimizer in ("adam", "adamw") and measure.candidate.states["first_moment"].size:
        there, here = (np.asarray(trace.states["first_moment"][0], float) for trace in (base, measure.candidate))
    else:  # such an update hides how large the gradient was
        return
    here = np.nan_to_num(here)
    gradient = base.gradients[0] if base.gradients.size else np.zeros(1)
    norm, scale = float(np.sqrt((gradient**2).sum())), _precise(there, here)
    if not 0 < scale < 1 or not norm:
        return
    for kind, limit in (("norm", scale * norm), ("norm, as PyTorch's", scale * (norm + 1e-6))):
        yield _limited(kind, plain(limit))
    if np.abs(here).max() < np.abs(there).max():
        yield _limited("value", plain(float(np.abs(here).max() / np.abs(there).max() * np.abs(gradient).max())))


def _constrained(measure: Measure) -> Iterator[Hypothesis]:
    """A limit that the largest weight is at after every update, at least from some step on."""
    weights = np.abs(np.asarray(measure.candidate.params, float))
    tensors = measure.table.tensors["params"]
    matrices = np.concatenate([np.full(t.stop - t.start, len(t.shape) == 2) for t in tensors])
    for biases, where in ((True, ", biases too"), (False, "")):
        largest = (weights if biases else weights[:, matrices]).max(axis=1)
        at = np.abs(weights[:, matrices] - largest.max()) <= 1e-12 * largest.max()
        if (at.sum(axis=1) > 1).any():  # Not one weight alone: it is where more than one stops.
            limit = plain(float(largest.max()))
            values = {"to": "value", "limit": limit, "biases": biases}
            yield Hypothesis(CATALOGUE["weights-constrained"], f"to {limit:.6g}{where}", values)


def _limited(kind: str, limit: float) -> Hypothesis:
    return Hypothesis(CATALOGUE["clip-unasked"], f"by {kind} {limit:.6g}", {"kind": kind, "limit": limit})


def _penalties(measure: Measure, base: Trace) -> Iterator[Hypothesis]:
    """What is left of a gradient after the reference's, where it is a multiple of the weights or of their signs.

    In every tensor it is the same multiple, or there is none in it.
    """
    residual = _residual(measure, base)
    if residual is None:
        return
    weights = np.array([measure.before(measure.candidate, step) for step in range(measure.steps)])
    tensors = measure.table.tensors["params"]
    noise = 1e-9 * np.abs(residual).max()
    touched = [t for t in tensors if np.abs(residual[:, t.start : t.stop]).max() > noise]
    patterns = {"square": weights, "absolute value": np.sign(weights), "norm": _by_norm(measure, weights)}
    for name, pattern in patterns.items():
        expected = np.zeros_like(pattern)
        for tensor in touched:
            expected[:, tensor.start : tensor.stop] = pattern[:, tensor.start : tensor.stop]
        found = multiples(expected, residual, 1e-6)
        if not np.isfinite(found).all() or not found.all() or np.ptp(found) > 1e-6 * abs(found[0]):
            continue
        strength = float((expected * residual).sum() / (expected * expected).sum())
        short = float(f"{strength:.3g}")
        strength = next((s for s in (short, float(np.float32(short))) if abs(strength / s - 1) < CLOSE), strength)
        of = tuple(tensors.index(tensor) for tensor in touched)
        where = _where(tensors, touched, weights)
        decay = measure.plan.config.get("weight_decay", 0.0)
        if name == "square" and decay and where == ALL_WEIGHTS:
            factor = plain(strength / decay)
            how = f"{told(factor)} times, as a penalty in the loss"
            if factor != 1:  # The penalty itself is another trap.
                yield Hypothesis(CATALOGUE["decay-factor"], how, {"factor": factor, "as_penalty": True}, CONVENTION)
        for in_loss, how in ((0.0, "in the gradient alone"), (1.0, "in loss and gradient")):
            yield Hypothesis(
                CATALOGUE["penalty-unnamed"],
                f"{strength:g} times the {_OF[name]} of {where}, {how}",
                {"of": name, "strength": strength, "tensors": of, "in_loss": in_loss},
            )


def _where(tensors: Sequence[Tensor], touched: Sequence[Tensor], weights: np.ndarray) -> str:
    """The tensors that a penalty is on, in words; whether it is on biases that are 0 cannot be seen."""
    matrices = [tensor for tensor in tensors if len(tensor.shape) == 2]
    if set(touched) == set(matrices):
        return ALL_WEIGHTS
    moving = [tensor for tensor in tensors if weights[:, tensor.start : tensor.stop].any()]
    if set(touched) == set(moving):
        return "the weights and biases"
    return " and ".join(tensor.name for tensor in touched)


ALL_WEIGHTS = "the weights"
_OF = {"square": "half square", "absolute value": "absolute value", "norm": "norm"}


def _residual(measure: Measure, base: Trace) -> np.ndarray | None:
    """By how much the gradient is larger here, (T, P): as it is shown, or as an update of gradient descent shows it."""
    if "gradients" in measure.shown:
        residual = measure.candidate.gradients - base.gradients
        size = np.abs(base.gradients).max()
        if np.abs(residual).max() > 1e-12 * size:
            return residual
    if (
        measure.plan.config.get("optimizer", "sgd") != "sgd"
        or measure.plan.config.get("schedule", "constant") != "constant"
    ):
        return None
    there, here = _moves(measure, base)
    residual = (there - here) / measure.plan.config["learning_rate"]
    return residual if np.abs(there - here).max() > 1e-12 * np.abs(measure.candidate.params).max() else None


def _by_norm(measure: Measure, weights: np.ndarray) -> np.ndarray:
    result = np.array(weights)
    for tensor in measure.table.tensors["params"]:
        part = result[:, tensor.start : tensor.stop]
        norm = np.sqrt((part**2).sum(axis=1, keepdims=True))
        part /= np.where(norm > 0, norm, 1.0)
    return result
