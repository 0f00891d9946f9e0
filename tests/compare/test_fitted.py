"""What is read off a candidate's numbers: a rate's course, a penalty, what was paired wrongly; and what is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compare.candidates import plans, suspects
from compare.candidates.hold import may_be_float32
from compare.traps import facts, fitted
from compare.traps.catalogue import CATALOGUE, Hypothesis, record_trapped
from compare.traps.diagnose import diagnose
from compare.traps.measure import Measure
from compare.traps.scenarios import Case
from compare.traps.words import what_to_do
from impls.mlp_numpy import Config

CONFIG: dict[str, Any] = {
    "layer_sizes": (4, 6, 3),
    "activation": "tanh",
    "loss": "softmax_cross_entropy",
    "learning_rate": 0.1,
}
STEPS = 12
T = np.arange(STEPS)


def measured(trap: str, values: dict[str, Any], **fields: Any) -> Measure:
    """The reference with a trap of these values, as a candidate."""
    case = Case(plans.own(CONFIG | fields, STEPS))
    trace = record_trapped([Hypothesis(CATALOGUE[trap], "", values)], case.plan, "float64", case.reference)
    return Measure(case, trace, "in step", "float64", STEPS)


def named(measure: Measure) -> str:
    found = diagnose(measure.case.plan, measure.case.reference, stepped=measure.candidate)
    return found.explanations[0].label if found.explanations else ""


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        (0.9**T, "times 0.9 in every step"),
        (0.5 ** (T // 3), "times 0.5 in every 3 steps"),
        (1 - T / 50, "a straight line"),
        (1 / (1 + 0.25 * T), "divided by 1 + 0.25 t"),
        (np.minimum(1, (T + 1) / 6), "a warm-up of 6 steps"),
        ((1 + np.cos(np.pi * T / 30)) / 2, "a cosine over 30 steps"),
        (np.random.default_rng(0).uniform(0.5, 1, STEPS), ""),
    ],
)
def test_the_course_of_a_rate(rates: np.ndarray, said: str) -> None:
    measure: Any = SimpleNamespace(plan=SimpleNamespace(config=CONFIG))
    assert fitted._course(measure, rates).partition(",")[0].partition(" from")[0] == said


def test_a_rate_that_changes_in_every_step_is_named() -> None:
    factors = tuple((int(step), float(factor)) for step, factor in enumerate((1 + np.cos(np.pi * T / 30)) / 2))
    assert "a cosine over 30 steps" in named(measured("schedule-unnamed", {"factors": factors}))


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"of": "square", "strength": 0.05, "tensors": (0, 2), "in_loss": 1.0}, "0.05 times the half square of the w"),
        ({"of": "absolute value", "strength": 0.02, "tensors": (0,), "in_loss": 0.0}, "layer 1 W, in the gradient"),
        ({"of": "norm", "strength": 0.02, "tensors": (2,), "in_loss": 1.0}, "the norm of layer 2 W, in loss"),
    ],
)
def test_a_penalty_is_named_with_its_place(values: dict[str, Any], where: str) -> None:
    assert where in named(measured("penalty-unnamed", values))


def test_a_limit_of_the_weights_is_named() -> None:
    measure = measured("weights-constrained", {"to": "value", "limit": 0.37, "biases": True})
    assert named(measure) == "weights-constrained (to 0.37, biases too)"


def test_settings_are_tried_with_the_candidates_numbers() -> None:
    config = Config(**CONFIG | {"optimizer": "adam", "activation": "leaky_relu", "batch_norm": True})
    has = {"epsilon": 3e-7, "beta1": 0.9, "beta2": 0.97, "norm_epsilon": 2e-3}
    assert suspects.of_settings(config, has, "torch") == [
        ("epsilon-value", "3e-07", {"epsilon": 3e-7}),
        ("adam-betas", "beta2 0.97", {"beta2": 0.97}),
        ("norm-epsilon", "0.002", {"value": 2e-3}),
    ]
    z = np.linspace(-2, 2, 9)
    assert suspects.of_activation(config, [(z, np.where(z > 0, z, 0.15 * z))]) == [
        ("leaky-slope", "0.15", {"slope": 0.15})
    ]
    assert suspects.of_activation(config, [(z, np.where(z > 0, z, 0.5 * np.expm1(z)))]) == [
        ("other-activation", "ELU with alpha 0.5", {"elu": 0.5})
    ]
    assert suspects.of_activation(config, [(z, np.tanh(z))]) == []


def test_rates_of_dropout_that_are_others_are_suspects() -> None:
    config = Config(**CONFIG | {"dropout": 0.2})
    assert suspects.of_dropout(config, [0.35]) == [("dropout-rate", "0.35", {"rates": (0.35,)})]
    assert suspects.of_dropout(config, [0.2]) == []


def test_a_suspect_is_named_only_if_it_explains() -> None:
    measure = measured("other-activation", {"elu": 0.5}, activation="elu")
    guesses = [Hypothesis(CATALOGUE["other-activation"], f"ELU with alpha {a:g}", {"elu": a}) for a in (0.7, 0.5)]
    found = diagnose(measure.case.plan, measure.case.reference, stepped=measure.candidate, suspects=guesses)
    assert found.explanations[0].label == "other-activation (ELU with alpha 0.5)"


def test_a_decay_as_a_penalty_of_twice_the_strength_is_one_cause() -> None:
    measure = measured("decay-factor", {"factor": 2.0, "as_penalty": True}, weight_decay=0.1)
    assert named(measure) == "decay-factor (2 times, as a penalty in the loss)"


def test_pairs_that_are_shuffled_apart_are_said_and_a_penalty_is_not() -> None:
    apart = measured("targets-disordered-in-batch", {"what": "targets reversed"})
    assert "by one permutation" in "".join(facts._of_pairing(apart, apart.clean, 1e-9))
    penalty = {"of": "square", "strength": 0.05, "tensors": (0, 2), "in_loss": 1.0}
    other = measured("penalty-unnamed", penalty)
    assert not list(facts._of_pairing(other, other.clean, 1e-9))


@pytest.mark.parametrize(("difference", "cause", "may"), [(1e-7, "", True), (9.0, "", False), (1e-7, "frozen", False)])
def test_only_a_small_difference_may_be_float32(difference: float, cause: str, may: bool) -> None:
    answer: Any = SimpleNamespace(diagnosis=SimpleNamespace(cause=cause, first=SimpleNamespace(difference=difference)))
    assert may_be_float32(answer) is may


def test_the_first_line_is_what_to_do() -> None:
    measure = measured("gradients-not-zeroed", {"counted": "updates"})
    found = diagnose(measure.case.plan, measure.case.reference, stepped=measure.candidate)
    mend = "optimizer.zero_grad()  # before loss.backward()"
    assert what_to_do(found, "torch") == f"Differs: {found.explanations[0].label}. What mends it: {mend}"
    assert what_to_do(found, "numpy") == f"Differs: {found.explanations[0].label}."
    harmless = measured("decay-on-biases", {}, weight_decay=0.1)
    assert what_to_do(diagnose(harmless.case.plan, harmless.case.reference, stepped=harmless.candidate), "torch") == ""
