"""A network from scratch as a plan for the reference: what it is, told by the updates that it makes.

A NumPy script shows its weights, its batches and its updates, not what it computes. So each activation and each loss of
the reference is tried: the one whose gradients are turned into the script's own updates by a known rule is the one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.candidates.infer import alike, possible_activations
from compare.ledger.trace import Trace, flatten, unflatten
from compare.pairs import rules
from compare.pairs.dense import Dense
from compare.pairs.rules import Rule
from compare.watch.plan import layers_of, planned
from compare.watch.plan_loss import Inexpressible
from compare.watch.recording import Parameter, Recording, Step
from impls import mlp_numpy
from shared.scenarios import Plan

TRIED = 8  # steps
LOSSES = ("mse", "binary_cross_entropy", "softmax_cross_entropy", "sigmoid_mse", "mae")


@dataclass(frozen=True)
class Told:
    """What a script without a framework trains, and how, told by its updates."""

    order: list[tuple[int, int]]  # the numbers of every layer's kernel and bias
    network: dict[str, Any]  # the Config's fields
    rule: Rule


def plan_of(r: Recording) -> tuple[Plan, list[str]]:
    """The reference's training on the batches of a script without a framework, and what was found of it.

    Inexpressible where none of the reference's networks makes its updates.
    """
    found = told(r)
    config = mlp_numpy.Config(**found.network)
    functions = ", ".join(config.activation) if isinstance(config.activation, tuple) else config.activation
    note = f"told by its updates: {functions}, {config.loss}, {found.rule}"
    return planned(r, found.order, found.network | fields_of(found.rule, r)), [note]


def told(r: Recording) -> Told:
    """The network, the loss and the rule that make the updates; Inexpressible where none of the reference's does."""
    order = order_of(r)
    if any(len(s.inputs) != 1 or not s.targets for s in r.steps):
        raise Inexpressible("not every step has one array of inputs and one of targets that show")
    for rules_of in (rules.linear, rules.fit):  # The plain rule for all first: it is quickly tried.
        for activation, loss in _options(r, order):
            course = _course(r, order, activation, loss)
            if course is None or (rule := rules_of(course)) is None:
                continue
            return Told(order, {"layer_sizes": _sizes(r, order), "activation": activation, "loss": loss}, rule)
    raise Inexpressible(
        "no activation, loss and optimizer that it has makes these updates: it is another network, or its gradients "
        "are not those of its loss"
    )


def trace_of(r: Recording, plan: Plan, reference: Trace) -> tuple[Trace, frozenset[str]]:
    """The script's own weights as a trace, with the loss and the outputs that they give; and what it does not show."""
    order = order_of(r)
    params = np.array([flatten(layers_of(s.after, order)) for s in r.steps])
    config = mlp_numpy.Config(**plan.config | {"dtype": "float64"})
    last = mlp_numpy.MLP(config, unflatten(params[-1], mlp_numpy.param_shapes(config)))

    def unseen(a: np.ndarray) -> np.ndarray:
        return np.full_like(a, np.nan)

    losses, logits = [], []
    model, data = mlp_numpy.MLP(config), plan.dataset
    for step, rows in zip(r.steps, plan.steps, strict=True):
        model.set_params(layers_of(step.before, order))
        losses.append(model.loss(data.x_train[rows], data.y_train[rows]))
        logits.append(model.forward(data.x_train[rows]))
    states = {name: unseen(a) for name, a in reference.states.items()}
    outputs = last.forward(data.x_test), last.predict(data.x_test)
    trace = Trace(
        np.array(losses), np.concatenate(logits), unseen(reference.gradients), params, states, *outputs
    )  # fmt: skip
    return trace, frozenset({"gradient"} | {name.replace("_", " ") for name in reference.states})


def order_of(r: Recording) -> list[tuple[int, int]]:
    """The numbers of every layer's kernel and bias, by the chain of their shapes."""
    if not r.steps[0].inputs:
        raise Inexpressible("its batches do not show")
    left, size, order = list(range(len(r.parameters))), int(np.shape(r.steps[0].inputs[0])[-1]), []
    while left:
        kernel = next((i for i in left if _is_kernel(r.parameters[i], size)), None)
        if kernel is None:
            raise Inexpressible(f"{r.parameters[left[0]].name} is none of a row of dense layers' weights")
        left.remove(kernel)
        size = r.parameters[kernel].shape[1]
        biases = [i for i in left if r.parameters[i].initial.size == size and min(r.parameters[i].shape) in (1, size)]
        named = [i for i in biases if _is_named_bias(r.parameters[i])] or biases
        if not named:
            raise Inexpressible(f"{r.parameters[kernel].name} has no bias")
        left.remove(named[0])
        order.append((kernel, named[0]))
    return order


def _is_named_bias(p: Parameter) -> bool:
    return re.split(r"[.\[]", p.name)[-1].strip("_'\"]").lower().startswith("b")


def _is_kernel(p: Parameter, size: int) -> bool:
    return p.initial.ndim == 2 and p.shape[0] == size and not _is_named_bias(p)


def _sizes(r: Recording, order: list[tuple[int, int]]) -> tuple[int, ...]:
    kernels = [r.parameters[W].shape for W, _ in order]
    return (kernels[0][0], *(shape[1] for shape in kernels))


def _options(r: Recording, order: list[tuple[int, int]]) -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Activations and losses that may be it, the commonest first."""
    count = len(order) - 1
    hidden = [*(("sigmoid", "relu", "tanh") if count else ("relu",)), *map(alike, possible_activations(count))]
    y = np.concatenate([np.ravel(s.targets[0]) for s in r.steps])
    binary = np.isin(y, (0, 1)).all()
    units = _sizes(r, order)[-1]
    classes = units > 1 and (y >= 0).all() and (y == y.round()).all()
    possible = {"binary_cross_entropy": binary, "softmax_cross_entropy": classes}
    losses = [loss for loss in LOSSES if possible.get(loss, True)]
    return iter(dict.fromkeys(itertools.product(hidden, losses)))


def _course(r: Recording, order: list[tuple[int, int]], activation: Any, loss: str) -> rules.Course | None:
    """The script's first steps with the gradients of one network of the reference; None where it cannot have them."""
    steps = []
    try:
        network = Dense(order, {"layer_sizes": _sizes(r, order), "activation": activation, "loss": loss}, r.parameters)
        for step in r.steps[:TRIED]:
            with np.errstate(all="ignore"):
                _, gradients = network.gradients(step.before, (step.inputs, step.targets))
            steps.append(Step(before=step.before, after=step.after, gradients=gradients))
    except (ValueError, Inexpressible):
        return None
    return rules.course(steps)


def fields_of(rule: Rule, r: Recording) -> dict[str, Any]:
    """A rule as the Config's fields."""
    s, n = rule.settings, len(r.steps[0].inputs[0])
    fields: dict[str, Any] = {"optimizer": rule.name, "learning_rate": exactly(s["rate"], n)}
    if rule.name == "sgd" and s["momentum"]:
        fields |= {"optimizer": "momentum", "momentum": s["momentum"]}
    for key in ("beta1", "beta2", "epsilon"):
        if key in s:
            fields[key] = s[key]
    if s.get("decay"):
        fields["weight_decay"] = s["decay"]
    return fields


def exactly(rate: float, samples: int) -> float:
    """A fitted rate as its author wrote it: a short number, times or by what a sum is of a mean."""
    for times in (1, samples, 2 * samples, samples / 2, 2, 0.5):
        short = float(f"{rate * times:.3g}")
        if abs(short / times - rate) <= 1e-6 * rate:
            return short / times
    return rate
