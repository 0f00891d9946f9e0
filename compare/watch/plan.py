"""A watched script as a plan for the reference, and what it did on the reference's weights as a trace."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from compare.candidates.plans import TASKS
from compare.ledger.trace import Trace, flatten
from compare.traps.catalogue.trap import template
from compare.watch.plan_loss import Inexpressible, targets_of
from compare.watch.plan_network import Network
from compare.watch.recording import Arrays, Drive, Given, Recording, Step
from impls import mlp_numpy
from shared.datasets import Dataset
from shared.scenarios import Plan, Scenario

WHERE = {"forward": "model", "loss": "loss", "gradient": "backward", "update": "step"}  # a phase's line in a recording


@dataclass(frozen=True, eq=False)
class ScriptPlan(Plan):
    """A script's training, with the dropout masks that it is driven with."""

    drive: Drive

    def masks(self, step: int) -> list[np.ndarray] | None:
        """The masks of a step, (B, H) for each hidden layer; None without dropout."""
        rates = mlp_numpy.Config(**self.config).by_layer("dropout")
        if not any(rates):
            return None
        samples, numbers = len(self.steps[step]), itertools.count()
        return [
            self.drive.mask(step, next(numbers), (samples, h), p) / (1 - p) if p else np.ones((samples, h))
            for h, p in zip(self.scenario.hidden, rates, strict=True)
        ]


def planned(r: Recording, order: Sequence[tuple[int, ...]], fields: dict[str, Any]) -> Plan:
    """The reference's training of a network with these options, on the batches and from the weights of a script."""
    fields = {"seed": 0, **fields}
    first, sizes, loss = r.steps[0], fields["layer_sizes"], fields["loss"]
    params = layers_of([p.initial for p in r.parameters], order)
    if any(len(s.inputs) != 1 or not s.targets for s in r.steps):
        raise Inexpressible("not every step has one array of inputs and one of targets that show")
    x = [np.reshape(s.inputs[0], (len(s.inputs[0]), -1)).astype(float) for s in r.steps]
    y = [targets_of(np.asarray(s.targets[0]), loss, sizes[-1]) for s in r.steps]
    if x[0].shape[1] != sizes[0] or any(len(a) != len(b) for a, b in zip(x, y, strict=True)):
        raise Inexpressible(f"inputs {np.shape(first.inputs[0])} and targets {np.shape(first.targets[0])}")
    ends = np.cumsum([0, *map(len, x)])
    classes = tuple(map(str, range(max(sizes[-1], 2)))) if loss in TASKS else ()
    data = Dataset(
        f"the batches of {r.script}", TASKS.get(loss, "regression"), np.concatenate(x), np.concatenate(y), x[-1], y[-1],
        classes, tuple(f"x{i + 1}" for i in range(sizes[0])), "as the script has them", "as the script has it", "", "",
    )  # fmt: skip
    options = {key: value for key, value in fields.items() if key not in ("layer_sizes", "seed")}
    scenario = Scenario(r.script, "a script of your own", data.name, sizes[1:-1], options, batch_size=len(x[0]))
    steps = [np.arange(a, b) for a, b in pairwise(ends)]
    try:
        mlp_numpy.Config(**fields)
        for batch in zip(x, y, strict=True):
            mlp_numpy.check_data(mlp_numpy.Config(**fields), *batch)
    except ValueError as error:
        raise Inexpressible(str(error)) from None
    return ScriptPlan(scenario, data, fields, params, steps, drive_of(r))


def layers_of(values: Sequence[np.ndarray | None], order: Sequence[tuple[int, ...]]) -> list[tuple[np.ndarray, ...]]:
    """Every layer's kernel (in, out), bias (out,) and, if it has one, scale (out,), from all parameters' values."""
    return [
        (np.asarray(values[W], float), *(np.ravel(np.asarray(values[p], float)) for p in rest)) for W, *rest in order
    ]


def drive_of(r: Recording) -> Drive:
    """The script in float64 on its own batches, from its own first weights; then its weights and slots run on."""
    before: Arrays = [np.asarray(p.initial, float) for p in r.parameters]
    return Drive([Given([] if n else before, [*step.inputs], [*step.targets]) for n, step in enumerate(r.steps)])


def trace_of(driven: Recording, plan: Plan, reference: Trace, network: Network) -> tuple[Trace, frozenset[str]]:
    """What the driven script did as a trace, and what it does not show: the slots, and what was not recorded.

    A script's pass in training is no evaluation where it drops or normalises: there the logits, as the outputs at the
    end everywhere, are those that the reference has with its weights, running statistics and epsilon.
    """
    order = network.order

    def rows(values: list[list], kept: np.ndarray) -> np.ndarray:
        if any(len(v) <= max(max(layer) for layer in order) or any(v[p] is None for layer in order for p in layer)
               for v in values):  # fmt: skip
            return np.full_like(kept, np.nan)
        return np.array([flatten([tuple(np.asarray(v[p]) for p in layer) for layer in order]) for v in values])

    def outputs(step: Step) -> np.ndarray:
        z = np.asarray(step.values[network.last][1])
        return z.reshape(len(z), -1)

    own: Any = template()
    for norm in network.norms:
        own.NORM_EPSILON = norm.epsilon
    model = own.MLP(own.Config(**plan.config | {"dtype": "float64"}))
    befores = [s.before for s in driven.steps]

    def model_after(steps: int) -> Any:
        after = [*befores, driven.steps[-1].after][steps]
        model.set_params(layers_of(after, order))
        if network.norms:
            model.running = network.running(befores[:steps], after)
        return model

    logits = np.full_like(reference.logits, np.nan)
    if network.fields.get("dropout") or network.norms:
        if all(befores):
            logits = np.concatenate([model_after(n).forward(plan.batch(n)[0]) for n in range(len(befores))])
    elif all(network.last in s.values for s in driven.steps):
        found = np.concatenate([outputs(s) for s in driven.steps])
        logits = found if found.shape == logits.shape else logits
    gradients = rows([s.gradients for s in driven.steps], reference.gradients)
    hidden = {name.replace("_", " ") for name in reference.states}
    hidden |= {name for name, a in (("logits", logits), ("gradient", gradients)) if np.isnan(a).all()}
    params = rows([s.after for s in driven.steps], reference.params)
    last = model_after(len(befores))
    trace = Trace(
        np.array([s.loss for s in driven.steps], float), logits, gradients, params,
        {name: np.full_like(a, np.nan) for name, a in reference.states.items()},
        last.forward(plan.dataset.x_test), last.predict(plan.dataset.x_test),  # Of the weights that it ends with.
    )  # fmt: skip
    return trace, frozenset(hidden)
