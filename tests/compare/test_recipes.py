"""The recipes run, judged and shown: in three processes, with what may go wrong on the way."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.ledger.jobs import answered
from compare.ledger.processes import Event, Pool
from compare.recipes import run, seeds
from compare.recipes.train import measured_steps, train
from compare.report import tutorial_pages
from compare.report.blocks import Table
from compare.report.results import COLUMNS, Results, _read_table
from compare.run.executors import done
from shared import recipes
from shared.recipes import RECIPES

NAMES = ["numpy", "torch", "keras"]
CHOSEN = ["three-class-adam", "rate-too-high", "rate-right"]


def plan_of(name: str, seed: int | None = None):
    recipe = RECIPES[name]
    return recipes.plan_of(recipe, recipe.load(recipe.scenario.dataset), seed)


@pytest.fixture(scope="module")
def findings(tmp_path_factory) -> run.Findings:
    """A few short recipes, in all three."""
    with Pool(NAMES, tmp_path_factory.mktemp("workers"), 1, 60) as pool:
        (found,) = answered([run.run_recipes(NAMES, CHOSEN)], pool)
    return found


# Trained -----------------------------------------------------------------------------------------------------------


def test_three_implementations_come_to_the_same(findings) -> None:
    rows = findings.tables["recipes"]
    assert list(rows["recipe"]) == [name for name in CHOSEN for _ in NAMES]
    assert list(rows["implementation"]) == NAMES * 3
    assert rows["holds"].all()
    assert rows["same"].all()
    assert (rows["difference"] < 1e-12).all()
    assert findings.lost == findings.different == []
    curves = findings.tables["recipe_curves"]
    lost = curves[(curves["recipe"] == "rate-too-high") & (curves["step"] == 60)]
    assert lost["loss"].isna().all()
    assert set(curves[curves["recipe"] == "three-class-adam"]["step"]) == set(range(51))


def test_the_loss_is_measured_at_both_ends() -> None:
    assert measured_steps(3) == {0, 1, 2, 3}
    steps = sorted(measured_steps(10_000))
    assert (steps[0], steps[-1], len(steps)) == (0, 10_000, 61)


# Judged ------------------------------------------------------------------------------------------------------------


def fake_events(change: dict[str, Any]) -> dict[tuple[str, ...], Event]:
    """Events of three-class-adam, Keras' changed."""
    result = {"steps": [0, 50], "losses": [1.0, 0.1], "predictions": [], "errors": [], "accuracy": 1.0}
    work = {"recipe": "three-class-adam", "seed": None}
    return {
        ("three-class-adam", name): Event(name, work, "ok", "", 1.0, result | (change if name == "keras" else {}))
        for name in NAMES
    }


def judged(events: dict[tuple[str, ...], Event], reasons: dict[tuple[str, str], str] | None = None) -> run.Findings:
    reasons = {("three-class-adam", name): "" for name in NAMES} | (reasons or {})
    rows = run.judged(RECIPES["three-class-adam"], reasons, events)
    empty = seeds.seed_table([], [])
    return run.Findings({"recipes": pd.DataFrame(rows, columns=run._COLUMNS), "recipe_seeds": empty})


@pytest.mark.parametrize(
    "losses", [[1.0, 0.1 + 2e-6], [1.0, 0.6], [1.0, math.nan], [math.inf, 0.1], [1.0], [1.0, 0.1, 0.1]]
)
def test_another_curve_or_verdict_is_not_the_same(losses: list[float]) -> None:
    found = judged(fake_events({"losses": losses}))
    assert list(found.tables["recipes"]["same"]) == [True, True, False]
    assert found.different == ["three-class-adam is not the same in all"]
    assert found.lost == []


def test_rounding_is_the_same() -> None:
    assert judged(fake_events({"losses": [1.0, 0.1 + 1e-9]})).different == []


def test_a_lost_training_is_named_and_a_skipped_one_is_not() -> None:
    events = fake_events({})
    del events["three-class-adam", "torch"]
    events["three-class-adam", "keras"] = Event("keras", {}, "raised", "no memory")
    found = judged(events, {("three-class-adam", "torch"): "too long"})
    assert found.lost == ["three-class-adam: keras did not finish: no memory"]
    assert found.different == []
    assert list(found.tables["recipes"]["reason"]) == ["", "too long", "did not finish: no memory"]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1))
