"""Looking for the traps that make the reference do what a candidate does.

A cause is looked for where something differs first, phase by phase: the forward pass, then the loss, the gradients, the
update, the outcome. What moves something that agrees already is not tried. With a cause in place the next difference is
looked for, so that several causes in different phases are found one after the other; two in one place are looked for
as a pair. Where nothing helps, the candidate's own numbers are put into the reference and the phases after it are still
explained.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from compare.ledger.parity import Ruler, on_its_own
from compare.ledger.trace import Trace, amplification
from compare.traps.catalogue import CATALOGUE, Hypothesis, Trap, record_trapped
from compare.traps.fitted import fitted
from compare.traps.measure import BROKEN, FORWARD, GRADIENT, LOSS, NEVER, OUTCOME, UPDATE, Causes, Measure, Place
from compare.traps.scenarios import Case

WIDTH = 3  # unfinished explanations that are carried on
DEPTH = 5  # causes at a time
FAR = 1e-3  # share by which predictions differ that are no rounding
MANY = 5  # steps in which a part of an explanation has to hold


@dataclass(frozen=True)
class Explanation:
    """Traps with which the reference gives the candidate's numbers."""

    causes: Causes
    difference: float  # the largest that is left over all steps, max|a - b| / max|trapped reference|
    used: float  # the largest share of a bound that is left
    until: int | None = None  # the step up to which they explain a training on its own, if not to its end

    @property
    def traps(self) -> tuple[str, ...]:
        return tuple(cause.trap.name for cause in self.causes)

    @property
    def label(self) -> str:
        return " together with ".join(cause.label for cause in self.causes)

    @property
    def fitted(self) -> int:
        """How many numbers of theirs were read off the candidate's."""
        return sum(cause.fitted for cause in self.causes)

    @property
    def kinds(self) -> set[str]:
        """What its causes are: faults, defaults, conventions."""
        return {cause.kind for cause in self.causes}


@dataclass(frozen=True)
class State:
    """An explanation that is not finished: it holds up to a place."""

    causes: Causes
    place: Place


@dataclass
class Found:
    """What a search comes to."""

    explanations: list[Explanation] = field(default_factory=list)
    partial: Causes = ()  # without a whole explanation, the traps that explain a part
    unexplained: dict[int, tuple[Place, Causes]] = field(default_factory=dict)  # by phase: from where on, after what
    unjudged: set[int] = field(default_factory=set)  # phases in which nothing can be said, since an earlier one differs


