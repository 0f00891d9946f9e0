"""An update in place of a script's own: the first script's, or with some things of the second's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from compare.pairs.rules import Rule, Slots
from compare.watch.recording import Arrays, Step

Clip = tuple[str, float] | None  # to what gradients are cut before they are applied: ("the norm", 1.0)


@dataclass
class Follow:
    """What the weights are after each step of a training, from the gradients of a script's loss.

    `scale` (c, p) multiplies the gradients of a batch of n samples by c·n^p. `kept`: the gradients of all steps before
    are added, as where they are not set to zero; `keeps`: the script whose gradients these are does so itself.
    """

    rule: Rule
    rates: list[float]  # step by step
    clip: Clip = None
    scale: tuple[float, int] = (1.0, 0)
    kept: bool = False
    keeps: bool = False
    biases: dict[int, int] = field(default_factory=dict)  # parameter -> the number of the framework's own in its sum
    statistics: float = 1.0  # by which the move of running statistics is multiplied
    made: int = 0
    slots: dict[int, Slots] = field(default_factory=dict)
    sums: dict[int, np.ndarray] = field(default_factory=dict)

    def __call__(self, step: Step) -> Arrays:
        """The weights after a step; None where the script's own are to stand."""
        rate, self.made = self.rates[min(self.made, len(self.rates) - 1)], self.made + 1
        size = len(np.atleast_1d(step.inputs[0])) if step.inputs else 1
        factor = self.scale[0] * float(size) ** self.scale[1]
        gradients = {}
        for i, g in enumerate(step.gradients):
            if g is not None and i < len(step.before) and step.before[i] is not None:
                gradients[i] = factor * self._fresh(i, np.asarray(g, float))
        gradients = clipped(gradients, self.clip, self.biases)
        after: Arrays = [None] * len(step.before)
        for i, w in enumerate(step.before):
            if w is None:
                continue
            if i in gradients:
                slots = self.slots.setdefault(i, Slots(self.rule, np.shape(w)))
                w = np.asarray(w, float)
                after[i] = w + self.biases.get(i, 1) * slots.move(gradients[i], w, rate)
            elif self.statistics != 1 and i < len(step.after) and step.after[i] is not None:
                after[i] = np.asarray(w) + self.statistics * (np.asarray(step.after[i]) - np.asarray(w))
        return after

    def _fresh(self, i: int, g: np.ndarray) -> np.ndarray:
        """The gradient with or without those of the steps before."""
        if self.kept == self.keeps:
            return g
        last = self.sums.get(i, np.zeros_like(g))
        self.sums[i] = g if self.keeps else last + g
        return g - last if self.keeps else last + g


def clipped(gradients: dict[int, np.ndarray], clip: Clip, biases: dict[int, int]) -> dict[int, np.ndarray]:
    """Gradients cut to a norm or a value; one that belongs to two of the framework's parameters counts twice."""
    if clip is None:
        return gradients
    word, bound = clip
    if word == "the value":
        return {i: np.clip(g, -bound, bound) for i, g in gradients.items()}
    if word == "each to the norm":
        return {i: g * min(1.0, bound / max(float(np.linalg.norm(g)), 1e-300)) for i, g in gradients.items()}
    norm = float(np.sqrt(sum(biases.get(i, 1) * float((g**2).sum()) for i, g in gradients.items())))
    return {i: g * min(1.0, bound / max(norm, 1e-300)) for i, g in gradients.items()}
