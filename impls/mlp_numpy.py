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

import hashlib
import json
import math
import os
import reprlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from numbers import Real
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Config:
    """What to build and how to train it: the same fields, defaults and meanings in all three files.

    activation and dropout are one for all hidden layers, or a tuple with one for each.
    """

    layer_sizes: tuple[int, ...] = (2, 8, 1)  # Inputs, hidden layers, outputs.
    activation: str | tuple = "relu"  # After hidden layers: relu, sigmoid, tanh, leaky_relu, elu, gelu, silu, softplus.
    loss: str = "mse"  # mse, mae, sigmoid_mse, huber; or on logits binary_cross_entropy, softmax_cross_entropy.
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
    dropout: float | tuple = 0.0  # Share of hidden outputs set to zero in training.
    batch_norm: bool = False  # Normalise every hidden layer over the batch, before its activation.
    dtype: str = "float32"  # Of parameters and data: float32 or float64.
    seed: int = 0  # Draws the initial weights, the order of the batches and the dropout masks, where none are given.

    def __post_init__(self) -> None:
        vars(self).update(check_config(self))

    def by_layer(self, name: str) -> tuple:
        """The activation or dropout of each hidden layer."""
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * (len(self.layer_sizes) - 2)


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
        self.slot_layers = {name: _split(slot, config) for name, slot in self.slots.items()}
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
        a, saved = x, []  # (B, in)
        for i, name in enumerate(self.config.by_layer("activation")):
            (W, b, *scale), (activation, _) = self.layers[i], ACTIVATIONS[name]
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
        activations = self.config.by_layer("activation")
        for i in reversed(range(len(saved))):
            a, z, out, norm = saved[i]
            dW, db, *dscale = self.gradient_layers[i]
            if z is not None:  # A hidden layer: from its output back to its linear part.
                d = d @ self.layers[i + 1][0].T  # (B, H)
                d *= ACTIVATIONS[activations[i]][1](z, out)
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
        units = zip(self.config.layer_sizes[1:-1], self.config.by_layer("dropout"), strict=True)
        return [((self.random.random((batch_size, h)) < 1 - p) / (1 - p)).astype(self.dtype) for h, p in units]

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
        loss, and the model goes back to the best epoch. FloatingPointError if numbers turn NaN or infinite: the model
        goes back to the last epoch after which its weights were looked at. That is every CHECK_STEPS steps, so that it
        costs 1 %, and after each epoch once the loss has risen tenfold.

        `fast` trains the same in less time, after some seconds for compiling: in PyTorch several steps, in Keras on
        TensorFlow or JAX an epoch, and there the weights are looked at a fiftieth as often. NumPy has nothing to
        compile. With given masks, and in PyTorch with batch_norm, steps are made one by one as ever.
        """
        x, y = check_data(self.config, x, y)
        watch = Watch(self, len(x), epochs, batch_size, order, masks, validation_data, patience, verbose)
        with np.errstate(over="ignore", invalid="ignore"):  # `watch` says it, once and in words.
            for epoch in range(watch.epochs):
                total, samples = 0.0, watch.order(epoch)
                for start in range(0, len(samples), watch.batch_size):
                    batch = samples[start : start + watch.batch_size]
                    step_masks = masks(self.step, len(batch)) if masks else None
                    # take is x[batch] in a third of the time, where batches are small.
                    total += len(batch) * self._train_step(x.take(batch, axis=0), y.take(batch, axis=0), step_masks)
                if watch.stops(total / len(x)):
                    break
        return watch.end()

    # Use --------------------------------------------------------------------------------------------------------

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Under a cross-entropy class ids (N,), or 0 and 1 for each of several labels (N, O); otherwise values."""
        return decide(self.config, self.forward(x))

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The loss over all of x and y, and under a cross-entropy the accuracy: the share that `predict` gets right."""
        x, y = check_data(self.config, x, y)
        result = {"loss": self.loss(x, y)}
        if self.config.loss.endswith("cross_entropy"):
            found = self.predict(x)
            result["accuracy"] = float(np.mean(found == y.reshape(found.shape)))
        return result

    # Parameters and optimizer state, copied out and in -----------------------------------------------------------

    @property
    def params(self) -> list[tuple[np.ndarray, ...]]:
        """[(W (in, out), b (out,)), ...]; with batch_norm, (W, b, g (out,)) for a hidden layer."""
        return _copy(self.layers)

    def set_params(self, params: list[tuple[np.ndarray, ...]]) -> None:
        """Take these parameters, in the layout of `params`; ValueError if they do not fit."""
        self.flat[:] = _flatten(check_layers(self.config, "parameters", params, param_shapes(self.config)))

    @property
    def state(self) -> dict:
        """What training carries besides the parameters: {"step": int, slot: the layout of `params`, ...}.

        With batch_norm also {"running": [(mean (H,), variance (H,)), ...]}, a pair for each hidden layer.
        """
        slots = {name: _copy(layers) for name, layers in self.slot_layers.items()}
        running = {"running": _copy(self.running)} if self.config.batch_norm else {}
        return {"step": self.step, **slots, **running}

    def set_state(self, state: dict) -> None:
        """Take this state, in the layout of `state`; ValueError if it does not fit."""
        state = check_state(self.config, state)
        self.step = state["step"]
        for name, slot in self.slots.items():
            slot[:] = _flatten(state[name])
        if self.config.batch_norm:
            self.running = _copy(state["running"])

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


def _mae(c: Config, z: np.ndarray, y: np.ndarray):
    return np.abs(z - y), np.sign(z - y)


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
    "mae": _mae,
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
CHECK_STEPS = 200  # `fit` looks at the weights after an epoch, and after so many steps at least.
FORMATS = ("mlp-rosetta checkpoint 1", "mlp-rosetta checkpoint 2")  # The last one is written.

CHOICES = {"loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
CHOICES |= {"reduction": ("mean", "sum"), "dtype": ("float32", "float64")}
ABOVE_0, FROM_0 = "a number above 0, and finite", "a number from 0 on, and finite"
SHARE = "a number from 0 to below 1"
COUNT, WHOLE = "a whole number from 1 on, below 2**63", "a whole number from 0 on, below 2**63"
NUMBERS = {  # Of a number in these words: its type, the least, what it stays below, and the fields of a Config.
    ABOVE_0: (float, math.ulp(0.0), math.inf, ("learning_rate", "epsilon", "schedule_rate", "clip_value", "clip_norm")),
    FROM_0: (float, 0, math.inf, ("weight_decay",)),
    SHARE: (float, 0, 1, ("momentum", "beta1", "beta2", "label_smoothing")),
    COUNT: (int, 1, 2**63, ("schedule_steps",)),
    WHOLE: (int, 0, 2**63, ("seed",)),
}


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


def named(params: list, state: dict) -> dict:
    """Their arrays, or the shapes of these, each as GROUP.LAYER.PLACE: params.0.1 is the first layer's b."""
    groups = {"params": params} | {name: layers for name, layers in state.items() if name != "step"}
    return {
        f"{name}.{i}.{j}": a for name in groups for i, layer in enumerate(groups[name]) for j, a in enumerate(layer)
    }


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


