"""A watched script as a plan for the reference, and what it did on the reference's weights as a trace."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from compare.candidates.infer import alike
from compare.candidates.plans import TASKS
from compare.ledger.trace import Trace, flatten, unflatten
from compare.watch.plan_loss import PLAIN, Inexpressible, key, loss_of, named, targets_of
from compare.watch.recording import Arrays, Drive, Given, Recording, Step
from impls import mlp_numpy
from shared.datasets import Dataset
from shared.scenarios import Plan, Scenario

DENSE = {"linear", "matmul", "mm"}  # the products that a layer with a kernel and a bias may be
WHERE = {"forward": "model", "loss": "loss", "gradient": "backward", "update": "step"}  # a phase's line in a recording


def planned(r: Recording, order: list[tuple[int, int]], fields: dict[str, Any]) -> Plan:
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
    return Plan(scenario, data, fields, params, steps)


def layers_of(values: Sequence[np.ndarray | None], order: list[tuple[int, int]]) -> list[tuple[np.ndarray, ...]]:
    """Every layer's kernel (in, out) and bias (out,) in float64, from the values of all parameters."""
    return [(np.asarray(values[W], float), np.ravel(np.asarray(values[b], float))) for W, b in order]


def network_of(r: Recording, driven: Recording) -> tuple[list[tuple[int, int]], dict[str, Any], int]:
    """The numbers of every layer's kernel and bias, the Config's fields of the network and its loss, and which of the
    arrays of targets that loss takes.

    A loss that is written out is told by its values when the script was driven.
    """
    order, fields = layers_and_activations(r)
    loss, place = loss_of(r, driven, _dense(r)[-1])
    return order, fields | {"loss": loss}, place


def layers_and_activations(r: Recording) -> tuple[list[tuple[int, int]], dict[str, Any]]:
    """The numbers of every layer's kernel and bias, and the Config's fields of the network."""
    if r.steps[0].parts > 1:
        raise Inexpressible(f"each update of {r.script} is made of several gradients")
    dense = _dense(r)
    if not dense:
        raise Inexpressible(f"no dense layer of {r.script} shows")
    order = _parameters(r, dense)
    kernels = [r.parameters[kernel].shape for kernel, _ in order]
    sizes = (kernels[0][0], *(shape[1] for shape in kernels))
    return order, {"layer_sizes": sizes, **_activation(r, dense)}


def drive_of(r: Recording) -> Drive:
    """The script in float64 on its own batches, from its own first weights; then its weights and slots run on."""
    before: Arrays = [np.asarray(p.initial, float) for p in r.parameters]
    return Drive([Given([] if n else before, [*step.inputs], [*step.targets]) for n, step in enumerate(r.steps)])


def trace_of(driven: Recording, plan: Plan, reference: Trace) -> tuple[Trace, frozenset[str]]:
    """What the driven script did as a trace, and what it does not show: the slots, and what was not recorded."""
    dense = _dense(driven)
    order = _parameters(driven, dense)

    def rows(values: list[list], kept: np.ndarray) -> np.ndarray:
        if any(len(v) <= max(max(layer) for layer in order) or any(v[p] is None for layer in order for p in layer)
               for v in values):  # fmt: skip
            return np.full_like(kept, np.nan)
        return np.array([flatten([tuple(np.asarray(v[p]) for p in layer) for layer in order]) for v in values])

    def outputs(step: Step) -> np.ndarray:
        z = np.asarray(step.values[dense[-1]][1])
        return z.reshape(len(z), -1)

    logits = np.full_like(reference.logits, np.nan)
    if all(dense[-1] in s.values for s in driven.steps):
        found = np.concatenate([outputs(s) for s in driven.steps])
        logits = found if found.shape == logits.shape else logits
    gradients = rows([s.gradients for s in driven.steps], reference.gradients)
    hidden = {name.replace("_", " ") for name in reference.states}
    hidden |= {name for name, a in (("logits", logits), ("gradient", gradients)) if np.isnan(a).all()}
    params = rows([s.after for s in driven.steps], reference.params)
    config = mlp_numpy.Config(**plan.config | {"dtype": "float64"})
    last = mlp_numpy.MLP(config, unflatten(params[-1], mlp_numpy.param_shapes(config)))
    trace = Trace(
        np.array([s.loss for s in driven.steps], float), logits, gradients, params,
        {name: np.full_like(a, np.nan) for name, a in reference.states.items()},
        last.forward(plan.dataset.x_test), last.predict(plan.dataset.x_test),  # Of the weights that it ends with.
    )  # fmt: skip
    return trace, frozenset(hidden)


