"""The tutorials' networks by name: what each trains, from which weights, and what it says will come of it.

A recipe is a scenario with a claim and a criterion for it. The trainings are the articles' own: network, data, order of
the random draws, loss, update, length; a recipe's note says where one had to be read in another way or made shorter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from shared import datasets, idx
from shared.batches import batch_order, batches
from shared.datasets import Dataset
from shared.names import unknown_name
from shared.scenarios import Plan, Scenario
from shared.weights import initial_parameters

Layers = list[tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Outcome:
    """What a training came to."""

    steps: list[int]  # before which the loss was measured; the last is the number of all steps
    losses: list[float]  # the mean loss over the training set, at each of `steps`
    predictions: list[float]  # of a classifier with one output, for the first points of the test set
    errors: list[float]  # its distance from the target, at the first points of the training set
    accuracy: float | None  # on the test set; None for a regression

    @property
    def first_loss(self) -> float:
        return self.losses[0]

    @property
    def final_loss(self) -> float:
        return self.losses[-1]


@dataclass(frozen=True)
class Criterion:
    """When a claim is said to hold."""

    words: str
    holds: Callable[[Outcome], bool]


@dataclass(frozen=True)
class Recipe:
    """A scenario with its claim."""

    scenario: Scenario
    claim: str
    criterion: Criterion
    draw: Callable[[Sequence[int], int], Layers]  # the initial weights, from layer sizes and seed
    weights: str  # how they are drawn, in words
    load: Callable[[str], Dataset] = datasets.load  # the data, from the scenario's dataset
    order: str = "shuffled"  # of the samples: "shuffled" anew in every epoch, "as given", or "by class"
    note: str = ""  # what differs from the article
    mistake: str = ""  # the mistake that it makes or, next to it, does not make; otherwise it is a tutorial's

    @property
    def name(self) -> str:
        return self.scenario.name


def plan_of(recipe: Recipe, dataset: Dataset, seed: int | None = None) -> Plan:
    """Draw the initial weights and the order of the batches; `seed` takes the place of the recipe's own."""
    scenario = recipe.scenario if seed is None else replace(recipe.scenario, seed=seed)
    samples = len(dataset.x_train)
    sizes = scenario.layer_sizes(dataset.x_train.shape[1], len(dataset.classes))
    if dataset.y_train.ndim == 2:  # A column for each class: one sigmoid output for each.
        sizes = (*sizes[:-1], dataset.y_train.shape[1])
    order = {
        "shuffled": lambda epoch: batch_order(samples, scenario.seed, epoch),
        "as given": lambda epoch: np.arange(samples),
        "by class": lambda epoch: np.argsort(dataset.y_train, kind="stable"),
    }[recipe.order]
    steps = [
        batch for epoch in range(scenario.epochs) for batch in batches(order(epoch), scenario.batch_size or samples)
    ]
    config = {"layer_sizes": sizes, "seed": scenario.seed, **scenario.options}
    return Plan(scenario, dataset, config, recipe.draw(sizes, scenario.seed), steps)


# Initial weights, drawn as the articles do: RandomState(seed) repeats the numbers of np.random.seed(seed), and its
# standard_normal those of np.random.randn -----------------------------------------------------------------------------


def small_normal(layer_sizes: Sequence[int], seed: int) -> Layers:
    """W = randn * 0.1, layer by layer; zero biases."""
    random = np.random.RandomState(seed)
    return [(0.1 * random.standard_normal((n, m)), np.zeros(m)) for n, m in pairwise(layer_sizes)]


def uniform(layer_sizes: Sequence[int], seed: int) -> Layers:
    """uniform(-1, 1): first all weights, then all biases."""
    random = np.random.RandomState(seed)
    matrices = [random.uniform(-1, 1, (n, m)) for n, m in pairwise(layer_sizes)]
    return [(W, random.uniform(-1, 1, (W.shape[1],))) for W in matrices]


def he(layer_sizes: Sequence[int], seed: int) -> Layers:
    """W = randn * sqrt(2 / in), layer by layer (He et al., 2015); zero biases."""
    random = np.random.RandomState(seed)
    return [(random.standard_normal((n, m)) * math.sqrt(2 / n), np.zeros(m)) for n, m in pairwise(layer_sizes)]


