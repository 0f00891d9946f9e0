"""The layers of a watched script as the reference has them: dense, normalised or not, activated, and thinned out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from compare.candidates.infer import alike
from compare.watch.plan_loss import PLAIN, Inexpressible, key, named
from compare.watch.recording import Arrays, Op, Recording
from impls import mlp_numpy

DENSE = {"linear", "matmul", "mm"}  # the products that a layer with a kernel and a bias may be
HOMOGENEOUS = {"relu", "leaky_relu"}  # f(c z) = c f(z) for c >= 0: a dropout may stand before or after them


@dataclass(frozen=True)
class Norm:
    """A normalisation between a layer and its activation: numbers of parameters."""

    scale: int
    bias: int
    mean: int
    variance: int
    momentum: float  # the share of a new batch in the running statistics
    epsilon: float  # added to the variance
    idle: int | None  # the bias of the layer before it, which it takes out again


@dataclass(frozen=True)
class Network:
    """The reference's network that a script has."""

    order: list[tuple[int, ...]]  # the numbers of every layer's kernel, bias and, where it is normalised, scale
    fields: dict[str, Any]  # the Config's
    last: int  # the number of the last layer among the ops: the logits
    norms: list[Norm] = field(default_factory=list)  # of the hidden layers, or none

    @property
    def idle(self) -> list[int]:
        """The numbers of the biases that do nothing."""
        return [norm.idle for norm in self.norms if norm.idle is not None]

    def running(self, befores: Sequence[Arrays], after: Arrays) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each normalisation's mean and variance after the steps, as they are without the idle bias before it.

        `befores` are all parameters before every step.
        """
        found = []
        for norm in self.norms:
            mean = np.asarray(after[norm.mean], float)
            if norm.idle is not None:
                share = np.zeros_like(mean)
                for before in befores:
                    share += norm.momentum * (np.asarray(before[norm.idle], float) - share)
                mean = mean - share
            found.append((mean, np.asarray(after[norm.variance], float)))
        return found


def network_of(r: Recording) -> Network:
    """The layers of a script; Inexpressible where the reference has not such ones."""
    if r.steps[0].parts > 1:
        raise Inexpressible(f"each update of {r.script} is made of several gradients")
    dense = [n for n, op in enumerate(r.ops) if op.parameters and key(op) in DENSE]
    if not dense:
        raise Inexpressible(f"no dense layer of {r.script} shows")
    if other := next((op for op in r.ops if op.parameters and key(op) not in (*DENSE, "batch_norm")), None):
        raise Inexpressible(f"{named(other)} is no dense layer")
    apart = next(
        (op for op in (*r.ops[: dense[0]], *r.ops[dense[-1] :]) if _drops(op) or key(op) == "batch_norm"), None
    )
    if apart:
        raise Inexpressible(f"{named(apart)} stands before the first layer or after the last")
    order, norms, activations, rates = list[tuple[int, ...]](), list[Norm](), list[str](), list[float]()
    for start, end in pairwise(dense):
        kernel, bias = _kernel_and_bias(r, r.ops[start])
        norm, activation, rate = _between(r, start, end, bias)
        norms += [norm] if norm else []
        order.append((kernel, norm.bias, norm.scale) if norm else _plain(r, start))
        activations.append(activation)
        rates.append(rate)
    order.append(_plain(r, dense[-1]))
    if norms and len(norms) < len(activations):
        raise Inexpressible("it normalises some hidden layers and others not")
    kernels = [r.parameters[layer[0]].shape for layer in order]
    fields: dict[str, Any] = {"layer_sizes": (kernels[0][0], *(shape[1] for shape in kernels))}
    fields |= {"activation": alike(activations)} if activations else {}
    fields |= {"dropout": alike(rates)} if any(rates) else {}
    fields |= {"batch_norm": True} if norms else {}
    found = Network(order, fields, dense[-1], norms)
    _check_parameters(r, found)
    return found


def _kernel_and_bias(r: Recording, op: Op) -> tuple[int, int | None]:
    kinds = {r.parameters[p].role: p for p in op.parameters}
    kernel = kinds.pop("kernel", kinds.pop("weight", None))
    bias = kinds.pop("bias", None)
    if kernel is None or kinds:
        raise Inexpressible(f"{named(op)} has not one kernel and one bias")
    return kernel, bias


def _plain(r: Recording, start: int) -> tuple[int, int]:
    kernel, bias = _kernel_and_bias(r, r.ops[start])
    if bias is None:
        raise Inexpressible(f"{named(r.ops[start])} has not one kernel and one bias")
    return kernel, bias


def _between(r: Recording, start: int, end: int, bias: int | None) -> tuple[Norm | None, str, float]:
    """What follows a hidden layer: its normalisation, its activation, and its dropout."""
    inner = [op for op in r.ops[start + 1 : end] if key(op) not in PLAIN]
    norm = _norm(r, inner.pop(0), bias) if inner and key(inner[0]) == "batch_norm" else None
    drops = [op for op in inner if _drops(op)]
    inner = [op for op in inner if key(op) != "dropout"]
    if len(inner) != 1 or key(inner[0]) not in mlp_numpy.ACTIVATIONS:
        other = next((op for op in inner if key(op) not in mlp_numpy.ACTIVATIONS), None)
        what = named(other) if other else f"what follows {named(r.ops[start])}"
        raise Inexpressible(f"{what} is not one of the activations {', '.join(mlp_numpy.ACTIVATIONS)}")
    activation = key(inner[0])
    if len(drops) > 1:
        raise Inexpressible(f"{named(drops[1])} is a second dropout of one layer")
    if drops and r.ops.index(drops[0]) < r.ops.index(inner[0]) and activation not in HOMOGENEOUS:
        raise Inexpressible(f"{named(drops[0])} stands before its layer's activation")
    return norm, activation, _rate(drops[0]) if drops else 0.0


def _rate(op: Op) -> float:
    return float(op.options.get("p", op.options.get("rate", 0.5)))


def _drops(op: Op) -> bool:
    """Whether it is a dropout that sets something to 0."""
    return key(op) == "dropout" and bool(op.options.get("training", True)) and _rate(op) > 0


def _norm(r: Recording, op: Op, idle: int | None) -> Norm:
    kinds = {r.parameters[p].role: p for p in op.parameters}
    if not {"scale", "bias", "running mean", "running variance"} <= kinds.keys():
        raise Inexpressible(f"{named(op)} has not a scale, a shift, a running mean and a running variance")
    momentum = op.options.get("momentum")
    return Norm(
        kinds["scale"], kinds["bias"], kinds["running mean"], kinds["running variance"],
        mlp_numpy.NORM_MOMENTUM if momentum is None else float(momentum),
        float(op.options.get("eps", op.options.get("epsilon", mlp_numpy.NORM_EPSILON))), idle,
    )  # fmt: skip


def _check_parameters(r: Recording, network: Network) -> None:
    """Inexpressible unless each parameter of the script is one of the network, once, and trained."""
    statistics = [p for norm in network.norms for p in (norm.mean, norm.variance)]
    used = [*(p for layer in network.order for p in layer), *statistics, *network.idle]
    if len(set(used)) < len(used) or sorted(used) != list(range(len(r.parameters))):
        others = [p.name for n, p in enumerate(r.parameters) if n not in used] or ["a layer used twice"]
        raise Inexpressible(f"{others[0]} is none of a row of dense layers' weights")
    still = [p for n, p in enumerate(r.parameters) if n not in statistics and not p.trained]
    if still:
        raise Inexpressible(f"{still[0].name} is not trained")
