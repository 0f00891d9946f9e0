"""Traps in the way back, as programs have them that write it out themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import Trap, always, has_hidden, note_updates, when
from impls.mlp_numpy import Config
from shared.scenarios import Plan


def _without_norm(config: Config, plan: Plan) -> bool:
    return not config.batch_norm


def _has_wide_layer(config: Config, plan: Plan) -> bool:
    return max(config.layer_sizes[1:]) > 1


def _change_gradients(t: Any, change: Callable[[Any, int], None]) -> None:
    """Let change(model, samples) work on the gradients that the way back has left."""

    class Trapped(t.MLP):
        def _backward(self, d, saved, masks):
            super()._backward(d, saved, masks)
            change(self, len(d))

    t.MLP = Trapped


def _bias_over_units(t: Any, which: str) -> None:
    def change(model, samples):
        layers = model.gradient_layers
        for layer in {"every layer": layers, "the hidden layers": layers[:-1], "the last layer": layers[-1:]}[which]:
            layer[1][:] = layer[1].sum()

    _change_gradients(t, change)


def _bias_averaged(t: Any) -> None:
    def change(model, samples):
        for layer in model.gradient_layers:
            layer[1][:] = layer[1] / samples

    _change_gradients(t, change)


def _summed(t: Any, what: str) -> None:
    original = t._batch_loss

    def changed(c, z, y):
        value, d = original(c, z, y)
        by = len(z) if what.startswith("summed") else 1 / len(z)
        return (value * by, d) if what.endswith("loss") else (value, d * by)

    t._batch_loss = changed


def _after_later_layers(t: Any) -> None:
    """The error goes back through a layer's weights after they were updated."""

    note_updates(t)

    class Trapped(t.MLP):
        def _backward(self, d, saved, masks):
            if not self.updating:
                return super()._backward(d, saved, masks)
            kept = self.flat.copy()
            for _ in range(len(self.layers) - 1):  # Each time one layer more has the weights that it will get.
                super()._backward(d, saved, masks)
                moved = t._split(self._moved(kept), self.config)
                for layer, later in zip(self.layers[1:], moved[1:], strict=True):
                    layer[0][:] = later[0]
            super()._backward(d, saved, masks)
            self.flat[:] = kept

        def _moved(self, start):
            """The weights after an update by the gradients there are."""
            c, g = self.config, self.flat_gradient
            if c.clip_value:
                g = np.clip(g, -c.clip_value, c.clip_value)
            rate = float(t.learning_rate(c, self.step))
            if c.weight_decay and c.optimizer != "adamw":
                g = g + c.weight_decay * start * self.decays
            slots = [slot.copy() for slot in self.slots.values()]
            return start - rate * t.OPTIMIZERS[c.optimizer](c, g, self.step + 1, *slots)

    t.MLP = Trapped


def _other_derivative(t: Any, at: str) -> None:
    def change(f, derivative):
        return {
            "left out": lambda z, a: np.ones_like(z),
            "taken twice": lambda z, a: derivative(z, a) ** 2,
            "of the output in place of the input": lambda z, a: derivative(a, f(a)),
            "with the input where the output is meant": lambda z, a: derivative(z, z),
        }[at]

    t.ACTIVATIONS = {name: (f, change(f, derivative)) for name, (f, derivative) in t.ACTIVATIONS.items()}


def _activated_on_way_back(t: Any) -> None:
    """The activation itself of the gradient that comes back, in place of its derivative times it."""

    class Trapped(t.MLP):
        def _backward(self, d, saved, masks):
            activations = self.config.by_layer("activation")
            for i in reversed(range(len(saved))):
                a, z, _, _ = saved[i]
                dW, db = self.gradient_layers[i]
                if z is not None:
                    d = d @ self.layers[i + 1][0].T
                    d = t.ACTIVATIONS[activations[i]][0](d * masks[i] if masks else d)
                dW[:], db[:] = a.T @ d, d.sum(axis=0)

    t.MLP = Trapped


def _straight_back(t: Any) -> None:
    """The error goes back through the weights as they are, where their transposes are meant."""

    class Trapped(t.MLP):
        def _backward(self, d, saved, masks):
            turned = [layer[0] for layer in self.layers if layer[0].shape[0] == layer[0].shape[1]]
            for W in turned:
                W[:] = W.T.copy()
            super()._backward(d, saved, masks)
            for W in turned:
                W[:] = W.T.copy()

    t.MLP = Trapped


def _has_square_layer(config: Config, plan: Plan) -> bool:
    """Whether a matrix that an error goes back through is square."""
    sizes = config.layer_sizes[1:]
    return any(n == m for n, m in itertools.pairwise(sizes))


def _output_derivative(t: Any, once_more: bool) -> None:
    def of_sigmoid(z):
        p = (np.tanh(z / 2) + 1) / 2
        return p * (1 - p)

    def changed(original):
        def loss(c, z, y):
            terms, d = original(c, z, y)
            return terms, d * of_sigmoid(z) if once_more else d / of_sigmoid(z)

        return loss

    names = ("binary_cross_entropy", "softmax_cross_entropy") if once_more else ("sigmoid_mse",)
    t.LOSSES = t.LOSSES | {name: changed(t.LOSSES[name]) for name in names}


def _masks_forward_only(t: Any) -> None:
    class Trapped(t.MLP):
        def _backward(self, d, saved, masks):
            super()._backward(d, saved, None)

    t.MLP = Trapped


_SOURCE = "Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, 1986"

