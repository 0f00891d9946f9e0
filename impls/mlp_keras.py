"""A multi-layer perceptron in Keras 3: keras.Sequential, compile and fit, on any backend.

Copy this file: it needs Keras with a backend and NumPy and nothing else. `mlp_numpy.py` and `mlp_torch.py` hold the
same network under the same names in the same order, so that a diff of two of the files shows only what a framework does
for you.

Without the options, for two inputs and one hidden layer, a step of gradient descent is this:

    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    net.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")

    loss = net.train_on_batch(x, y)                    # forward, backward and update

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
from itertools import pairwise
from numbers import Real
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops


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
        self.dtype = config.dtype
        self._use_dtype()
        self.model = keras.Sequential([keras.Input((config.layer_sizes[0],))])
        functions, rates = config.by_layer("activation"), config.by_layer("dropout")
        for i, units in enumerate(config.layer_sizes[1:-1]):
            self.model.add(keras.layers.Dense(units, use_bias=not config.batch_norm))
            if config.batch_norm:  # It shifts by a bias of its own.
                self.model.add(_BatchNorm())
            self.model.add(keras.layers.Activation(ACTIVATIONS[functions[i]]))
            if config.dropout:
                self.model.add(_Dropout(rates[i], config.seed + i))  # One seed would give all layers one mask.
        self.model.add(keras.layers.Dense(config.layer_sizes[-1]))
        self.model.compile(optimizer=_Optimizer(config), loss=_Loss(config))
        self.model.optimizer.build(self.model.trainable_variables)
        self._compiled_epochs: dict[tuple, Callable] = {}
        # The same layers under an optimizer that moves nothing and keeps what it is given: the gradients.
        self.probe = keras.Sequential(self.model.layers)
        self.probe.compile(optimizer=_GradientReader(), loss=_Loss(config))
        self.set_params(init_params(config) if params is None else params)

    def _use_dtype(self) -> None:
        """Keras keeps one dtype for the whole process, and casts data to it; so every entry says which it needs."""
        keras.config.set_floatx(self.dtype)
        keras.config.set_dtype_policy(self.dtype)
        if self.dtype == "float64":
            allow_float64()

    # The network ------------------------------------------------------------------------------------------------

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The last layer's linear outputs (the logits, under a cross-entropy), shape (B, layer_sizes[-1])."""
        self._use_dtype()
        x, _ = check_data(self.config, x)
        return ops.convert_to_numpy(self.model(x, training=False))

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """The loss of a batch as in evaluation: no dropout, running statistics; without the weight decay."""
        self._use_dtype()
        x, y = check_data(self.config, x, y)
        return float(_Loss(self.config)(y, self.model(x, training=False), _sample_weight(self.config, y)))

    def gradients(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, list]:
        """The training loss and its gradient for every parameter, in the layout of `params`; nothing is updated.

        `masks` are the dropout masks of the hidden layers, (B, H) each, of 0 and 1 / (1 - dropout).
        """
        self._use_dtype()
        running = [v.numpy() for v in self.model.non_trainable_variables]
        loss = self._run(self.probe, *check_data(self.config, x, y, training=True), masks)
        for variable, before in zip(self.model.non_trainable_variables, running, strict=True):
            variable.assign(before)  # A forward pass in training had moved them.
        return loss, _arrays(self._by_layer(self.probe.optimizer.gradients))

    def _run(self, model: keras.Model, x: np.ndarray, y: np.ndarray, masks: list | None) -> float:
        """One pass of Keras' training loop over a batch, under the optimizer of `model`; the loss before it."""
        self._set_masks(masks, len(x))
        return float(model.train_on_batch(x, y, sample_weight=_sample_weight(self.config, y)))

    def _set_masks(self, masks: list | None, samples: int) -> None:
        masks = check_masks(self.config, masks, samples)
        dropouts = [layer for layer in self.model.layers if isinstance(layer, _Dropout)]
        if any([layer.set_mask(masks[i] if masks else None) for i, layer in enumerate(dropouts)]):
            # Compiled, JAX would keep the first masks: it sees only variables that belong to a layer.
            self.model.run_eagerly = self.probe.run_eagerly = bool(masks) and keras.backend.backend() == "jax"
            self.model.make_train_function(force=True)
            self.probe.make_train_function(force=True)

    # Training ---------------------------------------------------------------------------------------------------

    def train_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> float:
        """Make one update, and return the training loss of the batch before it."""
        self._use_dtype()
        return self._run(self.model, *check_data(self.config, x, y, training=True), masks)

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
        self._use_dtype()
        x, y = check_data(self.config, x, y)
        watch = Watch(self, len(x), epochs, batch_size, order, masks, validation_data, patience, verbose)
        batches = _Batches(self.config, x, y, watch)
        if fast and not masks and keras.backend.backend() != "torch":
            self._fit_fast(batches, watch)
        else:
            stream = batches.stream() if keras.backend.backend() == "tensorflow" else batches
            callbacks = [_Callback(self, batches, watch, masks)]
            self.model.fit(stream, epochs=watch.epochs, callbacks=callbacks, shuffle=False, verbose=0)
        return watch.end()

    def _fit_fast(self, batches: _Batches, watch: Watch) -> None:
        """What `Model.fit` does, with each epoch one call of a compiled function; it calls one for every step."""
        self._set_masks(None, 0)
        shape = (len(batches.samples), batches.batch_size)
        if shape not in self._compiled_epochs:
            compiled = {"tensorflow": self._epoch_in_tensorflow, "jax": self._epoch_in_jax}[keras.backend.backend()]
            self._compiled_epochs[shape] = compiled(batches)
        data = [ops.convert_to_tensor(a) for a in batches.data]
        watch.interval *= 50  # A look at the weights takes as long as a hundred of these steps.
        for epoch in range(watch.epochs):
            total = self._compiled_epochs[shape](watch.order(epoch).astype(np.int32), *data)
            if watch.stops(float(total) / len(batches.samples)):
                break

    def _epoch_in_tensorflow(self, batches: _Batches) -> Callable:
        """A function that trains on samples (N,) of the data, batch after batch: the sum of the samples' losses."""
        import tensorflow as tf  # Here, so that other backends do without it.

        variables, batch_size = self.model.trainable_variables, batches.batch_size

        def step(batch, data: tuple):
            x, y, *weight = [tf.gather(a, batch) for a in data]
            with tf.GradientTape() as tape:
                loss = self.model.loss(y, self.model(x, training=True), *weight)
            self.model.optimizer.apply(tape.gradient(loss, variables), variables)
            return loss * ops.cast(tf.shape(x)[0], self.dtype)

        def epoch(samples, *data):
            total, full = ops.zeros((), self.dtype), len(batches.samples) // batch_size * batch_size
            if full:
                for batch in tf.reshape(samples[:full], (-1, batch_size)):  # tf.function makes it a loop of its own.
                    total += step(batch, data)
            return total + step(samples[full:], data) if full < len(batches.samples) else total

        # XLA draws other dropout masks than `fit` does. A concrete function spares a look at the arguments' shapes.
        compiled = tf.function(epoch, jit_compile=not self.config.dropout).get_concrete_function(
            tf.TensorSpec([len(batches.samples)], "int32"), *map(tf.constant, batches.data)
        )
        return lambda samples, *data: compiled(tf.constant(samples), *data)

    def _epoch_in_jax(self, batches: _Batches) -> Callable:
        """The same with JAX, which passes what changes from step to step in and out."""
        import jax

        model, batch_size = self.model, batches.batch_size
        variables = [model.trainable_variables, model.non_trainable_variables, model.optimizer.variables]

        def step(carried: list, batch, data: tuple):
            x, y, *weight = [a[batch] for a in data]

            def loss_of(trained: list):
                z, others = model.stateless_call(trained, carried[1], x, training=True)
                return model.loss(y, z, *weight), others

            (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(carried[0])
            trained, slots = model.optimizer.stateless_apply(carried[2], gradients, carried[0])
            return [trained, others, slots], loss * len(batch)

        @jax.jit
        def epoch(carried: list, samples, *data):
            full = len(samples) // batch_size * batch_size
            whole = samples[:full].reshape(-1, batch_size)
            carried, losses = jax.lax.scan(lambda now, batch: step(now, batch, data), carried, whole)
            carried, rest = step(carried, samples[full:], data) if full < len(samples) else (carried, 0.0)
            return carried, losses.sum() + rest

        def train(samples, *data):
            after, total = epoch([[v.value for v in group] for group in variables], samples, *data)
            for variable, value in zip(jax.tree.leaves(variables), jax.tree.leaves(after), strict=True):
                variable.assign(value)
            return total

        return train

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
        return _arrays(self._by_layer(self.model.trainable_variables))

    def set_params(self, params: list[tuple[np.ndarray, ...]]) -> None:
        """Take these parameters, in the layout of `params`; ValueError if they do not fit."""
        params = check_layers(self.config, "parameters", params, param_shapes(self.config))
        _assign(self._by_layer(self.model.trainable_variables), params)

    @property
    def state(self) -> dict:
        """What training carries besides the parameters: {"step": int, slot: the layout of `params`, ...}.

        With batch_norm also {"running": [(mean (H,), variance (H,)), ...]}, a pair for each hidden layer.
        """
        optimizer = self.model.optimizer
        slots = {slot: _arrays(self._by_layer(variables)) for slot, variables in optimizer.slots.items()}
        running = {"running": _arrays(self._running())} if self.config.batch_norm else {}
        return {"step": int(optimizer.iterations.numpy()), **slots, **running}

    def set_state(self, state: dict) -> None:
        """Take this state, in the layout of `state`; ValueError if it does not fit."""
        state = check_state(self.config, state)
        self.model.optimizer.iterations.assign(state["step"])
        for slot, variables in self.model.optimizer.slots.items():
            _assign(self._by_layer(variables), state[slot])
        _assign(self._running(), state.get("running", []))

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

    def _by_layer(self, variables: list) -> list[tuple]:
        """Variables in Keras' order, one for each trainable one, in the layout of `params`."""
        rest = iter(variables)
        if not self.config.batch_norm:
            return list(zip(rest, rest, strict=True))
        hidden = [(next(rest), next(rest), next(rest)) for _ in self.config.layer_sizes[1:-1]]
        return [(kernel, beta, gamma) for kernel, gamma, beta in hidden] + [tuple(rest)]

    def _running(self) -> list[tuple]:
        norms = [layer for layer in self.model.layers if isinstance(layer, _BatchNorm)]
        return [(norm.moving_mean, norm.moving_variance) for norm in norms]


# Keras' own, and where its meaning had to be brought to the others' --------------------------------------------------


def allow_float64() -> None:
    """On JAX and on PyTorch the result of most of Keras' operations on float64 is float32, by a table of its own; and
    JAX makes no float64 array unless it is told to."""
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    if keras.backend.backend() != "tensorflow":
        from keras.src.backend.common import dtypes  # The table has no public name.

        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


class _Dropout(keras.layers.Dropout):
    """Keras' dropout, or a given mask in its place."""

    def __init__(self, rate: float, seed: int):
        super().__init__(rate, seed=seed)
        self.given = SimpleNamespace(mask=None)  # In a namespace, since a layer takes no new variables once built.

    def set_mask(self, mask: np.ndarray | None) -> bool:
        """Use this mask (B, H) in training, or none; say whether Keras has to trace its training step again."""
        before = self.given.mask
        if mask is None:
            self.given.mask = None
            return before is not None
        if before is None or before.shape[0] < len(mask):
            self.given.mask = keras.Variable(mask, dtype=self.dtype, trainable=False)
            return True
        before.assign(np.pad(mask, ((0, before.shape[0] - len(mask)), (0, 0))))
        return False

    def call(self, a, training=False):  # (B, H)
        if training and self.given.mask is not None:
            return a * self.given.mask[: ops.shape(a)[0]]
        return super().call(a, training=training)


class _BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalisation with the meaning of PyTorch's: epsilon 1e-5 for 1e-3, a new batch weighs 0.1 for 0.01
    in the running statistics, and the running variance takes the unbiased variance of the batch for the biased one."""

    def __init__(self):
        super().__init__(epsilon=NORM_EPSILON)

    def call(self, z, training=False):  # (B, H)
        if not training:
            return super().call(z, training=False)
        n = ops.cast(ops.shape(z)[0], z.dtype)
        # Times 1 / n, since a division by n is compiled otherwise where `fit` leaves the batch size open.
        mean = ops.sum(z, axis=0) * (1 / n)
        variance = ops.sum(ops.square(z - mean), axis=0) * (1 / n)
        self.moving_mean.assign_add(NORM_MOMENTUM * (mean - self.moving_mean))
        self.moving_variance.assign_add(NORM_MOMENTUM * (variance * (n / (n - 1)) - self.moving_variance))
        return ops.batch_normalization(z, mean, variance, -1, self.beta, self.gamma, self.epsilon)


# Each activation; where Keras keeps a constant in float32, it is written out.
ACTIVATIONS: dict[str, Callable] = {
    "relu": keras.activations.relu,
    "sigmoid": keras.activations.sigmoid,
    "tanh": keras.activations.tanh,
    "leaky_relu": lambda z: ops.where(z > 0, z, 0.01 * z),  # Keras' slope: 0.3 in the layer, 0.2 in the function.
    "elu": keras.activations.elu,
    "gelu": lambda z: z * (1 + ops.erf(z / math.sqrt(2))) / 2,
    "silu": keras.activations.silu,
    "softplus": keras.activations.softplus,
}


def _smooth(c: Config, target, classes: int):
    return target * (1 - c.label_smoothing) + c.label_smoothing / classes


def _softmax_cross_entropy(c: Config, z, y):
    target = ops.one_hot(ops.cast(ops.reshape(y, (-1,)), "int32"), z.shape[1], dtype=z.dtype)  # (B, O)
    return ops.categorical_crossentropy(_smooth(c, target, z.shape[1]), z, from_logits=True)


# Each loss from outputs z (B, O) and targets y: its terms, (B, O) or (B,).
LOSSES: dict[str, Callable] = {
    "mse": lambda c, z, y: ops.square(z - y),
    "mae": lambda c, z, y: (z - y) * ops.sign(z - y),  # Its slope at 0 is 0; that of JAX's abs is 1.
    "sigmoid_mse": lambda c, z, y: ops.square(ops.sigmoid(z) - y),
    "huber": lambda c, z, y: ops.where(ops.abs(z - y) <= 1, ops.square(z - y) / 2, ops.abs(z - y) - 0.5),
    "binary_cross_entropy": lambda c, z, y: ops.binary_crossentropy(_smooth(c, y, 2), z, from_logits=True),
    "softmax_cross_entropy": _softmax_cross_entropy,
}


class _Loss(keras.losses.Loss):
    """The loss of a batch. Keras divides a weighted sum by the number of samples; here by the sum of their weights."""

    def __init__(self, config: Config):
        super().__init__("loss", "sum" if config.reduction == "sum" else "mean_with_sample_weight")
        self.config = config

    def call(self, y_true, y_pred):
        return LOSSES[self.config.loss](self.config, y_pred, y_true)


def _sample_weight(c: Config, y: np.ndarray) -> np.ndarray | None:
    """Each sample's class weight, (B,)."""
    return np.array(c.class_weights, c.dtype)[y.astype(int).reshape(len(y))] if c.class_weights else None


# Each optimizer from the gradient g, step t (from 1) and slots: the direction, for w -= lr * it, and the new slots. The
# meanings are PyTorch's, and Keras' own optimizers differ from them as the comments say.


def _sgd(c: Config, g, t):
    """w -= lr * g."""
    return g, []


def _momentum(c: Config, g, t, b):
    """b = momentum * b + g; w -= lr * b. Keras' SGD keeps lr * b, so that a new lr acts on new gradients only."""
    b = c.momentum * b + g
    return b, [b]


def _nesterov(c: Config, g, t, b):
    """b = momentum * b + g; w -= lr * (g + momentum * b)."""
    b = c.momentum * b + g
    return g + c.momentum * b, [b]


def _rmsprop(c: Config, g, t, v):
    """v = beta2 * v + (1 - beta2) * g**2; w -= lr * g / (sqrt(v) + epsilon). Keras' has sqrt(v + epsilon)."""
    v = v + (1 - c.beta2) * (g * g - v)
    return g / (ops.sqrt(v) + c.epsilon), [v]


def _adagrad(c: Config, g, t, s):
    """s += g**2; w -= lr * g / (sqrt(s) + epsilon). Keras' s starts at 0.1, with epsilon inside the root."""
    s = s + g * g
    return g / (ops.sqrt(s) + c.epsilon), [s]


def _adam(c: Config, g, t, m, v):
    """m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g**2;
    w -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon).

    Kingma and Ba (2015), algorithm 1. Keras' has sqrt(v) + epsilon before the correction of v, epsilon 1e-7 for 1e-8,
    and its betas pass through float32. adamw shrinks w by lr * weight_decay * w before.
    """
    m = m + (1 - c.beta1) * (g - m)
    v = v + (1 - c.beta2) * (g * g - v)
    # 1 - beta**t as it is: in float32 the power, then so near to 1, would cost it four digits at first.
    m_share, v_share = (-ops.expm1(t * (math.log(beta) if beta else -math.inf)) for beta in (c.beta1, c.beta2))
    return (m / m_share) / (ops.sqrt(v / v_share) + c.epsilon), [m, v]


OPTIMIZERS: dict[str, Callable] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "adamw": _adam,
}


