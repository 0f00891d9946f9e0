"""What a pass through a Keras model shows: its dense layers, whoever wrote them, and what is done between them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import layers as of_keras
from keras import ops

from compare.candidates import infer
from compare.candidates.base import PROBE, check_all_found, check_chain
from compare.candidates.load import CandidateError
from compare.traps.catalogue.activation import BEYOND
from impls import mlp_numpy

ANY = 10  # inputs of a model that takes as many as it gets
# Keras' own layers that an MLP may have; its others are refused by name.
KNOWN = (
    of_keras.InputLayer, of_keras.Dense, of_keras.EinsumDense, of_keras.BatchNormalization, of_keras.Dropout,
    of_keras.Activation, of_keras.ReLU, of_keras.LeakyReLU, of_keras.ELU, of_keras.Softmax, of_keras.Flatten,
    of_keras.Reshape, of_keras.Identity, of_keras.Lambda,
)  # fmt: skip
ACTIVATING = (of_keras.Activation, of_keras.ReLU, of_keras.LeakyReLU, of_keras.ELU)
# What may stand inside of a layer, at its end.
ENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda z: z,
    **{name: f for name, (f, _) in (mlp_numpy.ACTIVATIONS | BEYOND).items()},
    "softmax": lambda z: np.exp(z - z.max(axis=1, keepdims=True)) / np.exp(z - z.max(axis=1, keepdims=True)).sum(
        axis=1, keepdims=True
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A variable and where its entries stand in the reference's layout; None for one that there is not."""

    variable: keras.Variable | None
    turned: bool = False  # kept as (out, in)

    def array(self, values: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Values of the variable's kind as an array of the reference's shape."""
        array = ops.convert_to_numpy(values)
        return (array.T if self.turned else array).reshape(shape)

    def values(self, array: np.ndarray) -> np.ndarray:
        """The other way."""
        assert self.variable is not None
        return np.asarray(array.T if self.turned else array).reshape(self.variable.shape)


@dataclass(frozen=True)
class Dense:
    """A layer that gives f(x @ W + b), and the batch normalisation behind it."""

    layer: of_keras.Layer
    weight: Place
    bias: Place
    inside: str = ""  # the activation inside of it, by its name
    norm: of_keras.BatchNormalization | None = None
    unused: tuple[str, ...] = ()  # its variables that its call never uses, as it calls them

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def places(self) -> tuple[Place, ...]:
        """W, b and, normalised, g. A norm shifts in the bias's place."""
        if self.norm is None:
            return self.weight, self.bias
        return self.weight, Place(self.norm.beta), Place(self.norm.gamma)

    @property
    def size(self) -> tuple[int, int]:
        """Inputs and outputs."""
        rows, columns = map(int, self.weight.variable.shape)  # type: ignore[union-attr]
        return (columns, rows) if self.weight.turned else (rows, columns)

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """W (in, out) and b (out,), zeros where there is none."""
        W, b, size = self.weight, self.bias, self.size
        return W.array(W.variable, size), np.zeros(size[1]) if b.variable is None else b.array(b.variable, size[1:])

    def linear(self, a: np.ndarray) -> np.ndarray:
        """The linear outputs for these inputs, whatever activation it has inside, (B, O)."""
        W, b = self.arrays
        return a @ W + b


@dataclass(frozen=True)
class Look:
    """A model as a pass in evaluation shows it."""

    shape: tuple[int, ...]  # of one input
    layers: list[Dense]
    seen: infer.Seen
    masks: dict[int, SimpleNamespace]  # of the dropouts that are behind hidden layers, by the layer's number from 0


def flat(model: keras.Model) -> list[of_keras.Layer]:
    """All layers of a model, those inside of others too."""
    return list(model._flatten_layers(include_self=False))


def own_variables(layer: of_keras.Layer) -> list[keras.Variable]:
    """The variables that a layer itself has, not one inside of it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def is_plain(layer: of_keras.Layer) -> bool:
    """Whether it is Keras' Dense, with Keras' own call."""
    return isinstance(layer, of_keras.Dense) and type(layer).call is of_keras.Dense.call


def may_be_dense(layer: of_keras.Layer) -> bool:
    """Whether it has weights that only what it does can tell the meaning of."""
    if type(layer).__module__.startswith("keras.src.layers"):
        return isinstance(layer, of_keras.EinsumDense)
    if isinstance(layer, (of_keras.BatchNormalization, of_keras.Dropout, *ACTIVATING)):
        return False  # A kind of these is watched as one.
    return not is_plain(layer) and bool(own_variables(layer))


def check_kind(model: keras.Model) -> None:
    """CandidateError, in time and by name, for a network that is no multi-layer perceptron."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise CandidateError(
            f"the model has {len(inputs)} inputs ({', '.join(i.name for i in inputs)}): the reference has one"
        )
    if len(getattr(model, "outputs", None) or []) > 1:
        raise CandidateError(f"the model has {len(model.outputs)} outputs: the reference has one tensor of them")
    for layer in flat(model):
        ours = type(layer).__module__.startswith("keras.src.layers")
        if ours and not isinstance(layer, KNOWN):
            raise CandidateError(
                f"the model has a {type(layer).__name__} ({layer.name}): what can be held is Dense layers with an "
                "activation, batch normalisation before it and dropout after it; hand over that part alone"
            )