def require(condition: bool, message: str, *values) -> None:
    """ValueError unless the condition holds; only then the values go into the message, since every step comes by."""
    if not condition:
        raise ValueError(message.format(*values) if values else message)


def shown(value) -> str:
    """A value, or what an error says, in one line of at most 100 characters."""
    return " ".join((str(value) if isinstance(value, Exception) else reprlib.repr(value)).split())[:100]


def as_array(name: str, values, dtype: str | None = None) -> np.ndarray:
    """Finite numbers, in this dtype or their own, from an array, a tensor, a data frame, lists or a number."""
    try:
        a = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
        if a.dtype == object and a.ndim and all(isinstance(v, (Real, np.bool_)) for v in a.flat):
            a = a.astype(float)  # A data frame with columns of several types.
    except Exception as error:  # Whatever a library raises about its own arrays.
        raise ValueError(f"{name} must hold numbers, in rows of one length: {shown(error)}") from None
    if a.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, and holds {a.dtype if a.ndim else shown(values)}")
    if isinstance(values, np.ma.MaskedArray):
        require(not np.ma.is_masked(values), "{} has masked entries: fill or remove them", name)
    found = a
    if dtype and a.dtype != dtype:
        with np.errstate(over="ignore"):
            found = a.astype(dtype)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        require(bool(np.isfinite(a).all()), "{} holds NaN or infinite values: remove or replace them", name)
        raise ValueError(f"{name} holds numbers beyond {dtype}: scale them down")
    return found


