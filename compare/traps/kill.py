"""The kill matrix: which traps the ledger catches, where, and how the checks that others use do on the same bugs.

A trap counts as larger than rounding when, in float64 arithmetic, it moves some number by more than twice what rounding
in the given precision may do to it: the trapped side and the clean one may each be off by as much. Only such a trap can
be asked to be caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from compare.ledger.parity import Comparison, Gap, in_step, on_its_own
from compare.ledger.rounding import UNIT
from compare.ledger.trace import Trace, layout
from compare.traps.catalogue import CATALOGUE, Hypothesis, Trap, record_trapped
from compare.traps.scenarios import SCENARIOS, Case, case
from impls import mlp_numpy
from shared import batches
from shared.scenarios import Plan, Scenario

OTHER_STEPS, OTHER_RATE = 50, 0.001


@dataclass(frozen=True)
class Kill:
    """One trap on one scenario in one precision."""

    trap: str
    variant: str
    scenario: str
    dtype: str
    caught: bool
    mode: str  # the first of the two modes that caught it; "" if none did
    phase: str  # the first place that differs; where none does, the one nearest to its bound
    tensor: str
    step: int  # from 1
    difference: float  # there, max|a - b| / max|reference|
    used: float  # the largest share of a bound that is used there
    size: float  # the largest share of rounding's bound that the trap itself takes: above 2 it must be caught
    others: dict[str, bool]  # whether each of the other checks caught it

    @property
    def above_rounding(self) -> bool:
        return self.size > 2

    @property
    def missed(self) -> bool:
        return self.above_rounding and not self.caught


def kill(case: Case, causes: tuple[Hypothesis, ...], dtype: str, others: bool = True) -> Kill:
    """Train the reference with these traps and judge it as any implementation is judged."""
    exact = _traces(case, causes, "float64")
    trapped = exact if dtype == "float64" else _traces(case, causes, dtype)
    comparisons = _compare(case, dtype, *trapped)
    caught = [comparison for comparison in comparisons if comparison.first]
    place = caught[0].first if caught else max((_worst(c) for c in comparisons), key=lambda gap: gap.used)
    assert place
    return Kill(
        " + ".join(cause.trap.name for cause in causes),
        " + ".join(cause.variant for cause in causes),
        case.plan.scenario.name,
        dtype,
        bool(caught),
        caught[0].mode if caught else "",
        place.phase,
        place.tensor,
        place.number,
        place.difference,
        place.used,
        _size(case, dtype, *exact),
        {name: not check for name, check in other_checks(case, causes, dtype).items()} if others else {},
    )


def _traces(case: Case, causes: tuple[Hypothesis, ...], dtype: str) -> tuple[Trace, Trace]:
    """In step and on its own."""
    return record_trapped(causes, case.plan, dtype, case.reference), record_trapped(causes, case.plan, dtype)


def _compare(case: Case, dtype: str, stepped: Trace, own: Trace) -> list[Comparison]:
    names = ("reference", "trapped")
    return [
        in_step(case.ruler, dtype, names, case.reference, stepped),
        on_its_own(case.ruler, dtype, names, case.reference, own),
    ]


def _size(case: Case, dtype: str, stepped: Trace, own: Trace) -> float:
    """The largest share of rounding's bound that a trap takes by itself; another class id is never rounding."""
    in_units = UNIT["float32"] / UNIT[dtype]  # Bounds are proportional to the unit roundoff.
    gaps = [gap for comparison in _compare(case, "float32", stepped, own) for gap in comparison.worst]
    share = max(gap.used for gap in gaps if gap.phase != "outcome") * in_units
    outcome = on_its_own(case.ruler, dtype, ("reference", "trapped"), case.reference, own)
    return max(share, np.inf if outcome.first and outcome.first.phase == "outcome" else 0.0)


def _worst(comparison: Comparison) -> Gap:
    return max(comparison.worst, key=lambda gap: gap.used)


def homes(trap: Trap, scenarios: Iterable[Scenario] = SCENARIOS.values()) -> Iterator[tuple[Case, Hypothesis]]:
    """For every variant, the first scenario in which it makes a difference above rounding in float64."""
    for variant in trap.variants:
        hypothesis = Hypothesis(trap, variant)
        for scenario in scenarios:
            place = case(scenario)
            if hypothesis in trap.hypotheses(place.plan) and above_rounding(place, (hypothesis,)):
                yield place, hypothesis
                break


def above_rounding(case: Case, causes: tuple[Hypothesis, ...]) -> bool:
    """Whether traps make a difference that float64 can tell from rounding."""
    return not all(c.equal for c in _compare(case, "float64", *_traces(case, causes, "float64")))


