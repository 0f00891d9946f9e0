"""The catalogue is complete, and each trap is the reference with one thing changed."""

from __future__ import annotations

import numpy as np
import pytest

from compare.ledger.parity import in_step
from compare.ledger.trace import record
from compare.traps import defaults
from compare.traps.catalogue import CATALOGUE, Hypothesis, build, get, hypotheses, mend, record_trapped
from compare.traps.catalogue.trap import template
from compare.traps.scenarios import SCENARIOS, case
from impls import mlp_numpy
from impls.mlp_numpy import Config

FIELDS = ("name", "theme", "title", "why", "source", "torch", "keras")
LARGEST = 200  # characters of a mend that still reads as a line


def test_there_are_at_least_45_traps():
    assert len(CATALOGUE) >= 45


@pytest.mark.parametrize("trap", CATALOGUE.values(), ids=CATALOGUE)
class TestEveryTrap:
    def test_says_what_why_and_how_to_mend_it(self, trap):
        assert all(getattr(trap, field).strip() for field in FIELDS)
        assert trap.bend or trap.replan
        assert trap.variants
        assert not trap.title.endswith(".")
        assert trap.why.endswith(".")

    def test_gives_its_mends_with_the_values_of_a_configuration(self, trap):
        for framework in ("torch", "keras"):
            line = mend(trap, framework, Config(learning_rate=0.0625))
            assert "{" not in line
            assert "\n" not in line
            assert len(line) < LARGEST

    def test_applies_in_some_scenario(self, trap):
        assert any(trap.hypotheses(case(scenario).plan) for scenario in SCENARIOS.values())


def test_names_are_those_of_the_traps():
    assert all(name == trap.name for name, trap in CATALOGUE.items())
    assert {trap.theme for trap in CATALOGUE.values()} == set(defaults.THEMES)


def test_an_unknown_trap_names_the_nearest():
    with pytest.raises(ValueError, match="epsilon-value"):
        get("epsilon-valu")


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
def test_a_velocity_that_holds_its_rate_moves_weights_when_the_rate_is_0(optimizer):
    """As Keras' does: v = m * v and w += v, or w += m * v."""
    module = template()
    get("rate-in-velocity").bend(module)
    config = Config((2, 1), optimizer=optimizer, schedule="cosine", schedule_steps=3, dtype="float64", seed=1)
    model, places = module.MLP(config), []
    x, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([1.0, 2.0])
    for _ in range(7):
        model.train_step(x, y)
        places.append(model.flat.copy())
    moved = np.diff(places[2:], axis=0)  # from the fourth step on the rate is 0
    assert np.abs(moved[0]).min() > 0
    np.testing.assert_allclose(moved[2:], config.momentum * moved[1:-1], rtol=1e-6)


def test_a_trap_applies_only_where_its_option_is_used():
    plan = case(SCENARIOS["trap-sgd"]).plan
    names = {hypothesis.trap.name for hypothesis in hypotheses(plan)}
    assert "loss-reduction" in names
    assert not names & {"epsilon-value", "dropout-unscaled", "norm-epsilon", "class-ids-shifted", "decay-factor"}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_copy_without_a_trap_is_the_reference_bit_for_bit(name, dtype):
    plan = case(SCENARIOS[name]).plan
    model = mlp_numpy.MLP(mlp_numpy.Config(**plan.config, dtype=dtype), plan.params)
    expected, found = record(model, plan), record_trapped((), plan, dtype)
    assert np.array_equal(expected.params, found.params)
    assert np.array_equal(expected.losses, found.losses)


def test_an_option_of_one_layer_is_enough_for_a_trap_to_apply():
    plan = case(SCENARIOS["trap-by-layer"]).plan
    names = {hypothesis.trap.name for hypothesis in hypotheses(plan)}
    assert {"leaky-slope", "gelu-tanh", "dropout-inverted", "shapes-broadcast", "residual-connection"} <= names
    assert "softplus-threshold" not in names


