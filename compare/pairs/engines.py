"""What makes a training of given batches from given weights: a script driven, or the reference in its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from compare.pairs import from_scratch
from compare.pairs.batches import Batch
from compare.pairs.dense import Dense
from compare.pairs.drive import Form, in_form, parameters
from compare.pairs.follow import Follow
from compare.pairs.match import Match
from compare.pairs.rules import Rule
from compare.watch.plan_loss import Inexpressible, loss_of
from compare.watch.plan_network import network_of
from compare.watch.process import ScriptProcess
from compare.watch.recording import Arrays, Drive, Given, Recording, Step


class Engine(Protocol):
    """Trains, and tells the loss of weights. Weights and batches are in the first script's form."""

    @property
    def said(self) -> str:
        """What it is, in words."""

    def train(self, start: Arrays, batches: list[Batch], follow: Follow | None, seed: int, judged: Batch) -> Trained:
        """Train from `start` on batches, and take the loss of `judged` as in evaluation."""


def finite(weights: Arrays) -> bool:
    """Whether all weights are numbers, and none so large that a product with them is none."""
    return all(np.abs(w).max(initial=0.0) < 1e100 for w in weights if w is not None)


@dataclass
class Trained:
    """The weights at the end of a training, and their loss."""

    weights: Arrays
    loss: float


@dataclass
class Scripted:
    """A script's own network, loss and dropout; and its own update where there is no other to follow."""

    process: ScriptProcess
    dtype: str
    a: Recording
    own: Recording
    match: Match  # from the first to this script
    inputs: list[Form | None] = field(default_factory=list)  # by which batches become this one's; [] for the first
    targets: list[Form | None] = field(default_factory=list)

    @property
    def said(self) -> str:
        return f"the script {self.own.script} driven"

    def train(self, start: Arrays, batches: list[Batch], follow: Follow | None, seed: int, judged: Batch) -> Trained:
        given = [self._given(batch) for batch in (*batches, judged)]
        given[0].before = start if self.own is self.a else parameters(start, self.a, self.own, self.match)
        if follow is not None and self.own is not self.a:
            follow = deepcopy(follow)
            to = dict(self.match.pairs)
            follow.biases = {to[i]: n for i, n in follow.biases.items() if i in to}
        self.process.drive(Drive(given, self.dtype, seed, follow, judged=True, brief=True))
        step = self.process.recording().steps[-1]
        weights = step.before
        if self.own is not self.a:
            weights = parameters(weights, self.own, self.a, self.match.back)
        return Trained(weights, step.loss)

    def _given(self, batch: Batch) -> Given:
        x, y = batch
        if self.own is self.a:
            return Given([], [*x], [*y])
        return Given([], in_form(self.inputs, x), in_form(self.targets, y))


class Reference(Dense):
    """The NumPy reference, for a network and a loss that it has: as good as the script, and many times faster."""

    said = "the reference in its place"

    def __init__(self, a: Recording, driven: Recording | None = None):
        self.rule: Rule | None = None  # the script's own, where it is told by its updates
        if a.framework == "numpy":
            told = from_scratch.told(a)
            order: Sequence[tuple[int, ...]] = told.order
            fields, self.rule = told.network, told.rule
        else:
            network = network_of(a)
            loss, place = loss_of(a, driven or a, network.last)
            if place:
                raise Inexpressible("not the first of its targets are those of its loss")
            if network.norms or network.fields.get("dropout"):
                raise Inexpressible("here it has neither running statistics nor masks")
            order, fields = network.order, network.fields | {"loss": loss}
        super().__init__(order, fields, a.parameters)

    def train(self, start: Arrays, batches: list[Batch], follow: Follow | None, seed: int, judged: Batch) -> Trained:
        weights = [*start]
        follow = deepcopy(follow)
        with np.errstate(all="ignore"):  # A training may diverge.
            for batch in batches:
                _, gradients = self.gradients(weights, batch)
                assert follow is not None
                weights = follow(Step(inputs=batch[0], before=weights, gradients=gradients))
                if not finite(weights):
                    return Trained(weights, math.inf)
            return Trained(weights, self.gradients(weights, judged)[0])

    def agrees(self, driven: Recording, a: Recording) -> bool:
        """Whether its loss and gradients are those that the script itself has at its steps."""
        for step, own in zip(driven.steps[:3], a.steps, strict=False):
            if not step.gradients or not own.targets or len(own.inputs) != 1:
                return False
            loss, found = self.gradients(step.before, (own.inputs, own.targets))
            size = max((float(np.abs(g).max()) for g in step.gradients if g is not None), default=0.0)
            for g, mine in zip(step.gradients, found, strict=False):
                if g is None or mine is None or np.abs(g - mine).max() > 1e-5 * size:
                    return False
            if not np.isclose(loss, step.loss, rtol=1e-5):
                return False
        return True


def reference(a: Recording, driven: Recording) -> Reference | None:
    """The reference in a script's place; None where it has not this network, or does not give its numbers."""
    try:
        found = Reference(a, driven)
        return found if found.rule or found.agrees(driven, a) else None
    except (Inexpressible, ValueError):
        return None
