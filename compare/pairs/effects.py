"""How much each difference does to the final loss: switched alone to the second script's way, and trained.

The first script's training is made again with one thing as the second has it, from several starts: its own, and others
drawn from the same laws, with other orders and dropout masks where it draws them. A start is the same for all, so that
what differs is the one thing. The final loss is that of the first script after the watched steps, which may be far from
its end, on its own samples, as in evaluation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from compare.candidates.process import Stopped
from compare.pairs import drive, engines, rules
from compare.pairs import way as ways
from compare.pairs.batches import Irregular, batching
from compare.pairs.data import Data
from compare.pairs.engines import Engine, Reference, Scripted, Trained
from compare.pairs.findings import Finding
from compare.pairs.runs import Runs
from compare.pairs.updates import clips
from compare.pairs.way import Way
from compare.watch.recording import Recording

SECONDS = 20.0  # for all trainings of a pair
STARTS = 5  # as many as there is time for, and not fewer than FEWEST: steps are left out instead
FEWEST = 3
SHORTEST = 8  # steps
QUICKER = {("keras", "torch"), ("numpy", "torch"), ("numpy", "keras")}  # pairs of which the second is trained, if equal


@dataclass
class Effect:
    """What one difference, or some together, do to the final loss; or why that was not measured."""

    changes: list[float] = field(default_factory=list)  # of the loss after so many steps, start by start
    shares: list[float] = field(default_factory=list)  # of the gap, start by start; [] where that says nothing
    together: list[str] = field(default_factory=list)  # the names of others that can only be switched at once with it
    why: str = ""
    steps: int = 0  # of the trainings: as many as were watched, or fewer where there was no time

    @property
    def size(self) -> float:
        """For sorting: the mean change, without sign; infinite for one that diverges, -1 if it was not measured."""
        if not self.changes:
            return -1.0
        mean = abs(float(np.mean(self.changes)))
        return mean if math.isfinite(mean) else math.inf

    def as_json(self) -> dict[str, Any]:
        """changes and shares, start by start, after so many steps; together; why it was not measured."""
        kept = {"changes": self.changes, "shares": self.shares, "steps": self.steps}
        return {**kept, "together": self.together, "why": self.why}


@dataclass
class Gap:
    """The trainings behind the effects: final losses the first script's way, and with everything the second's."""

    steps: int
    own: list[float]
    other: list[float]
    by: str  # what made the trainings
    left_out: list[str] = field(default_factory=list)  # differences that were not switched

    @property
    def tells(self) -> bool:
        """Whether the gap has one sign from every start, so that a share of it says something."""
        gaps = np.subtract(self.other, self.own)
        return bool(np.isfinite(gaps).all() and ((gaps > 0).all() or (gaps < 0).all()))

    def as_json(self) -> dict[str, Any]:
        return {"steps": self.steps, "starts": len(self.own), "first": self.own, "second": self.other, "by": self.by,
                "not_switched": self.left_out}  # fmt: skip


@dataclass
class _Trainings:
    """Everything that a training needs."""

    runs: Runs
    data: Data
    base: Way
    engine: Engine  # the first script's network
    other: Scripted | None  # the second's
    judge: Engine  # whose loss counts, of a network that is the second's
    own_scale: tuple[float, int]  # the second's loss, in terms of the first's
    own_kept: bool
    own_moving: float  # how far its running statistics move, in terms of the first's

    def train(self, way: Way, seed: int) -> float:
        """The final loss; infinite where it is none."""
        batches, judged = way.batching.batches(seed), way.batching.judged
        weights = ways.start(way, seed, self.runs.a, self.runs.b, self.runs.match)
        if not way.network:
            return _number(self.engine.train(weights, batches, way.follow(len(batches)), seed, judged))
        assert self.other is not None
        follow = way.follow(len(batches), self.own_scale, self.own_kept, self.own_moving)
        trained = self.other.train(weights, batches, follow, seed, judged)
        if self.judge is self.other:
            factor = self.own_scale[0] * float(len(judged[0][0])) ** self.own_scale[1]
            return _number(replace(trained, loss=trained.loss / factor))
        if not engines.finite(trained.weights):
            return math.inf
        return _number(self.judge.train(trained.weights, [], None, seed, judged))


def _number(trained: Trained) -> float:
    return trained.loss if math.isfinite(trained.loss) else math.inf


def measure(
    runs: Runs, data: Data, findings: Sequence[Finding], processes: tuple, limit: float = SECONDS
) -> tuple[Gap | None, str]:
    """Give every finding its effect, within some seconds; the gap, or why there is none."""
    asked = [f for f in findings if f.kind != "convention" or f.setting == "framework"]
    try:
        trainings = _trainings(runs, data, asked, processes)
        groups = _groups(asked, trainings)
        return _measured(trainings, groups, asked, limit), ""
    except Irregular as error:
        return None, str(error)
    except Stopped as error:
        return None, f"a training was not finished: {error}"


def _measured(t: _Trainings, groups: list[tuple[list[Finding], Way]], asked: list[Finding], limit: float) -> Gap | None:
    """Train every way from every start, as many as there is time for."""
    a, b = t.runs.a, t.runs.b
    if not groups:
        return None
    whole = t.base
    for members, _ in groups:
        for finding in members:
            whole = ways.switched(whole, finding, a, b, t.data)
    tried = [t.base, *(way for _, way in groups), *([whole] if len(groups) > 1 else [])]
    begun = time.monotonic()
    first = t.train(t.base, 0)
    took = time.monotonic() - begun
    affordable = (limit - took) / max(took * len(tried), 1e-9)
    starts, share = max(FEWEST, min(STARTS, int(affordable))), min(1.0, affordable / FEWEST)
    if share < 1:
        total = t.base.batching.total
        shorter = max(int(total * share), min(SHORTEST * t.base.batching.size, total))
        tried = [replace(way, batching=replace(way.batching, total=shorter)) for way in tried]
    losses = []
    for seed in range(starts):
        known = [first] if seed == 0 and share == 1 else []
        losses.append([*known, *(t.train(way, seed) for way in tried[len(known) :])])
    own, *others = np.transpose(losses).tolist()
    steps = len(tried[0].batching.batches(0))
    gap = Gap(steps, own, others[-1], t.engine.said, [f.name for f in asked if f.effect and f.effect.why])
    for (members, _), ends in zip(groups, others, strict=False):
        changes = np.subtract(ends, own).tolist()
        shares = np.divide(changes, np.subtract(gap.other, own)).tolist() if gap.tells and len(groups) > 1 else []
        for finding in members:
            finding.effect = Effect(changes, shares, [f.name for f in members if f is not finding], steps=steps)
    return gap


def _groups(asked: list[Finding], t: _Trainings) -> list[tuple[list[Finding], Way]]:
    """What can be switched, each with its way; the effect of the others says why not."""
    bundles: list[list[Finding]] = []
    network = [f for f in asked if f.setting in ("layers", "loss")]
    rule = [f for f in asked if f.setting in ("rule", "rate")] if any(f.setting == "rule" for f in asked) else []
    if len({f.setting for f in network}) > 1:
        for f in network:
            f.effect = Effect(why="the layers and the loss differ both, and can only be switched together")
    elif network and t.other is None:
        for f in network:
            f.effect = Effect(why="the batches of the first cannot take the form of the second's")
    elif network:
        bundles.append(network)
    if rule:
        bundles.append(sorted(rule, key=lambda f: f.setting, reverse=True))
    bundles += [[f] for f in asked if f not in network and f not in rule]
    groups = []
    for members in bundles:
        way = t.base
        try:
            for finding in members:
                way = ways.switched(way, finding, t.runs.a, t.runs.b, t.data)
            groups.append((members, way))
        except Irregular as error:
            for finding in members:
                finding.effect = Effect(why=str(error))
    return groups


def _trainings(runs: Runs, data: Data, asked: list[Finding], processes: tuple) -> _Trainings:
    """The engines and the first script's way; Irregular where it cannot be trained again."""
    a, b = runs.a, runs.b
    base = Way(batching(a, data.a, len(a.steps)), biases=_biases(a))
    first = Scripted(processes[0], runs.dtype, a, a, runs.match)
    inputs, targets = drive.forms(a, b, data)
    whole = bool(inputs and targets) and all(f is not None for f in (*inputs, *targets)) and runs.match.whole
    second = Scripted(processes[1], runs.dtype, a, b, runs.match, inputs, targets) if whole else None
    kinds = {f.setting for f in asked}
    same = not kinds & {"layers", "loss"} and not any(f.stage == "network" for f in asked)
    engine: Engine = first
    plain = not any(s.masks for s in a.steps)
    if plain and (found := engines.reference(a, runs.driven_a)) is not None:
        engine = found
    elif same and second is not None and "scale" not in kinds and (a.framework, b.framework) in QUICKER:
        engine = second  # The same network, where it is quicker or shows its gradients.
    if isinstance(engine, Reference) and engine.rule is not None:
        base = replace(base, rule=engine.rule, rate=float(engine.rule.settings["rate"]))
    else:
        base = replace(base, **_rule(runs))
    scale = next((f.values[1] for f in asked if f.setting == "scale" and f.name != "gradient-factor"), (1.0, 0))
    moving = next((f.values[1] / f.values[0] for f in asked if f.setting == "statistics"), 1.0)
    if isinstance(engine, Scripted) and engine.own.framework == "numpy":
        raise Irregular(f"{a.script} shows no loss and no gradients to train by")
    if base.rule is None and not isinstance(engine, Scripted):
        engine = first
    if base.rule is None and engine is second:
        raise Irregular(f"the update of {a.script} is none that is known")
    judge = second if "layers" in kinds and second is not None else engine
    return _Trainings(runs, data, base, engine, second, judge, scale, "kept" in kinds, moving)