def number(name: str, value, words: str):
    """A plain Python number, from whatever holds just one; ValueError unless it is what the words say."""
    kind, least, below, _ = NUMBERS[words]
    try:
        a = as_array(name, value)
        fits = a.ndim == 0 and a.dtype.kind in ("iu" if kind is int else "iuf") and bool(least <= a < below)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} {shown(value)} must be {words}")
    return kind(a)


def numbers(name: str, values, words: str) -> tuple:
    """The same, from a tuple, a list or an array of them."""
    several = isinstance(values, (tuple, list)) or getattr(values, "ndim", 0) == 1
    if not several:
        raise ValueError(f"{name} {shown(values)} must be a tuple of numbers, each {words}")
    return tuple(number(f"{name}: {shown(values)} holds", value, words) for value in values)


def choice(name: str, value, known) -> str:
    """One of the known words, or ValueError."""
    fits = isinstance(value, str) and value in known
    require(fits, f"{name} {shown(value)} is unknown: choose one of {', '.join(known)}")
    return str(value)


def of_hidden(name: str, given, layers: int, check: Callable, known):
    """`check(name, given, known)`, or of a tuple that for each hidden layer; one, where all are the same."""
    if not isinstance(given, (tuple, list)) and getattr(given, "ndim", 0) != 1:
        return check(name, given, known)
    require(len(given) == layers, f"{name} {shown(given)} has {len(given)}: expected {layers}, one a hidden layer")
    found = tuple(check(f"{name}[{i}]", value, known) for i, value in enumerate(given))
    return found if len(set(found)) > 1 else next(iter(found), getattr(Config, name))


def check_config(c: Config) -> dict:
    """Its fields as plain Python values; ValueError with one line for the first that makes no sense."""
    fields = dict(vars(c))
    if not isinstance(c.dtype, str):  # np.float32, torch.float32 and their like.
        fields["dtype"] = str(getattr(c.dtype, "__name__", c.dtype)).rpartition(".")[2]
    fields |= {name: choice(name, fields[name], known) for name, known in CHOICES.items()}
    for words, (*_, names) in NUMBERS.items():
        fields |= {n: number(n, fields[n], words) for n in names if fields[n] is not None or n[:4] != "clip"}
    require(isinstance(c.batch_norm, (bool, np.bool_)), f"batch_norm {shown(c.batch_norm)} must be True or False")
    fields["batch_norm"] = bool(c.batch_norm)
    fields["layer_sizes"] = sizes = numbers("layer_sizes", c.layer_sizes, COUNT)
    require(len(sizes) >= 2, f"layer_sizes {sizes} must be two or more: inputs, hidden layers, outputs")
    fields["activation"] = of_hidden("activation", c.activation, len(sizes) - 2, choice, ACTIVATIONS)
    fields["dropout"] = of_hidden("dropout", c.dropout, len(sizes) - 2, number, SHARE)
    softmax, entropy = c.loss == "softmax_cross_entropy", c.loss.endswith("cross_entropy")
    require(not softmax or sizes[-1] >= 2, "softmax_cross_entropy needs an output for each class, two at least")
    require(entropy or not c.label_smoothing, f"label_smoothing belongs to a cross-entropy: set it to 0 under {c.loss}")
    require(c.momentum or c.optimizer not in ("momentum", "nesterov"), "momentum 0 is sgd: choose that optimizer")
    require(not (c.clip_value and c.clip_norm), "clip_value and clip_norm are both set: keep one of them")
    if c.class_weights is not None:
        require(softmax or (entropy and sizes[-1] == 1), "class_weights need a cross-entropy with one class a sample")
        fields["class_weights"] = weights = numbers("class_weights", c.class_weights, ABOVE_0)
        classes = sizes[-1] if softmax else 2
        require(len(weights) == classes, f"class_weights has {len(weights)} numbers: expected {classes}, one a class")
    return fields