def unscaled_normal(layer_sizes: Sequence[int], seed: int) -> Layers:
    """W = randn, layer by layer; zero biases."""
    random = np.random.RandomState(seed)
    return [(random.standard_normal((n, m)), np.zeros(m)) for n, m in pairwise(layer_sizes)]


@dataclass(frozen=True)
class Scheme:
    """A scheme of shared.weights."""

    name: str

    def __call__(self, layer_sizes: Sequence[int], seed: int) -> Layers:
        return [*initial_parameters(layer_sizes, self.name, seed)]


# Data that no other scenario has -----------------------------------------------------------------------------------


def xor_with_noisy_points(name: str) -> Dataset:
    """XOR, tested on four points near its corners."""
    x = np.array([[0.1, 0.9], [0.8, 0.2], [0.9, 0.9], [0.1, 0.1]])
    split = "tested on four points near the corners"
    return replace(datasets.load("xor"), x_test=x, y_test=np.array([1, 1, 0, 0]), split=split)


def ten_random_examples(name: str) -> Dataset:
    """Ten examples of noise, (10, 5), in three classes, which are the test set too."""
    random = np.random.default_rng(0)
    x, y = random.standard_normal((10, 5)), random.integers(0, 3, 10)
    return Dataset(
        name=name,
        task="multiclass",
        x_train=x,
        y_train=y,
        x_test=x,
        y_test=y,
        classes=("0", "1", "2"),
        feature_names=tuple("abcde"),
        split="the test set is the training set",
        scaling="none",
        licence="none needed: the points are generated",
        source="standard normal numbers and random classes",
    )


def one_column_a_class(name: str) -> Dataset:
    """Images with targets (N, 10) of 0 and 1."""
    data = datasets.load(name)
    columns = np.eye(len(data.classes), dtype=np.int64)
    return replace(data, y_train=columns[data.y_train], y_test=columns[data.y_test])


def unscaled(name: str) -> Dataset:
    """The inputs as they were measured."""
    return datasets.load(name, scale=False)


# When a claim is said to hold ----------------------------------------------------------------------------------------

LEARNED = 0.25  # how far a prediction of a learned XOR may be from its target


def learns(outcome: Outcome) -> bool:
    """Whether XOR was learned: for each of its four points the prediction is near the target."""
    return max(outcome.errors) < LEARNED


LEARNS = Criterion(f"for each of XOR's points the prediction is within {LEARNED} of its target", learns)


def _loss_at_most(most: float) -> Criterion:
    return Criterion(
        f"the loss ends at {most} or less and every prediction is within {LEARNED} of its target",
        lambda outcome: outcome.final_loss <= most and learns(outcome),
    )


def _accuracy_of(least: float) -> Criterion:
    return Criterion(f"the test accuracy is {least:.0%} or more", lambda outcome: (outcome.accuracy or 0) >= least)


def _accuracy_below(least: float) -> Criterion:
    return Criterion(f"the test accuracy stays below {least:.0%}", lambda outcome: (outcome.accuracy or 0) < least)


_SKELETON = Criterion("the loss falls to less than half", lambda outcome: outcome.final_loss < outcome.first_loss / 2)
_STARTS_LOW = Criterion(
    "the first loss is at most twice ln 10, which guessing costs",
    lambda outcome: outcome.first_loss <= 2 * math.log(10),
)


# The tutorials' recipes ----------------------------------------------------------------------------------------------

_XOR_SGD: dict[str, Any] = {"loss": "sigmoid_mse", "activation": "sigmoid", "optimizer": "sgd", "learning_rate": 0.5}
_HE_BCE: dict[str, Any] = {
    "loss": "binary_cross_entropy",
    "activation": "relu",
    "optimizer": "sgd",
    "learning_rate": 0.5,
}
_DROPOUT: dict[str, Any] = {
    "loss": "softmax_cross_entropy",
    "activation": "relu",
    "optimizer": "adam",
    "learning_rate": 0.001,
    "epsilon": 1e-7,  # Keras' default.
    "dropout": 0.2,
}


def _xor(name: str, title: str, options: dict[str, Any], epochs: int, seed: int = 42) -> Scenario:
    return Scenario(name, title, "xor", (4,), options, batch_size=None, epochs=epochs, seed=seed)


