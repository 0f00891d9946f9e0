"""Traps in the network: activations, layers, how weights are put into it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from compare.traps.catalogue.loss import put_after_outputs
from compare.traps.catalogue.trap import Trap, always, has_hidden, when
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
    root = float(np.float32(math.sqrt(2)))

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


def _other_activation(t: Any, name: str) -> None:
    linear = (lambda z: z, lambda z, a: np.ones_like(z))
    other = linear if name == "linear" else t.ACTIVATIONS[name]
    t.ACTIVATIONS = dict.fromkeys(t.ACTIVATIONS, other)


def _activated_outputs(t: Any, shown: bool) -> None:
    def function(c: Config) -> Callable:
        f, derivative = t.ACTIVATIONS[c.activation]

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


def _not_trained(t: Any, which: str, gradient_shown: bool) -> None:
    """Parameters that keep their values and slots; their gradient is 0 unless it is shown."""

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
        return list(layers[{"first layer": 0, "last layer": -1}[which]])

    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            groups = [self.layers, *(t._split(slot, self.config) for slot in self.slots.values())]
            kept = [(a, a.copy()) for layers in groups for a in chosen(layers)]
            loss = super()._train_step(x, y, masks)
            for array, before in kept:
                array[:] = before
            return loss

        def _backward(self, d, saved, masks):
            super()._backward(d, saved, masks)
            if not gradient_shown:
                for gradient in chosen(self.gradient_layers):
                    gradient[:] = 0

    t.MLP = Trapped


_PARTS = ("first layer", "last layer", "hidden layers", "biases", "weight matrices")


def _differs_from_slope(config: Config, plan: Plan) -> bool:
    return config.activation == "leaky_relu" and has_hidden(config, plan)


TRAPS = [
    Trap(
        "leaky-slope",
        "network",
        "Logits differ from the first step, and agree where every hidden unit is above 0",
        "Leaky ReLU's slope is 0.01 in PyTorch, 0.3 in Keras' layer and 0.2 in Keras' function.",
        "torch/nn/modules/activation.py (LeakyReLU); keras/src/layers/activations/leaky_relu.py; "
        "keras/src/activations/activations.py",
        "torch.nn.LeakyReLU(negative_slope=0.01)",
        "keras.layers.LeakyReLU(negative_slope=0.01)",
        _differs_from_slope,
        _leaky,
        variants={
            "0.3, Keras' layer": {"slope": 0.3},
            "0.2, Keras' function": {"slope": 0.2},
            "0.1": {"slope": 0.1},
            "0.05": {"slope": 0.05},
            "0: a plain ReLU": {"slope": 0.0},
            "0.01 rounded to float32": {"slope": float(np.float32(0.01))},
        },
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
    ),
    Trap(
        "gelu-float32-constant",
        "network",
        "In float64, logits differ by some 1e-9",
        "Keras' TensorFlow backend keeps the root of 2 in float32.",
        "keras/src/backend/tensorflow/nn.py (gelu)",
        "nothing to mend: PyTorch computes it in the input's precision",
        "z * (1 + ops.erf(z / math.sqrt(2))) / 2",
        when(has_hidden, activation="gelu"),
        _gelu_float32,
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
    ),
    Trap(
        "other-activation",
        "network",
        "Logits differ from the first step",
        "Another activation than was meant, or none: Keras' Dense has none by default, PyTorch's Linear never has one.",
        "keras/src/layers/core/dense.py (activation=None); torch/nn/modules/linear.py",
        "torch.nn.Sequential(torch.nn.Linear(n, m), activation, ...)  # {activation} after every hidden layer",
        "keras.layers.Dense(units, activation='{activation}')",
        when(has_hidden),
        _other_activation,
        variants={name if name != "linear" else "none": {"name": name} for name in ("linear", *mlp_numpy.ACTIVATIONS)},
    ),
    Trap(
        "activated-outputs",
        "network",
        "Logits differ from the first step; with ReLU they are never below 0",
        "The activation is applied after the last layer too, as a loop over all layers does.",
        "torch/nn/modules/container.py (Sequential)",
        "remove the activation after the last torch.nn.Linear",
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
        "dense.set_weights([W.T, b])  # not .reshape",
        always,
        _reshaped,
    ),
    Trap(
        "layers-swapped",
        "network",
        "Logits differ from the first step, though every shape fits",
        "Weights are put in by the order of names or of creation, not by the order of the layers.",
        "torch/nn/modules/module.py (state_dict keeps the order of creation); keras/src/models/model.py",
        "for linear, (W, b) in zip(linears_in_forward_order, params): ...",
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
        "The optimizer was given a part of the parameters, or was made before a layer was added.",
        "torch/optim/optimizer.py (add_param_group); keras/src/optimizers/base_optimizer.py (build)",
        "torch.optim.SGD(model.parameters(), lr={learning_rate})  # all of them",
        "optimizer.apply(gradients, model.trainable_variables)  # all of them",
        always,
        _not_trained,
        variants={part: {"which": part, "gradient_shown": True} for part in _PARTS},
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
