"""Who stands alone among three, told from tampered traces; and what is not told from them."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.ledger.alone import odd_one_out, standing
from compare.ledger.parity import Comparison, in_step, on_its_own
from compare.ledger.run import Finding, _Desk
from compare.ledger.trace import Trace
from compare.traps.catalogue import CATALOGUE, Hypothesis, record_trapped
from compare.traps.scenarios import SCENARIOS, case

NAMES = ("numpy", "torch", "keras")
GROUND = case(SCENARIOS["trap-momentum"])


def tampered(step: int, entry: int, by: float = 1e-6, array: str = "gradients", dtype: str = "float64") -> Trace:
    """The clean reference's trace, in step, with one entry moved."""
    trace = GROUND.reference if dtype == "float64" else record_trapped((), GROUND.plan, dtype, GROUND.reference)
    values = getattr(trace, array).astype(float)
    values[step, entry] += by
    return replace(trace, **{array: values})


def compared(*pages: dict[str, Trace]) -> list[Comparison]:
    """Every pair in float64, in step, and on its own where there is a second page."""
    return [
        compare(GROUND.ruler, "float64", (a, b), traces[a], traces[b])
        for compare, traces in zip((in_step, on_its_own), pages, strict=False)
        for a, b in itertools.combinations(traces, 2)
    ]


def against_the_reference(**traces: Trace) -> list[Comparison]:
    """Each in float32 against the float64 reference."""
    return [in_step(GROUND.ruler, "float32", ("float64", n), GROUND.reference, t) for n, t in traces.items()]


def three(**others: Trace) -> dict[str, Trace]:
    return dict.fromkeys(NAMES, GROUND.reference) | others


def test_nobody_stands_alone_among_equals() -> None:
    assert odd_one_out(compared(three(), three())) is None


@settings(deadline=None, max_examples=25)
@given(
    name=st.sampled_from(NAMES),
    step=st.integers(0, len(GROUND.plan.steps) - 1),
    entry=st.integers(0, GROUND.reference.params.shape[1] - 1),
    array=st.sampled_from(("gradients", "params")),
)
def test_the_tampered_one_stands_alone_wherever_it_was_tampered_with(
    name: str, step: int, entry: int, array: str
) -> None:
    comparisons = compared(three(**{name: tampered(step, entry, array=array)}), three())
    assert odd_one_out(comparisons) == name
    others = " and ".join(other for other in NAMES if other != name)
    assert standing(comparisons) == f"{name} stands alone, {others} agree, though two can be wrong in the same way"


def test_one_that_differs_on_its_own_alone_is_found_too() -> None:
    losses = GROUND.reference.losses * np.where(np.arange(len(GROUND.plan.steps)) == 3, 1.01, 1)
    drifting = replace(GROUND.reference, losses=losses)
    assert odd_one_out(compared(three(), three(keras=drifting))) == "keras"


def test_two_that_differ_from_the_third_and_each_other_leave_it_open() -> None:
    comparisons = compared(three(torch=tampered(0, 0), keras=tampered(0, 0, 2e-6)))
    assert odd_one_out(comparisons) is None
    assert standing(comparisons) == "the comparisons do not tell which of the three is right"


def test_one_that_differs_in_two_places_from_two_that_agree_leaves_it_open() -> None:
    """The two are within their bounds, but one of them is so near the third that it differs from it later."""
    reference = GROUND.reference
    size = np.abs(reference.losses[1])
    losses = [reference.losses + np.eye(1, len(reference.losses), 1)[0] * size * by for by in (0, 0.9e-12, 1.8e-12)]
    losses[2][4] *= 1.01
    traces = {name: replace(reference, losses=given) for name, given in zip(NAMES, losses, strict=True)}
    places = [c.first and c.first.step for c in compared(traces)]
    assert places == [None, 1, 4]
    assert odd_one_out(compared(traces)) is None


def test_of_two_it_cannot_be_told() -> None:
    comparisons = compared({"numpy": GROUND.reference, "torch": tampered(2, 1)})
    assert odd_one_out(comparisons) is None
    assert standing(comparisons) == "with two implementations it cannot be told which is right"


@pytest.mark.parametrize("name", NAMES)
def test_one_that_alone_leaves_the_reference_in_float32(name: str) -> None:
    rounded = dict.fromkeys(NAMES, tampered(0, 0, 0.0, dtype="float32"))
    wrong = tampered(1, 0, 1.0, dtype="float32")
    assert odd_one_out(against_the_reference(**rounded)) is None
    assert odd_one_out(against_the_reference(**rounded | {name: wrong})) == name
    assert odd_one_out(against_the_reference(**dict.fromkeys(NAMES, wrong) | {name: rounded[name]})) is None


def test_float64_decides_where_both_were_run() -> None:
    rounded = dict.fromkeys(NAMES, tampered(0, 0, 0.0, dtype="float32"))
    wrong = tampered(1, 0, 1.0, dtype="float32")
    follow = against_the_reference(**rounded | {"torch": wrong, "keras": wrong})
    assert odd_one_out(compared(three(numpy=tampered(1, 0))) + follow) == "numpy"


def run_with(wrong: str, folder: Path) -> Finding:
    """What a run finds where one implementation, NumPy in the reference's part, has its gradient halved."""
    halved = (Hypothesis(CATALOGUE["loss-factor"], "only the gradient halved"),)
    desk = _Desk(GROUND.plan, list(NAMES), ["float64", "float32"], folder / "000")
    np.savez(desk.folder / "amplification.npz", **asdict(GROUND.ruler.amplification))
    reference: Trace | None = None
    for name, dtype in itertools.product(NAMES, ("float64", "float32")):
        job = desk.next_job(name)
        assert job
        assert job["dtype"] == dtype
        causes = halved if name == wrong else ()
        own = record_trapped(causes, GROUND.plan, dtype)
        reference = reference or own
        own.save(desk.folder / f"{name}-{dtype}-own.npz")
        record_trapped(causes, GROUND.plan, dtype, reference).save(desk.folder / f"{name}-{dtype}-step.npz")
        desk.finish(job, name)
    desk.compare()
    return desk.finding


@pytest.mark.parametrize("wrong", NAMES)
def test_no_column_shows_another_than_the_wrong_one(wrong: str, tmp_path: Path) -> None:
    finding = run_with(wrong, tmp_path)
    assert odd_one_out(finding.comparisons) == wrong
    assert finding.ground == ("torch" if wrong == "numpy" else "numpy")
    differing = [{c.a, c.b} for c in finding.comparisons if not c.equal]
    assert all(wrong in pair for pair in differing)
    assert {"float64", wrong} in differing
    assert all(c.equal for c in finding.comparisons if wrong not in (c.a, c.b))
