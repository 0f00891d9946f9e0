"""What the fast form and more threads buy, from rows whose answer is plain."""

from __future__ import annotations

import pandas as pd
import pytest

from compare.report import fast_pages
from compare.report.results import COLUMNS, Results

WORK = {"workload": "digits", "layer_sizes": "64-32-10", "batch_size": 32, "optimizer": "sgd", "dtype": "float32"}


def results(**rows: list[dict]) -> Results:
    tables = {name: pd.DataFrame([WORK | row for row in given]) for name, given in rows.items()}
    empty = {name: pd.DataFrame(columns=columns.split()) for name, columns in COLUMNS.items()}
    return Results({"implementations": [], "scenarios": []}, empty | tables)


def timed(implementation: str, mode: str, microseconds: float, threads: int = 1, objection: str = "") -> dict:
    return {
        "implementation": implementation,
        "mode": mode,
        "threads": threads,
        "seconds_per_step": microseconds * 1e-6,
        "objection": objection,
    }


@pytest.mark.parametrize(("fast", "paid"), [(100, "100"), (190, "995"), (200, "never"), (250, "never")])
def test_compiling_is_paid_after_what_it_costs_by_what_an_epoch_saves(fast: float, paid: str) -> None:
    steps = fast_pages.steps_of(pd.Series(WORK))
    cost = {"fit": 0.5, "fast": 0.5 + 99.45 * steps * 100e-6}  # 99.45 epochs' savings at 100 of 200 µs
    facts = [
        {"implementation": "torch", "mode": mode, "threads": 1, "quantity": "first epoch", "round": 0, "value": value}
        for mode, value in cost.items()
    ]
    gain = {"implementation": "torch", "threads": 1, "times": 200 / fast, "low": 1, "high": 3}
    times = [timed("torch", "fit", 200), timed("torch", "fast", fast)]
    (table,) = fast_pages.gains(results(speed_gains=[gain], speed_facts=facts, speed_ratios=times))
    assert table.frame["paid after, epochs"].tolist() == [paid]  # type: ignore[union-attr]


def test_who_is_slower_with_more_threads_is_named_with_the_numbers() -> None:
    times = [
        *(timed("numpy", "fit", us, threads) for threads, us in ((1, 381), (2, 428))),
        *(timed("torch", "fit", us, threads) for threads, us in ((1, 500), (2, 300))),
        *(timed("keras", "fit", us, threads, "the machine is busy") for threads, us in ((1, 500), (2, 900))),
    ]
    said, table = fast_pages.threads(results(speed_ratios=times))
    assert said.text == "Slower with more threads: numpy, fit, at digits (428 µs for 381)."  # type: ignore[union-attr]
    assert table.frame["ratio"].tolist() == ["1.12", "0.600", "1.80"]  # type: ignore[union-attr]
    assert fast_pages.threads(results(speed_ratios=times[::2])) == []
