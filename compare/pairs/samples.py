"""Which samples a recording trains on, in which order: rows known again from step to step and from script to script."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compare.watch.recording import Recording

CLOSE = 2e-6  # of the largest entry: what float32 keeps of a number


@dataclass
class Samples:
    """The rows of a recording's batches, in the order in which they went through the network."""

    rows: np.ndarray  # (N, features)
    targets: np.ndarray | None  # (N, ...), as they were given
    sizes: list[int]  # of the batches
    keys: np.ndarray  # (N,): equal for equal rows

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum([0, *self.sizes])

    @property
    def period(self) -> int | None:
        """The number of steps after which the same rows come again; None if that was not seen."""
        starts = self.starts
        for steps in range(1, len(self.sizes) // 2 + 1):
            one, other = self.keys[: starts[steps]], self.keys[starts[steps] : starts[2 * steps]]
            if len(one) == len(other) and np.array_equal(np.sort(one), np.sort(other)):
                return steps
        return None

    @property
    def epoch(self) -> np.ndarray | None:
        """The keys of the rows of an epoch, in the order of the first one."""
        return None if self.period is None else self.keys[: self.starts[self.period]]

    @property
    def reshuffled(self) -> bool | None:
        """Whether the second epoch has another order than the first; None if two epochs were not seen."""
        if self.period is None:
            return None
        end = self.starts[self.period]
        return not np.array_equal(self.keys[:end], self.keys[end : 2 * end])


def samples(recording: Recording, layout: str = "") -> Samples | None:
    """The rows of the first input; None if batches do not have one shape. `layout` "moved": channels first to last."""
    wholes = [step.whole for step in recording.steps]
    batches = [x[0] for x, _ in wholes if x and x[0] is not None]
    if not batches or len({np.shape(a)[1:] for a in batches}) != 1:
        return None
    batches = [np.moveaxis(a, 1, -1) if layout == "moved" and a.ndim > 2 else a for a in batches]
    batches = [a if a.ndim else a[None] for a in batches]
    rows = np.concatenate([a.reshape(len(a), -1) for a in batches]).astype(float)
    found = [t[0] for _, t in wholes if t and t[0] is not None]
    targets = None
    if [len(np.atleast_1d(t)) for t in found] == [len(a) for a in batches]:
        targets = np.concatenate([np.atleast_1d(t) for t in found])
    return Samples(rows, targets, [len(a) for a in batches], known(rows))


def known(rows: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """A number for every row, the same for rows that are equal to rounding; with `others`, of both after each other."""
    both = rows if others is None else np.concatenate([rows, others])
    size = float(np.abs(both).max(initial=0.0)) or 1.0
    direction = np.random.default_rng(0).normal(size=both.shape[1])
    place = both @ direction
    order = np.argsort(place, kind="stable")
    near = CLOSE * size * (1 + float(np.abs(direction).sum()))
    keys, number = np.zeros(len(both), int), -1
    heads: list[tuple[int, int]] = []  # (row, its number) of those that may still be equal to the next
    for row in order:
        heads = [(head, k) for head, k in heads if place[row] - place[head] <= near]
        same = next((k for head, k in heads if np.abs(both[head] - both[row]).max() <= CLOSE * size), None)
        if same is None:
            number += 1
            same = number
            heads.append((row, same))
        keys[row] = same
    return keys
