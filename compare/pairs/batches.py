"""The batches of a training: the first script's samples in its own order, or as the second has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compare.pairs import drive
from compare.pairs.data import Data
from compare.pairs.samples import Samples
from compare.watch.recording import Recording

JUDGED = 4096  # samples at most on which the loss is taken at the end
Batch = tuple[list[np.ndarray], list[np.ndarray]]  # inputs and targets, in the first script's form


class Irregular(Exception):
    """Why batches cannot be put together anew, in a clause."""


@dataclass(frozen=True)
class Batching:
    """Samples, and how batches are made of them."""

    inputs: tuple[np.ndarray, ...]  # of the samples of an epoch, in the order of the first
    targets: tuple[np.ndarray, ...]
    orders: tuple[np.ndarray, ...]  # of the samples in each epoch, as the script had it
    size: int  # of a batch
    whole: bool  # whether what does not fill a batch is dropped
    shuffled: bool  # whether every epoch has a new order
    total: int  # samples in all steps
    fixed: bool = True  # whether the orders are the script's own, in a run that draws nothing anew

    def batches(self, seed: int) -> list[Batch]:
        """All steps; in its own order for seed 0, in one drawn for any other where the script draws one."""
        random, found, left, epoch = np.random.default_rng([seed, 7]), [], self.total, 0
        n = len(self.inputs[0])
        while left > 0:
            if self.fixed and (seed == 0 or not self.shuffled):
                order = self.orders[epoch] if epoch < len(self.orders) else self.orders[-1]
            elif self.shuffled:
                order = random.permutation(n)
            else:
                order = self.orders[0]
            epoch += 1
            end = len(order) - len(order) % self.size if self.whole else len(order)
            for start in range(0, max(end, 1), self.size):
                rows = order[start : start + self.size][:left]
                if left > 0 and len(rows):
                    found.append(([a[rows] for a in self.inputs], [a[rows] for a in self.targets]))
                    left -= len(rows)
        return found

    @property
    def judged(self) -> Batch:
        """The samples on which the loss at the end is taken."""
        return [a[:JUDGED] for a in self.inputs], [a[:JUDGED] for a in self.targets]


def batching(a: Recording, s: Samples | None, steps: int) -> Batching:
    """The first script's; Irregular where its samples cannot be told apart."""
    if s is None or not all(step.inputs and step.targets for step in a.steps):
        raise Irregular(f"the batches of {a.script} do not show whole")
    kept = a.steps[:steps]
    if any(step.parts > 1 for step in kept):
        raise Irregular(f"{a.script} adds up the gradients of several batches before an update")
    for step in kept:
        if {len(np.atleast_1d(x)) for x in (*step.inputs, *step.targets)} != {len(np.atleast_1d(step.inputs[0]))}:
            raise Irregular(f"inputs and targets of {a.script} do not have one sample in each row")
    period = s.period or len(a.steps)
    count = s.starts[period]
    inputs = tuple(np.concatenate([step.inputs[k] for step in a.steps[:period]]) for k in range(len(kept[0].inputs)))
    targets = tuple(np.concatenate([step.targets[k] for step in a.steps[:period]]) for k in range(len(kept[0].targets)))
    orders = [np.arange(count)]
    place: dict[int, list[int]] = {}
    for epoch in range(1, -(-len(s.keys) // count)):
        place = {}
        for row in reversed(range(count)):
            place.setdefault(int(s.keys[row]), []).append(row)
        keys = s.keys[epoch * count : (epoch + 1) * count].tolist()
        found = [place[k].pop() for k in keys if place.get(k)]
        orders.append(np.array([*found, *(r for rows in place.values() for r in rows)]))
    sizes = s.sizes[: s.period] if s.period else s.sizes
    shuffled = s.reshuffled if s.reshuffled is not None else bool(a.loader.get("shuffled"))
    total = sum(len(np.atleast_1d(step.inputs[0])) for step in kept)
    return Batching(inputs, targets, tuple(orders), max(sizes), False, shuffled and len(sizes) > 1, total)


def switched(own: Batching, name: str, values: tuple, a: Recording, b: Recording, data: Data) -> Batching:
    """The same with one thing as the second script has it; Irregular where that cannot be had."""
    if name == "batch-size":
        return replace(own, size=int(values[1]))
    if name == "last-batch":
        return replace(own, whole=not values[1])
    if name == "shuffling":
        return replace(own, shuffled=bool(values[1]), fixed=not values[1])
    assert data.a is not None
    assert data.b is not None
    if name == "data-samples":
        return _of_the_second(own, a, b, data)
    row_of = {int(key): row for row, key in reversed(list(enumerate(data.b.keys)))}
    rows = np.array([row_of.get(int(key), -1) for key in data.a.keys[: len(own.inputs[0])]])
    if (rows < 0).all():
        raise Irregular("no sample of one was found in the other")
    known = rows >= 0
    if name == "data-scale":
        x = np.array(own.inputs[0], float)
        x[known] = data.b.rows[rows[known]].reshape(-1, *x.shape[1:])
        return replace(own, inputs=(x, *own.inputs[1:]))
    form = None if data.b.targets is None else drive.base(data.b.targets[:1], [own.targets[0]])
    if form is None or data.b.targets is None:
        raise Irregular("the second one's targets have no form of the first one's")
    t = np.array(own.targets[0])
    t[known] = form(data.b.targets[rows[known]])
    return replace(own, targets=(t, *own.targets[1:]))


def _of_the_second(own: Batching, a: Recording, b: Recording, data: Data) -> Batching:
    """The second one's samples, in the first one's form."""
    assert data.b is not None
    period = data.b.period or len(b.steps)
    count = data.b.starts[period]
    form = None if data.b.targets is None else drive.base(data.b.targets[:1], [own.targets[0]])
    if form is None or data.b.targets is None or len(own.inputs) > 1 or len(own.targets) > 1:
        raise Irregular("the second one's samples have no form of the first one's")
    x = data.b.rows[:count].reshape(-1, *own.inputs[0].shape[1:])
    return replace(own, inputs=(x,), targets=(form(data.b.targets[:count]),), orders=(np.arange(count),))