def check_data(config: Config, x, *targets, training: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """x (N, in) in config.dtype, and y as class ids (N,) int64 or as numbers (N, O); ValueError if they do not fit."""
    inputs, outputs = config.layer_sizes[0], config.layer_sizes[-1]
    x = as_array("x", x, config.dtype)
    require(x.ndim == 2 and x.shape[1] == inputs, "x has shape {}: expected (N, {})", x.shape, inputs)
    least = 2 if training and config.batch_norm else 1
    why = " for batch_norm" if least == 2 else ""
    require(len(x) >= least, "x holds {} samples: expected {} or more{}", len(x), least, why)
    if not targets:
        return x, None
    softmax = config.loss == "softmax_cross_entropy"
    y = as_array("y", *targets, None if softmax else config.dtype)
    require(y.ndim > 0 and len(y) == len(x), "x holds {} samples and y {}: expected as many", len(x), y.shape)
    expected = (len(x),) if softmax or outputs == 1 else (len(x), outputs)
    fits = y.shape == expected or y.shape == (*expected, 1)
    require(fits, "y has shape {}: expected {}", y.shape, expected)
    if softmax:
        if y.min() < 0 or y.max() >= outputs or (y.dtype.kind == "f" and (y != np.round(y)).any()):
            raise ValueError(
                f"y holds {y.min()} to {y.max()}: expected class ids, whole numbers from 0 to {outputs - 1}"
            )
        return x, y.astype(np.int64).reshape(len(x))
    if config.loss == "binary_cross_entropy" and not ((y == 0) | (y == 1)).all():
        raise ValueError(f"y holds {y.min()} to {y.max()}: expected 0 and 1 only")
    return x, y.reshape(len(x), outputs)


def check_layers(config: Config, name: str, layers: list, shapes: list[tuple]) -> list[tuple[np.ndarray, ...]]:
    """`layers` as arrays in config.dtype; ValueError unless they hold finite numbers in these shapes."""
    several = isinstance(layers, (list, tuple)) and all(isinstance(layer, (list, tuple)) for layer in layers)
    if not several:  # Here and elsewhere, since to show a large array takes milliseconds.
        raise ValueError(f"{name} must be a list with a tuple of arrays for each layer, and is {shown(layers)}")
    require(len(layers) == len(shapes), f"{name} has {len(layers)} layers: expected {len(shapes)}")
    arrays = [tuple(as_array(f"{name} of layer {i}", a, config.dtype) for a in layer) for i, layer in enumerate(layers)]
    for i, (layer, expected) in enumerate(zip(arrays, shapes, strict=True)):
        found = tuple(a.shape for a in layer)
        require(found == expected, f"{name} of layer {i} has shapes {found}: expected {expected}")
    return arrays


def check_masks(config: Config, masks: list | None, samples: int) -> list[np.ndarray] | None:
    """The masks in config.dtype, (samples, H) for each hidden layer; ValueError if they do not fit."""
    if masks is None:
        return None
    require(config.dropout != 0, "masks are given and dropout is 0: set it to the share of zeros in them")
    if not isinstance(masks, (list, tuple)):
        raise ValueError(f"masks must be a list of arrays, one a hidden layer, and is {shown(masks)}")
    shapes = [((samples, h),) for h in config.layer_sizes[1:-1]]
    return [np.array(mask) for (mask,) in check_layers(config, "masks", [(mask,) for mask in masks], shapes)]


def check_state(config: Config, state: dict) -> dict:
    """`state` in arrays of config.dtype; ValueError unless it is what this config's training carries."""
    shapes, found = state_shapes(config), sorted(state) if isinstance(state, dict) else state
    expected = sorted(["step", *shapes])
    require(found == expected, f"state has {shown(found)}: expected {expected}")
    step = {"step": number("step", state["step"], WHOLE)}
    return step | {name: check_layers(config, name, state[name], shapes[name]) for name in shapes}


class Watch:
    """What `fit` does beside its steps: arguments checked, the order, validation, history, progress, when to end."""

    def __init__(self, model, samples: int, epochs, batch_size, order, masks, validation_data, patience, verbose):
        self.model, self.config, self.samples, self.verbose = model, model.config, samples, verbose
        self.epochs, self.batch_size = number("epochs", epochs, COUNT), number("batch_size", batch_size, COUNT)
        single = min(self.batch_size, samples) == 1 or samples % self.batch_size == 1
        require(
            not (self.config.batch_norm and single), "batch_norm cannot normalise a batch of one: change batch_size"
        )
        for name, value in {"order": order, "masks": masks}.items():
            if value is not None and not callable(value):
                raise ValueError(f"{name} must be a function, and is {shown(value)}")
        self.given_order, self.everyone = order, np.arange(samples)
        self.patience = 0 if patience is None else number("patience", patience, COUNT)
        require(patience is None or validation_data is not None, "patience needs validation_data to watch")
        if validation_data is not None:
            pair = isinstance(validation_data, (tuple, list)) and len(validation_data) == 2
            if not pair:
                raise ValueError(f"validation_data must be (x, y), and is {shown(validation_data)}")
            validation_data = check_data(self.config, *validation_data)
        self.validation_data = validation_data
        self.interval = -(-CHECK_STEPS // -(-samples // self.batch_size))  # In epochs, rounded up.
        self.history: dict[str, list[float]] = {}
        self.best, self.best_loss = None, math.inf
        self.last = 0, model.params, model.state  # An epoch, and what it left.

    def order(self, epoch: int) -> np.ndarray:
        """The order of the samples in an epoch, (N,); ValueError if the one given is no permutation."""
        if self.given_order is None:
            return batch_order(self.samples, self.config.seed, epoch)
        order = as_array("order", self.given_order(epoch))
        fits = order.dtype.kind in "iu" and order.shape == self.everyone.shape
        fits = fits and bool((np.sort(order) == self.everyone).all())
        require(fits, "order({}) must be a permutation: each of 0 to {} once", epoch, self.samples - 1)
        return order.astype(np.int64)

    def stops(self, loss: float) -> bool:
        """Take in the loss of an epoch, and say whether training ends; FloatingPointError if it has diverged."""
        record = {"loss": loss}
        if self.validation_data:
            record |= {f"val_{name}": value for name, value in self.model.evaluate(*self.validation_data).items()}
        for name, value in record.items():
            self.history.setdefault(name, []).append(value)
        epoch = len(self.history["loss"])
        if self.verbose and (epoch == self.epochs or (epoch - 1) % max(1, self.epochs // 20) == 0):
            values = "  ".join(f"{name} {value:.4f}" for name, value in record.items())
            print(
                f"\repoch {epoch}/{self.epochs}  {values}".ljust(80), end="", flush=True
            )  # Over a longer line before.
        finite, better = math.isfinite(loss), self.patience > 0 and record["val_loss"] < self.best_loss
        risen = loss > 10 * self.history["loss"][0]  # It may be about to overflow.
        due = better or risen or epoch % self.interval == 0
        if finite and (due or epoch == self.epochs):
            params, state = self.model.params, self.model.state if due else {}
            finite = all(np.isfinite(a).all() for a in named(params, state).values())
            self.last = (epoch, params, state) if finite and due else self.last
            if finite and better:
                self.best, self.best_loss = self.last, record["val_loss"]
        if not finite:
            self.best = self.best or self.last
            self.end()
            raise FloatingPointError(
                f"training diverged in epoch {epoch} of {self.epochs}: NaN or infinite. Try a learning_rate below "
                f"{self.config.learning_rate:g}, or clip_norm. The model is what it was after epoch {self.best[0]}."
            )
        return self.patience > 0 and epoch - (self.best[0] if self.best else 0) >= self.patience

    def end(self) -> dict[str, list[float]]:
        """The history; under patience the model goes back to its best epoch."""
        if self.verbose:
            print()
        if self.best:
            self.model.set_params(self.best[1])
            self.model.set_state(self.best[2])
        return self.history


def digest(metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> str:
    """SHA-256 over the metadata and the tensors: their names, shapes, dtypes and, in the names' order, their bytes."""
    about = [(name, a.shape, str(a.dtype)) for name, a in sorted(tensors.items())]
    found = hashlib.sha256(json.dumps([sorted(metadata.items()), about]).encode())
    for name, *_ in about:
        found.update(tensors[name].ravel())
    return found.hexdigest()


def write_checkpoint(path, config: Config, params: list, state: dict) -> None:
    """Write one safetensors file, whole or not at all.

    Tensors: params.I.0 is W (in, out) of layer I, params.I.1 its b, params.I.2 its g; a slot has the same under its own
    name; running.I.0 is the running mean, running.I.1 the variance. Metadata: format, step, config as JSON, and sha256
    as `digest` has it of all else. FileNotFoundError if the folder is missing, ValueError for what cannot be loaded.
    """
    from safetensors.numpy import save  # Here, so that a copied file runs without it.

    path, part = Path(path), Path(f"{path}.part")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}: make it first")
    require(not path.is_dir(), f"{path} is a folder: give the name of a file")
    params, state = check_layers(config, "parameters", params, param_shapes(config)), check_state(config, state)
    tensors = {name: np.ascontiguousarray(a) for name, a in named(params, state).items()}
    metadata = {"format": FORMATS[-1], "step": str(state["step"]), "config": json.dumps(asdict(config))}
    try:
        part.write_bytes(save(tensors, metadata | {"sha256": digest(metadata, tensors)}))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_checkpoint(path) -> tuple[Config, list, dict]:
    """Config, params and state of a file by `write_checkpoint`; ValueError if it is not sound."""
    from safetensors import SafetensorError, safe_open

    try:
        require(not Path(path).is_dir(), "it is a folder")
        with safe_open(path, framework="numpy") as file:  # It holds the tensors' sizes against the file's.
            metadata = file.metadata() or {}
            form = metadata.get("format")
            require(form in FORMATS, f"its format is {shown(form)}, expected {FORMATS[-1]!r}")
            require({"config", "step"} <= metadata.keys(), "it lacks its config or its step")
            fields, step = json.loads(metadata["config"]), number("step", json.loads(metadata["step"]), WHOLE)
            wanted = sorted(Config.__dataclass_fields__)
            require(isinstance(fields, dict) and sorted(fields) == wanted, "its config has not the fields of Config")
            config = Config(**fields)
            params, state = param_shapes(config), state_shapes(config)
            dtype = {"float32": "F32", "float64": "F64"}[config.dtype]
            expected = {name: (dtype, *shape) for name, shape in named(params, state).items()}
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (part.get_dtype(), *part.get_shape()) for name, part in slices.items()}
            for name in sorted(expected.keys() | found.keys()):
                has, needs = (shapes.get(name, "missing") for shapes in (found, expected))
                require(has == needs, f"{shown(name)} is {shown(has)}, expected {shown(needs)}")
            tensors = {name: file.get_tensor(name) for name in expected}
        given = metadata.pop("sha256", None)
        hashed = None if form == FORMATS[0] else digest(metadata, tensors)
        require(given == hashed, "its SHA-256 is not that of what it holds")
    except (SafetensorError, RecursionError, ValueError) as error:
        raise ValueError(f"{path} is no sound checkpoint: {shown(error)}") from None
    rest = iter(tensors.values())
    filled = {
        name: [tuple(next(rest) for _ in layer) for layer in layers]
        for name, layers in {"params": params, **state}.items()
    }
    return config, filled.pop("params"), {"step": step, **filled}


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