class Search:
    """The hypotheses of one diagnosis; `pool` is what is tried."""

    def __init__(self, case: Case, traces: dict[str, Trace], dtype: str, seconds: float):
        self.case, self.traces, self.dtype = case, traces, dtype
        self.end = time.process_time() + seconds
        self.steps = len(case.plan.steps)
        self.mode = "in step" if "in step" in traces else "following"
        self.trace = traces["in step"] if "in step" in traces else traces["on its own"]
        self.windows: dict[int, Measure] = {}
        self.whole = self.window(self._finite_steps())
        self.own = (
            Measure(case, traces["on its own"], "on its own", dtype, self.steps) if "on its own" in traces else None
        )
        self.pool: list[Hypothesis] = []
        self.effects: dict[Hypothesis, Place] = {}  # the first place that each moves by itself
        self.phases: dict[Hypothesis, int] = {}  # the phase for which each was taken
        self.tried = self.pairs_tried = 0
        self.complete = True

    def _finite_steps(self) -> int:
        """Steps that can be followed: the reference takes no weights that are not finite."""
        if self.mode != "following" or self.trace.params.ndim != 2:
            return self.steps
        broken = np.flatnonzero(~np.isfinite(self.trace.params).all(axis=1))
        return int(broken[0]) + 1 if len(broken) else self.steps

    def window(self, steps: int) -> Measure:
        """The first steps of the mode in which phases can be told apart."""
        if steps not in self.windows:
            self.windows[steps] = Measure(self.case, self.trace, self.mode, self.dtype, steps)
        return self.windows[steps]

    @property
    def late(self) -> bool:
        self.complete = self.complete and time.process_time() < self.end
        return not self.complete

    # Looking --------------------------------------------------------------------------------------------------------

    def run(self) -> Found:
        """Explain what differs, phase by phase."""
        found, ignored = Found(), frozenset[int]()
        state = self.state((), ignored)
        while state.place != NEVER:
            found.explanations, best = self._explain(state, ignored)
            if found.explanations or best.place == NEVER:
                state = best
                break
            state = best = self._trusted(best, ignored)
            phase = best.place[0]
            found.unexplained[phase] = (best.place, best.causes)
            if phase >= UPDATE or self.late:
                break
            ignored |= {phase}
            if phase == FORWARD:
                ignored |= {GRADIENT}
                found.unjudged.add(GRADIENT)
                if self._has_hidden_state():
                    ignored |= {LOSS}
                    found.unjudged.add(LOSS)
            known = tuple(cause for cause in best.causes if cause.trap is not GIVEN)
            state = self.state(ordered((*known, self.shown_numbers(ignored))), ignored)
        if found.unexplained:
            found.partial = tuple(cause for cause in state.causes if cause.trap is not GIVEN)
        return found

    def _trusted(self, state: State, ignored: frozenset[int]) -> State:
        """Without causes that explain a few steps of an unexplained phase: so much may happen by chance."""
        phase, step, _ = state.place
        if step >= MANY:
            return state
        kept = tuple(cause for cause in state.causes if self.phases.get(cause) != phase)
        return self.state(kept, ignored) if len(kept) < len(state.causes) else state

    def _has_hidden_state(self) -> bool:
        """Whether the logits, as an evaluation gives them, are not those that the loss was computed from."""
        config = self.case.plan.config
        return bool(config.get("dropout") or config.get("batch_norm"))

    def shown_numbers(self, ignored: frozenset[int]) -> Hypothesis:
        """The candidate's own logits or gradients in the reference's place."""
        shown, values = self.whole.shown, dict[str, Any](logits=None, gradients=None)
        if FORWARD in ignored and LOSS not in ignored and "logits" in shown:
            ends = [*self.whole.table.starts[1:].tolist(), None]
            values["logits"] = [self.trace.logits[a:b] for a, b in zip(self.whole.table.starts, ends, strict=True)]
        if GRADIENT in ignored and "gradients" in shown:
            values["gradients"] = self.trace.gradients
        return Hypothesis(GIVEN, "", values)

    def state(self, causes: Causes, ignored: frozenset[int]) -> State:
        """How far traps explain the candidate."""
        trace = self.whole.train(causes)
        if trace is None:
            return State(causes, (FORWARD, 0, 0))
        place = self.whole.place(trace, self.whole.candidate, ignored)
        if place == NEVER and self.own is not None and not ignored:
            place = self._outcome(causes)
        return State(causes, place)

    def _outcome(self, causes: Causes) -> Place:
        """Whether a training on its own agrees too."""
        assert self.own
        trace = self.own.train(causes)
        if trace is None:
            return OUTCOME, 0, 0
        place = self.own.place(trace, self.own.candidate)
        if place != NEVER:
            return OUTCOME, place[1], place[2]
        return NEVER if self._same_outcome(causes, trace) else (OUTCOME, self.steps - 1, 0)

    def _same_outcome(self, causes: Causes, trace: Trace) -> bool:
        if self.dtype == "float64" and _far(trace.predictions, self.traces["on its own"].predictions):
            return False  # What rounding may do to them takes long to find out.
        try:
            with np.errstate(all="ignore"):
                grown = amplification(self.case.builder(causes), self.case.plan)
                ground = record_trapped(causes, self.case.plan, "float64")
        except BROKEN:
            return False
        ruler = Ruler(self.case.plan, ground if np.isfinite(ground.params).all() else self.case.reference, grown)
        return on_its_own(ruler, self.dtype, ("trapped", "candidate"), trace, self.traces["on its own"]).equal

    def _explain(self, root: State, ignored: frozenset[int]) -> tuple[list[Explanation], State]:
        """The explanations with the fewest causes; without any, the state that gets furthest."""
        level, best = [root], root
        stock = self.stock(root, ignored)
        for _ in range(DEPTH):
            children = [*stock, *(child for state in level for child in self.extended(state, ignored))]
            if not children and not self.late:
                children = list(self.pairs(level[0], ignored))
            stock = []
            whole = [child for child in children if child.place == NEVER]
            if whole:
                if ignored:
                    return [], whole[0]
                return [self.explanation(child.causes) for child in whole], whole[0]
            if not children or self.late:
                break
            children.sort(key=lambda s: (s.place, -len(s.causes)), reverse=True)
            level = _different(children)[:WIDTH]
            best = max(best, level[0], key=lambda s: s.place)
        if best.place[0] == OUTCOME > root.place[0] and not ignored:
            return [
                self.explanation(state.causes, state.place[1]) for state in level if state.place == best.place
            ], best
        return [], best

    def stock(self, root: State, ignored: frozenset[int]) -> list[State]:
        """What a framework has by default, all together and with single ones left out."""
        sets: list[Causes] = []
        stock = {h.trap: h for h in reversed(self.pool) if h.trap.stock}
        everything = tuple(sorted(stock.values(), key=self.pool.index))
        if len(everything) > 1:
            left_out = everything if len(everything) > 2 else ()
            sets = [everything, *(tuple(c for c in everything if c is not out) for out in left_out)]
        states = []
        for causes in sets:
            state = self.state(ordered((*root.causes, *causes)), ignored)
            if state.place > root.place:
                states.append(State(self._needed(state, ignored), state.place))
                self.phases |= {cause: self.effects.get(cause, root.place)[0] for cause in causes}
        return states

    def _needed(self, state: State, ignored: frozenset[int]) -> Causes:
        """Its causes without those that change nothing."""
        causes = state.causes
        for cause in state.causes:
            fewer = tuple(c for c in causes if c is not cause)
            if cause.trap is not GIVEN and self.state(fewer, ignored).place >= state.place:
                causes = fewer
        return causes

    def extended(self, state: State, ignored: frozenset[int]) -> Iterator[State]:
        """A state with one trap more that gets further."""
        window = self.window(
            min(state.place[1] + 1, self.whole.steps) if state.place[0] < OUTCOME else self.whole.steps
        )
        base = self.whole.train(state.causes) or self.whole.clean
        for hypothesis in (*fitted(self.whole, base), *self.pool):
            if self.late:
                return
            if any(hypothesis.trap is cause.trap for cause in state.causes):
                continue
            if state.place[0] == OUTCOME and hypothesis not in self.effects:
                self._look_at_first_step(hypothesis)
            if self.effects.get(hypothesis, NEVER) < state.place:
                continue  # It moves what agrees.
            trace = window.train(ordered((*state.causes, hypothesis)))
            self.tried += 1
            if trace is None:
                continue
            if not state.causes:
                self.effects[hypothesis] = window.moved(trace, ignored)
                if self.effects[hypothesis] < state.place:
                    continue
                if self.effects[hypothesis] == NEVER and state.place[0] < OUTCOME:
                    continue  # It leaves the reference where it is.
            place = window.place(trace, window.candidate, ignored)
            if place <= state.place:
                continue
            further = self.state(ordered((*state.causes, hypothesis)), ignored)
            if further.place > state.place:
                self.phases[hypothesis] = state.place[0]
                yield further

    def _look_at_first_step(self, hypothesis: Hypothesis) -> None:
        """Most hypotheses move something in the first step already, which is soon seen."""
        window = self.window(1)
        trace = window.train((hypothesis,))
        effect = NEVER if trace is None else window.moved(trace)
        if effect != NEVER:
            self.effects[hypothesis] = effect

    def pairs(self, state: State, ignored: frozenset[int]) -> Iterator[State]:
        """A state with two traps more that get further only together, which both act in the phase in question."""
        phase = state.place[0]
        if phase >= OUTCOME:
            return
        window = self.window(state.place[1] + 1)
        here = [h for h in self.pool if self.effects.get(h, NEVER)[0] == phase and h.trap not in _traps(state.causes)]
        both = [
            (one, other)
            for one, other in combinations(here, 2)
            if one.trap is not other.trap and min(self.effects[one], self.effects[other]) == state.place
        ]
        both.sort(key=lambda pair: max(self.effects[h] for h in pair))
        for pair in both:
            if self.late:
                return
            self.pairs_tried += 1
            trace = window.train(ordered((*state.causes, *pair)))
            if trace is None or window.place(trace, window.candidate, ignored) <= state.place:
                continue
            further = self.state(ordered((*state.causes, *pair)), ignored)
            if further.place > state.place:
                self.phases |= dict.fromkeys(pair, phase)
                yield further

    def explanation(self, causes: Causes, until: int | None = None) -> Explanation:
        """What is left of the candidate's difference under traps that explain it, on its own up to a step at least."""
        left = []
        for measure in (self.whole, self.own if until is None else None):
            trace = measure.train(causes) if measure else None
            if measure and trace is not None:
                left.append(measure.left(trace))
        return Explanation(causes, max(d for d, _ in left), max(used for _, used in left), until)


