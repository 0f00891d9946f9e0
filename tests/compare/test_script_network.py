"""Dropout, batch normalisation, schedules and clipping of a script: read of it, and held against the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compare.check import main
from compare.watch.plan_loss import Inexpressible
from compare.watch.plan_network import network_of
from compare.watch.plan_optimizer import clipping_of, schedule_of
from compare.watch.recording import Op, Parameter, Recording, Step
from impls import mlp_numpy

TORCH = """
import torch, torch.nn as nn
torch.manual_seed(0)
X = torch.randn(64, 4)
y = (X[:, 0] > 0).long()
model = nn.Sequential(
    nn.Linear(4, 8), nn.BatchNorm1d(8{norm}), nn.ReLU(),
    nn.Linear(8, 6, bias=False), nn.BatchNorm1d(6{norm}), nn.ReLU(), nn.Dropout(0.25), nn.Linear(6, 2))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
sched = torch.optim.lr_scheduler.StepLR(opt, 2, 0.5)
for epoch in range(20):
    for i in range(0, 64, 16):
        opt.zero_grad()
        nn.functional.cross_entropy(model(X[i:i+16]), y[i:i+16]).backward()
        {clip}
        opt.step()
    sched.step()
"""


def answer(text: str, folder: Path, *more: str) -> dict[str, Any]:
    script, found = folder / "train.py", folder / "answer.json"
    script.write_text(text)
    main([str(script), "--steps", "20", "--json", str(found), *more])
    return json.loads(found.read_text())


def test_norm_dropout_and_schedule_are_the_references(tmp_path: Path) -> None:
    found = answer(TORCH.format(norm="", clip="pass"), tmp_path)
    assert (found["verdict"], found["dtype"], found["exit"]) == ("equal", "float64", 0)
    wanted = {"batch_norm": True, "dropout": [0.0, 0.25], "schedule": "step", "schedule_steps": 8, "schedule_rate": 0.5}
    assert found["scenario"]["config"].items() >= wanted.items()
    assert "0.bias: a normalisation takes out what this adds" in found["text"]


def test_a_norms_momentum_is_seen_although_no_loss_shows_it(tmp_path: Path) -> None:
    found = answer(TORCH.format(norm=", momentum=0.01", clip="pass"), tmp_path)
    assert (found["diagnosis"]["cause"], found["exit"]) == ("norm-momentum", 1)
    assert "norm-momentum (0.01, as in Keras)" in found["text"]


def test_a_loss_over_outputs_under_adam_is_told_and_not_called_the_same_weights(tmp_path: Path) -> None:
    """Adam hides a factor of the gradients; the norm's epsilon moves the weights by less than the drift's bound."""
    text = """
import torch
from torch import nn
from sklearn.datasets import load_wine
torch.manual_seed(3)
data = load_wine()
X = torch.tensor((data.data - data.data.mean(0)) / data.data.std(0), dtype=torch.float32)
Y = nn.functional.one_hot(torch.tensor(data.target), 3).float()
net = nn.Sequential(
    nn.Linear(13, 10, bias=False), nn.BatchNorm1d(10, eps=1e-3), nn.Tanh(), nn.Dropout(0.1),
    nn.Linear(10, 8, bias=False), nn.BatchNorm1d(8, eps=1e-3), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
for step in range(60):
    rows = torch.arange(32) + 29 * (step % 6)
    rows = rows[rows < len(X)]
    optimizer.zero_grad()
    z = net(X[rows])
    loss = -(Y[rows] * (z - z.logsumexp(1, keepdim=True))).mean()
    loss.backward()
    optimizer.step()
"""
    found = answer(text, tmp_path, "--steps", "50")
    assert found["exit"] == 1
    assert "norm-epsilon (1e-3, as in Keras) together with loss-over-outputs" in found["text"]
    assert "nothing to mend" not in found["text"]


def test_clipping_is_read_of_the_gradients(tmp_path: Path) -> None:
    clip = "nn.utils.clip_grad_norm_(model.parameters(), 0.4)"
    found = answer(TORCH.format(norm="", clip=clip), tmp_path)
    assert (found["diagnosis"]["cause"], found["scenario"]["config"]["clip_norm"]) == ("clip-epsilon", 0.4)
    assert answer(TORCH.format(norm="", clip=clip), tmp_path, "--accept", "defaults")["exit"] == 0


def test_keras_norm_is_one_of_its_defaults(tmp_path: Path) -> None:
    text = """
import numpy as np, keras
keras.utils.set_random_seed(0)
X = np.random.randn(64, 4).astype("float32")
y = X[:, 0].copy()
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, use_bias=False), keras.layers.BatchNormalization(),
                          keras.layers.Activation("tanh"), keras.layers.Dropout(0.25), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.0625), "mse")
