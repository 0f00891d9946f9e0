"""From what a model shows to the reference's configuration: the model's choices, in the reference's meaning."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compare.candidates.load import CandidateError
from impls import mlp_numpy

FAR = 1e-3  # Share by which an activation may miss before it is said that none fits.
USUAL, MOST_MIXED = ("relu", "tanh", "sigmoid", "leaky_relu"), 3  # activations that are mixed, in as many layers

# By what the frameworks call them, in lower case and without underscores.
LOSSES = {
    "mseloss": "mse",
    "mse": "mse",
    "meansquarederror": "mse",
    "l1loss": "mae",
    "mae": "mae",
    "meanabsoluteerror": "mae",
    "huberloss": "huber",
    "huber": "huber",
    "smoothl1loss": "huber",
    "bcewithlogitsloss": "binary_cross_entropy",
    "bceloss": "binary_cross_entropy",
    "binarycrossentropy": "binary_cross_entropy",
    "binarycrossentropywithlogits": "binary_cross_entropy",
    "crossentropyloss": "softmax_cross_entropy",
    "crossentropy": "softmax_cross_entropy",
    "nllloss": "softmax_cross_entropy",
    "sparsecategoricalcrossentropy": "softmax_cross_entropy",
    "categoricalcrossentropy": "softmax_cross_entropy",
}

OTHER_LOSSES = {  # Those that the reference has not, in words.
    "mape": "the mean absolute percentage error",
    "meanabsolutepercentageerror": "the mean absolute percentage error",
    "msle": "the mean squared logarithmic error",
    "meansquaredlogarithmicerror": "the mean squared logarithmic error",
    "hinge": "a hinge loss",
    "squaredhinge": "a hinge loss",
    "categoricalhinge": "a hinge loss",
    "hingeembeddingloss": "a hinge loss",
    "multimarginloss": "a hinge loss",
    "kldivloss": "a divergence",
    "kldivergence": "a divergence",
    "poissonnllloss": "a Poisson likelihood",
    "poisson": "a Poisson likelihood",
    "logcosh": "the logarithm of cosh",
    "binaryfocalcrossentropy": "a focal cross-entropy",
    "categoricalfocalcrossentropy": "a focal cross-entropy",
}


@dataclass
class Seen:
    """What a pass through a model showed."""

    sizes: tuple[int, ...]  # inputs, hidden layers, outputs
    between: list[tuple[np.ndarray, np.ndarray]]  # each hidden layer's linear outputs, and the next layer's inputs
    ends: tuple[np.ndarray, np.ndarray]  # the last layer's linear outputs, and what the model returns
    rates: list[float]  # at which the outputs of each hidden layer are dropped; 0 for one without a dropout
    batch_norm: bool
    notes: list[str] = field(default_factory=list)  # what the reference cannot have in the same way
    called: list[list[str]] = field(default_factory=list)  # behind each hidden layer, the functions by name, if known


def network(seen: Seen, given: bool = False) -> dict[str, Any]:
    """The fields of the Config that describe the network; what fits badly is added to the notes.

    `given`: the user names the activation.
    """
    fields: dict[str, Any] = {"layer_sizes": seen.sizes}
    if seen.between and not given:
        fields["activation"] = found = activation(seen)
        if isinstance(found, tuple):
            seen.notes.append(
                f"the hidden layers have different activations, {', '.join(found)}, and are held so; if one is meant "
                f'for all, name it: "config": {{"activation": "{found[0]}"}}'
            )
    if seen.batch_norm:
        fields["batch_norm"] = True
    if any(seen.rates):
        fields["dropout"] = alike(seen.rates)
    return fields


def alike(values: Sequence[Any]) -> Any:
    """What the Config has for these values of the hidden layers: the one that all have, or all of them."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def rates_of(inputs: Sequence[float], layers: Sequence[Sequence[float]]) -> list[float]:
    """The rate at which each hidden layer's outputs are dropped, from the rates of the dropouts before the first layer
    and behind every one; CandidateError for a dropout where the reference has none."""

    def shown(rates: Sequence[float]) -> str:
        return f"Dropout at {', '.join(f'{rate:g}' for rate in rates)}"

    *hidden, outputs = layers
    what = "what can be held is one after each hidden layer; set it to 0 to hold the rest"
    for rates, whose in ((inputs, "inputs"), (outputs, "outputs")):
        if rates:
            raise CandidateError(f"the model has {shown(rates)} of its {whose}: {what}")
    for number, rates in enumerate(hidden, 1):
        if len(rates) > 1:
            raise CandidateError(f"the model has {shown(rates)} after hidden layer {number}: {what}")
    return [rates[0] if rates else 0.0 for rates in hidden]


