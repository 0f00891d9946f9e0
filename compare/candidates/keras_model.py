"""A compiled Keras model, on any backend, trained by train_on_batch or by the user's own step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from compare.candidates import infer
from compare.candidates.base import PROBE, ModelCandidate, check_all_found, check_chain, check_parts, form_of, nothing
from compare.candidates.load import CandidateError
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

# The reference's optimizer for each of Keras', and where that keeps the reference's slots. AdamW is an Adam too.
OPTIMIZERS: list[tuple[type[keras.optimizers.Optimizer], str, dict[str, str]]] = [
    (keras.optimizers.AdamW, "adamw", {"first_moment": "_momentums", "second_moment": "_velocities"}),
    (keras.optimizers.Adam, "adam", {"first_moment": "_momentums", "second_moment": "_velocities"}),
    (keras.optimizers.RMSprop, "rmsprop", {"second_moment": "_velocities"}),
    (keras.optimizers.Adagrad, "adagrad", {"square_sum": "_accumulators"}),
    (keras.optimizers.SGD, "sgd", {"velocity": "momentums"}),
]
OPTIONAL = ("loss", "optimizer", "step", "layers", "config", "predict", "y")
BACKEND = keras.backend.backend()
ANY = 10  # inputs of a model that takes as many as it gets
# Keras' own layers that an MLP may have; its others are refused by name.
KNOWN = (
    keras.layers.InputLayer, keras.layers.Dense, keras.layers.BatchNormalization, keras.layers.Dropout,
    keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.Softmax,
    keras.layers.Flatten, keras.layers.Reshape, keras.layers.Identity, keras.layers.Lambda,
)  # fmt: skip
ACTIVATING = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)


@dataclass(frozen=True)
class Dense:
    """A dense layer, and the batch normalisation behind it."""

    dense: keras.layers.Dense
    norm: keras.layers.BatchNormalization | None = None

    @property
    def parameters(self) -> tuple[keras.Variable | None, ...]:
        """W, b and, normalised, g; None for one that there is not. A norm shifts in the bias's place."""
        if self.norm is None:
            return self.dense.kernel, self.dense.bias
        return self.dense.kernel, self.norm.beta, self.norm.gamma


