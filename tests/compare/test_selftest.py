"""The self-test: it must say when a trap gets away, a bug is misplaced, an alarm is false, a training not repeated."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from compare.ledger import adapters, repeat, trace
from compare.ledger.processes import Event
from compare.ledger.run import Finding, Ledger
from compare.report import trap_pages
from compare.report.results import Results
from compare.traps import causes, planted, selftest
from shared import scenarios
from shared.datasets import load


def kill_rows() -> pd.DataFrame:
    row = {"trap": "adam-epsilon", "variant": "", "scenario": "digits", "dtype": "float64", "caught": True}
    row |= {"mode": "in step", "phase": "update", "tensor": "weights of layer 1 W", "step": 0, "difference": 1e-5}
    row |= {"used": 1e4, "size": 1e4, "missed": False, "above_rounding": True, "last loss": False}
    small = {"dtype": "float32", "caught": False, "size": 0.1, "above_rounding": False}
    return pd.DataFrame([row, row | small])


def findings(**changed: object) -> selftest.Findings:
    """A self-test in which all is well, with some columns changed."""
    bug = {"template": "torch", "scenario": "digits", "line": "a", "instead": "b", "caught": True, "step": 0}
    bug |= {"phase": "update", "tensor": "weights of layer 1 W", "difference": 1e-5, "placed": True, "message": ""}
    alarm = {"number": 1, "kind": "torch", "dtype": "float64", "used": 0.1, "false_alarm": False}
    tables = {"kills": kill_rows(), "planted": pd.DataFrame([bug]), "clean": pd.DataFrame([alarm])}
    for name, table in tables.items():
        for column in table.columns.intersection(list(changed)):
            tables[name] = tables[name].assign(**{column: changed[column]})
    return selftest.Findings(tables)


def test_all_is_well() -> None:
    assert findings().wrong == []
    assert findings().lost == []
    assert any("1 of 1" in line for line in findings().summary)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"missed": True}, "adam-epsilon on digits in float64 was not caught"),
        ({"placed": False}, "bug in the torch template (b) was not placed"),
        ({"false_alarm": True}, "false alarm: torch, float64, number 1"),
    ],
)
def test_what_is_wrong_is_said(changed: dict, said: str) -> None:
    assert said in findings(**changed).wrong


def test_a_planted_bug_that_could_not_be_tried_is_lost_and_not_wrong() -> None:
    found = findings(placed=False, message="the template has no such line")
    assert found.wrong == []
    assert found.lost == ["bug in the torch template: the template has no such line"]


def test_planted_bugs_run_where_their_framework_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def jobs_done(jobs, pool, show):
        asked.extend(job.implementation for job in jobs.values())
        return {number: Event(job.implementation, job.work, "raised", "no line") for number, job in jobs.items()}

    monkeypatch.setattr(selftest, "run_jobs", jobs_done)
    rows = selftest.planted_bugs(SimpleNamespace(workers={"numpy": None, "torch": None}))  # type: ignore[arg-type]
    assert set(asked) == {"numpy", "torch"}
    assert len(rows) == sum(bug.template != "keras" for bug in planted.PLANTED)
    assert not rows.placed.any()
    assert len([bug for bug in planted.PLANTED if bug.template != "numpy"]) >= 12


def test_the_causes_are_sought_at_the_first_place_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def suspect(scenario: str, name: str, dtype: str) -> SimpleNamespace:
        return SimpleNamespace(scenario=scenario, implementation=name, dtype=dtype)

    def finding(steps: int, *suspects: SimpleNamespace) -> Finding:
        plan = SimpleNamespace(steps=[0] * steps, params=[(np.zeros((5, 2)),)])
        wrong = [
            SimpleNamespace(
                scenario=s.scenario, dtype=s.dtype, mode="in step", equal=False, a="numpy", b=s.implementation
            )
            for s in suspects
        ]
        return Finding(plan, {}, wrong, list(suspects), "numpy")  # type: ignore[arg-type]

    long, short = suspect("a", "torch", "float64"), suspect("b", "torch", "float64")
    single, keras = suspect("a", "torch", "float32"), suspect("a", "keras", "float32")
    ledger = Ledger({"a": finding(200, long, single, keras), "b": finding(20, short)}, [], {})
    assert [(c.scenario, c.dtype) for c in ledger.differing][:2] == [("b", "float64"), ("a", "float64")]
    monkeypatch.setattr(causes, "odd_one_out", lambda comparisons: None)
    assert causes.chosen(ledger) == [short, keras]  # type: ignore[comparison-overlap]


def recorded() -> trace.Trace:
    scenario = replace(scenarios.get("moons"), steps=3)
    plan = scenarios.plan(scenario, load(scenario.dataset))
    return trace.record(adapters.build("numpy", plan.config | {"dtype": "float32"}, plan.params), plan)


@pytest.mark.parametrize("field", ["losses", "params", "gradients", "logits", "velocity"])
def test_one_bit_more_or_less_is_not_the_same(field: str) -> None:
    one, other = recorded(), recorded()
    assert repeat.same_bits(one, other)
    values = np.array(other.states[field] if field in other.states else getattr(other, field))
    values.flat[-1] = np.nextafter(values.flat[-1], np.inf)
    changed = {"states": {field: values}} if field in other.states else {field: values}
    assert not repeat.same_bits(one, replace(other, **changed))


def test_the_numpy_template_repeats_itself() -> None:
    assert repeat.run("numpy", {"dtype": "float32"})


def results_of(**tables: pd.DataFrame) -> Results:
    return Results({"implementations": [{"name": "numpy"}], "scenarios": []}, tables)


def test_the_report_names_what_does_not_repeat_itself_and_nothing_else() -> None:
    row = {"implementation": "keras", "scenario": "digits", "dtype": "float32", "equal": "True", "message": ""}
    assert trap_pages.determinism(results_of(repeat=pd.DataFrame([row]))) == []
    blocks = trap_pages.determinism(results_of(repeat=pd.DataFrame([row | {"equal": "False"}])))
    assert any("keras in float32" in block.text for block in blocks)  # type: ignore[union-attr]


def test_the_report_shows_the_rates_and_marks_what_was_missed() -> None:
    tables = {name: table.astype(str) for name, table in findings().tables.items()}
    tables["kills"]["step"] = 0.0
    tables["planted"]["step"] = 0.0
    tables["clean"]["used"] = 0.1
    (rates,) = trap_pages.kill_rates(results_of(**tables))
    shown = rates.frame.set_index("check")  # type: ignore[union-attr]
    assert shown.loc["this ledger", "float64 caught"] == "1 of 1"
    assert shown.loc["last loss", "float64 caught"] == "0 of 1"
    (alarms,) = trap_pages.false_alarms(results_of(**tables))
    assert alarms.text.startswith("0 in 1 clean comparisons")  # type: ignore[union-attr]
    (bugs,) = trap_pages.planted_bugs(results_of(**tables))
    assert bugs.frame.loc[0, "first place"] == "update, weights of layer 1 W"  # type: ignore[union-attr]
    assert not bugs.failing.to_numpy().any()  # type: ignore[union-attr]
    (table,) = trap_pages.kill_matrix(results_of(**tables))
    assert "below rounding" in table.frame.loc[0, "float32"]  # type: ignore[union-attr]
    assert not table.failing.to_numpy().any()  # type: ignore[union-attr]
    missed = tables["kills"].assign(missed="True", caught="False")
    (table,) = trap_pages.kill_matrix(results_of(kills=missed))
    assert table.failing.loc[0, "trap"]  # type: ignore[union-attr]


def test_an_accused_port_is_wrong_and_marked() -> None:
    row = {"file": "b.py", "against": "a.py", "expected": "equal", "found": "equal", "right": True, "accused": False}
    bad = row | {"file": "c.py", "found": "momentum", "right": False, "accused": True}
    table = pd.DataFrame([row | {"seconds": 1.0}, bad | {"seconds": 3.0}])
    found = selftest.Findings(findings().tables | {"scripts": table})
    assert "c.py is a right port and was called: momentum" in found.wrong
    assert "1 of 2 correct ones accused; 2.0 s (median) to 3.0 s" in found.summary[-1]
    kept = table.astype({"right": str, "accused": str})
    score, wrong = trap_pages.scripts(results_of(scripts=kept))
    assert score.frame.loc[0, "as expected"] == "1"  # type: ignore[union-attr]
    assert wrong.frame["file"].tolist() == ["c.py"]  # type: ignore[union-attr]
    assert wrong.failing["found"].tolist() == [True]  # type: ignore[union-attr]