def test_a_mend_has_a_line_for_each_that_a_layer_needs():
    config = Config((3, 4, 4, 4, 1), ("tanh", "relu", "tanh"), dropout=(0.2, 0.0, 0.2))
    lines = {name: mend(CATALOGUE[name], "torch", config).split("\n    ") for name in CATALOGUE}
    assert lines["other-activation"] == [f"torch.nn.{f}()  # after the hidden layer" for f in ("Tanh", "ReLU")]
    assert [line.partition("(")[2][:3] for line in lines["dropout-inverted"]] == ["0.2"]
    assert {len(given) for name, given in lines.items() if "{" not in CATALOGUE[name].torch} == {1}


def test_a_layer_that_drops_nothing_is_left_alone_by_traps_of_dropout():
    plan = case(SCENARIOS["trap-by-layer"]).plan
    masks = plan.masks(0)
    for name in ("dropout-unscaled", "dropout-scaled-by-dropped-share", "dropout-inverted"):
        label = next(iter(CATALOGUE[name].variants))
        model = build((Hypothesis(CATALOGUE[name], label),), plan, "float64")
        forward, seen = model._forward, []

        def noted(x, training=False, masks=None, forward=forward, seen=seen):
            seen.append(masks)
            return forward(x, training, masks)

        model._forward = noted
        model.gradients(*plan.batch(0), masks)
        assert (seen[0][1] == 1).all()
        assert not np.array_equal(seen[0][0], masks[0])


def test_a_trap_leaves_the_reference_as_it_is():
    before = dict(vars(mlp_numpy))
    rules, activations = dict(mlp_numpy.OPTIMIZERS), dict(mlp_numpy.ACTIVATIONS)
    plan = case(SCENARIOS["trap-adam"]).plan
    for hypothesis in hypotheses(plan):
        build((hypothesis,), plan, "float64")
    assert vars(mlp_numpy) == before
    assert rules == mlp_numpy.OPTIMIZERS
    assert activations == mlp_numpy.ACTIVATIONS


def test_two_copies_share_nothing_that_a_trap_changes():
    one, other = template(), template()
    one.OPTIMIZERS["adam"] = None
    one.NORM_EPSILON = 1.0
    assert other.OPTIMIZERS["adam"] is not None
    assert other.NORM_EPSILON == mlp_numpy.NORM_EPSILON


def test_the_same_trap_twice_gives_the_same_bits():
    plan = case(SCENARIOS["trap-dropout"]).plan
    for name in ("dropout-other-masks", "dropout-in-evaluation", "amsgrad"):
        cause = (Hypothesis(CATALOGUE[name], ""),)
        one, other = (record_trapped(cause, plan, "float64") for _ in range(2))
        assert np.array_equal(one.params, other.params)
        assert np.array_equal(one.logits, other.logits)


def _trapped(name: str, scenario: str, variant: str = ""):
    return record_trapped((Hypothesis(CATALOGUE[name], variant),), case(SCENARIOS[scenario]).plan, "float64")


class TestAgainstPyTorch:
    """What a trap says of PyTorch is what PyTorch does."""

    torch = pytest.importorskip("torch")

    def candidate(self, scenario: str, change):
        from impls import mlp_torch

        self.torch.set_num_threads(1)
        plan = case(SCENARIOS[scenario]).plan
        model = mlp_torch.MLP(mlp_torch.Config(**plan.config, dtype="float64"), plan.params)
        change(model)
        return record(model, plan)

    @pytest.mark.parametrize(
        ("name", "variant", "scenario", "settings"),
        [
            ("epsilon-value", "1e-7, Keras' default", "trap-adam", {"eps": 1e-7}),
            ("nesterov-flag", "", "trap-momentum", {"nesterov": True}),
            ("rmsprop-decay", "0.99, PyTorch's default", "trap-rmsprop", {"alpha": 0.99}),
            ("amsgrad", "", "trap-adam", {"amsgrad": True}),
        ],
    )
    def test_of_an_optimizer_setting(self, name, variant, scenario, settings):
        def change(model):
            model.set_state = lambda state: None  # As an optimizer is, whose slots nobody sets.
            for group in model.optimizer.param_groups:
                group.update(settings)

        found, expected = self.candidate(scenario, change), _trapped(name, scenario, variant)
        assert np.allclose(found.params, expected.params, rtol=1e-11, atol=1e-13)

    def test_of_batch_normalisation_left_in_evaluation(self):
        def change(model):
            model.train = lambda mode=True: self.torch.nn.Module.train(model, False)

        found = self.candidate("trap-norm", change)
        expected = _trapped("norm-running-in-training", "trap-norm", "which stay")
        assert np.allclose(found.params, expected.params, rtol=1e-11, atol=1e-13)

    def test_of_the_tanh_approximation(self):
        nn = self.torch.nn

        def change(model):
            for i, layer in enumerate(model.layers):
                if isinstance(layer, nn.GELU):
                    model.layers[i] = nn.GELU(approximate="tanh")

        found = self.candidate("trap-gelu", change)
        expected = _trapped("gelu-tanh", "trap-gelu", "the approximation")
        assert np.allclose(found.losses, expected.losses, rtol=1e-11)


