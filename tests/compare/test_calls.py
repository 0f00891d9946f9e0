"""What users call: the cases hold every option, the templates pass, and what is wrong is said with its place."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compare.ledger import jobs as ledger_jobs
from compare.ledger.calls import cases, run
from compare.ledger.processes import Event
from compare.report import call_pages
from compare.report.results import Results
from impls import mlp_numpy
from shared.pairwise import pairs_of, why_not


def test_the_first_cases_hold_every_option_and_all_of_them_every_pair() -> None:
    rows = cases.rows()
    first = rows[: run.MOST_ROWS["keras"]]
    for name, values in cases.FACTORS.items():
        assert {row[name] for row in first} == set(values), name
    assert rows[0]["dropout"]
    assert rows[0]["batch_norm"]
    met = set().union(*map(pairs_of, rows))
    names = list(cases.FACTORS)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            for x in cases.FACTORS[a]:
                for y in cases.FACTORS[b]:
                    assert ((a, x), (b, y)) in met or why_not({a: x, b: y}), (a, x, b, y)


def test_most_trainings_stop_early_with_their_best_epoch_in_the_middle() -> None:
    lengths = [len(run.standard_of(number).values["fit"]["history loss"]) for number in range(7)]
    assert all(length < cases.EPOCHS for length in lengths[:6])
    assert np.sum([length > cases.PATIENCE + 1 for length in lengths]) >= 5


def judged(name: str, numbers: range, folder: Path, module: Any = None) -> list[dict[str, Any]]:
    template = module or importlib.import_module(f"impls.mlp_{name}")
    return [row for number in numbers for row in run.judged(template, run.standard_of(number), folder)]


@pytest.mark.parametrize(("name", "count"), [("numpy", 7), ("torch", 7), ("keras", 1)])
def test_the_templates_do_what_their_steps_do(name: str, count: int, tmp_path: Path) -> None:
    rows = judged(name, range(count), tmp_path)
    assert [row for row in rows if not row["equal"]] == []
    calls = ["set", "step", "read", "predict", "loss", "evaluate", "next step", "save", "load", "fit", "fast fit"]
    assert [row["call"] for row in rows] == calls * count


def broken(**members: Any) -> SimpleNamespace:
    """The NumPy template with other members."""
    return SimpleNamespace(Config=mlp_numpy.Config, MLP=type("MLP", (mlp_numpy.MLP,), members))


def test_what_is_wrong_by_a_billionth_is_found(tmp_path: Path) -> None:
    def loss(self: Any, x: np.ndarray, y: np.ndarray) -> float:
        return mlp_numpy.MLP.loss(self, x, y) * (1 + 1e-9)

    rows = judged("numpy", range(1), tmp_path, broken(loss=loss))
    wrong = [row for row in rows if not row["equal"]]
    assert [row["call"] for row in wrong] == ["loss", "evaluate", "fit", "fast fit"]
    assert wrong[2]["what"] == "history val_loss of epoch 1"


def test_an_error_ends_the_case_and_is_no_difference(tmp_path: Path) -> None:
    def predict(self: Any, x: np.ndarray) -> np.ndarray:
        raise OSError("disk on fire")

    *_, last = judged("numpy", range(1), tmp_path, broken(predict=predict))
    assert (last["call"], last["message"]) == ("predict", "OSError: disk on fire")
    table = pd.DataFrame([{"implementation": "numpy", **last}], columns=run.COLUMNS)
    assert run.different(table) == []
    assert run.lost(table) == [f"numpy's predict ({last['case']}): OSError: disk on fire"]


def test_what_did_not_take_the_state_is_said_in_these_words(tmp_path: Path) -> None:
    rows = judged("numpy", range(2), tmp_path, broken(set_state=lambda self, state: None))
    (line, *_) = run.different(pd.DataFrame([{"implementation": "numpy", **row} for row in rows], columns=run.COLUMNS))
    assert line.startswith("numpy's set, step count: 0 for 7 (did not take the state) (")
    assert line.endswith(", and in 1 more)")


def test_each_case_is_a_job_and_a_dead_implementation_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"case": "c", "call": "fit", "what": "w", "found": "1", "wanted": "1", "difference": 0.0, "used": 0.0}
    row |= {"equal": True, "message": ""}

    def jobs_done(jobs: dict, *_: Any) -> dict[tuple, Event]:
        assert [key[0] for key in jobs] == [0] * len(jobs)
        jobs = {key[1]: job for key, job in jobs.items()}
        assert [number for name, number in jobs if name == "numpy"] == [*range(len(cases.rows()))]
        assert {key: job.work["number"] for key, job in jobs.items() if key[0] == "keras"} == {
            ("keras", 0): 0,
            ("keras", 1): 1,
        }
        ok, dead = Event("numpy", {}, "ok", result=[row]), Event("keras", {}, "killed", "exited with status 7")
        return {(0, key): ok if key[0] == "numpy" else dead for key in jobs}

    monkeypatch.setattr(ledger_jobs, "run_jobs", jobs_done)
    (table,) = ledger_jobs.answered([run.run_calls(["numpy", "keras"], {"keras": 2})], None)  # type: ignore[arg-type]
    assert list(table["implementation"]) == ["numpy"] * len(cases.rows()) + ["keras"] * 2
    assert run.lost(table) == ["keras's calls: exited with status 7"]


def test_the_report_shows_each_call_and_what_is_wrong() -> None:
    row = {"implementation": "numpy", "case": "adam", "call": "fit", "what": "epochs", "found": "3", "wanted": "4"}
    row |= {"difference": 1e-16, "used": 1e-4, "equal": "True", "message": ""}
    summary = {"implementations": [{"name": "numpy"}, {"name": "torch"}], "scenarios": []}
    wrong = row | {"implementation": "torch", "equal": "False", "used": 5.0}
    (alone,) = call_pages.calls(Results(summary, {"calls": pd.DataFrame([row])}))
    assert alone.frame.loc[0, "numpy"] == "1.0e-16 · 0.010 %"  # type: ignore[union-attr]
    table, list_of_wrong = call_pages.calls(Results(summary, {"calls": pd.DataFrame([row, wrong])}))
    assert table.frame.loc[0, "torch"].startswith("✗")  # type: ignore[union-attr]
    assert list(list_of_wrong.frame["implementation"]) == ["torch"]  # type: ignore[union-attr]
