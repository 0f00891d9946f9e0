"""The recipes: the articles' own draws, their worked examples, and what their listings give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from compare.recipes.train import train
from impls import mlp_numpy
from impls.mlp_numpy import MLP, Config
from shared import idx, recipes
from shared.recipes import RECIPES, Outcome

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ROWS = {  # name: (layer sizes, steps), as the articles have them; digits stand in for MNIST
    "xor-small-normal": ((2, 4, 1), 10_000),
    "xor-framework-default": ((2, 4, 1), 10_000),
    "three-class-adam": ((5, 16, 3), 50),
    "xor-uniform-sum": ((2, 4, 1), 1_000),
    "softmax-unscaled": ((64, 64, 10), 430),
    "digits-dropout-adam": ((64, 64, 10), 430),
    "xor-he-bce": ((2, 4, 1), 5_000),
    "digits-deep": ((64, 128, 64, 10), 430),
}


def plan_of(name: str):
    recipe = RECIPES[name]
    return recipes.plan_of(recipe, recipe.load(recipe.scenario.dataset))


@pytest.fixture
def seeded():
    """NumPy's global generator as the articles seed it, and as it was afterwards."""
    state = np.random.get_state()
    np.random.seed(42)
    yield np.random
    np.random.set_state(state)


# Initial weights ------------------------------------------------------------------------------------------------


def test_small_weights_are_the_articles_own(seeded) -> None:
    W1 = seeded.randn(2, 4) * 0.1
    W2 = seeded.randn(4, 1) * 0.1
    expected = [(W1, np.zeros(4)), (W2, np.zeros(1))]
    for found, wanted in zip(plan_of("xor-small-normal").params, expected, strict=True):
        assert_array_equal(found[0], wanted[0])
        assert_array_equal(found[1], wanted[1])


def test_uniform_weights_are_drawn_before_the_biases(seeded) -> None:
    W1, W2 = seeded.uniform(-1, 1, (2, 4)), seeded.uniform(-1, 1, (4, 1))
    b1, b2 = seeded.uniform(-1, 1, (1, 4)), seeded.uniform(-1, 1, (1, 1))
    for found, wanted in zip(plan_of("xor-uniform-sum").params, [(W1, b1[0]), (W2, b2[0])], strict=True):
        assert_array_equal(found[0], wanted[0])
        assert_array_equal(found[1], wanted[1])


def test_he_weights_are_drawn_layer_by_layer(seeded) -> None:
    for name, sizes in [("digits-deep", (64, 128, 64, 10)), ("xor-he-bce", (2, 4, 1))]:
        seeded.seed(42)
        for (W, b), n, m in zip(plan_of(name).params, sizes, sizes[1:], strict=False):
            assert_array_equal(W, seeded.randn(n, m) * np.sqrt(2 / n))
            assert not b.any()


def test_unscaled_weights_are_plain_normal_numbers(seeded) -> None:
    for (W, b), n, m in zip(plan_of("softmax-unscaled").params, (64, 64), (64, 10), strict=True):
        assert_array_equal(W, seeded.randn(n, m))
        assert not b.any()


# The table ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_the_articles_network_and_length(name: str) -> None:
    plan = plan_of(name)
    assert (plan.config["layer_sizes"], len(plan.steps)) == ROWS[name]
    Config(**plan.config)


def test_every_recipe_says_what_it_claims_and_when_it_holds() -> None:
    assert {*ROWS, "mnist-dropout-adam", "mnist-deep"} <= set(RECIPES)
    for recipe in RECIPES.values():
        assert recipe.claim
        assert recipe.criterion.words
        assert recipe.weights
        assert not recipe.note or recipe.note.endswith(".")


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="the nearest is 'xor-he-bce'"):
        recipes.get("xor-he-bse")