def test_the_guide_tells_every_trap_with_its_size():
    table = defaults.pd.DataFrame(
        [(name, "", "trap-sgd", 0.5, 0.25, 0.125, 0.0625) for name in CATALOGUE],
        columns=["trap", "variant", "options", *defaults.MEASURED],
    )
    read = defaults.pd.DataFrame(
        [("Adam: epsilon", 1e-8, 1e-7, False), ("SGD: momentum", 0, 0.0, True)],
        columns=["what", "torch", "keras", "same"],
    )
    read.attrs = {"torch": "1.2.3"}
    page = defaults.traps_page(table, read)
    assert page.count("\n### ") == len(CATALOGUE)
    assert page.count("weights 5.0e-01, losses 2.5e-01, outputs 1.2e-01, 6.2% predicted otherwise") == len(CATALOGUE)
    assert "| Adam: epsilon | 1e-08 | 1e-07 |" in page
    assert "SGD: momentum |" not in page
    assert "torch 1.2.3" in page


def test_sizes_are_measured_on_200_steps_of_digits():
    plan = defaults.digits_plan(SCENARIOS["trap-rmsprop"])
    assert len(plan.steps) == defaults.SIZE_STEPS
    assert plan.dataset.task == "regression"
    assert plan.config["layer_sizes"] == (64, 32, 1)
    binary = defaults.digits_plan(SCENARIOS["trap-sgd"])
    assert set(binary.dataset.y_train) == {0, 1}


def test_in_step_a_trapped_copy_begins_every_step_where_the_reference_did():
    ground = case(SCENARIOS["trap-sgd"])
    cause = (Hypothesis(CATALOGUE["learning-rate"], "twice"),)
    stepped = record_trapped(cause, ground.plan, "float64", ground.reference)
    comparison = in_step(ground.ruler, "float64", ("a", "b"), ground.reference, stepped)
    assert comparison.first
    assert comparison.first.phase == "update"
    assert np.allclose(stepped.losses, ground.reference.losses, rtol=1e-13)


CONSISTENT = ("other-loss", "other-activation", "activation-of-layer", "residual-connection", "leaky-slope")


@pytest.mark.parametrize("name", CONSISTENT)
def test_the_gradient_of_another_function_is_that_of_its_loss(name):
    """By central differences along a random direction, for every variant in the first scenario that it applies to."""
    for label in CATALOGUE[name].variants:
        hypothesis = Hypothesis(CATALOGUE[name], label)
        for scenario in SCENARIOS.values():
            plan = case(scenario).plan
            if hypothesis not in hypothesis.trap.hypotheses(plan) or plan.config.get("dropout"):
                continue
            try:
                model = build((hypothesis,), plan, "float64")
                x, y = plan.batch(0)
                gradients = model.gradients(x, y)[1]
            except (ValueError, IndexError, KeyError):
                continue  # A loss for other targets.
            random = np.random.default_rng(0)
            along = [tuple(random.normal(size=a.shape) for a in layer) for layer in gradients]
            expected = sum(float((g * a).sum()) for left, right in zip(gradients, along, strict=True)
                           for g, a in zip(left, right, strict=True))  # fmt: skip
            values = []
            for sign in (1, -1):
                moved = [tuple(p + sign * 1e-6 * a for p, a in zip(layer, step, strict=True))
                         for layer, step in zip(plan.params, along, strict=True)]  # fmt: skip
                model.set_params(moved)
                values.append(model.gradients(x, y)[0])
            found = (values[0] - values[1]) / 2e-6
            assert abs(found - expected) <= 1e-5 * max(abs(expected), 1.0), (label, scenario.name)
            break