def _dense(r: Recording) -> list[int]:
    """The numbers of the operations that are dense layers."""
    return [n for n, op in enumerate(r.ops) if op.parameters and key(op) in DENSE]


def _parameters(r: Recording, dense: list[int]) -> list[tuple[int, int]]:
    """For every dense layer the numbers of its kernel and its bias."""
    if other := next((op for op in r.ops if op.parameters and key(op) not in DENSE), None):
        raise Inexpressible(f"{named(other)} is no dense layer")
    order = []
    for n in dense:
        op = r.ops[n]
        kinds = {r.parameters[p].role: p for p in op.parameters}
        kernel = kinds.get("kernel", kinds.get("weight"))
        if kernel is None or "bias" not in kinds or len(kinds) != 2:
            raise Inexpressible(f"{named(op)} has not one kernel and one bias")
        order.append((kernel, kinds["bias"]))
    used = [p for layer in order for p in layer]
    if len(set(used)) < len(used) or sorted(used) != list(range(len(r.parameters))):
        others = [p.name for n, p in enumerate(r.parameters) if n not in used] or ["a layer used twice"]
        raise Inexpressible(f"{others[0]} is none of a row of dense layers' weights")
    if frozen := next((p for p in r.parameters if not p.trained), None):
        raise Inexpressible(f"{frozen.name} is not trained")
    return order


def _activation(r: Recording, dense: list[int]) -> dict[str, Any]:
    """The activation that follows each hidden layer."""
    found = []
    for start, end in pairwise(dense):
        inner = [op for op in r.ops[start + 1 : end] if key(op) not in PLAIN]
        if len(inner) != 1 or key(inner[0]) not in mlp_numpy.ACTIVATIONS:
            other = next((op for op in inner if key(op) not in mlp_numpy.ACTIVATIONS), None)
            what = named(other) if other else f"what follows {named(r.ops[start])}"
            raise Inexpressible(f"{what} is not one of the activations {', '.join(mlp_numpy.ACTIVATIONS)}")
        found.append(key(inner[0]))
    return {"activation": alike(found)} if found else {}


def optimizer_of(r: Recording) -> dict[str, Any]:
    """The optimizer's fields of the Config, as the script sets them."""
    kind = r.optimizer.lower()
    if kind not in ("sgd", "adam", "adamw", "rmsprop", "adagrad"):
        raise Inexpressible(f"the optimizer {r.optimizer}")
    if len(r.options) != 1:
        raise Inexpressible("its optimizer has several groups of weights")
    rates = np.array([s.rates[0] for s in r.steps if s.rates])
    if not len(rates) or not np.allclose(rates, rates[0], rtol=1e-6):
        raise Inexpressible("the learning rate changes from step to step")
    o = r.options[0]
    fields: dict[str, Any] = {"optimizer": kind, "learning_rate": float(o.get("lr", o.get("learning_rate", rates[0])))}
    if kind == "sgd" and o.get("momentum"):
        fields |= {"optimizer": "nesterov" if o.get("nesterov") else "momentum", "momentum": float(o["momentum"])}
    if "betas" in o:
        fields |= dict(zip(("beta1", "beta2"), map(float, o["betas"]), strict=True))
    names = {"beta_1": "beta1", "beta_2": "beta2", "alpha": "beta2", "rho": "beta2", "weight_decay": "weight_decay",
             "clipvalue": "clip_value", "clipnorm": "clip_norm", "global_clipnorm": "clip_norm"}  # fmt: skip
    return fields | {field: float(o[name]) for name, field in names.items() if o.get(name)}
