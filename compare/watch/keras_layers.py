"""The layers of a Keras network, watched: which there are, what each keeps and, when driven, takes and gives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.losses.loss import Loss

from compare.watch.keras_layout import RECURRENT, Handle, about, function_name, handles, is_leaf, options
from compare.watch.recording import Line, Op, Parameter, Step
from compare.watch.watcher import Watcher

Layer = keras.layers.Layer


class LayerWatcher(Watcher):
    """What of a Keras run concerns its layers, on any backend."""

    framework = "keras"
    handles: list[Handle]
    known: dict[int, list[int]]  # id of a variable -> numbers of its handles
    made_at: dict[int, Line | None]
    at_start: dict[int, np.ndarray]  # id of a variable -> its value before the first step, where it was read then
    model: Any = None  # the one that is trained
    inside = False  # of a function of Keras' own trainer that makes a step
    evaluating = False
    depth = 0  # of layers' calls
    count = 0  # ops of the step at hand
    masks = 0
    _known_inside = False  # within a layer whose inside is its own affair

    # What the backends do each in its own way ------------------------------------------------------------------------

    def building(self) -> bool:
        """Whether a layer is called only to be built."""
        return bool(in_stateless_scope())

    def learns(self) -> bool:
        """Whether what is computed now is such that a gradient can be taken of it."""
        raise NotImplementedError

    def array(self, t: Any) -> np.ndarray:
        """The numbers of what a layer takes or gives in a driven step."""
        return np.array(ops.convert_to_numpy(t))

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Where the value of a variable can be read, also while a function is traced."""
        yield

    def gave(self, output: Any) -> None:
        """A model that the script's own loop has called has given this."""

    def open(self) -> Step:
        """The step at hand, or a new one."""
        raise NotImplementedError

    def data(self, value: Any, kept: list, which: str) -> Any:
        """Keep an array of data, and give what is to be taken in its place."""
        raise NotImplementedError

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
                    with self.outside():
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
            if symbolic or self.evaluating or self.building():
                return original(layer, *arguments, **named)
            if self.depth == 0 and self.inside and isinstance(layer, keras.Model):
                self.count = 0  # A function may be traced more than once.
            if self.depth == 0 and not self.inside:
                if isinstance(layer, Loss | keras.metrics.Metric) or not self._training(layer, named):
                    return self._passes(original, layer, arguments, named)
                arguments = self._enters(layer, arguments)
            self.depth += 1
            try:
                own = self.step is None or not is_leaf(layer) or self._known_inside
                output = original(layer, *arguments, **named) if own else self._leaf(original, layer, arguments, named)
            finally:
                self.depth -= 1
            if self.depth == 0 and not self.inside:
                self.gave(output)
            return output

        return call

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

    def _training(self, layer: Any, named: dict) -> bool:
        """Whether a model's call by the script's own loop is one that a gradient is taken of."""
        return named.get("training") is not False and self.learns() and isinstance(layer, keras.Model)

    def _enters(self, layer: Any, arguments: tuple) -> tuple:
        """A model that is called by the script's own loop."""
        if self.model is None:
            self.model = layer
            self.mark("model")
        if layer is not self.model:
            return arguments
        step = self.open()
        if step.inputs:  # A pass before this one had no update.
            step.inputs, step.targets, step.values, self.count = [], [], {}, 0
        flat = [self.data(a, step.inputs, "inputs") for a in keras.tree.flatten(arguments)]
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
            step.values[number] = (self.array(first), self.array(z))
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
