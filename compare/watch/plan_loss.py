"""The loss of a watched script as the reference has it: by its name, or by its values where it is written out."""

from __future__ import annotations

import numpy as np

from compare.candidates.infer import LOSSES, OTHER_LOSSES
from compare.watch.recording import Op, Recording
from impls import mlp_numpy

PLAIN = {
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "getitem", "contiguous", "float", "double", "to", "input",
}  # fmt: skip
ENDS = {"sigmoid", "softmax", "log_softmax", "logsigmoid", *PLAIN}  # what may stand between the logits and the loss


class Inexpressible(Exception):
    """What of a script the reference cannot be."""


def loss_of(r: Recording, driven: Recording, last: int) -> tuple[str, int]:
    """The reference's name for the loss of a script, and which of its arrays of targets it takes.

    `last` is the number of the last layer among the ops. Inexpressible if no loss of the reference's fits.
    """
    tail = r.ops[last + 1 :]
    if called := _by_name(tail):
        return called, 0
    found = _by_value(driven, last)
    if found is None:
        names = {key(op) for op in tail}
        if not (names & {"sub", "rsub"}) or names & {"log", "log_softmax", "logsumexp", "exp"}:
            where = r.lines.get("loss", r.script)
            raise Inexpressible(f"its loss ({where}) is written out, and its values are those of none that is known")
        return "mse", 0  # The nearest: what it has instead is told by the known ways to be wrong.
    return found


def _by_value(driven: Recording, last: int) -> tuple[str, int] | None:
    """The reference's loss that gives what the script's gives at its steps, or a usual multiple of it; and of which of
    its arrays of targets."""
    steps = [s for s in driven.steps if last in s.values and s.targets][:4]
    if not steps:
        return None
    outputs = [np.asarray(s.values[last][1], float).reshape(len(s.values[last][1]), -1) for s in steps]
    for multiple in zip(*(_multiples(*z.shape) for z in outputs), strict=True):
        for name in mlp_numpy.LOSSES:
            for place in range(min(len(s.targets) for s in steps)):
                means = [_value(name, z, s.targets[place]) for z, s in zip(outputs, steps, strict=True)]
                if np.allclose([s.loss for s in steps], np.multiply(means, multiple), rtol=1e-5, atol=0):
                    return name, place
    return None


def _multiples(samples: int, units: int) -> tuple[float, ...]:
    """What people make of a batch's mean loss: half or twice, per output or over outputs, summed over the batch."""
    over_all = samples * units
    return 1.0, 0.5, 2.0, units, 1 / units, samples, samples / 2, over_all, over_all / 2


def _value(name: str, z: np.ndarray, y: np.ndarray) -> float:
    """The reference's loss of outputs (B, O) and targets; NaN where it takes no such."""
    try:
        config = mlp_numpy.Config((1, z.shape[1]), loss=name)
        targets = targets_of(np.asarray(y), name, z.shape[1])
        if name != "softmax_cross_entropy":
            targets = targets.reshape(z.shape)
        elif z.shape[1] < 2 or len(targets) != len(z) or targets.min() < 0 or targets.max() >= z.shape[1]:
            return float("nan")
        return float(mlp_numpy.LOSSES[name](config, z, targets)[0].mean())
    except (Inexpressible, ValueError):
        return float("nan")


def _by_name(tail: list[Op]) -> str:
    """The reference's name for a loss that is called by its own; "" for one that is written out."""
    names = {key(op).replace("_", ""): op for op in tail}
    known = [(LOSSES[name], op) for name, op in names.items() if name in LOSSES]
    if not known:
        if other := next((f"the loss is {OTHER_LOSSES[n]}" for n in names if n in OTHER_LOSSES), ""):
            raise Inexpressible(other)
        return ""
    between = [op for op in tail[: tail.index(known[0][1])] if key(op) not in ENDS]
    squashed = any(key(op) == "sigmoid" for op in tail)
    if between or (known[0][0] in ("mse", "mae", "huber") and any(key(op) == "softmax" for op in tail)):
        raise Inexpressible(f"{named((between or tail)[0])} stands between the last layer and the loss")
    return "sigmoid_mse" if known[0][0] == "mse" and squashed else known[0][0]


def targets_of(y: np.ndarray, loss: str, units: int) -> np.ndarray:
    """Targets as the reference takes them; a two-dimensional softmax target is class by class."""
    if loss == "softmax_cross_entropy":
        if y.ndim == 2 and y.shape[1] == units:
            if not np.isin(y, (0, 1)).all():
                raise Inexpressible("the targets are shares of the classes")
            return y.argmax(axis=1)
        return np.ravel(y).astype(int)
    y = np.ravel(y) if units == 1 else y
    if loss == "binary_cross_entropy" and not np.isin(y, (0, 1)).all():
        raise Inexpressible("the targets of the cross-entropy are other than 0 and 1")
    return y.astype(float)


def key(op: Op) -> str:
    return op.name.strip("_").lower()


def named(op: Op) -> str:
    return f"{op.label} ({op.line})" if op.line else op.label