def ordered(causes: Causes) -> Causes:
    """In the catalogue's order, in which traps go together; a candidate's own numbers come before all."""
    order = [GIVEN.name, *CATALOGUE]
    return tuple(sorted(causes, key=lambda cause: order.index(cause.trap.name)))


def _far(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether predictions are other ones by much more than float64's rounding can be: classes, or numbers."""
    if a.shape != b.shape:
        return True
    if a.dtype.kind == "f":
        return not bool(np.abs(a - b).max() <= FAR * np.abs(a).max())
    return bool((a != b).mean() > 0.1)


def _traps(causes: Causes) -> set[Trap]:
    return {cause.trap for cause in causes}


def _different(states: list[State]) -> list[State]:
    """Without those that hold the traps of an earlier one, in other variants or in another order."""
    seen: dict[frozenset[Trap], State] = {}
    for state in states:
        seen.setdefault(frozenset(_traps(state.causes)), state)
    return list(seen.values())


def _given(t: Any, logits: list[np.ndarray] | None, gradients: np.ndarray | None) -> None:
    """A candidate's own numbers, step by step, where the reference has computed its own."""

    class Trapped(t.MLP):
        at = 0

        def _forward(self, x, training=False, masks=None):
            z, saved = super()._forward(x, training, masks)
            if training and logits is not None and logits[self.at].shape == z.shape:
                z = np.array(logits[self.at], z.dtype)
            return z, saved

        def _backpropagate(self, x, y, masks):
            loss = super()._backpropagate(x, y, masks)
            if gradients is not None:
                self.flat_gradient[:] = gradients[self.at]
            return loss

        def _train_step(self, x, y, masks):
            loss = super()._train_step(x, y, masks)
            self.at = min(self.at + 1, len(gradients if gradients is not None else logits or [0]) - 1)
            return loss

    t.MLP = Trapped


GIVEN = Trap("the candidate's own numbers", "", "", "", "", "", "", lambda config, plan: True, _given)
