"""Traps in the hidden layers' activations: another one, another constant in it, none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import CONVENTION, DEFAULT, Trap, Words, has_hidden, seen, when
from impls import mlp_numpy
from impls.mlp_numpy import Config


def _leaky(t: Any, slope: float) -> None:
    t.ACTIVATIONS["leaky_relu"] = (
        lambda z: np.where(z > 0, z, slope * z),
        lambda z, a: np.where(z > 0, 1, slope * np.ones_like(z)),
    )


def _gelu_tanh(t: Any, cube: float) -> None:
    root = math.sqrt(2 / math.pi)

    def inner(z):
        return np.tanh(root * (z + cube * z**3))

    def derivative(z, a):
        h = inner(z)
        return (1 + h) / 2 + z * (1 - h * h) / 2 * root * (1 + 3 * cube * z * z)

    t.ACTIVATIONS["gelu"] = (lambda z: z * (1 + inner(z)) / 2, derivative)


def _gelu_float32(t: Any) -> None:
    root = 1 / float(np.float32(math.sqrt(0.5)))  # Its reciprocal is what TensorFlow multiplies by.

    def cdf(z):
        return t._normal_cdf(z * (math.sqrt(2) / root))

    t.ACTIVATIONS["gelu"] = (
        lambda z: z * cdf(z),
        lambda z, a: cdf(z) + z * np.exp(-((z / root) ** 2)) / (root * math.sqrt(math.pi)),
    )


def _softplus_threshold(t: Any) -> None:
    f, derivative = t.ACTIVATIONS["softplus"]
    t.ACTIVATIONS["softplus"] = (
        lambda z: np.where(z > 20, z, f(z)),
        lambda z, a: np.where(z > 20, 1, derivative(z, a)),
    )


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return (np.tanh(z / 2) + 1) / 2


def _mish(z: np.ndarray) -> np.ndarray:
    return z * np.tanh(np.logaddexp(z, 0))


def _mish_slope(z: np.ndarray, a: np.ndarray) -> np.ndarray:
    t = np.tanh(np.logaddexp(z, 0))
    return t + z * (1 - t * t) * _sigmoid(z)


def _leaky_by(slope: float) -> tuple[Callable, Callable]:
    return lambda z: np.where(z > 0, z, slope * z), lambda z, a: np.where(z > 0, 1.0, slope)


def _elu_by(alpha: float, scale: float = 1.0) -> tuple[Callable, Callable]:
    return (
        lambda z: scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
        lambda z, a: np.where(z > 0, scale, a + scale * alpha),
    )


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

# Activations that the reference has not: each a = f(z), and its derivative from z and a.
BEYOND: dict[str, tuple[Callable, Callable]] = {
    "none": (lambda z: z, lambda z, a: np.ones_like(z)),
    "leaky ReLU with slope 0.3": _leaky_by(float(np.float32(0.3))),
    "leaky ReLU with slope 0.2": _leaky_by(0.2),
    "leaky ReLU with slope 0.2 in float32": _leaky_by(float(np.float32(0.2))),
    "leaky ReLU with slope 0.1": _leaky_by(0.1),
    "PReLU at its first slope, 0.25": _leaky_by(0.25),
    "mish": (_mish, _mish_slope),
    "selu": _elu_by(SELU_ALPHA, SELU_SCALE),
    "selu in float32, as in Keras": _elu_by(float(np.float32(SELU_ALPHA)), float(np.float32(SELU_SCALE))),
    "relu6": (lambda z: np.clip(z, 0, 6), lambda z, a: ((z > 0) & (z < 6)).astype(z.dtype)),
    "hardtanh": (lambda z: np.clip(z, -1, 1), lambda z, a: (np.abs(z) < 1).astype(z.dtype)),
    "softsign": (lambda z: z / (1 + np.abs(z)), lambda z, a: 1 / (1 + np.abs(z)) ** 2),
    "hard sigmoid": (lambda z: np.clip(z / 6 + 0.5, 0, 1), lambda z, a: (np.abs(z) < 3) / 6),
    "hard swish": (
        lambda z: z * np.clip(z / 6 + 0.5, 0, 1),
        lambda z, a: np.where(z <= -3, 0.0, np.where(z >= 3, 1.0, z / 3 + 0.5)),
    ),
    "logsigmoid": (lambda z: -np.logaddexp(-z, 0), lambda z, a: _sigmoid(-z)),
    "squared ReLU": (lambda z: np.maximum(z, 0) ** 2, lambda z, a: 2 * np.maximum(z, 0)),
    "sine": (np.sin, lambda z, a: np.cos(z)),
}


def _other_activation(t: Any, name: str = "", leaky: float | None = None, elu: float | None = None) -> None:
    """Another one by its name, or a leaky ReLU of a slope, or an ELU of an alpha, in all hidden layers."""
    if leaky is not None:
        other = _leaky_by(leaky)
    else:
        other = _elu_by(elu) if elu is not None else BEYOND.get(name) or t.ACTIVATIONS[name]
    t.ACTIVATIONS = dict.fromkeys(t.ACTIVATIONS, other)


def _of_layers(t: Any, others: tuple[tuple[int, str], ...]) -> None:
    """Other ones in some hidden layers, pairs of a layer's number from 1 and the name."""
    t.ACTIVATIONS = BEYOND | t.ACTIVATIONS

    class Trapped(t.MLP):
        def __init__(self, config, params=None):
            super().__init__(config, params)
            names = list(self.config.by_layer("activation"))
            for number, name in others:
                names[number - 1] = name
            self.config = seen(self.config, activation=tuple(names))

    t.MLP = Trapped