def test_a_curve_equals_itself_whatever_it_holds(losses: list[float]) -> None:
    assert run.curve_difference(losses, losses) == 0.0


@pytest.mark.parametrize(
    ("name", "who", "default_run", "expected"),
    [
        ("xor-small-normal", "keras", True, "10,000 steps are too many for the default run"),
        ("xor-small-normal", "torch", True, ""),
        ("xor-small-normal", "keras", False, ""),
        ("digits-deep", "keras", True, ""),
        ("mnist-deep", "numpy", True, "not in the default run: --recipe mnist-deep trains it"),
        ("mnist-deep", "numpy", False, ""),
    ],
)
def test_what_the_default_run_leaves_out_has_a_reason(
    name: str, who: str, default_run: bool, expected: str, monkeypatch
) -> None:
    monkeypatch.setattr(recipes, "unavailable", lambda recipe: "")
    reason = run.reason_to_skip(RECIPES[name], who, default_run)
    assert reason.startswith(expected)
    assert bool(reason) == bool(expected)


def test_an_unknown_recipe_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="unknown recipe 'xor'"):
        next(run.run_recipes([], ["xor"]))


# Seeds -------------------------------------------------------------------------------------------------------------


def test_he_weights_learn_from_128_of_200_seeds() -> None:
    errors = seeds.errors_by_seed(RECIPES["xor-he-bce"], range(seeds.SEEDS))
    learns = errors[5_000] < recipes.LEARNED
    assert learns.sum() == 128
    assert learns[42]
    assert np.flatnonzero(~learns)[0] == seeds.OTHERWISE["xor-he-bce"]
    outcome = train("numpy", plan_of("xor-he-bce", seed=4))
    assert max(outcome.errors) == pytest.approx(errors[5_000][4], rel=1e-9)


def test_all_seeds_are_trained_in_parts_on_any_executor(monkeypatch) -> None:
    monkeypatch.setattr(seeds, "errors_by_seed", lambda recipe, part: {50: np.array(part) / 200})
    trainings = seeds.seed_trainings(["xor-he-bce", "xor-small-normal"])
    rows = [row for part in done(trainings, ThreadPoolExecutor(2)) for row in part]
    assert [seed for name, seed, *_ in rows if name == "xor-he-bce"] == list(range(200))
    assert all((epochs, error) == (50, seed / 200) for _, seed, epochs, error in rows)
    assert sum(training.trained for training in trainings) == 400


def test_a_seed_that_ends_otherwise_elsewhere_is_a_difference() -> None:
    numpy = [("xor-he-bce", 0, 5_000, 0.1), ("xor-he-bce", 1, 5_000, 0.5)]
    torch = [
        Event("torch", {"recipe": "xor-he-bce", "seed": seed}, "ok", result={"errors": [0.1, 0.2]}) for seed in (0, 1)
    ]
    table = seeds.seed_table(numpy, torch)
    assert list(table["learns"]) == [True, False, True, True]
    assert list(table["confirms"]) == [True, True, True, False]
    found = run.Findings({"recipes": pd.DataFrame(columns=run._COLUMNS), "recipe_seeds": table})
    assert found.different == ["xor-he-bce, seed 1: torch says otherwise"]


def test_the_others_train_few_seeds_and_no_long_ones_in_the_default_run() -> None:
    jobs = seeds.seed_jobs(recipes.XOR_RECIPES, NAMES, run.MOST_STEPS)
    assert {key[2] for key in jobs} == {"torch"}
    assert {key[2] for key in seeds.seed_jobs(recipes.XOR_RECIPES, NAMES, {})} == {"torch", "keras"}
    assert seeds.seed_jobs(recipes.XOR_RECIPES, ["torch", "keras"], {}) == {}


# Shown -------------------------------------------------------------------------------------------------------------


def results_of(tables: dict[str, pd.DataFrame], folder: Path) -> Results:
    """Tables written and read back as the report does, without a summary."""
    (folder / "data").mkdir()
    for name, table in tables.items():
        table.to_csv(folder / "data" / f"{name}.csv", index=False)
    return Results({"implementations": [{"name": n} for n in NAMES]}, {n: _read_table(folder, n) for n in COLUMNS})


def table_of(blocks: list, title: str) -> Table:
    return next(block for block in blocks if isinstance(block, Table) and block.title == title)


