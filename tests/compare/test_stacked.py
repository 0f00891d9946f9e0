"""A stack of networks trains each of them as the template trains it alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.report import stack_pages
from compare.report.draw import png
from compare.report.results import COLUMNS, Results
from compare.run.arguments import choices, parser
from compare.speed import stacks
from compare.stacked import Stack
from impls import mlp_numpy
from shared import recipes

S, N = 4, 23  # networks and samples: batches of 5 leave a partial one
CASES = {
    **{name: {"optimizer": name, "loss": "softmax_cross_entropy"} for name in mlp_numpy.OPTIMIZERS},
    **{loss: {"loss": loss} for loss in mlp_numpy.LOSSES},
    **{name: {"activation": name} for name in mlp_numpy.ACTIVATIONS},
    "weights": {"loss": "softmax_cross_entropy", "class_weights": (1.0, 2.0, 3.0), "label_smoothing": 0.1},
    "binary weights": {"loss": "binary_cross_entropy", "class_weights": (1.0, 3.0)},
    "batch_norm": {"batch_norm": True, "loss": "softmax_cross_entropy", "optimizer": "momentum"},
    "decay": {"weight_decay": 0.1, "optimizer": "adam", "reduction": "sum", "schedule": "cosine"},
    "adamw": {"weight_decay": 0.1, "optimizer": "adamw"},
    "clipped": {"clip_value": 0.05},
    "norm clipped": {"clip_norm": 0.1},
    "deep": {"layer_sizes": (3, 6, 6, 5, 1)},
}


def trained(options: dict) -> tuple[mlp_numpy.Config, np.ndarray, np.ndarray, list, list]:
    classes = options.get("loss") == "softmax_cross_entropy"
    fields = {"layer_sizes": (3, 6, 3 if classes else 1), "learning_rate": 0.05, "dtype": "float64"} | options
    config = mlp_numpy.Config(**fields)
    random = np.random.default_rng(3)
    x = random.standard_normal((N, 3))
    kind = options.get("loss", "mse")
    y = np.arange(N) % 3 if classes else np.arange(N) % 2 if "binary" in kind else random.standard_normal(N)
    models = [mlp_numpy.MLP(config, mlp_numpy.init_params(mlp_numpy.Config(**fields, seed=s))) for s in range(S)]
    return config, x, y, models, [model.params for model in models]


def order(seed: int, epoch: int) -> np.ndarray:
    return mlp_numpy.batch_order(N, seed, epoch)


@pytest.mark.parametrize("case", CASES)
def test_every_network_is_trained_as_alone(case):
    config, x, y, models, starts = trained(CASES[case])
    stack = Stack(config, starts)
    losses = stack.fit(x, y, 3, 5, lambda epoch: np.array([order(s, epoch) for s in range(S)]))
    for s, model in enumerate(models):
        history = model.fit(x, y, epochs=3, batch_size=5, order=lambda epoch, s=s: order(s, epoch), verbose=False)
        np.testing.assert_allclose(losses[:, s], history["loss"], rtol=1e-12)
        for mine, its in zip(stack.params[s], model.params, strict=True):
            for a, b in zip(mine, its, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(stack.forward(x)[s], model.forward(x), rtol=1e-10, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["sigmoid_mse", "binary_cross_entropy", "mse", "mae", "huber"]),
    st.sampled_from(["relu", "sigmoid", "tanh", "gelu"]),
    st.sampled_from(["mean", "sum"]),
    st.lists(st.integers(1, 5), max_size=3),
    st.integers(0, 1000),
)
def test_training_many_together_is_the_template_many_times(loss, activation, reduction, hidden, seed) -> None:
    sizes = (2, *hidden, 1)
    activations = [(activation, "tanh")[i % 2] for i in range(len(hidden))]
    config = mlp_numpy.Config(sizes, activations, loss, reduction, learning_rate=0.1, dtype="float64")
    networks = [recipes.he(sizes, seed + i) for i in range(3)]
    x, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 1.0, 1.0, 0.0])
    stack = Stack(config, networks)
    for _ in range(5):
        stack.train_step(x, y)
    for i, params in enumerate(networks):
        model = mlp_numpy.MLP(config, params)
        for _ in range(5):
            model.train_step(x, y)
        for (W, b), (many_W, many_b) in zip(model.params, stack.params[i], strict=True):
            np.testing.assert_allclose(many_W, W, rtol=1e-11, atol=1e-12)
            np.testing.assert_allclose(many_b, b, rtol=1e-11, atol=1e-12)


def test_the_networks_do_not_mix():
    """Another network in the stack changes nothing of the first one."""
    config, x, y, _, starts = trained({})
    both, alone = Stack(config, starts[:2]), Stack(config, starts[:1])
    for stack in (both, alone):
        stack.train_step(x, y)
    for a, b in pairwise([both.params[0], alone.params[0]]):
        np.testing.assert_array_equal(a[0][0], b[0][0])
    assert not np.allclose(both.params[1][0][0], both.params[0][0][0])


def test_dropout_is_refused_in_one_line():
    config, _, _, _, starts = trained({"dropout": 0.5})
    with pytest.raises(ValueError, match="a stack has no dropout: train the networks one by one"):
        Stack(config, starts)


def test_the_timed_networks_are_the_same_both_ways_and_shown():
    rows = [row for each in stacks.EXPERIMENTS for row in stacks.timed(each._replace(seeds=5), 2)]
    assert all(row["difference"] < 1e-12 and row["alone"] > 0 < row["stack"] for row in rows)
    table = pd.DataFrame(rows).assign(alone=[0.3, 0.6, 0.4, 0.4], stack=0.1)
    assert set(table.columns) == set(COLUMNS["speed_stacks"].split())
    figure, shown = stack_pages.stacks(Results({}, {"speed_stacks": table}))
    assert list(shown.frame["times as fast"]) == ["4.00 · 4.00 to 4.00", "4.50 · 3.00 to 6.00"]
    assert png(figure)
    assert stack_pages.stacks(Results({}, {"speed_stacks": table[:0]})) == []


def test_stacks_are_timed_where_a_run_is_there_for_timing():
    def chosen(*given: str) -> bool:
        return choices(parser().parse_args(given)).speed.stacks

    assert chosen("--only", "speed")
    assert chosen("--only", "speed", "ledger", "--speed-full")
    assert not chosen("--quick")
    assert not chosen()
