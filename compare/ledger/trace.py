"""Recording a training: every step's loss, logits, gradients, optimizer slots and parameters, as plain arrays.

Two modes. *On its own* an implementation trains freely. *In step* it takes the parameters and the state of the
reference's trace before every step, so that each of its steps starts where the reference's did.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy import savez  # By name: foreign code may put something else in its place.

from compare.ledger.adapters import outputs
from compare.ledger.contract import Implementation, Layers
from impls import mlp_numpy
from shared.scenarios import Plan


@dataclass(frozen=True)
class Tensor:
    """One tensor in a flat vector of layers."""

    name: str  # "layer 1 W"
    start: int
    stop: int
    shape: tuple[int, ...]

    def place(self, flat_index: int) -> tuple[int, ...]:
        """The index within the tensor of an entry of its flat part."""
        return tuple(int(i) for i in np.unravel_index(flat_index, self.shape))


def layout(shapes: list[tuple], parts: tuple[str, ...] = ("W", "b", "g")) -> list[Tensor]:
    """The tensors of layers with these shapes, one after the other; layers count from 1."""
    return list(_layout(tuple(shapes), parts))


@lru_cache  # A training asks for the same one several times in every step.
def _layout(shapes: tuple[tuple, ...], parts: tuple[str, ...]) -> tuple[Tensor, ...]:
    tensors: list[Tensor] = []
    for number, layer in enumerate(shapes, 1):
        for part, shape in zip(parts, layer, strict=False):
            start = tensors[-1].stop if tensors else 0
            tensors.append(Tensor(f"layer {number} {part}", start, start + int(np.prod(shape)), shape))
    return tuple(tensors)


def flatten(layers: Layers) -> np.ndarray:
    """All entries of layers, one after the other."""
    return np.concatenate([a.ravel() for layer in layers for a in layer])


class _Rows:
    """Layers as they were step after step, a flat row each, written straight into an array that has room for all."""

    def __init__(self, name: str, shapes: list[tuple], steps: int):
        self.name, self.shapes, self.steps, self.count = name, shapes, steps, 0
        self.array = np.zeros(0)

    def append(self, layers: Layers) -> None:
        """The next row; ValueError if the layers do not have the shapes."""
        found = [tuple(np.shape(a) for a in layer) for layer in layers]
        if found != self.shapes:
            raise ValueError(f"{self.name} have the shapes {found}, expected {self.shapes}")
        row = flatten(layers)
        if not self.count:
            self.array = np.empty((self.steps, len(row)), row.dtype)
        elif row.dtype != self.array.dtype:  # Training that does not keep its precision is recorded in the wider one.
            self.array = self.array.astype(np.result_type(self.array, row))
        self.array[self.count] = row
        self.count += 1

    @property
    def rows(self) -> np.ndarray:
        """(steps, entries), or (0,) if there are none."""
        return self.array[: self.count] if self.count else np.zeros(0)


def unflatten(flat: np.ndarray, shapes: list[tuple]) -> Layers:
    """The layers of these shapes in a flat vector."""
    tensors = iter(layout(shapes))
    return [
        tuple(flat[t.start : t.stop].reshape(t.shape) for _, t in zip(layer, tensors, strict=False)) for layer in shapes
    ]


class Untaken(NamedTuple):
    """A number that was given to a model and is not what it has: only the first of a tensor is kept."""

    step: int
    tensor: str
    place: tuple[int, ...]
    given: float
    found: float


@dataclass(frozen=True, eq=False)
class Trace:
    """What one implementation did in one mode: T steps, P parameters."""

    losses: np.ndarray  # (T,), each before its update
    logits: np.ndarray  # (samples of all steps, O), before each update
    gradients: np.ndarray  # (T, P)
    params: np.ndarray  # (T, P), after each update
    states: dict[str, np.ndarray]  # each slot (T, P), and "running" (T, R), after each update
    outputs: np.ndarray  # (N, O), of the test set at the end
    predictions: np.ndarray  # of the test set at the end
    untaken: tuple[Untaken, ...] = ()  # what it did not take of what it was given before the first steps

    def __post_init__(self) -> None:
        for array in (self.losses, self.logits, self.gradients, self.params, *self.states.values()):
            array.setflags(write=False)  # An implementation that kept a reference's array as its own would change it.

    def save(self, path: Path) -> None:
        """Write one npz file, whole or not at all."""
        arrays: dict[str, Any] = {name: value for name, value in vars(self).items() if name != "states"}
        arrays["untaken"] = np.array(json.dumps(self.untaken))
        arrays |= {f"state {name}": value for name, value in self.states.items()}
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            savez(file, **arrays)
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> Trace:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        states = {name.removeprefix("state "): arrays.pop(name) for name in list(arrays) if name.startswith("state ")}
        missed = [Untaken(s, tensor, tuple(at), *pair) for s, tensor, at, *pair in json.loads(str(arrays["untaken"]))]
        return cls(states=states, **arrays | {"untaken": tuple(missed)})


def record(
    model: Implementation,
    plan: Plan,
    reference: Trace | None = None,
    whole: bool = True,
    slots: bool = True,
    read_back: int = 0,
) -> Trace:
    """Train `model` by the plan from its start and record it: on its own, or in step with the reference's trace.

    Without `whole` the losses and parameters are recorded alone, which is all that a training on its own is judged and
    drawn by; logits, gradients and states stay empty. Without `slots`, parameters alone are taken from the reference,
    and the optimizer's slots run on. What is set before as many steps as `read_back` says is read again, and has to be
    there to the bit.
    """
    config = mlp_numpy.Config(**plan.config)
    shapes, state_shapes = mlp_numpy.param_shapes(config), mlp_numpy.state_shapes(config)
    losses, logits, untaken, steps = [], [], list[Untaken](), len(plan.steps)
    gradients, params = _Rows("gradients", shapes, steps), _Rows("parameters", shapes, steps)
    states = {name: _Rows(name, layers, steps) for name, layers in state_shapes.items()}
    for step in range(steps):
        x, y = plan.batch(step)
        masks = plan.masks(step)
        given: tuple[Layers, dict[str, Any] | None] | None = None
        if step == 0:
            given = plan.params, initial_state(state_shapes)
        elif reference:
            slots_before = state_at(reference, step - 1, state_shapes) if slots else None
            given = unflatten(reference.params[step - 1], shapes), slots_before
        if given:
            model.set_params(given[0])
            if given[1]:
                model.set_state(given[1])
                untaken += _untaken(step, model, given[0], given[1]) if step < read_back else ()
        if whole:
            logits.append(_outputs(model, x, config.layer_sizes[-1]))
        loss, gradient = _step(model, x, y, masks, whole)
        losses.append(loss)
        if gradient is not None:
            gradients.append(gradient)
        params.append(model.params)
        state = model.state if whole else {}
        for name in state.keys() & states.keys():
            states[name].append(state[name])
    return Trace(
        np.array(losses),
        np.concatenate(logits) if logits else np.zeros((0, config.layer_sizes[-1])),
        gradients.rows,
        params.rows,
        {name: slot.rows for name, slot in states.items()},
        _outputs(model, plan.dataset.x_test, config.layer_sizes[-1]),
        model.predict(plan.dataset.x_test),
        tuple(untaken),
    )


def _untaken(step: int, model: Implementation, params: Layers, state: dict[str, Any]) -> Iterator[Untaken]:
    """What a model has other than what it was just given, in the precision that it keeps."""
    found, kept = model.params, model.state
    if kept["step"] != state["step"]:
        yield Untaken(step, "step count", (), float(state["step"]), float(kept["step"]))
    slots = [name for name in state if name != "step"]
    for name, given, has in (("weights", params, found), *((name, state[name], kept[name]) for name in slots)):
        parts = ("mean", "variance") if name == "running" else ("W", "b", "g")
        for number, (layer, other) in enumerate(zip(given, has, strict=True), 1):
            for part, a, b in zip(parts, layer, other, strict=False):
                wrong = np.argwhere(np.asarray(a).astype(b.dtype) != b)
                if len(wrong):
                    at = tuple(int(i) for i in wrong[0])
                    tensor = f"{name.replace('_', ' ')} of layer {number} {part}"
                    yield Untaken(step, tensor, at, float(a[at]), float(b[at]))


def _step(
    model: Implementation, x: np.ndarray, y: np.ndarray, masks: list | None, whole: bool
) -> tuple[float, Layers | None]:
    """Make one update; the loss before it and, with `whole`, the gradients of it.

    Somebody's own training step shows its gradients only while it runs: such a model has an `observed_step`.
    """
    if hasattr(model, "observed_step"):
        loss, gradients = model.observed_step(x, y, masks)
        return loss, gradients if whole else None
    gradients = model.gradients(x, y, masks)[1] if whole else None
    return model.train_step(x, y, masks), gradients


def _outputs(model: Implementation, x: np.ndarray, units: int) -> np.ndarray:
    z = outputs(model, x)
    if z.shape != (len(x), units):
        raise ValueError(f"forward gives the shape {z.shape}, expected {(len(x), units)}")
    return z


def initial_state(state_shapes: dict[str, list[tuple]]) -> dict[str, Any]:
    """The state before any step: slots of 0, running means of 0 and variances of 1."""
    slots = {
        name: [tuple(np.zeros(shape) for shape in layer) for layer in shapes] for name, shapes in state_shapes.items()
    }
    if "running" in slots:
        slots["running"] = [(mean, variance + 1) for mean, variance in slots["running"]]
    return {"step": 0, **slots}


def state_at(trace: Trace, step: int, state_shapes: dict[str, list[tuple]]) -> dict[str, Any]:
    """The state after a step of a trace, as an implementation takes it."""
    return {
        "step": step + 1,
        **{name: unflatten(values[step], state_shapes[name]) for name, values in trace.states.items()},
    }


@dataclass(frozen=True, eq=False)
class Amplification:
    """By how much training makes more of a small change of the weights, relative to the largest weight."""

    losses: np.ndarray  # (T,): largest |change of a loss| so far, for a change of the weights by 1, then or before
    params: np.ndarray  # (T,): the same of a parameter
    outputs: float  # the same of an output for the test set, at the end


def amplification(build: Callable[[Layers], Implementation], plan: Plan, copies: int = 2) -> Amplification:
    """How far training takes changes of the weights by up to 1e-9 of the largest, drawn at random for each copy.

    Rounding happens in every step, and training may forget what the first ones left. So a change is made before the
    first step, in a copy that trains beside, and anew where a number is computed: for a loss to first order, by its
    gradient. The figures never fall with the steps: what has once grown by so much can grow so again.
    """
    random = np.random.default_rng(plan.scenario.seed)
    start, shapes = flatten(plan.params), [tuple(np.shape(a) for a in layer) for layer in plan.params]
    size = 1e-9 * np.abs(start).max()
    changes = [size * random.uniform(-1, 1, start.shape) for _ in range(copies)]
    base, *others = [build(unflatten(start + change, shapes)) for change in (0.0, *changes)]
    anew, now = build(plan.params), start
    losses, params = np.zeros(len(plan.steps)), np.zeros(len(plan.steps))
    for step in range(len(plan.steps)):
        batch = (*plan.batch(step), plan.masks(step))
        anew.set_params(unflatten(now, shapes))
        gradient = flatten(anew.gradients(*batch)[1])
        loss, now = base.train_step(*batch), flatten(base.params)
        for model, change in zip(others, changes, strict=True):
            moved = max(abs(model.train_step(*batch) - loss), abs(float(gradient @ change)))
            losses[step] = max(losses[step], moved / size)
            params[step] = max(params[step], float(np.abs(flatten(model.params) - now).max()) / size)
    x = plan.dataset.x_test
    right, moved_outputs = outputs(base, x), [outputs(model, x) for model in others]
    for change in changes:
        base.set_params(unflatten(now + change, shapes))
        moved_outputs.append(outputs(base, x))
    last = max(float(np.abs(z - right).max()) for z in moved_outputs) / size
    return Amplification(np.maximum.accumulate(losses), np.maximum.accumulate(np.maximum(params, 1.0)), last)
