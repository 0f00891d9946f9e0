"""Watching a Keras script: fit, train_on_batch, an own train_step, or on some backends a loop of its own.

As it stands a script keeps its compiled functions: the batches are seen before a step and the weights before and after
it. Driven, everything runs eagerly, so that each layer, loss and gradient can be seen, and given another's numbers.
What a backend does in its own way is in a module of its own: keras_tensorflow, keras_torch, keras_jax.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src import backend
from keras.src.backend.common import dtypes
from keras.src.losses.loss import Loss
from keras.src.optimizers.base_optimizer import BaseOptimizer

from compare.watch.keras_layers import Layer, LayerWatcher
from compare.watch.keras_layout import function_name
from compare.watch.recording import Op, Step, in_logits
from compare.watch.watcher import NotWatched


class KerasWatcher(LayerWatcher):
    """One run of a Keras script; of its backend a subclass knows the rest."""

    trainer: Any = None  # the class of the backend's trainer
    patience = 5.0  # An error out of nowhere may leave TensorFlow within a graph.
    loss: Op | None = None
    losing = False  # within one of Keras' losses

    def start(self) -> None:
        name = keras.backend.backend()
        self.recording.version = keras.__version__ + (f" on {name}" if name != "tensorflow" else "")
        self.handles, self.known, self.made_at, self.at_start = [], {}, {}, {}
        self.optimizer: Any = None
        self.seen, self.mean = 0, 0.0  # samples of the epoch so far, and the loss's running mean
        self.kept: list[tuple[Any, str, Any]] = []
        self.lowered = dtypes.BIT64_TO_BIT32_DTYPE["float64"]
        self.watch()
        keras.config.disable_traceback_filtering()
        self.set_up()
        if self.drive:
            keras.config.set_floatx(self.drive.dtype)
            keras.config.set_dtype_policy(self.drive.dtype)
            dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"  # Elsewhere than on TensorFlow Keras would lower it.

    def stop(self) -> None:
        self._note_decisions()
        for owner, name, original in reversed(self.kept):
            setattr(owner, name, original)
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = self.lowered
        keras.backend.clear_session()
        self.set_back()
        for handle, parameter in zip(self.handles, self.recording.parameters, strict=False):
            parameter.name = f"{parameter.name}/{handle.variable.name}"

    # What the backends do each in its own way ------------------------------------------------------------------------

    def set_up(self) -> None:
        """Before the script begins."""

    def set_back(self) -> None:
        """After it."""

    def eager(self) -> bool:
        """Whether what the optimizer gets are numbers."""
        return True

    def trains(self, model: Any, function: Callable) -> Callable:
        """The trainer's function for a step, which shows its batch from now on."""
        raise NotImplementedError

    def tests(self, model: Any, function: Callable) -> Callable:
        """The trainer's function for a batch of evaluation, which tells of it from now on."""
        raise NotImplementedError

    # Decisions -------------------------------------------------------------------------------------------------------

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

    def replace(self, owner: Any, name: str, make: Callable[[Callable], Callable]) -> None:
        original = getattr(owner, name)
        self.kept.append((owner, name, original))
        setattr(owner, name, functools.wraps(original)(make(original)))

    def watch(self) -> None:
        """Put what sees in the places of Keras' own functions."""
        self.replace(self.trainer, "make_train_function", self._makes_training)
        self.replace(self.trainer, "make_test_function", self._makes_test)
        self.replace(self.trainer, "predict", self._evaluates)
        self.replace(keras.Model, "reset_metrics", self._resets)
        self.replace(keras.Model, "fit", self._fits)
        self.replace(Layer, "__call__", self._calls)
        self.replace(Layer, "__init__", self._makes)
        self.replace(BaseOptimizer, "__init__", self._makes)
        self.replace(BaseOptimizer, "apply", self._applies)
        self.replace(Loss, "__call__", self._loses)
        self.replace(keras.layers.Dropout, "call", self._drops)

    # Keras' own trainer ----------------------------------------------------------------------------------------------

    def _makes_training(self, original: Callable) -> Callable:
        def make(model: Any, force: bool = False) -> None:
            original(model, force)
            if not getattr(model.train_function, "watched", False):
                model.train_function = self.trains(model, model.train_function)
                model.train_function.watched = True

        return make

    def trained(self, model: Any, data: Any, run: Callable) -> Any:
        """One step of a trainer: `run` makes it on a batch."""
        self.leave()
        if self.model is not None and model is not self.model:
            self._note_once("two models are trained; the first is compared")
            return run(data)
        if model.steps_per_execution > 1:
            raise NotWatched(f"{self.script.name}: steps_per_execution above 1 cannot be watched: leave it out")
        self.model = model
        self.mark("model")
        _build(model, data)
        step = self.open()
        self.keep_optimizer(model.optimizer)
        data = self._batch(step, data)
        self.inside = True
        try:
            logs = run(data)
        finally:
            self.inside = False
        if not self.drive and "loss" in logs:
            n = len(step.inputs[0]) if step.inputs else 1
            mean = float(logs["loss"])  # Keras' own step gives the mean of the epoch so far.
            own = type(model).train_step is self.trainer.train_step
            step.loss = (mean * (self.seen + n) - self.mean * self.seen) / n if own else mean
            self.seen, self.mean = self.seen + n, mean
        self.close(step)
        return logs

    def _note_once(self, note: str) -> None:
        if not any(note in kept for kept in self.recording.notes):
            self.recording.notes.append(f"{self.script.name}: {note}")

    def _batch(self, step: Step, data: Any) -> Any:
        """Keep a batch, and give what is to be taken in its place; the rest of it, weights of samples, stays."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        xs = keras.tree.flatten(x)
        xs = [self.data(v, step.inputs, "inputs") for v in xs]
        ys = [self.data(v, step.targets, "targets") for v in keras.tree.flatten(y)] if y is not None else None
        new_x = keras.tree.pack_sequence_as(x, xs)
        new_y = None if ys is None else keras.tree.pack_sequence_as(y, ys)
        if not self.drive:
            return data
        if weight is not None and np.shape(weight)[0] != np.shape(xs[0])[0]:
            weight = None
        return keras.utils.pack_x_y_sample_weight(new_x, new_y, weight)

    def data(self, value: Any, kept: list, which: str) -> Any:
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
            if not getattr(model.test_function, "watched", False):
                model.test_function = self.tests(model, model.test_function)
                model.test_function.watched = True

        return make

    def tested(self, model: Any, data: Any, run: Callable) -> Any:
        """A batch of evaluation: `run` makes it."""
        self.leave()
        self.recording.evaluates = True
        x = keras.tree.flatten(keras.utils.unpack_x_y_sample_weight(data)[0])[0]
        self.passed(int(np.shape(x)[0]), False)
        kept, self.evaluating = self.evaluating, True
        try:
            return run(data)
        finally:
            self.evaluating = kept

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
            if not self.recording.loader and not _batched(arguments, named):
                self.recording.loader = {"shuffled": bool(named.get("shuffle", True)), "epochs": 0}
            return original(model, *arguments, **named)

        return fit

    def keep_optimizer(self, optimizer: Any) -> None:
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

    def open(self) -> Step:
        if self.step is None:
            self.step, self.count = Step(training=True), 0
            for handle, value in zip(self.handles, self.given.before if self.given else (), strict=False):
                if value is not None:
                    handle.put(value)
            self.step.before = [h.value for h in self.handles]
            if self.model is not None and not self.handles:  # They are found while the step is traced.
                self.at_start = {id(v): np.array(ops.convert_to_numpy(v.value)) for v in self.model.variables}
        return self.step

    def close(self, step: Step) -> None:
        if not self.recording.steps and self.loss:
            self.recording.ops.append(self.loss)
        step.after = [h.value for h in self.handles]
        step.masks = step.masks or self.masks
        self.finish(step)

    # Loss, gradients, update -----------------------------------------------------------------------------------------

    def _loses(self, original: Callable) -> Callable:
        def call(loss: Any, y_true: Any, y_pred: Any, *arguments: Any, **named: Any) -> Any:
            if self.step is not None and not self.evaluating and not self.inside and len(self.step.targets) == 0:
                self.mark("loss")
                y_true = self.data(y_true, self.step.targets, "targets")
            if self.step is not None and not self.recording.steps and not hasattr(loss, "_losses"):
                shown = {k: getattr(loss, k) for k in ("reduction",) if isinstance(getattr(loss, k, None), str)}
                shown |= {k: v for k, v in getattr(loss, "_fn_kwargs", {}).items() if isinstance(v, int | float | bool)}
                self.loss = Op(loss.name, type(loss).__name__, shown, (), (), self.line())
            kept, self.losing = self.losing, True
            try:
                return original(loss, y_true, y_pred, *arguments, **named)
            finally:
                self.losing = kept

        return call

    def differentiated(self, variables: list, gradients: list) -> list:
        """Keep the gradients of variables, and give what is to be taken in their place."""
        assert self.step
        self.step.gradients = [None] * len(self.handles)
        changed = []
        for variable, g in zip(variables, gradients, strict=False):
            numbers = self.numbers(variable) if g is not None else []
            for n in numbers:
                self.step.gradients[n] = self.handles[n].of(g)
            changed.append(self.given_gradient(numbers, g) if numbers else g)
        return changed

    def numbers(self, variable: Any) -> list[int]:
        if id(variable) in self.known:
            return self.known[id(variable)]
        return next((n for n in self.known.values() if self.handles[n[0]].variable.value is variable), [])

    def given_gradient(self, numbers: list[int], g: Any) -> Any:
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
            if self.eager():
                self.leave()
            if step is None or not self.eager():
                return original(optimizer, grads, trainable_variables)
            variables = list(trainable_variables or optimizer._trainable_variables)
            step.applied = [None] * len(self.handles)
            for variable, g in zip(variables, grads, strict=False):
                for n in self.numbers(variable) if g is not None else ():
                    step.applied[n] = self.handles[n].of(g)
            if self.inside:
                return original(optimizer, grads, trainable_variables)
            self.mark("step")
            self.keep_optimizer(optimizer)
            result = original(optimizer, grads, trainable_variables)
            self.close(step)
            return result

        return apply


def _batched(arguments: tuple, named: dict) -> bool:
    """Whether fit is given batches by somebody else: a tf.data.Dataset, a DataLoader, a generator."""
    x = arguments[0] if arguments else named.get("x")
    return x is not None and (hasattr(x, "__next__") or type(x).__name__ == "DataLoader" or hasattr(x, "element_spec"))


def _build(model: Any, data: Any) -> None:
    """Build a model as its trainer would while the first step is traced: then its initial weights could not be read."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    x, _, _ = keras.utils.unpack_x_y_sample_weight(data)

    def symbol(a: Any) -> Any:
        return a if a is None else keras.KerasTensor(a.shape, keras.backend.standardize_dtype(a.dtype))

    with contextlib.suppress(Exception):  # The step itself will say it better.
        backend.compute_output_spec(model, keras.tree.map_structure(symbol, x), training=False)