def test_a_recipe_without_its_files_gives_the_reason(monkeypatch) -> None:
    monkeypatch.setattr(idx, "available", lambda name: "they are missing")
    assert "python -m shared.idx mnist" in recipes.unavailable(RECIPES["mnist-deep"])
    assert recipes.unavailable(RECIPES["digits-deep"]) == ""
    monkeypatch.setattr(idx, "available", lambda name: None)
    assert recipes.unavailable(RECIPES["mnist-deep"]) == ""


def test_orders_shuffled_as_given_and_by_class() -> None:
    sorted_, shuffled = plan_of("sorted"), plan_of("shuffled")
    classes = np.concatenate([sorted_.batch(step)[1] for step in range(len(sorted_.steps) // 5)])
    assert (np.diff(classes) >= 0).all()
    assert (np.diff(shuffled.batch(0)[1]) < 0).any()
    assert_array_equal(np.sort(np.concatenate(shuffled.steps)), np.sort(np.concatenate(sorted_.steps)))
    assert_array_equal(plan_of("xor-he-bce").steps[7], [0, 1, 2, 3])


def test_another_seed_draws_other_weights_and_other_batches() -> None:
    recipe = RECIPES["softmax-unscaled"]
    data = recipe.load("digits")
    own, other = recipes.plan_of(recipe, data), recipes.plan_of(recipe, data, seed=7)
    assert not np.array_equal(own.params[0][0], other.params[0][0])
    assert not np.array_equal(own.steps[0], other.steps[0])
    assert other.config["seed"] == 7


# What the articles' listings give ---------------------------------------------------------------------------------


def test_small_weights_do_not_learn() -> None:
    outcome = train("numpy", plan_of("xor-small-normal"))
    assert outcome.final_loss == pytest.approx(0.25, abs=1e-6)
    assert_allclose(outcome.predictions, 0.5, atol=1e-3)
    assert not RECIPES["xor-small-normal"].criterion.holds(outcome)


def test_uniform_weights_do_not_learn_in_a_thousand_epochs() -> None:
    plan = plan_of("xor-uniform-sum")
    model = MLP(Config(**plan.config, dtype="float64"), plan.params)
    x, y = XOR, np.array([0, 1, 1, 0])
    assert model.loss(x, y) / 4 == pytest.approx(0.2522, abs=5e-5)
    for _ in range(900):  # The article logs every 100 epochs, the last time here.
        model.train_step(x, y)
    assert model.loss(x, y) / 4 == pytest.approx(0.2417, abs=5e-5)
    for _ in range(100):
        model.train_step(x, y)
    assert_allclose(mlp_numpy._sigmoid(model.forward(x))[:, 0], [0.48, 0.47, 0.55, 0.50], atol=5e-3)
    outcome = train("numpy", plan)
    assert not RECIPES["xor-uniform-sum"].criterion.holds(outcome)
    assert_allclose(outcome.predictions, [0.4707, 0.5233, 0.4940, 0.4824], atol=5e-5)


def test_a_sum_of_halved_squares_is_a_sum_of_squares_at_half_the_rate() -> None:
    plan = plan_of("xor-uniform-sum")
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    (W1, b1), (W2, b2) = [(W.copy(), b.copy()) for W, b in plan.params]
    model = MLP(Config(**plan.config, dtype="float64"), plan.params)
    for _ in range(20):
        h = 1 / (1 + np.exp(-(XOR @ W1 + b1)))
        p = 1 / (1 + np.exp(-(h @ W2 + b2)))
        d2 = (p - y) * p * (1 - p)
        d1 = (d2 @ W2.T) * h * (1 - h)
        W2 -= 0.1 * h.T @ d2
        b2 -= 0.1 * d2.sum(axis=0)
        W1 -= 0.1 * XOR.T @ d1
        b1 -= 0.1 * d1.sum(axis=0)
        model.train_step(XOR, y[:, 0])
    for found, wanted in zip(model.params, [(W1, b1), (W2, b2)], strict=True):
        assert_allclose(found[0], wanted[0], rtol=1e-12)
        assert_allclose(found[1], wanted[1], rtol=1e-12)


def test_he_weights_learn_and_the_articles_epsilon_hardly_shows() -> None:
    plan = plan_of("xor-he-bce")
    outcome = train("numpy", plan)
    assert outcome.final_loss == pytest.approx(0.00073, abs=5e-6)
    assert_allclose(outcome.predictions, [0.002, 0.9997, 0.9997, 0.0002], atol=2e-4)
    assert RECIPES["xor-he-bce"].criterion.holds(outcome)
    p, y = np.array(outcome.predictions), plan.dataset.y_test
    article = -np.mean(y * np.log(p + 1e-8) + (1 - y) * np.log(1 - p + 1e-8))
    assert outcome.final_loss - article == pytest.approx(1e-8, rel=0.1)


def test_unscaled_weights_start_far_above_guessing() -> None:
    plan = plan_of("softmax-unscaled")
    first = MLP(Config(**plan.config, dtype="float64"), plan.params).loss(plan.dataset.x_train, plan.dataset.y_train)
    outcome = Outcome([0], [first], [], [], None)
    assert first > 5 * math.log(10)
    assert not RECIPES["softmax-unscaled"].criterion.holds(outcome)


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.mistake])
def test_every_mistake_does_what_they_warn_of_and_the_right_way_does_not(name: str) -> None:
    assert RECIPES[name].criterion.holds(train("numpy", plan_of(name)))


# The examples that the articles compute by hand -----------------------------------------------------------------------


def test_one_neuron_by_hand() -> None:
    model = MLP(Config((2, 1), loss="mse", dtype="float64"), [(np.array([[0.5], [1.0]]), np.array([0.25]))])
    z = model.forward(np.array([[2.0, -1.0]]))
    assert z.item() == 0.25
    assert mlp_numpy.ACTIVATIONS["relu"][0](z).item() == 0.25


def test_softmax_by_hand() -> None:
    """Softmax (2, 1, 0.1) is (0.659, 0.242, 0.099): the loss of each class is minus its logarithm."""
    z = np.array([[2.0, 1.0, 0.1]])
    model = MLP(Config((3, 3), loss="softmax_cross_entropy", dtype="float64"), [(np.eye(3), np.zeros(3))])
    p = np.exp([-model.loss(z, np.array([k])) for k in range(3)])
    assert_allclose(p, [0.659, 0.242, 0.099], atol=5e-4)
    assert p.sum() == pytest.approx(1, abs=1e-15)


def test_sigmoid_and_relu_by_hand() -> None:
    z = np.array([-2.0, 0.0, 0.5, 2.0])
    assert_allclose(mlp_numpy.ACTIVATIONS["sigmoid"][0](z), [0.1192, 0.5, 0.6225, 0.8808], atol=5e-5)
    assert_array_equal(mlp_numpy.ACTIVATIONS["relu"][0](z), [0, 0, 0.5, 2])


@pytest.mark.parametrize("name", ["numpy", "torch", "keras"])
def test_a_forward_pass_by_hand(name: str) -> None:
    from compare.ledger import adapters

    rng = np.random.default_rng(42)
    W1, W2 = rng.normal(0, 0.5, (3, 4)), rng.normal(0, 0.5, (4, 2))
    x = np.array([1.0, 0.5, -0.5])
    hidden = [max(0.0, sum(x[i] * W1[i, j] for i in range(3))) for j in range(4)]
    expected = [sum(hidden[j] * W2[j, k] for j in range(4)) for k in range(2)]
    config = {"layer_sizes": (3, 4, 2), "activation": "relu", "loss": "mse", "dtype": "float64"}
    model = adapters.build(name, config, [(W1, np.zeros(4)), (W2, np.zeros(2))])
    assert_allclose(adapters.outputs(model, x[None])[0], expected, rtol=1e-14)
