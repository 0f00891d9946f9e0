"""The scenarios: complete, and drawn by nothing but their seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from impls import mlp_numpy
from shared import scenarios
from shared.datasets import describe, load, names

DEFAULT = [s for s in scenarios.SCENARIOS.values() if s.dataset not in ("mnist", "fashion-mnist")]


def test_the_default_run_covers_every_choice() -> None:
    """Each loss, activation, optimizer, schedule and bundled dataset, a deep network, a partial batch, each option."""
    assert len(DEFAULT) >= 10
    for field, known in (
        ("loss", mlp_numpy.LOSSES),
        ("activation", mlp_numpy.ACTIVATIONS),
        ("optimizer", mlp_numpy.OPTIMIZERS),
        ("schedule", mlp_numpy.SCHEDULES),
    ):
        said = {s.options.get(field, "constant") for s in DEFAULT}
        assert {value for value in said if isinstance(value, str)} == set(known)
        assert any(isinstance(value, tuple) for value in said) == (field == "activation")
    assert any(isinstance(s.options.get("dropout"), tuple) for s in DEFAULT)
    assert {s.dataset for s in DEFAULT} == set(names()) - {"mnist", "fashion-mnist"}
    assert max(len(s.hidden) for s in DEFAULT) >= 3
    for option in (
        "weight_decay",
        "clip_value",
        "clip_norm",
        "dropout",
        "batch_norm",
        "label_smoothing",
        "class_weights",
    ):
        assert any(s.options.get(option) for s in DEFAULT), option


@pytest.mark.parametrize("scenario", DEFAULT, ids=lambda s: s.name)
def test_a_plan_is_a_pure_function_of_the_scenario(scenario: scenarios.Scenario) -> None:
    first, second = (scenarios.plan(scenario, load(scenario.dataset)) for _ in range(2))
    config = mlp_numpy.Config(**first.config)
    assert [tuple(np.shape(a) for a in layer) for layer in first.params] == mlp_numpy.param_shapes(config)
    for one, other in zip(first.params, second.params, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(first.steps, second.steps, strict=True))
    samples = len(first.dataset.x_train)
    per_epoch = -(-samples // (scenario.batch_size or samples))
    assert len(first.steps) == per_epoch * scenario.epochs
    assert sorted(np.concatenate(first.steps[:per_epoch])) == list(range(samples))


def test_inputs_are_shifted_where_a_scenario_says_so() -> None:
    scenario, dataset = scenarios.get("iris-norm-far"), load("iris")
    far = scenarios.plan(scenario, dataset).dataset
    for name in ("x_train", "x_test"):
        np.testing.assert_array_equal(getattr(far, name), getattr(dataset, name) + scenario.shift)
    assert np.abs(dataset.x_train).max() < 10  # The data itself is as it was.


def test_what_has_escaped_once_has_a_scenario() -> None:
    """Three weighted classes; square matrices in the quick run; units at exactly 0 in the first step."""
    assert any(len(s.options.get("class_weights") or ()) >= 3 for s in DEFAULT)
    assert any(len(set(s.hidden)) < len(s.hidden) for s in DEFAULT if s.quick)
    plan = scenarios.plan(scenarios.get("xor-relu"), load("xor"))
    model = mlp_numpy.MLP(mlp_numpy.Config(**plan.config, dtype="float64"), plan.params)
    x, _ = plan.batch(0)
    nothing = ~x.any(axis=1)
    assert nothing.sum() == 1
    _, saved = model._forward(x)
    assert all((units[nothing] == 0).all() for _, units, _, _ in saved[:-1])


def test_a_last_partial_batch_is_among_them() -> None:
    plan = scenarios.plan(scenarios.get("breast-cancer"), load("breast-cancer"))
    assert {len(batch) for batch in plan.steps} == {50, 26}


def test_the_order_changes_with_the_epoch_and_the_seed() -> None:
    scenario = scenarios.get("iris")
    plan = scenarios.plan(scenario, load("iris"))
    per_epoch = len(plan.steps) // scenario.epochs
    assert not np.array_equal(plan.steps[0], plan.steps[per_epoch])
    other = scenarios.plan(replace(scenario, seed=1), load("iris"))
    assert not np.array_equal(plan.steps[0], other.steps[0])


def test_masks_belong_to_the_step_and_the_layer() -> None:
    plan = scenarios.plan(scenarios.get("cancer-dropout"), load("breast-cancer"))
    first, again, next_step = plan.masks(0), plan.masks(0), plan.masks(1)
    assert first is not None
    assert again is not None
    assert next_step is not None
    assert [m.shape for m in first] == [(64, 16), (64, 16)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], next_step[0])
    assert not np.array_equal(first[0], first[1])
    assert scenarios.plan(scenarios.get("xor"), load("xor")).masks(0) is None


def test_steps_stop_a_plan_within_an_epoch() -> None:
    plan = scenarios.plan(replace(scenarios.get("digits"), steps=7), load("digits"))
    assert len(plan.steps) == 7


def test_an_unknown_scenario_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'digts'.*'digits'"):
        scenarios.get("digts")


@pytest.mark.parametrize("name", ["diabetes", "moons", "iris"])
def test_data_of_ones_own_gets_the_loss_of_its_task(name: str) -> None:
    dataset = load({"moons": "two-moons"}.get(name, name))
    plan = scenarios.plan(scenarios.for_dataset(dataset), dataset)
    mlp_numpy.MLP(mlp_numpy.Config(**plan.config), plan.params).train_step(*plan.batch(0))
    assert plan.config["layer_sizes"][0] == describe(dataset.name).inputs