TRAPS = [
    Trap(
        "bias-gradient-over-units",
        "gradient",
        "All biases of a layer move by one and the same amount; its weights agree",
        "np.sum(dz) without an axis is one number for the whole layer, which then is added to every bias; "
        "dz.sum(axis=0) is a number for each unit.",
        f"numpy.sum (axis=None); {_SOURCE}",
        "loss.backward()  # it keeps units apart; by hand dz.sum(0)",
        "tape.gradient(loss, model.trainable_variables)  # it keeps units apart; by hand ops.sum(dz, axis=0)",
        when(_has_wide_layer),
        _bias_over_units,
        variants={f"in {which}": {"which": which} for which in ("every layer", "the hidden layers", "the last layer")},
    ),
    Trap(
        "bias-gradient-averaged",
        "gradient",
        "Biases move by one over the batch size of what they should; weights agree",
        "dz holds the mean over the batch already, and its mean over the samples divides once more.",
        f"numpy.mean; {_SOURCE}",
        "loss.backward()  # by hand dz.sum(0), where dz is of the mean loss",
        "tape.gradient(loss, model.trainable_variables)  # by hand ops.sum(dz, axis=0)",
        always,
        _bias_averaged,
    ),
    Trap(
        "gradient-not-averaged",
        "gradient",
        "The loss agrees, its gradient is larger or smaller by the batch size",
        "The loss is averaged over the batch and its gradient is summed, or the reverse: the division by the number of "
        "samples was forgotten on one side, or done on both.",
        _SOURCE,
        "loss.backward()  # the gradient is that of the loss; by hand / len(x) in both or in neither",
        "tape.gradient(loss, model.trainable_variables)  # by hand / len(x) in both or in neither",
        always,
        _summed,
        variants={
            "summed, the loss averaged": {"what": "summed gradient"},
            "averaged once more": {"what": "averaged gradient"},
            "only the loss summed": {"what": "summed loss"},
            "only the loss averaged once more": {"what": "averaged loss"},
        },
    ),
    Trap(
        "gradient-through-updated-weights",
        "gradient",
        "The last layer agrees, the layers before it differ by a share of about the learning rate",
        "A loop that updates each layer on its way back sends the error to the layer before through weights that have "
        "moved already. All gradients come first, then all updates.",
        _SOURCE,
        "loss.backward(); optimizer.step()  # all gradients, then all updates",
        "gradients = tape.gradient(loss, variables); optimizer.apply(gradients, variables)  # in this order",
        when(has_hidden, _without_norm, clip_norm=None),
        _after_later_layers,
    ),
    Trap(
        "derivative-of-activation",
        "gradient",
        "The last layer agrees, gradients before it differ",
        "The derivative of a hidden activation is left out, taken twice, or taken of the wrong one of its input z and "
        "its output a: a * (1 - a) is the sigmoid's from its output, and takes no z.",
        _SOURCE,
        "loss.backward()  # by hand torch.sigmoid(z) * (1 - torch.sigmoid(z)), of z once",
        "tape.gradient(loss, model.trainable_variables)  # by hand a * (1 - a) for a = ops.sigmoid(z)",
        when(has_hidden),
        _other_derivative,
        variants={
            name: {"at": name}
            for name in (
                "left out",
                "taken twice",
                "of the output in place of the input",
                "with the input where the output is meant",
            )
        },
    ),
    Trap(
        "activation-of-gradient",
        "gradient",
        "The last layer agrees, gradients before it differ, mostly in their signs",
        "The activation is called on the gradient that comes back: relu(d) drops the negative ones, where the "
        "derivative drops those of units that were off.",
        _SOURCE,
        "loss.backward()  # by hand d * (z > 0) for ReLU, never relu(d)",
        "tape.gradient(loss, model.trainable_variables)  # by hand d * ops.cast(z > 0, d.dtype), never ops.relu(d)",
        when(has_hidden, _without_norm),
        _activated_on_way_back,
    ),
    Trap(
        "weights-not-turned-in-way-back",
        "gradient",
        "The last layers agree, gradients before a square layer differ",
        "The error goes back through W.T. Where a layer is as wide as the next one, W fits as well, and nothing "
        "complains.",
        _SOURCE,
        "loss.backward()  # by hand d @ W.T for z = a @ W + b",
        "tape.gradient(loss, model.trainable_variables)  # by hand d @ ops.transpose(W) for z = a @ W + b",
        when(has_hidden, _has_square_layer),
        _straight_back,
    ),
    Trap(
        "derivative-of-output",
        "gradient",
        "The loss agrees, every gradient differs by the sigmoid's slope at the outputs",
        "Under a cross-entropy the slope of the sigmoid or softmax cancels, and p - y is the whole error; under a "
        "squared error it stays, 2 * (p - y) * p * (1 - p). Text and code mix the two.",
        _SOURCE,
        "loss.backward()  # by hand (p - y) / n under a cross-entropy",
        "tape.gradient(loss, model.trainable_variables)  # by hand (p - y) / n under a cross-entropy",
        when(loss=("binary_cross_entropy", "softmax_cross_entropy", "sigmoid_mse")),
        _output_derivative,
        variants={
            "taken under a cross-entropy": {"once_more": True},
            "left out under a squared error": {"once_more": False},
        },
    ),
    Trap(
        "dropout-not-in-way-back",
        "gradient",
        "Loss and the last layer agree, gradients of dropped units are not 0",
        "The mask that was multiplied in the forward pass has to be multiplied in the way back too.",
        "Srivastava et al., Dropout, 2014",
        "loss.backward()  # by hand da = da * mask",
        "tape.gradient(loss, model.trainable_variables)  # by hand da = da * mask",
        lambda config, plan: bool(config.dropout) and has_hidden(config, plan),
        _masks_forward_only,
    ),
]