_TUTORIALS = [
    Recipe(
        _xor("xor-small-normal", "XOR from small weights, in NumPy", _XOR_SGD, 10_000),
        "the loss falls from about 0.25 toward 0.001; predictions very close to 0 1 1 0",
        _loss_at_most(0.01),
        small_normal,
        "np.random.seed(42): randn · 0.1, W1 then W2; zero biases",
        order="as given",
    ),
    Recipe(
        _xor("xor-framework-default", "the same network, in PyTorch", _XOR_SGD, 10_000, seed=0),
        "prints 0 1 1 0",
        LEARNS,
        Scheme("torch_default"),
        "PyTorch's defaults: uniform within 1/√in, biases too",
        order="as given",
        note="They are drawn in NumPy from PyTorch's distribution, so that all three start alike.",
    ),
    Recipe(
        Scenario(
            "three-class-adam",
            "a training loop to start from",
            "ten random examples",
            (16,),
            {"loss": "softmax_cross_entropy", "activation": "relu", "optimizer": "adam", "learning_rate": 0.01},
            batch_size=None,
            epochs=50,
        ),
        "a training skeleton: it trains",
        _SKELETON,
        Scheme("torch_default"),
        "PyTorch's defaults",
        load=ten_random_examples,
        order="as given",
    ),
    Recipe(
        _xor(
            "xor-uniform-sum",
            "XOR from uniform weights, errors summed",
            _XOR_SGD | {"reduction": "sum", "learning_rate": 0.05},
            1_000,
        ),
        "learns XOR, four noisy points too",
        LEARNS,
        uniform,
        "np.random.seed(42): uniform(−1, 1), W1, W2, b1, b2",
        load=xor_with_noisy_points,
        order="as given",
        note="½·Σ squared error at rate 0.1 is Σ squared error at rate 0.05. The loss shown is the mean squared error, "
        "as the article logs it; the predictions are for its four noisy points.",
    ),
    Recipe(
        Scenario(
            "softmax-unscaled",
            "a softmax classifier from unscaled weights",
            "digits",
            (64,),
            {"loss": "softmax_cross_entropy", "activation": "relu", "optimizer": "sgd", "learning_rate": 0.01},
            epochs=10,
            seed=42,
        ),
        "a class to copy, for any data",
        _STARTS_LOW,
        unscaled_normal,
        "np.random.seed(42): randn, not scaled; zero biases",
        note="The article leaves data and length open: digits, 64 hidden units, 10 epochs in batches of 32.",
    ),
    Recipe(
        Scenario("digits-dropout-adam", "dropout and Adam, in Keras", "digits", (64,), _DROPOUT, epochs=10),
        "trains, and reports its accuracy",
        _accuracy_of(0.9),
        Scheme("keras_default"),
        "Keras' defaults: Glorot uniform; zero biases",
        note="The article's hidden layer on the bundled digits of 8x8 pixels; all three drop the same units.",
    ),
    Recipe(
        Scenario("mnist-dropout-adam", "the same on MNIST", "mnist", (64,), _DROPOUT, epochs=1),
        "trains, and reports its accuracy",
        _accuracy_of(0.9),
        Scheme("keras_default"),
        "Keras' defaults: Glorot uniform; zero biases",
        note="1 epoch for the article's 10.",
    ),
    Recipe(
        _xor("xor-he-bce", "XOR with ReLU and He's weights", _HE_BCE, 5_000),
        "the loss falls, accuracy 100 %",
        LEARNS,
        he,
        "np.random.seed(42): randn · √(2/in), layer by layer; zero biases",
        order="as given",
        note="The article takes log(p + 1e-8); here the loss comes from the logits, which is 1e-8 more at the end.",
    ),
    Recipe(
        Scenario("digits-deep", "the class of xor-he-bce, deeper", "digits", (128, 64), _HE_BCE, epochs=10, seed=42),
        "scales without any change",
        _accuracy_of(0.9),
        he,
        "np.random.seed(42): randn · √(2/in), layer by layer; zero biases",
        load=one_column_a_class,
        note="The article's hidden layers, one sigmoid a class, on the bundled digits; 10 epochs in batches of 32 for "
        "5,000 full batches; the loss is the mean over samples and classes.",
    ),
    Recipe(
        Scenario("mnist-deep", "the same on MNIST", "mnist", (128, 64), _HE_BCE, epochs=1, seed=42),
        "scales without any change",
        _accuracy_of(0.9),
        he,
        "np.random.seed(42): randn · √(2/in), layer by layer; zero biases",
        load=one_column_a_class,
        note="1 epoch in batches of 32 for 5,000 full batches; the loss is the mean over samples and classes.",
    ),
]


