"""Advice works: the mend of a trap, pasted over the line that has it, makes a PyTorch or a Keras model equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import pytest
import torch

from compare.candidates import plans
from compare.candidates.forms import fitting
from compare.candidates.worker import adapt
from compare.ledger.parity import in_step
from compare.ledger.trace import record
from compare.traps.catalogue import CATALOGUE, mend
from compare.traps.scenarios import Case
from impls.mlp_numpy import Config

STEPS = 6

TORCH = """
import torch
from torch import nn
from torch.nn import functional as F
n, m, units, weight = 4, 8, 8, torch.tensor((1.0, 2.0, 3.0))

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = @linear@
        self.norm = @norm@
        self.activation = @activation@
        self.out = nn.Linear(m, @outputs@)

    def forward(self, x):
        return self.out(self.activation(self.norm(self.hidden(x))))

def loss_of(z, y):
    return @loss@

def step(model, loss_function, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_function(model(x), y)
    @step@
    return loss

def candidate():
    model = Model()
    optimizer = @optimizer@
    return {"model": model, "loss": loss_of, "optimizer": optimizer, "step": step, "config": CONFIG}
"""
KERAS = """
import keras
import numpy as np
from keras import layers, ops
units, classes = 8, 3

def candidate():
    model = keras.Sequential([keras.Input((4,)), @hidden@, *@activation@, @out@])
    optimizer = @optimizer@
    model.compile(optimizer, @loss@)
    return {"model": model, "config": CONFIG}
"""
PARTS = {
    "torch": {
        "linear": "nn.Linear(n, m)",
        "norm": "nn.Identity()",
        "activation": "nn.Tanh()",
        "outputs": "3",
        "loss": "F.cross_entropy(z, y)",
        "step": "loss.backward(); optimizer.step()",
        "optimizer": "torch.optim.SGD(model.parameters(), lr=0.1)",
    },
    "keras": {
        "hidden": "layers.Dense(units)",
        "activation": "[layers.Activation('tanh')]",
        "out": "layers.Dense(classes)",
        "loss": "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "optimizer": "keras.optimizers.SGD(0.1)",
    },
}


@dataclass(frozen=True)
class Trip:
    """A trap in a program: the part that has it, its faulty code, and what the program means to be."""

    trap: str
    part: str
    bad: str
    config: dict[str, Any] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)  # parts of the program
    around: str = "{}"  # what the pasted line is set into


ADAM, MOMENTUM = {"optimizer": "adam", "learning_rate": 0.01}, {"optimizer": "momentum", "learning_rate": 0.1}
RMSPROP = {"optimizer": "rmsprop", "learning_rate": 0.01, "beta2": 0.99}
MSE, ONE = {"loss": "mse"}, {"outputs": "1"}
OF_P = "(model.parameters(), lr=0.01"
IN_TORCH = [
    Trip("leaky-slope", "activation", "nn.LeakyReLU(0.3)", {"activation": "leaky_relu"}),
    Trip("gelu-tanh", "activation", "nn.GELU(approximate='tanh')", {"activation": "gelu"}),
    Trip("no-biases", "linear", "nn.Linear(n, m, bias=False)"),
    Trip("norm-epsilon", "norm", "nn.BatchNorm1d(8, eps=1e-3)", {"batch_norm": True}),
    Trip("norm-momentum", "norm", "nn.BatchNorm1d(8, momentum=0.01)", {"batch_norm": True}),
    Trip("loss-factor", "loss", "F.mse_loss(z, y.reshape(-1, 1)) / 2", MSE, ONE, "(lambda y: {})(y.reshape(-1, 1))"),
    Trip("shapes-broadcast", "loss", "F.mse_loss(z, y.reshape(-1))", MSE, ONE, "(lambda y: {})(y.reshape(-1))"),
    Trip("logits-as-probabilities", "loss", "F.nll_loss(z, y)"),
    Trip("class-ids-shifted", "loss", "F.cross_entropy(z, (y + 1) % 3)"),
    Trip("smoothing-forgotten", "loss", "F.cross_entropy(z, y)", {"label_smoothing": 0.1}),
    Trip("class-weights-forgotten", "loss", "F.cross_entropy(z, y)", {"class_weights": (1.0, 2.0, 3.0)}),
    Trip("class-weights-by-count", "loss", "(weight[y] * F.cross_entropy(z, y, reduction='none')).mean()",
         {"class_weights": (1.0, 2.0, 3.0)}),
    Trip("amsgrad", "optimizer", f"torch.optim.Adam{OF_P}, amsgrad=True)", ADAM),
    Trip("nadam", "optimizer", f"torch.optim.NAdam{OF_P})", ADAM),
    Trip("no-bias-correction", "optimizer", f"torch.optim.Adam{OF_P}, betas=(0.5, 0.9))", ADAM),
    Trip("epsilon-value", "optimizer", f"torch.optim.Adam{OF_P}, eps=1e-3)", ADAM),
    Trip("adam-betas", "optimizer", f"torch.optim.Adam{OF_P}, betas=(0.5, 0.9))", ADAM),
    Trip("rmsprop-decay", "optimizer", f"torch.optim.RMSprop{OF_P}, alpha=0.9)", RMSPROP),
    Trip("rmsprop-centred", "optimizer", f"torch.optim.RMSprop{OF_P}, centered=True)", RMSPROP),
    Trip("rmsprop-momentum", "optimizer", f"torch.optim.RMSprop{OF_P}, momentum=0.9)", RMSPROP),
    Trip("adagrad-initial-accumulator", "optimizer", f"torch.optim.Adagrad{OF_P}, initial_accumulator_value=0.1)",
         {"optimizer": "adagrad", "learning_rate": 0.01}),
    Trip("momentum-value", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.5)", MOMENTUM),
    Trip("momentum-dampened", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.9, dampening=0.9)", MOMENTUM),
    Trip("nesterov-flag", "optimizer", f"torch.optim.SGD{OF_P}0, momentum=0.9, nesterov=True)", MOMENTUM),
    Trip("learning-rate", "optimizer", "torch.optim.SGD(model.parameters(), lr=0.2)"),
    Trip("not-in-optimizer", "optimizer", "torch.optim.SGD(model.out.parameters(), lr=0.1)"),
    Trip("decay-forgotten", "optimizer", f"torch.optim.Adam{OF_P})", ADAM | {"weight_decay": 0.01}),
    Trip("decay-by-default", "optimizer", f"torch.optim.AdamW{OF_P})",
         {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}),
    Trip("gradients-not-zeroed", "step", "optimizer.zero_grad = lambda: None; loss.backward(); optimizer.step()",
         around="{}; loss.backward(); optimizer.step()"),
    Trip("two-updates", "step", "loss.backward(); optimizer.step(); optimizer.step()", around="loss.backward(); {}"),
    Trip("clip-forgotten", "step", "loss.backward(); optimizer.step()", {"clip_norm": 0.05}),
    Trip("clip-per-tensor", "step",
         "loss.backward(); [nn.utils.clip_grad_norm_(p, 0.05) for p in model.parameters()]; optimizer.step()",
         {"clip_norm": 0.05}, around="loss.backward(); {}; optimizer.step()"),
    Trip("gradients-accumulated", "step", "loss.backward()"),
]  # fmt: skip
SPARSE = "keras.losses.SparseCategoricalCrossentropy"
IN_KERAS = [
    Trip("leaky-slope", "activation", "[layers.LeakyReLU()]", {"activation": "leaky_relu"}, around="[{}]"),
    Trip("no-biases", "hidden", "layers.Dense(units, use_bias=False)"),
    Trip("other-activation", "hidden", "layers.Dense(units, activation='relu')", {}, {"activation": "[]"}),
    Trip("activated-twice", "out", "layers.Dense(3, activation='softmax')"),
    Trip("logits-as-probabilities", "loss", f"{SPARSE}()"),
    Trip("momentum-value", "optimizer", "keras.optimizers.SGD(0.1, momentum=0.5)", MOMENTUM),
    Trip("hyperparameters-float32", "optimizer", "keras.optimizers.SGD(0.1, momentum=0.9)", MOMENTUM),
    Trip("nesterov-flag", "optimizer", "keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)", MOMENTUM),
    Trip("learning-rate", "optimizer", "keras.optimizers.SGD(0.2)"),
]


def source(framework: str, trip: Trip, code: str) -> str:
    """The program with this code in the part that the trap is in."""
    text = {"torch": TORCH, "keras": KERAS}[framework]
    for part, given in (PARTS[framework] | trip.others | {trip.part: code}).items():
        text = text.replace(f"@{part}@", given)
    return text


def config_of(trip: Trip) -> dict[str, Any]:
    fields = {"layer_sizes": (4, 8, 1 if trip.others.get("outputs") == "1" else 3), "activation": "tanh"}
    return fields | {"loss": "softmax_cross_entropy", "optimizer": "sgd", "learning_rate": 0.1} | trip.config


def pasted(framework: str, trip: Trip) -> str:
    """The mend as a line of the program."""
    line = mend(CATALOGUE[trip.trap], framework, Config(**config_of(trip))).partition("  #")[0]
    return trip.around.replace("{}", line.removeprefix("loss = ") if trip.part == "loss" else line)


def equal(text: str, fields: dict[str, Any]) -> bool:
    """Whether the program trains as the reference does."""
    space: dict[str, Any] = {"CONFIG": fields}
    exec(text, space)
    plan = plans.own(fields, STEPS)
    config, case = Config(**plan.config, dtype="float64"), Case(plan)
    form, _ = fitting(lambda: adapt(space["candidate"](), "float64"), config, plan, case.reference)
    candidate = adapt(space["candidate"](), "float64")
    candidate.form = form
    candidate.begin(config)
    trace = record(candidate, plan, case.reference if candidate.takes_state else None)
    compared = in_step(case.ruler, "float64", ("a", "b"), case.reference, trace, candidate.blind)
    return compared.first is None


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    torch.set_default_dtype(torch.float32)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@pytest.mark.filterwarnings("ignore:Using a target size")  # PyTorch's word on what is mended.
@pytest.mark.parametrize("trip", IN_TORCH, ids=lambda trip: trip.trap)
def test_the_line_for_pytorch_mends(trip: Trip) -> None:
    assert not equal(source("torch", trip, trip.bad), config_of(trip))
    assert equal(source("torch", trip, pasted("torch", trip)), config_of(trip))


@pytest.mark.parametrize("trip", IN_KERAS, ids=lambda trip: trip.trap)
def test_the_line_for_keras_mends(trip: Trip) -> None:
    assert equal(source("keras", trip, pasted("keras", trip)), config_of(trip))