class _Optimizer(keras.optimizers.Optimizer):
    """A Keras optimizer with the rules above."""

    def __init__(self, config: Config):
        # np.float64, because Keras rounds a Python float to float32 on its way.
        rate = np.float64(config.learning_rate) if config.schedule == "constant" else _Schedule(config)
        super().__init__(rate, clipvalue=config.clip_value, global_clipnorm=config.clip_norm, name=config.optimizer)
        self.config = config

    def build(self, variables):
        super().build(variables)
        self.slots = {name: self.add_optimizer_variables(variables, name) for name in SLOTS[self.config.optimizer]}

    def update_step(self, gradient, variable, learning_rate):
        c, i = self.config, self._get_variable_index(variable)
        slots = [variables[i] for variables in self.slots.values()]
        rate = ops.cast(learning_rate, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        if len(variable.shape) == 2 and c.optimizer == "adamw":
            self.assign_sub(variable, rate * c.weight_decay * variable)
        elif len(variable.shape) == 2 and c.weight_decay:
            gradient = gradient + c.weight_decay * variable
        direction, slots_after = OPTIMIZERS[c.optimizer](c, gradient, t, *slots)
        for slot, after in zip(slots, slots_after, strict=True):
            self.assign(slot, after)
        self.assign_sub(variable, rate * direction)


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, config: Config):
        self.config = config

    def __call__(self, step):
        return learning_rate(self.config, ops.cast(step, "float64"), ops)


