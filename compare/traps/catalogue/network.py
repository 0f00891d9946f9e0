"""Traps in the network: activations, layers, how weights are put into it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from compare.traps.catalogue.loss import put_after_outputs
from compare.traps.catalogue.trap import CONVENTION, Trap, Words, always, has_hidden, when
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
        "torch.nn.Linear(n, m, bias=True)  # in a layer of your own, add it: x @ W + b",
        "keras.layers.Dense(units, use_bias=True)  # in a layer of your own, add it: x @ W + b",
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
        "layer.trainable = True  # before compile; in a layer of your own, add_weight(..., trainable=True)",
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
