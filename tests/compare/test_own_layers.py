"""Layers that users wrote themselves: taken where the numbers show that they are dense ones, refused by name if not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import ops
from torch import nn

from compare.candidates.load import CandidateError
from compare.candidates.worker import adapt
from tests.compare.test_candidates import Verdict

pytestmark = pytest.mark.usefixtures("float64")


class Own(keras.layers.Layer):
    """As told: the matrix turned or not, the bias of any shape or none, f inside, or something else."""

    def __init__(
        self, units: int, turned: bool = False, bias: tuple | None = (-1,), inside: Any = None, wrong: str = ""
    ):
        super().__init__()
        self.units, self.turned, self.shape_of_bias, self.wrong = units, turned, bias, wrong
        self.inside = keras.activations.get(inside)

    def build(self, shape: tuple) -> None:
        matrix = (self.units, shape[-1]) if self.turned else (shape[-1], self.units)
        self.weight = self.add_weight(shape=matrix)
        sizes = [self.units if size == -1 else size for size in self.shape_of_bias]
        self.shift = self.add_weight(shape=tuple(sizes), initializer="zeros") if sizes else None

    def call(self, x: Any) -> Any:
        z = x @ (ops.transpose(self.weight) if self.turned else self.weight)
        if self.wrong == "scaled":
            z = z / 2
        if self.wrong == "gated":
            z = z * ops.sigmoid(z + 1)
        if self.shift is not None and self.wrong != "unused":
            z = z + ops.reshape(self.shift, (-1,))
        return self.inside(z)


def made(*layers: Callable[[], Any], loss: Any = None) -> Callable[[], Any]:
    def make() -> keras.Model:
        model = keras.Sequential([keras.Input((4,)), *(layer() for layer in layers)])
        loss_of = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1, np.float64(0.9)), loss_of)
        return model

    return make


RIGHT = {
    "plain": made(lambda: Own(6, inside="relu"), lambda: Own(3)),
    "square and turned": made(
        lambda: Own(4, turned=True, inside="tanh"), lambda: Own(4, inside="tanh"), lambda: Own(3)
    ),
    "bias of two dimensions, among Keras' own": made(
        lambda: Own(6, bias=(1, -1)), lambda: keras.layers.ReLU(), lambda: keras.layers.Dense(5, "relu"), lambda: Own(3)
    ),
    "Keras' EinsumDense": made(
        lambda: keras.layers.EinsumDense("bi,io->bo", 6, bias_axes="o", activation="tanh"), lambda: Own(3)
    ),
    "softmax inside": made(
        lambda: Own(6, inside="relu"), lambda: Own(3, inside="softmax"), loss="sparse_categorical_crossentropy"
    ),
}


@pytest.mark.parametrize("make", RIGHT.values(), ids=RIGHT)
def test_own_layers_that_are_dense_are_equal(make: Callable[[], Any]) -> None:
    verdict = Verdict(make, steps=5)
    first = verdict.first
    assert first is None or (first.phase == "loss" and first.difference < 1e-6)  # Keras clips probabilities.


@pytest.mark.parametrize("wrong", ["scaled", "gated"])
def test_a_layer_that_is_none_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(CandidateError, match=r"own\w* \(Own\), with weights of shape \(4, 6\), \(6,\), does not give"):
        adapt(made(lambda: Own(6, wrong=wrong), lambda: Own(3))(), "float64")


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_bias_that_is_never_added_is_said() -> None:
    verdict = Verdict(made(lambda: Own(6, inside="relu", wrong="unused"), lambda: Own(3)), steps=5)
    assert verdict.first
    assert any("never uses" in note for note in verdict.notes)


def test_the_size_of_a_model_that_is_not_built_is_that_of_its_weights() -> None:
    class Model(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = Own(6, turned=True, inside="relu"), Own(3)
            self.one.build((None, 5))

        def call(self, x: Any) -> Any:
            return self.other(self.one(x))

    model = Model()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert adapt(model, "float64").describe()["layer_sizes"] == (5, 6, 3)


def test_weights_of_a_model_are_as_they_were() -> None:
    model = RIGHT["plain"]()
    before = model.get_weights()
    adapt(model, "float64")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


class Column(nn.Module):
    """Samples are columns inside: (W @ x.T + b).T."""

    def __init__(self, i: int, o: int, turned: bool = False):
        super().__init__()
        self.turned = turned
        self.w = nn.Parameter(torch.randn((i, o) if turned else (o, i)) / i**0.5)
        self.b = nn.Parameter(torch.zeros(o, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = self.w.T if self.turned else self.w
        return (w @ x.T + self.b).T


@pytest.mark.parametrize("turned", [False, True])
def test_a_product_with_the_weights_on_the_left_is_a_layer(turned: bool) -> None:
    def make() -> dict[str, Any]:
        model = nn.Sequential(Column(4, 4, turned), nn.Tanh(), Column(4, 3))
        return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(model.parameters(), 0.01)}

    assert Verdict(make, steps=5).first is None