class _GradientReader(keras.optimizers.Optimizer):
    """An optimizer that updates nothing and keeps the gradients: the way to them on every backend."""

    def __init__(self):
        super().__init__(learning_rate=0.0, name="gradient_reader")

    def build(self, variables):
        super().build(variables)
        self.gradients = self.add_optimizer_variables(variables, "gradient")

    def update_step(self, gradient, variable, learning_rate):
        self.assign(self.gradients[self._get_variable_index(variable)], gradient)


class _Batches(keras.utils.PyDataset):
    """The mini-batches in a given order. `fit` with shuffle=True repeats one order under a fixed seed."""

    def __init__(self, config: Config, x: np.ndarray, y: np.ndarray, watch: Watch):
        super().__init__()
        weight = _sample_weight(config, y)
        self.data = (x, y) if weight is None else (x, y, weight)
        self.order, self.batch_size = watch.order, watch.batch_size
        self.samples = np.arange(len(x))  # Keras looks at two batches before the first epoch, for their shapes.

    def __len__(self) -> int:
        return math.ceil(len(self.samples) / self.batch_size)

    def __getitem__(self, index: int) -> tuple:
        batch = self.samples[index * self.batch_size : (index + 1) * self.batch_size]
        return tuple(a[batch] for a in self.data)

    def stream(self):
        """The same as TensorFlow's own dataset, which makes a step of `fit` a fifth faster there."""
        import tensorflow as tf  # Here, so that other backends do without it.

        data, order = [tf.constant(a) for a in self.data], tf.TensorSpec([len(self.samples)], "int64")
        orders = tf.data.Dataset.from_generator(lambda: [self.samples], output_signature=order)  # One for each epoch.
        rows = orders.flat_map(
            lambda order: tf.data.Dataset.from_tensor_slices(tuple(tf.gather(a, order) for a in data))
        )
        return rows.batch(self.batch_size).apply(tf.data.experimental.assert_cardinality(len(self)))


class _Callback(keras.callbacks.Callback):
    """The order before every epoch, dropout masks before every step; after every epoch what `watch` does."""

    def __init__(self, mlp: MLP, batches: _Batches, watch: Watch, masks: Callable | None):
        super().__init__()
        self.mlp, self.batches, self.watch, self.masks = mlp, batches, watch, masks

    def on_train_begin(self, logs=None):
        self.mlp._set_masks(None, 0)

    def on_epoch_begin(self, epoch, logs=None):  # Keras tells the dataset too, once more on some backends.
        self.batches.samples = self.batches.order(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        if self.masks:
            size = min(self.batches.batch_size, len(self.batches.samples) - batch * self.batches.batch_size)
            self.mlp._set_masks(self.masks(int(self.model.optimizer.iterations.numpy()), size), size)

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.watch.stops(logs["loss"])


def _arrays(layers: list[tuple]) -> list[tuple[np.ndarray, ...]]:
    return [tuple(ops.convert_to_numpy(v).copy() for v in layer) for layer in layers]


def _assign(layers: list[tuple], values: list[tuple]) -> None:
    for layer, arrays in zip(layers, values, strict=True):
        for variable, array in zip(layer, arrays, strict=True):
            variable.assign(array)


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