model.fit(X, y, epochs=5, batch_size=16, verbose=0)
"""
    found = answer(text, tmp_path)
    assert (found["diagnosis"]["cause"], found["exit"]) == ("norm-as-keras-has-it", 1)
    assert found["scenario"]["config"]["dropout"] == 0.25


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "constant"},
        {"schedule": "step", "schedule_steps": 7, "schedule_rate": 0.3},
        {"schedule": "exponential", "schedule_steps": 20, "schedule_rate": 0.5},
        {"schedule": "cosine", "schedule_steps": 35},
        {"schedule": "warmup", "schedule_steps": 12},
        {"schedule": "warmup", "schedule_steps": 500},
    ],
    ids=lambda fields: "-".join(map(str, fields.values())),
)
@pytest.mark.parametrize("kept", [np.float64, np.float32])
def test_schedules_are_told_by_their_rates(fields: dict[str, Any], kept: type) -> None:
    config = mlp_numpy.Config(learning_rate=0.02, **fields)
    rates = np.array([kept(mlp_numpy.learning_rate(config, step)) for step in range(30)], float)
    found = mlp_numpy.Config(**schedule_of(rates))
    assert found.schedule == fields["schedule"]
    again = [mlp_numpy.learning_rate(found, step) for step in range(30)]
    assert np.allclose(again, rates, rtol=1e-6, atol=0)


@pytest.mark.parametrize("rates", [[0.1, 0.2, 0.1, 0.2], [0.1, 0.1, 0.05, 0.04], [0.1, 0.0, 0.0, 0.0]])
def test_other_rates_are_none_of_its_schedules(rates: list[float]) -> None:
    with pytest.raises(Inexpressible, match="none of the schedules"):
        schedule_of(np.array(rates))


def driven(change) -> Recording:
    """Steps whose optimizer gets changed gradients."""
    random, steps = np.random.default_rng(0), []
    for _ in range(6):
        gradients: list = [random.normal(size=(3, 2)), random.normal(size=2)]
        steps.append(Step(gradients=gradients, applied=change(gradients)))
    return Recording("train.py", steps=steps)


def norm(gradients) -> float:
    return float(np.sqrt(sum((g * g).sum() for g in gradients)))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda g: [a.copy() for a in g], {}),
        (lambda g: [a * min(1, 1.5 / norm(g)) for a in g], {"clip_norm": 1.5}),
        (lambda g: [a * min(1, 1.5 / (norm(g) + 1e-6)) for a in g], {"clip_norm": 1.5}),
        (lambda g: [np.clip(a, -0.7, 0.7) for a in g], {"clip_value": 0.7}),
        (lambda g: [a / 2 for a in g], {}),
        (lambda g: [a * min(1, 1.5 / norm([a])) for a in g], {}),
    ],
    ids=["none", "norm", "norm and 1e-6", "value", "halved", "one by one"],
)
def test_clipping_is_told_by_what_it_does(change, found: dict[str, float]) -> None:
    assert clipping_of(driven(change)) == found


def network(*between: Op, before: tuple[Op, ...] = (), count: int = 4) -> Recording:
    shapes = [(3, 4), (4,), (4, 2), (2,), (4,), (4,), (4,), (4,)]
    roles = ["kernel", "bias", "kernel", "bias", "scale", "bias", "running mean", "running variance"]
    parameters = [
        Parameter(f"p{n}", "dense", role, np.zeros(shape), trained=not role.startswith("running"))
        for n, (shape, role) in enumerate(zip(shapes, roles, strict=True))
    ]
    ops = [*before, Op("linear", "first", parameters=(0, 1)), *between, Op("linear", "last", parameters=(2, 3))]
    return Recording("train.py", parameters=parameters[:count], ops=ops, steps=[Step()])


RELU, TANH, DROP = Op("relu", "relu"), Op("tanh", "tanh"), Op("dropout", "drop", {"p": 0.5})
NORM = Op("batch_norm", "norm", {"momentum": 0.1, "eps": 1e-5}, (4, 5, 6, 7))


def test_layers_are_read_with_what_follows_them() -> None:
    found = network_of(network(NORM, TANH, DROP, count=8))
    assert found.order == [(0, 5, 4), (2, 3)]
    assert found.idle == [1]
    assert found.fields == {"layer_sizes": (3, 4, 2), "activation": "tanh", "dropout": 0.5, "batch_norm": True}
    assert network_of(network(DROP, RELU)).fields["dropout"] == 0.5  # The same, either way round.
    assert "dropout" not in network_of(network(RELU, Op("dropout", "drop", {"p": 0.0}))).fields


def test_an_idle_bias_leaves_the_running_mean() -> None:
    found, bias = network_of(network(NORM, RELU, count=8)), np.array([1.0, -2.0, 0.5, 0.0])
    mean, with_bias = np.zeros(4), np.zeros(4)
    for batch in np.random.default_rng(0).normal(size=(5, 4)):
        mean, with_bias = mean + 0.1 * (batch - mean), with_bias + 0.1 * (batch + bias - with_bias)
    after: list = [None, bias, None, None, None, None, with_bias, np.ones(4)]
    ((left, _),) = found.running([after] * 5, after)
    assert np.allclose(left, mean, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (network(DROP, TANH), "before its layer's activation"),
        (network(RELU, DROP, DROP), "a second dropout"),
        (network(RELU, before=(DROP,)), "before the first layer"),
        (network(RELU, NORM, count=8), "not one of the activations"),
        (network(RELU, count=8), "none of a row"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_reference_cannot_be(recording: Recording, said: str) -> None:
    with pytest.raises(Inexpressible, match=said):
        network_of(recording)
