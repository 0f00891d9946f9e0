"""What of watching a Keras script concerns TensorFlow: functions that are compiled, and the GradientTape."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from tensorflow.python.ops import array_ops, gen_array_ops, gen_math_ops, gen_nn_ops, math_ops, nn_ops

from compare.watch.keras import KerasWatcher

OPERATIONS = (gen_array_ops, gen_math_ops, gen_nn_ops)


class TensorFlowWatcher(KerasWatcher):
    """One run of a Keras script on TensorFlow."""

    trainer = TensorFlowTrainer

    def set_up(self) -> None:
        if self.drive:
            tf.config.run_functions_eagerly(True)
        elif b"tf.function" in self.script.read_bytes():
            tf.config.run_functions_eagerly(True)
            self.recording.notes.append(f"{self.script.name}: tf.function is left out while the script is watched")

    def set_back(self) -> None:
        tf.config.run_functions_eagerly(False)
        tf.random.set_seed(None)  # A seed of this script's is none of the next one's.

    def watch(self) -> None:
        super().watch()
        self.replace(tf.GradientTape, "gradient", self._differentiates)
        if b"GradientTape" in self.script.read_bytes():  # Then it may write its loss out.
            generated = {module.__name__ for module in OPERATIONS}
            for module in (*OPERATIONS, math_ops, array_ops, nn_ops, tf, tf.math, tf.nn):  # One name is in several.
                for name, value in list(vars(module).items()):
                    if inspect.isfunction(value) and not name.startswith("_") and value.__module__ in generated:
                        self.replace(module, name, self._computes)

    def learns(self) -> bool:
        from tensorflow.python.eager import record

        return bool(record.could_possibly_record())

    def eager(self) -> bool:
        return bool(tf.executing_eagerly())

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        with tf.init_scope():
            yield

    def trains(self, model: Any, function: Callable) -> Callable:
        return lambda iterator: self.trained(model, next(iterator), lambda data: function(iter([data])))

    def tests(self, model: Any, function: Callable) -> Callable:
        def test(iterator: Any) -> Any:
            if model.steps_per_execution > 1:
                return function(iterator)
            return self.tested(model, next(iterator), lambda data: function(iter([data])))

        return test

    # A loss that the script's own loop computes of the network's outputs ---------------------------------------------

    working = False  # within an operation or a gradient of TensorFlow's own

    def gave(self, output: Any) -> None:
        for t in keras.tree.flatten(output):
            if isinstance(t, tf.Tensor) and tf.executing_eagerly():
                t._of_network = True

    def _computes(self, original: Callable) -> Callable:
        """An operation of TensorFlow's: data that meet the network's outputs are targets."""

        def compute(*arguments: Any, **named: Any) -> Any:
            step, busy = self.step, self.inside or self.evaluating or self.losing or self.working
            if step is None or busy or self.depth or not tf.executing_eagerly():
                return original(*arguments, **named)
            given = keras.tree.flatten((arguments, named))
            if not any(hasattr(a, "_of_network") for a in given):
                return original(*arguments, **named)
            size = len(step.inputs[0]) if step.inputs and step.inputs[0].ndim else 0

            def changed(value: Any) -> Any:
                data = isinstance(value, tf.Tensor | np.ndarray) and not hasattr(value, "_of_network")
                if not data or not len(value.shape) or value.shape[0] != size or value.dtype in (bool, tf.bool):
                    return value
                self.mark("loss")
                return self.data(value, step.targets, "targets")

            self.working = True
            try:
                result = original(*map(changed, arguments), **{k: changed(v) for k, v in named.items()})
            finally:
                self.working = False
            self.gave(result)
            return result

        return compute

    def _differentiates(self, original: Callable) -> Callable:
        def gradient(tape: Any, target: Any, sources: Any, *arguments: Any, **named: Any) -> Any:
            self.working = True
            try:
                result = original(tape, target, sources, *arguments, **named)
            finally:
                self.working = False
            step = self.step
            if step is None and any(isinstance(v, tf.Variable) for v in keras.tree.flatten(sources)):
                self.untold = "TensorFlow variables of its own, in no Keras layer, cannot be watched"
            if step is None or not tf.executing_eagerly():
                return result
            if not self.inside:
                self.mark("backward")
            step.loss = float(np.sum(ops.convert_to_numpy(ops.convert_to_tensor(target))))
            changed = self.differentiated(keras.tree.flatten(sources), keras.tree.flatten(result))
            return changed if isinstance(sources, list | tuple) else changed[0]

        return gradient
