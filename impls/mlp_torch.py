"""A multi-layer perceptron in PyTorch: nn.Module, autograd and torch.optim.

Copy this file: it needs PyTorch and NumPy and nothing else. `mlp_numpy.py` and `mlp_keras.py` hold the same network
under the same names in the same order, so that a diff of two of the files shows only what a framework does for you.

Without the options, for two inputs and one hidden layer, a step of gradient descent is this:

    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    loss = F.mse_loss(net(x), y)                       # forward: outputs (B, 1), mean squared error
    loss.backward()                                    # backward: autograd applies the chain rule
    optimizer.step()                                   # update

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
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from numbers import Real
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


class MLP(nn.Module):
    """A multi-layer perceptron: dense layers with an activation between them.

    `params` is [(W (in, out), b (out,)), ...], the initial weights; without it they are drawn from config.seed.
    With batch_norm a hidden layer is (W, b, g): the normalised values are scaled by g and shifted by b.
    """

    def __init__(self, config: Config, params: list[tuple[np.ndarray, ...]] | None = None):
        super().__init__()
        self.config = config
        self.dtype = getattr(torch, config.dtype)
        self.step = 0
        if config.dropout:
            torch.manual_seed(config.seed)  # PyTorch's dropout draws from one generator for the whole process.
        self.layers = nn.Sequential()
        functions, rates = config.by_layer("activation"), config.by_layer("dropout")
        for i, (n, m) in enumerate(pairwise(config.layer_sizes[:-1])):
            self.layers.append(nn.Linear(n, m, bias=not config.batch_norm, dtype=self.dtype))
            if config.batch_norm:  # It shifts by a bias of its own.
                self.layers.append(nn.BatchNorm1d(m, NORM_EPSILON, NORM_MOMENTUM, dtype=self.dtype))
            self.layers.append(ACTIVATIONS[functions[i]]())
            if config.dropout:
                self.layers.append(_Dropout(rates[i]))
        self.layers.append(nn.Linear(*config.layer_sizes[-2:], dtype=self.dtype))
        # PyTorch would decay the biases too; here only the weight matrices are.
        matrices, others = ([p for p in self.parameters() if (p.ndim == 2) == wanted] for wanted in (True, False))
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = OPTIMIZERS[config.optimizer](config, groups)
        self._compiled_steps: Callable | None = None
        self.set_params(init_params(config) if params is None else params)

    # The network ------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's linear outputs (the logits, under a cross-entropy), shape (B, layer_sizes[-1])."""
        x = x if isinstance(x, Tensor) else self._tensors(*check_data(self.config, x))[0]
        return self.layers(torch.as_tensor(x, dtype=self.dtype))

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """The loss of a batch as in evaluation: no dropout, running statistics; without the weight decay."""
        x, y = self._tensors(*check_data(self.config, x, y))
        self.eval()
        with torch.no_grad():
            return _batch_loss(self.config, self(x), y).item()

    def gradients(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, list]:
        """The training loss and its gradient for every parameter, in the layout of `params`; nothing is updated.

        `masks` are the dropout masks of the hidden layers, (B, H) each, of 0 and 1 / (1 - dropout).
        """
        self.train()
        buffers = [buffer.clone() for buffer in self.buffers()]
        loss = self._backpropagate(*self._tensors(*check_data(self.config, x, y, training=True)), masks)
        for buffer, before in zip(self.buffers(), buffers, strict=True):
            buffer.copy_(before)  # The running statistics, which a forward pass in training moves.
        return loss, [tuple(_array(p.grad) for p in layer) for layer in self._parameters_by_layer()]

    def _backpropagate(self, x: Tensor, y: Tensor, masks: list | None) -> float:
        """Fill every parameter's `grad`, and return the training loss."""
        masks = check_masks(self.config, masks, len(x))
        self._set_masks([torch.as_tensor(mask, device=x.device) for mask in masks] if masks else None)
        self.optimizer.zero_grad()
        loss = _batch_loss(self.config, self(x), y)
        loss.backward()
        return loss.item()

    def _set_masks(self, masks: list[Tensor] | None) -> None:
        """Let the dropout layers take these masks, or draw their own."""
        for i, layer in enumerate(m for m in self.layers if isinstance(m, _Dropout)):
            layer.mask = masks[i] if masks else None

    # Training ---------------------------------------------------------------------------------------------------

    def train_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> float:
        """Make one update, and return the training loss of the batch before it."""
        self.train()
        return self._train_step(*self._tensors(*check_data(self.config, x, y, training=True)), masks)

    def _train_step(self, x: Tensor, y: Tensor, masks: list | None) -> float:
        loss = self._backpropagate(x, y, masks)
        c = self.config
        if c.clip_value:
            nn.utils.clip_grad_value_(self.parameters(), c.clip_value)
        if c.clip_norm:  # nn.utils.clip_grad_norm_ adds 1e-6 to the norm; here the limit is met exactly.
            norm = nn.utils.get_total_norm([p.grad for p in self.parameters()])
            for p in self.parameters():
                p.grad *= c.clip_norm / norm.clamp(min=c.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = float(learning_rate(c, self.step))
        self.optimizer.step()
        self.step += 1
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
        x, y = self._tensors(*check_data(self.config, x, y))
        watch = Watch(self, len(x), epochs, batch_size, order, masks, validation_data, patience, verbose)
        for epoch in range(watch.epochs):
            self.train()
            total, samples = 0.0, torch.as_tensor(watch.order(epoch))
            if fast and not masks and not self.config.batch_norm:  # It would compile for a minute.
                total, samples = self._fit_fast(x, y, samples, watch.batch_size)
            for start in range(0, len(samples), watch.batch_size):
                batch = samples[start : start + watch.batch_size]
                step_masks = masks(self.step, len(batch)) if masks else None
                total += len(batch) * self._train_step(x[batch], y[batch], step_masks)
            if watch.stops(total / len(x)):
                break
        return watch.end()

    def _fit_fast(self, x: Tensor, y: Tensor, samples: Tensor, batch_size: int) -> tuple[float, Tensor]:
        """Train on as many of `samples` as fill _STEPS_AT_ONCE batches, again and again: their losses, and the rest."""
        if self._compiled_steps is None:
            require(
                any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++", "cl"))),
                "fast needs a C++ compiler for torch.compile: install g++ or clang++, or leave fast out",
            )
            self._compiled_steps = torch.compile(self._steps, dynamic=False)
        if not all(self.optimizer.state.get(p) for p in self.parameters()):
            self.set_state(self.state)  # So that every slot is there.
        params = {name: p.detach() for name, p in self.named_parameters()}
        keys = [_STATE_KEYS[self.config.optimizer, slot] for slot in SLOTS[self.config.optimizer]]
        slots = {name: [self.optimizer.state[p][key] for key in keys] for name, p in self.named_parameters()}
        total = torch.zeros((), dtype=torch.float64)
        chunk = _STEPS_AT_ONCE * batch_size
        full = len(samples) // chunk * chunk
        shares = zip(self.config.layer_sizes[1:-1], self.config.by_layer("dropout"), strict=True)
        units = [(x.new_ones(batch_size, h), p) for h, p in shares if self.config.dropout]
        steps = [_numbers(self.config, self.step + i) for i in range(full // batch_size)]
        numbers = torch.tensor(steps, dtype=self.dtype).reshape(-1, _STEPS_AT_ONCE, 3)
        for chosen, theirs in zip(samples[:full].reshape(-1, chunk), numbers, strict=True):
            xs, ys = x.index_select(0, chosen), y.index_select(0, chosen)  # A quarter of the time of x[chosen].
            masks = [[F.dropout(a, p) for a, p in units] for _ in theirs]  # Compiled, other numbers would be drawn.
            total += self._compiled_steps(params, slots, xs, ys, masks, theirs)
            self.step += _STEPS_AT_ONCE
        for p in self.parameters():
            self.optimizer.state[p]["step"] = torch.tensor(float(self.step))
        return batch_size * total.item(), samples[full:]

    def _steps(self, params: dict, slots: dict, xs: Tensor, ys: Tensor, masks: list, numbers: Tensor) -> Tensor:
        """_STEPS_AT_ONCE steps on as many batches, stacked in xs and ys, as torch.compile takes them: the losses' sum.

        Autograd's and torch.optim's own bookkeeping cannot be compiled; torch.func's gradient and `_direction` can.
        """
        c = self.config
        loss_and_gradient = torch.func.grad_and_value(
            lambda params, x, y: _batch_loss(c, torch.func.functional_call(self, params, (x,)), y)
        )
        total = 0.0
        xs, ys = xs.chunk(_STEPS_AT_ONCE), ys.chunk(_STEPS_AT_ONCE)
        for x, y, drawn, (rate, *shares) in zip(xs, ys, masks, numbers, strict=True):
            self._set_masks(drawn)
            gradients, loss = loss_and_gradient(params, x, y)
            total += loss
            if c.clip_value:
                gradients = {name: g.clamp(-c.clip_value, c.clip_value) for name, g in gradients.items()}
            if c.clip_norm:
                norm = torch.stack([(g * g).sum() for g in gradients.values()]).sum().sqrt()
                gradients = {name: g * (c.clip_norm / norm.clamp(min=c.clip_norm)) for name, g in gradients.items()}
            for name, g in gradients.items():
                w = params[name]
                decay = c.weight_decay if w.ndim == 2 else 0.0
                if c.optimizer == "adamw":
                    w -= rate * decay * w
                elif decay:
                    g = g + decay * w
                w -= rate * _direction(c, g, shares, *slots[name])
        self._set_masks(None)
        return total

    # Use --------------------------------------------------------------------------------------------------------

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Under a cross-entropy class ids (N,), or 0 and 1 for each of several labels (N, O); otherwise values."""
        (x,) = self._tensors(*check_data(self.config, x))
        self.eval()
        with torch.no_grad():
            return decide(self.config, self(x).cpu().numpy())

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
        return [tuple(_array(p) for p in layer) for layer in self._parameters_by_layer()]

    def set_params(self, params: list[tuple[np.ndarray, ...]]) -> None:
        """Take these parameters, in the layout of `params`; ValueError if they do not fit."""
        params = check_layers(self.config, "parameters", params, param_shapes(self.config))
        with torch.no_grad():
            for layer, arrays in zip(self._parameters_by_layer(), params, strict=True):
                for p, a in zip(layer, arrays, strict=True):
                    p.copy_(_tensor(a))

    @property
    def state(self) -> dict:
        """What training carries besides the parameters: {"step": int, slot: the layout of `params`, ...}.

        With batch_norm also {"running": [(mean (H,), variance (H,)), ...]}, a pair for each hidden layer.
        """
        state: dict = {"step": self.step}
        for slot in SLOTS[self.config.optimizer]:
            key, of = _STATE_KEYS[self.config.optimizer, slot], self.optimizer.state
            state[slot] = [
                tuple(_array(of[p][key] if of.get(p) else torch.zeros_like(p)) for p in layer)
                for layer in self._parameters_by_layer()
            ]
        if self.config.batch_norm:
            state["running"] = [(_array(n.running_mean), _array(n.running_var)) for n in self._norms()]
        return state

    def set_state(self, state: dict) -> None:
        """Take this state, in the layout of `state`; ValueError if it does not fit."""
        state = check_state(self.config, state)
        self.step = state["step"]
        for i, layer in enumerate(self._parameters_by_layer()):
            for j, p in enumerate(layer):
                slots = {
                    _STATE_KEYS[self.config.optimizer, slot]: _tensor(state[slot][i][j]).to(p)
                    for slot in SLOTS[self.config.optimizer]
                }
                self.optimizer.state[p] = slots | {"step": torch.tensor(float(self.step))}
        for norm, (mean, variance) in zip(self._norms(), state.get("running", []), strict=True):
            norm.running_mean.copy_(_tensor(mean))
            norm.running_var.copy_(_tensor(variance))

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

    def _tensors(self, x: np.ndarray, y: np.ndarray | None) -> list[Tensor]:
        return [torch.as_tensor(np.array(a), device=self.layers[0].weight.device) for a in (x, y) if a is not None]

    def _norms(self) -> list[nn.BatchNorm1d]:
        return [m for m in self.layers if isinstance(m, nn.BatchNorm1d)]

    def _parameters_by_layer(self) -> list[tuple[nn.Parameter, ...]]:
        *hidden, last = [m for m in self.layers if isinstance(m, nn.Linear)]
        if self.config.batch_norm:
            pairs = zip(hidden, self._norms(), strict=True)
            return [(linear.weight, norm.bias, norm.weight) for linear, norm in pairs] + [(last.weight, last.bias)]
        return [(linear.weight, linear.bias) for linear in (*hidden, last)]


# PyTorch's own, and where its meaning had to be brought to this project's ---------------------------------------------


class _Dropout(nn.Dropout):
    """PyTorch's dropout, or a given mask in its place."""

    mask: Tensor | None = None

    def forward(self, a: Tensor) -> Tensor:
        return a * self.mask if self.training and self.mask is not None else super().forward(a)


# Each activation as a module.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": lambda: nn.Softplus(threshold=40),  # By default it is linear above 20, off by up to 2e-9.
}

# Each loss from outputs z (B, O) and targets y: its terms, or their mean or sum as `reduction` says.
LOSSES: dict[str, Callable[[Config, Tensor, Tensor, str], Tensor]] = {
    "mse": lambda c, z, y, reduction: F.mse_loss(z, y, reduction=reduction),
    "mae": lambda c, z, y, reduction: F.l1_loss(z, y, reduction=reduction),
    "sigmoid_mse": lambda c, z, y, reduction: F.mse_loss(torch.sigmoid(z), y, reduction=reduction),
    "huber": lambda c, z, y, reduction: F.huber_loss(z, y, reduction=reduction),
    "binary_cross_entropy": lambda c, z, y, reduction: F.binary_cross_entropy_with_logits(
        z, y * (1 - c.label_smoothing) + c.label_smoothing / 2, reduction=reduction
    ),
    "softmax_cross_entropy": lambda c, z, y, reduction: F.cross_entropy(
        z, y, label_smoothing=c.label_smoothing, reduction=reduction
    ),
}


def _batch_loss(c: Config, z: Tensor, y: Tensor) -> Tensor:
    """The loss of a batch, a scalar."""
    if not c.class_weights:
        return LOSSES[c.loss](c, z, y, c.reduction)
    # F.cross_entropy's own `weight` would also weigh the smoothed part of the target; here a sample has one weight.
    weight = torch.tensor(c.class_weights, dtype=z.dtype, device=z.device)[y.long().flatten()]  # (B,)
    total = (weight * LOSSES[c.loss](c, z, y, "none").flatten()).sum()
    return total / weight.sum() if c.reduction == "mean" else total


# Each optimizer from a config and groups of parameters. Their meanings are the ones taken in all three files:
# sgd       w -= lr * g
# momentum  b = momentum * b + g; w -= lr * b
# nesterov  b = momentum * b + g; w -= lr * (g + momentum * b)
# rmsprop   v = beta2 * v + (1 - beta2) * g**2; w -= lr * g / (sqrt(v) + epsilon)
# adagrad   s += g**2; w -= lr * g / (sqrt(s) + epsilon)
# adam      m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g**2;
#           w -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon)
# adamw     w -= lr * weight_decay * w; then as adam
OPTIMIZERS: dict[str, Callable[[Config, list], torch.optim.Optimizer]] = {
    "sgd": lambda c, p: torch.optim.SGD(p, c.learning_rate),
    "momentum": lambda c, p: torch.optim.SGD(p, c.learning_rate, momentum=c.momentum),
    "nesterov": lambda c, p: torch.optim.SGD(p, c.learning_rate, momentum=c.momentum, nesterov=True),
    "rmsprop": lambda c, p: torch.optim.RMSprop(p, c.learning_rate, alpha=c.beta2, eps=c.epsilon),
    "adagrad": lambda c, p: torch.optim.Adagrad(p, c.learning_rate, eps=c.epsilon),
    "adam": lambda c, p: torch.optim.Adam(p, c.learning_rate, (c.beta1, c.beta2), c.epsilon),
    "adamw": lambda c, p: torch.optim.AdamW(p, c.learning_rate, (c.beta1, c.beta2), c.epsilon),
}


def _numbers(c: Config, step: int) -> tuple[float, float, float]:
    """A step's learning rate, and how much of each moment of Adam's is there; compiled, a power is computed for every
    entry anew."""
    return float(learning_rate(c, step)), 1 - c.beta1 ** (step + 1), 1 - c.beta2 ** (step + 1)


def _direction(c: Config, g: Tensor, shares: list[Tensor], *slots: Tensor) -> Tensor:
    """The rules above for `fast`, from gradient g, `_numbers` and slots, which it updates: w -= lr * it."""
    if c.optimizer in ("momentum", "nesterov"):
        (b,) = slots
        b.mul_(c.momentum).add_(g)
        return b if c.optimizer == "momentum" else g + c.momentum * b
    if c.optimizer == "rmsprop":
        (v,) = slots
        v.add_((1 - c.beta2) * (g * g - v))
        return g / (v.sqrt() + c.epsilon)
    if c.optimizer == "adagrad":
        (s,) = slots
        s.add_(g * g)
        return g / (s.sqrt() + c.epsilon)
    if c.optimizer in ("adam", "adamw"):
        m, v = slots
        m.add_((1 - c.beta1) * (g - m))
        v.add_((1 - c.beta2) * (g * g - v))
        return (m / shares[0]) / ((v / shares[1]).sqrt() + c.epsilon)
    return g


_STEPS_AT_ONCE = 4  # Training steps in a compiled function, whose call takes longer than a small network's step.

# Where torch.optim keeps each slot.
_STATE_KEYS = {
    ("momentum", "velocity"): "momentum_buffer",
    ("nesterov", "velocity"): "momentum_buffer",
    ("rmsprop", "second_moment"): "square_avg",
    ("adagrad", "square_sum"): "sum",
    ("adam", "first_moment"): "exp_avg",
    ("adam", "second_moment"): "exp_avg_sq",
    ("adamw", "first_moment"): "exp_avg",
    ("adamw", "second_moment"): "exp_avg_sq",
}


def _tensor(a: np.ndarray) -> Tensor:
    """PyTorch keeps W as (out, in), the transpose of `params`."""
    return torch.as_tensor(np.array(a).T)


def _array(p: Tensor) -> np.ndarray:
    return p.detach().cpu().numpy().T.copy()


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
