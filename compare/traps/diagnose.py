"""Naming the cause of a difference: every trap is a hypothesis, tried by training the reference with it.

Traps explain a candidate when the reference with them in it, trained in the same mode, gives the candidate's numbers
within the ledger's bounds: in step every tensor of every step, on its own the losses, the weights and the outcome.
`search` says in which order they are tried, `words` says what was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from compare.ledger.parity import PHASES, Comparison, Gap, in_step, on_its_own
from compare.ledger.trace import Trace
from compare.traps.catalogue import CATALOGUE, Hypothesis, hypotheses
from compare.traps.facts import facts_of, facts_of_outcome, in_time
from compare.traps.measure import NEVER, OUTCOME, Causes, Measure
from compare.traps.scenarios import SCENARIOS, Case, case, shortened
from compare.traps.search import Explanation, Found, Search
from impls.mlp_numpy import Config
from shared import datasets
from shared import scenarios as shared_scenarios
from shared.scenarios import Plan

SMALL = 100  # inputs of a scenario that is tried to tell two hypotheses apart
SECONDS = 12.0  # of this process for the search, so that a busy machine finds the same
MANY = 16  # numbers that are read off a candidate
# Traps whose suspects were seen in the candidate itself: the catalogue's guesses would only blur them.
OBSERVED = {"activation-of-layer", "targets-disordered-in-batch", "no-biases"}
AGREES, EXPLAINED, UNEXPLAINED = "agrees", "explained", "unexplained"
UNJUDGED, HIDDEN = "not judged", "not shown"  # since an earlier phase differs; by the model


@dataclass(frozen=True)
class Phase:
    """What is known of one phase of a step."""

    name: str  # of the ledger's PHASES
    state: str  # "agrees", "explained", "unexplained", "not judged", "not shown"
    causes: Causes = ()  # that explain it, or a part of it
    until: str = ""  # where an explanation ends
    facts: tuple[str, ...] = ()  # what is true of what is left


@dataclass(frozen=True)
class Diagnosis:
    """What is known of why a candidate differs."""

    plan: Plan
    dtype: str
    first: Gap | None  # the first place that differs; None: the candidate is equal
    mode: str  # in which it differs: "in step" or "on its own"
    explanations: list[Explanation] = field(default_factory=list)  # the closest first, one for each set of traps
    telling: str = ""  # the name of a scenario in which the first two of them differ; "" if there is none
    phases: list[Phase] = field(default_factory=list)  # where nothing explains it all
    unseen: bool = False  # whether the gradient was not shown, so that it cannot be told from the learning rate
    tried: int = 0  # trainings with one trap more
    pairs_tried: int = 0
    complete: bool = True  # False: the time was over before everything had been tried

    @property
    def equal(self) -> bool:
        return self.first is None

    @property
    def cause(self) -> str:
        """The names of the traps that explain it best; "" if none do."""
        return " + ".join(self.explanations[0].traps) if self.explanations else ""

    @property
    def kinds(self) -> set[str]:
        """What the causes are, if they are known: faults, defaults, conventions."""
        return self.explanations[0].kinds if self.explanations else set()

    @property
    def facts(self) -> list[str]:
        """What is simply true of the differences that nothing explains."""
        return [fact for phase in self.phases for fact in phase.facts]


def diagnose(
    plan: Plan,
    reference: Trace,
    *,
    stepped: Trace | None = None,
    own: Trace | None = None,
    dtype: str = "float64",
    seconds: float = SECONDS,
    suspects: Sequence[Hypothesis] = (),
) -> Diagnosis:
    """Say whether a candidate differs from the reference, and why.

    `reference` is the clean reference's trace in float64, `stepped` and `own` the candidate's in step with it and on
    its own, one of them at least, in `dtype`. What a candidate could not record of logits, gradients, slots or weights
    is empty or all NaN. `suspects` are hypotheses to try besides the catalogue's, with values that the candidate is
    known to have. ValueError if both traces are missing.
    """
    traces = {name: trace for name, trace in (("in step", stepped), ("on its own", own)) if trace is not None}
    if not traces:
        raise ValueError("a diagnosis needs a trace of the candidate: in step, on its own, or both")
    ground = Case(plan, reference)
    difference = next((c for c in _comparisons(ground, traces, dtype) if c.first), None)
    if difference is None:
        return Diagnosis(plan, dtype, None, "")
    short = dtype == "float64" and _is_float32(traces)
    if short and (explanation := _float32(ground, traces)):
        return Diagnosis(plan, dtype, difference.first, difference.mode, [explanation], tried=1)
    search = Search(ground, traces, "float32" if short else dtype, seconds)
    search.pool = _pool(search, suspects)
    found = search.run()
    explanations = _best_of_each(found.explanations)
    return Diagnosis(
        plan,
        dtype,
        difference.first,
        difference.mode,
        explanations,
        telling_scenario(explanations[0].causes, explanations[1].causes) if len(explanations) > 1 else "",
        [] if explanations else _phases(search, found, difference),
        "gradients" not in search.whole.shown,
        search.tried,
        search.pairs_tried,
        search.complete,
    )


def _pool(search: Search, suspects: Sequence[Hypothesis]) -> list[Hypothesis]:
    """What may be the cause. A learning rate is never said to be one where the gradient is not seen."""
    plan = search.case.plan
    config = Config(**plan.config)
    told = {s.trap.name for s in suspects} & OBSERVED
    known = [hypothesis for hypothesis in hypotheses(plan) if hypothesis.trap.name not in told]
    values = [(hypothesis.trap, hypothesis.arguments) for hypothesis in known]
    new = [
        s for s in suspects if s.trap.applies(config, plan) and s not in known and (s.trap, s.arguments) not in values
    ]
    pool = [*known, *new]
    if "gradients" in search.whole.shown:
        return pool
    return [hypothesis for hypothesis in pool if hypothesis.trap.name != "learning-rate"]


def _phases(search: Search, found: Found, difference: Comparison) -> list[Phase]:
    """Phase by phase, what agrees, what is explained and what is not."""
    phases, measure = [], search.whole
    final = tuple(found.partial)
    shown = {phase for name, phase in measure.table.part_phases.items() if name in measure.shown}
    for phase, name in enumerate(PHASES):
        causes = tuple(cause for cause in final if search.phases.get(cause) == phase)
        if phase in found.unexplained:
            place, known = found.unexplained[phase]
            base = measure.train(known, whole=True) or measure.clean
            if phase == OUTCOME:
                said = facts_of_outcome(difference, search.case.reference, search.traces[difference.mode])
                phases.append(Phase(name, UNEXPLAINED, causes, facts=tuple(said)))
                continue
            said = facts_of(measure, base, place, known)
            until = in_time(measure.plan, place[1], bool(causes))
            phases.append(Phase(name, UNEXPLAINED, causes, until, tuple(said)))
        elif phase in found.unjudged:
            phases.append(Phase(name, UNJUDGED))
        elif causes:
            phases.append(Phase(name, EXPLAINED, causes))
        elif phase == OUTCOME:
            continue
        else:
            phases.append(Phase(name, AGREES if phase in shown else HIDDEN))
    return phases


def _comparisons(case: Case, traces: dict[str, Trace], dtype: str) -> Iterator[Comparison]:
    names = ("reference", "candidate")
    for mode, trace in traces.items():
        compare = in_step if mode == "in step" else on_its_own
        yield compare(case.ruler, dtype, names, case.reference, _without_gaps(case.reference, trace))


def _without_gaps(reference: Trace, candidate: Trace) -> Trace:
    """The candidate's trace, with the reference's numbers where it has none."""

    def filled(values: np.ndarray | None, kept: np.ndarray) -> np.ndarray:
        return kept if values is None or values.shape != kept.shape or np.isnan(values).all() else values

    def slots(values: np.ndarray | None, kept: np.ndarray) -> np.ndarray:
        whole = filled(values, kept)
        return np.where(np.isnan(whole), kept, whole)  # A slot that does not exist.

    return Trace(
        candidate.losses,
        filled(candidate.logits, reference.logits),
        filled(candidate.gradients, reference.gradients),
        filled(candidate.params, reference.params),
        {name: slots(candidate.states.get(name), kept) for name, kept in reference.states.items()},
        candidate.outputs,
        candidate.predictions,
    )


def _is_float32(traces: dict[str, Trace]) -> bool:
    """Whether every weight of a float64 run has 24 bits: float32 cannot be followed to the last digit, but it shows."""
    arrays = [trace.params for trace in traces.values()]
    return all(a.size > 0 and np.array_equal(a, a.astype(np.float32)) for a in arrays)


def _float32(case: Case, traces: dict[str, Trace]) -> Explanation | None:
    """float32 alone."""
    comparisons = list(_comparisons(case, traces, "float32"))
    if not all(comparison.equal for comparison in comparisons):
        return None
    worst = max((gap for c in comparisons for gap in c.worst), key=lambda gap: gap.used)
    return Explanation((Hypothesis(CATALOGUE["float32-inside"], "the whole model"),), worst.difference, worst.used)


def _best_of_each(found: list[Explanation]) -> list[Explanation]:
    """The closest variant of every set of traps, the closest first: by the power of ten of what is left.

    Of two that leave as little, the one says more of which fewer numbers were read off the candidate; one with many
    says nothing beside it.
    """
    best: dict[frozenset[str], Explanation] = {}
    for explanation in sorted(found, key=lambda e: (round(math.log10(max(e.difference, 1e-14))), e.fitted)):
        best.setdefault(frozenset(explanation.traps), explanation)
    return [e for e in best.values() if e.fitted <= MANY or not any(other.fitted < e.fitted for other in best.values())]


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
        left, right = (measure.train(causes, whole=True) for causes in (one, other))
        if left and right and (measure.place(left, right) != NEVER or _decide_differently(left, right)):
            return scenario.name
    return ""


def _decide_differently(one: Trace, other: Trace) -> bool:
    return not np.array_equal(one.predictions, other.predictions)
