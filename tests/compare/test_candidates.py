"""The adapters for somebody's own model, in this process: right ones are equal, wrong ones differ in their place."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from compare.candidates import arrays, infer, plans
from compare.candidates.base import COLUMN, FLAT
from compare.candidates.forms import fitting
from compare.candidates.load import CandidateError, Source
from compare.candidates.worker import adapt
from compare.ledger.parity import Gap, in_step, on_its_own
from compare.ledger.trace import record
from compare.traps.catalogue import CATALOGUE, mend
from compare.traps.diagnose import Diagnosis, diagnose
from compare.traps.scenarios import Case
from impls import mlp_numpy, mlp_torch
from shared.scenarios import Plan

pytestmark = pytest.mark.usefixtures("float64")

STEPS = 12


class Verdict:
    """A candidate, recorded and compared as the command does it."""

    def __init__(self, make: Callable[[], Any], plan: Plan | None = None, steps: int = STEPS, dtype: str = "float64"):
        self.fields: dict[str, Any] = {}
        if plan is None:
            self.fields = adapt(make(), dtype).describe()
            plan = plans.own(self.fields, steps)
        self.case, self.dtype, self.traces, self.blind = Case(plan), dtype, {}, frozenset[str]()
        config = mlp_numpy.Config(**plan.config, dtype=dtype)
        self.form, self.of_form = fitting(lambda: adapt(make(), dtype), config, plan, self.case.reference)
        for mode in ("in step", "on its own"):
            candidate = adapt(make(), dtype)
            candidate.form = self.form
            candidate.begin(config)
            if mode == "on its own" or candidate.takes_state:
                reference = self.case.reference if mode == "in step" else None
                self.traces[mode] = record(candidate, plan, reference)
                self.blind |= candidate.blind
        self.notes = candidate.notes

    @property
    def first(self) -> Gap | None:
        for mode, trace in self.traces.items():
            compare = in_step if mode == "in step" else on_its_own
            found = compare(self.case.ruler, self.dtype, ("a", "b"), self.case.reference, trace, self.blind)
            if found.first:
                return found.first
        return None

    @cached_property
    def diagnosis(self) -> Diagnosis:
        traces = {"stepped": self.traces.get("in step"), "own": self.traces.get("on its own")}
        return diagnose(self.case.plan, self.case.reference, dtype=self.dtype, **traces)

    @property
    def cause(self) -> str:
        return self.diagnosis.cause

    @property
    def left(self) -> float:
        """The largest difference that the best explanation leaves."""
        return self.diagnosis.explanations[0].difference


def torch_parts(
    sizes: tuple[int, ...] = (2, 8, 3),
    loss: Any = None,
    optimizer: Callable[[Any], torch.optim.Optimizer] = lambda p: torch.optim.SGD(p, 0.1),
    activation: Callable[[], nn.Module] = nn.Tanh,
    end: list[nn.Module] | None = None,
    **others: Any,
) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        model = nn.Sequential()
        for n, m in itertools.pairwise(sizes[:-1]):
            model.extend([nn.Linear(n, m), activation()])
        model.extend([nn.Linear(*sizes[-2:]), *(end or [])])
        parts = {"model": model, "loss": loss or nn.CrossEntropyLoss(), "optimizer": optimizer(model.parameters())}
        return parts | others

    return make


def squeezed(loss: Callable) -> Callable:
    """A loss between outputs (B, 1) and targets (B,)."""
    return lambda z, y: loss(z.squeeze(1), y)


TORCH_RIGHT = {
    "softmax, Adam": torch_parts(optimizer=lambda p: torch.optim.Adam(p, 0.01)),
    "binary, momentum": torch_parts(
        (3, 6, 5, 1), squeezed(nn.BCEWithLogitsLoss()), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), nn.ReLU
    ),
    "mse, Nesterov": torch_parts(
        (4, 6, 1), squeezed(nn.MSELoss()), lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True), nn.SiLU
    ),
    "several outputs, RMSprop": torch_parts((4, 6, 2), nn.MSELoss(), lambda p: torch.optim.RMSprop(p, 0.01), nn.ELU),
    "Huber, Adagrad": torch_parts(
        (4, 6, 1), squeezed(F.huber_loss), lambda p: torch.optim.Adagrad(p, 0.1, eps=1e-8), nn.GELU
    ),
    "sigmoid under mse": torch_parts((4, 6, 1), squeezed(F.mse_loss), end=[nn.Sigmoid()], activation=nn.Sigmoid),
    "weighted, AdamW": torch_parts(
        loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)),
        optimizer=lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.0),
    ),
    "normalised": torch_parts(
        activation=lambda: nn.Sequential(nn.BatchNorm1d(8), nn.ReLU()), optimizer=lambda p: torch.optim.Adam(p, 0.01)
    ),
    "dropped out": torch_parts(activation=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.4))),
    "no hidden layer": torch_parts((4, 3)),
    "mse by hand": torch_parts((4, 6, 1), lambda z, y: ((z[:, 0] - y) ** 2).mean()),
    "softmax by hand": torch_parts(loss=lambda z, y: -z.log_softmax(1)[torch.arange(len(y)), y].mean()),
}


@pytest.mark.parametrize("make", TORCH_RIGHT.values(), ids=TORCH_RIGHT)
def test_right_torch_models_are_equal(make: Callable[[], Any]) -> None:
    verdict = Verdict(make)
    assert verdict.first is None
    assert not verdict.blind
    assert set(verdict.traces) == {"in step", "on its own"}


def test_torch_in_float32() -> None:
    torch.set_default_dtype(torch.float32)
    assert Verdict(TORCH_RIGHT["softmax, Adam"], dtype="float32").first is None


class Functional(nn.Module):
    """Layers registered in another order than they are called in, and functions for activations and dropout."""

    def __init__(self, training: bool | None = None):
        super().__init__()
        self.out, self.fc2, self.fc1 = nn.Linear(5, 3), nn.Linear(7, 5), nn.Linear(2, 7)
        self.always = training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.fc1, self.fc2):
            on = self.training if self.always is None else self.always
            x = F.dropout(torch.relu(layer(x)), 0.25, training=on)
        return F.softmax(self.out(x), dim=1) if self.always else self.out(x)


def functional(**options: Any) -> dict[str, Any]:
    model = Functional(**options)
    return {"model": model, "loss": F.cross_entropy, "optimizer": torch.optim.SGD(model.parameters(), 0.1),
            "layers": [model.fc1, model.fc2, model.out]}  # fmt: skip


def test_functions_for_modules() -> None:
    verdict = Verdict(functional)
    expected = {"layer_sizes": (2, 7, 5, 3), "activation": "relu", "dropout": 0.25, "optimizer": "sgd"}
    assert expected.items() <= verdict.fields.items()
    assert verdict.first is None


def without_zero_grad(model, loss, optimizer, x, y):  # type: ignore[no-untyped-def]
    value = loss(model(x), y)
    value.backward()
    optimizer.step()  # and nothing returned: the loss is what `loss` gave


def scaled(model, loss, optimizer, x, y):  # type: ignore[no-untyped-def]
    optimizer.zero_grad()
    value = loss(model(x), y)
    (value / 2).backward()
    optimizer.step()
    return value


def after(model, loss, optimizer, x, y):  # type: ignore[no-untyped-def]
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()
    return loss(model(x), y)


def flattening(model, loss, optimizer, x, y):  # type: ignore[no-untyped-def]
    optimizer.zero_grad()
    value = loss(model(x), y.view(-1))
    value.backward()
    optimizer.step()
    return value


def momentum(p: Any, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(p, 0.1, momentum=0.9, **options)


# What is wrong, the phase that shows it, and the trap.
TORCH_WRONG = {
    "zero_grad forgotten": (torch_parts(step=without_zero_grad), "gradient", "gradients-not-zeroed"),
    "mse broadcast": (torch_parts((4, 6, 1), F.mse_loss, y=np.zeros(32)), "loss", "shapes-broadcast"),
    "mse broadcast in the step": (torch_parts((4, 6, 1), F.mse_loss, step=flattening), "loss", "shapes-broadcast"),
    "softmax twice": (torch_parts(end=[nn.Softmax(1)]), "loss", "activated-twice"),
    "summed": (torch_parts((4, 8, 3), loss=nn.CrossEntropyLoss(reduction="sum")), "loss", "loss-reduction"),
    "dampened": (torch_parts(optimizer=lambda p: momentum(p, dampening=0.9)), "update", "momentum-dampened"),
    "decay of biases too": (
        torch_parts(optimizer=lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)), "update", "decay-on-biases",
    ),
    "L2 for decoupled": (
        torch_parts(
            optimizer=lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
            config={"optimizer": "adamw", "weight_decay": 0.1},
        ), "update", "",
    ),
    "half the gradient": (torch_parts(step=scaled), "gradient", "loss-factor"),
    "loss after the update": (torch_parts(step=after), "loss", "loss-after-update"),
    "slope of Keras": (torch_parts(activation=lambda: nn.LeakyReLU(0.3), config={"activation": "leaky_relu"}),
                       "forward", "leaky-slope"),
    "epsilon of Keras": (
        torch_parts(optimizer=lambda p: torch.optim.Adam(p, 0.01, eps=1e-7)), "update", "epsilon-value",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("make", "phase", "cause"), TORCH_WRONG.values(), ids=TORCH_WRONG)
def test_wrong_torch_models_are_placed_and_named(make: Callable[[], Any], phase: str, cause: str) -> None:
    verdict = Verdict(make)
    assert verdict.first is not None
    assert verdict.first.phase == phase
    if cause:
        assert verdict.cause.startswith(cause)
    else:
        assert "decay" in verdict.cause


def test_a_dropout_that_eval_does_not_reach_is_said() -> None:
    verdict = Verdict(lambda: functional(training=True))
    assert verdict.first is not None
    assert any("evaluation" in note for note in verdict.notes)


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_targets_as_a_column_are_a_right_program() -> None:
    verdict = Verdict(torch_parts((4, 6, 1), nn.MSELoss()))
    assert verdict.first is None
    assert verdict.form == COLUMN
    assert "(B, 1) and (B,) spread over each other" in verdict.of_form
    flat = Verdict(torch_parts((4, 6, 1), squeezed(nn.MSELoss())))
    assert (flat.first, flat.form) == (None, FLAT)


def test_targets_of_a_loss_that_takes_one_shape() -> None:
    verdict = Verdict(torch_parts((4, 6, 1), nn.BCELoss(), end=[nn.Sigmoid()]))
    assert verdict.first is None
    assert (verdict.form, verdict.of_form) == (COLUMN, "")


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_where_both_shapes_run_and_neither_is_right_both_are_said() -> None:
    verdict = Verdict(torch_parts((4, 6, 1), lambda z, y: 3 * F.mse_loss(z, y), config={"loss": "mse"}))
    assert verdict.first is not None
    assert verdict.form == COLUMN
    assert "with y of shape (B,) and" in verdict.of_form


class Raw(nn.Module):
    """Parameters of its own, as from-scratch courses write them; one of them turned."""

    def __init__(self) -> None:
        super().__init__()
        self.W1, self.b1 = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.zeros(4))
        self.W2, self.b2 = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.zeros(1, 5))
        self.last, self.bias = nn.Linear(5, 3, bias=False), nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = (x @ self.W1 + self.b1).clamp(min=0)
        h = torch.relu(torch.matmul(h, self.W2.t()) + self.b2)
        return self.bias + self.last(h)


class Summed(Raw):
    """The same parameters in sums over indices, written in every way round."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(torch.einsum("bi,io->bo", x, self.W1) + self.b1)
        h = torch.relu(torch.einsum("io, bi -> bo", self.W2.t(), h) + self.b2)
        return torch.einsum("ni,oi->no", [h, self.last.weight]) + self.bias