# The mistakes they warn of, each next to the right way ---------------------------------------------------------------

SCALES, RATES, ORDER = "inputs not normalised", "learning rate too high or too low", "sorted by class, never shuffled"
_WINE: dict[str, Any] = {
    "loss": "softmax_cross_entropy",
    "activation": "tanh",
    "optimizer": "sgd",
    "learning_rate": 0.05,
}
_DIABETES: dict[str, Any] = {"loss": "mse", "activation": "relu", "optimizer": "sgd"}
_SORTED: dict[str, Any] = {
    "loss": "softmax_cross_entropy",
    "activation": "relu",
    "optimizer": "sgd",
    "learning_rate": 0.3,
}


def _wine(name: str, title: str) -> Scenario:
    return Scenario(name, title, "wine", (16,), _WINE, epochs=20)


def _rate(name: str, title: str, rate: float) -> Scenario:
    return Scenario(name, title, "diabetes", (16,), _DIABETES | {"learning_rate": rate}, batch_size=None, epochs=60)


def _digits(name: str, title: str) -> Scenario:
    return Scenario(name, title, "digits", (32,), _SORTED, epochs=5)


_GLOROT: dict[str, Any] = {"draw": Scheme("glorot_normal"), "weights": "Glorot normal; zero biases"}
_HE: dict[str, Any] = {"draw": Scheme("he_normal"), "weights": "He normal; zero biases"}

_MISTAKES = [
    Recipe(
        _wine("inputs-scaled", "standardised inputs"),
        "learns",
        _accuracy_of(0.9),
        mistake=SCALES,
        **_GLOROT,
    ),
    Recipe(
        _wine("inputs-unscaled", "inputs as measured, 0.1 to 1,700"),
        "inputs that differ a thousandfold saturate the units",
        _accuracy_below(0.9),
        load=unscaled,
        mistake=SCALES,
        **_GLOROT,
    ),
    Recipe(
        _rate("rate-right", "rate 0.1", 0.1),
        "learns",
        Criterion("the loss falls below 0.5; 1 is what the mean costs", lambda o: o.final_loss < 0.5),
        mistake=RATES,
        **_HE,
    ),
    Recipe(
        _rate("rate-too-low", "rate 0.0001", 1e-4),
        "hardly moves",
        Criterion("the loss stays above 0.9 of its start", lambda o: o.final_loss > 0.9 * o.first_loss),
        mistake=RATES,
        **_HE,
    ),
    Recipe(
        _rate("rate-high", "rate 0.2", 0.2),
        "swings before it settles",
        Criterion("the loss rises above its start", lambda o: max(o.losses) > o.first_loss),
        mistake=RATES,
        **_HE,
    ),
    Recipe(
        _rate("rate-too-high", "rate 0.3", 0.3),
        "ends in NaN",
        Criterion("the loss is no finite number", lambda o: not math.isfinite(o.final_loss)),
        mistake=RATES,
        **_HE,
    ),
    Recipe(
        _digits("shuffled", "shuffled in every epoch"),
        "learns",
        _accuracy_of(0.8),
        mistake=ORDER,
        **_HE,
    ),
    Recipe(
        _digits("sorted", "one class after the other"),
        "forgets each class while it learns the next",
        _accuracy_below(0.8),
        order="by class",
        mistake=ORDER,
        **_HE,
    ),
]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*_TUTORIALS, *_MISTAKES)}
XOR_RECIPES = ("xor-small-normal", "xor-framework-default", "xor-uniform-sum", "xor-he-bce")


def unavailable(recipe: Recipe) -> str:
    """Why its data cannot be had without a download, in one line; empty where it can."""
    name = recipe.scenario.dataset
    if name != "mnist" or idx.available(name) is None:
        return ""
    return f"the files of {name} are not here: python -m shared.idx {name} downloads them"


def get(name: str) -> Recipe:
    """The recipe of this name; ValueError, with the nearest name, if there is none."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
