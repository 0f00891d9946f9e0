"""What is kept of a comparison for its map: every tensor, every few steps, the worst."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from compare.ledger.parity import Comparison, Gap
from compare.ledger.places import MOST_COLUMNS, steps_a_column, table, worst_places

TENSORS = [("forward", "logits"), ("gradient", "gradient of layer 1 W"), ("update", "weights of layer 1 W")]


def gaps(shares: list[float]) -> list[Gap]:
    """One gap for each step and tensor, with the given shares in turn."""
    share = itertools.cycle(shares)
    return [
        Gap(phase, tensor, step, 1e-16, next(share), (1, 0), 0.1 + 0.2, 0.3)
        for step in range(len(shares))
        for phase, tensor in TENSORS
    ]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_every_column_keeps_its_worst_step_of_every_tensor(shares: list[float]) -> None:
    steps, width = len(shares), steps_a_column(len(shares))
    found = worst_places(gaps(shares), steps)
    assert -(-steps // width) <= MOST_COLUMNS
    assert len(found) == len(TENSORS) * -(-steps // width)
    for gap in found:
        same = [g for g in gaps(shares) if (g.tensor, g.step // width) == (gap.tensor, gap.step // width)]
        assert gap.used == max(g.used for g in same)


def test_the_outcome_belongs_to_the_last_step() -> None:
    outcome = Gap("outcome", "outputs", 60, 0.0, 0.0, (0,), 1.0, 1.0)
    assert worst_places([outcome], 60) == [outcome]
    assert outcome.number == 60


def test_the_table_keeps_every_digit_of_the_numbers_and_counts_steps_from_1() -> None:
    places = worst_places(gaps([0.5, 2.0]), 2)
    comparison = Comparison("xor", "float64", "in step", "numpy", "torch", [], places[0], [], [], [], [], places)
    frame = table([comparison])
    assert list(frame["step"]) == [1, 1, 1, 2, 2, 2]
    assert (frame["value_a"] == 0.1 + 0.2).all()
    assert set(frame["index"]) == {"1 0"}
    assert set(frame["a"] + frame["b"] + frame["scenario"]) == {"numpytorchxor"}
    assert table([]).empty
