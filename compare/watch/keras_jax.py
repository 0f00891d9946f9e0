"""What of watching a Keras script concerns JAX: the weights are handed in and out of a step that keeps none itself.

As it stands a script keeps its compiled step, and its weights to the bit. Driven, the step runs as it is written,
without jax.jit, so that its numbers can be seen: compiled ones may be added in another order, which is rounding.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.backend.jax.trainer import JAXTrainer

from compare.watch.keras import KerasWatcher


class JaxWatcher(KerasWatcher):
    """One run of a Keras script on JAX, by Keras' own trainer."""

    trainer = JAXTrainer
    untold = "on JAX a training loop of its own cannot be watched, but compile and fit, or train_on_batch"
    met = False  # whether the layers of the network are known

    def set_up(self) -> None:
        self.wide = bool(jax.config.values["jax_enable_x64"])
        if self.drive:
            jax.config.update("jax_enable_x64", self.drive.dtype == "float64")

    def set_back(self) -> None:
        jax.config.update("jax_enable_x64", self.wide)

    def watch(self) -> None:
        super().watch()
        self.replace(jax, "value_and_grad", self._differentiates)
        self.replace(jax, "grad", self._differentiates)

    def building(self) -> bool:
        return super().building() and not self.inside

    def learns(self) -> bool:
        return False  # A loop of the script's own has no weights that could be seen.

    def eager(self) -> bool:
        return self.drive is not None

    def array(self, t: Any) -> np.ndarray:
        while isinstance(t, jax.core.Tracer):  # Of a gradient that is taken step by step, with its numbers.
            t = t.primal  # type: ignore[attr-defined]
        return np.array(t)

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        kept = global_state.get_global_attribute("stateless_scope")
        global_state.set_global_attribute("stateless_scope", None)
        try:
            yield
        finally:
            global_state.set_global_attribute("stateless_scope", kept)

    def _makes_training(self, original: Callable) -> Callable:
        make = super()._makes_training(original)

        def made(model: Any, force: bool = False) -> None:
            if self.drive:
                model.run_eagerly = True
            make(model, force)

        return made

    def trains(self, model: Any, function: Callable) -> Callable:
        def train(state: Any, iterator: Any) -> Any:
            results = [state]

            def run(data: Any) -> Any:
                logs, results[0] = function(_state(model), iter([data]))
                _keep(model, results[0])
                return logs

            _keep(model, state)
            data = next(iterator)
            if self.drive and not self.met:
                self._meet(model, data)
            return self.trained(model, data, run), results[0]

        return train

    def tests(self, model: Any, function: Callable) -> Callable:
        def test(state: Any, iterator: Any) -> Any:
            results = [state]

            def run(data: Any) -> Any:
                logs, results[0] = function(state, iter([data]))
                return logs

            return self.tested(model, next(iterator), run), results[0]

        return test

    def _meet(self, model: Any, data: Any) -> None:
        """Pass a batch through the network, so that its parameters are known before the step has its own of them."""
        self.met, self.model = True, model
        self.open()
        self.inside = True
        try:
            with self.outside():
                model(keras.utils.unpack_x_y_sample_weight(data)[0], training=False)
        finally:
            self.inside = False
        self.step, self.recording.ops = None, []

    def _differentiates(self, original: Callable) -> Callable:
        """What makes a function that gives gradients: it shows them."""

        def make(function: Callable, *arguments: Any, **named: Any) -> Callable:
            made = original(function, *arguments, **named)

            @functools.wraps(function)
            def differentiate(weights: Any, *others: Any, **options: Any) -> Any:
                result = made(weights, *others, **options)
                model = self.model
                known = self.inside and self.drive and isinstance(weights, list | tuple)
                if not known or len(weights) != len(model.trainable_variables):
                    return result
                pair = isinstance(result, tuple) and len(result) == 2
                gradients = result[1] if pair else result
                if pair and self.step is not None:
                    value = result[0][0] if isinstance(result[0], tuple) else result[0]
                    self.step.loss = float(np.sum(self.array(value)))
                changed = self.differentiated(model.trainable_variables, list(gradients))
                return (result[0], changed) if pair else changed

            return differentiate

        return make


def _keep(model: Any, state: Any) -> None:
    """Let a model's variables have what a step was handed or has given, where they can be read and changed."""
    for variables, values in zip(_variables(model), state, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable._value = value


def _state(model: Any) -> Any:
    """The values of a model's variables, as a step is handed them."""
    return tuple([variable._value for variable in variables] for variables in _variables(model))


def _variables(model: Any) -> tuple[list, list, list, list]:
    return (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