def look(model: keras.Model, given: Any, named: Sequence[of_keras.Layer] | None) -> Look:
    """The dense layers in the order in which a pass calls them, and what that pass showed.

    `given` are the sizes and `named` the layers that the user names. CandidateError for what the reference is not.
    """
    shape, note = _built(model, given)
    x = np.random.default_rng(0).normal(size=(PROBE, *shape)).astype(keras.config.floatx())
    every = flat(model)
    asked = [layer for layer in every if may_be_dense(layer)]
    kinds = (of_keras.BatchNormalization, of_keras.Dropout, *ACTIVATING)
    known = [layer for layer in every if is_plain(layer) or (isinstance(layer, kinds) and layer not in asked)]
    with watched([*known, *asked]) as calls:
        output = ops.convert_to_numpy(model(x, training=False))
    notes = [note] if note else []
    dense = {id(layer): _of_plain(layer) for layer in every if is_plain(layer)}
    seen_in = {id(layer): a for layer, a in calls}
    for layer in asked:
        if id(layer) in seen_in:
            dense[id(layer)] = _of_own(layer, seen_in[id(layer)])
    strangers = [layer for layer in named or () if id(layer) not in dense]
    if strangers:
        raise CandidateError(f'"layers" has {strangers[0]!r}: expected the Dense layers of the model, in order')
    order = list(named or [layer for layer, _ in calls if id(layer) in dense])
    behind = _behind(calls, dense)
    layers = [replace(dense[id(layer)], norm=behind[id(layer)].norm) for layer in order if id(layer) in behind]
    normed = [layer.name for layer in layers if layer.norm is not None]
    check_chain([(d.name, *d.size) for d in layers], normed, named is not None)
    missing = next((d.name for d in layers if d.norm is not None and not (d.norm.scale and d.norm.center)), "")
    if missing:
        raise CandidateError(
            f"the batch normalisation after {missing} has no scale or no shift: the reference has both"
        )
    values = [(seen_in[id(d.layer)], d.linear(seen_in[id(d.layer)])) for d in layers]
    drops = [behind[id(d.layer)].drops for d in layers]
    first, *others = [[float(layer.rate) for layer in some] for some in (behind[0].drops, *drops)]
    rates = infer.rates_of(first, others)
    sizes = (layers[0].size[0], *(d.size[1] for d in layers))
    between = [(z, a) for (_, z), (a, _) in itertools.pairwise(values)]
    called = [behind[id(d.layer)].called for d in layers[:-1]]
    seen = infer.Seen(sizes, between, (values[-1][1], output), rates, bool(normed), notes, called)
    _check_all_found(model, layers, dense, seen)
    return Look(shape, layers, seen, {number: masked(some[0]) for number, some in enumerate(drops) if some})


