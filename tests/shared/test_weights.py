"""Initial weights: their distributions, that a seed determines them, and that layers are independent."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.weights import SCHEMES, initial_parameters, torch_default

FAN_IN, FAN_OUT = 300, 200
VARIANCES = {
    "he_normal": 2 / FAN_IN,
    "he_uniform": 2 / FAN_IN,
    "glorot_normal": 2 / (FAN_IN + FAN_OUT),
    "glorot_uniform": 2 / (FAN_IN + FAN_OUT),
    "lecun_normal": 1 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "normal": 1.0,
    "torch_default": 1 / (3 * FAN_IN),
    "keras_default": 2 / (FAN_IN + FAN_OUT),
}
UNIFORM = ("he_uniform", "glorot_uniform", "lecun_uniform", "torch_default", "keras_default")
LAYER_SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=5)
SEEDS = st.integers(0, 2**32 - 1)


def test_every_scheme_has_its_variance_here():
    assert set(SCHEMES) == set(VARIANCES)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_mean_and_variance(scheme, scale):
    [(W, _)] = initial_parameters([FAN_IN, FAN_OUT], scheme, seed=5, scale=scale)
    variance = VARIANCES[scheme] * scale**2
    # 60,000 draws: the mean's standard error is 0.4 % of a deviation, the variance's at most 0.6 % of itself.
    assert abs(W.mean()) < 0.02 * math.sqrt(variance)
    assert W.var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_uniform_schemes_fill_their_limits_and_normal_ones_are_not_truncated(scheme):
    [(W, _)] = initial_parameters([FAN_IN, FAN_OUT], scheme, seed=5)
    deviation = math.sqrt(VARIANCES[scheme])
    if scheme in UNIFORM:
        limit = math.sqrt(3) * deviation
        assert 0.999 * limit < np.abs(W).max() <= limit * (1 + 1e-12)
    else:
        assert np.abs(W).max() > 3.5 * deviation


@given(sizes=LAYER_SIZES, scheme=st.sampled_from(SCHEMES), seed=SEEDS)
def test_shapes_types_and_biases(sizes, scheme, seed):
    parameters = initial_parameters(sizes, scheme, seed)
    assert [W.shape for W, _ in parameters] == list(pairwise(sizes))
    assert [b.shape for _, b in parameters] == [(size,) for size in sizes[1:]]
    assert all(array.dtype == np.float64 for layer in parameters for array in layer)
    drawn = any(b.any() for _, b in parameters)
    assert drawn == (scheme == "torch_default")


@given(sizes=LAYER_SIZES, scheme=st.sampled_from(SCHEMES), seed=SEEDS)
def test_the_seed_determines_the_weights(sizes, scheme, seed):
    for (W, b), (W_again, b_again) in zip(
        initial_parameters(sizes, scheme, seed), initial_parameters(sizes, scheme, seed), strict=True
    ):
        np.testing.assert_array_equal(W, W_again)
        np.testing.assert_array_equal(b, b_again)


def test_normal_is_drawn_layer_by_layer_from_the_documented_generators():
    (W0, _), (W1, _) = initial_parameters([2, 3, 4], "normal", seed=11, scale=0.5)
    np.testing.assert_array_equal(W0, np.random.default_rng([11, 0]).normal(0, 0.5, (2, 3)))
    np.testing.assert_array_equal(W1, np.random.default_rng([11, 1]).normal(0, 0.5, (3, 4)))


def test_a_layer_does_not_change_when_another_one_does():
    short = initial_parameters([5, 6, 7], "torch_default", seed=2)
    deep = initial_parameters([9, 6, 7, 8], "torch_default", seed=2)
    for array, same in zip(short[1], deep[1], strict=True):
        np.testing.assert_array_equal(array, same)


def test_layers_of_equal_shape_and_other_seeds_get_other_weights():
    layers = initial_parameters([6, 6, 6, 6], "he_normal", seed=2) + initial_parameters([6, 6], "he_normal", 3)
    assert len({W.tobytes() for W, _ in layers}) == 4


def test_torch_default_bounds_weights_and_biases_by_the_inputs():
    [(W, b)] = torch_default([4, 1000], seed=0)
    assert 0.49 < np.abs(W).max() <= 0.5
    assert 0.49 < np.abs(b).max() <= 0.5
    [(W_named, b_named)] = initial_parameters([4, 1000], "torch_default", seed=0)
    np.testing.assert_array_equal(W, W_named)
    np.testing.assert_array_equal(b, b_named)


def test_keras_default_is_glorot_uniform():
    [(W, b)] = initial_parameters([4, 5], "keras_default", seed=0)
    [(W_glorot, _)] = initial_parameters([4, 5], "glorot_uniform", seed=0)
    np.testing.assert_array_equal(W, W_glorot)
    assert not b.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2, 3], "he-normal", 0), "unknown initial weights 'he-normal'; the nearest is 'he_normal'"),
        (([2], "normal", 0), "layer_sizes is [2], expected at least an input and an output size"),
        (([2, 0, 1], "normal", 0), "every layer size is 0, expected at least 1"),
        (([2, 1.5], "normal", 0), "every layer size is 1.5, expected a whole number"),
        (([2, 1], "normal", -1), "seed is -1"),
        (([2, 1], "normal", 0, -0.5), "scale is -0.5"),
        (([2, 1], "normal", 0, math.inf), "scale is inf"),
        (([2, 1], "normal", 0, math.nan), "scale is nan"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=r"expected|there are") as error:
        initial_parameters(*arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