class KerasCandidate(ModelCandidate):
    """`parts` as the user's function returns them; CandidateError where they are none that the reference can follow."""

    framework = "keras"
    title = "a Keras model"
    optimizers = OPTIMIZERS

    def __init__(self, parts: dict[str, Any], dtype: str):
        check_parts(parts, OPTIONAL, ("model",))
        self.model, self.step, self.given = parts["model"], parts.get("step"), parts.get("config")
        if self.step is not None and not callable(self.step):
            raise CandidateError(f'"step" is of the type {type(self.step).__name__}: expected a function')
        self.loss, self.optimizer = self._compiled(parts)
        self.own_predict, self.given_form = parts.get("predict"), form_of(parts.get("y"))
        self.masks: dict[int, SimpleNamespace] = {}  # by the hidden layer that is dropped, from 0
        self.unbuilt = ""
        self._check_kind()
        self.layers, self.seen = self._look(parts.get("layers"))
        self.recorded: dict[int, Any] = {id(v): self._zeros(v) for v in self._variables()}
        self.fits = type(self.model).train_step is not keras.Model.train_step  # It takes what fit hands it.
        if BACKEND == "jax":
            self.model.run_eagerly = True  # Compiled, a step there has no side effects, and shows nothing.
        if not self.optimizer.built:
            self.optimizer.build(self.model.trainable_variables)
        self.optimizer.apply = self._recording(self.optimizer.apply)

    def _compiled(self, parts: dict[str, Any]) -> tuple[Any, keras.optimizers.Optimizer]:
        """The loss and the optimizer: the dict's, or what the model was compiled with."""
        compiled = bool(getattr(self.model, "compiled", False))
        loss = parts.get("loss") or (self.model.loss if compiled else None)
        optimizer = parts.get("optimizer") or (self.model.optimizer if compiled else None)
        if not compiled and (self.step is None or loss is None or optimizer is None):
            raise CandidateError(
                "the model is not compiled: call model.compile(optimizer, loss), or return a dict with "
                '"model", "loss", "optimizer" and "step"'
            )
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise CandidateError(
                f"the optimizer is of the type {type(optimizer).__name__}: expected a keras.optimizers.Optimizer"
            )
        if isinstance(loss, dict | list | tuple):
            raise CandidateError("the model has several losses: the reference has one")
        return loss, optimizer

    # Looking at the model -------------------------------------------------------------------------------------------

    def _all(self, kind: type) -> list[Any]:
        return [layer for layer in self.model._flatten_layers(include_self=False) if isinstance(layer, kind)]

    def _look(self, named: Sequence[keras.layers.Dense] | None) -> tuple[list[Dense], infer.Seen]:
        """The dense layers in the order in which a pass through the model calls them, and what that pass showed."""
        self.shape = self._input_shape()
        inputs = math.prod(self.shape)
        dense, norm, dropout = keras.layers.Dense, keras.layers.BatchNormalization, keras.layers.Dropout
        x = np.random.default_rng(0).normal(size=(PROBE, *self.shape)).astype(keras.config.floatx())
        try:
            self.model(x, training=False)  # Builds what is not built yet.
            strangers = [layer for layer in named or () if layer not in self._all(dense)]
            if strangers:
                raise CandidateError(f'"layers" has {strangers[0]!r}: expected the Dense layers of the model, in order')
            watched = (dense, norm, dropout, *ACTIVATING)
            with _watched([layer for kind in watched for layer in self._all(kind)]) as calls:
                output = ops.convert_to_numpy(self.model(x, training=False))
        except (TypeError, ValueError) as error:
            text = next((line for line in str(error).splitlines() if line.strip()), "")
            raise CandidateError(f"the model does not take x of shape ({PROBE}, {inputs}): {text}") from error
        order = list(named or [layer for layer, _ in calls if isinstance(layer, dense)])
        norms: dict[int, Any] = {}
        before = None
        called: dict[int, list[str]] = {}
        drops: dict[int, list[Any]] = {}  # behind each dense layer, by its identity; before the first one under 0
        for layer, a in calls:
            if isinstance(layer, dense):
                before, before_a = layer, a
                called[id(layer)] = [getattr(layer.activation, "__name__", "")]
            elif isinstance(layer, norm):
                if before is None or not _same(_linear(before, before_a), a):
                    where = "of the inputs" if before is None else f"after the activation of {before.name}"
                    raise CandidateError(
                        f"the model has batch normalisation {where}: the reference has it after the linear part of "
                        "every hidden layer, before its activation"
                    )
                norms[id(before)] = layer
            elif isinstance(layer, dropout) and layer.rate:
                drops.setdefault(id(before) if before is not None else 0, []).append(layer)
            elif isinstance(layer, ACTIVATING) and before is not None:
                called[id(before)].append(_activation_name(layer))
        layers = [Dense(layer, norms.get(id(layer))) for layer in order]
        normed = [layer.dense.name for layer in layers if layer.norm is not None]
        check_chain([(d.dense.name, *d.dense.kernel.shape) for d in layers], normed, named is not None)
        missing = next(
            (d.dense.name for d in layers if d.norm is not None and not (d.norm.scale and d.norm.center)), ""
        )
        if missing:
            raise CandidateError(
                f"the batch normalisation after {missing} has no scale or no shift: the reference has both"
            )
        seen_in = {id(layer): a for layer, a in calls}
        values = [(seen_in[id(layer)], _linear(layer, seen_in[id(layer)])) for layer in order if id(layer) in seen_in]
        between = [(z, a) for (_, z), (a, _) in itertools.pairwise(values)]
        behind = [drops.get(id(layer), []) for layer in order]
        first, *others = [[float(layer.rate) for layer in some] for some in (drops.get(0, []), *behind)]
        rates = infer.rates_of(first, others)
        self.masks = {number: _masked(some[0]) for number, some in enumerate(behind) if some}
        sizes = (order[0].kernel.shape[0], *(layer.kernel.shape[1] for layer in order))
        names = [called.get(id(layer), []) for layer in order[:-1]]
        ends = (values[-1][1], output)
        notes = [self.unbuilt] if self.unbuilt else []
        seen = infer.Seen(tuple(map(int, sizes)), between, ends, rates, bool(normed), notes, names)
        self._check_all_found(layers, seen)
        return layers, seen

    def _check_kind(self) -> None:
        """CandidateError, in time and by name, for a network that is no multi-layer perceptron."""
        inputs = getattr(self.model, "inputs", None) or []
        if len(inputs) > 1:
            raise CandidateError(
                f"the model has {len(inputs)} inputs ({', '.join(i.name for i in inputs)}): the reference has one"
            )
        if len(getattr(self.model, "outputs", None) or []) > 1:
            raise CandidateError(
                f"the model has {len(self.model.outputs)} outputs: the reference has one tensor of them"
            )
        for layer in self.model._flatten_layers(include_self=False):
            ours = type(layer).__module__.startswith("keras.src.layers")
            if ours and not isinstance(layer, KNOWN):
                raise CandidateError(
                    f"the model has a {type(layer).__name__} ({layer.name}): what can be held is Dense layers with an "
                    "activation, batch normalisation before it and dropout after it; hand over that part alone"
                )

    def _input_shape(self) -> tuple[int, ...]:
        """The shape of one input of the model; where it takes any number, as a new one does, that is said."""
        given = self.given.get("layer_sizes") if isinstance(self.given, dict) else None
        shape = getattr(self.model, "input_shape", None) if self.model.built else None
        if isinstance(shape, tuple) and len(shape) > 1 and all(shape[1:]):
            return tuple(map(int, shape[1:]))
        if given:
            return (int(given[0]),)
        first = next((layer for layer in self._all(keras.layers.Dense) if layer.built), None)
        if first is not None:
            return (int(first.kernel.shape[0]),)
        asked = next(iter(getattr(self.model, "_build_shapes_dict", None) or {"": None}.values()), None)
        if isinstance(asked, tuple) and len(asked) > 1 and all(isinstance(size, int) for size in asked[1:]):
            return asked[1:]  # build((None, n)) of a subclass builds none of its layers.
        self.unbuilt = f"the model was not built yet: it is given {ANY} inputs; name others by keras.Input((n,))"
        return (ANY,)

    def _zeros(self, variable: keras.Variable) -> Any:
        """A place for a variable's gradient: a variable where a step is compiled, an array elsewhere."""
        zeros = ops.zeros(variable.shape, variable.dtype)
        return keras.Variable(zeros, trainable=False) if BACKEND == "tensorflow" else np.zeros(variable.shape)

    def _check_all_found(self, layers: list[Dense], seen: infer.Seen) -> None:
        """CandidateError for parameters that the reference has nothing for."""
        found = {id(v) for layer in layers for v in layer.parameters}
        spare = {id(layer.dense.bias) for layer in layers if layer.norm is not None and layer.dense.bias is not None}
        others = [v.path for v in self.model.trainable_variables if id(v) not in found | spare]
        missing = [layer.dense.name for layer in layers if layer.dense.bias is None and layer.norm is None]
        check_all_found(seen, bool(spare), others, missing)

    def describe(self) -> dict[str, Any]:
        fields = infer.network(self.seen, self.gives("activation")) | self._optimizer_fields()
        if not self.gives("loss"):
            fields["loss"] = infer.loss_name(self._loss_names(), self.seen, self._loss_value, self.loss)
        infer.check_loss_options(self.loss)
        smoothing = getattr(self.loss, "label_smoothing", 0) or getattr(self.loss, "_fn_kwargs", {}).get(
            "label_smoothing", 0
        )
        if smoothing:
            fields["label_smoothing"] = float(smoothing)
        return infer.merged(fields, self.given)

    def _loss_value(self, y: np.ndarray) -> float:
        """What the loss gives for the outputs of the first look and these targets; NaN if it does not take them."""
        try:
            return float(np.mean(ops.convert_to_numpy(self.loss(y, self.seen.ends[1]))))
        except Exception:
            return float("nan")

    def _loss_names(self) -> list[str]:
        return [self.loss] if isinstance(self.loss, str) else infer.names_in(self.loss)

    def _optimizer_fields(self) -> dict[str, Any]:
        o = self.optimizer
        fields: dict[str, Any] = {"learning_rate": self._rate()} | schedule_fields(getattr(o, "_learning_rate", None))
        if self.kind is None:
            self.check_optimizer()
            return fields
        fields["optimizer"] = self.kind
        if self.kind == "sgd" and o.momentum:
            fields |= {"optimizer": "nesterov" if o.nesterov else "momentum", "momentum": float(o.momentum)}
        if self.kind in ("adam", "adamw"):
            fields |= {"beta1": float(o.beta_1), "beta2": float(o.beta_2)}
        if self.kind == "rmsprop":
            fields["beta2"] = float(o.rho)
        penalty = getattr(self.layers[0].dense.kernel_regularizer, "l2", 0)
        if o.weight_decay or penalty:  # Keras' penalty is l2 * sum(W**2), whose gradient is 2 * l2 * W.
            fields["weight_decay"] = float(o.weight_decay or 2 * penalty)
        if o.clipvalue:
            fields["clip_value"] = float(o.clipvalue)
        if o.clipnorm or o.global_clipnorm:
            fields["clip_norm"] = float(o.clipnorm or o.global_clipnorm)
        return fields

    @property
    def settings(self) -> dict[str, float]:
        names = {"epsilon": "epsilon", "momentum": "momentum", "beta_1": "beta1", "beta_2": "beta2", "rho": "beta2"}
        if self.kind == "rmsprop":
            del names["momentum"]  # It has another meaning there.
        given = {field: getattr(self.optimizer, name, None) for name, field in names.items()}
        found = {field: float(value) for field, value in given.items() if isinstance(value, int | float)}
        for norm in self._norms()[:1]:
            found |= {"norm_epsilon": float(norm.epsilon), "norm_momentum": round(1 - float(norm.momentum), 12)}
        return found

    def _rate(self) -> float:
        """The learning rate of the step to come."""
        return float(ops.convert_to_numpy(self.optimizer.learning_rate))

    @property
    def initial(self) -> Layers:
        return [
            (
                ops.convert_to_numpy(d.kernel),
                np.zeros(d.kernel.shape[1]) if d.bias is None else ops.convert_to_numpy(d.bias),
            )
            for d in (layer.dense for layer in self.layers)
        ]

    # The implementation's members ------------------------------------------------------------------------------------

    def begin(self, config: Config) -> None:
        super().begin(config)
        self.rate = self._rate()

    @property
    def has_momentum(self) -> bool:
        return bool(self.optimizer.momentum)

    def forward(self, x: np.ndarray) -> np.ndarray:
        last = self.layers[-1].dense
        with _watched([last]) as calls:
            self.model(self._shaped(x), training=False)
        return _linear(last, calls[-1][1]).reshape(len(x), -1)

    def observed_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """One update by Keras' step or the user's: its loss, and the gradients that the optimizer was given."""
        for v in self._variables():
            self._keep(v, ops.zeros(v.shape, v.dtype))
        self._set_masks(masks)
        self.rate = self._rate()
        xs, ys = self._shaped(x), self.targets(y)
        if self.step is None and self.fits:
            history = self.model.fit(xs, ys, batch_size=len(xs), epochs=1, shuffle=False, verbose=0).history
            if "loss" not in history:
                raise CandidateError(
                    f'train_step returns {", ".join(history) or "nothing"}: expected a dict with "loss"'
                )
            loss = history["loss"][-1]
        elif self.step is None:
            self.model.reset_metrics()
            loss = self.model.train_on_batch(xs, ys, return_dict=True)["loss"]
        else:
            loss = self.step(self.model, ops.convert_to_tensor(xs), ops.convert_to_tensor(ys))
        if loss is None:
            raise CandidateError("step returned nothing: expected the loss of the batch before the update")
        values = ops.convert_to_numpy(loss)
        if values.size != 1:
            raise CandidateError(f"step returned a loss of shape {values.shape}: expected one number")
        self.clear_spare_biases()
        self.steps += 1
        if not self.shown_gradient:
            return float(values.item()), nothing(mlp_numpy.param_shapes(self.config))
        return float(values.item()), self._arrays(lambda v: self.recorded.get(id(v)))

    def _shaped(self, x: np.ndarray) -> np.ndarray:
        """x (B, features) as the model takes it."""
        return np.array(x, self.config.dtype).reshape(len(x), *self.shape)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The user's own, or what the reference decides on the outputs."""
        if self.own_predict is None:
            return super().predict(x)
        kept = {number: given.mask for number, given in self.masks.items()}
        # What the reference would draw, for a dropout that is on where it should not be.
        drawn = mlp_numpy.MLP(self.config)._draw_masks(len(x))
        for number, given in self.masks.items():
            given.mask = drawn[number]
        found = self.own_predict(self.model, self._shaped(x))
        for number, given in self.masks.items():
            given.mask = kept[number]
        return self.decided(ops.convert_to_numpy(found), len(x))

    def clear_spare_biases(self) -> None:
        for layer in self.layers:
            if layer.norm is not None and layer.dense.bias is not None:
                layer.dense.bias.assign(ops.zeros(layer.dense.bias.shape, layer.dense.bias.dtype))

    def targets(self, y: np.ndarray) -> np.ndarray:
        """As the base says, but one-hot where the loss asks for that."""
        y = super().targets(y)
        names = [name.lower().replace("_", "") for name in self._loss_names()]
        if self.config.loss == "softmax_cross_entropy" and "categoricalcrossentropy" in names:
            return np.eye(self.config.layer_sizes[-1], dtype=self.config.dtype)[y]
        return y

    def _set_masks(self, masks: list | None) -> None:
        """Give the dropouts their masks (B, H); the first batch is the largest, so later ones fit into its place."""
        rates = self.config.by_layer("dropout")
        for number, mask in enumerate(masks or ()):
            given = self.masks.get(number)
            if given is None:
                continue
            if given.rate != rates[number]:  # The same units, and the others scaled as its own rate has it.
                mask = mask * ((1 - rates[number]) / (1 - given.rate))
            if given.mask is None:
                given.mask = keras.Variable(mask, dtype=self.config.dtype, trainable=False)
                continue
            room = np.zeros(given.mask.shape)
            room[: len(mask)] = mask
            given.mask.assign(room)

    def _recording(self, apply: Callable) -> Callable:
        """The optimizer's `apply`, which from now on keeps the gradients that it is given."""

        def recording(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
            grads = list(grads)
            variables = trainable_variables or self.optimizer._trainable_variables
            for v, gradient in zip(variables, grads, strict=False):
                if gradient is not None and id(v) in self.recorded:
                    self._keep(v, gradient)
            self.shown_gradient = True
            return apply(grads, trainable_variables)

        return recording

    def _keep(self, variable: keras.Variable, gradient: Any) -> None:
        if BACKEND == "tensorflow":
            self.recorded[id(variable)].assign(gradient)
        else:
            self.recorded[id(variable)] = ops.convert_to_numpy(gradient)

    def _variables(self) -> list[keras.Variable]:
        return [v for layer in self.layers for v in layer.parameters if v is not None]

    def _arrays(self, value: Callable[[keras.Variable], Any], missing: float = 0.0) -> Layers:
        """What `value` gives for every parameter; `missing` where it gives nothing, 0 where there is no parameter."""
        result = []
        for layer, shapes in zip(self.layers, mlp_numpy.param_shapes(self.config), strict=True):
            arrays = []
            for v, shape in zip(layer.parameters, shapes, strict=True):
                values = None if v is None else value(v)
                empty = np.full(shape, 0.0 if v is None else missing)
                arrays.append(empty if values is None else ops.convert_to_numpy(values))
            result.append(tuple(arrays))
        return result

    @property
    def params(self) -> Layers:
        return self._arrays(lambda v: v)

    def set_params(self, params: Layers) -> None:
        for layer, arrays in zip(self.layers, params, strict=True):
            for v, a in zip(layer.parameters, arrays, strict=True):
                if v is not None:
                    v.assign(a)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"step": self.steps}
        for slot in mlp_numpy.SLOTS[self.config.optimizer]:
            key = self.slots.get(slot)
            state[slot] = nothing(mlp_numpy.param_shapes(self.config)) if key is None else self._slot_arrays(slot, key)
        if self.config.batch_norm:
            pairs = [(n.moving_mean, n.moving_variance) for n in self._norms()]
            state["running"] = [tuple(ops.convert_to_numpy(v) for v in pair) for pair in pairs]
        return state

    def _slot_arrays(self, slot: str, key: str) -> Layers:
        layers = self._arrays(lambda v: self._slot(v, key), np.nan)
        if slot != "velocity":
            return layers
        return [tuple(-a.astype(np.float64) / self.rate for a in layer) for layer in layers]  # Keras keeps -lr * b.

    @property
    def absent(self) -> set[str]:
        return {
            f"{slot.replace('_', ' ')} of layer {number} {part}"
            for slot, key in self.slots.items()
            for number, layer in enumerate(self.layers, 1)
            for part, v in zip("Wbg", layer.parameters, strict=False)
            if v is not None and self._slot(v, key) is None
        }

    def _slot(self, variable: keras.Variable, key: str) -> keras.Variable | None:
        trained = [id(v) for v in self.optimizer._trainable_variables]
        return getattr(self.optimizer, key)[trained.index(id(variable))] if id(variable) in trained else None

    def set_state(self, state: dict[str, Any]) -> None:
        for norm, (mean, variance) in zip(self._norms(), state.get("running", []), strict=False):
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(variance)
        if state["step"] == 0:
            return  # The optimizer is new, and starts as it starts.
        self.optimizer._iterations.assign(state["step"])  # Where gradients are added up, `iterations` counts updates.
        for name in self.slots.keys() & state.keys():
            for layer, arrays in zip(self.layers, state[name], strict=True):
                for v, a in zip(layer.parameters, arrays, strict=True):
                    slot = None if v is None else self._slot(v, self.slots[name])
                    if slot is not None:  # It has none of a parameter that it does not train.
                        slot.assign(-self.rate * a if name == "velocity" else a)

    def _norms(self) -> list[keras.layers.BatchNormalization]:
        return [layer.norm for layer in self.layers if layer.norm is not None]


