"""The batch order and the dropout masks: pure functions of their seeds, and complete."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.batches import batch_order, batches, dropout_mask

SEEDS = st.integers(0, 2**32 - 1)


@given(n=st.integers(1, 200), seed=SEEDS, epoch=SEEDS)
def test_order_is_the_permutation_that_the_seed_and_epoch_define(n, seed, epoch):
    order = batch_order(n, seed, epoch)
    np.testing.assert_array_equal(order, np.random.default_rng([seed, epoch]).permutation(n))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_order_depends_on_nothing_but_its_arguments():
    first = batch_order(50, 3, 7)
    np.random.seed(99)
    batch_order(50, 3, 8)
    np.testing.assert_array_equal(batch_order(50, 3, 7), first)


def test_orders_differ_between_epochs_and_between_seeds():
    orders = {tuple(batch_order(30, seed, epoch)) for seed in range(5) for epoch in range(20)}
    assert len(orders) == 100


@given(n=st.integers(1, 100), batch_size=st.integers(1, 120), seed=SEEDS)
def test_batches_visit_every_sample_once_in_order_and_keep_the_last_partial_batch(n, batch_size, seed):
    order = batch_order(n, seed, 0)
    parts = list(batches(order, batch_size))
    np.testing.assert_array_equal(np.concatenate(parts), order)
    assert [len(part) for part in parts[:-1]] == [batch_size] * (len(parts) - 1)
    assert len(parts[-1]) == (n - 1) % batch_size + 1


@given(
    rate=st.floats(0, 0.99),
    seed=SEEDS,
    step=st.integers(0, 1000),
    layer=st.integers(0, 9),
    shape=st.tuples(st.integers(1, 8), st.integers(1, 8)),
)
def test_mask_keeps_where_the_uniform_draw_reaches_the_rate(rate, seed, step, layer, shape):
    mask = dropout_mask(shape, rate, seed, step, layer)
    uniform = np.random.default_rng([seed, step, layer]).random(shape)
    assert mask.dtype == np.float64
    np.testing.assert_array_equal(mask, np.where(uniform >= rate, 1 / (1 - rate), 0.0))


def test_mask_has_mean_one_and_the_share_of_zeros_that_the_rate_says():
    mask = dropout_mask((400, 500), 0.3, seed=1, step=2, layer=0)
    assert abs((mask == 0).mean() - 0.3) < 0.005
    assert abs(mask.mean() - 1.0) < 0.01


def test_masks_differ_between_steps_layers_and_seeds():
    masks = {
        dropout_mask((8, 8), 0.5, seed, step, layer).tobytes()
        for seed in range(3)
        for step in range(1, 4)
        for layer in range(1, 4)
    }
    assert len(masks) == 27


def test_rate_zero_drops_nothing():
    np.testing.assert_array_equal(dropout_mask((3, 4), 0.0, 0, 0, 0), np.ones((3, 4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: batch_order(0, 0, 0), "n is 0, expected at least 1"),
        (lambda: batch_order(cast(int, 2.5), 0, 0), "n is 2.5, expected a whole number"),
        (lambda: batch_order(5, -1, 0), "seed is -1, expected at least 0"),
        (lambda: batch_order(5, 2**32, 0), "seed is 4294967296, expected less than 2³²"),
        (lambda: batch_order(5, 0, -1), "epoch is -1, expected at least 0"),
        (lambda: batches(np.arange(5), 0), "batch_size is 0, expected at least 1"),
        (lambda: batches(np.zeros((2, 2)), 1), "order has 2 dimensions, expected one"),
        (lambda: dropout_mask((2, 2), 1.0, 0, 0, 0), "dropout rate is 1.0, expected 0 ≤ rate < 1"),
        (lambda: dropout_mask((2, 2), -0.1, 0, 0, 0), "dropout rate is -0.1"),
        (lambda: dropout_mask((2, 2), float("nan"), 0, 0, 0), "dropout rate is nan"),
        (lambda: dropout_mask((2, 0), 0.5, 0, 0, 0), "every size in shape is 0"),
        (lambda: dropout_mask((2, 2), 0.5, 0, -1, 0), "step is -1"),
        (lambda: dropout_mask((2, 2), 0.5, 0, 0, -1), "layer is -1"),
    ],
)
def test_bad_input_is_refused_in_one_line_before_anything_is_drawn(call, message):
    with pytest.raises(ValueError, match="expected") as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
