"""The generated scenarios: every pair of option values that makes sense meets in one of them."""

from __future__ import annotations

import itertools

import pytest

from impls import mlp_numpy
from shared import pairwise, scenarios
from shared.datasets import load


@pytest.fixture(scope="module")
def rows() -> list[pairwise.Row]:
    return pairwise.all_rows()


def test_every_possible_pair_is_covered(rows: list[pairwise.Row]) -> None:
    covered = set().union(*(pairwise.pairs_of(row) for row in rows))
    missing = []
    for a, b in itertools.combinations(pairwise.ALL, 2):
        for x, y in itertools.product(pairwise.ALL[a], pairwise.ALL[b]):
            if ((a, x), (b, y)) not in covered and pairwise.why_not({a: x, b: y}) is None:
                missing.append({a: x, b: y})
    # Two that go together, but not on any dataset and loss: smoothing and weights with the losses that have neither.
    assert all(not _possible(pair) for pair in missing), missing


def _possible(pair: pairwise.Row) -> bool:
    """Whether some dataset and loss take both values."""
    datasets, losses = pairwise.ALL["dataset"], pairwise.ALL["loss"]
    return any(
        pairwise.why_not({"dataset": d, "loss": loss} | pair) is None
        for d in datasets
        for loss in losses
        if pair.get("dataset", d) == d and pair.get("loss", loss) == loss
    )


def test_no_row_makes_no_sense(rows: list[pairwise.Row]) -> None:
    assert all(pairwise.why_not(row) is None for row in rows)
    assert len(rows) < 120


def test_the_factors_hold_every_option_of_the_templates() -> None:
    for field, known in (
        ("loss", mlp_numpy.LOSSES),
        ("activation", mlp_numpy.ACTIVATIONS),
        ("optimizer", mlp_numpy.OPTIMIZERS),
        ("schedule", mlp_numpy.SCHEDULES),
    ):
        assert set(pairwise.ALL[field]) - {pairwise.BY_LAYER} == set(known)


def test_what_was_added_later_leaves_the_rows_before_as_they_were(rows: list[pairwise.Row]) -> None:
    first = pairwise.covering_rows()
    assert rows[: len(first)] == first
    assert all(any(row[name] in values for name, values in pairwise.ADDED.items()) for row in rows[len(first) :])
    mixed = [s.options for s in pairwise.generated() if isinstance(s.options["activation"], tuple)]
    assert {len(options["activation"]) for options in mixed} == {2, 3}


def test_every_generated_scenario_can_be_built_and_takes_a_step() -> None:
    generated = pairwise.generated()
    assert len({s.name for s in generated}) == len(generated)
    data = {name: load(name) for name in pairwise.ALL["dataset"]}
    for scenario in generated:
        plan = scenarios.plan(scenario, data[scenario.dataset])
        assert len(plan.steps) == pairwise.STEPS
        model = mlp_numpy.MLP(mlp_numpy.Config(**plan.config), plan.params)
        assert model.train_step(*plan.batch(0), plan.masks(0)) > 0


def test_what_is_left_out_is_said_with_its_reason() -> None:
    left = pairwise.left_out()
    assert "dataset=diabetes with loss=softmax_cross_entropy" in left["a regression has no classes"]
    assert sum(map(len, left.values())) > 10
