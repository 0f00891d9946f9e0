"""What of watching a Keras script concerns TensorFlow: functions that are compiled, and the GradientTape."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer

from compare.watch.keras import KerasWatcher


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
            changed = self.differentiated(keras.tree.flatten(sources), keras.tree.flatten(result))
            return changed if isinstance(sources, list | tuple) else changed[0]

        return gradient
