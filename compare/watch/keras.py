"""Watching a Keras script on TensorFlow: fit, train_on_batch, an own train_step, or a loop around a GradientTape.

As it stands a script keeps its compiled functions: the batches are seen before a step and the weights before and after
it. Driven, everything runs eagerly, so that each layer, loss and gradient can be seen, and given another's numbers.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.src import backend
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.losses.loss import Loss
from keras.src.optimizers.base_optimizer import BaseOptimizer

from compare.watch.keras_layout import RECURRENT, Handle, about, function_name, handles, is_leaf, options
from compare.watch.recording import Line, Op, Parameter, Step, in_logits
from compare.watch.watcher import NotWatched, Watcher

Layer = keras.layers.Layer


class KerasWatcher(Watcher):
    """One run of a Keras script."""

    framework = "keras"
    patience = 5.0  # An error out of nowhere may leave TensorFlow within a graph.

    def start(self) -> None:
        if keras.backend.backend() != "tensorflow":
            raise NotWatched(
                f"{self.script.name}: Keras runs on {keras.backend.backend()}, and is watched on TensorFlow alone: "
                "run it with KERAS_BACKEND=tensorflow"
            )
        self.recording.version = keras.__version__
        self.handles: list[Handle] = []
        self.known: dict[int, list[int]] = {}  # id of a variable -> numbers of its handles
        self.depth = 0  # of layers' calls
        self.model: Any = None  # the one that is trained
        self.optimizer: Any = None
        self.inside = False  # of a function of Keras' own trainer that makes a step
        self.evaluating = False
        self.count = 0  # ops of the step at hand
        self.made_at: dict[int, Line | None] = {}
        self.seen, self.mean = 0, 0.0  # samples of the epoch so far, and the loss's running mean
        self.kept: list[tuple[Any, str, Any]] = []
        self._watch()
        keras.config.disable_traceback_filtering()
        if self.drive:
            tf.config.run_functions_eagerly(True)
            keras.config.set_floatx(self.drive.dtype)
            keras.config.set_dtype_policy(self.drive.dtype)
        elif b"tf.function" in self.script.read_bytes():
            tf.config.run_functions_eagerly(True)
            self.recording.notes.append(f"{self.script.name}: tf.function is left out while the script is watched")

    def stop(self) -> None:
        self._note_decisions()
        for owner, name, original in reversed(self.kept):
            setattr(owner, name, original)
        tf.config.run_functions_eagerly(False)
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        keras.backend.clear_session()
        tf.random.set_seed(None)  # A seed of this script's is none of the next one's.
        for handle, parameter in zip(self.handles, self.recording.parameters, strict=False):
            parameter.name = f"{parameter.name}/{handle.variable.name}"

    def _note_decisions(self) -> None:
        """By which threshold or axis the metrics of a compiled model decide for a class."""
        compiled = getattr(self.model, "_compile_metrics", None)
        for metric in getattr(compiled, "metrics", ()):
            function = function_name(getattr(metric, "_fn", None))
            line = self.recording.lines.get("data")
            if function == "binary_accuracy":
                threshold = float(getattr(metric, "_fn_kwargs", {}).get("threshold", 0.5))
                names = [op.name for op in self.recording.ops if op.name not in ("flatten", "reshape", self.loss_name)]
                threshold = in_logits(threshold, names[-1:] == ["sigmoid"])
                self.recording.decisions.setdefault("threshold", (threshold, line))
            elif function in ("categorical_accuracy", "sparse_categorical_accuracy"):
                self.recording.decisions.setdefault("axis", (-1, line))

    @property
    def loss_name(self) -> str:
        return self.loss.name if self.loss else ""

    def _replace(self, owner: Any, name: str, make: Callable[[Callable], Callable]) -> None:
        original = getattr(owner, name)
        self.kept.append((owner, name, original))
        setattr(owner, name, functools.wraps(original)(make(original)))

    def _watch(self) -> None:
        self._replace(TensorFlowTrainer, "make_train_function", self._makes_training)
        self._replace(TensorFlowTrainer, "make_test_function", self._makes_test)
        self._replace(TensorFlowTrainer, "predict", self._evaluates)
        self._replace(keras.Model, "reset_metrics", self._resets)
        self._replace(keras.Model, "fit", self._fits)
        self._replace(Layer, "__call__", self._calls)
        self._replace(Layer, "__init__", self._makes)
        self._replace(BaseOptimizer, "__init__", self._makes)
        self._replace(BaseOptimizer, "apply", self._applies)
        self._replace(Loss, "__call__", self._loses)
        self._replace(keras.layers.Dropout, "call", self._drops)
        self._replace(tf.GradientTape, "gradient", self._differentiates)

    # Keras' own trainer ----------------------------------------------------------------------------------------------

    def _makes_training(self, original: Callable) -> Callable:
        def make(model: Any, force: bool = False) -> None:
            original(model, force)
            if not getattr(model.train_function, "watched", False):
                model.train_function = self._trains(model, model.train_function)

        return make

    def _trains(self, model: Any, function: Callable) -> Callable:
        """The trainer's function for a step, which from now on shows its batch."""

        def train(iterator: Any) -> Any:
            self.leave()
            if model.steps_per_execution > 1 or (self.model is not None and model is not self.model):
                note = "two models are trained; the first is compared" if self.model else "several steps in one call"
                if not any(note in n for n in self.recording.notes):
                    self.recording.notes.append(f"{self.script.name}: {note}")
                if self.model is not None and model is not self.model:
                    return function(iterator)
                raise NotWatched(f"{self.script.name}: steps_per_execution above 1 cannot be watched: leave it out")
            data = next(iterator)
            self.model = model
            self.mark("model")
            _build(model, data)
            step = self._open(training=True)
            self._keep_optimizer(model.optimizer)
            data = self._batch(step, data)
            self.inside = True
            try:
                logs = function(iter([data]))
            finally:
                self.inside = False
            if not self.drive and "loss" in logs:
                n = len(step.inputs[0]) if step.inputs else 1
                mean = float(logs["loss"])  # Keras' own step gives the mean of the epoch so far.
                own = type(model).train_step is TensorFlowTrainer.train_step
                step.loss = (mean * (self.seen + n) - self.mean * self.seen) / n if own else mean
                self.seen, self.mean = self.seen + n, mean
            self._close(step)
            return logs

        train.watched = True  # type: ignore[attr-defined]
        return train

    def _batch(self, step: Step, data: Any) -> Any:
        """Keep a batch, and give what is to be taken in its place; the rest of it, weights of samples, stays."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        xs = keras.tree.flatten(x)
        xs = [self._data(v, step.inputs, "inputs") for v in xs]
        ys = [self._data(v, step.targets, "targets") for v in keras.tree.flatten(y)] if y is not None else None
        new_x = keras.tree.pack_sequence_as(x, xs)
        new_y = None if ys is None else keras.tree.pack_sequence_as(y, ys)
        if not self.drive:
            return data
        if weight is not None and np.shape(weight)[0] != np.shape(xs[0])[0]:
            weight = None
        return keras.utils.pack_x_y_sample_weight(new_x, new_y, weight)

    def _data(self, value: Any, kept: list, which: str) -> Any:
        if value is None:
            return None
        number = len(kept)
        given = getattr(self.given, which) if self.given else []
        if number < len(given) and given[number] is not None:
            dtype = keras.backend.standardize_dtype(getattr(value, "dtype", "float32"))
            dtype = keras.config.floatx() if "float" in dtype else dtype
            value = ops.convert_to_tensor(np.asarray(given[number]), dtype=dtype)
        kept.append(np.array(ops.convert_to_numpy(value)))
        return value

    def _makes_test(self, original: Callable) -> Callable:
        def make(model: Any, force: bool = False) -> None:
            original(model, force)
            function = model.test_function
            if getattr(function, "watched", False):
                return

            def test(iterator: Any) -> Any:
                self.leave()
                if model.steps_per_execution > 1:
                    return function(iterator)
                self.recording.evaluates = True
                data = next(iterator)
                x = keras.tree.flatten(keras.utils.unpack_x_y_sample_weight(data)[0])[0]
                self.passed(int(np.shape(x)[0]), False)
                kept, self.evaluating = self.evaluating, True
                try:
                    return function(iter([data]))
                finally:
                    self.evaluating = kept

            test.watched = True  # type: ignore[attr-defined]
            model.test_function = test

        return make

    def _evaluates(self, original: Callable) -> Callable:
        def predict(model: Any, x: Any, *arguments: Any, **named: Any) -> Any:
            self.leave()
            if hasattr(x, "__len__"):
                self.passed(len(x), False)
            kept, self.evaluating = self.evaluating, True
            try:
                return original(model, x, *arguments, **named)
            finally:
                self.evaluating = kept

        return predict

    def _resets(self, original: Callable) -> Callable:
        def reset(model: Any) -> Any:
            self.seen, self.mean = 0, 0.0
            return original(model)

        return reset

    def _fits(self, original: Callable) -> Callable:
        def fit(model: Any, *arguments: Any, **named: Any) -> Any:
            self.mark("data")
            if not self.recording.loader and not isinstance(arguments[0] if arguments else None, tf.data.Dataset):
                self.recording.loader = {"shuffled": bool(named.get("shuffle", True)), "epochs": 0}
            return original(model, *arguments, **named)

        return fit

    def _keep_optimizer(self, optimizer: Any) -> None:
        assert self.step
        if self.optimizer is None and optimizer is not None:
            self.optimizer = optimizer
            self.recording.optimizer = type(optimizer).__name__
            plain = {k: v for k, v in optimizer.get_config().items() if isinstance(v, int | float | bool | str)}
            self.recording.options = [plain]
            self.recording.lines["optimizer"] = self.made_at.get(id(optimizer)) or self.recording.lines.get("model")  # type: ignore[assignment]
        if optimizer is not None:
            self.step.rates = (float(str(ops.convert_to_numpy(optimizer.learning_rate))),)  # 0.01, not float32's of it.

    # A step ----------------------------------------------------------------------------------------------------------

    def _open(self, training: bool) -> Step:
        if self.step is None:
            self.step, self.count = Step(training=training), 0
            for handle, value in zip(self.handles, self.given.before if self.given else (), strict=False):
                if value is not None:
                    handle.put(value)
            self.step.before = [h.value for h in self.handles]
            if self.model is not None and not self.handles:  # They are found while the step is traced.
                self.at_start = {id(v): np.array(ops.convert_to_numpy(v.value)) for v in self.model.variables}
        return self.step

    at_start: dict[int, np.ndarray] = {}  # noqa: RUF012

    def _close(self, step: Step) -> None:
        if not self.recording.steps and self.loss:
            self.recording.ops.append(self.loss)
        step.after = [h.value for h in self.handles]
        step.masks = step.masks or self.masks
        self.finish(step)

    masks = 0
    loss: Op | None = None

    def _discover(self, layer: Any, name: str) -> list[int]:
        """The numbers of a layer's parameters."""
        numbers = []
        for handle in handles(layer):
            of = self.known.setdefault(id(handle.variable), [])
            number = next((n for n in of if self.handles[n].row == handle.row), None)
            if number is None:
                number = len(self.handles)
                of.append(number)
                self.handles.append(handle)
                value = self.at_start.get(id(handle.variable))
                if value is None:
                    with tf.init_scope():  # Also while a function is traced.
                        value = handle.value
                elif handle.row is not None:
                    value = value[handle.row]
                trained = handle.variable.trainable
                line = self.made_at.get(id(layer))
                self.recording.parameters.append(Parameter(name, handle.kind, handle.role, value, trained, line))
                given = self.given.before[number] if self.given and number < len(self.given.before) else None
                if given is not None:
                    handle.put(given)
                    value = handle.value
                assert self.step
                self.step.before.append(value)
            numbers.append(number)
        return numbers

    # Layers ----------------------------------------------------------------------------------------------------------

    def _makes(self, original: Callable) -> Callable:
        def made(thing: Any, *arguments: Any, **named: Any) -> None:
            if id(thing) not in self.made_at or not hasattr(thing, "name"):
                self.made_at[id(thing)] = self.line()
            original(thing, *arguments, **named)

        return made

    def _calls(self, original: Callable) -> Callable:
        def call(layer: Any, *arguments: Any, **named: Any) -> Any:
            symbolic = any(isinstance(a, keras.KerasTensor) for a in keras.tree.flatten((arguments, named)))
            if symbolic or self.evaluating or in_stateless_scope():  # As while a model is built.
                return original(layer, *arguments, **named)
            if self.depth == 0 and self.inside and isinstance(layer, keras.Model):
                self.count = 0  # A function may be traced more than once.
            if self.depth == 0 and not self.inside:
                if isinstance(layer, Loss | keras.metrics.Metric) or not _training(layer, named):
                    return self._passes(original, layer, arguments, named)
                arguments = self._enters(layer, arguments)
            self.depth += 1
            try:
                if self.step is None or not is_leaf(layer) or self._known_inside:
                    return original(layer, *arguments, **named)
                return self._leaf(original, layer, arguments, named)
            finally:
                self.depth -= 1

        return call

    _known_inside = False  # within a layer whose inside is its own affair

    def _passes(self, original: Callable, layer: Any, arguments: tuple, named: dict) -> Any:
        """A call outside of training."""
        first = next((a for a in keras.tree.flatten(arguments) if hasattr(a, "shape")), None)
        if first is not None and isinstance(layer, keras.Model) and len(first.shape):
            self.passed(int(first.shape[0] or 0), False)
        kept, self.evaluating = self.evaluating, True
        try:
            return original(layer, *arguments, **named)
        finally:
            self.evaluating = kept

    def _enters(self, layer: Any, arguments: tuple) -> tuple:
        """A model that is called by the script's own loop."""
        if self.model is None:
            self.model = layer
            self.mark("model")
        if layer is not self.model:
            return arguments
        step = self._open(training=True)
        if step.inputs:  # A pass before this one had no update.
            step.inputs, step.targets, step.values, self.count = [], [], {}, 0
        flat = [self._data(a, step.inputs, "inputs") for a in keras.tree.flatten(arguments)]
        return keras.tree.pack_sequence_as(arguments, flat)

    def _leaf(self, original: Callable, layer: Any, arguments: tuple, named: dict) -> Any:
        """A layer that does its work itself: noted, and called."""
        step, number = self.step, self.count
        assert step is not None
        self.count += 1
        name, kind = about(layer)
        eager = self.drive is not None
        first = next((a for a in keras.tree.flatten(arguments) if hasattr(a, "shape")), None)
        if self.judging and name == "batch_norm":
            named = named | {"training": False}
        if eager and kind and len(arguments) == 1:
            arguments = (self._forced(first, number, 0),)
        activation = None if isinstance(layer, RECURRENT) else layer.__dict__.get("activation")
        before: list[Any] = []
        if activation is not None and name != "activation" and function_name(activation) != "linear":

            def activated(z: Any) -> Any:
                before.append(z)
                return activation(self._forced(z, number, 1) if eager else z)

            layer.__dict__["activation"] = activated
        kept, self._known_inside = self._known_inside, True
        try:
            output = original(layer, *arguments, **named)
            count = len(self.handles)
            numbers = self._discover(layer, layer.name) if kind else []
            if eager and len(self.handles) > count:  # Now that it is built, it has been given its weights.
                before.clear()
                output = original(layer, *arguments, **named)
        finally:
            self._known_inside = kept
            if before or activation is not None:
                layer.__dict__["activation"] = activation
        if not self.recording.steps:
            line = self.made_at.get(id(layer))
            shown = options(layer)
            if name in ("batch_norm", "dropout"):
                shown["training"] = True
            label = function_name(activation) if name == "activation" else type(layer).__name__
            op_name = function_name(activation) if name == "activation" else name
            shape = tuple(getattr(output, "shape", ()))[1:]
            self._op(number, Op(op_name, label, shown, tuple(numbers), shape, line))
        if before:
            self.count += 1
            if not self.recording.steps:
                f = function_name(activation)
                self._op(number + 1, Op(f, f, {}, (), tuple(output.shape)[1:], self.made_at.get(id(layer))))
        if self.drive is not None and not self.drive.brief and numbers and first is not None:
            z = before[0] if before else output
            step.values[number] = (_array(first), _array(z))
            if not before:
                output = self._forced(output, number, 1)
        return output

    def _op(self, number: int, op: Op) -> None:
        if number >= len(self.recording.ops):
            self.recording.ops.append(op)

    def _forced(self, t: Any, number: int, which: int) -> Any:
        """A layer's input or output with the numbers that it is to have; its gradient goes through all the same."""
        given = self.given.values.get(number) if self.given else None
        if given is None or not hasattr(t, "dtype") or "float" not in keras.backend.standardize_dtype(t.dtype):
            return t
        value = np.asarray(given[which])
        if value.size != int(np.prod(t.shape)):
            return t
        wanted = ops.convert_to_tensor(value.reshape(t.shape), dtype=t.dtype)
        return t + ops.stop_gradient(wanted - t)

    def _drops(self, original: Callable) -> Callable:
        def call(layer: Any, inputs: Any, training: bool = False) -> Any:
            if self.judging:
                return inputs
            if training and layer.rate > 0 and self.step is not None:
                self.masks = max(self.masks, 1)
                if self.drive:
                    mask = self.drive.mask(self.made, self.step.masks, tuple(inputs.shape), layer.rate)
                    self.step.masks += 1
                    return inputs * ops.convert_to_tensor(mask / (1 - layer.rate), dtype=inputs.dtype)
            return original(layer, inputs, training=training)

        return call

    # Loss, gradients, update -----------------------------------------------------------------------------------------

    def _loses(self, original: Callable) -> Callable:
        def call(loss: Any, y_true: Any, y_pred: Any, *arguments: Any, **named: Any) -> Any:
            if self.step is not None and not self.evaluating and not self.inside and len(self.step.targets) == 0:
                self.mark("loss")
                y_true = self._data(y_true, self.step.targets, "targets")
            if self.step is not None and not self.recording.steps and not hasattr(loss, "_losses"):
                kept = {k: getattr(loss, k) for k in ("reduction",) if isinstance(getattr(loss, k, None), str)}
                kept |= {k: v for k, v in getattr(loss, "_fn_kwargs", {}).items() if isinstance(v, int | float | bool)}
                self.loss = Op(loss.name, type(loss).__name__, kept, (), (), self.line())
            return original(loss, y_true, y_pred, *arguments, **named)

        return call

    def _differentiates(self, original: Callable) -> Callable:
        def gradient(tape: Any, target: Any, sources: Any, *arguments: Any, **named: Any) -> Any:
            result = original(tape, target, sources, *arguments, **named)
            step = self.step
            if step is None and any(isinstance(v, tf.Variable) for v in keras.tree.flatten(sources)):
                self.untold = "TensorFlow variables of its own, in no Keras layer, cannot be watched"
            if step is None or not tf.executing_eagerly():
                return result
            if not self.inside:
                self.mark("backward")
            step.loss = float(np.sum(ops.convert_to_numpy(ops.convert_to_tensor(target))))
            flat = keras.tree.flatten(sources)
            step.gradients = [None] * len(self.handles)
            changed = []
            for variable, g in zip(flat, keras.tree.flatten(result), strict=False):
                numbers = self._numbers(variable)
                if g is None or not numbers:
                    changed.append(g)
                    continue
                for n in numbers:
                    step.gradients[n] = self.handles[n].of(g)
                changed.append(self._given_gradient(numbers, g))
            if not isinstance(sources, list | tuple):
                return changed[0]
            return changed

        return gradient

    def _numbers(self, variable: Any) -> list[int]:
        if id(variable) in self.known:
            return self.known[id(variable)]
        return next((n for n in self.known.values() if self.handles[n[0]].variable.value is variable), [])

    def _given_gradient(self, numbers: list[int], g: Any) -> Any:
        given = self.given.gradients if self.given else []
        for n in numbers:
            value = given[n] if n < len(given) else None
            if value is not None:
                whole = self.handles[n].whole(value, ops.convert_to_numpy(ops.convert_to_tensor(g)))
                g = ops.convert_to_tensor(whole, dtype=self.handles[n].variable.dtype)
        return g

    def _applies(self, original: Callable) -> Callable:
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            step, grads = self.step, list(grads)
            if tf.executing_eagerly():
                self.leave()
            if step is None or not tf.executing_eagerly():
                return original(optimizer, grads, trainable_variables)
            variables = list(trainable_variables or optimizer._trainable_variables)
            step.applied = [None] * len(self.handles)
            for variable, g in zip(variables, grads, strict=False):
                for n in self._numbers(variable) if g is not None else ():
                    step.applied[n] = self.handles[n].of(g)
            if self.inside:
                return original(optimizer, grads, trainable_variables)
            self.mark("step")
            self._keep_optimizer(optimizer)
            result = original(optimizer, grads, trainable_variables)
            self._close(step)
            return result

        return apply


def _training(layer: Any, named: dict) -> bool:
    """Whether a model's call by the script's own loop is one that a gradient is taken of."""
    if named.get("training") is False:
        return False
    from tensorflow.python.eager import record

    return bool(record.could_possibly_record()) and isinstance(layer, keras.Model)


def _build(model: Any, data: Any) -> None:
    """Build a model as its trainer would while the first step is traced: then its initial weights could not be read."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    x, _, _ = keras.utils.unpack_x_y_sample_weight(data)

    def symbol(a: Any) -> Any:
        return a if a is None else keras.KerasTensor(a.shape, keras.backend.standardize_dtype(a.dtype))

    with contextlib.suppress(Exception):  # The step itself will say it better.
        backend.compute_output_spec(model, keras.tree.map_structure(symbol, x), training=False)


def _array(t: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(t))
