"""Many trainings at once: S networks of one configuration as one stack, for experiments over seeds.

One small network's step is all overhead: some thirty NumPy calls on a few numbers each. A stack makes the same calls
on S networks, so that hundreds of seeds take little more time than one. The rules of loss, activation and optimizer
are the NumPy template's own; what is here is its forward and backward pass with an axis more, in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config


def stackable(rules: Any) -> bool:
    """Whether a stack can follow a changed copy of the template: its class is as ever, or only begins elsewhere."""
    changed = {name for kind in rules.MLP.__mro__[:-2] for name in vars(kind) if not name.startswith("__")}
    return changed <= {"state", "set_state"}


class Stack:
    """S networks of one Config from S starts, each `params` as a template has them.

    Everything of the Config is taken but dropout, whose masks belong to one network's generator: ValueError.
    `rules` is the NumPy template, or a copy of it with other tables, constants or functions; see `stackable`.
    """

    def __init__(self, config: Config, networks: Sequence[Layers], rules: Any = mlp_numpy):
        if config.dropout:
            raise ValueError("a stack has no dropout: train the networks one by one, or set dropout to 0")
        self.config, self.rules, self.size, self.step = config, rules, len(networks), 0
        shapes = mlp_numpy.param_shapes(config)
        self.flat = np.array([np.concatenate([np.ravel(a) for layer in n for a in layer]) for n in networks])
        self.flat = self.flat.astype(config.dtype)  # (S, P)
        self.gradient = np.zeros_like(self.flat)
        self.layers, self.gradient_layers = self._views(self.flat), self._views(self.gradient)
        first = rules.MLP(config, networks[0])
        first.set_state(first.state)  # A changed copy may begin with another state.
        self.slots = [np.tile(slot, (self.size, 1)) for slot in first.slots.values()]  # (S, P) each
        self.decays = np.concatenate([np.full(np.prod(s, dtype=int), len(s) == 2) for layer in shapes for s in layer])
        units = [self.size * n for n in config.layer_sizes[1:-1]] if config.batch_norm else []
        self.running = [(np.zeros(n, config.dtype), np.ones(n, config.dtype)) for n in units]

    def _views(self, flat: np.ndarray) -> Layers:
        """W (S, in, out), b (S, 1, out) and, with batch_norm, g (S, 1, out) of each layer, in (S, P)."""
        layers, start = [], 0
        for shapes in mlp_numpy.param_shapes(self.config):
            layer = []
            for shape in shapes:
                stop = start + int(np.prod(shape))
                layer.append(flat[:, start:stop].reshape(self.size, *((1,) * (2 - len(shape))), *shape))
                start = stop
            layers.append(tuple(layer))
        return layers

    @property
    def params(self) -> list[Layers]:
        """Each network's parameters, as a template has them."""
        shapes = mlp_numpy.param_shapes(self.config)
        return [
            [
                tuple(a[s].reshape(shape).copy() for a, shape in zip(layer, of, strict=True))
                for layer, of in zip(self.layers, shapes, strict=True)
            ]
            for s in range(self.size)
        ]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Outputs (S, N, out) as in evaluation, from x (N, in) for all or (S, N, in)."""
        return self._forward(x, training=False)[0]

    def _forward(self, x: np.ndarray, training: bool) -> tuple[np.ndarray, list]:
        a, saved = x, []
        for i, name in enumerate(self.config.by_layer("activation")):
            (W, b, *scale), (activation, _) = self.layers[i], self.rules.ACTIVATIONS[name]
            z, norm = a @ W, None  # (S, B, H)
            if scale:
                norm = self._normalise(z, self.running[i], training)
                z = norm[0] * scale[0]
            z += b
            out = activation(z)
            saved.append((a, z, out, norm))
            a = out
        W, b = self.layers[-1]
        return a @ W + b, [*saved, (a, None, None, None)]

    def _normalise(self, z: np.ndarray, running: tuple, training: bool) -> tuple[np.ndarray, np.ndarray]:
        """The template's own on (B, S·H), the networks' units side by side: (S, B, H) and (S, 1, H)."""
        side_by_side = z.swapaxes(0, 1).reshape(z.shape[1], -1)
        normalised, inverse = self.rules._normalise(side_by_side, running, training)
        shape = (z.shape[1], self.size, z.shape[2])
        return normalised.reshape(shape).swapaxes(0, 1), inverse.reshape(self.size, 1, -1)

    def _backward(self, d: np.ndarray, saved: list) -> None:
        activations = self.config.by_layer("activation")
        for i in reversed(range(len(saved))):
            a, z, out, norm = saved[i]
            dW, db, *dscale = self.gradient_layers[i]
            if z is not None:
                d = d @ self.layers[i + 1][0].swapaxes(1, 2)  # (S, B, H)
                d *= self.rules.ACTIVATIONS[activations[i]][1](z, out)
            d.sum(axis=1, keepdims=True, out=db)
            if norm:
                normalised, inverse = norm
                dscale[0][:] = (d * normalised).sum(axis=1, keepdims=True)
                n = d.shape[1]
                d = (d - db / n - normalised * (dscale[0] / n)) * (self.layers[i][2] * inverse)
            np.matmul(a.swapaxes(-1, -2), d, out=dW)

    def _losses(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The loss of every network's batch, (S,), and its gradient for z, (S, B, out); y is (S, B) or (S, B, out)."""
        c, rows = self.config, z.reshape(-1, z.shape[-1])
        classes = c.loss == "softmax_cross_entropy"
        y = np.broadcast_to(y, z.shape[:2]).ravel() if classes else np.reshape(y, rows.shape)
        terms, d = self.rules.LOSSES[c.loss](c, rows, y)
        terms, d = terms.reshape(self.size, -1), d.reshape(z.shape)
        total = np.full(self.size, float(terms.shape[1]))
        if c.class_weights:
            weight = np.array(c.class_weights, z.dtype)[y.astype(int).reshape(self.size, -1)]  # (S, B)
            terms, d, total = terms * weight, d * weight[..., None], weight.sum(axis=1)
        share = (1 / total if c.reduction == "mean" else np.ones(self.size)).astype(z.dtype)
        return share * terms.sum(axis=1), share[:, None, None] * d

    def losses(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Every network's loss as in evaluation, (S,); x (N, in) and y are the same for all."""
        return self._losses(self.forward(x), np.broadcast_to(y, (self.size, *y.shape)))[0]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """What every network predicts, as the template does, (S, N) or (S, N, O)."""
        return np.array([self.rules.decide(self.config, z) for z in self.forward(x)])

    def train_step(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """One update of every network; the losses before it, (S,). x is (S, B, in), or (B, in) for all; y likewise."""
        c, w = self.config, self.flat
        z, saved = self._forward(x, training=True)
        y = y if y.shape[: x.ndim - 1] == x.shape[:-1] and x.ndim == 3 else np.broadcast_to(y, (self.size, *y.shape))
        losses, d = self._losses(z, y)
        self._backward(d, saved)
        g = self.gradient
        if c.clip_value:
            g = np.clip(g, -c.clip_value, c.clip_value)
        if c.clip_norm:
            g = g * (c.clip_norm / np.maximum(c.clip_norm, np.sqrt((g * g).sum(axis=1, keepdims=True))))
        rate = float(self.rules.learning_rate(c, self.step))
        self.step += 1
        if c.optimizer == "adamw":
            w -= rate * c.weight_decay * w * self.decays
        elif c.weight_decay:
            g = g + c.weight_decay * w * self.decays
        w -= rate * self.rules.OPTIMIZERS[c.optimizer](c, g, self.step, *self.slots)
        return losses

    def fit(
        self, x: np.ndarray, y: np.ndarray, epochs: int, batch_size: int, orders: Callable[[int], np.ndarray]
    ) -> np.ndarray:
        """Train every network on x (N, in) and y for some epochs; the mean losses, (epochs, S).

        `orders(epoch)` gives the order of the samples for each network, (S, N).
        """
        history = np.zeros((epochs, self.size))
        for epoch in range(epochs):
            samples = np.asarray(orders(epoch))
            for start in range(0, len(x), batch_size):
                batch = samples[:, start : start + batch_size]
                history[epoch] += batch.shape[1] * self.train_step(x[batch], y[batch])
        return history / len(x)
