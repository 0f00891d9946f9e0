"""The checker's checker: every trap is caught where it makes a difference, and nothing right is called wrong."""

from __future__ import annotations

import numpy as np
import pytest

from compare.traps.catalogue import CATALOGUE, Hypothesis
from compare.traps.clean import clean_comparisons, random_plan
from compare.traps.kill import OTHER_CHECKS, Kill, homes, kill, kill_matrix, rates
from compare.traps.scenarios import SCENARIOS, case

# Variants that are what every scenario here has anyway: hypotheses about models that should have had something else.
USUAL = {
    ("epsilon-value", "1e-8, PyTorch's default"),
    ("adam-betas", "0.9 and 0.999, the defaults"),
    ("momentum-value", "0.9"),
    ("rmsprop-decay", "0.999"),
}


def _of(name: str, scenario: str, dtype: str, variant: str | None = None) -> Kill:
    trap = CATALOGUE[name]
    label = next(iter(trap.variants)) if variant is None else variant
    return kill(case(SCENARIOS[scenario]), (Hypothesis(trap, label),), dtype)


@pytest.mark.parametrize("trap", CATALOGUE.values(), ids=CATALOGUE)
def test_every_variant_is_caught_in_float64_in_some_scenario(trap):
    caught = {hypothesis.variant for _, hypothesis in homes(trap)}
    assert {variant for variant in trap.variants if (trap.name, variant) not in USUAL} <= caught


@pytest.mark.parametrize("scenario", ["trap-momentum-decay", "trap-norm", "trap-weights"])
def test_no_trap_above_rounding_is_missed(scenario):
    rows = list(kill_matrix(scenarios=[SCENARIOS[scenario]], others=False))
    assert rows
    assert [row for row in rows if row.missed] == []


class TestAKill:
    def test_names_the_place(self):
        row = _of("epsilon-inside-root", "trap-rmsprop", "float64")
        assert row.caught
        assert (row.mode, row.phase, row.tensor, row.step) == ("in step", "update", "weights of layer 1 W", 1)
        assert row.difference > 1e-3

    def test_of_what_only_training_by_itself_shows(self):
        row = _of("threshold-on-logits", "trap-sgd", "float64")
        assert row.caught
        assert (row.mode, row.phase) == ("on its own", "outcome")

    def test_in_float32_says_how_small_a_trap_below_rounding_is(self):
        row = _of("gelu-float32-constant", "trap-gelu", "float32")
        assert not row.caught
        assert not row.above_rounding
        assert 0 < row.size < 1
        assert _of("gelu-float32-constant", "trap-gelu", "float64").above_rounding

    def test_in_float32_sees_powers_of_betas_that_were_rounded(self):
        assert _of("betas-float32-in-correction", "trap-adam", "float32").caught

    def test_a_missed_one_is_called_so(self):
        row = Kill("t", "", "s", "float32", False, "", "loss", "loss", 0, 1e-9, 0.5, 3.0, {})
        assert row.missed
        assert rates([row])["the ledger"] == 0.0


def test_the_other_checks_miss_what_the_ledger_catches():
    permuted = _of("dropout-inverted", "trap-dropout", "float64")
    assert permuted.others["weights within 1e-3 after an epoch"]
    small = _of("epsilon-value", "trap-adam", "float64")
    assert small.caught
    assert not small.others["final accuracy within one point"]
    assert not small.others["the last step's loss within rtol 1"]
    assert small.others.keys() == OTHER_CHECKS.keys()


def test_the_other_checks_pass_the_clean_reference():
    row = kill(case(SCENARIOS["trap-adam"]), (), "float64")
    assert not row.caught
    assert not any(row.others.values())


def test_rates_are_shares_of_the_traps_above_rounding():
    rows = [_of("loss-factor", "trap-sgd", "float64"), _of("clip-epsilon", "trap-adam-decay", "float32")]
    found = rates(rows)
    assert found["the ledger"] == 1.0
    assert set(found) == {"the ledger", *OTHER_CHECKS}


def test_clean_comparisons_raise_no_alarm():
    pytest.importorskip("torch").set_num_threads(1)
    for clean in clean_comparisons(40, seed=20):
        assert not clean.false_alarm, (clean.number, clean.kind, clean.dtype, clean.config)


def test_clean_comparisons_are_as_many_as_asked_for_and_the_same_again():
    one, other = ([(c.number, c.kind, c.dtype, c.used) for c in clean_comparisons(5, 3, ("reordered",))] for _ in "ab")
    assert len(one) == 5
    assert one == other


def test_the_reordered_reference_rounds_differently_indeed():
    differences = [
        max(gap.difference for comparison in clean.comparisons for gap in comparison.worst)
        for clean in clean_comparisons(6, 0, ("reordered",))
    ]
    assert np.median(differences) > 0


def test_random_plans_reach_every_option():
    random = np.random.default_rng(0)
    configs = [random_plan(random, number).config for number in range(100)]
    for field in (
        "dropout",
        "batch_norm",
        "clip_norm",
        "clip_value",
        "class_weights",
        "label_smoothing",
        "weight_decay",
    ):
        assert any(config.get(field) for config in configs), field
    assert len({config["optimizer"] for config in configs}) == 7
    assert len({config["loss"] for config in configs}) == 6
    for field in ("activation", "dropout"):
        assert any(isinstance(config[field], tuple) for config in configs), field
