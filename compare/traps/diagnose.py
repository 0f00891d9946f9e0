"""Naming the cause of a difference: every trap is a hypothesis, tried by training the reference with it.

A hypothesis explains a candidate when the reference with that trap in it, trained in the same mode, gives the
candidate's numbers within the ledger's bounds: in step every tensor of every step, on its own the losses, the weights
and the outcome. Hypotheses are tried up to the first step that differs, and only those that agree so far on all steps.
Two traps together are tried when none explains it alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from compare.ledger.parity import GATE, Comparison, Gap, Ruler, in_step, on_its_own
from compare.ledger.trace import Trace, amplification, layout
from compare.traps.catalogue import CATALOGUE, Hypothesis, hypotheses, record_trapped
from compare.traps.facts import facts
from compare.traps.scenarios import SCENARIOS, Case, case, shortened
from impls import mlp_numpy
from shared import datasets
from shared import scenarios as shared_scenarios
from shared.scenarios import Plan

Causes = tuple[Hypothesis, ...]
SMALL = 100  # inputs of a scenario that is tried to tell two hypotheses apart
# What training raises where two traps do not go together, or numbers become what a step refuses.
BROKEN = (ArithmeticError, ValueError, IndexError, TypeError)
NEVER = (10**9, 0)  # A place after all others.


@dataclass(frozen=True)
class Explanation:
    """Traps with which the reference gives the candidate's numbers."""

    causes: Causes
    difference: float  # the largest that is left over all steps, max|a - b| / max|trapped reference|
    used: float  # the largest share of a bound that is left

    @property
    def traps(self) -> tuple[str, ...]:
        return tuple(cause.trap.name for cause in self.causes)

    @property
    def label(self) -> str:
        return " together with ".join(cause.label for cause in self.causes)


@dataclass(frozen=True)
class Diagnosis:
    """What is known of why a candidate differs."""

    plan: Plan
    dtype: str
    first: Gap | None  # the first place that differs; None: the candidate is equal
    mode: str  # in which it differs: "in step" or "on its own"
    explanations: list[Explanation]  # the closest first, one for each trap or pair of traps
    telling: str  # the name of a scenario in which the first two of them differ; "" if there is none
    facts: list[str]  # of the first difference, where nothing explains it
    tried: int  # hypotheses
    pairs_tried: int
    complete: bool  # False: the time was over before everything had been tried

    @property
    def equal(self) -> bool:
        return self.first is None

    @property
    def cause(self) -> str:
        """The name of the trap, or of both, that explains it best; "" if none does."""
        return " + ".join(self.explanations[0].traps) if self.explanations else ""