def variant_of_layers(config: Config, others: tuple[tuple[int, str], ...]) -> tuple[str, dict[str, Any]]:
    """A variant of activation-of-layer by its name, and its values: what these layers, counted from 1, have instead."""
    wanted = config.by_layer("activation")
    told = [
        f"no activation in layer {n}"
        if name == "none"
        else f"{name} in layer {n} where the reference has {wanted[n - 1]}"
        for n, name in others
    ]
    return " and ".join(told), {"others": others}


def _of_one_layer(config: Config) -> dict[str, dict[str, Any]]:
    """Every variant with one layer, of a network with several hidden ones."""
    wanted = config.by_layer("activation")
    return dict(
        variant_of_layers(config, ((number, name),))
        for number, own in enumerate(wanted, 1)
        for name in ("none", *mlp_numpy.ACTIVATIONS)
        if name != own and len(wanted) > 1
    )


TRAPS = [
    Trap(
        "leaky-slope",
        "activation",
        "Logits differ from the first step, and agree where every hidden unit is above 0",
        "Leaky ReLU's slope is 0.01 in PyTorch, 0.3 in Keras' layer and 0.2 in Keras' function.",
        "torch/nn/modules/activation.py (LeakyReLU); keras/src/layers/activations/leaky_relu.py; "
        "keras/src/activations/activations.py",
        "torch.nn.LeakyReLU(negative_slope=0.01)",
        "keras.layers.Activation(lambda z: keras.ops.where(z > 0, z, 0.01 * z))  # LeakyReLU has a float32 slope",
        when(has_hidden, activation="leaky_relu"),
        _leaky,
        variants={
            "0.3, Keras' layer": {"slope": float(np.float32(0.3))},
            "0.2, Keras' function": {"slope": float(np.float32(0.2))},
            "0.3": {"slope": 0.3},
            "0.2": {"slope": 0.2},
            "0.1": {"slope": 0.1},
            "0.05": {"slope": 0.05},
            "0: a plain ReLU": {"slope": 0.0},
            "0.01 rounded to float32": {"slope": float(np.float32(0.01))},
        },
        stock=True,
        kinds={"0.3, Keras' layer": DEFAULT, "0.2, Keras' function": DEFAULT, "0.01 rounded to float32": DEFAULT},
    ),
    Trap(
        "gelu-tanh",
        "activation",
        "Logits differ by some 1e-4 from the first step",
        "GELU is x times the normal distribution function; the older approximation by tanh goes by the same name. "
        "PyTorch and Keras take the exact one by default, JAX the approximation.",
        "torch/nn/modules/activation.py (GELU, approximate); keras/src/activations/activations.py (gelu, approximate)",
        "torch.nn.GELU(approximate='none')",
        "keras.activations.gelu(z, approximate=False)",
        when(has_hidden, activation="gelu"),
        _gelu_tanh,
        variants={
            "the approximation": {"cube": 0.044715},
            "the approximation with its constant in float32, as in Keras": {"cube": float(np.float32(0.044715))},
        },
        kind=CONVENTION,
    ),
    Trap(
        "gelu-float32-constant",
        "activation",
        "In float64, logits differ by some 1e-9",
        "Keras' TensorFlow backend keeps the root of 1/2 in float32.",
        "keras/src/backend/tensorflow/nn.py (gelu)",
        Words("nothing to mend: PyTorch computes it in the input's precision"),
        "z * (1 + ops.erf(z / math.sqrt(2))) / 2",
        when(has_hidden, activation="gelu"),
        _gelu_float32,
        kind=DEFAULT,
    ),
    Trap(
        "softplus-threshold",
        "activation",
        "In float64, logits differ by up to 2e-9 where a hidden unit is above 20",
        "PyTorch's softplus is the identity above 20, Keras' is exact.",
        "torch/nn/modules/activation.py (Softplus, threshold)",
        "torch.nn.Softplus(threshold=600)",
        "keras.activations.softplus  # exact",
        when(has_hidden, activation="softplus"),
        _softplus_threshold,
        kind=DEFAULT,
    ),
    Trap(
        "other-activation",
        "activation",
        "Logits differ from the first step",
        "Another activation than was meant, or none: Keras' Dense has none by default, PyTorch's Linear never has one.",
        "keras/src/layers/core/dense.py (activation=None); torch/nn/modules/linear.py",
        "{torch_activation}  # after the hidden layer",
        "keras.layers.Dense(units, activation='{activation}')",
        when(has_hidden),
        _other_activation,
        variants={name: {"name": name} for name in ("none", *mlp_numpy.ACTIVATIONS, *list(BEYOND)[1:])},
    ),
    Trap(
        "activation-of-layer",
        "activation",
        "Logits differ from the first step, though the other layers have the activation that is meant",
        "Keras' Dense has none by default, PyTorch's Linear never has one: in a long forward pass one is easily "
        "forgotten, or left from an earlier version.",
        "keras/src/layers/core/dense.py (activation=None); torch/nn/modules/linear.py",
        "{torch_activation}  # after layer {layer}",
        "keras.layers.Dense(units, activation='{activation}')  # layer {layer}",
        lambda config, plan: len(config.layer_sizes) > 3,
        _of_layers,
        variants={f"no activation in layer {number}": {"others": ((number, "none"),)} for number in (1, 2)},
        of_network=_of_one_layer,
    ),
]