def _biases(a: Recording) -> tuple[tuple[int, int], ...]:
    return tuple((i, 2 if p.parts else 1) for i, p in enumerate(a.parameters) if p.kind in ("lstm", "gru", "rnn"))


def _rule(runs: Runs) -> dict[str, Any]:
    """The first script's rule, rate and clipping, where they make the updates that it was seen to make."""
    a, driven = runs.a, runs.driven_a
    course = rules.course(driven.steps, "applied" if driven.steps[0].applied else "gradients")
    rule = rules.declared(a) or (rules.fit(course) if course.numbers else None)
    if rule is None:
        return {}
    rates = [s.rates[0] for s in a.steps if s.rates]
    fitted = rule.fitted or not rates
    rate = float(rule.settings["rate"] if fitted else rates[0])
    pace = (1.0,) if fitted else tuple(r / rates[0] for r in rates)
    found = {"rule": rule, "rate": rate, "pace": pace, "clip": clips(runs)[0]}
    follow = replace(Way(None, biases=_biases(a)), **found).follow(len(a.steps))  # type: ignore[arg-type]
    assert follow is not None
    for step, own in zip(driven.steps, a.steps, strict=False):
        given = own.gradients if any(g is not None for g in own.gradients) else step.gradients
        after = follow(replace(step, gradients=given))
        size = max((float(np.abs(np.subtract(x, w)).max()) for x, w in zip(step.after, step.before, strict=True)
                    if x is not None and w is not None), default=0.0)  # fmt: skip
        for i, value in enumerate(after):
            if value is not None and np.abs(value - step.after[i]).max() > 1e-3 * max(size, 1e-300):
                return {}
    return found