@dataclass
class _Behind:
    """What is called behind a dense layer, up to the next one."""

    called: list[str]
    norm: of_keras.BatchNormalization | None
    drops: list[of_keras.Dropout]


def _behind(calls: Sequence[tuple[of_keras.Layer, np.ndarray]], dense: dict[int, Dense]) -> dict[int, _Behind]:
    """By the identity of each dense layer; before the first one under 0."""
    last, last_a, key = None, np.zeros(0), 0
    found = {0: _Behind([], None, [])}
    for layer, a in calls:
        if id(layer) in dense:
            last, last_a, key = dense[id(layer)], a, id(layer)
            found[key] = _Behind([last.inside], None, [])
        elif isinstance(layer, of_keras.BatchNormalization):
            if last is None or not _same(last.linear(last_a), a):
                where = "of the inputs" if last is None else f"after the activation of {last.name}"
                raise CandidateError(
                    f"the model has batch normalisation {where}: the reference has it after the linear part of "
                    "every hidden layer, before its activation"
                )
            found[key].norm = layer
        elif isinstance(layer, of_keras.Dropout) and layer.rate:
            found[key].drops.append(layer)
        elif isinstance(layer, ACTIVATING):
            found[key].called.append(_activation_name(layer))
    return found


def _of_plain(layer: of_keras.Dense) -> Dense:
    return Dense(layer, Place(layer.kernel), Place(layer.bias), getattr(layer.activation, "__name__", ""))


def _of_own(layer: of_keras.Layer, a: np.ndarray) -> Dense:
    """A layer with weights of its own as the dense one that it is, found by what it makes of inputs like these.

    For a while all its weights are random ones, since biases of 0 would not be seen. CandidateError if it is none.
    """
    own, random = own_variables(layer), np.random.default_rng(1)
    kept = [ops.convert_to_numpy(v) for v in own]
    for v in own:
        v.assign(random.normal(size=v.shape))
    out = ops.convert_to_numpy(layer(ops.convert_to_tensor(a)))
    found = next(_readings(layer, own, a, out), None)
    for v, array in zip(own, kept, strict=True):
        v.assign(array)
    if found is None:
        shapes = ", ".join(str(tuple(v.shape)) for v in own)
        raise CandidateError(
            f"the layer {layer.name} ({type(layer).__name__}), with weights of shape {shapes}, does not give x @ W + b "
            "with a known activation: what can be held is dense layers; hand over the rest alone"
        )
    names = {id(value): name for name, value in vars(layer).items()}
    others = [v for v in own if v is not found.weight.variable and v is not found.bias.variable]
    return replace(found, unused=tuple(names.get(id(v), v.name) for v in others))


def _readings(layer: of_keras.Layer, own: Sequence[keras.Variable], a: np.ndarray, out: np.ndarray) -> Iterator[Dense]:
    """The layer as f(x @ W + b) with each of its variables as W and as b, or without b, where that is what it gives."""
    if a.ndim != 2 or out.ndim != 2:
        return
    for weight, turned in itertools.product(own, (False, True)):
        if len(weight.shape) != 2 or tuple(weight.shape)[:: -1 if turned else 1] != (a.shape[1], out.shape[1]):
            continue
        biases = [v for v in own if v is not weight and math.prod(v.shape) == out.shape[1]]
        for bias in (*biases, None):
            dense = Dense(layer, Place(weight, turned), Place(bias))
            for name, f in ENDS.items():
                with np.errstate(all="ignore"):
                    if _same(f(dense.linear(a.astype(float))), out):
                        yield replace(dense, inside=name)


