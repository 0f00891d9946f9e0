"""The scenarios by name: a model, a dataset and a training plan each, the same for every implementation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from shared.batches import batch_order, batches, dropout_masks
from shared.datasets import Dataset
from shared.names import unknown_name
from shared.weights import initial_parameters


@dataclass(frozen=True)
class Scenario:
    """What to train, on which data, from which weights and in which order."""

    name: str
    title: str  # what it is there to show, in a few words
    dataset: str
    hidden: tuple[int, ...]  # units of the hidden layers
    options: dict[str, Any] = field(default_factory=dict)  # fields of a template's Config
    initial: str = "he_normal"  # a scheme of shared.weights
    initial_scale: float = 1.0
    batch_size: int | None = 32  # None: all samples in one batch
    epochs: int = 1
    steps: int | None = None  # stop after so many, wherever in an epoch that is
    seed: int = 0
    shift: float = 0.0  # added to all inputs
    quick: bool = False  # whether it belongs to the quick run

    def layer_sizes(self, inputs: int, classes: int) -> tuple[int, ...]:
        """Inputs, hidden layers and outputs: a softmax has an output for each class, anything else has one."""
        softmax = self.options["loss"] == "softmax_cross_entropy"
        return (inputs, *self.hidden, classes if softmax else 1)

    def said(self, option: str) -> str:
        """The value of an option in words; of several layers one after the other."""
        value = self.options[option]
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, eq=False)
class Plan:
    """A scenario with its data, its initial weights and the order of its batches drawn: all that a training needs."""

    scenario: Scenario
    dataset: Dataset
    config: dict[str, Any]  # the fields of a template's Config, without the dtype
    params: list[tuple[np.ndarray, ...]]  # initial, float64
    steps: list[np.ndarray]  # the sample indices of every step, (B,) each

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """x (B, D) and y (B,) of a step."""
        return self.dataset.x_train[self.steps[step]], self.dataset.y_train[self.steps[step]]

    def masks(self, step: int) -> list[np.ndarray] | None:
        """The dropout masks of a step, (B, H) for each hidden layer; None without dropout."""
        rates, hidden = self.config.get("dropout", 0.0), self.scenario.hidden
        rates = rates if isinstance(rates, tuple) else (rates,) * len(hidden)
        return dropout_masks(len(self.steps[step]), hidden, rates, self.scenario.seed, step) if any(rates) else None


def plan(scenario: Scenario, dataset: Dataset) -> Plan:
    """Draw what a scenario leaves to its seed."""
    if scenario.shift:
        moved = {name: getattr(dataset, name) + scenario.shift for name in ("x_train", "x_test")}
        dataset = replace(dataset, **moved)
    layer_sizes = scenario.layer_sizes(dataset.x_train.shape[1], len(dataset.classes))
    params: list[tuple[np.ndarray, ...]] = [
        *initial_parameters(layer_sizes, scenario.initial, scenario.seed, scenario.initial_scale)
    ]
    if scenario.options.get("batch_norm"):
        params = [(W, b, np.ones_like(b)) for W, b in params[:-1]] + params[-1:]
    samples = len(dataset.x_train)
    steps = [
        batch
        for epoch in range(scenario.epochs)
        for batch in batches(batch_order(samples, scenario.seed, epoch), scenario.batch_size or samples)
    ]
    config = {"layer_sizes": layer_sizes, "seed": scenario.seed, **scenario.options}
    return Plan(scenario, dataset, config, params, steps[: scenario.steps])


def _options(loss: str, activation: str | tuple, optimizer: str, learning_rate: float, **others: Any) -> dict[str, Any]:
    return {"loss": loss, "activation": activation, "optimizer": optimizer, "learning_rate": learning_rate, **others}


_SOFTMAX, _BINARY = "softmax_cross_entropy", "binary_cross_entropy"

# fmt: off
_SCENARIOS = [
    # The plain network.
    Scenario("xor", "the smallest network, all four points in one batch", "xor", (4,),
             _options("mse", "sigmoid", "sgd", 0.5), "glorot_normal", batch_size=None, epochs=60, quick=True),
    Scenario("moons", "two classes, one logit", "two-moons", (16,),
             _options(_BINARY, "relu", "momentum", 0.05), epochs=6, quick=True),
    Scenario("spirals-deep", "three hidden layers", "spirals", (16, 16, 16),
             _options(_SOFTMAX, "tanh", "adam", 0.01), "glorot_uniform", epochs=8),
    Scenario("iris", "plain gradient descent", "iris", (10,),
             _options(_SOFTMAX, "tanh", "sgd", 0.1), epochs=15),
    Scenario("wine", "sigmoid under momentum", "wine", (12,),
             _options(_SOFTMAX, "sigmoid", "momentum", 0.1), "lecun_normal", batch_size=16, epochs=6),
    Scenario("breast-cancer", "the last batch is a partial one", "breast-cancer", (16, 8),
             _options(_BINARY, "relu", "adam", 0.01), batch_size=50, epochs=8),
    Scenario("diabetes", "regression", "diabetes", (20,),
             _options("mse", "relu", "adam", 0.01), "he_uniform", epochs=5, quick=True),
    Scenario("digits", "images, trained until it works", "digits", (32,),
             _options(_SOFTMAX, "relu", "adam", 0.01), epochs=5, quick=True),
    Scenario("moons-tiny-weights", "weights of 0.01: small numbers everywhere", "two-moons", (8,),
             _options(_BINARY, "tanh", "sgd", 0.1), "normal", initial_scale=0.01, epochs=6),
    Scenario("xor-relu", "units at exactly 0 where the gradient is not, two layers of one width", "xor", (4, 4),
             _options(_BINARY, "relu", "momentum", 0.1), batch_size=None, epochs=20, quick=True),
    # The options.
    Scenario("wine-gelu-adamw", "decoupled decay, clipped by norm, cosine", "wine", (12, 8),
             _options(_SOFTMAX, "gelu", "adamw", 0.01, weight_decay=0.01, clip_norm=1.0, schedule="cosine",
                      schedule_steps=40), batch_size=16, epochs=5),
    Scenario("cancer-dropout", "dropout, class weights, coupled decay", "breast-cancer", (16, 16),
             _options(_BINARY, "silu", "nesterov", 0.02, dropout=0.3, weight_decay=0.01, class_weights=(2.0, 1.0)),
             batch_size=64, epochs=6),
    Scenario("spirals-norm", "batch normalisation, Adagrad, decaying rate", "spirals", (16, 16),
             _options(_SOFTMAX, "leaky_relu", "adagrad", 0.05, batch_norm=True, schedule="exponential"), epochs=4),
    Scenario("iris-rmsprop", "smoothed labels, three weighted classes, stepped rate", "iris", (12,),
             _options(_SOFTMAX, "elu", "rmsprop", 0.01, beta2=0.9, label_smoothing=0.1,
                      class_weights=(1.0, 2.0, 5.0), schedule="step", schedule_steps=20), "lecun_uniform", epochs=12),
    Scenario("diabetes-huber", "a loss for outliers, clipped by value, warm-up", "diabetes", (16,),
             _options("huber", "softplus", "momentum", 0.05, clip_value=0.1, schedule="warmup", schedule_steps=30),
             "glorot_normal", epochs=5),
    Scenario("xor-mae", "the absolute error, one that is exactly 0 among them", "xor", (4,),
             _options("mae", "relu", "sgd", 0.05), batch_size=None, epochs=20),
    Scenario("diabetes-mae", "the absolute error, whose slope jumps at 0", "diabetes", (16, 16),
             _options("mae", ("silu", "tanh"), "sgd", 0.05), "glorot_uniform", epochs=5),
    Scenario("xor-sigmoid-mse", "a sigmoid under the squared error, summed", "xor", (4,),
             _options("sigmoid_mse", "sigmoid", "sgd", 0.5, reduction="sum"), "normal", batch_size=None, epochs=60),
    Scenario("digits-norm-dropout", "batch normalisation and dropout together", "digits", (32,),
             _options(_SOFTMAX, "relu", "adam", 0.01, batch_norm=True, dropout=0.2), batch_size=64, epochs=3),
    Scenario("cancer-by-layer", "an activation and a share dropped for each layer", "breast-cancer", (16, 12, 8),
             _options(_BINARY, ("tanh", "relu", "softplus"), "adam", 0.01, dropout=(0.2, 0.0, 0.5)), batch_size=50,
             epochs=5, quick=True),
    Scenario("iris-norm-far", "batch normalisation of inputs far from 0", "iris", (8,),
             _options(_SOFTMAX, "tanh", "sgd", 0.1, batch_norm=True), batch_size=30, epochs=4, shift=300.0),
    # Where their files are.
    Scenario("mnist", "28 x 28 images, where the files are there", "mnist", (64,),
             _options(_SOFTMAX, "relu", "adam", 0.003), batch_size=64, steps=100),
    Scenario("fashion-mnist", "28 x 28 images, where the files are there", "fashion-mnist", (64,),
             _options(_SOFTMAX, "relu", "adam", 0.003), batch_size=64, steps=100),
]
# fmt: on

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _SCENARIOS}


def for_dataset(dataset: Dataset) -> Scenario:
    """A scenario for data of the user's own: two hidden layers, the loss that its task asks for."""
    loss = {"regression": "mse", "binary": _BINARY, "multiclass": _SOFTMAX}[dataset.task]
    options = _options(loss, "relu", "adam", 0.01)
    return Scenario(dataset.name, "data of your own", dataset.name, (32, 16), options, epochs=10, steps=200)


def get(name: str) -> Scenario:
    """The scenario of this name; ValueError, with the nearest name, if there is none."""
    if name not in SCENARIOS:
        raise unknown_name("scenario", name, SCENARIOS)
    return SCENARIOS[name]