def kill_matrix(
    traps: Iterable[str] | None = None,
    scenarios: Iterable[Scenario] = SCENARIOS.values(),
    dtypes: Iterable[str] = ("float64", "float32"),
    every_variant: bool = False,
    others: bool = True,
) -> Iterator[Kill]:
    """A row for every trap, scenario where it applies, and precision; of each trap the first variant, or every one.

    A variant that changes no number, since it is what the scenario has anyway, gives no row.
    """
    for name in CATALOGUE if traps is None else traps:
        for scenario in scenarios:
            place = case(scenario)
            for hypothesis in CATALOGUE[name].hypotheses(place.plan):
                rows = [kill(place, (hypothesis,), dtype, others) for dtype in dtypes]
                if any(row.size for row in rows):  # Without one, the variant is what the scenario has anyway.
                    yield from rows
                    if not every_variant:
                        break


# The checks that others use -------------------------------------------------------------------------------------------


def _with_other_rate(plan: Plan) -> Plan:
    """50 steps at a learning rate of 0.001, going on with further epochs where the plan ends."""
    samples, size = len(plan.dataset.x_train), plan.scenario.batch_size or len(plan.dataset.x_train)
    steps: list[np.ndarray] = []
    epoch = 0
    while len(steps) < OTHER_STEPS:
        steps += batches.batches(batches.batch_order(samples, plan.scenario.seed, epoch), size)
        epoch += 1
    return replace(plan, steps=steps[:OTHER_STEPS], config=plan.config | {"learning_rate": OTHER_RATE})


def _outputs_after_50_steps(pair: Pair) -> bool:
    a, b = pair(_with_other_rate(pair.case.plan))
    return bool(np.abs(a.outputs - b.outputs).max() <= 1e-5)


def _last_loss(pair: Pair) -> bool:
    a, b = pair(pair.case.plan)
    return bool(abs(a.losses[-1] - b.losses[-1]) <= abs(b.losses[-1]))


def _means(pair: Pair) -> bool:
    a, b = pair(pair.case.plan)
    shapes = mlp_numpy.param_shapes(mlp_numpy.Config(**pair.case.plan.config))
    tensors = [(a.outputs, b.outputs)]
    tensors += [(a.params[-1, t.start : t.stop], b.params[-1, t.start : t.stop]) for t in layout(shapes)]
    return all(bool(abs(left.mean() - right.mean()) <= 1e-7) for left, right in tensors)


def _accuracy(pair: Pair) -> bool:
    a, b = pair(pair.case.plan)
    y = pair.case.plan.dataset.y_test
    if pair.case.plan.dataset.task == "regression":  # Its score is the share of variance explained.
        scores = [1 - np.mean((trace.predictions - y) ** 2) / np.var(y) for trace in (a, b)]
    else:
        scores = [np.mean(trace.predictions == y) for trace in (a, b)]
    return bool(abs(scores[0] - scores[1]) <= 0.01)


def _weights_after_epoch(pair: Pair) -> bool:
    a, b = pair(pair.case.plan)
    steps = -(-len(pair.case.plan.dataset.x_train) // len(pair.case.plan.steps[0]))
    return bool(np.abs(a.params[steps - 1] - b.params[steps - 1]).max() <= 1e-3)


OTHER_CHECKS: dict[str, Callable[[Pair], bool]] = {
    "outputs within 1e-5 after 50 steps at learning rate 0.001": _outputs_after_50_steps,
    "the last step's loss within rtol 1": _last_loss,
    "mean against mean of every tensor at 1e-7": _means,
    "final accuracy within one point": _accuracy,
    "weights within 1e-3 after an epoch": _weights_after_epoch,
}


class Pair:
    """The trapped reference and the clean one in float64, each trained on its own by a plan, once."""

    def __init__(self, case: Case, causes: tuple[Hypothesis, ...], dtype: str):
        self.case, self.causes, self.dtype = case, causes, dtype
        self._traces: dict[int, tuple[Trace, Trace]] = {}

    def __call__(self, plan: Plan) -> tuple[Trace, Trace]:
        key = len(plan.steps)
        if key not in self._traces:
            clean = self.case.reference if plan is self.case.plan else record_trapped((), plan, "float64")
            self._traces[key] = (record_trapped(self.causes, plan, self.dtype), clean)
        return self._traces[key]


def other_checks(case: Case, causes: tuple[Hypothesis, ...], dtype: str) -> dict[str, bool]:
    """Whether each of the other checks calls the trapped reference equal to the clean one."""
    pair = Pair(case, causes, dtype)
    return {name: check(pair) for name, check in OTHER_CHECKS.items()}


def rates(rows: Iterable[Kill]) -> dict[str, float]:
    """The share of the traps above rounding that each check caught, the ledger's first."""
    rows = [row for row in rows if row.above_rounding]
    count = max(len(rows), 1)
    ours = {"the ledger": sum(row.caught for row in rows) / count}
    return ours | {name: sum(row.others.get(name, False) for row in rows) / count for name in OTHER_CHECKS}
