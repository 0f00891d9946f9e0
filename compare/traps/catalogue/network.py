"""Traps in the network: activations, layers, how weights are put into it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from compare.traps.catalogue.loss import put_after_outputs
from compare.traps.catalogue.trap import CONVENTION, DEFAULT, Trap, Words, always, has_hidden, seen, when
from impls import mlp_numpy
from impls.mlp_numpy import Config
from shared.scenarios import Plan


def _square_layers(config: Config) -> list[int]:
    return [i for i, (n, m) in enumerate(pairwise(config.layer_sizes)) if n == m]


def _twin_layers(config: Config) -> list[tuple[int, int]]:
    """Neighbouring layers of one shape."""
    shapes = list(pairwise(config.layer_sizes))
    return [(i, i + 1) for i, (one, next_one) in enumerate(pairwise(shapes)) if one == next_one]


def _starts_with_biases(config: Config, plan: Plan) -> bool:
    return any(layer[1].any() for layer in plan.params)


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


def _other_activation(
    t: Any, name: str = "", layer: int | None = None, leaky: float | None = None, elu: float | None = None
) -> None:
    """Another one by its name, or a leaky ReLU of a slope, or an ELU of an alpha: in all hidden layers, or in one."""
    if leaky is not None:
        other = _leaky_by(leaky)
    else:
        other = _elu_by(elu) if elu is not None else BEYOND.get(name) or t.ACTIVATIONS[name]
    if layer is None:
        t.ACTIVATIONS = dict.fromkeys(t.ACTIVATIONS, other)
        return
    t.ACTIVATIONS = t.ACTIVATIONS | {name: other}

    class Trapped(t.MLP):
        def __init__(self, config, params=None):
            super().__init__(config, params)
            activations = list(config.by_layer("activation"))
            activations[layer] = name
            self.config = seen(config, activation=tuple(activations))

    t.MLP = Trapped


_PLACES = {"first": 0, "last": -1}
_IN_ONE = {f"none in the {which} hidden layer": {"name": "none", "layer": n} for which, n in _PLACES.items()}


def _residual(t: Any, inside: bool) -> None:
    """A layer of equal width adds its input to its output, or to what its activation is given."""

    class Trapped(t.MLP):
        def _adds(self, i):
            sizes = self.config.layer_sizes
            return i < len(sizes) - 2 and sizes[i] == sizes[i + 1]

        def _forward(self, x, training=False, masks=None):
            a, saved = x, []
            for i, name in enumerate(self.config.by_layer("activation")):
                (W, b), (activation, _) = self.layers[i], t.ACTIVATIONS[name]
                z = a @ W + b + (a if inside and self._adds(i) else 0)
                out = activation(z)
                saved.append((a, z, out, None))
                a = out + (a if not inside and self._adds(i) else 0)
                a = a * masks[i] if masks else a
            W, b = self.layers[-1]
            return a @ W + b, [*saved, (a, None, None, None)]

        def _backward(self, d, saved, masks):
            activations = self.config.by_layer("activation")
            past = 0.0  # what reaches a layer's output around the layer after it
            for i in reversed(range(len(saved))):
                a, z, out, _ = saved[i]
                dW, db = self.gradient_layers[i]
                if z is not None:
                    d = d @ self.layers[i + 1][0].T + past
                    d = d * masks[i] if masks else d
                    past = d if not inside and self._adds(i) else 0.0
                    d = d * t.ACTIVATIONS[activations[i]][1](z, out)
                    past = d if inside and self._adds(i) else past
                db[:] = d.sum(axis=0)
                dW[:] = a.T @ d

    t.MLP = Trapped


def _has_residual_place(config: Config, plan: Plan) -> bool:
    sizes = config.layer_sizes
    return not config.batch_norm and any(n == m for n, m in pairwise(sizes[:-1]))


def _activated_outputs(t: Any, shown: bool) -> None:
    def function(c: Config) -> Callable:
        f, derivative = t.ACTIVATIONS[(c.by_layer("activation") or (c.activation,))[-1]]

        def apply(z):
            a = f(z)
            return a, lambda d: d * derivative(z, a)

        return apply

    put_after_outputs(t, function, shown)


def _no_biases(t: Any, last_only: bool) -> None:
    class Trapped(t.MLP):
        def set_params(self, params):
            super().set_params(params)
            self.clear(self.layers)

        def _backward(self, d, saved, masks):
            super()._backward(d, saved, masks)
            self.clear(self.gradient_layers)

        def clear(self, layers):
            for layer in layers[-1:] if last_only else layers:
                layer[1][:] = 0

    t.MLP = Trapped


def _rearranged(t: Any, arrange: Callable[[Config, list], list]) -> None:
    """Put weights into the model, and read them out, by way of `arrange`, which undoes itself."""

    class Trapped(t.MLP):
        def set_params(self, params):
            super().set_params(arrange(self.config, params))

        @property
        def params(self):
            return arrange(self.config, super().params)

        def gradients(self, x, y, masks=None):
            loss, gradients = super().gradients(x, y, masks)
            return loss, arrange(self.config, gradients)

        @property
        def state(self):
            return self.arranged(super().state)

        def set_state(self, state):
            super().set_state(self.arranged(state))

        def arranged(self, state):
            return state | {name: arrange(self.config, state[name]) for name in self.slots}

    t.MLP = Trapped


def _transposed(t: Any) -> None:
    def arrange(config, layers):
        square = _square_layers(config)
        return [(layer[0].T, *layer[1:]) if i in square else layer for i, layer in enumerate(layers)]

    _rearranged(t, arrange)


def _swapped(t: Any) -> None:
    def arrange(config, layers):
        layers = list(layers)
        i, j = _twin_layers(config)[0]
        layers[i], layers[j] = layers[j], layers[i]
        return layers

    _rearranged(t, arrange)


def _reshaped(t: Any) -> None:
    """A (in, out) matrix stored as (out, in) by a reshape where a transpose was meant."""

    class Trapped(t.MLP):
        def set_params(self, params):
            super().set_params([(layer[0].T.reshape(layer[0].shape), *layer[1:]) for layer in params])

    t.MLP = Trapped


def _own_weights(t: Any, which: str) -> None:
    class Trapped(t.MLP):
        started = False

        def set_params(self, params):
            if not self.started:
                own = t.init_params(self.config)
                if which == "biases":
                    params = [(layer[0], np.zeros_like(layer[1]), *layer[2:]) for layer in params]
                if which == "all":
                    params = own
                if which == "last layer":
                    params = [*params[:-1], own[-1]]
                if which == "zeros":
                    params = [tuple(np.zeros_like(a) for a in layer[:2]) + tuple(layer[2:]) for layer in params]
            super().set_params(params)

        def _train_step(self, x, y, masks):
            self.started = True
            return super()._train_step(x, y, masks)

    t.MLP = Trapped


def _not_trained(t: Any, which: str, gradient_shown: bool, piled: bool = False) -> None:
    """Parameters that keep their values and slots; their gradient is 0 unless it is shown.

    `piled`: nobody sets it to 0 before the next one is added.
    """

    def chosen(layers):
        if which == "biases":
            return [layer[1] for layer in layers]
        if which == "weight matrices":
            return [layer[0] for layer in layers]
        if which == "scales":
            return [layer[2] for layer in layers if len(layer) > 2]
        if which == "scales and shifts":
            return [a for layer in layers if len(layer) > 2 for a in layer[1:]]
        if which == "hidden layers":
            return [a for layer in layers[:-1] for a in layer]
        if which == _ALL:
            return [a for layer in layers for a in layer]
        return list(layers[{"first layer": 0, "last layer": -1}[which]])

    class Trapped(t.MLP):
        pile: list[np.ndarray] | None = None

        def _train_step(self, x, y, masks):
            groups = [self.layers, *(t._split(slot, self.config) for slot in self.slots.values())]
            kept = [(a, a.copy()) for layers in groups for a in chosen(layers)]
            loss = super()._train_step(x, y, masks)
            if piled:
                self.pile = [gradient.copy() for gradient in chosen(self.gradient_layers)]
            for array, before in kept:
                array[:] = before
            return loss

        def _backward(self, d, saved, masks):
            super()._backward(d, saved, masks)
            for i, gradient in enumerate(chosen(self.gradient_layers)):
                gradient *= gradient_shown
                if self.pile:
                    gradient += self.pile[i]

    t.MLP = Trapped


_PARTS = ("first layer", "last layer", "hidden layers", "biases", "weight matrices")
_ALL = "all parameters"


TRAPS = [
    Trap(
        "leaky-slope",
        "network",
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
        "network",
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
        "network",
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
        "network",
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
        "network",
        "Logits differ from the first step",
        "Another activation than was meant, or none: Keras' Dense has none by default, PyTorch's Linear never has one.",
        "keras/src/layers/core/dense.py (activation=None); torch/nn/modules/linear.py",
        "{torch_activation}  # after the hidden layer",
        "keras.layers.Dense(units, activation='{activation}')",
        when(has_hidden),
        _other_activation,
        suits=lambda config, label: label not in _IN_ONE or len(config.layer_sizes) > 3,
        variants={
            **{name: {"name": name} for name in ("none", *mlp_numpy.ACTIVATIONS, *list(BEYOND)[1:])},
            **_IN_ONE,
        },
    ),
    Trap(
        "residual-connection",
        "network",
        "Logits differ from the first step where a layer is as wide as the one before it",
        "The layer adds its input to its output, x + f(x), as residual networks do; the reference is a plain chain.",
        "He et al., Deep residual learning for image recognition, 2016",
        "self.activation(self.linear(x))  # without x +",
        Words("x = keras.layers.Dense(units, activation='{activation}')(x)  # without keras.layers.add"),
        _has_residual_place,
        _residual,
        variants={"after the activation": {"inside": False}, "before the activation": {"inside": True}},
    ),
    Trap(
        "activated-outputs",
        "network",
        "Logits differ from the first step; with ReLU they are never below 0",
        "The activation is applied after the last layer too, as a loop over all layers does.",
        "torch/nn/modules/container.py (Sequential)",
        "torch.nn.Linear(m, outputs)  # no activation after the last layer",
        "keras.layers.Dense(outputs)  # no activation in the last layer",
        always,
        _activated_outputs,
        variants={"as outputs": {"shown": True}, "inside the loss": {"shown": False}},
    ),
    Trap(
        "no-biases",
        "network",
        "Equal at first where biases start at 0; gradients of the biases are missing or 0",
        "bias=False and use_bias=False are often copied from networks with batch normalisation.",
        "torch/nn/modules/linear.py (bias); keras/src/layers/core/dense.py (use_bias)",
        "torch.nn.Linear(n, m, bias=True)",
        "keras.layers.Dense(units, use_bias=True)",
        always,
        _no_biases,
        variants={"in any layer": {"last_only": False}, "in the last layer": {"last_only": True}},
        kinds={"in any layer": CONVENTION},
    ),
    Trap(
        "weights-transposed",
        "network",
        "Logits differ from the first step, though every shape fits",
        "PyTorch keeps weights as (out, in), Keras and NumPy as (in, out). A square matrix fits either way.",
        "torch/nn/modules/linear.py (weight); keras/src/layers/core/dense.py (kernel)",
        "linear.weight.copy_(torch.as_tensor(W).T)  # W (in, out)",
        "dense.set_weights([W, b])  # W (in, out): linear.weight.T",
        lambda config, plan: bool(_square_layers(config)),
        _transposed,
    ),
    Trap(
        "weights-reshaped",
        "network",
        "Logits differ from the first step, though every shape fits and every number is there",
        "A reshape from (in, out) to (out, in) keeps the order of the numbers and is no transpose.",
        "numpy.reshape; torch.Tensor.view",
        "linear.weight.copy_(torch.as_tensor(W).T)  # not .reshape",
        "dense.set_weights([W, b])  # W (in, out): PyTorch's weight.T, not its reshape",
        always,
        _reshaped,
    ),
    Trap(
        "layers-swapped",
        "network",
        "Logits differ from the first step, though every shape fits",
        "Weights are put in by the order of names or of creation, not by the order of the layers.",
        "torch/nn/modules/module.py (state_dict keeps the order of creation); keras/src/models/model.py",
        "for linear, (W, b) in zip(linears, params): linear.weight.copy_(torch.as_tensor(W).T)  # in the order of the "
        "forward pass",
        "for layer, (W, b) in zip(model.layers, params): layer.set_weights([W, b])",
        lambda config, plan: bool(_twin_layers(config)),
        _swapped,
    ),
    Trap(
        "biases-not-copied",
        "network",
        "Logits differ from the first step by a constant for every output",
        "Only the weight matrices are carried over; biases keep their own start.",
        "torch/nn/modules/linear.py (reset_parameters draws biases); keras/src/layers/core/dense.py (zeros)",
        "linear.bias.copy_(torch.as_tensor(b))",
        "dense.set_weights([W, b])  # both",
        _starts_with_biases,
        _own_weights,
        variants={"": {"which": "biases"}},
    ),
    Trap(
        "weights-not-copied",
        "network",
        "Everything differs from the first step when trained on its own",
        "Each framework draws its own initial weights: PyTorch uniform within 1 / sqrt(in), biases too, Keras Glorot "
        "uniform with biases 0. Seeds do not carry over.",
        "torch/nn/modules/linear.py (reset_parameters); keras/src/initializers/random_initializers.py",
        "linear.weight.copy_(torch.as_tensor(W).T); linear.bias.copy_(torch.as_tensor(b))",
        "dense.set_weights([W, b])",
        always,
        _own_weights,
        variants={
            "drawn by itself": {"which": "all"},
            "the last layer's drawn by itself": {"which": "last layer"},
            "all 0": {"which": "zeros"},
        },
    ),
    Trap(
        "frozen",
        "network",
        "Some gradients are 0 and their weights never move",
        "requires_grad=False in PyTorch, trainable=False in Keras, often left from fine-tuning; a detach() or .data "
        "in the forward pass does the same to all before it.",
        "torch/nn/parameter.py (requires_grad); keras/src/layers/layer.py (trainable)",
        "parameter.requires_grad_(True)",
        "layer.trainable = True  # before compile",
        always,
        _not_trained,
        variants={part: {"which": part, "gradient_shown": False} for part in _PARTS},
    ),
    Trap(
        "not-in-optimizer",
        "network",
        "All gradients agree, some weights never move",
        "The optimizer was given a part of the parameters, or was made before a layer was added; none moves where "
        "step() is not called, comes after zero_grad(), or is another model's.",
        "torch/optim/optimizer.py (add_param_group); keras/src/optimizers/base_optimizer.py (build)",
        "{torch_optimizer}  # all of them; and backward(), step(), zero_grad() in this order",
        "optimizer.apply(gradients, model.trainable_variables)  # all of them",
        always,
        _not_trained,
        variants={part: {"which": part, "gradient_shown": True} for part in (*_PARTS, _ALL)}
        | {
            f"{part}, whose gradient nobody sets to 0": {"which": part, "gradient_shown": True, "piled": True}
            for part in _PARTS
        },
    ),
    Trap(
        "scales-not-trained",
        "network",
        "Batch normalisation's scale stays at 1",
        "affine=False in PyTorch, scale=False or center=False in Keras.",
        "torch/nn/modules/batchnorm.py (affine); keras/src/layers/normalization/batch_normalization.py (scale, center)",
        "torch.nn.BatchNorm1d(units, affine=True)",
        "keras.layers.BatchNormalization(scale=True, center=True)",
        when(has_hidden, batch_norm=True),
        _not_trained,
        variants={
            "the scales": {"which": "scales", "gradient_shown": False},
            "scales and shifts": {"which": "scales and shifts", "gradient_shown": False},
        },
    ),
]
