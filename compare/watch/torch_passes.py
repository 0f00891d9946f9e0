"""The passes of data that a step of a PyTorch script is made of, and what was computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from compare.watch.recording import Op, Step


def has_met(t: Tensor) -> bool:
    """Whether a tensor comes of a network: it is no data."""
    return t.requires_grad or hasattr(t, "_computed")


def computed(args: Any, result: Any) -> None:
    """What is computed without a gradient from a network's outputs comes of a network too."""
    if any(isinstance(a, Tensor) and hasattr(a, "_computed") for a in args):
        _mark(result)


def _mark(result: Any) -> None:
    for t in result if isinstance(result, tuple | list) else (result,):
        if isinstance(t, Tensor) and not t.requires_grad:
            t._computed = True  # type: ignore[attr-defined]


@dataclass
class _Pass:
    """Where a pass begins in the lists of its step, and what came of it."""

    inputs: int
    targets: int
    masks: int
    ops: int
    normalised: bool
    outputs: list[Any] = field(default_factory=list)  # the nodes of the graph that its modules' outputs are


class Passes:
    """The passes of one step, those since a gradient was last taken one by one.

    Of every pass it is noted, in a list that goes on from step to step, whether a step that counts is made of it.
    """

    def __init__(self, step: Step | None = None):
        self.found: list[_Pass] = [_Pass(0, 0, 0, 0, False)] if step else []
        self.noted = 0  # of this step
        self.joined = False  # whether a loss came of several
        self.removed = 0  # ops of those that were left out
        self.taken = False  # whether a gradient was taken since the last data came

    def begin(self, step: Step, count: int, normalised: bool) -> None:
        """Other data come."""
        self.found.append(_Pass(len(step.inputs), len(step.targets), step.masks, count, normalised))

    def goes_on(self, step: Step) -> bool:
        """Whether data come after a gradient was taken, so that another's will be added to it."""
        more, self.taken = self.taken and bool(step.inputs), False
        return more

    def gave(self, output: Any) -> None:
        """A module that stands in no other has given this."""
        _mark(output)
        flat = output if isinstance(output, tuple | list) else [output]
        if self.found:
            self.found[-1].outputs += [t.grad_fn for t in flat if isinstance(t, Tensor) and t.grad_fn is not None]

    def reduce(self, step: Step, loss: Tensor, ops: list[Op], noted: list[bool]) -> list[tuple[int, bool]]:
        """Take out of a step the passes that a loss does not come of; of each its samples, and whether it trained."""
        self.removed, self.joined = 0, False
        if not self.found:  # Another gradient of the same pass.
            return []
        nodes = _behind(loss) if len(self.found) > 1 else set()
        kept = [not p.outputs or any(node in nodes for node in p.outputs) for p in self.found]
        if not any(kept) or len(kept) < 2:
            kept = [True] * len(kept)
        self.joined = sum(kept) > 1
        left = []
        ends = [*self.found[1:], _Pass(len(step.inputs), len(step.targets), step.masks, 10**9, True)]
        for p, end, keeps in reversed(list(zip(self.found, ends, kept, strict=True))):
            if keeps:
                continue
            first = step.inputs[p.inputs] if p.inputs < end.inputs else np.zeros(1)
            masks = end.masks - p.masks
            left.append((len(first) if np.ndim(first) else 1, masks > 0 or (end.normalised and not p.normalised)))
            del step.inputs[p.inputs : end.inputs], step.targets[p.targets : end.targets]
            step.masks -= masks
            size = len(ops)
            del ops[p.ops : end.ops]
            self.removed += size - len(ops)
        noted += kept
        self.noted += len(kept)
        self.found = []  # A gradient was taken: what comes now is of the next.
        return left[::-1]

    def end(self, step: Step, noted: list[bool]) -> None:
        """Take out of a step what came after its last gradient."""
        if self.found:
            step.parts -= len(step.inputs) > self.found[0].inputs > 0
            del step.inputs[self.found[0].inputs :], step.targets[self.found[0].targets :]
            noted += [False] * len(self.found)

    def drop(self, noted: list[bool]) -> None:
        """The whole step does not count."""
        noted[len(noted) - self.noted :] = [False] * (self.noted + len(self.found))

    def count(self, count: int) -> int:
        """The number of ops of the step, without those that were taken out."""
        return count - self.removed


def _behind(loss: Tensor) -> set[Any]:
    """The nodes of the graph that a loss comes of."""
    seen, open_ = set(), [loss.grad_fn]
    while open_:
        node = open_.pop()
        if node is not None and node not in seen:
            seen.add(node)
            open_ += [following for following, _ in node.next_functions]
    return seen
