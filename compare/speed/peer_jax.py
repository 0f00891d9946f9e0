"""The same network in JAX: a compiled step called for every batch, or an epoch of steps in one compiled scan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)  # Else float64 is taken for float32; arrays of float32 stay what they are.
jax.config.update("jax_cpu_enable_async_dispatch", False)  # Else one thread becomes two: Python's and the step's.

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # of Adam, as the templates have them


class MLP:
    """As much of a template as timing needs: relu layers under a cross-entropy, sgd or Adam."""

    def __init__(self, config: dict[str, Any], params: list):
        self.dtype = config["dtype"]
        self.params_now = self._arrays(params)
        slots = [jax.tree.map(jnp.zeros_like, self.params_now) for _ in range(2 * (config["optimizer"] == "adam"))]
        self.rest = (slots, jnp.zeros((), jnp.int32))  # what the optimizer remembers, and the steps done
        step = partial(_step, config["loss"], config["learning_rate"])
        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.epoch = jax.jit(partial(_epoch, step), donate_argnums=(0, 1))
        self.classes = jax.jit(partial(_classes, config["loss"]))

    def _arrays(self, params: list) -> list:
        return [(jnp.array(W, self.dtype), jnp.array(b, self.dtype)) for W, b in params]

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int,
        batch_size: int,
        order: Callable[[int], np.ndarray],
        verbose: bool = False,
        fast: bool = False,
    ) -> dict[str, list[float]]:
        """Train as a template's `fit` does; `fast` makes an epoch one compiled function."""
        inputs, targets = jnp.asarray(x, self.dtype), jnp.asarray(y, jnp.int32)
        history = []
        for epoch in range(epochs):
            samples = np.asarray(order(epoch), np.int32)
            whole = len(samples) // batch_size * batch_size if fast else 0
            losses: list[tuple[int, jax.Array]] = []
            if whole:
                batches = samples[:whole].reshape(-1, batch_size)
                self.params_now, self.rest, loss = self.epoch(self.params_now, self.rest, inputs, targets, batches)
                losses.append((whole, loss))
            for start in range(whole, len(samples), batch_size):
                batch = samples[start : start + batch_size]
                self.params_now, self.rest, loss = self.step(self.params_now, self.rest, inputs, targets, batch)
                losses.append((len(batch), loss))
            history.append(sum(count * float(loss) for count, loss in losses) / len(samples))
        return {"loss": history}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Class ids (N,)."""
        return np.asarray(self.classes(self.params_now, jnp.asarray(x, self.dtype)))

    @property
    def params(self) -> list:
        return [(np.asarray(W), np.asarray(b)) for W, b in self.params_now]

    def set_params(self, params: list) -> None:
        self.params_now = self._arrays(params)


def _forward(params: list, x: jax.Array) -> jax.Array:
    for W, b in params[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = params[-1]
    return x @ W + b


def _classes(loss: str, params: list, x: jax.Array) -> jax.Array:
    z = _forward(params, x)
    return z.argmax(axis=1) if loss == "softmax_cross_entropy" else (z[:, 0] > 0).astype(jnp.int32)


def _loss(loss: str, params: list, x: jax.Array, y: jax.Array) -> jax.Array:
    """The batch's mean cross-entropy."""
    z = _forward(params, x)
    if loss == "softmax_cross_entropy":
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
    return (jax.nn.softplus(z[:, 0]) - y.astype(z.dtype) * z[:, 0]).mean()


def _step(loss: str, rate: float, params: list, rest: tuple, x: jax.Array, y: jax.Array, batch: jax.Array) -> tuple:
    """One update from the samples of `batch`: parameters, the optimizer's memory, and the loss before it."""
    value, gradients = jax.value_and_grad(partial(_loss, loss))(params, x[batch], y[batch])
    slots, t = rest
    t, direction = t + 1, gradients
    if slots:  # Adam (Kingma and Ba, 2015, algorithm 1)
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, slots[0], gradients)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, slots[1], gradients)
        c1, c2 = (1 - beta ** t.astype(value.dtype) for beta in (BETA1, BETA2))
        direction = jax.tree.map(lambda m, v: (m / c1) / (jnp.sqrt(v / c2) + EPSILON), m, v)
        slots = [m, v]
    return jax.tree.map(lambda w, d: w - rate * d, params, direction), (slots, t), value


def _epoch(step: Callable, params: list, rest: tuple, x: jax.Array, y: jax.Array, batches: jax.Array) -> tuple:
    """A step for each row of `batches`, and the mean of their losses."""

    def one(carried: tuple, batch: jax.Array) -> tuple:
        params, rest, loss = step(*carried, x, y, batch)
        return (params, rest), loss

    every: jax.Array
    (params, rest), every = jax.lax.scan(one, (params, rest), batches)
    return params, rest, every.mean()
