"""A compiled Keras model, on any backend, trained by train_on_batch or by the user's own step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from compare.candidates import infer, keras_optimizer
from compare.candidates.base import ModelCandidate, check_parts, form_of, nothing
from compare.candidates.keras_look import check_kind, look, watched
from compare.candidates.load import CandidateError
from compare.candidates.suspects import Suspect
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

OPTIONAL = ("loss", "optimizer", "step", "layers", "config", "predict", "y")
BACKEND = keras.backend.backend()
UNTRACKED = (
    "your train_step returns a loss that Keras' own tracker never gets, so that fit's history shows 0: "
    'for m in self.metrics, call m.update_state(loss) where m.name is "loss"'
)


class KerasCandidate(ModelCandidate):
    """`parts` as the user's function returns them; CandidateError where they are none that the reference can follow."""

    framework = "keras"
    title = "a Keras model"
    optimizers = keras_optimizer.OPTIMIZERS

    def __init__(self, parts: dict[str, Any], dtype: str):
        check_parts(parts, OPTIONAL, ("model",))
        self.model, self.step, self.given = parts["model"], parts.get("step"), parts.get("config")
        if self.step is not None and not callable(self.step):
            raise CandidateError(f'"step" is of the type {type(self.step).__name__}: expected a function')
        self.loss, self.optimizer = self._compiled(parts)
        self.own_predict, self.given_form = parts.get("predict"), form_of(parts.get("y"))
        check_kind(self.model)
        sizes = self.given.get("layer_sizes") if isinstance(self.given, dict) else None
        seen = look(self.model, sizes, parts.get("layers"))
        self.shape, self.layers, self.seen, self.masks = seen.shape, seen.layers, seen.seen, seen.masks
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

    def _zeros(self, variable: keras.Variable) -> Any:
        """A place for a variable's gradient: a variable where a step is compiled, an array elsewhere."""
        zeros = ops.zeros(variable.shape, variable.dtype)
        return keras.Variable(zeros, trainable=False) if BACKEND == "tensorflow" else np.zeros(variable.shape)

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
        self.check_optimizer()
        penalty = getattr(getattr(self.layers[0].weight.variable, "regularizer", None), "l2", 0)
        found = keras_optimizer.fields(self.optimizer, self.kind)
        if penalty and self.kind is not None and "weight_decay" not in found:
            found["weight_decay"] = float(2 * penalty)  # It is l2 * sum(W**2), whose gradient is 2 * l2 * W.
        return found

    @property
    def settings(self) -> dict[str, float]:
        found = keras_optimizer.settings(self.optimizer, self.kind)
        for norm in self._norms()[:1]:
            found |= {"norm_epsilon": float(norm.epsilon), "norm_momentum": round(1 - float(norm.momentum), 12)}
        return found

    @property
    def suspects(self) -> list[Suspect]:
        never = [bool(layer.unused) and layer.bias.variable is None for layer in self.layers]
        everywhere, last_only = all(never), never[-1] and not any(never[:-1])
        if not (everywhere or last_only):
            return super().suspects
        return [*super().suspects, ("no-biases", "there, but never added", {"last_only": not everywhere})]

    @property
    def initial(self) -> Layers:
        return [layer.arrays for layer in self.layers]

    # The implementation's members ------------------------------------------------------------------------------------

    def begin(self, config: Config) -> None:
        super().begin(config)
        self.rate = keras_optimizer.rate(self.optimizer)

    @property
    def forms(self) -> tuple[str, ...]:
        """Keras' own losses, in its own step, give (B,) the shape of the outputs."""
        own = isinstance(self.loss, str) or type(self.loss).__module__.startswith("keras.src.losses")
        return super().forms[:1] if own and self.step is None and not self.fits else super().forms

    @property
    def has_momentum(self) -> bool:
        return bool(self.optimizer.momentum)

    def forward(self, x: np.ndarray) -> np.ndarray:
        last = self.layers[-1]
        with watched([last.layer]) as calls:
            self.model(self._shaped(x), training=False)
        return last.linear(calls[-1][1]).reshape(len(x), -1)

    def observed_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """One update by Keras' step or the user's: its loss, and the gradients that the optimizer was given."""
        for v in self._variables():
            self._keep(v, ops.zeros(v.shape, v.dtype))
        self._set_masks(masks)
        self.rate = keras_optimizer.rate(self.optimizer)
        xs, ys = self._shaped(x), self.targets(y)
        if self.step is None and self.fits:
            loss = self._fitted(xs, ys)
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

    def _fitted(self, xs: np.ndarray, ys: np.ndarray) -> Any:
        """The loss that the user's own train_step returns for a batch under fit.

        A fit takes much longer than its step: after the first one, what it made of train_step is called as it calls it.
        """
        told: dict[str, Any] = {}
        if BACKEND == "tensorflow" and self.steps and not self.optimizer.use_ema:
            self.model.reset_metrics()
            batch = (ops.convert_to_tensor(xs), ops.convert_to_tensor(ys))
            return self.model.train_function(iter([batch]))["loss"]

        def tell(batch: int, logs: dict[str, Any] | None = None) -> None:
            told.update(logs or {})

        end = keras.callbacks.LambdaCallback(on_train_batch_end=tell)
        fitted = self.model.fit(xs, ys, batch_size=len(xs), epochs=1, shuffle=False, verbose=0, callbacks=[end])
        if "loss" not in told:
            raise CandidateError(f'train_step returns {", ".join(told) or "nothing"}: expected a dict with "loss"')
        shown = fitted.history.get("loss", [told["loss"]])[-1]
        if shown == 0 != told["loss"] and UNTRACKED not in self.seen.notes:
            self.seen.notes.append(UNTRACKED)
        return told["loss"]

    def watch_batches(self) -> None:
        """From now on keep what the model and the loss are given, be it in a compiled step."""
        self._keep_inputs(self.model, lambda inputs, *_: inputs, "seen_inputs")
        if isinstance(self.loss, keras.losses.Loss):
            self._keep_inputs(self.loss, lambda y, *_: y, "seen_targets")

    def _keep_inputs(self, of: Any, chosen: Callable, name: str) -> None:
        """Keep, under an attribute's name, what a model or a loss is called with."""
        call = of.call

        def keep(values: np.ndarray) -> np.ndarray:
            setattr(self, name, np.array(values))
            return values

        def watched(*arguments: Any, **named: Any) -> Any:
            values = ops.convert_to_tensor(chosen(*arguments))
            if BACKEND == "tensorflow":
                import tensorflow as tf

                tf.numpy_function(keep, [values], values.dtype)
            else:
                keep(ops.convert_to_numpy(values))
            return call(*arguments, **named)

        of.call = watched

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
            bias = layer.bias.variable
            if layer.norm is not None and bias is not None:
                bias.assign(ops.zeros(bias.shape, bias.dtype))

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
        return [place.variable for layer in self.layers for place in layer.places if place.variable is not None]

    def _arrays(self, value: Callable[[keras.Variable], Any], missing: float = 0.0) -> Layers:
        """What `value` gives for every parameter; `missing` where it gives nothing, 0 where there is no parameter."""
        result = []
        for layer, shapes in zip(self.layers, mlp_numpy.param_shapes(self.config), strict=True):
            arrays = []
            for place, shape in zip(layer.places, shapes, strict=True):
                values = None if place.variable is None else value(place.variable)
                empty = np.full(shape, 0.0 if place.variable is None else missing)
                arrays.append(empty if values is None else place.array(values, shape))
            result.append(tuple(arrays))
        return result

    @property
    def params(self) -> Layers:
        return self._arrays(lambda v: v)

    def set_params(self, params: Layers) -> None:
        for layer, arrays in zip(self.layers, params, strict=True):
            for place, a in zip(layer.places, arrays, strict=True):
                if place.variable is not None:
                    place.variable.assign(place.values(a))

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
            for part, place in zip("Wbg", layer.places, strict=False)
            if place.variable is not None and self._slot(place.variable, key) is None
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
                for place, a in zip(layer.places, arrays, strict=True):
                    slot = None if place.variable is None else self._slot(place.variable, self.slots[name])
                    if slot is not None:  # It has none of a parameter that it does not train.
                        slot.assign(place.values(-self.rate * a if name == "velocity" else a))

    def _norms(self) -> list[keras.layers.BatchNormalization]:
        return [layer.norm for layer in self.layers if layer.norm is not None]
