"""Small scenarios in which every trap makes a difference somewhere: short runs, and each option at least once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from compare.ledger.contract import Implementation, Layers
from compare.ledger.parity import Ruler
from compare.ledger.trace import Trace, amplification
from compare.traps.catalogue import Hypothesis, build, record_trapped
from shared import datasets
from shared.scenarios import Plan, Scenario, plan

_SOFTMAX, _BINARY = "softmax_cross_entropy", "binary_cross_entropy"


def _scenario(
    name: str,
    title: str,
    dataset: str,
    hidden: tuple[int, ...],
    loss: str,
    activation: str | tuple,
    optimizer: str,
    learning_rate: float,
    *,
    initial: str = "torch_default",
    scale: float = 1.0,
    batch_size: int = 32,
    **others: Any,
) -> Scenario:
    """Three epochs, from PyTorch's initial weights, whose biases are not 0, unless told otherwise."""
    options = {"loss": loss, "activation": activation, "optimizer": optimizer, "learning_rate": learning_rate}
    return Scenario(name, title, dataset, hidden, options | others, initial, scale, batch_size, epochs=3)


_SCENARIOS = [
    _scenario(
        "trap-sgd", "gradient descent, one logit", "two-moons", (8,), _BINARY, "relu", "sgd", 0.3, batch_size=150
    ),
    _scenario("trap-adam", "Adam, square and twin layers", "iris", (4, 4), _SOFTMAX, "tanh", "adam", 0.01),
    _scenario(
        "trap-adam-decay",
        "Adam, weight decay and clipping",
        "iris",
        (8,),
        _SOFTMAX,
        "relu",
        "adam",
        0.01,
        weight_decay=0.1,
        clip_norm=0.1,
    ),
    _scenario(
        "trap-adamw",
        "AdamW under a cosine schedule",
        "wine",
        (8,),
        _SOFTMAX,
        "sigmoid",
        "adamw",
        0.02,
        weight_decay=0.1,
        schedule="cosine",
        schedule_steps=20,
    ),
    _scenario(
        "trap-momentum",
        "momentum under a step schedule",
        "iris",
        (8,),
        _SOFTMAX,
        "silu",
        "momentum",
        0.1,
        schedule="step",
        schedule_steps=3,
    ),
    _scenario(
        "trap-momentum-decay",
        "momentum, weight decay, clipped entries",
        "diabetes",
        (8,),
        "huber",
        "elu",
        "momentum",
        0.05,
        weight_decay=0.1,
        clip_value=0.02,
        batch_size=100,
    ),
    _scenario(
        "trap-nesterov",
        "Nesterov under an exponential schedule",
        "wine",
        (8,),
        _SOFTMAX,
        "softplus",
        "nesterov",
        0.05,
        schedule="exponential",
        schedule_steps=5,
        schedule_rate=0.6,  # float32 has it not exactly
    ),
    _scenario("trap-rmsprop", "RMSprop, regression", "diabetes", (8,), "mse", "tanh", "rmsprop", 0.005, batch_size=100),
    _scenario(
        "trap-adagrad", "Adagrad, warm-up", "iris", (8,), _SOFTMAX, "leaky_relu", "adagrad", 0.1, schedule="warmup"
    ),
    _scenario(
        "trap-dropout", "dropout, Adam", "wine", (16, 8), _SOFTMAX, "relu", "adam", 0.01, dropout=0.4, batch_size=40
    ),
    _scenario("trap-norm", "batch normalisation", "iris", (8, 6), _SOFTMAX, "relu", "momentum", 0.05, batch_norm=True),
    _scenario("trap-gelu", "GELU, a sum over the batch", "iris", (8,), _SOFTMAX, "gelu", "sgd", 0.01, reduction="sum"),
    _scenario(
        "trap-weights",
        "class weights and label smoothing",
        "iris",
        (8,),
        _SOFTMAX,
        "tanh",
        "sgd",
        0.2,
        label_smoothing=0.2,
        class_weights=(1.0, 2.0, 5.0),
    ),
    _scenario(
        "trap-binary-weights",
        "class weights, one logit, sigmoid units",
        "breast-cancer",
        (6,),
        _BINARY,
        "sigmoid",
        "adam",
        0.01,
        class_weights=(1.0, 3.0),
        label_smoothing=0.1,
        batch_size=150,
    ),
    _scenario(
        "trap-sigmoid",
        "a squared error of the sigmoid",
        "two-moons",
        (6,),
        "sigmoid_mse",
        "tanh",
        "sgd",
        0.5,
        batch_size=150,
    ),
    _scenario(
        "trap-exact",
        "the absolute error, one that is exactly 0 among them",
        "xor",
        (4,),
        "mae",
        "relu",
        "sgd",
        0.05,
        initial="he_normal",
    ),
    _scenario(
        "trap-by-layer",
        "an activation and a rate of dropout for each layer, the absolute error",
        "diabetes",
        (6, 6, 4),
        "mae",
        ("leaky_relu", "tanh", "gelu"),
        "momentum",
        0.05,
        dropout=(0.3, 0.0, 0.5),
        batch_size=100,
    ),
    _scenario(
        "trap-large", "large weights: sure and wrong", "wine", (8,), _SOFTMAX, "softplus", "sgd", 0.001, scale=30.0
    ),
]

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _SCENARIOS}


class Case:
    """A plan with its clean reference and bounds, in float64."""

    def __init__(self, plan: Plan, reference: Trace | None = None):
        self.plan, self._given = plan, reference

    @cached_property
    def reference(self) -> Trace:
        return self._given or record_trapped((), self.plan, "float64")

    @cached_property
    def ruler(self) -> Ruler:
        return Ruler(self.plan, self.reference, amplification(self.builder(()), self.plan))

    def builder(self, causes: tuple[Hypothesis, ...]) -> Callable[[Layers], Implementation]:
        """Build the reference with these traps from initial parameters, in float64."""
        return lambda params: build(causes, self.plan, "float64", params)


def shortened(plan: Plan, steps: int) -> Plan:
    """The first steps of a plan."""
    return replace(plan, steps=plan.steps[:steps])


_cases: dict[str, Case] = {}


def case(scenario: Scenario) -> Case:
    """The scenario with its data loaded, and its reference trained where it is asked for; kept for the next time."""
    key = repr(scenario)
    if key not in _cases:
        _cases[key] = Case(plan(scenario, datasets.load(scenario.dataset)))
    return _cases[key]