def activation(seen: Seen) -> str | tuple[str, ...]:
    """The reference's activation, of each layer where they differ: the one that is called by its name, or the nearest
    to what happens. A layer without one is to have that of the layer before it, or after it.

    CandidateError for one that the reference has not.
    """
    found = [_of_layer(seen, number) for number in range(len(seen.between))]
    names = [name for name, _ in found if name]
    for number, (name, miss) in enumerate(found):
        if not name and names:
            seen.notes.append(f"there is no activation after hidden layer {number + 1}")
        elif not name:
            seen.notes.append("there is no activation between the layers: the reference has relu there")
        elif miss > FAR and not (seen.called and "dropout" in seen.called[number]):  # One that is on hides the rest.
            seen.notes.append(f"{name} after hidden layer {number + 1} is not the reference's: off by {miss:.0%}")
    wanted, last = list[str](), names[0] if names else "relu"
    for name, _ in found:
        last = name or last
        wanted.append(last)
    return alike(wanted)


def possible_activations(layers: int) -> Iterator[tuple[str, ...]]:
    """The activations that as many hidden layers may have: first one for all, then the usual ones in every order."""
    yield from [(name,) * layers for name in mlp_numpy.ACTIVATIONS]
    if layers <= MOST_MIXED:
        yield from (names for names in itertools.product(USUAL, repeat=layers) if len(set(names)) > 1)


def _of_layer(seen: Seen, number: int) -> tuple[str, float]:
    """The activation after a hidden layer, or "" for none, and by which share it misses the reference's."""
    z, a = seen.between[number]
    misses = {name: _miss(f, z, a) for name, (f, _) in mlp_numpy.ACTIVATIONS.items()}
    called = [name.strip("_") for name in (seen.called[number] if seen.called else [])]
    named = next((name for name in called if name in misses), "")
    if _miss(lambda values: values, z, a) <= FAR:
        return "", 0.0
    nearest = min(misses, key=lambda name: misses[name])
    if misses[nearest] <= FAR:
        return nearest, misses[nearest]
    if named and misses[named] < 1 and "cat" not in called:
        return named, misses[named]
    made = f" ({', '.join(called[:4])})" if called else ""
    raise CandidateError(
        f"what follows hidden layer {number + 1}{made} is none of the reference's activations; the nearest is "
        f"{nearest}, off by {misses[nearest]:.0%}: take one of {', '.join(misses)}, or name in "
        '"config" the one that it should equal, as {"activation": "' + nearest + '"}'
    )


def _miss(function: Any, z: np.ndarray, a: np.ndarray) -> float:
    if z.shape != a.shape:
        return np.inf
    return float(np.abs(function(z) - a).mean() / max(np.abs(a).mean(), 1e-12))


def loss_name(
    names: Iterable[str], seen: Seen, value: Callable[[np.ndarray], float] | None = None, given: Any = None
) -> str:
    """The reference's loss, from what the candidate's may be called or, from y, from the value that it gives.

    `given` is the loss itself, to be shown. CandidateError if neither tells.
    """
    names = list(names)
    keys = [name.lower().replace("_", "") for name in names]
    other = next((key for key in keys if key in OTHER_LOSSES), "")
    known = [LOSSES[key] for key in keys if key in LOSSES]
    if other and not known:
        raise CandidateError(f"the loss is {OTHER_LOSSES[other]}, which the reference has not: it has {_losses()}")
    found = _loss_by_value(value, seen) if value else ""
    known = known or ([found] if found else [])
    if not known:
        raise CandidateError(
            f"{_own_loss(given, names)} is none of the known ones: name the reference's in "
            f'"config", as {{"loss": "mse"}}; there are {_losses()}'
        )
    z, out = seen.ends
    squashed = z.shape == out.shape and np.allclose(out, _sigmoid(z), atol=1e-6)
    return "sigmoid_mse" if known[0] == "mse" and squashed else known[0]