class Table:
    """The tensors of a trace, one column each in the order in which a step computes them; a row for each step."""

    def __init__(self, plan: Plan):
        config = mlp_numpy.Config(**plan.config)
        self.starts = np.cumsum([0, *(len(step) for step in plan.steps[:-1])])  # of the steps' rows of logits
        params, states = mlp_numpy.param_shapes(config), mlp_numpy.state_shapes(config)
        layers = {"gradients": params, **{f"state {name}": states[name] for name in states}, "params": params}
        tensors = {name: layout(given) for name, given in layers.items()}
        self.offsets = {name: [tensor.start for tensor in found] for name, found in tensors.items()}
        samples = sum(len(step) for step in plan.steps)
        self.shapes: dict[str, tuple[int, ...]] = {
            "logits": (samples, config.layer_sizes[-1]),
            "losses": (len(plan.steps),),
            **{name: (len(plan.steps), found[-1].stop) for name, found in tensors.items()},
        }

    def part(self, trace: Trace, name: str) -> np.ndarray | None:
        """One array of a trace; None for what was not recorded, which is empty or all NaN."""
        state = name.removeprefix("state ")
        values = trace.states.get(state) if state != name else getattr(trace, name)
        always = name in ("logits", "losses")
        if values is None or values.shape != self.shapes[name] or (np.isnan(values).all() and not always):
            return None
        return values

    def largest(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """The largest entry of every tensor at every step, (T, K), from arrays of this table's shapes."""
        columns = [np.maximum.reduceat(parts["logits"].max(axis=1), self.starts)[:, None], parts["losses"][:, None]]
        for name, offsets in self.offsets.items():
            columns.append(np.maximum.reduceat(parts[name], offsets, axis=1))
        return np.concatenate(columns, axis=1)

    def size(self, trace: Trace) -> np.ndarray:
        """The largest |entry| of every tensor at every step, (T, K); 0 for what was not recorded."""
        return self.largest({name: self._size(self.part(trace, name), name) for name in self.shapes})

    def _size(self, values: np.ndarray | None, name: str) -> np.ndarray:
        return np.zeros(self.shapes[name]) if values is None else np.nan_to_num(np.abs(values))

    def distance(self, a: Trace, b: Trace) -> np.ndarray:
        """The largest |a - b| of every tensor at every step, (T, K); 0 for what one of them did not record."""
        return self.largest(
            {name: self._distance(self.part(a, name), self.part(b, name), name) for name in self.shapes}
        )

    def _distance(self, a: np.ndarray | None, b: np.ndarray | None, name: str) -> np.ndarray:
        if a is None or b is None:
            return np.zeros(self.shapes[name])
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.abs(np.asarray(a, float) - b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        return np.where(same, 0.0, np.where(np.isfinite(distance), distance, np.inf))


class Measure:
    """Holds a candidate's trace in one mode against what hypotheses give, over the first steps of a plan."""

    def __init__(self, case: Case, candidate: Trace, mode: str, dtype: str, steps: int):
        self.plan, self.mode = shortened(case.plan, steps), mode
        self.reference, self.candidate = (_first_steps(trace, self.plan) for trace in (case.reference, candidate))
        self.table, self.dtype = Table(self.plan), dtype
        self.size = self.table.size(self.reference)
        errors = [case.ruler.errors(step, dtype) for step in range(steps)]
        parts = {
            "logits": np.concatenate([e.logits for e in errors]),
            "losses": np.array([e.loss for e in errors]),
            "gradients": np.array([e.gradients for e in errors]),
            **{f"state {name}": np.array([e.states[name] for e in errors]) for name in errors[0].states},
            "params": np.array([e.params for e in errors]),
        }
        self.errors = self.table.largest(parts)
        # On its own, what a step leaves is carried on and amplified.
        grown = 1 + np.arange(steps) * case.ruler.amplification.params[:steps]
        self.growth = grown[:, None] if mode == "on its own" else np.ones((steps, 1))

    def train(self, causes: Causes, whole: bool = True) -> Trace | None:
        """The reference with these traps; None where they break it. Without `whole`, what the candidate recorded."""
        try:
            return record_trapped(
                causes,
                self.plan,
                "float64",
                self.reference if self.mode == "in step" else None,
                whole or self.table.part(self.candidate, "logits") is not None,
            )
        except BROKEN:
            return None

    def used(self, trace: Trace, other: Trace) -> np.ndarray:
        """The share of its bound that the distance of every tensor takes at every step, (T, K)."""
        size = np.maximum(self.size, self.table.size(trace))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            more = np.where(self.size > 0, size / self.size, 1.0)  # Rounding grows with the numbers.
            allowed = (GATE[self.dtype] * size + 2 * self.errors * more) * self.growth
            distance = self.table.distance(trace, other)
            used = np.where(distance > 0, distance / allowed, 0.0)
        return np.where(np.isnan(used), np.inf, used)

    def place(self, trace: Trace, other: Trace) -> tuple[int, int]:
        """The first step and column in which two traces differ; NEVER if they agree."""
        differing = np.argwhere(self.used(trace, other) > 1)
        return tuple(differing[0].tolist()) if len(differing) else NEVER

    def left(self, trace: Trace) -> tuple[float, float]:
        """The largest relative difference of the candidate from a trace, and the largest share of a bound."""
        size = self.table.size(trace)
        distance = self.table.distance(trace, self.candidate)
        relative = np.where(size > 1e-9 * size.max(initial=0.0), distance / np.maximum(size, 1e-300), 0.0)
        return float(relative.max()), float(self.used(trace, self.candidate).max())


def _first_steps(trace: Trace, plan: Plan) -> Trace:
    steps, rows = len(plan.steps), sum(len(step) for step in plan.steps)
    return Trace(
        trace.losses[:steps],
        trace.logits[:rows],
        trace.gradients[:steps],
        trace.params[:steps],
        {name: values[:steps] for name, values in trace.states.items()},
        trace.outputs,
        trace.predictions,
    )


class _Tried:
    """What a hypothesis did over the first steps."""

    def __init__(self, cause: Hypothesis, trace: Trace, measure: Measure):
        self.cause, self.trace, self.measure = cause, trace, measure
        self.wrong = measure.place(trace, measure.candidate)  # the first place in which it differs from the candidate

    @cached_property
    def own(self) -> tuple[int, int]:
        """The first place in which it moves the reference."""
        return self.measure.place(self.measure.reference, self.trace)


class _Search:
    """The hypotheses of one diagnosis."""

    def __init__(self, case: Case, traces: dict[str, Trace], dtype: str, first_step: int, seconds: float):
        self.case, self.traces, self.dtype = case, traces, dtype
        self.end = time.perf_counter() + seconds
        self.steps = len(case.plan.steps)
        mode = "in step" if "in step" in traces else "on its own"
        self.first = Measure(case, traces[mode], mode, dtype, first_step + 1)
        self.full = {name: Measure(case, trace, name, dtype, self.steps) for name, trace in traces.items()}
        self.pairs_tried, self.complete = 0, True

    @property
    def late(self) -> bool:
        self.complete = self.complete and time.perf_counter() < self.end
        return not self.complete

    def explanation(self, causes: Causes) -> Explanation | None:
        """Whether traps explain all steps in every mode."""
        differences, shares = [], []
        for mode, measure in self.full.items():
            trace = measure.train(causes, whole=False)
            if trace is None or measure.place(trace, measure.candidate) != NEVER:
                return None
            if mode == "on its own" and not self._same_outcome(causes, trace):
                return None
            difference, used = measure.left(trace)
            differences.append(difference)
            shares.append(used)
        return Explanation(causes, max(differences), max(shares))

    def _same_outcome(self, causes: Causes, trace: Trace) -> bool:
        try:
            with np.errstate(all="ignore"):
                grown = amplification(self.case.builder(causes), self.case.plan)
                ground = record_trapped(causes, self.case.plan, "float64")
        except BROKEN:
            return False
        ruler = Ruler(self.case.plan, ground if np.isfinite(ground.params).all() else self.case.reference, grown)
        return on_its_own(ruler, self.dtype, ("trapped", "candidate"), trace, self.traces["on its own"]).equal

    def singles(self, causes: Iterable[Hypothesis]) -> tuple[list[Explanation], list[_Tried]]:
        found, tried = [], []
        for cause in causes:
            trace = self.first.train((cause,), whole=False)
            if trace is None:
                continue
            tried.append(_Tried(cause, trace, self.first))
            if tried[-1].wrong == NEVER and (explanation := self.explanation((cause,))):
                found.append(explanation)
            if self.late:
                break
        return found, tried

    def pairs(self, tried: list[_Tried]) -> list[Explanation]:
        """Those that fit among the pairs that may fit, the likeliest first; after one, only those that share a trap."""
        place = self.first.place(self.first.reference, self.first.candidate)
        found: list[Explanation] = []
        for one, other in _ordered(tried, place):
            causes = (one.cause, other.cause)
            if self.late:
                break
            if found and not any(cause in causes for explanation in found for cause in explanation.causes):
                continue
            self.pairs_tried += 1
            trace = self.first.train(causes, whole=False)
            if trace is None or self.first.place(trace, self.first.candidate) != NEVER:
                continue
            if explanation := self.explanation(causes):
                found.append(explanation)
        return found


def _ordered(tried: list[_Tried], place: tuple[int, int]) -> Iterator[tuple[_Tried, _Tried]]:
    """Pairs of different traps. First those in which each does its part alone: the earlier one is the candidate up to
    where the later one begins, and begins where the candidate does. Then the others that begin there."""
    likely: list[tuple[tuple[int, int], _Tried, _Tried]] = []
    possible: list[tuple[tuple[int, int], _Tried, _Tried]] = []
    for one, other in combinations(tried, 2):
        if one.cause.trap is other.cause.trap or min(one.own, other.own) != place:
            continue
        earlier, later = sorted((one, other), key=lambda t: t.own)
        agreed = max(one.wrong, other.wrong)
        (likely if earlier.wrong >= later.own or earlier.own == later.own else possible).append((agreed, one, other))
    for group in (likely, possible):
        for _, one, other in sorted(group, key=lambda item: item[0], reverse=True):
            yield one, other


def diagnose(
    plan: Plan,
    reference: Trace,
    *,
    stepped: Trace | None = None,
    own: Trace | None = None,
    dtype: str = "float64",
    seconds: float = 25.0,
) -> Diagnosis:
    """Say whether a candidate differs from the reference, and why.

    `reference` is the clean reference's trace in float64, `stepped` and `own` the candidate's in step with it and on
    its own, one of them at least, in `dtype`. What a candidate could not record of logits, gradients, slots or weights
    is empty or all NaN. ValueError if both traces are missing.
    """
    traces = {name: trace for name, trace in (("in step", stepped), ("on its own", own)) if trace is not None}
    if not traces:
        raise ValueError("a diagnosis needs a trace of the candidate: in step, on its own, or both")
    ground = Case(plan, reference)
    difference = next((c for c in _comparisons(ground, traces, dtype) if c.first), None)
    if difference is None:
        return Diagnosis(plan, dtype, None, "", [], "", [], 0, 0, True)
    assert difference.first
    first_step = min(difference.first.step, len(plan.steps) - 1)
    search = _Search(ground, traces, dtype, first_step, seconds)
    causes = hypotheses(plan)
    found, tried = search.singles(causes)
    if not found:
        found = _float32(ground, traces, dtype)
    if not found:
        found = search.pairs(tried)
    found = _best_of_each(found)
    return Diagnosis(
        plan,
        dtype,
        difference.first,
        difference.mode,
        found,
        telling_scenario(found[0].causes, found[1].causes) if len(found) > 1 else "",
        [] if found else facts(ground.plan, ground.reference, traces[difference.mode], difference),
        len(causes),
        search.pairs_tried,
        search.complete,
    )


def _comparisons(case: Case, traces: dict[str, Trace], dtype: str) -> Iterator[Comparison]:
    names = ("reference", "candidate")
    for mode, trace in traces.items():
        compare = in_step if mode == "in step" else on_its_own
        yield compare(case.ruler, dtype, names, case.reference, _without_gaps(case.reference, trace))


def _without_gaps(reference: Trace, candidate: Trace) -> Trace:
    """The candidate's trace, with the reference's numbers where it has none."""

    def filled(values: np.ndarray | None, kept: np.ndarray) -> np.ndarray:
        return kept if values is None or values.shape != kept.shape or np.isnan(values).all() else values

    return Trace(
        candidate.losses,
        filled(candidate.logits, reference.logits),
        filled(candidate.gradients, reference.gradients),
        filled(candidate.params, reference.params),
        {name: filled(candidate.states.get(name), kept) for name, kept in reference.states.items()},
        candidate.outputs,
        candidate.predictions,
    )


def _float32(case: Case, traces: dict[str, Trace], dtype: str) -> list[Explanation]:
    """float32 inside a float64 run cannot be followed to the last digit, but it shows: every number has 24 bits."""
    if dtype != "float64":
        return []
    for trace in traces.values():
        arrays = (trace.params, trace.gradients, trace.logits)
        short = [a.size > 0 and np.array_equal(a, a.astype(np.float32)) for a in arrays]
        comparisons = list(_comparisons(case, traces, "float32"))
        if any(short) and all(comparison.equal for comparison in comparisons):
            worst = max((gap for c in comparisons for gap in c.worst), key=lambda gap: gap.used)
            cause = Hypothesis(CATALOGUE["float32-inside"], "the whole model")
            return [Explanation((cause,), worst.difference, worst.used)]
    return []


def _best_of_each(found: list[Explanation]) -> list[Explanation]:
    """The closest variant of every trap or pair of traps, the closest first: by the power of ten of what is left."""
    best: dict[tuple[str, ...], Explanation] = {}
    for explanation in sorted(found, key=lambda e: round(math.log10(max(e.difference, 1e-14)))):
        best.setdefault(explanation.traps, explanation)
    return list(best.values())


def telling_scenario(one: Causes, other: Causes) -> str:
    """A scenario in which two hypotheses give different numbers, at best one of the default list; "" if none."""
    for scenario in (*shared_scenarios.SCENARIOS.values(), *SCENARIOS.values()):
        if datasets.describe(scenario.dataset).inputs > SMALL:
            continue
        ground = Case(shortened(case(scenario).plan, 8))
        there = hypotheses(ground.plan)
        if not all(cause in there for cause in (*one, *other)):
            continue
        measure = Measure(ground, ground.reference, "in step", "float64", len(ground.plan.steps))
        traces = [measure.train(causes) for causes in (one, other)]
        left, right = traces
        if left and right and (measure.place(left, right) != NEVER or _decide_differently(left, right)):
            return scenario.name
    return ""


def _decide_differently(one: Trace, other: Trace) -> bool:
    return not np.array_equal(one.predictions, other.predictions)


# In words -------------------------------------------------------------------------------------------------------------


def explain(diagnosis: Diagnosis, framework: str = "") -> str:
    """The diagnosis in words; `framework`, "torch" or "keras", is the one whose line to change is given."""
    d = diagnosis
    if d.first is None:
        return "Nothing differs: every number is within its bound."
    lines = [f"What differs first: {_where(d)}", ""]
    if d.explanations:
        best, *others = d.explanations
        lines += [f"The cause: {best.label}"]
        lines += [f"  With it the reference {_agreement(d, best)}.", ""]
        for cause in best.causes:
            lines += _about(cause, d.plan, framework)
        if others:
            lines += ["Not to be told apart from it here:"]
            lines += [f"  {other.label}: {other.causes[0].trap.title}" for other in others]
            lines += [
                f"  Scenario {d.telling} would tell {best.label} from {others[0].label}."
                if d.telling
                else "  No scenario at hand tells them apart."
            ]
    else:
        lines += ["No trap in the catalogue explains it. What can be said:"]
        lines += [f"  {fact}" for fact in d.facts]
        lines += [f"Ruled out: {_ruled_out(d)}."]
    return "\n".join(lines).rstrip() + "\n"


def explain_reference(diagnosis: Diagnosis, reference: str, candidate: str) -> str:
    """The diagnosis in words where the reference is the suspect, since others agree with the candidate against it."""
    d = diagnosis
    lines = [
        f"What differs first: {_where(d, f'in {candidate}')}",
        "",
        f"The suspect is the reference itself, {reference}. Every trap is tried by putting it into the reference, so "
        "one that is in there already cannot be named.",
    ]
    if d.explanations:
        best = d.explanations[0]
        lines += [
            f"What puts it right: {best.label}",
            f"  {'; '.join(cause.trap.title for cause in best.causes)}.",
            f"  With it the reference {_agreement(d, best)}. Look in {reference} for its opposite.",
        ]
    else:
        lines += [f"No trap put into {reference} makes it train as {candidate} does. What can be said of {candidate}:"]
        lines += [f"  {fact}" for fact in d.facts]
        lines += [f"Tried: {_ruled_out(d)}."]
    return "\n".join(lines) + "\n"


def _where(d: Diagnosis, here: str = "here") -> str:
    gap = d.first
    assert gap
    place = f" {list(gap.index)}" if gap.index and any(gap.index) else ""
    when = "at the end" if gap.phase == "outcome" else f"at step {gap.step + 1} of {len(d.plan.steps)}"
    return (
        f"{gap.tensor}{place} {when}, {d.mode} ({gap.phase}): {gap.value_a:.9g} in the reference, "
        f"{gap.value_b:.9g} {here}; off by {gap.difference:.1e} of the largest entry, {gap.bound:.0e} is allowed."
    )


def _agreement(d: Diagnosis, explanation: Explanation) -> str:
    if explanation.traps == ("float32-inside",):
        return f"is within what float32 allows on all {len(d.plan.steps)} steps, and every number here has 24 bits"
    return f"explains all {len(d.plan.steps)} steps to {explanation.difference:.0e}"


def _about(cause: Hypothesis, plan: Plan, framework: str) -> list[str]:
    trap, names = cause.trap, {"torch": "PyTorch", "keras": "Keras"}
    here = [framework] if framework in names else list(names)
    told = sorted(names, key=lambda name: name not in here) if trap.either else here
    follow = {"torch": ", to follow Keras", "keras": ", to follow PyTorch"} if trap.either else {}
    mends = [f"  In {names[name]}{follow.get(name, '')}: {cause.mend(name, plan)}" for name in told]
    return [f"{trap.name}: {trap.title}.", f"  {trap.why}", f"  Source: {trap.source}", *mends, ""]


def _ruled_out(d: Diagnosis) -> str:
    pairs = f" and {d.pairs_tried} pairs" if d.pairs_tried else ""
    ended = "" if d.complete else "; the time was over before all pairs had been tried"
    return f"{d.tried} variants of {len({h.trap.name for h in hypotheses(d.plan)})} traps{pairs}{ended}"
