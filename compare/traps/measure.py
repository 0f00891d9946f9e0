"""Holding a candidate's trace against what the reference does with traps in it, phase by phase.

A step has the phases forward, loss, gradient and update. They are told apart where every step begins from the same
weights on both sides: *in step* the candidate was put on the reference's weights and slots; where its slots cannot be
set, the reference is put on the candidate's weights before every step instead, *following* it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from compare.ledger.parity import GATE, PHASES, Gap
from compare.ledger.rounding import UNIT
from compare.ledger.trace import Trace, layout, unflatten
from compare.traps.catalogue import Hypothesis, build, record_trapped
from compare.traps.scenarios import Case, shortened
from impls import mlp_numpy
from shared.scenarios import Plan

Causes = tuple[Hypothesis, ...]
Place = tuple[int, int, int]  # a phase, a step and a column: the order in which differences are explained
FORWARD, LOSS, GRADIENT, UPDATE, OUTCOME = range(len(PHASES))
NEVER: Place = (len(PHASES), 0, 0)  # after all others
# What training raises where two traps do not go together, or numbers become what a step refuses.
BROKEN = (ArithmeticError, ValueError, IndexError, TypeError, KeyError, AttributeError)
_PART_PHASES = {"logits": FORWARD, "losses": LOSS, "gradients": GRADIENT}


class Table:
    """The tensors of a trace, one column each in the order in which a step computes them; a row for each step."""

    def __init__(self, plan: Plan):
        config = mlp_numpy.Config(**plan.config)
        self.starts = np.cumsum([0, *(len(step) for step in plan.steps[:-1])])  # of the steps' rows of logits
        params, states = mlp_numpy.param_shapes(config), mlp_numpy.state_shapes(config)
        layers = {"gradients": params, **{f"state {name}": states[name] for name in states}, "params": params}
        parts = {name: ("mean", "variance") if name == "state running" else ("W", "b", "g") for name in layers}
        self.tensors = {name: layout(given, parts[name]) for name, given in layers.items()}
        samples = sum(len(step) for step in plan.steps)
        self.shapes: dict[str, tuple[int, ...]] = {
            "logits": (samples, config.layer_sizes[-1]),
            "losses": (len(plan.steps),),
            **{name: (len(plan.steps), found[-1].stop) for name, found in self.tensors.items()},
        }
        self.names, self.phases = ["logits", "loss"], [FORWARD, LOSS]
        for name, found in self.tensors.items():
            word = {"gradients": "gradient", "params": "weights"}.get(name, name.removeprefix("state "))
            self.names += [f"{word.replace('_', ' ')} of {tensor.name}" for tensor in found]
            self.phases += [_PART_PHASES.get(name, UPDATE)] * len(found)

    @property
    def part_phases(self) -> dict[str, int]:
        """The phase of every part of a trace."""
        return {name: _PART_PHASES.get(name, UPDATE) for name in self.shapes}

    def part(self, trace: Trace, name: str) -> np.ndarray | None:
        """One array of a trace; None for what was not recorded, which is empty or all NaN."""
        state = name.removeprefix("state ")
        values = trace.states.get(state) if state != name else getattr(trace, name)
        always = name in ("logits", "losses")
        if values is None or values.shape != self.shapes[name] or (np.isnan(values).all() and not always):
            return None
        return values

    def by_tensor(self, name: str, values: np.ndarray) -> np.ndarray:
        """The largest entry of every tensor of a part at every step, (T, tensors of the part)."""
        if name == "logits":
            return np.maximum.reduceat(values.max(axis=1), self.starts)[:, None]
        if name == "losses":
            return values[:, None]
        return np.maximum.reduceat(values, [tensor.start for tensor in self.tensors[name]], axis=1)

    def spread(self, name: str, by_tensor: np.ndarray) -> np.ndarray:
        """The reverse: for every entry of a part the number of its tensor."""
        if name == "logits":
            rows = np.diff([*self.starts, self.shapes["logits"][0]])
            return np.repeat(by_tensor, rows, axis=0) * np.ones(self.shapes["logits"][1])
        if name == "losses":
            return by_tensor[:, 0]
        return np.repeat(by_tensor, [tensor.stop - tensor.start for tensor in self.tensors[name]], axis=1)

    def size(self, trace: Trace, name: str) -> np.ndarray:
        """The largest |entry| of every tensor of a part at every step; 0 for what was not recorded."""
        values = self.part(trace, name)
        if values is None:
            values = np.zeros(self.shapes[name])
        return self.by_tensor(name, np.nan_to_num(np.abs(values)))

    def distance(self, a: Trace, b: Trace, name: str) -> np.ndarray:
        """|a - b| of every entry of a part; 0 for what one of them did not record.

        A slot that is NaN is one that does not exist, as of a parameter that an optimizer does not have.
        """
        left, right = self.part(a, name), self.part(b, name)
        if left is None or right is None:
            return np.zeros(self.shapes[name])
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.abs(np.asarray(left, float) - right)
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        if name.startswith("state "):
            same |= np.isnan(left) | np.isnan(right)
        return np.where(same, 0.0, np.where(np.isfinite(distance), distance, np.inf))


class Measure:
    """A candidate's trace over the first steps of a plan, and what the reference does there with traps in it.

    `mode` is "in step", "following" or "on its own".
    """

    def __init__(self, case: Case, candidate: Trace, mode: str, dtype: str, steps: int):
        self.case, self.mode, self.dtype, self.steps = case, mode, dtype, steps
        self.plan = shortened(case.plan, steps)
        self._last: tuple[tuple, Trace | None] = ((), None)  # what was trained last, which is often asked for again
        self._kept: Causes = ()  # so that no other hypothesis has the identity of one of these
        self.table = Table(self.plan)
        candidate = without_missing_slots(self.case.plan, candidate)
        self.reference, self.candidate = (_first_steps(trace, self.plan) for trace in (case.reference, candidate))
        self.shown = frozenset(name for name in self.table.shapes if self.table.part(self.candidate, name) is not None)

    @cached_property
    def clean(self) -> Trace:
        """The reference without a trap, trained as `train` does it."""
        if self.mode == "following":
            return self.train(()) or self.reference
        return self.reference

    @cached_property
    def errors(self) -> dict[str, np.ndarray]:
        """What rounding can do to every entry."""
        errors = [self.case.ruler.errors(step, self.dtype) for step in range(self.steps)]
        return {
            "logits": np.concatenate([e.logits for e in errors]),
            "losses": np.array([e.loss for e in errors]),
            "gradients": np.array([e.gradients for e in errors]),
            **{f"state {name}": np.array([e.states[name] for e in errors]) for name in errors[0].states},
            "params": np.array([e.params for e in errors]),
        }

    @cached_property
    def growth(self) -> np.ndarray:
        """What a step leaves is carried on: (T, 1) factors, and on its own it is amplified besides."""
        steps = np.arange(self.steps)
        if self.mode == "on its own":
            return (1 + steps * self.case.ruler.amplification.params[: self.steps])[:, None]
        return (1 + steps if self.mode == "following" else np.ones(self.steps))[:, None]

    def train(self, causes: Causes, whole: bool = False) -> Trace | None:
        """The reference with these traps; None where they break it. Without `whole`, what the candidate recorded."""
        whole = whole or "logits" in self.shown
        given, trace = self._last
        if given != (whole, *map(id, causes)):
            trace = self._train(causes, whole)
            self._last, self._kept = ((whole, *map(id, causes)), trace), causes
        return trace

    def _train(self, causes: Causes, whole: bool) -> Trace | None:
        start = {"in step": self.reference, "following": self.candidate}.get(self.mode)
        try:
            return record_trapped(causes, self.plan, "float64", start, whole, slots=self.mode != "following")
        except BROKEN:
            return None

    def used(self, trace: Trace, other: Trace) -> np.ndarray:
        """The share of its bound that the distance of every tensor takes at every step, (T, K).

        An entry that the traps leave where it is has the bound of its own rounding. For one that they move, nobody has
        derived that: it has the largest of its tensor. Both grow with the numbers.
        """
        columns = []
        for name in self.table.shapes:
            size, given = self.table.size(trace, name), self.table.size(self.clean, name)
            if name not in self.shown:
                columns.append(np.zeros(size.shape))
                continue
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                more = np.where((given > 0) & (size > given), size / given, 1.0)
                own = self.errors[name]
                largest = self.table.by_tensor(name, own)
                allowed = self.table.spread(name, (GATE[self.dtype] * np.maximum(size, given) * self.growth))
                bound = self.table.spread(name, 2 * largest * more * self.growth)
                if GATE[self.dtype] == 0 and self.mode != "on its own":
                    still = self.table.distance(trace, self.clean, name) <= 2 * own
                    bound = np.where(still, self.table.spread(name, 2 * more * self.growth) * own, bound)
                distance = self.table.distance(trace, other, name)
                used = np.where(distance > 0, distance / (allowed + bound), 0.0)
            columns.append(self.table.by_tensor(name, np.where(np.isnan(used), np.inf, used)))
        return np.concatenate(columns, axis=1)

    def place(self, trace: Trace, other: Trace, ignored: frozenset[int] = frozenset()) -> Place:
        """The first place in which two traces differ, but for the phases in `ignored`; NEVER if they agree."""
        differing = self.used(trace, other) > 1
        phases = np.array(self.table.phases)
        for phase in sorted(set(self.table.phases) - ignored):
            found = np.argwhere(differing & (phases == phase))
            if len(found):
                step, column = found[0].tolist()
                return phase, step, column
        return NEVER

    def moved(self, trace: Trace, ignored: frozenset[int] = frozenset()) -> Place:
        """The first place, among those that the candidate shows, in which a trace differs from the clean one."""
        states = {
            name: np.where(np.isnan(self.candidate.states[name]), np.nan, values)
            if self.table.part(self.candidate, f"state {name}") is not None
            else values
            for name, values in trace.states.items()
        }
        return self.place(self.clean, replace(trace, states=states), ignored)

    def left(self, trace: Trace) -> tuple[float, float]:
        """The largest relative difference of the candidate from a trace, and the largest share of a bound."""
        worst = 0.0
        for name in self.shown:
            size = self.table.size(trace, name)
            distance = self.table.by_tensor(name, self.table.distance(trace, self.candidate, name))
            relative = np.where(size > 1e-9 * size.max(initial=0.0), distance / np.maximum(size, 1e-300), 0.0)
            worst = max(worst, float(relative.max()))
        return worst, float(self.used(trace, self.candidate).max())

    def gap(self, trace: Trace, place: Place) -> Gap:
        """The place as the ledger tells one, with the trace's number and the candidate's."""
        phase, step, column = place
        tensor = self.table.names[column]
        a, b = (self.tensor(t, tensor, step) for t in (trace, self.candidate))
        with np.errstate(all="ignore"):
            distance = np.nan_to_num(np.abs(a - b), nan=np.inf)
        index = np.unravel_index(int(distance.argmax()), distance.shape)
        scale = float(np.abs(a).max()) or 1.0
        used = float(self.used(trace, self.candidate)[step, column])
        place_in = tuple(int(i) for i in index)
        return Gap(
            PHASES[phase], tensor, step, float(distance.max()) / scale, used, place_in, float(a[index]), float(b[index])
        )

    def tensor(self, trace: Trace, name: str, step: int) -> np.ndarray:
        """One tensor of a step by its name, as "logits" or "gradient of layer 1 W"."""
        if name == "logits":
            start = int(self.table.starts[step])
            return trace.logits[start : start + len(self.plan.steps[step])]
        if name == "loss":
            return np.asarray(trace.losses[step : step + 1], float)
        kind, _, wanted = name.partition(" of ")
        part = {"gradient": "gradients", "weights": "params"}.get(kind, f"state {kind.replace(' ', '_')}")
        values = self.table.part(trace, part)
        found = next(tensor for tensor in self.table.tensors[part] if tensor.name == wanted)
        if values is None:
            return np.full(found.shape, np.nan)
        return values[step, found.start : found.stop].reshape(found.shape)

    def before(self, trace: Trace, step: int) -> np.ndarray:
        """The weights from which a step of a trace began."""
        if step == 0:
            return np.concatenate([a.ravel() for layer in self.plan.params for a in layer])
        start = {"in step": self.reference, "following": self.candidate}.get(self.mode, trace)
        return start.params[step - 1]

    def outputs_in_training(self, causes: Causes, step: int) -> np.ndarray:
        """What the loss of a step is computed from in the reference with these traps, (B, O)."""
        shapes = mlp_numpy.param_shapes(mlp_numpy.Config(**self.plan.config))
        model: Any = build(causes, self.plan, "float64", unflatten(self.before(self.candidate, step), shapes))
        x, _ = self.plan.batch(step)
        return model._forward(x, training=True, masks=self.plan.masks(step))[0]

    @property
    def rounding_of_weights(self) -> float:
        """The unit roundoff, on a difference of weights."""
        return UNIT[self.dtype]


def without_missing_slots(plan: Plan, trace: Trace) -> Trace:
    """A trace with NaN in the place of slots that are 0 in every step: the optimizer has none of such a parameter."""
    table, states = Table(plan), dict(trace.states)
    for name in states:
        if name == "running" or states[name].shape != table.shapes[f"state {name}"]:
            continue
        missing = np.concatenate(
            [
                np.full(tensor.stop - tensor.start, not states[name][:, tensor.start : tensor.stop].any())
                for tensor in table.tensors[f"state {name}"]
            ]
        )
        if missing.any():
            states[name] = np.where(missing, np.nan, states[name])
    return Trace(trace.losses, trace.logits, trace.gradients, trace.params, states, trace.outputs, trace.predictions)


def _first_steps(trace: Trace, plan: Plan) -> Trace:
    steps, rows = len(plan.steps), sum(len(step) for step in plan.steps)
    return Trace(
        trace.losses[:steps],
        trace.logits[:rows],
        trace.gradients[:steps],
        trace.params[:steps],
        {name: values[:steps] for name, values in trace.states.items()},
        trace.outputs,
        trace.predictions,
    )