def _own_loss(given: Any, names: list[str]) -> str:
    """What a candidate calls its loss, and where it stands if it is a function of its own."""
    name = f"`{names[0]}`" if names else "?"
    code = getattr(inspect.unwrap(given), "__code__", None) if callable(given) else None
    if code is None:
        return f"the loss {name}"
    return f"its own loss function {name} ({Path(code.co_filename).name}, line {code.co_firstlineno})"


def _losses() -> str:
    return ", ".join(mlp_numpy.LOSSES)


def check_loss_options(loss: Any) -> None:
    """CandidateError for an option of a loss that the reference has not."""
    for name, usual in {"pos_weight": None, "delta": 1.0, "beta": 1.0}.items():
        value = getattr(loss, name, getattr(loss, "_fn_kwargs", {}).get(name, usual))
        if value is not usual and np.any(np.asarray(value) != usual):
            kind = type(loss).__name__
            shown = "" if usual is None else f"={value:g}"
            has = "class_weights, which divide by the weights' sum" if usual is None else f"{name} {usual:g} alone"
            raise CandidateError(f"{kind} has {name}{shown}: the reference has {has}; leave it out to hold the rest")


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return (np.tanh(z / 2) + 1) / 2


def _loss_by_value(value: Callable[[np.ndarray], float], seen: Seen) -> str:
    """The reference's loss that gives what the candidate's gives on its outputs, or half or twice it; "" if none."""
    z, random = seen.ends[0].astype(float), np.random.default_rng(0)
    for name, loss in mlp_numpy.LOSSES.items():
        softmax = name == "softmax_cross_entropy"
        if softmax and z.shape[1] < 2:
            continue
        y = random.integers(z.shape[1], size=len(z)) if softmax else random.integers(2, size=z.shape).astype(float)
        if not (softmax or name == "binary_cross_entropy"):
            y = y + random.normal(size=z.shape)
        expected = float(loss(mlp_numpy.Config(seen.sizes, loss=name), z, y)[0].mean())
        for shaped in (y, y[:, 0]) if y.ndim == 2 and y.shape[1] == 1 else (y,):
            if any(abs(value(shaped) - factor * expected) <= 1e-5 * abs(expected) for factor in (1, 0.5, 2)):
                return name
    return ""


def names_in(function: Any) -> list[str]:
    """What a function calls itself and what occurs in its code and in what it closes over, as names."""
    names = [getattr(function, "__name__", ""), type(function).__name__]
    inner = next((getattr(function, name) for name in ("forward", "call") if hasattr(function, name)), function)
    inner = getattr(inner, "__func__", inner)
    if inspect.isfunction(inner):
        held = inspect.getclosurevars(inner)
        names += inner.__code__.co_names
        for value in (*held.nonlocals.values(), *held.globals.values()):
            names += [getattr(value, "__name__", ""), type(value).__name__]
    return [name for name in names if name]


def merged(inferred: dict[str, Any], given: Any) -> dict[str, Any]:
    """What was inferred, with the user's own `config` over it; CandidateError if that is no dict of Config's fields."""
    if given is None:
        return inferred
    known = mlp_numpy.Config.__dataclass_fields__
    if not isinstance(given, dict):
        raise CandidateError(
            f'"config" is a {type(given).__name__}: expected a dict of fields, as {{"activation": "tanh"}}'
        )
    unknown = [name for name in given if name not in known or name == "dtype"]
    if unknown:
        others = ", ".join(name for name in known if name != "dtype")
        raise CandidateError(f'"config" has {unknown[0]!r}, which is no field: there are {others}')
    return inferred | {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
