"""A multi-layer perceptron in NumPy, with its gradients and optimizers written out.

Copy this file: it needs NumPy and nothing else. `mlp_torch.py` and `mlp_keras.py` hold the same network under the
same names in the same order, so that a diff of two of the files shows only what a framework does for you.

Without the options, for two inputs and one hidden layer, a step of gradient descent is this:

    a = np.maximum(x @ W1 + b1, 0)                     # forward: hidden layer (B, H), relu
    z = a @ W2 + b2                                    # outputs (B, 1)
    loss = ((z - y) ** 2).mean()                       # mean squared error
    dz = 2 * (z - y) / len(x)                          # backward: the chain rule, from the loss to the weights
    da = dz @ W2.T * (a > 0)
    for p, g in (W1, x.T @ da), (b1, da.sum(axis=0)), (W2, a.T @ dz), (b2, dz.sum(axis=0)):
        p -= 0.01 * g                                  # update

With them, for layers of any number and size:

    model = MLP(Config(layer_sizes=(2, 8, 1), loss="binary_cross_entropy", optimizer="adam", learning_rate=0.05))
    model.fit(x, y, epochs=300)        # x (N, 2), y (N,) of 0 and 1
    model.predict(x)                   # (N,) of 0 and 1
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Config:
    """What to build and how to train it: the same fields, defaults and meanings in all three files."""

    layer_sizes: tuple[int, ...] = (2, 8, 1)  # Inputs, hidden layers, outputs.
    activation: str = "relu"  # After every hidden layer: relu, sigmoid, tanh, leaky_relu, elu, gelu, silu, softplus.
    loss: str = "mse"  # mse, sigmoid_mse, huber, binary_cross_entropy, softmax_cross_entropy; the last two on logits.
    reduction: str = "mean"  # How a batch's losses become one number: mean, or sum.
    label_smoothing: float = 0.0  # Share of a cross-entropy's target that is spread evenly over the classes.
    class_weights: tuple[float, ...] | None = None  # A class's weight in the mean of a cross-entropy.
    optimizer: str = "sgd"  # sgd, momentum, nesterov, rmsprop, adagrad, adam, adamw.
    learning_rate: float = 0.01  # Step size, before the schedule.
    momentum: float = 0.9  # Share of the velocity kept at each step, for momentum and nesterov.
    beta1: float = 0.9  # Share of the first moment kept at each step, for adam and adamw.
    beta2: float = 0.999  # Share of the second moment kept at each step, for adam, adamw and rmsprop.
    epsilon: float = 1e-8  # Added to the root of the second moment: m / (sqrt(v) + epsilon).
    weight_decay: float = 0.0  # L2: added to the gradient of the weight matrices; adamw shrinks them instead.
    clip_value: float | None = None  # Limit of every gradient entry.
    clip_norm: float | None = None  # Limit of the norm of all gradients together.
    schedule: str = "constant"  # Of the learning rate: constant, step, exponential, cosine, warmup.
    schedule_steps: int = 100  # The schedule's length in steps.
    schedule_rate: float = 0.5  # What step and exponential multiply the learning rate by in schedule_steps.
    dropout: float = 0.0  # Share of hidden outputs set to zero in training.
    batch_norm: bool = False  # Normalise every hidden layer over the batch, before its activation.
    dtype: str = "float32"  # Of parameters and data: float32 or float64.
    seed: int = 0  # Draws the initial weights, the order of the batches and the dropout masks, where none are given.

    def __post_init__(self) -> None:
        check_config(self)


class MLP:
    """A multi-layer perceptron: dense layers with an activation between them.

    `params` is [(W (in, out), b (out,)), ...], the initial weights; without it they are drawn from config.seed.
    With batch_norm a hidden layer is (W, b, g): the normalised values are scaled by g and shifted by b.
    """

    def __init__(self, config: Config, params: list[tuple[np.ndarray, ...]] | None = None):
        self.config = config
        self.dtype = np.dtype(config.dtype)
        self.step = 0
        # One flat vector with a view per layer: an optimizer's update is a few array operations, whatever the depth.
        shapes = param_shapes(config)
        size = sum(math.prod(shape) for layer in shapes for shape in layer)
        self.flat, self.flat_gradient, self.change = np.zeros((3, size), self.dtype)
        self.layers, self.gradient_layers = _split(self.flat, config), _split(self.flat_gradient, config)
        self.slots = {name: np.zeros(size, self.dtype) for name in SLOTS[config.optimizer]}
        self.decays = _flatten([[np.full(shape, len(shape) == 2) for shape in layer] for layer in shapes])
        self.running = [(np.zeros(n, self.dtype), np.ones(n, self.dtype)) for n in config.layer_sizes[1:-1]]
        self.random = np.random.default_rng(config.seed)
        self.set_params(init_params(config) if params is None else params)

    # The network ------------------------------------------------------------------------------------------------

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The last layer's linear outputs (the logits, under a cross-entropy), shape (B, layer_sizes[-1])."""
        return self._forward(check_data(self.config, x)[0])[0]

    def _forward(self, x: np.ndarray, training: bool = False, masks: list | None = None) -> tuple[np.ndarray, list]:
        """The outputs, and what each hidden layer leaves for the way back."""
        activation, _ = ACTIVATIONS[self.config.activation]
        a, saved = x, []  # (B, in)
        for i, (W, b, *scale) in enumerate(self.layers[:-1]):
            z, norm = a @ W, None  # (B, H)
            if scale:
                norm = _normalise(z, self.running[i], training)  # (B, H) normalised, (H,) inverse deviation
                z = norm[0] * scale[0]
            z += b
            out = activation(z)  # (B, H)
            saved.append((a, z, out, norm))
            a = out * masks[i] if masks else out
        W, b = self.layers[-1]
        return a @ W + b, [*saved, (a, None, None, None)]  # (B, O)

    def _backward(self, d: np.ndarray, saved: list, masks: list | None) -> None:
        """Fill `gradient_layers`, from d, the gradient of the loss for the outputs, (B, O)."""
        _, derivative = ACTIVATIONS[self.config.activation]
        for i in reversed(range(len(saved))):
            a, z, out, norm = saved[i]
            dW, db, *dscale = self.gradient_layers[i]
            if z is not None:  # A hidden layer: from its output back to its linear part.
                d = d @ self.layers[i + 1][0].T  # (B, H)
                d *= derivative(z, out)
                if masks:
                    d *= masks[i]
            d.sum(axis=0, out=db)
            if norm:
                # The batch's mean and variance depend on z too: the two subtracted terms (Ioffe and Szegedy, 2015).
                normalised, inverse = norm
                dscale[0][:] = (d * normalised).sum(axis=0)
                d = (d - db / len(d) - normalised * (dscale[0] / len(d))) * (self.layers[i][2] * inverse)
            np.matmul(a.T, d, out=dW)  # Straight into its place: no copy as large as the weights.

    def _backpropagate(self, x: np.ndarray, y: np.ndarray, masks: list | None) -> float:
        """Fill `gradient_layers`, and return the training loss."""
        masks = check_masks(self.config, masks, len(x))
        if masks is None and self.config.dropout:
            masks = self._draw_masks(len(x))
        z, saved = self._forward(x, training=True, masks=masks)
        loss, d = _batch_loss(self.config, z, y)
        self._backward(d, saved, masks)
        return loss

    def _draw_masks(self, batch_size: int) -> list[np.ndarray]:
        """A dropout mask for every hidden layer: 0, or 1 / (1 - dropout) so that the expected output stays."""
        keep, hidden = 1 - self.config.dropout, self.config.layer_sizes[1:-1]
        return [((self.random.random((batch_size, h)) < keep) / keep).astype(self.dtype) for h in hidden]

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """The loss of a batch as in evaluation: no dropout, running statistics; without the weight decay."""
        x, y = check_data(self.config, x, y)
        return _batch_loss(self.config, self._forward(x)[0], y)[0]

    def gradients(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, list]:
        """The training loss and its gradient for every parameter, in the layout of `params`; nothing is updated.

        `masks` are the dropout masks of the hidden layers, (B, H) each, of 0 and 1 / (1 - dropout).
        """
        running = _copy(self.running)
        loss = self._backpropagate(*check_data(self.config, x, y, training=True), masks)
        self.running = running  # A forward pass in training had moved them.
        return loss, _copy(self.gradient_layers)

    # Training ---------------------------------------------------------------------------------------------------

    def train_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> float:
        """Make one update, and return the training loss of the batch before it."""
        return self._train_step(*check_data(self.config, x, y, training=True), masks)

    def _train_step(self, x: np.ndarray, y: np.ndarray, masks: list | None) -> float:
        loss = self._backpropagate(x, y, masks)
        c, w, g = self.config, self.flat, self.flat_gradient
        if c.clip_value:
            g = np.clip(g, -c.clip_value, c.clip_value)
        if c.clip_norm:
            g = g * (c.clip_norm / max(c.clip_norm, math.sqrt(g @ g)))
        rate = float(learning_rate(c, self.step))  # A NumPy float64 would make a float32 step float64.
        self.step += 1
        if c.optimizer == "adamw":
            w -= rate * c.weight_decay * w * self.decays
        elif c.weight_decay:
            g = g + c.weight_decay * w * self.decays
        direction = OPTIMIZERS[c.optimizer](c, g, self.step, *self.slots.values())
        w -= np.multiply(direction, rate, out=self.change)  # A kept buffer spares a new array as large as the weights.
        return loss

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        order: Callable[[int], np.ndarray] | None = None,
        masks: Callable[[int, int], list] | None = None,
        validation_data: tuple[np.ndarray, np.ndarray] | None = None,
        patience: int | None = None,
        verbose: bool = True,
        fast: bool = False,
    ) -> dict[str, list[float]]:
        """Train for some epochs over mini-batches, the last partial batch included, and return the history.

        `order(epoch)` gives the order of the samples, `masks(step, batch size)` the dropout masks; without them both
        are drawn from config.seed. With `patience`, training stops after that many epochs without a lower validation
        loss, and the weights of the best epoch are kept.

        `fast` trains the same in less time, after some seconds for compiling: in PyTorch several steps, in Keras on
        TensorFlow an epoch. NumPy has nothing to compile. With given masks, and in PyTorch with dropout or batch_norm,
        steps are made one by one as ever.
        """
        x, y = check_data(self.config, x, y)
        check_fit(self.config, len(x), epochs, batch_size, validation_data, patience)
        order = order or (lambda epoch: batch_order(len(x), self.config.seed, epoch))
        history: dict[str, list[float]] = {}
        best, best_loss, best_epoch = None, math.inf, 0
        for epoch in range(epochs):
            total = 0.0
            samples = np.asarray(order(epoch))
            for start in range(0, len(samples), batch_size):
                batch = samples[start : start + batch_size]
                step_masks = masks(self.step, len(batch)) if masks else None
                # take is x[batch] in a third of the time, where batches are small.
                total += len(batch) * self._train_step(x.take(batch, axis=0), y.take(batch, axis=0), step_masks)
            record = {"loss": total / len(x)}
            if validation_data:
                record |= {f"val_{name}": value for name, value in self.evaluate(*validation_data).items()}
            for name, value in record.items():
                history.setdefault(name, []).append(value)
            if verbose:
                show_progress(epoch, epochs, record)
            if patience and record["val_loss"] < best_loss:
                best, best_loss, best_epoch = (self.params, _copy(self.running)), record["val_loss"], epoch
            if patience and epoch - best_epoch >= patience:
                break
        if verbose:
            print()
        if best:
            self.set_params(best[0])
            self.running = best[1]
        return history

    # Use --------------------------------------------------------------------------------------------------------

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Under a cross-entropy class ids (N,), or 0 and 1 for each of several labels (N, O); otherwise values."""
        return decide(self.config, self.forward(x))

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The loss over all of x and y, and under a cross-entropy the accuracy: the share that `predict` gets right."""
        result = {"loss": self.loss(x, y)}
        if self.config.loss.endswith("cross_entropy"):
            result["accuracy"] = float(np.mean(self.predict(x) == y))
        return result

    # Parameters and optimizer state, copied out and in -----------------------------------------------------------

    @property
    def params(self) -> list[tuple[np.ndarray, ...]]:
        """[(W (in, out), b (out,)), ...]; with batch_norm, (W, b, g (out,)) for a hidden layer."""
        return _copy(self.layers)

    def set_params(self, params: list[tuple[np.ndarray, ...]]) -> None:
        """Take these parameters, in the layout of `params`; ValueError if they do not fit."""
        check_layers(params, param_shapes(self.config), "parameters")
        self.flat[:] = _flatten(params)

    @property
    def state(self) -> dict:
        """What training carries besides the parameters: {"step": int, slot: the layout of `params`, ...}.

        With batch_norm also {"running": [(mean (H,), variance (H,)), ...]}, a pair for each hidden layer.
        """
        slots = {name: _copy(_split(slot, self.config)) for name, slot in self.slots.items()}
        running = {"running": _copy(self.running)} if self.config.batch_norm else {}
        return {"step": self.step, **slots, **running}

    def set_state(self, state: dict) -> None:
        """Take this state, in the layout of `state`; ValueError if it does not fit."""
        check_state(self.config, state)
        self.step = state["step"]
        for name, slot in self.slots.items():
            slot[:] = _flatten(state[name])
        if self.config.batch_norm:
            self.running = [tuple(np.array(a, self.dtype) for a in pair) for pair in state["running"]]

    def save(self, path: str | os.PathLike) -> None:
        """Write config, parameters and state to one safetensors file, which all three templates read."""
        write_checkpoint(path, self.config, self.params, self.state)

    @classmethod
    def load(cls, path: str | os.PathLike) -> MLP:
        """The model that `save` wrote, here or in another template; ValueError if the file is not sound."""
        config, params, state = read_checkpoint(path)
        model = cls(config, params)
        model.set_state(state)
        return model


