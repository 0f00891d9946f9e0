"""Every trap is diagnosed as itself, pairs as both, and what is in no catalogue by simple facts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compare.ledger.trace import Trace, record
from compare.traps.catalogue import CATALOGUE, Hypothesis, record_trapped
from compare.traps.catalogue.trap import template
from compare.traps.diagnose import diagnose, telling_scenario
from compare.traps.facts import of_pair
from compare.traps.kill import homes
from compare.traps.scenarios import SCENARIOS, Case, case
from compare.traps.words import explain

# Traps that are the same thing wherever both apply.
SAME = {"values-for-classes": "threshold-on-logits"}


def _cause(name: str, variant: str = "") -> Hypothesis:
    assert variant in CATALOGUE[name].variants
    return Hypothesis(CATALOGUE[name], variant)


def _traces(ground: Case, *causes: Hypothesis, dtype: str = "float64") -> dict[str, Trace]:
    return {
        "stepped": record_trapped(causes, ground.plan, dtype, ground.reference),
        "own": record_trapped(causes, ground.plan, dtype, whole=False),
    }


def _diagnosed(scenario: str, *causes: Hypothesis, dtype: str = "float64", modes: tuple[str, ...] = ("stepped", "own")):
    ground = case(SCENARIOS[scenario])
    traces = _traces(ground, *causes, dtype=dtype)
    return diagnose(ground.plan, ground.reference, dtype=dtype, **{mode: traces[mode] for mode in modes})


@pytest.mark.parametrize("trap", CATALOGUE.values(), ids=CATALOGUE)
def test_every_trap_is_diagnosed_as_itself(trap):
    ground, hypothesis = next(homes(trap))
    diagnosis = diagnose(ground.plan, ground.reference, **_traces(ground, hypothesis))
    names = [name for explanation in diagnosis.explanations for name in explanation.traps]
    assert diagnosis.cause in (trap.name, SAME.get(trap.name)), names
    assert trap.name in names
    assert diagnosis.explanations[0].difference < 1e-11 or trap.name == "float32-inside"


PAIRS = [
    ("trap-adam", ("epsilon-value", "1e-7, Keras' default"), ("loss-reduction", "summed")),
    ("trap-adam", ("weights-transposed", ""), ("class-ids-shifted", "one up")),
    ("trap-norm", ("norm-epsilon", "1e-6"), ("norm-momentum", "0.01, as in Keras")),
    ("trap-momentum", ("momentum-dampened", "from the first step"), ("schedule-shifted", "one step early")),
    ("trap-adam-decay", ("decay-on-biases", ""), ("clip-per-tensor", "")),
    ("trap-rmsprop", ("epsilon-inside-root", ""), ("shapes-broadcast", "")),
]


@pytest.mark.parametrize(("scenario", "one", "other"), PAIRS)
@pytest.mark.parametrize("modes", [("stepped", "own"), ("own",)])
def test_two_traps_at_a_time_are_both_named(scenario, one, other, modes):
    diagnosis = _diagnosed(scenario, _cause(*one), _cause(*other), modes=modes)
    assert {one[0], other[0]} in [set(explanation.traps) for explanation in diagnosis.explanations]


@pytest.mark.parametrize(
    "name", ["leaky-slope", "loss-reduction", "partial-batch-dropped", "adagrad-initial-accumulator"]
)
def test_a_trap_is_diagnosed_in_float32(name):
    hypothesis = Hypothesis(CATALOGUE[name], next(iter(CATALOGUE[name].variants)))
    diagnosis = _diagnosed("trap-adagrad", hypothesis, dtype="float32")
    assert name in [trap for explanation in diagnosis.explanations for trap in explanation.traps]


def test_an_equal_candidate_has_no_diagnosis():
    diagnosis = _diagnosed("trap-adam")
    assert diagnosis.equal
    assert diagnosis.cause == ""
    assert explain(diagnosis).startswith("Nothing differs")


def test_a_trace_is_needed():
    ground = case(SCENARIOS["trap-sgd"])
    with pytest.raises(ValueError, match="needs a trace"):
        diagnose(ground.plan, ground.reference)


def test_a_candidate_that_records_neither_gradients_nor_slots_is_diagnosed():
    ground, cause = case(SCENARIOS["trap-adam"]), _cause("adam-betas", "beta2 0.99")
    whole = _traces(ground, cause)["stepped"]
    nothing = np.full_like(whole.gradients, np.nan)
    blind = replace(whole, gradients=nothing, states={name: nothing.copy() for name in whole.states})
    assert diagnose(ground.plan, ground.reference, stepped=blind).cause == "adam-betas"


class TestIndistinguishable:
    def test_hypotheses_are_listed_together_with_a_scenario_that_tells_them(self):
        cause = _cause("other-activation", "relu")
        diagnosis = _diagnosed("trap-adagrad", cause)
        names = [explanation.traps for explanation in diagnosis.explanations]
        assert {("other-activation",), ("leaky-slope",)} <= set(names)  # A slope of 0 is a plain ReLU.

    def test_a_learning_rate_is_not_named_where_the_gradient_is_not_seen(self):
        diagnosis = _diagnosed("trap-momentum", _cause("learning-rate", "a tenth"), modes=("own",))
        assert diagnosis.unseen
        assert not any("learning-rate" in e.traps for e in diagnosis.explanations)

    def test_a_telling_scenario_is_one_where_they_differ(self):
        one, other = (_cause("leaky-slope", "0.3, Keras' layer"),), (_cause("other-activation", "relu"),)
        assert telling_scenario(one, other)
        assert telling_scenario(one, one) == ""


class TestAnUnknownBug:
    @staticmethod
    def diagnosed(scenario: str, change) -> object:
        ground = case(SCENARIOS[scenario])
        module = template()
        change(module)
        fields = module.Config(**ground.plan.config, dtype="float64")
        with np.errstate(all="ignore"):
            stepped = record(module.MLP(fields, ground.plan.params), ground.plan, ground.reference)
            own = record(module.MLP(fields, ground.plan.params), ground.plan)
        return diagnose(ground.plan, ground.reference, stepped=stepped, own=own, seconds=5)

    def test_that_is_a_constant_factor_is_a_rate_with_its_number(self):
        def change(t):
            rule = t.OPTIMIZERS["sgd"]
            t.OPTIMIZERS["sgd"] = lambda c, g, step: rule(c, g, step) * 0.375

        diagnosis = self.diagnosed("trap-sgd", change)
        assert [e.label for e in diagnosis.explanations] == ["learning-rate (0.375 times)"]

    def test_that_changes_the_rate_names_the_step(self):
        def change(t):
            rate = t.learning_rate
            t.learning_rate = lambda c, step, *xp: rate(c, step) * (1 if step < 5 else 0.25)

        diagnosis = self.diagnosed("trap-adam", change)
        assert diagnosis.explanations[0].label == "schedule-unnamed (0.25 times from step 6 on)"

    def test_is_told_phase_by_phase(self):
        def change(t):
            rule, loss = t.OPTIMIZERS["adam"], t._batch_loss
            t.OPTIMIZERS["adam"] = lambda c, g, step, *slots: rule(c, g, step, *slots) ** 3
            t._batch_loss = lambda c, z, y: tuple(2 * part for part in loss(c, z, y))

        diagnosis = self.diagnosed("trap-adam", change)
        states = {phase.name: (phase.state, [c.trap.name for c in phase.causes]) for phase in diagnosis.phases}
        assert states["forward"] == ("agrees", [])
        assert states["loss"] == ("explained", ["loss-factor"])
        assert states["gradient"] == ("agrees", [])
        assert states["update"] == ("unexplained", [])
        text = explain(diagnosis, "torch")
        assert "No trap in the catalogue explains it" in text
        assert "loss: explained by loss-factor (both doubled)" in text
        assert "update: unexplained" in text

    def test_that_is_in_one_step_names_it(self):
        def change(t):
            rate = t.learning_rate
            t.learning_rate = lambda c, step, *xp: rate(c, step) * (0.625 if step == 4 else 1.0)

        diagnosis = self.diagnosed("trap-adam", change)
        assert diagnosis.first.step == 4
        label = "schedule-unnamed (0.625 times from step 5 on, as the reference's from step 6 on)"
        assert diagnosis.explanations[0].label == label

    def test_places_the_first_divergence(self):
        def change(t):
            class Bug(t.MLP):
                def _backward(self, d, saved, masks):
                    super()._backward(d, saved, masks)
                    self.gradient_layers[1][1][0] *= 1.001

            t.MLP = Bug

        diagnosis = self.diagnosed("trap-momentum", change)
        assert (diagnosis.first.phase, diagnosis.first.tensor) == ("gradient", "gradient of layer 2 b")
        assert any("different in 1 of 3 entries only" in fact for fact in diagnosis.facts)

    def test_that_ends_in_nan_is_told(self):
        def change(t):
            rule = t.OPTIMIZERS["sgd"]
            t.OPTIMIZERS["sgd"] = lambda c, g, step: rule(c, g, step) * np.nan

        diagnosis = self.diagnosed("trap-sgd", change)
        assert any("NaN" in fact for fact in diagnosis.facts)


A = np.random.default_rng(0).normal(size=(4, 4))


@pytest.mark.parametrize(
    ("b", "fact"),
    [
        (-A, "-1 times"),
        (A / 32, "0.03125 = 1/32 times"),
        (A + 0.5, "plus 0.5"),
        (A.T, "transpose"),
        (A[[2, 0, 1, 3]], "rows in another order: 2, 0, 1, 3"),
        (A[:, ::-1], "columns in another order: 3, 2, 1, 0"),
        (A.T[::-1].copy(), "numbers in another order"),
        (np.zeros_like(A), "0 throughout"),
        (np.maximum(A, 0), "the ReLU of"),
        (A * np.nan, "NaN"),
        (np.where(np.arange(4)[:, None] == 2, 2 * A, A), "different in 1 of 4 rows only: 2"),
    ],
)
def test_facts_of_two_arrays(b, fact):
    found = list(of_pair(A, b, 1e-9))
    assert len(found) == 1
    assert fact in found[0]


def test_the_answer_reads_as_place_cause_agreement_and_line_to_change():
    diagnosis = _diagnosed("trap-adam", _cause("epsilon-value", "1e-7, Keras' default"))
    text = explain(diagnosis, "keras")
    assert text.startswith("What differs first: weights of layer 1 W")
    assert "The cause: epsilon-value (1e-7, Keras' default)" in text
    assert "explains all 12 steps to " in text
    assert "In Keras: keras.optimizers.Adam(0.01, np.float64(0.9), np.float64(0.999), 1e-08)" in text
    assert "In PyTorch" not in text
    both = explain(diagnosis)
    assert "In PyTorch" in both
    assert "In Keras" in both


def test_where_either_side_may_follow_the_other_both_lines_are_told_the_own_one_first():
    text = explain(_diagnosed("trap-adam", _cause("adam-as-keras-has-it")), "keras")
    assert "The cause: adam-as-keras-has-it\n" in text
    assert 0 < text.index("  In Keras, to follow PyTorch: Adam(0.01") < text.index("  In PyTorch, to follow Keras: opt")


THREE = [
    ("trap-adam", ("other-activation", "selu"), ("other-loss", "focal, gamma 2"), ("amsgrad", "")),
    ("trap-norm", ("inputs-scaled", "halved"), ("loss-factor", "only the gradient halved"), ("norm-momentum", "0.001")),
]


@pytest.mark.parametrize("causes", THREE, ids=[three[0] for three in THREE])
def test_three_traps_in_different_phases_are_all_named(causes):
    scenario, *names = causes
    diagnosis = _diagnosed(scenario, *(_cause(*name) for name in names))
    assert set(diagnosis.explanations[0].traps) == {name for name, _ in names}


def test_a_diagnosis_ends_when_its_time_is_over():
    def change(t):
        rule = t.OPTIMIZERS["sgd"]
        t.OPTIMIZERS["sgd"] = lambda c, g, step: rule(c, g, step) * 0.375

    ground, module = case(SCENARIOS["trap-sgd"]), template()
    change(module)
    model = module.MLP(module.Config(**ground.plan.config, dtype="float64"), ground.plan.params)
    diagnosis = diagnose(ground.plan, ground.reference, stepped=record(model, ground.plan, ground.reference), seconds=0)
    assert not diagnosis.complete
    assert "time was over" in explain(diagnosis)
