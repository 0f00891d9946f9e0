"""What the explorer gets: every place of a small run, and of a large one what fails and the first of the rest."""

from __future__ import annotations

import pandas as pd
import pytest

from compare.report import explorer
from compare.report.results import load
from tests.synthetic_run import PLANS, TENSORS, tamper, write_results

LAST = {"scenario": "cancer-momentum", "dtype": "float32", "mode": "in step", "a": "float64", "b": "keras"}


@pytest.fixture
def run(tmp_path):
    """A run of 30 steps in which the last comparison differs."""
    write_results(tmp_path)

    def wrong(rows: pd.DataFrame) -> pd.DataFrame:
        here = (rows[list(LAST)] == pd.Series(LAST)).all(axis=1)
        return rows.assign(used=rows["used"].mask(here & (rows["step"] == 7), float("inf")))

    tamper(tmp_path, "map", wrong)
    return tmp_path


def shapes(folder) -> dict[tuple[str, ...], tuple[int, int]]:
    """Of every comparison the rows and columns of its map."""
    found = explorer.explorer_data(load(folder))["map"]["comparisons"]
    return {tuple(entry[key] for key in LAST): (len(entry["tensors"]), entry["columns"]) for entry in found}


def test_a_small_run_has_all_its_maps_in_full(run) -> None:
    found = shapes(run)
    assert len(found) == 6 * len(PLANS)
    assert set(found.values()) == {(len(TENSORS), 30)}


def test_where_room_is_short_only_what_fails_keeps_its_columns(run, monkeypatch) -> None:
    monkeypatch.setattr(explorer, "MAP_ROOM", 20_000)
    found = shapes(run)
    assert found.pop(tuple(LAST.values())) == (len(TENSORS), 30)
    (other,) = set(found.values())
    assert other[1] < 30


def test_a_large_run_has_what_fails_and_the_first_of_the_rest(run, monkeypatch) -> None:
    monkeypatch.setattr(explorer, "LARGE", 2)
    monkeypatch.setattr(explorer, "MOST_PLACES", 2 * 30 * len(TENSORS))
    found = shapes(run)
    assert list(found) == [
        ("digits-adam", "float64", "in step", "numpy", "torch"),
        ("digits-adam", "float64", "in step", "numpy", "keras"),
        tuple(LAST.values()),
    ]
    drift = explorer.explorer_data(load(run))["drift"]
    assert {(entry["mode"], entry["quantity"]) for entry in drift} == {("on its own", "weights")}


def test_a_bound_that_repeats_itself_is_stored_once(run) -> None:
    drift = explorer.explorer_data(load(run))["drift"]
    assert "bound" in drift[0]
    assert sum("bound" in entry for entry in drift) == 2 * 2 * len(PLANS)  # precisions and quantities
