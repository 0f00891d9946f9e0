"""An activation and a dropout rate for each hidden layer, and the mean absolute error at its kink."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

SIZES = (3, 4, 5, 1)
FORMS = (tuple, list, np.array, pd.Series)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_config_takes_one_for_each_layer_in_what_people_have(template, form):
    found = template.Config(SIZES, form(["tanh", "relu"]), dropout=form([0.0, 0.5]))
    assert found == template.Config(SIZES, ("tanh", "relu"), dropout=(0.0, 0.5))
    assert hash(found) == hash(template.Config(SIZES, ("tanh", "relu"), dropout=(0.0, 0.5)))
    assert {type(value) for value in (*found.activation, *found.dropout)} == {str, float}
    assert (found.by_layer("activation"), found.by_layer("dropout")) == (("tanh", "relu"), (0.0, 0.5))


def test_a_tensor_of_rates(template):
    assert template.Config(SIZES, dropout=torch.tensor([0.25, 0.5])).dropout == (0.25, 0.5)


def test_one_for_all_layers_is_one_however_it_is_said(template):
    for sizes in (SIZES, (3, 4, 1)):
        hidden = len(sizes) - 2
        found = template.Config(sizes, ["tanh"] * hidden, dropout=[0.2] * hidden)
        assert found == template.Config(sizes, "tanh", dropout=0.2)
        assert (found.by_layer("activation"), found.by_layer("dropout")) == (("tanh",) * hidden, (0.2,) * hidden)
    plain = template.Config((3, 1))
    assert template.Config((3, 1), (), dropout=[]) == plain
    assert (plain.by_layer("activation"), plain.by_layer("dropout")) == ((), ())


def test_each_layer_has_its_own_activation(template):
    """Through a network that passes one number on."""
    one = (np.ones((1, 1)), np.zeros(1))
    for activation, expected in ((("tanh", "relu"), np.tanh(0.7)), (("relu", "tanh"), np.tanh(0.7))):
        model = template.MLP(template.Config((1, 1, 1, 1), activation, dtype="float64"), [one] * 3)
        np.testing.assert_allclose(model.predict([[0.7]]), [expected], rtol=1e-15)
        negative = np.tanh(-0.7) if activation[0] == "tanh" else 0.0
        np.testing.assert_allclose(model.predict([[-0.7]]), [max(negative, 0.0)], atol=1e-16)
    model = template.MLP(template.Config((1, 1, 1, 1), ("elu", "leaky_relu"), dtype="float64"), [one] * 3)
    np.testing.assert_allclose(model.predict([[-2.0]]), [0.01 * np.expm1(-2.0)], rtol=1e-15)


def test_each_layer_drops_its_own_share_and_one_without_a_rate_nothing(template):
    """Layers that pass their input on: a gradient of the last W is 0 for a unit that was dropped anywhere."""
    width, eye = 4000, np.eye(4000)
    ones = [(np.ones((1, width)), np.zeros(width)), (eye, np.zeros(width)), (np.full((width, 1), 1e-4), np.zeros(1))]
    for rates in ((0.2, 0.0), (0.0, 0.2), (0.2, 0.5)):
        config = template.Config((1, width, width, 1), dropout=rates, dtype="float32")
        _, gradients = template.MLP(config, ones).gradients([[1.0]], [5.0])
        units = gradients[2][0][:, 0]
        kept = np.prod([1 - rate for rate in rates])
        assert abs(np.mean(units != 0) - kept) < 4 * np.sqrt(kept * (1 - kept) / width)
        assert np.allclose(units[units != 0] / units.min(), 1)


def test_a_checkpoint_passes_them_on(templates, same, tmp_path):
    fields = {"layer_sizes": SIZES, "activation": ("gelu", "relu"), "dropout": (0.1, 0.0), "loss": "mae"}
    names = [*templates, "numpy"]
    model = templates["numpy"].MLP(templates["numpy"].Config(**fields))
    model.save(tmp_path / "numpy")
    for before, name in pairwise(names):
        loaded = templates[name].MLP.load(tmp_path / before)
        assert loaded.config == templates[name].Config(**fields)
        assert same(loaded.params, model.params)
        loaded.save(tmp_path / name)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_slope_of_the_absolute_error_is_0_where_prediction_and_target_are_equal(template, reduction):
    """A framework's own derivative at the kink, which the reference takes over."""
    config = template.Config((1, 2), loss="mae", reduction=reduction, dtype="float64")
    model = template.MLP(config, [(np.array([[1.0, 2.0]]), np.zeros(2))])
    x, y = np.array([[1.0], [3.0]]), np.array([[1.0, 1.0], [4.0, 6.0]])  # Errors of 0 and 1, -1 and 0.
    loss, [(dW, db)] = model.gradients(x, y)
    share = 1 / 4 if reduction == "mean" else 1.0
    assert loss == 2 * share
    assert db.tolist() == [-share, share]
    assert dW.tolist() == [[-3 * share, share]]