def test_the_page_shows_claim_measurement_and_verdict(findings, tmp_path) -> None:
    results = results_of(findings.tables, tmp_path)
    table = table_of(tutorial_pages.tutorials(results), "Claim and measurement")
    row = table.frame.iloc[0]
    assert (row["recipe"], row["verdict"]) == ("three-class-adam", "holds")
    assert row["numpy"] == row["keras"] == "1.1 → 0.11 · 100 %"
    assert row["same"].startswith("yes · ")
    blocks = tutorial_pages.mistakes(results)
    assert list(table_of(blocks, "What each mistake does").frame["recipe"]) == ["rate-too-high", "rate-right"]
    figure = blocks[-1]
    assert figure.title == "Learning rate too high or too low"  # type: ignore[union-attr]
    assert [panel.title for panel in figure.panels] == NAMES  # type: ignore[union-attr]


def test_a_difference_between_the_three_is_marked(findings, tmp_path) -> None:
    rows = findings.tables["recipes"].copy()
    rows.loc[(rows["recipe"] == "three-class-adam") & (rows["implementation"] == "keras"), ["same", "holds"]] = False
    results = results_of(findings.tables | {"recipes": rows}, tmp_path)
    table = table_of(tutorial_pages.tutorials(results), "Claim and measurement")
    assert table.frame["same"].iloc[0].startswith("✗ no")
    assert table.frame["verdict"].iloc[0] == "holds / does not hold"
    assert table.failing is not None
    assert table.failing["same"].iloc[0]


def test_the_relay_table_has_a_column_an_order_and_marks_what_differs(tmp_path) -> None:
    rows = pd.DataFrame(
        [
            ("adam", "numpy → torch", 1e-15, 1e-12, True, ""),
            ("adam", "torch → numpy", math.nan, 1e-12, False, "torch: killed"),
            ("sgd", "numpy → torch", 1e-9, 1e-12, False, ""),
            ("sgd", "torch → numpy", 0.0, 1e-12, True, ""),
        ],
        columns=COLUMNS["relay"].split(),
    )
    table, terms = tutorial_pages.relay(results_of({"relay": rows}, tmp_path))
    assert isinstance(table, Table)
    assert table.frame.values.tolist() == [
        ["adam", "1.0e-15 · 0.10 %", "✗ did not finish"],
        ["sgd", "✗ 1.0e-9 · 1000 times", "0 · 0 %"],
    ]
    assert table.failing is not None
    assert table.failing.values.tolist() == [[False, False, True], [False, True, False]]
    assert terms.meanings == {"adam, torch → numpy": "torch: killed"}  # type: ignore[union-attr]


def test_the_shares_and_the_cross_over(tmp_path) -> None:
    about = {"claim": "c", "criterion": "k", "weights": "np.random.seed(42): randn", "reason": "", "same": True}
    rows = pd.DataFrame(
        [
            {**about, "recipe": name, "implementation": who, "holds": holds, "final_loss": 0.1}
            for name, holds in [("xor-small-normal", False), ("xor-framework-default", True)]
            for who in ("numpy", "torch")
        ],
        columns=run._COLUMNS,
    )
    work = {"recipe": "xor-uniform-sum"}
    table = seeds.seed_table(
        [(work["recipe"], seed, *end) for seed, end in enumerate([(1000, 0.5)] * 2)]
        + [(work["recipe"], 0, 10_000, 0.1), (work["recipe"], 1, 10_000, 0.5)],
        [Event("torch", work | {"seed": 0}, "ok", result={"errors": [0.1]})],
    )
    shares, crossed = tutorial_pages.initial_weights(results_of({"recipes": rows, "recipe_seeds": table}, tmp_path))
    assert isinstance(shares, Table)
    assert isinstance(crossed, Table)
    row = shares.frame.iloc[0]
    assert (row["seeds that learn"], row["after 10,000 epochs"]) == ("0 of 2", "1 of 2")
    assert row["confirmed seeds"] == "torch: 0 of 1"
    assert shares.failing is not None
    assert shares.failing["confirmed seeds"].iloc[0]
    assert crossed.frame.values.tolist() == [
        ["the NumPy article's, randn · 0.1", "does not learn · loss 0.10", "does not learn · loss 0.10"],
        ["PyTorch's default", "learns · loss 0.10", "learns · loss 0.10"],
    ]
