"""Advice works: the mend of a trap, pasted over the line that has it, makes a PyTorch or a Keras model equal.

A mend is a line that is proven here, or Words.
"""

from __future__ import annotations

import types
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from compare.candidates import plans
from compare.candidates.forms import fitting
from compare.candidates.load import CandidateError
from compare.candidates.worker import adapt
from compare.ledger.parity import in_step
from compare.ledger.trace import record
from compare.traps.catalogue import CATALOGUE, Hypothesis, Words, mend, record_trapped
from compare.traps.scenarios import Case
from impls.mlp_numpy import Config
from tests.mends import in_keras, in_torch
from tests.mends.trip import Trip

pytestmark = pytest.mark.usefixtures("float64")

STEPS = 5  # the fourth has a smaller batch
PROGRAMS = {"torch": (in_torch.PROGRAM, in_torch.PARTS), "keras": (in_keras.PROGRAM, in_keras.PARTS)}
UPDATES = {"Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop", "Adagrad": "adagrad"}  # as-keras-has-it


def source(framework: str, trip: Trip, code: str) -> str:
    """The program with this code in the part that the trap is in."""
    text, parts = PROGRAMS[framework]
    for part, given in (parts | trip.others | {trip.part: code}).items():
        text = text.replace(f"@{part}@", given)
    return text


def config_of(trip: Trip) -> dict[str, Any]:
    widths = trip.config.get("hidden", 8)
    widths = widths if isinstance(widths, tuple) else (widths,)
    hidden = {"layer_sizes": (4, *widths, 1 if trip.others.get("outputs") == "1" else 3)}
    usual = {"activation": "tanh", "loss": "softmax_cross_entropy", "optimizer": "sgd", "learning_rate": 0.1}
    return hidden | usual | {name: value for name, value in trip.config.items() if name != "hidden"}


def pasted(framework: str, trip: Trip) -> str:
    """The mend as a line of the program."""
    line = mend(CATALOGUE[trip.trap], framework, Config(**config_of(trip))).partition("  #")[0]
    return trip.around.replace("{}", line.removeprefix("loss = ") if trip.part == "loss" else line)


def gradients_by_hand(params: list[np.ndarray], x: Any, y: Any, wrong: str) -> list[np.ndarray]:
    """Those of tanh and softmax cross-entropy, W (in, out) and b of both layers, with something wrong."""
    (W1, _, W2, _), x, y = params, np.asarray(x, float), np.asarray(y).astype(int)
    a = np.tanh(x @ W1 + params[1])
    z = a @ W2 + params[3]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    dz = (p - np.eye(3)[y]) / (1 if wrong == "summed" else len(x))
    dz = dz * p * (1 - p) if wrong == "output" else dz
    dW2 = a.T @ dz
    da = dz @ {"updated": (W2 - 0.1 * dW2).T, "unturned": W2}.get(wrong, W2.T)
    dh = {"derivative": da, "activated": np.tanh(da)}.get(wrong, da * (1 - a * a))
    db = [d.sum(axis=0) for d in (dh, dz)]
    if wrong == "units":
        db = [np.full(d.shape, d.sum()) for d in db]
    if wrong == "averaged":
        db = [d / len(x) for d in db]
    return [x.T @ dh, db[0], dW2, db[1]]


def by_hand_in_torch(model: nn.Module, x: torch.Tensor, y: torch.Tensor, wrong: str) -> None:
    parameters = [p for p in model.parameters()]
    found = gradients_by_hand([p.detach().numpy().T for p in parameters], x, y, wrong)
    for p, gradient in zip(parameters, found, strict=True):
        p.grad = torch.as_tensor(gradient.T.copy())


def by_hand_in_keras(model: keras.Model, x: Any, y: Any, wrong: str) -> list[Any]:
    found = gradients_by_hand([v.numpy() for v in model.trainable_variables], x, y, wrong)
    return [keras.ops.convert_to_tensor(gradient) for gradient in found]


def exactly(optimizer: keras.optimizers.Optimizer, config: Config) -> None:
    """Give one of Keras' adaptive optimizers the epsilon of the reference, by the line that tells how."""
    name = UPDATES.get(type(optimizer).__name__)
    if name is None:
        return
    line = mend(CATALOGUE[f"{name}-as-keras-has-it"], "keras", config)
    if "def update_step" in line:
        code = line[line.index("def update_step") :]
    else:
        first = line[line.index("self.epsilon") :]
        code = f"def update_step(self, g, w, lr): {first}; kind.update_step(self, g, w, lr)"
    scope: dict[str, Any] = {"ops": keras.ops, "kind": type(optimizer)}
    exec(code, scope)
    optimizer.update_step = types.MethodType(scope["update_step"], optimizer)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])


@lru_cache
def case_of(items: tuple) -> Case:
    return Case(plans.own(dict(items), STEPS))


