"""What a run stores: metrics and tables from known outputs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from compare import results
from compare.ledger import adapters, trace
from compare.ledger.run import Failure, Finding, Ledger
from shared import scenarios
from shared.datasets import load


def finding_of(name: str) -> Finding:
    scenario = scenarios.get(name)
    plan = scenarios.plan(replace(scenario, epochs=1), load(scenario.dataset))
    model = adapters.build("numpy", plan.config | {"dtype": "float64"}, plan.params)
    return Finding(plan, {("numpy", "float64"): trace.record(model, plan)})


def test_metrics_of_a_classifier_are_those_of_its_predictions() -> None:
    finding = finding_of("digits")
    recorded = finding.traces["numpy", "float64"]
    found = results.metrics_of(finding, recorded)
    target = finding.plan.dataset.y_test
    assert found["accuracy"] == np.mean(recorded.outputs.argmax(axis=1) == target)
    z = recorded.outputs - recorded.outputs.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    assert found["log loss"] == pytest.approx(-log_p[np.arange(len(target)), target].mean())
    assert found.keys() == {"accuracy", "balanced accuracy", "F1 (macro)", "ROC AUC", "log loss"}


def test_metrics_of_two_classes_use_the_second_ones_probability() -> None:
    finding = finding_of("moons")
    recorded = finding.traces["numpy", "float64"]
    found = results.metrics_of(finding, recorded)
    assert found["ROC AUC"] == metrics.roc_auc_score(finding.plan.dataset.y_test, recorded.outputs[:, 0])


def test_metrics_of_a_regression() -> None:
    finding = finding_of("diabetes")
    recorded = finding.traces["numpy", "float64"]
    residual = finding.plan.dataset.y_test - recorded.predictions
    found = results.metrics_of(finding, recorded)
    assert found["mean absolute error"] == pytest.approx(np.abs(residual).mean())
    variance = ((finding.plan.dataset.y_test - finding.plan.dataset.y_test.mean()) ** 2).mean()
    assert found["R2"] == pytest.approx(1 - (residual**2).mean() / variance)


def test_outputs_that_are_not_finite_have_no_metrics() -> None:
    finding = finding_of("digits")
    recorded = finding.traces["numpy", "float64"]
    assert results.metrics_of(finding, replace(recorded, outputs=recorded.outputs * math.nan)) == {}


def test_the_confusion_matrix_counts_every_test_sample() -> None:
    finding = finding_of("digits")
    tables = results.outcomes(Ledger({"digits": finding}, [], {"numpy": 0.0}))
    confusion, predictions = tables["confusion"], tables["predictions"]
    assert confusion["count"].sum() == len(predictions) == len(finding.plan.dataset.y_test)
    right = confusion[confusion.target == confusion.prediction]["count"].sum()
    assert right == (predictions.target == predictions.prediction).sum()
    assert predictions.output.between(0.1, 1).all()


def test_a_failure_outweighs_equality() -> None:
    finding = finding_of("xor")
    ledger = Ledger({"xor": finding}, [Failure("torch", "xor", "timed out", "no answer")], {"numpy": 0.0})
    verdict = results.verdict_of(ledger)
    assert (verdict.status, verdict.exit_code) == ("incomplete", 3)


def test_without_a_scenario_the_verdict_says_what_was_held_against_what() -> None:
    ledger = Ledger({}, [], {"numpy": 0.0, "torch": 0.0})
    parts = [results.Part({}, equal="each repeats itself"), results.Part({}), results.Part({}, equal="the rest")]
    verdict = results.verdict_of(ledger, parts)
    assert verdict == results.Verdict("equal", 0, "No scenario was compared; equal: each repeats itself; the rest.")
    nothing = results.verdict_of(ledger, [results.Part({})])
    assert (nothing.status, nothing.exit_code, nothing.sentence) == ("measured", 0, "Nothing was compared.")
    measured = results.verdict_of(ledger, [results.Part({}, measured="this of 8"), results.Part({}, measured="that")])
    assert measured == results.Verdict("measured", 0, "Measured: this of 8; that; nothing was compared.")
    assert results.verdict_of(ledger, [*parts, results.Part({}, measured="this")]).status == "equal"
    assert results.verdict_of(ledger, [results.Part({}, ["keras fast"], equal="x")]).exit_code == 1


def test_numbers_that_are_not_finite_are_null_in_json() -> None:
    assert results._plain({"a": [math.nan, 1.5, np.float64(2), np.int64(3)]}) == {"a": [None, 1.5, 2.0, 3]}
