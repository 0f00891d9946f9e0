"""In which order a model and its loss were given the samples of each batch, where a step takes them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.candidates.suspects import Suspect
from compare.ledger.trace import Trace
from shared.scenarios import Plan

FIRST = 2  # steps after which to look whether there is anything
AGREE = 1e-6  # share by which logits and losses may differ and still be the same


@dataclass(frozen=True)
class Batch:
    """The inputs and targets of a step as rows, as they were given to it and as the model and the loss saw them."""

    x: np.ndarray
    y: np.ndarray
    seen_x: np.ndarray
    seen_y: np.ndarray

    @property
    def orders(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The places of the given samples among the seen inputs, and among the seen targets; None where others are."""
        x, y = order_of(self.x, self.seen_x), order_of(self.y, self.seen_y)
        return None if x is None or y is None else (x, y)

    @property
    def apart(self) -> bool:
        """Whether an input is paired with another target than its own."""
        orders = self.orders
        return orders is not None and not np.array_equal(self.y[orders[0]], self.seen_y)


def rows(values: Any, samples: int) -> np.ndarray | None:
    """Values as a row for each sample; None where they are no such."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or not samples or array.size % samples:
        return None
    return array.reshape(samples, -1).astype(float)


def order_of(given: np.ndarray, seen: np.ndarray) -> np.ndarray | None:
    """The order with which given[order] are the seen rows; None if they are not the given ones."""
    if given.shape != seen.shape:
        return None
    one, other = (np.lexsort(a.T[::-1]) for a in (given, seen))
    if not np.array_equal(given[one], seen[other]):
        return None
    order = np.empty(len(given), int)
    order[other] = one
    return order


def may_be_apart(trace: Trace, reference: Trace, plan: Plan) -> bool:
    """Whether the outputs of the first batch are the reference's, and its loss is not."""
    n = len(plan.steps[0])
    a, b = reference.logits[:n], trace.logits[:n]
    alike = b.shape == a.shape and np.abs(a - b).max() <= AGREE * np.abs(a).max()
    return bool(alike and not abs(trace.losses[0] - reference.losses[0]) <= AGREE * abs(reference.losses[0]))


def batches(candidate: Any, plan: Plan) -> list[Batch]:
    """What a candidate's model and loss see in every step; nothing where that cannot be told, or is what it was given.

    One that takes nothing apart in the first steps takes nothing apart.
    """
    candidate.watch_batches()
    candidate.set_params(plan.params)
    found = []
    for step in range(len(plan.steps)):
        x, y = plan.batch(step)
        candidate.seen_inputs = candidate.seen_targets = None
        candidate.observed_step(x, y, plan.masks(step))
        if candidate.seen_inputs is None:
            return []
        targets = candidate.targets(y)
        x, y = np.asarray(x, candidate.config.dtype), np.asarray(targets)
        seen_y = y if candidate.seen_targets is None else candidate.seen_targets
        values = [rows(a, len(y)) for a in (x, y, candidate.seen_inputs, seen_y)]
        if any(a is None for a in values):
            return []
        found.append(Batch(*values))  # type: ignore[arg-type]
        if step + 1 == FIRST and not any(batch.apart for batch in found):
            return []
    return found


def suspects(found: Sequence[Batch]) -> list[Suspect]:
    """The trap that a step is that takes inputs and targets apart; nothing where it does not."""
    if not any(batch.apart for batch in found):
        return []
    orders = [batch.orders for batch in found]
    if any(pair is None for pair in orders):
        return []
    plain = [[order.tolist() for order in pair] for pair in orders if pair]
    return [("targets-disordered-in-batch", _label(found), {"orders": plain})]


def _label(found: Sequence[Batch]) -> str:
    x_moves, y_moves = (
        any(not np.array_equal(*pair) for pair in pairs)
        for pairs in ([(b.x, b.seen_x) for b in found], [(b.y, b.seen_y) for b in found])
    )
    if x_moves and y_moves:
        return "x and y in orders of their own"
    if x_moves:
        return f"x {_how([(b.x, b.seen_x) for b in found])}, y not"
    return f"y {_how([(b.y, b.seen_y) for b in found])}, x not"


def _how(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """What was done to the first of each pair to give the second."""
    for by in (1, -1, 2, -2):
        if all(np.array_equal(np.roll(a, by, axis=0), b) for a, b in pairs):
            return f"shifted by {by:+d}"
    if all(np.array_equal(a[::-1], b) for a, b in pairs):
        return "reversed"
    if all(np.array_equal(a[np.lexsort(a.T[::-1])], b) for a, b in pairs):
        return "sorted"
    return "shuffled"