def equal(text: str, trip: Trip, mended: bool) -> bool:
    """Whether the program trains, and predicts, as the reference does, with the traps that are left in it."""
    fields = config_of(trip)
    case = case_of(tuple(fields.items()))
    config = Config(**case.plan.config, dtype="float64")
    by_hand = by_hand_in_torch if "nn.Module" in text else by_hand_in_keras
    space: dict[str, Any] = {"CONFIG": fields, "by_hand": by_hand}
    space["exactly"] = (lambda optimizer: exactly(optimizer, config)) if mended else lambda optimizer: None
    try:
        exec(text, space)
        adapt(space["candidate"](), "float64").describe()
        form, _ = fitting(lambda: adapt(space["candidate"](), "float64"), config, case.plan, case.reference)
        candidate = adapt(space["candidate"](), "float64")
        candidate.form = form
        candidate.begin(config)
        trace = record(candidate, case.plan, case.reference if candidate.takes_state else None)
    except CandidateError:
        return False  # It is refused.
    causes = [Hypothesis(CATALOGUE[name], variant) for name, variant in trip.left]
    wanted = record_trapped(causes, case.plan, "float64", case.reference) if causes else case.reference
    compared = in_step(case.ruler, "float64", ("a", "b"), wanted, trace, candidate.blind)
    same = np.abs(np.asarray(trace.predictions, float) - wanted.predictions).max() < 1e-9
    return compared.first is None and bool(same)


@pytest.mark.filterwarnings("ignore:Using a target size")  # PyTorch's word on what is mended.
@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("trip", in_torch.IN_TORCH, ids=lambda trip: trip.trap)
def test_the_line_for_pytorch_mends(trip: Trip) -> None:
    assert not equal(source("torch", trip, trip.bad), trip, mended=False)
    assert equal(source("torch", trip, pasted("torch", trip)), trip, mended=True)


@pytest.mark.filterwarnings("ignore:.*from_logits")  # Keras' word on what is mended.
@pytest.mark.parametrize("trip", in_keras.IN_KERAS, ids=lambda trip: trip.trap)
def test_the_line_for_keras_mends(trip: Trip) -> None:
    assert not equal(source("keras", trip, trip.bad), trip, mended=False)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    assert equal(source("keras", trip, pasted("keras", trip)), trip, mended=True)


# Lines that copy weights or deal out data -----------------------------------------------------------------------------

PARAMS = [(np.arange(16.0).reshape(4, 4) + i, np.arange(4.0) - i) for i in range(2)]
COPY = {  # the loop that the line is set into
    "weights-transposed": ("{}; linear.bias.copy_(torch.as_tensor(b))", "{}"),
    "weights-reshaped": ("{}; linear.bias.copy_(torch.as_tensor(b))", "{}"),
    "layers-swapped": ("", ""),
    "biases-not-copied": ("linear.weight.copy_(torch.as_tensor(W).T); {}", "{}"),
    "weights-not-copied": ("{}", "{}"),
}


@pytest.mark.parametrize("name", COPY)
def test_the_line_copies(name: str) -> None:
    linears = [nn.Linear(4, 4) for _ in PARAMS]
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4) for _ in PARAMS)])
    heads = "for linear, (W, b) in zip(linears, params): ", "for dense, (W, b) in zip(model.layers, params): "
    for framework, head, around in zip(("torch", "keras"), heads, COPY[name], strict=True):
        line = mend(CATALOGUE[name], framework, Config()).partition("  #")[0]
        space = {"torch": torch, "linears": linears, "model": model, "params": PARAMS}
        with torch.no_grad():
            exec(head + around.replace("{}", line) if around else line, space)
    for linear, dense, (W, b) in zip(linears, model.layers, PARAMS, strict=True):
        assert np.array_equal(linear.weight.detach().numpy().T, W)
        assert np.array_equal(dense.get_weights()[0], W)
        if name != "layers-swapped":
            assert np.array_equal(linear.bias.detach().numpy(), b)
        assert np.array_equal(dense.get_weights()[1], b)


DEALT = ("partial-batch-dropped", "never-reshuffled", "never-shuffled", "shuffled-apart", "targets-disordered-in-batch")


@pytest.mark.parametrize("framework", ["torch", "keras"])
@pytest.mark.parametrize("name", DEALT)
def test_the_line_deals_out_the_data(name: str, framework: str) -> None:
    if isinstance(getattr(CATALOGUE[name], framework), Words):
        return
    line = mend(CATALOGUE[name], framework, Config()).partition("  #")[0]
    x = torch.arange(10) if framework == "torch" else np.arange(10)
    space: dict[str, Any] = {"torch": torch, "np": np, "x": x, "y": x + 100, "batch_size": 4, "batch": [3, 1, 2]}
    if "DataLoader" in line:
        loader = eval(line, space | {"data": TensorDataset(x, x + 100)})
        assert isinstance(loader, DataLoader)
        epochs = [torch.cat([batch for batch, _ in loader]).tolist() for _ in range(5)]
        assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
        assert name == "partial-batch-dropped" or len(set(map(tuple, epochs))) > 1
    elif "=" in line:
        exec(line, space)
        assert (space["y"] - space["x"] == 100).all()
        assert sorted(np.asarray(space["x"]).tolist()) == list(range(10))
    else:
        one, other = eval(line, space)
        assert (other - one == 100).all()


def test_every_mend_is_a_proven_line_or_words() -> None:
    proven = {("torch", trip.trap) for trip in in_torch.IN_TORCH} | {("keras", trip.trap) for trip in in_keras.IN_KERAS}
    proven |= {(framework, name) for framework in PROGRAMS for name in (*COPY, *DEALT)}
    proven |= {("keras", f"{name}-as-keras-has-it") for name in UPDATES.values()}  # by `exactly`
    lines = {(f, t.name) for t in CATALOGUE.values() for f in PROGRAMS if not isinstance(getattr(t, f), Words)}
    assert lines - proven == set()
    assert {name for _, name in proven} <= CATALOGUE.keys()