def loose() -> dict[str, Any]:
    """No module at all."""
    w1, b1, w2, b2 = [torch.randn(*shape, requires_grad=True) for shape in ((4, 6), (6,), (6, 3), (3,))]

    def model(x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(b2, torch.tanh(x.mm(w1) + b1), w2)

    return {"model": model, "loss": F.cross_entropy, "optimizer": torch.optim.Adam([w1, b1, w2, b2], 0.01)}


def of_module(make: Callable[[], Any]) -> Callable[[], dict[str, Any]]:
    def parts() -> dict[str, Any]:
        model = make()
        return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), 0.1)}

    return parts


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`")  # Compiling imports it.
@pytest.mark.parametrize(
    "make",
    [
        of_module(Raw),
        of_module(Summed),
        loose,
        of_module(lambda: torch.compile(nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)))),
        of_module(lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3))),
    ],
    ids=["parameters", "einsum", "no module", "compiled", "flattened"],
)
def test_models_in_other_forms_are_equal(make: Callable[[], Any]) -> None:
    verdict = Verdict(make)
    assert verdict.first is None
    assert not verdict.blind


def test_an_unknown_optimizer_is_compared_on_its_own() -> None:
    class Own(torch.optim.Optimizer):
        def __init__(self, p):  # type: ignore[no-untyped-def]
            super().__init__(p, {"lr": 0.1})

        @torch.no_grad()
        def step(self):  # type: ignore[no-untyped-def,override]
            for p in self.param_groups[0]["params"]:
                self.state[p]["b"] = 0.9 * self.state[p].get("b", 0) + p.grad
                p -= 0.1 * self.state[p]["b"]

    make = torch_parts(optimizer=Own, config={"optimizer": "momentum", "momentum": 0.9})
    verdict = Verdict(make)
    assert list(verdict.traces) == ["on its own"]
    assert verdict.blind == {"velocity"}
    assert verdict.first is None
    with pytest.raises(CandidateError, match="Own is not one that the reference has"):
        adapt(torch_parts(optimizer=Own)(), "float64").describe()


def test_a_step_that_hides_its_gradients() -> None:
    def by_hand(model, loss, optimizer, x, y):  # type: ignore[no-untyped-def]
        value = loss(model(x), y)
        gradients = torch.autograd.grad(value, list(model.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), gradients, strict=True):
                p -= 0.1 * g
        return value

    verdict = Verdict(torch_parts(step=by_hand))
    assert verdict.blind == {"gradient"}
    assert verdict.first is None


def keras_model(
    sizes: tuple[int, ...] = (2, 8, 3),
    loss: Any = None,
    optimizer: Callable[[], Any] = lambda: keras.optimizers.SGD(0.1),
    activation: Any = "tanh",
    end: str | None = None,
    middle: Callable[[], list] = list,
    **others: Any,
) -> Callable[[], Any]:
    def make() -> Any:
        model = keras.Sequential([keras.Input((sizes[0],))])
        for units in sizes[1:-1]:
            for layer in (keras.layers.Dense(units), *middle(), keras.layers.Activation(activation)):
                model.add(layer)
        model.add(keras.layers.Dense(sizes[-1], activation=end))
        chosen = loss() if callable(loss) else loss
        model.compile(
            optimizer(), chosen or keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
        )
        return {"model": model, **others} if others else model

    return make


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.drop = keras.layers.Dropout(0.3)
        self.out = keras.layers.Dense(3)

    def call(self, x, training=False):  # type: ignore[no-untyped-def]
        return self.out(self.drop(self.hidden(x), training=training))


def subclassed() -> dict[str, Any]:
    model = Subclassed()
    model.compile(keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy(from_logits=True))
    return {"model": model, "config": {"layer_sizes": (2, 8, 3)}}


def tape_step(model, x, y):  # type: ignore[no-untyped-def]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = model.compute_loss(x, y, model(x, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return value


class OwnStep(keras.Model):
    """As Keras' guide to an own train_step has it."""

    def train_step(self, data):  # type: ignore[no-untyped-def]
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


def own_train_step() -> Any:
    inputs = keras.Input((2, 2))
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(inputs))
    model = OwnStep(inputs, keras.layers.Dense(3)(hidden))
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


KERAS_RIGHT = {
    "own train_step, shaped inputs": own_train_step,
    "momentum": keras_model(optimizer=lambda: keras.optimizers.SGD(0.1, np.float64(0.9))),
    "Nesterov, mse": keras_model(
        (4, 6, 1), "mse", lambda: keras.optimizers.SGD(0.05, np.float64(0.9), nesterov=True), "relu"
    ),
    "binary, own step": keras_model(
        (3, 6, 1), lambda: keras.losses.BinaryCrossentropy(from_logits=True), activation="silu", step=tape_step
    ),
    "subclassed, one-hot, dropped out": subclassed,
}


@pytest.mark.parametrize("make", KERAS_RIGHT.values(), ids=KERAS_RIGHT)
def test_right_keras_models_are_equal(make: Callable[[], Any]) -> None:
    verdict = Verdict(make)
    assert verdict.first is None
    assert not verdict.blind


def test_keras_in_float32() -> None:
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    make = keras_model(
        activation="relu",  # It goes with a dropout before it as well as after it.
        middle=lambda: [keras.layers.Dropout(0.3)],
        optimizer=lambda: keras.optimizers.SGD(0.1, 0.9),
    )
    assert Verdict(make, dtype="float32").first is None


KERAS_WRONG = {
    "epsilon of Adam": (
        keras_model(optimizer=lambda: keras.optimizers.Adam(0.01, np.float64(0.9), np.float64(0.999))),
        "update", "adam-as-keras-has-it",
    ),
    "momentum in float32": (
        keras_model(optimizer=lambda: keras.optimizers.SGD(0.1, 0.9)), "update", "hyperparameters-float32",
    ),
    "logits for probabilities": (
        keras_model(loss="sparse_categorical_crossentropy"), "loss", "logits-as-probabilities",
    ),
    "Adagrad's start": (
        keras_model(optimizer=lambda: keras.optimizers.Adagrad(0.1, np.float64(0.1), epsilon=1e-8)), "update",
        "adagrad-initial-accumulator",
    ),
    "norm": (keras_model(middle=lambda: [keras.layers.BatchNormalization()]), "forward", ""),
}  # fmt: skip


@pytest.mark.parametrize(("make", "phase", "cause"), KERAS_WRONG.values(), ids=KERAS_WRONG)
def test_wrong_keras_models_are_placed_and_named(make: Callable[[], Any], phase: str, cause: str) -> None:
    verdict = Verdict(make)
    assert verdict.first is not None
    assert verdict.first.phase == phase
    if cause:
        assert cause in verdict.cause


# Optimizers as users write them ---------------------------------------------------------------------------------------

KERAS_STOCK = {
    "adam-as-keras-has-it": lambda: keras.optimizers.Adam(0.01),
    "adamw-as-keras-has-it": lambda: keras.optimizers.AdamW(0.01),
    "rmsprop-as-keras-has-it": lambda: keras.optimizers.RMSprop(0.01),
    "adagrad-as-keras-has-it": lambda: keras.optimizers.Adagrad(0.01),
    "decay-as-keras-has-it": lambda: keras.optimizers.SGD(0.05, weight_decay=0.01),
    "adam-as-keras-has-it + decay-as-keras-has-it": lambda: keras.optimizers.Adam(0.01, weight_decay=0.01),
    "hyperparameters-float32": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "hyperparameters-float32 + decay-as-keras-has-it": (
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01)
    ),
}


@pytest.mark.parametrize("cause", KERAS_STOCK)
def test_a_stock_keras_optimizer_is_explained_to_rounding(cause: str) -> None:
    verdict = Verdict(keras_model(optimizer=KERAS_STOCK[cause]), steps=50)
    assert verdict.cause == cause
    assert verdict.left < 1e-13


@pytest.mark.parametrize("cause", list(KERAS_STOCK)[:4])
def test_a_stock_keras_optimizer_is_named_in_float32(cause: str) -> None:
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    verdict = Verdict(keras_model(optimizer=KERAS_STOCK[cause]), dtype="float32")
    assert verdict.cause == cause
    assert verdict.left < 1e-5


def test_keras_momentum_under_a_schedule_is_explained() -> None:
    def make() -> dict[str, Any]:
        schedule = keras.optimizers.schedules.ExponentialDecay(0.125, 4, 0.5, staircase=True)
        model = keras_model(optimizer=lambda: keras.optimizers.SGD(schedule, momentum=0.9))()
        model = model["model"] if isinstance(model, dict) else model
        fields = {"learning_rate": 0.125, "schedule": "step", "schedule_steps": 4, "schedule_rate": 0.5}
        return {"model": model, "config": fields}

    verdict = Verdict(make)
    assert verdict.cause == "momentum-as-keras-has-it"
    assert verdict.left < 1e-13


BETAS = {"beta_1": np.float64(0.9), "beta_2": np.float64(0.999)}
MENDED: dict[str, tuple[type[keras.optimizers.Optimizer], dict[str, Any]]] = {
    "adam-as-keras-has-it": (keras.optimizers.Adam, BETAS),
    "adamw-as-keras-has-it": (keras.optimizers.AdamW, BETAS | {"weight_decay": np.float64(0.004)}),
    "rmsprop-as-keras-has-it": (keras.optimizers.RMSprop, {}),
    "adagrad-as-keras-has-it": (keras.optimizers.Adagrad, {"initial_accumulator_value": 0.0}),
}


@pytest.mark.parametrize("name", MENDED)
def test_with_its_mend_a_stock_keras_optimizer_is_equal(name: str) -> None:
    kind, settings = MENDED[name]
    config = mlp_numpy.Config(learning_rate=0.01, beta2=0.9 if name.startswith("rms") else 0.999)
    line = mend(CATALOGUE[name], "keras", config)
    if "def update_step" in line:
        source = line[line.index("def update_step") :]
    else:
        first = line[line.index("self.epsilon") :]
        source = f"def update_step(self, g, w, lr): {first}; kind.update_step(self, g, w, lr)"
    scope: dict[str, Any] = {"ops": keras.ops, "kind": kind}
    exec(source, scope)
    mended = type("Mended", (kind,), {"update_step": scope["update_step"]})

    def optimizer() -> keras.optimizers.Optimizer:
        made = mended(0.01, **settings)
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return made

    assert Verdict(keras_model(optimizer=optimizer)).first is None


TORCH_STOCK: list[tuple[str, Callable[[Any], torch.optim.Optimizer]]] = [
    ("", lambda p: torch.optim.Adam(p)),
    ("", lambda p: torch.optim.RMSprop(p)),
    ("decay-on-biases", lambda p: torch.optim.AdamW(p)),
    ("epsilon-value", lambda p: torch.optim.Adagrad(p)),
    ("decay-on-biases", lambda p: torch.optim.SGD(p, 0.05, weight_decay=0.01)),
    ("decay-on-biases", lambda p: torch.optim.Adam(p, weight_decay=0.01)),
]


@pytest.mark.parametrize(("cause", "optimizer"), TORCH_STOCK)
def test_a_stock_torch_optimizer_is_equal_or_explained_to_rounding(
    cause: str, optimizer: Callable[[Any], torch.optim.Optimizer]
) -> None:
    verdict = Verdict(torch_parts(optimizer=optimizer), steps=50)
    assert verdict.cause == cause
    assert not cause or verdict.left < 1e-13


def test_a_copy_of_a_template_with_untransposed_weights() -> None:
    class Copy(mlp_torch.MLP):
        def set_params(self, params: Any) -> None:
            super().set_params([(W.T if W.shape[0] == W.shape[1] else W, *rest) for W, *rest in params])

    plan = plans.named("trap-adam", STEPS)
    verdict = Verdict(lambda: Copy(mlp_torch.Config(**plan.config, dtype="float64")), plan)
    assert verdict.first is not None
    assert verdict.first.phase == "forward"
    assert any("layer 2 W is the transpose of what was given" in note for note in verdict.notes)


# What cannot be compared ----------------------------------------------------------------------------------------------


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(4, 5), nn.Linear(4, 6), nn.Linear(11, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([torch.relu(self.a(x)), torch.relu(self.b(x))], 1))


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(torch.relu(self.a(x)))


def of(model: nn.Module, **others: Any) -> dict[str, Any]:
    return {"model": model, "loss": nn.MSELoss(), "optimizer": torch.optim.SGD(model.parameters(), 0.1)} | others


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: of(Branches()),
            'layers are ambiguous: a gives 5 numbers and b, called after it, takes 4; name the dense.*"layers"',
        ),
        (lambda: of(Shared()), "a is called 2 times"),
        (lambda: of(nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Linear(5, 1))), r"a LayerNorm \(1\)"),
        (lambda: of(nn.Sequential(nn.Conv1d(1, 2, 3))), r"a Conv1d \(0\)"),
        (lambda: of(nn.Linear(4, 1), loss=None), 'no "loss"'),
        (lambda: of(nn.Linear(4, 1), losses=1), '"losses", which is not known'),
        (lambda: of(nn.Linear(4, 1), optimizer="adam"), '"optimizer" is of the type str'),
        (lambda: of(nn.Linear(4, 1), layers=[nn.Linear(4, 1)]), '"layers" has Linear'),
        (lambda: of(nn.Linear(4, 1), config={"activaton": "relu"}), "'activaton', which is no field"),
        (lambda: of(nn.Linear(4, 1), loss=lambda z, y: z.sum()), 'name the reference\'s in "config"'),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "not compiled"),
        (lambda: nn.Linear(4, 1), "returned the model alone"),
        (lambda: 7, "returned an int"),
        (lambda: of(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 1))), "after an activ"),
        (
            lambda: of(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.1), nn.Dropout(0.5), nn.Linear(5, 1))),
            "Dropout at 0.1, 0.5 after hidden layer 1: what can be held is one after each hidden layer",
        ),
        (lambda: of(nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.25))), "Dropout at 0.25 of its outputs"),
        (lambda: _keras_parts(keras.layers.Dropout(0.1), keras.layers.Dense(3)), "Dropout at 0.1 of its inputs"),
        (lambda: of(nn.Sequential(nn.Linear(4, 5), nn.Mish(), nn.Linear(5, 1))), r"\(mish\) is none of"),
        (lambda: of(nn.Linear(4, 1), loss=nn.KLDivLoss()), "a divergence, which the reference has not"),
        (lambda: of(nn.Linear(4, 1), loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))), "has pos_weight"),
        (lambda: of(nn.Bilinear(4, 4, 1)), "a Bilinear"),
        (lambda: _keras_parts(keras.layers.LayerNormalization(), keras.layers.Dense(3)), "a LayerNormalization"),
        (
            lambda: _keras_parts(
                keras.layers.Dense(5, "relu"), keras.layers.BatchNormalization(), keras.layers.Dense(3)
            ),
            "batch normalisation after the activation of dense",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(CandidateError, match=said):
        adapt(make(), "float64").describe()


def test_keras_without_inputs() -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    candidate = adapt(model, "float64")
    assert candidate.describe()["layer_sizes"] == (10, 1)
    assert any("keras.Input" in note for note in candidate.notes)


def test_a_file_is_run_anew_for_every_training(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("used = []\n\ndef candidate():\n    used.append(1)\n    return len(used)\n")
    source = Source(path)
    assert [source.product({}, None) for _ in range(3)] == [1, 1, 1]


def test_another_model_of_scikit_learn_is_named() -> None:
    from sklearn.ensemble import RandomForestClassifier

    with pytest.raises(CandidateError, match="scikit-learn's RandomForestClassifier"):
        adapt(RandomForestClassifier(), "float64")


def test_moments_are_not_taken_for_weights() -> None:
    shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}
    moments = {name: np.zeros(shape) for name, shape in shapes.items()}
    layers, _ = arrays.find(
        SimpleNamespace(
            m={k: a.copy() for k, a in moments.items()}, params={k: a + 1 for k, a in moments.items()}, v=moments
        )
    )
    assert [[a.path.text for a in layer if a.path] for layer in layers] == [
        [".params['W1']", ".params['b1']"],
        [".params['W2']", ".params['b2']"],
    ]


def test_sizes_of_another_scenario() -> None:
    with pytest.raises(CandidateError, match="the layers 2-8-3, the scenario 64-32-10"):
        Verdict(torch_parts(), plans.named("digits", 3))


@pytest.mark.parametrize("name", mlp_numpy.ACTIVATIONS)
def test_activations_are_told_apart(name: str) -> None:
    z = np.random.default_rng(1).normal(size=(16, 8))
    seen = infer.Seen((2, 8, 3), [(z, mlp_numpy.ACTIVATIONS[name][0](z))], (z, z), [], False)
    assert infer.activation(seen) == name
    assert not seen.notes


def test_what_differs_from_layer_to_layer_is_told_layer_by_layer() -> None:
    described = adapt(
        _torch_parts(
            *(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 6), nn.GELU(), nn.Linear(6, 7), nn.ReLU()),
            *(nn.Dropout(0.1), nn.Linear(7, 3)),
        ),
        "float64",
    ).describe()
    assert (described["activation"], described["dropout"]) == (("tanh", "gelu", "relu"), (0.5, 0.0, 0.1))
    dense, drop = keras.layers.Dense, keras.layers.Dropout
    parts = _keras_parts(dense(5, "elu"), dense(6), keras.layers.ReLU(), drop(0.2), dense(7, "elu"), dense(3))
    described = adapt(parts, "float64").describe()
    assert (described["activation"], described["dropout"]) == (("elu", "relu", "elu"), (0.0, 0.2, 0.0))


def test_a_layer_without_an_activation_is_to_have_its_neighbours() -> None:
    z = np.random.default_rng(1).normal(size=(16, 8))
    f = {name: (z, mlp_numpy.ACTIVATIONS[name][0](z)) for name in ("relu", "tanh")} | {"": (z, z)}
    for names, wanted in (
        (("", "tanh"), "tanh"),
        (("relu", "", "tanh"), ("relu", "relu", "tanh")),
        (("relu", ""), "relu"),
        (("", ""), "relu"),
    ):
        seen = infer.Seen((2, *(8,) * len(names), 3), [f[name] for name in names], (z, z), [0.0] * len(names), False)
        assert infer.activation(seen) == wanted
        assert len(seen.notes) == names.count("")


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [(nn.L1Loss(), "mae"), (F.l1_loss, "mae"), (lambda z, y: (z[:, 0] - y).abs().mean(), "mae")],
    ids=["module", "function", "by hand"],
)
def test_the_mean_absolute_error_is_known_by_its_name_and_by_its_value(loss: Any, wanted: str) -> None:
    parts = _torch_parts(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)) | {"loss": loss}
    assert adapt(parts, "float64").describe()["loss"] == wanted


def test_an_activation_that_the_reference_has_not_is_said() -> None:
    z = np.random.default_rng(1).normal(size=(16, 8))
    seen = infer.Seen((2, 8, 3), [(z, np.sin(z))], (z, z), [], False)
    with pytest.raises(CandidateError, match="hidden layer 1 is none of the reference's activations; the nearest is"):
        infer.activation(seen)


def _torch_parts(*layers: nn.Module) -> dict[str, Any]:
    model = nn.Sequential(*layers)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), 0.1)}


def _keras_parts(*layers: keras.layers.Layer) -> dict[str, Any]:
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return {"model": model}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: _torch_parts(nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 3)), "0 has no bias"),
        (lambda: _torch_parts(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)), "have no effect"),
        (
            lambda: _keras_parts(
                keras.layers.Dense(5, "relu", use_bias=False, name="first"), keras.layers.Dense(3, name="last")
            ),
            "first has no bias",
        ),
        (
            lambda: _keras_parts(
                keras.layers.Dense(5), keras.layers.BatchNormalization(), keras.layers.ReLU(), keras.layers.Dense(3)
            ),
            "have no effect",
        ),
    ],
)
def test_biases_that_the_reference_has_otherwise_are_said(make: Callable[[], dict[str, Any]], said: str) -> None:
    assert [said in note for note in adapt(make(), "float64").notes] == [True]
