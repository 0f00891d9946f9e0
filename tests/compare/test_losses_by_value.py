"""A loss is judged by its value, not by its name: four kinds under a known name, in every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import ops
from torch import nn

from compare.candidates import infer, plans
from compare.candidates.worker import adapt
from compare.ledger.trace import record
from compare.traps.diagnose import Diagnosis, diagnose
from compare.traps.scenarios import Case
from impls.mlp_numpy import Config

pytestmark = pytest.mark.usefixtures("float64")

STEPS, SECONDS = 4, 1.0  # the search may end early: what is said of the loss does not come from it
BINARY = "binary_cross_entropy"


def sigmoid(z: Any) -> Any:
    return 1 / (1 + (-z).exp()) if isinstance(z, torch.Tensor) else 1 / (1 + ops.exp(-z))


def log(p: Any) -> Any:
    return p.log() if isinstance(p, torch.Tensor) else ops.log(p)


def where(condition: Any, a: Any, b: Any) -> Any:
    return torch.where(condition, a, b) if isinstance(condition, torch.Tensor) else ops.where(condition, a, b)


def focal(z: Any, y: Any) -> Any:
    p = sigmoid(z)
    right = y * p + (1 - y) * (1 - p)
    return -((1 - right) ** 3) * log(right)


def weighted(z: Any, y: Any) -> Any:
    p = sigmoid(z)
    return -(3.5 * y * log(p) + (1 - y) * log(1 - p))


def smooth(z: Any, y: Any) -> Any:
    r = abs(z - y)
    return where(r < 0.3, r * r / 0.6, r - 0.15)


def log_cosh(z: Any, y: Any) -> Any:
    r = z - y
    return r + log(1 + (-2 * r).exp() if isinstance(r, torch.Tensor) else 1 + ops.exp(-2 * r)) - float(np.log(2))


LOSSES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "focal": (BINARY, focal),
    "weighted by hand": (BINARY, weighted),
    "smooth L1": ("mse", smooth),
    "log-cosh": ("mse", log_cosh),
}


def in_torch(name: str, terms: Callable, norm: bool = False) -> dict[str, Any]:
    def loss(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return terms(z, y.reshape(z.shape)).mean()

    loss.__name__ = name
    model = nn.Sequential(nn.Linear(3, 6), *([nn.BatchNorm1d(6)] if norm else []), nn.Tanh(), nn.Linear(6, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"model": model, "loss": loss, "optimizer": optimizer, "config": {"loss": name}}


def in_keras(name: str, terms: Callable) -> dict[str, Any]:
    def loss(y: Any, z: Any) -> Any:
        return ops.mean(terms(z, ops.reshape(ops.cast(y, z.dtype), ops.shape(z))))

    loss.__name__ = name
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(6), keras.layers.Activation("tanh"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
    return {"model": model, "config": {"loss": name}}


class Net:
    """A network in NumPy whose loss is another than its user says."""

    def __init__(self, terms: Callable):
        random = np.random.default_rng(0)
        self.W1, self.b1 = random.normal(size=(3, 6)), np.zeros(6)
        self.W2, self.b2 = random.normal(size=(6, 1)), np.zeros(1)
        self.terms, self.learning_rate = terms, 0.1

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.a = np.tanh(x @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2

    def train_step(self, x: np.ndarray, y: np.ndarray) -> float:
        z = torch.tensor(self.forward(x), requires_grad=True)
        loss = self.terms(z, torch.tensor(y, dtype=z.dtype).reshape(z.shape)).mean()
        loss.backward()
        d = z.grad.numpy()  # type: ignore[union-attr]
        da = d @ self.W2.T * (1 - self.a**2)
        self.W2 -= self.learning_rate * self.a.T @ d
        self.b2 -= self.learning_rate * d.sum(axis=0)
        self.W1 -= self.learning_rate * x.T @ da
        self.b1 -= self.learning_rate * da.sum(axis=0)
        return float(loss.detach())


def in_numpy(name: str, terms: Callable) -> dict[str, Any]:
    return {"model": Net(terms), "config": {"loss": name}}


def diagnosed(make: Callable[[], dict[str, Any]]) -> Diagnosis:
    plan = plans.own(adapt(make(), "float64").describe(), STEPS)
    case, candidate = Case(plan), adapt(make(), "float64")
    candidate.begin(Config(**plan.config, dtype="float64"))
    if candidate.takes_state and candidate.framework != "numpy":
        return diagnose(plan, case.reference, stepped=record(candidate, plan, case.reference), seconds=SECONDS)
    return diagnose(plan, case.reference, own=record(candidate, plan), seconds=SECONDS)


def is_judged(found: Diagnosis) -> bool:
    """Whether it is said that no known loss fits, and which is nearest."""
    return any(fact.startswith("No known loss gives its value") and "the nearest is" in fact for fact in found.facts)


@pytest.mark.parametrize("make", [in_torch, in_keras, in_numpy])
@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_under_a_known_name_is_judged_by_its_value(kind: str, make: Callable) -> None:
    found = diagnosed(lambda: make(*LOSSES[kind]))
    if kind == "log-cosh":  # One of those that are looked for.
        assert found.cause == "other-loss"
        assert found.explanations[0].causes[0].variant == "log-cosh"
    else:
        assert found.cause == ""
        assert is_judged(found)


def test_it_is_judged_where_a_normalisation_hides_the_outputs_of_training() -> None:
    found = diagnosed(lambda: in_torch(*LOSSES["focal"], norm=True))
    assert found.cause == ""
    assert is_judged(found)


def test_a_loss_of_the_users_own_is_named_with_its_place() -> None:
    def loss(outputs: Any, targets: Any) -> Any:
        return (outputs - targets).abs().pow(3).mean()

    line = loss.__code__.co_firstlineno
    said = infer._own_loss(loss, infer.names_in(loss))
    assert said == f"its own loss function `loss` (test_losses_by_value.py, line {line})"
    assert infer._own_loss(nn.HuberLoss(), ["HuberLoss"]) == "the loss `HuberLoss`"
