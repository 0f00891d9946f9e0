"""A training as the first script makes it, with none, one or all of the differences as the second has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compare.pairs import batches
from compare.pairs.batches import Batching, Irregular
from compare.pairs.data import Data
from compare.pairs.findings import Finding
from compare.pairs.follow import Clip, Follow
from compare.pairs.match import Match, like
from compare.pairs.rules import Rule
from compare.pairs.start import drawn
from compare.watch.recording import Arrays, Parameter, Recording


@dataclass(frozen=True)
class Way:
    """What a training is made of. `rule` is None where the script's own update stands."""

    batching: Batching
    rule: Rule | None = None
    rate: float = 0.0
    pace: tuple[float, ...] = (1.0,)  # of the rate, from the first step to the last
    clip: Clip = None
    scale: tuple[float, int] = (1.0, 0)
    kept: bool = False
    biases: tuple[tuple[int, int], ...] = ()
    statistics: float = 1.0
    initial: frozenset[int] = frozenset()  # parameters that are drawn as the second draws them
    network: bool = False  # whether layers, loss and gradients are the second's

    def follow(
        self, steps: int, own: tuple[float, int] = (1.0, 0), keeps: bool = False, moving: float = 1.0
    ) -> Follow | None:
        """The update, of gradients that are `own` times those of the first's loss, and summed up where it `keeps`.

        `moving` is how many times as far as the first's the running statistics move by themselves.
        """
        if self.rule is None:
            return None
        rates = [self.rate * self.pace[min(k * len(self.pace) // steps, len(self.pace) - 1)] for k in range(steps)]
        scale = self.scale[0] / own[0], self.scale[1] - own[1]
        return Follow(self.rule, rates, self.clip, scale, self.kept, keeps, dict(self.biases), self.statistics / moving)


UPDATE = {"rule", "rate", "pace", "clip", "scale", "kept", "biases", "framework"}  # settings of the update's


def switched(way: Way, finding: Finding, a: Recording, b: Recording, data: Data) -> Way:
    """The same with one difference as the second has it; Irregular with the reason where it cannot be switched."""
    setting, (_, value) = finding.setting, finding.values
    if setting in ("layers", "loss"):
        return replace(way, network=True)
    if setting == "initial":
        return replace(way, initial=way.initial | set(finding.parameters))
    if setting == "statistics":
        return replace(way, statistics=finding.values[1] / finding.values[0])
    if finding.stage == "data" and setting:
        return replace(way, batching=batches.switched(way.batching, setting, finding.values, a, b, data))
    if finding.stage == "network":
        raise Irregular("the two have not the same parameters")
    if finding.stage == "evaluation":
        raise Irregular("it changes what is printed, not what is trained")
    if not setting:
        raise Irregular("no setting is known that makes it")
    if way.rule is None:
        raise Irregular(f"the update of {a.script} is none that is known")
    return _update(way, setting, value, finding)


def _update(way: Way, setting: str, value: Any, finding: Finding) -> Way:
    assert way.rule is not None
    if setting == "rule":
        return replace(way, rule=value, rate=value.settings["rate"])
    if setting == "framework":
        return replace(way, rule=replace(way.rule, framework=value))
    if setting == "pace":
        return replace(way, pace=tuple(value))
    if setting == "biases":
        return replace(way, biases=tuple((i, value if i in finding.parameters else n) for i, n in way.biases))
    if setting in ("rate", "clip", "scale", "kept"):
        return replace(way, **{setting: value})
    return replace(way, rule=replace(way.rule, settings=way.rule.settings | {setting: value}))


def start(way: Way, seed: int, a: Recording, b: Recording, match: Match) -> Arrays:
    """Initial weights: the first script's own for seed 0, else drawn again; of the second's laws where it is asked."""
    random, partner, found = np.random.default_rng([seed, 3]), dict(match.pairs), []
    for i, p in enumerate(a.parameters):
        value = np.asarray(p.initial, float)
        if p.trained and seed:
            value = again(p, random)
        if i in way.initial:
            q = b.parameters[partner[i]]
            other = like(again(q, random) if seed else q.initial, q, p)
            assert other is not None
            value = other if drawn(q).law == "orthogonal" else ranked(value, np.asarray(other, float))
        found.append(value)
    return list(found)


def again(p: Parameter, random: np.random.Generator) -> np.ndarray:
    """Another draw from the law that a parameter's numbers were drawn from: the same numbers, each in another place.

    Numbers that were drawn alike are as likely in any order, and those of a law around zero with any signs. The rows
    and columns of an orthogonal matrix are put in another order as a whole.
    """
    value = np.asarray(p.initial, float)
    if drawn(p).law == "orthogonal":
        return value[random.permutation(len(value))][:, random.permutation(value.shape[1])]
    flat = random.permutation(value.ravel())
    spread = float(flat.std()) / max(np.sqrt(flat.size), 1)
    if flat.size > 1 and abs(float(flat.mean())) < 3 * spread:
        flat = flat * random.choice([-1.0, 1.0], flat.size)
    return flat.reshape(value.shape)


def ranked(value: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The numbers of `other` in the order of those of `value`: the law is another, the luck the same."""
    flat = np.empty(value.size)
    flat[np.argsort(value.ravel(), kind="stable")] = np.sort(other.ravel())
    return flat.reshape(value.shape)