# What NumPy does not bring: activations, losses and optimizers, each with the formula it stands for ------------------


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), written so that exp never overflows."""
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    """The standard normal's distribution function; NumPy has no erf, so this one is slow."""
    return (1 + np.frompyfunc(math.erf, 1, 1)(z / math.sqrt(2)).astype(z.dtype)) / 2


# Each activation a = f(z), and its derivative from z and a, all (B, H).
ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: z > 0),
    "sigmoid": (_sigmoid, lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, a: np.where(z > 0, 1, 0.01 * np.ones_like(z))),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z, a: np.where(z > 0, 1, a + 1)),
    "gelu": (
        lambda z: z * _normal_cdf(z),
        lambda z, a: _normal_cdf(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "silu": (lambda z: z * _sigmoid(z), lambda z, a: _sigmoid(z) * (1 + z - a)),
    "softplus": (lambda z: np.logaddexp(z, 0), lambda z, a: _sigmoid(z)),
}


def _mse(c: Config, z: np.ndarray, y: np.ndarray):
    return (z - y) ** 2, 2 * (z - y)


def _sigmoid_mse(c: Config, z: np.ndarray, y: np.ndarray):
    p = _sigmoid(z)
    return (p - y) ** 2, 2 * (p - y) * p * (1 - p)


def _huber(c: Config, z: np.ndarray, y: np.ndarray):
    r = z - y
    return np.where(np.abs(r) <= 1, r * r / 2, np.abs(r) - 0.5), np.clip(r, -1, 1)


def _binary_cross_entropy(c: Config, z: np.ndarray, y: np.ndarray):
    if c.label_smoothing:
        y = y * (1 - c.label_smoothing) + c.label_smoothing / 2
    return np.logaddexp(z, 0) - y * z, _sigmoid(z) - y


def _softmax_cross_entropy(c: Config, z: np.ndarray, y: np.ndarray):
    target = _class_targets(z.shape[1], c.label_smoothing, z.dtype).take(y, axis=1)  # (O, B)
    z = z.T.copy()  # (O, B): down columns NumPy takes maxima and sums three times as fast as along short rows.
    z -= z.max(axis=0)  # So that exp cannot overflow; the softmax stays the same.
    p = np.exp(z)
    total = p.sum(axis=0)  # (B,)
    p /= total
    terms = np.log(total) - np.vecdot(target, z, axis=0)  # (B,), since a target sums to 1.
    p -= target
    return terms[:, None], p.T


@lru_cache
def _class_targets(classes: int, smoothing: float, dtype: np.dtype) -> np.ndarray:
    """Each class's target, a column: 1 for the class, less what is spread evenly; kept, since every step needs it."""
    return ((1 - smoothing) * np.eye(classes) + smoothing / classes).astype(dtype)


# Each loss from outputs z (B, O) and targets y: its terms, (B, O) or (B, 1), and their gradients for z, (B, O).
LOSSES: dict[str, Callable] = {
    "mse": _mse,
    "sigmoid_mse": _sigmoid_mse,
    "huber": _huber,
    "binary_cross_entropy": _binary_cross_entropy,
    "softmax_cross_entropy": _softmax_cross_entropy,
}


def _batch_loss(c: Config, z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss of a batch, and its gradient for z, (B, O)."""
    terms, d = LOSSES[c.loss](c, z, y)
    total = terms.size
    if c.class_weights:
        weight = np.array(c.class_weights, z.dtype)[y.astype(int).reshape(len(y), 1)]  # (B, 1)
        terms, d, total = terms * weight, d * weight, float(weight.sum())
    share = 1 / total if c.reduction == "mean" else 1.0
    return share * float(terms.sum()), share * d


def _normalise(z: np.ndarray, running: tuple, training: bool) -> tuple[np.ndarray, np.ndarray]:
    """z (B, H) less its mean, over its deviation, and one over the deviation, (H,); training moves `running`.

    The batch is normalised with its biased variance, and the running variance takes the unbiased one, as in PyTorch.
    """
    mean, variance = running
    if training:
        batch_mean, batch_variance = z.mean(axis=0), z.var(axis=0)
        mean += NORM_MOMENTUM * (batch_mean - mean)
        variance += NORM_MOMENTUM * (batch_variance * (len(z) / (len(z) - 1)) - variance)
        mean, variance = batch_mean, batch_variance
    inverse = 1 / np.sqrt(variance + NORM_EPSILON)
    return (z - mean) * inverse, inverse


def _sgd(c: Config, g: np.ndarray, t: int) -> np.ndarray:
    """w -= lr * g."""
    return g


def _momentum(c: Config, g: np.ndarray, t: int, velocity: np.ndarray) -> np.ndarray:
    """b = momentum * b + g; w -= lr * b. PyTorch's: lr stays out of b, so that a schedule acts at once."""
    velocity *= c.momentum
    velocity += g
    return velocity


def _nesterov(c: Config, g: np.ndarray, t: int, velocity: np.ndarray) -> np.ndarray:
    """b = momentum * b + g; w -= lr * (g + momentum * b)."""
    return g + c.momentum * _momentum(c, g, t, velocity)


def _rmsprop(c: Config, g: np.ndarray, t: int, v: np.ndarray) -> np.ndarray:
    """v = beta2 * v + (1 - beta2) * g**2; w -= lr * g / (sqrt(v) + epsilon). PyTorch's: epsilon outside the root."""
    v += (1 - c.beta2) * (g * g - v)
    return g / (np.sqrt(v) + c.epsilon)


def _adagrad(c: Config, g: np.ndarray, t: int, total: np.ndarray) -> np.ndarray:
    """s += g**2; w -= lr * g / (sqrt(s) + epsilon). PyTorch's: s starts at 0, epsilon outside the root."""
    total += g * g
    return g / (np.sqrt(total) + c.epsilon)


def _adam(c: Config, g: np.ndarray, t: int, m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g**2;
    w -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon).

    Kingma and Ba (2015), algorithm 1, and PyTorch's; adamw shrinks w by lr * weight_decay * w before.
    """
    m += (1 - c.beta1) * (g - m)
    v += (1 - c.beta2) * (g * g - v)
    return (m / (1 - c.beta1**t)) / (np.sqrt(v / (1 - c.beta2**t)) + c.epsilon)


# Each optimizer from the gradient g, step t (from 1) and slots, which it updates: the direction, for w -= lr * it.
OPTIMIZERS: dict[str, Callable] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "adamw": _adam,
}


def _flatten(layers: list) -> np.ndarray:
    return np.concatenate([np.ravel(a) for layer in layers for a in layer])


def _split(flat: np.ndarray, config: Config) -> list[tuple[np.ndarray, ...]]:
    """The flat vector in the layout of `params`: views, so that writing to one writes to the other."""
    shapes = param_shapes(config)
    ends = np.cumsum([math.prod(shape) for layer in shapes for shape in layer])
    parts = iter(np.split(flat, ends[:-1]))
    return [tuple(next(parts).reshape(shape) for shape in layer) for layer in shapes]


def _copy(layers: list) -> list[tuple[np.ndarray, ...]]:
    return [tuple(a.copy() for a in layer) for layer in layers]


# The same text in all three files: what a configuration and data must be, the schedule, the order, the checkpoint ----

SLOTS = {  # What each optimizer remembers of a parameter.
    "sgd": (),
    "momentum": ("velocity",),
    "nesterov": ("velocity",),
    "rmsprop": ("second_moment",),
    "adagrad": ("square_sum",),
    "adam": ("first_moment", "second_moment"),
    "adamw": ("first_moment", "second_moment"),
}
SCHEDULES = ("constant", "step", "exponential", "cosine", "warmup")
NORM_EPSILON = 1e-5  # Added to the batch variance, under the root.
NORM_MOMENTUM = 0.1  # Weight of a new batch in the running mean and variance.
FORMAT = "mlp-rosetta checkpoint 1"


def learning_rate(config: Config, step: int, xp=np):
    """The learning rate of a step, counted from 0; xp is the module that computes it."""
    done = step / config.schedule_steps
    if config.schedule == "step":
        return config.learning_rate * config.schedule_rate ** xp.floor(done)
    if config.schedule == "exponential":
        return config.learning_rate * config.schedule_rate**done
    if config.schedule == "cosine":
        return config.learning_rate * (1 + xp.cos(np.pi * xp.minimum(done, 1.0))) / 2
    if config.schedule == "warmup":
        return config.learning_rate * xp.minimum(done + 1 / config.schedule_steps, 1.0)
    return config.learning_rate


def batch_order(samples: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(samples): a pure function of seed and epoch."""
    return np.random.default_rng([seed, epoch]).permutation(samples)


def param_shapes(config: Config) -> list[tuple]:
    """The shapes of `params`: ((in, out), (out,)) for each layer, and (out,) more for a batch-normalised one."""
    layers: list[tuple] = [((n, m), (m,)) for n, m in pairwise(config.layer_sizes)]
    return [(W, b, b) for W, b in layers[:-1]] + layers[-1:] if config.batch_norm else layers


def state_shapes(config: Config) -> dict[str, list[tuple]]:
    """The shapes in `state`: each optimizer slot as `params`, and with batch_norm ((H,), (H,)) a hidden layer."""
    running = {"running": [((n,), (n,)) for n in config.layer_sizes[1:-1]]} if config.batch_norm else {}
    return dict.fromkeys(SLOTS[config.optimizer], param_shapes(config)) | running


def init_params(config: Config) -> list[tuple[np.ndarray, ...]]:
    """W from N(0, 2 / in) (He et al., 2015), b = 0 and, with batch_norm, g = 1."""
    random = np.random.default_rng(config.seed)
    return [
        (random.normal(0, math.sqrt(2 / W[0]), W), np.zeros(b), *(np.ones(g) for g in scale))
        for W, b, *scale in param_shapes(config)
    ]


def decide(config: Config, z: np.ndarray) -> np.ndarray:
    """From outputs (N, O) to predictions: the likeliest class, 0 or 1 for each label, or the values themselves."""
    if config.loss == "softmax_cross_entropy":
        return z.argmax(axis=1)  # (N,)
    if config.loss == "binary_cross_entropy":
        z = (z > 0).astype(np.int64)
    if config.loss == "sigmoid_mse":
        z = (np.tanh(z / 2) + 1) / 2  # The sigmoid.
    return z[:, 0] if z.shape[1] == 1 else z


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def is_whole(value, least: int) -> bool:
    return isinstance(value, int) and value >= least


def check_config(c: Config) -> None:
    """ValueError with one line for the first field that makes no sense."""
    choices = {"activation": ACTIVATIONS, "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
    choices |= {"reduction": ("mean", "sum"), "dtype": ("float32", "float64")}
    for name, known in choices.items():
        value = getattr(c, name)
        require(value in tuple(known), f"{name} {value!r} is unknown: choose one of {', '.join(known)}")
    sizes = c.layer_sizes
    require(
        isinstance(sizes, (tuple, list)) and len(sizes) >= 2 and all(is_whole(n, 1) for n in sizes),
        f"layer_sizes {sizes} must be two or more whole numbers above 0: inputs, hidden layers, outputs",
    )
    for name in ("learning_rate", "epsilon", "schedule_rate", "clip_value", "clip_norm"):
        value = getattr(c, name)
        unset = value is None and name.startswith("clip")
        require(unset or (is_number(value) and value > 0), f"{name} {value!r} must be a number above 0, and finite")
    for name in ("momentum", "beta1", "beta2", "dropout", "label_smoothing"):
        value = getattr(c, name)
        require(is_number(value) and 0 <= value < 1, f"{name} {value!r} must be a number from 0 to below 1")
    require(c.momentum > 0 or c.optimizer not in ("momentum", "nesterov"), "momentum 0 is sgd: choose that optimizer")
    decay = c.weight_decay
    require(is_number(decay) and decay >= 0, f"weight_decay {decay!r} must be a number from 0 on, and finite")
    require(not (c.clip_value and c.clip_norm), "clip_value and clip_norm are both set: keep one of them")
    require(is_whole(c.schedule_steps, 1), f"schedule_steps {c.schedule_steps!r} must be a whole number from 1 on")
    require(is_whole(c.seed, 0), f"seed {c.seed!r} must be a whole number from 0 on")
    require(isinstance(c.batch_norm, bool), f"batch_norm {c.batch_norm!r} must be True or False")
    softmax, entropy = c.loss == "softmax_cross_entropy", c.loss.endswith("cross_entropy")
    require(not softmax or sizes[-1] >= 2, "softmax_cross_entropy needs an output for each class, two at least")
    require(entropy or not c.label_smoothing, f"label_smoothing belongs to a cross-entropy: set it to 0 under {c.loss}")
    if c.class_weights is not None:
        classes = sizes[-1] if softmax else 2
        require(softmax or (entropy and sizes[-1] == 1), "class_weights need a cross-entropy with one class a sample")
        given = c.class_weights if isinstance(c.class_weights, (tuple, list)) else ()
        require(
            len(given) == classes and all(is_number(w) and w > 0 for w in given),
            f"class_weights {c.class_weights!r} must be a tuple of {classes} finite numbers above 0, one a class",
        )


def as_array(name: str, values, dtype=None) -> np.ndarray:
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, in rows of one length: {error}") from None


def check_data(config: Config, x, y=None, training: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, in) in config.dtype, and y as class ids (N,) int64 or as numbers (N, O); ValueError if they do not fit."""
    x, inputs, outputs = as_array("x", x, config.dtype), config.layer_sizes[0], config.layer_sizes[-1]
    require(x.ndim == 2 and x.shape[1] == inputs, f"x has shape {x.shape}: expected (N, {inputs})")
    require(bool(np.isfinite(x).all()), "x holds NaN or infinite values: remove or replace them")
    least = 2 if training and config.batch_norm else 1
    require(len(x) >= least, f"x holds {len(x)} samples: expected {least} or more{' for batch_norm' * (least - 1)}")
    if y is None:
        return x, None
    y, softmax = as_array("y", y), config.loss == "softmax_cross_entropy"
    require(y.ndim > 0 and len(y) == len(x), f"x holds {len(x)} samples and y {y.shape}: expected as many")
    expected = (len(x),) if softmax or outputs == 1 else (len(x), outputs)
    require(y.shape == expected, f"y has shape {y.shape}: expected {expected}")
    require(y.dtype.kind in "biuf" and bool(np.isfinite(y).all()), "y must hold finite numbers, without NaN")
    if softmax:
        fits = bool((y == np.round(y)).all()) and y.min() >= 0 and y.max() < outputs
        require(fits, f"y holds {y.min()} to {y.max()}: expected class ids, whole numbers from 0 to {outputs - 1}")
        return x, y.astype(np.int64)
    if config.loss == "binary_cross_entropy":
        require(bool(np.isin(y, (0, 1)).all()), f"y holds {y.min()} to {y.max()}: expected 0 and 1 only")
    return x, y.astype(config.dtype).reshape(len(x), outputs)


def check_fit(config: Config, samples: int, epochs: int, batch_size: int, validation_data, patience) -> None:
    """ValueError if `fit` cannot run with these arguments."""
    require(is_whole(epochs, 1), f"epochs {epochs!r} must be a whole number from 1 on")
    require(is_whole(batch_size, 1), f"batch_size {batch_size!r} must be a whole number from 1 on")
    single = min(batch_size, samples) == 1 or samples % batch_size == 1
    require(not (config.batch_norm and single), "batch_norm cannot normalise a batch of one: change batch_size")
    require(patience is None or is_whole(patience, 1), f"patience {patience!r} must be a whole number from 1 on")
    require(patience is None or validation_data is not None, "patience needs validation_data to watch")
    if validation_data is not None:
        require(len(validation_data) == 2, f"validation_data has {len(validation_data)} parts: expected (x, y)")
        check_data(config, *validation_data)


def check_masks(config: Config, masks: list | None, samples: int) -> list[np.ndarray] | None:
    """The masks in config.dtype, (samples, H) for each hidden layer; ValueError if they do not fit."""
    if masks is None:
        return None
    require(config.dropout > 0, "masks are given and dropout is 0: set it to the share of zeros in them")
    hidden = config.layer_sizes[1:-1]
    check_layers([(mask,) for mask in masks], [((samples, h),) for h in hidden], "masks")
    return [np.array(mask, config.dtype) for mask in masks]


def check_layers(layers: list, shapes: list[tuple], name: str) -> None:
    """ValueError unless `layers` holds finite arrays of these shapes."""
    require(len(layers) == len(shapes), f"{name} has {len(layers)} layers: expected {len(shapes)}")
    for i, (layer, expected) in enumerate(zip(layers, shapes, strict=True)):
        found = tuple(np.shape(a) for a in layer)
        require(found == expected, f"{name} of layer {i} has shapes {found}: expected {expected}")
        require(all(np.asarray(a).dtype.kind in "biuf" for a in layer), f"{name} of layer {i} must hold numbers")
        require(all(np.isfinite(a).all() for a in layer), f"{name} of layer {i} holds NaN or infinite values")


def check_state(config: Config, state: dict) -> None:
    """ValueError unless `state` is what this config's training carries."""
    shapes = state_shapes(config)
    require(state.keys() == {"step", *shapes}, f"state has {sorted(state)}: expected {sorted(['step', *shapes])}")
    require(is_whole(state["step"], 0), f"step {state['step']!r} must be a whole number from 0 on")
    for name in shapes:
        check_layers(state[name], shapes[name], name)


def write_checkpoint(path, config: Config, params: list, state: dict) -> None:
    """Write one safetensors file, whole or not at all.

    Tensors: params.I.0 is W (in, out) of layer I, params.I.1 its b, params.I.2 its g; a slot has the same under its own
    name; running.I.0 is the running mean, running.I.1 the variance. Metadata: format, step, and config as JSON.
    """
    from safetensors.numpy import save  # Here, so that a copied file runs without it.

    groups = {"params": params} | {name: state[name] for name in state_shapes(config)}
    tensors = {
        f"{name}.{i}.{j}": np.ascontiguousarray(a)
        for name, layers in groups.items()
        for i, layer in enumerate(layers)
        for j, a in enumerate(layer)
    }
    metadata = {"format": FORMAT, "step": str(state["step"]), "config": json.dumps(asdict(config))}
    part = Path(f"{path}.part")
    try:
        part.write_bytes(save(tensors, metadata))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_checkpoint(path) -> tuple[Config, list, dict]:
    """Config, params and state of a file by `write_checkpoint`; ValueError if it is not sound."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            form = metadata.get("format")
            require(form == FORMAT, f"{path} has format {form!r}: expected {FORMAT!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    try:
        fields = json.loads(metadata["config"])  # JSON has lists for tuples.
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        config, step = Config(**fields), int(metadata["step"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no sound config and step: {error}") from None
    found: dict = {"step": step}
    for name, layers in {"params": param_shapes(config), **state_shapes(config)}.items():
        keys = [[f"{name}.{i}.{j}" for j in range(len(layer))] for i, layer in enumerate(layers)]
        missing = ", ".join(key for layer in keys for key in layer if key not in tensors)
        require(not missing, f"{path} lacks the tensors {missing}")
        found[name] = [tuple(tensors[key] for key in layer) for layer in keys]
    return config, found.pop("params"), found


def show_progress(epoch: int, epochs: int, record: dict[str, float]) -> None:
    """One line, written over some twenty times in a run; `fit` ends it."""
    if epoch + 1 == epochs or epoch % max(1, epochs // 20) == 0:
        values = "  ".join(f"{name} {value:.4f}" for name, value in record.items())
        print(f"\repoch {epoch + 1}/{epochs}  {values}".ljust(80), end="", flush=True)  # Over a longer line before.


def main() -> None:
    """Train XOR, and say what to change for other data."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0, 1, 1, 0])
    config = Config((2, 8, 1), "tanh", "binary_cross_entropy", optimizer="adam", learning_rate=0.05)
    model = MLP(config)
    model.fit(x, y, epochs=200)
    print(f"loss {model.loss(x, y):.4f}, predictions {model.predict(x).tolist()} for {y.tolist()}")
    print("For your own data: put it in x (N, features) and y, and change layer_sizes and loss to fit them.")


if __name__ == "__main__":
    main()