def _check_all_found(model: keras.Model, layers: Sequence[Dense], dense: dict[int, Dense], seen: infer.Seen) -> None:
    """CandidateError for parameters that the reference has nothing for."""
    found = {id(place.variable) for layer in layers for place in layer.places}
    spare = {id(d.bias.variable) for d in layers if d.norm is not None and d.bias.variable is not None}
    unused = {id(v) for d in layers for v in own_variables(d.layer) if not is_plain(d.layer)}
    others = [v.path for v in model.trainable_variables if id(v) not in found | spare | unused]
    for number, d in enumerate(layers, 1):
        if d.unused:
            never = " and ".join(f"self.{name}" for name in d.unused)
            seen.notes.append(f"layer {number}, a {type(d.layer).__name__}, never uses its {never}")
    missing = [d.name for d in layers if d.bias.variable is None and d.norm is None and not d.unused]
    check_all_found(seen, bool(spare), others, missing)


def _built(model: keras.Model, given: Any) -> tuple[tuple[int, ...], str]:
    """The shape of one input of a model, which is built with it, and what is to be said of the choice."""
    wrong: Exception | None = None
    for shape, note in _shapes(model, given):
        x = np.zeros((PROBE, *shape), keras.config.floatx())
        try:
            model(x, training=False)
            return shape, note
        except Exception as error:  # Whatever a backend or the user's code raises for another size.
            wrong = wrong or CandidateError(
                f"the model does not take x of shape ({PROBE}, {math.prod(shape)}): "
                + next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            )
    assert wrong
    raise wrong


def _shapes(model: keras.Model, given: Any) -> Iterator[tuple[tuple[int, ...], str]]:
    """The shapes that one input may have, the likeliest first; where a model takes any, that is said."""
    shape = getattr(model, "input_shape", None) if model.built else None
    if isinstance(shape, tuple) and len(shape) > 1 and all(shape[1:]):
        yield tuple(map(int, shape[1:])), ""
        return
    if given:
        yield (int(given[0]),), ""
        return
    asked = next(iter((getattr(model, "_build_shapes_dict", None) or {}).values()), None)
    if isinstance(asked, tuple) and len(asked) > 1 and all(isinstance(size, int) for size in asked[1:]):
        yield asked[1:], ""  # build((None, n)) of a subclass builds none of its layers.
    matrices = [v for layer in flat(model) if layer.built or own_variables(layer) for v in own_variables(layer)]
    sizes = dict.fromkeys(size for v in matrices if len(v.shape) == 2 for size in map(int, v.shape))
    yield from (((size,), "") for size in sizes)
    yield (ANY,), f"the model was not built yet: it is given {ANY} inputs; name others by keras.Input((n,))"


@contextmanager
def watched(layers: Sequence[of_keras.Layer]) -> Iterator[list[tuple[of_keras.Layer, np.ndarray]]]:
    """Each of these layers as it is called, with what it is given."""
    calls: list[tuple[of_keras.Layer, np.ndarray]] = []

    def watching(layer: of_keras.Layer, call: Callable) -> Callable:
        def noted(inputs: Any, *arguments: Any, **named: Any) -> Any:
            calls.append((layer, ops.convert_to_numpy(inputs)))
            return call(inputs, *arguments, **named)

        return noted

    kept = [(layer, layer.__dict__.get("call"), layer.call) for layer in layers]
    for layer, _, call in kept:
        layer.call = watching(layer, call)
    try:
        yield calls
    finally:
        for layer, own, _ in kept:
            if own is None:
                del layer.call
            else:
                layer.call = own


def masked(layer: of_keras.Dropout) -> SimpleNamespace:
    """Let a dropout take a given mask in training; its place, in a namespace since a built layer takes no variables."""
    original, given = layer.call, SimpleNamespace(mask=None, rate=float(layer.rate))

    def call(inputs: Any, training: bool = False) -> Any:
        if training and given.mask is not None:
            return inputs * given.mask[: ops.shape(inputs)[0]]
        return original(inputs, training=training)

    layer.call = call
    return given


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6)


def _activation_name(layer: of_keras.Layer) -> str:
    """The function of a layer that activates."""
    names = {of_keras.ReLU: "relu", of_keras.LeakyReLU: "leaky_relu", of_keras.ELU: "elu"}
    return names.get(type(layer)) or str(getattr(getattr(layer, "activation", None), "__name__", ""))