@contextmanager
def _watched(layers: Sequence[keras.layers.Layer]) -> Iterator[list[tuple[keras.layers.Layer, np.ndarray]]]:
    """Each of these layers as it is called, with what it is given."""
    calls: list[tuple[keras.layers.Layer, np.ndarray]] = []

    def watching(layer: keras.layers.Layer, call: Callable) -> Callable:
        def watched(inputs: Any, *arguments: Any, **named: Any) -> Any:
            calls.append((layer, ops.convert_to_numpy(inputs)))
            return call(inputs, *arguments, **named)

        return watched

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


def schedule_fields(rate: Any) -> dict[str, Any]:
    """The fields of the Config for one of Keras' schedules that the reference has; none for others."""
    schedules = keras.optimizers.schedules
    if isinstance(rate, schedules.ExponentialDecay):
        fields = {"schedule": "step" if rate.staircase else "exponential", "schedule_steps": int(rate.decay_steps)}
        return fields | {"learning_rate": float(rate.initial_learning_rate), "schedule_rate": float(rate.decay_rate)}
    if isinstance(rate, schedules.CosineDecay) and not (rate.alpha or rate.warmup_steps):
        fields = {"schedule": "cosine", "schedule_steps": int(rate.decay_steps)}
        return fields | {"learning_rate": float(rate.initial_learning_rate)}
    return {}


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6)


def _activation_name(layer: keras.layers.Layer) -> str:
    """The function of a layer that activates."""
    names = {keras.layers.ReLU: "relu", keras.layers.LeakyReLU: "leaky_relu", keras.layers.ELU: "elu"}
    return names.get(type(layer)) or str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _linear(layer: keras.layers.Dense, a: np.ndarray) -> np.ndarray:
    """The linear outputs of a dense layer for these inputs, whatever activation it has inside, (B, O)."""
    z = a @ ops.convert_to_numpy(layer.kernel)
    return z if layer.bias is None else z + ops.convert_to_numpy(layer.bias)


def _masked(layer: keras.layers.Dropout) -> SimpleNamespace:
    """Let a dropout take a given mask in training; its place, in a namespace since a built layer takes no variables."""
    original, given = layer.call, SimpleNamespace(mask=None, rate=float(layer.rate))

    def call(inputs: Any, training: bool = False) -> Any:
        if training and given.mask is not None:
            return inputs * given.mask[: ops.shape(inputs)[0]]
        return original(inputs, training=training)

    layer.call = call
    return given
