"""Traps in the update: optimizers, weight decay, clipping, learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import (
    Trap,
    always,
    change_config,
    change_rules,
    decays,
    other_config,
    seen,
    when,
    wrap_rules,
)
from impls.mlp_numpy import Config
from shared.scenarios import Plan

ADAM = ("adam", "adamw")
VELOCITY = ("momentum", "nesterov")
SCALED = ("adam", "adamw", "rmsprop", "adagrad")  # by the root of a second moment
COUPLED = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam")  # take decay into the gradient
SCHEDULED = ("step", "exponential", "cosine", "warmup")
KERAS_EPSILON = 1e-7  # the default of all its optimizers


def _float32(value: float) -> float:
    return float(np.float32(value))


# Rules that replace an optimizer's. They come before those that wrap one.


def _adam_update(t: Any, update: Callable[..., np.ndarray]) -> None:
    """Let Adam make another update of its moments: update(config, step, m, v)."""

    def rule(c, g, step, m, v):
        m += (1 - c.beta1) * (g - m)
        v += (1 - c.beta2) * (g * g - v)
        return update(c, step, m, v)

    t.OPTIMIZERS["adam"] = t.OPTIMIZERS["adamw"] = rule


def _adam_epsilon_place(t: Any, inside_root: bool) -> None:
    def update(c, step, m, v):
        first, second = 1 - c.beta1**step, 1 - c.beta2**step
        if inside_root:
            return m / first / np.sqrt(v / second + c.epsilon)
        return m * (math.sqrt(second) / first) / (np.sqrt(v) + c.epsilon)

    _adam_update(t, update)


def _float32_correction(t: Any) -> None:
    def update(c, step, m, v):
        first, second = 1 - _float32(c.beta1) ** step, 1 - _float32(c.beta2) ** step
        return m / first / (np.sqrt(v / second) + c.epsilon)

    _adam_update(t, update)


def _keras_adam(t: Any, epsilon: float | None = KERAS_EPSILON, rounded: bool = True) -> None:
    def update(c, step, m, v):
        beta1, beta2 = (_float32(beta) if rounded else beta for beta in (c.beta1, c.beta2))
        correction = math.sqrt(1 - beta2**step) / (1 - beta1**step)
        return correction * m / (np.sqrt(v) + (c.epsilon if epsilon is None else epsilon))

    _adam_update(t, update)


def _no_bias_correction(t: Any, first: bool, second: bool) -> None:
    def update(c, step, m, v):
        m_hat = m / (1 if first else 1 - c.beta1**step)
        return m_hat / (np.sqrt(v / (1 if second else 1 - c.beta2**step)) + c.epsilon)

    _adam_update(t, update)


def _amsgrad(t: Any) -> None:
    original = t.OPTIMIZERS["adam"]
    largest: list[np.ndarray] = []

    def rule(c, g, step, m, v):
        original(c, g, step, m, v)
        largest[:] = [np.maximum(largest[0], v) if largest else v.copy()]
        return m / (1 - c.beta1**step) / (np.sqrt(largest[0] / (1 - c.beta2**step)) + c.epsilon)

    t.OPTIMIZERS["adam"] = t.OPTIMIZERS["adamw"] = rule


def _root_epsilon_inside(t: Any) -> None:
    def rmsprop(c, g, step, v):
        v += (1 - c.beta2) * (g * g - v)
        return g / np.sqrt(v + c.epsilon)

    def adagrad(c, g, step, total):
        total += g * g
        return g / np.sqrt(total + c.epsilon)

    t.OPTIMIZERS |= {"rmsprop": rmsprop, "adagrad": adagrad}


def _adagrad_start(t: Any, value: float) -> None:
    class Trapped(t.MLP):
        def set_state(self, state):
            super().set_state(state)
            if state["step"] == 0:
                self.slots["square_sum"] += value

    t.MLP = Trapped


def _nesterov_flag(t: Any) -> None:
    t.OPTIMIZERS |= {"momentum": t.OPTIMIZERS["nesterov"], "nesterov": t.OPTIMIZERS["momentum"]}


def _dampened(t: Any, from_start: bool) -> None:
    def damp(rule):
        def dampened(c, g, step, velocity):
            return rule(c, g * (1 - c.momentum) if from_start or step > 1 else g, step, velocity)

        return dampened

    t.OPTIMIZERS |= {name: damp(t.OPTIMIZERS[name]) for name in VELOCITY}


def _nesterov_lookahead(t: Any) -> None:
    class Trapped(t.MLP):
        def _backpropagate(self, x, y, masks):
            ahead = t.learning_rate(self.config, self.step) * self.config.momentum * self.slots["velocity"]
            kept = self.flat.copy()
            self.flat -= ahead
            loss = super()._backpropagate(x, y, masks)
            self.flat[:] = kept
            return loss

    t.OPTIMIZERS["nesterov"] = t.OPTIMIZERS["momentum"]
    t.MLP = Trapped


def _rate_in_velocity(t: Any) -> None:
    def hold(rule):
        def rated(c, g, step, velocity):  # The velocity is -lr * b of the step that made it.
            before, now = t.learning_rate(c, max(step - 2, 0)), t.learning_rate(c, step - 1)
            velocity *= before / now if now else 1.0
            return rule(c, g, step, velocity)

        return rated

    t.OPTIMIZERS |= {name: hold(t.OPTIMIZERS[name]) for name in VELOCITY}


# Rules that wrap what they find.


def _values(t: Any, **values: float) -> None:
    change_rules(t, **values)


def _float32_values(t: Any, name: str) -> None:
    wrap_rules(t, lambda rule: lambda c, *a: rule(seen(c, **{name: _float32(getattr(c, name))}), *a))


def _keras_rmsprop(t: Any) -> None:
    _root_epsilon_inside(t)
    _values(t, epsilon=KERAS_EPSILON)


def _keras_adagrad(t: Any) -> None:
    _keras_rmsprop(t)  # The root is the same.
    _adagrad_start(t, _float32(0.1))


def _keras_momentum(t: Any) -> None:
    _rate_in_velocity(t)
    _float32_values(t, "momentum")


def _step_count(t: Any) -> None:
    def late(rule):
        return lambda c, g, step, *slots: rule(c, g, step + 1, *slots)

    t.OPTIMIZERS |= {name: late(t.OPTIMIZERS[name]) for name in ADAM}


def _in_training(t: Any, values: Callable[[Config], dict[str, Any]]) -> None:
    """Let an update see other values of some fields of the Config, but nothing else of the model."""

    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            with other_config(self, **values(self.config)):
                return super()._train_step(x, y, masks)

    t.MLP = Trapped


def _decoupled(t: Any) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            c, before, rate = self.config, self.flat.copy(), t.learning_rate(self.config, self.step)
            with other_config(self, weight_decay=0.0):
                loss = super()._train_step(x, y, masks)
            self.flat -= rate * c.weight_decay * before * self.decays
            return loss

    t.MLP = Trapped


def _coupled(t: Any) -> None:
    """As L2 for adamw: the same update as adam's, whose slots have the same names."""
    _in_training(t, lambda c: {"optimizer": "adam"})


def _decay_factor(t: Any, factor: float) -> None:
    _in_training(t, lambda c: {"weight_decay": factor * c.weight_decay})


def _decay_value(t: Any, value: float) -> None:
    _in_training(t, lambda c: {"weight_decay": value})


def _decay_float32(t: Any) -> None:
    _in_training(t, lambda c: {"weight_decay": _float32(c.weight_decay)})


def _decay_on_everything(t: Any) -> None:
    class Trapped(t.MLP):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.decays = np.ones_like(self.decays)

    t.MLP = Trapped


def _keras_decay(t: Any) -> None:
    _decoupled(t)
    _decay_on_everything(t)
    _decay_float32(t)


def _keras_adamw(t: Any, **settings: Any) -> None:
    _keras_adam(t, **settings)
    _keras_decay(t)


def _decay_without_rate(t: Any) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            rate = t.learning_rate(self.config, self.step)
            with other_config(self, weight_decay=self.config.weight_decay / rate):
                return super()._train_step(x, y, masks)

    t.MLP = Trapped


def _before_update(t: Any, change: Callable[[Config, Any], float], shown: bool = False, **off: Any) -> None:
    """Let `change` work on a model's gradient before an update, which then sees the fields in `off` instead.

    What `change` returns is added to the loss. With `shown`, `gradients` shows the change too.
    """

    class Trapped(t.MLP):
        in_update: Config | None = None

        def _train_step(self, x, y, masks):
            self.in_update = self.config
            with other_config(self, **off):
                loss = super()._train_step(x, y, masks)
            self.in_update = None
            return loss

        def _backpropagate(self, x, y, masks):
            loss = super()._backpropagate(x, y, masks)
            return loss + change(self.in_update or self.config, self) if self.in_update or shown else loss

    t.MLP = Trapped


def _decay_in_gradient(t: Any, in_loss: bool = False, shown: bool = False) -> None:
    def change(c, model):
        model.flat_gradient += c.weight_decay * model.flat * model.decays
        return c.weight_decay / 2 * float((model.flat**2 * model.decays).sum()) if in_loss else 0.0

    _before_update(t, change, shown, weight_decay=0.0)


def _norm(g: np.ndarray) -> float:
    return math.sqrt(float((g * g).sum()))


def _clip_per_tensor(t: Any) -> None:
    def clip(c, model):
        for g in (g for layer in model.gradient_layers for g in layer):
            g *= c.clip_norm / max(c.clip_norm, _norm(g))
        return 0.0

    _before_update(t, clip, clip_norm=None)


def _clip_epsilon(t: Any) -> None:
    def clip(c, model):
        model.flat_gradient *= min(1.0, c.clip_norm / (_norm(model.flat_gradient) + 1e-6))
        return 0.0

    _before_update(t, clip, clip_norm=None)


def _clip_kind(t: Any) -> None:
    _in_training(t, lambda c: {"clip_norm": c.clip_value, "clip_value": c.clip_norm})


def _clip_forgotten(t: Any) -> None:
    _in_training(t, lambda c: {"clip_norm": None, "clip_value": None})


def _rate_value(t: Any, value: float | None = None, factor: float = 1.0) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, *step: factor * original(seen(c, learning_rate=value or c.learning_rate), *step)


def _no_schedule(t: Any) -> None:
    change_config(t, "learning_rate", schedule="constant")


def _rate_float32(t: Any) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, step, *xp: _float32(original(c, step, *xp))


def _rate_shift(t: Any, by: int) -> None:
    original = t.learning_rate
    t.learning_rate = lambda c, step, *xp: original(c, max(step + by, 0), *xp)


def _two_updates(t: Any) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            loss = super()._train_step(x, y, masks)
            super()._train_step(x, y, masks)
            return loss

    t.MLP = Trapped


def _clips(config: Config, plan: Plan) -> bool:
    return bool(config.clip_norm or config.clip_value)


def _clips_norm(config: Config, plan: Plan) -> bool:
    return bool(config.clip_norm)


_K = "keras/src/optimizers/"
_T = "torch/optim/"
_KERAS_ADAM: dict[str, dict[str, Any]] = {
    "": {},
    "but for its epsilon's value": {"epsilon": None},
    "but for the betas' rounding": {"rounded": False},
}

TRAPS = [
    Trap(
        "adam-epsilon-place",
        "optimizer",
        "Adam's updates differ most at the first steps and for parameters with small gradients",
        "Kingma and Ba's algorithm 1, and PyTorch, add epsilon to the root of the bias-corrected second moment. Keras"
        " takes the form at the end of their section 2, with the corrections in the learning rate, so that its "
        "epsilon is added to the uncorrected root and weighs 1 / sqrt(1 - beta2**t) times as much. Others add it "
        "under the root.",
        f"{_T}adam.py; {_K}adam.py (update_step)",
        "torch.optim.Adam(model.parameters(), lr={learning_rate}, eps=eps_keras / (1 - {beta2}**step) ** 0.5)  "
        "# eps anew before every step, to follow Keras",
        "optimizer.epsilon = {epsilon} * (1 - {beta2}**step) ** 0.5  # anew before every step (eager), to follow "
        "PyTorch; compiled training needs a subclass with its own update_step",
        when(optimizer=ADAM),
        _adam_epsilon_place,
        variants={
            "added to the uncorrected root, as in Keras": {"inside_root": False},
            "added under the root": {"inside_root": True},
        },
    ),
    Trap(
        "betas-float32-in-correction",
        "optimizer",
        "In float64, Adam differs by some 7e-6 of the update at the first step, and by less from step to step",
        "Keras casts Python floats to tensors by way of float32, also where floatx is float64, and raises the rounded"
        " betas to the power of the step for the bias correction; the moments themselves use the exact ones.",
        f"{_K}adam.py (update_step); keras/src/backend/tensorflow/core.py",
        "nothing to mend: PyTorch keeps betas as Python floats",
        "keras.optimizers.Adam({learning_rate}, np.float64({beta1}), np.float64({beta2}), {epsilon})",
        when(optimizer=ADAM),
        _float32_correction,
    ),
    Trap(
        "no-bias-correction",
        "optimizer",
        "Adam's first updates are too large or too small, by 3.2 at the first step with the usual betas",
        "The moments start at 0 and are divided by 1 - beta**t to make up for it. Hand-written versions leave this "
        "out, and so did BertAdam.",
        "Kingma and Ba, Adam, 2015, section 3",
        "torch.optim.Adam(model.parameters(), lr={learning_rate}, betas=({beta1}, {beta2}), eps={epsilon})  # it "
        "corrects",
        "keras.optimizers.Adam({learning_rate}, np.float64({beta1}), np.float64({beta2}), {epsilon})  # it corrects",
        when(optimizer=ADAM),
        _no_bias_correction,
        variants={
            "of both moments": {"first": True, "second": True},
            "of the first moment": {"first": True, "second": False},
            "of the second moment": {"first": False, "second": True},
        },
    ),
    Trap(
        "amsgrad",
        "optimizer",
        "Adam is the same at first, and slower wherever a second moment has fallen",
        "With amsgrad=True both frameworks divide by the largest second moment so far. It is off by default in both.",
        f"{_T}adam.py; {_K}adam.py",
        "torch.optim.Adam(model.parameters(), lr={learning_rate}, amsgrad=False)",
        "keras.optimizers.Adam({learning_rate}, amsgrad=False)",
        when(optimizer=ADAM),
        _amsgrad,
    ),
    Trap(
        "epsilon-inside-root",
        "optimizer",
        "RMSprop or Adagrad differs where gradients are small, and strongly at the first steps of RMSprop",
        "PyTorch divides by sqrt(v) + epsilon, Keras by sqrt(v + epsilon): for small v Keras' epsilon acts as its "
        "root, 3e-4 for 1e-7.",
        f"{_T}rmsprop.py, {_T}adagrad.py; {_K}rmsprop.py, {_K}adagrad.py (update_step)",
        "p.addcdiv_(p.grad, (v + eps).sqrt(), value=-{learning_rate})  # in an optimizer of your own, to follow Keras",
        "a subclass of the optimizer whose update_step divides by ops.sqrt(v) + {epsilon}, to follow PyTorch",
        when(optimizer=("rmsprop", "adagrad")),
        _root_epsilon_inside,
    ),
    Trap(
        "adagrad-initial-accumulator",
        "optimizer",
        "Adagrad's first updates are smaller than the learning rate, in Keras only",
        "Keras starts Adagrad's sum of squares at 0.1, PyTorch at 0.",
        f"{_K}adagrad.py (initial_accumulator_value); {_T}adagrad.py",
        "torch.optim.Adagrad(model.parameters(), lr={learning_rate}, initial_accumulator_value=0.0, eps={epsilon})",
        "keras.optimizers.Adagrad({learning_rate}, initial_accumulator_value=0.0, epsilon={epsilon})",
        when(optimizer="adagrad"),
        _adagrad_start,
        variants={
            "0.1 in float32, as in Keras": {"value": _float32(0.1)},
            "0.1": {"value": 0.1},
            "1": {"value": 1.0},
        },
    ),
    Trap(
        "nesterov-flag",
        "optimizer",
        "Slots agree, weights differ by a step of the velocity",
        "Momentum with Nesterov's step and without it keep the same velocity. The flag is off by default in both "
        "frameworks.",
        f"{_T}sgd.py; {_K}sgd.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, momentum={momentum}, nesterov=...)  # True for "
        "Nesterov's",
        "keras.optimizers.SGD({learning_rate}, np.float64({momentum}), nesterov=...)  # True for Nesterov's",
        when(optimizer=VELOCITY),
        _nesterov_flag,
    ),
    Trap(
        "momentum-dampened",
        "optimizer",
        "The velocity is a share 1 - momentum of the expected one, so training is some ten times slower",
        "An average of gradients, m * b + (1 - m) * g, in place of their sum. PyTorch does it with "
        "dampening=momentum, but not at the first step.",
        f"{_T}sgd.py (dampening); {_K}sgd.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, momentum={momentum}, dampening=0)",
        "keras.optimizers.SGD({learning_rate}, np.float64({momentum}))  # has no dampening",
        when(optimizer=VELOCITY),
        _dampened,
        variants={
            "from the first step": {"from_start": True},
            "from the second step, as PyTorch's dampening": {"from_start": False},
        },
    ),
    Trap(
        "nesterov-lookahead",
        "optimizer",
        "Loss and gradient differ from the second step, though the weights are the same",
        "Sutskever's form takes the gradient at w - lr * momentum * b, where the velocity leads. Both frameworks "
        "store the point looked at instead and need no second set of weights.",
        "Sutskever et al., On the importance of initialization and momentum in deep learning, 2013",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, momentum={momentum}, nesterov=True)",
        "keras.optimizers.SGD({learning_rate}, np.float64({momentum}), nesterov=True)",
        when(optimizer="nesterov"),
        _nesterov_lookahead,
    ),
    Trap(
        "rate-in-velocity",
        "optimizer",
        "Equal as long as the learning rate stays, apart as soon as a schedule changes it",
        "Keras' velocity holds the learning rate, v = m * v - lr * g, so that old gradients keep the rate of their "
        "time. PyTorch's b = m * b + g is multiplied by the rate of now.",
        f"{_K}sgd.py (update_step); {_T}sgd.py",
        "buffer *= lr_before / lr_now  # on every state[p]['momentum_buffer'] when the rate changes, to follow Keras",
        "for v in optimizer.momentums: v.assign(v * lr_now / lr_before)  # when the rate changes, to follow PyTorch",
        when(optimizer=VELOCITY, schedule=SCHEDULED),
        _rate_in_velocity,
    ),
    Trap(
        "epsilon-value",
        "optimizer",
        "Adaptive updates differ for parameters with small gradients",
        "PyTorch's default epsilon is 1e-8 for Adam, AdamW and RMSprop and 1e-10 for Adagrad, Keras' is 1e-7 for all.",
        f"{_T}adam.py, {_T}adagrad.py; {_K}adam.py, {_K}rmsprop.py, {_K}adagrad.py",
        "torch.optim.Adam(model.parameters(), lr={learning_rate}, eps={epsilon})  # or AdamW, RMSprop, Adagrad",
        "keras.optimizers.Adam({learning_rate}, epsilon={epsilon})  # or AdamW, RMSprop, Adagrad",
        when(optimizer=SCALED),
        _values,
        variants={
            "1e-7, Keras' default": {"epsilon": 1e-7},
            "1e-8, PyTorch's default": {"epsilon": 1e-8},
            "1e-10, PyTorch's default for Adagrad": {"epsilon": 1e-10},
            "1e-6": {"epsilon": 1e-6},
            "1e-5": {"epsilon": 1e-5},
            "1e-4": {"epsilon": 1e-4},
            "1e-3": {"epsilon": 1e-3},
            "1": {"epsilon": 1.0},
            "none": {"epsilon": 0.0},
        },
    ),
    Trap(
        "adam-betas",
        "optimizer",
        "Adam's moments differ from the first step",
        "Both frameworks default to 0.9 and 0.999; papers and tutorials use others.",
        f"{_T}adam.py; {_K}adam.py",
        "torch.optim.Adam(model.parameters(), lr={learning_rate}, betas=({beta1}, {beta2}))",
        "keras.optimizers.Adam({learning_rate}, beta_1=np.float64({beta1}), beta_2=np.float64({beta2}))",
        when(optimizer=ADAM),
        _values,
        variants={
            "0.9 and 0.999, the defaults": {"beta1": 0.9, "beta2": 0.999},
            "beta2 0.99": {"beta2": 0.99},
            "beta2 0.95": {"beta2": 0.95},
            "beta2 0.98": {"beta2": 0.98},
            "beta2 0.9": {"beta2": 0.9},
            "beta2 0.9999": {"beta2": 0.9999},
            "beta1 0.5": {"beta1": 0.5},
            "beta1 0.95": {"beta1": 0.95},
            "beta1 0.8": {"beta1": 0.8},
            "beta1 0.99": {"beta1": 0.99},
            "beta1 0": {"beta1": 0.0},
            "0.999 and 0.9, exchanged": {"beta1": 0.999, "beta2": 0.9},
        },
    ),
    Trap(
        "adam-step-count",
        "optimizer",
        "Adam's first update is about half as large again or as small, later ones agree better and better",
        "The bias correction counts steps from 1. A count that was already raised, or restored without the moments, "
        "is one too high.",
        f"{_T}adam.py; {_K}adam.py (local_step)",
        "optimizer.state[p]['step'] must be t - 1 before step t",
        "optimizer.iterations must be t - 1 before step t",
        when(optimizer=ADAM),
        _step_count,
    ),
    Trap(
        "momentum-value",
        "optimizer",
        "The velocity differs from the second step",
        "Both frameworks' SGD has momentum 0 unless told; 0.9 is usual, 0.99 and 0.5 are seen.",
        f"{_T}sgd.py; {_K}sgd.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, momentum={momentum})",
        "keras.optimizers.SGD({learning_rate}, momentum=np.float64({momentum}))",
        when(optimizer=VELOCITY),
        _values,
        variants={
            "none, the default": {"momentum": 0.0},
            "0.9": {"momentum": 0.9},
            "0.99": {"momentum": 0.99},
            "0.95": {"momentum": 0.95},
            "0.8": {"momentum": 0.8},
            "0.5": {"momentum": 0.5},
        },
    ),
    Trap(
        "rmsprop-decay",
        "optimizer",
        "RMSprop's second moment differs from the first step",
        "PyTorch's alpha is 0.99, Keras' rho is 0.9.",
        f"{_T}rmsprop.py; {_K}rmsprop.py",
        "torch.optim.RMSprop(model.parameters(), lr={learning_rate}, alpha={beta2}, eps={epsilon})",
        "keras.optimizers.RMSprop({learning_rate}, rho={beta2}, epsilon={epsilon})",
        when(optimizer="rmsprop"),
        _values,
        variants={
            "0.9, Keras' default": {"beta2": 0.9},
            "0.99, PyTorch's default": {"beta2": 0.99},
            "0.999": {"beta2": 0.999},
            "0.95": {"beta2": 0.95},
        },
    ),
    Trap(
        "hyperparameters-float32",
        "optimizer",
        "In float64, momentum or moments differ by some 1e-8 of their size",
        "Keras casts Python floats by way of float32, also where floatx is float64; 0.9 becomes 0.899999976.",
        "keras/src/backend/tensorflow/core.py (convert_to_tensor, cast)",
        "nothing to mend: PyTorch keeps them as Python floats",
        "keras.optimizers.SGD({learning_rate}, np.float64({momentum}))  # np.float64 around every Python float",
        when(optimizer=("momentum", "nesterov", "adam", "adamw", "rmsprop")),
        _float32_values,
        variants={
            "momentum": {"name": "momentum"},
            "beta1": {"name": "beta1"},
            "beta2": {"name": "beta2"},
        },
    ),
    Trap(
        "adam-as-keras-has-it",
        "optimizer",
        "Keras' Adam with its defaults: off from the first step, most for parameters with small gradients",
        "Three things at once. Keras' epsilon is 1e-7 by default, not 1e-8; it is added to the root before the bias "
        "correction, not after it; and the correction takes betas that were rounded to float32, also in float64.",
        f"{_K}adam.py (update_step); {_T}adam.py",
        "optimizer.param_groups[0]['eps'] = 1e-7 / (1 - {beta2}**t) ** 0.5  # before step t = 1, 2, ...; what is left "
        "is the rounding of Keras' betas, up to 7e-6 of an update",
        "Adam({learning_rate}, np.float64({beta1}), np.float64({beta2})), in a subclass whose update_step first sets "
        "self.epsilon = {epsilon} * (1 - {beta2} ** ops.cast(self.iterations + 1, g.dtype)) ** 0.5",
        when(optimizer=ADAM),
        _keras_adam,
        variants=_KERAS_ADAM,
        either=True,
    ),
    Trap(
        "adamw-as-keras-has-it",
        "optimizer",
        "Keras' AdamW with its defaults: off from the first step, biases by their decay",
        "Keras' Adam (epsilon 1e-7, added before the bias correction, which takes betas rounded to float32), and a "
        "decay, rounded to float32 too, that shrinks biases and batch-norm parameters with the weights.",
        f"{_K}adam.py (update_step), {_K}base_optimizer.py (_apply_weight_decay); {_T}adamw.py",
        "torch.optim.AdamW(model.parameters(), {learning_rate}, weight_decay={weight_decay}), and before step t "
        "optimizer.param_groups[0]['eps'] = 1e-7 / (1 - {beta2}**t) ** 0.5",
        "exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta']), np.float64 for decay and betas, and in "
        "update_step self.epsilon = {epsilon} * (1 - {beta2} ** ops.cast(self.iterations + 1, g.dtype)) ** 0.5",
        when(decays, optimizer="adamw"),
        _keras_adamw,
        variants=_KERAS_ADAM,
        either=True,
    ),
    Trap(
        "rmsprop-as-keras-has-it",
        "optimizer",
        "Keras' RMSprop with its defaults: much smaller steps where the second moment is small",
        "Two things at once. Keras divides by sqrt(v + epsilon), PyTorch by sqrt(v) + epsilon; and Keras' epsilon is "
        "1e-7, not 1e-8, and acts as its root, 3e-4. Its default rho is 0.9, PyTorch's alpha 0.99.",
        f"{_K}rmsprop.py (update_step); {_T}rmsprop.py",
        "v.mul_({beta2}).addcmul_(g, g, value=1 - {beta2}); p.sub_({learning_rate} * g / (v + 1e-7).sqrt())  # for "
        "every p and its g = p.grad, in place of optimizer.step()",
        "def update_step(self, g, w, lr): v = self._velocities[self._get_variable_index(w)]; v.assign({beta2} * v + "
        "(1 - {beta2}) * g * g); w.assign_sub(lr * g / (ops.sqrt(v) + {epsilon}))",
        when(optimizer="rmsprop"),
        _keras_rmsprop,
        either=True,
    ),
    Trap(
        "adagrad-as-keras-has-it",
        "optimizer",
        "Keras' Adagrad with its defaults: its first updates are smaller than the learning rate",
        "Three things at once. Keras starts the sum of squares at 0.1 (rounded to float32), not at 0; it divides by "
        "sqrt(s + epsilon), not by sqrt(s) + epsilon; and its epsilon is 1e-7, not 1e-8 or PyTorch's 1e-10.",
        f"{_K}adagrad.py (initial_accumulator_value, update_step); {_T}adagrad.py",
        "torch.optim.Adagrad(model.parameters(), {learning_rate}, eps=0, initial_accumulator_value="
        "float(np.float32(0.1)) + 1e-7)",
        "initial_accumulator_value=0.0, and def update_step(self, g, w, lr): s = self._accumulators["
        "self._get_variable_index(w)]; s.assign_add(g * g); w.assign_sub(lr * g / (ops.sqrt(s) + {epsilon}))",
        when(optimizer="adagrad"),
        _keras_adagrad,
        either=True,
    ),
    Trap(
        "momentum-as-keras-has-it",
        "optimizer",
        "Keras' SGD with momentum under a schedule: by 1e-8 at first, by more as soon as the rate changes",
        "Two things at once. Keras' velocity holds the learning rate of the time, and its momentum is rounded to "
        "float32, also in float64.",
        f"{_K}sgd.py (update_step); {_T}sgd.py",
        "momentum=float(np.float32({momentum})), and buffer *= lr_before / lr_now on every "
        "state[p]['momentum_buffer'] when the rate changes",
        "momentum=np.float64({momentum}), and for v in optimizer.momentums: v.assign(v * lr_now / lr_before) when the "
        "rate changes",
        when(optimizer=VELOCITY, schedule=SCHEDULED),
        _keras_momentum,
        either=True,
    ),
    Trap(
        "decay-decoupled",
        "optimizer",
        "Gradients agree; with momentum or an adaptive optimizer, slots and weights differ",
        "Keras' weight_decay argument shrinks the weights, w -= lr * decay * w, under every optimizer. PyTorch's adds "
        "decay * w to the gradient, but for AdamW.",
        "keras/src/optimizers/base_optimizer.py (_apply_weight_decay); torch/optim/sgd.py, torch/optim/adam.py",
        "torch.optim.AdamW(model.parameters(), lr={learning_rate}, weight_decay={weight_decay})  # for a decoupled one",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))  # and no "
        "weight_decay",
        when(decays, optimizer=COUPLED),
        _decoupled,
    ),
    Trap(
        "decay-coupled",
        "optimizer",
        "AdamW's slots differ from the first step",
        "PyTorch's Adam(weight_decay=...) adds decay * w to the gradient, which Adam then scales; AdamW shrinks the "
        "weights.",
        f"{_T}adam.py, {_T}adamw.py; {_K}adamw.py",
        "torch.optim.AdamW(model.parameters(), lr={learning_rate}, weight_decay={weight_decay})",
        "keras.optimizers.AdamW({learning_rate}, weight_decay=np.float64({weight_decay}))",
        when(decays, optimizer="adamw"),
        _coupled,
    ),
    Trap(
        "decay-factor",
        "optimizer",
        "Weight decay twice or half as strong",
        "keras.regularizers.L2(l) adds l * sum(w**2) to the loss, whose gradient is 2 * l * w; PyTorch's weight_decay"
        " adds weight_decay * w.",
        "keras/src/regularizers/regularizers.py (L2); torch/optim/sgd.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, weight_decay={weight_decay})  # 2 * Keras' l2",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))",
        when(decays),
        _decay_factor,
        variants={"twice": {"factor": 2.0}, "half": {"factor": 0.5}, "negative": {"factor": -1.0}},
    ),
    Trap(
        "decay-forgotten",
        "optimizer",
        "The weights do not shrink",
        "PyTorch's optimizers have weight_decay=0 by default (AdamW: 0.01), Keras' have none (AdamW: 0.004).",
        f"{_T}sgd.py; keras/src/optimizers/base_optimizer.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, weight_decay={weight_decay})",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))",
        when(decays),
        _decay_value,
        variants={"": {"value": 0.0}},
    ),
    Trap(
        "decay-by-default",
        "optimizer",
        "The weights shrink by a little more or less at every step than they should",
        "AdamW decays without being told: by 0.01 in PyTorch, by 0.004 in Keras.",
        f"{_T}adamw.py; {_K}adamw.py",
        "torch.optim.AdamW(model.parameters(), lr={learning_rate}, weight_decay={weight_decay})",
        "keras.optimizers.AdamW({learning_rate}, weight_decay=np.float64({weight_decay}))",
        when(optimizer=("adamw",)),
        _decay_value,
        variants={"0.01, PyTorch's": {"value": 0.01}, "0.004, Keras'": {"value": 0.004}},
    ),
    Trap(
        "decay-on-biases",
        "optimizer",
        "Biases differ, weight matrices agree in step",
        "PyTorch's weight_decay and Keras' take every parameter, biases and batch-norm scales too. A "
        "kernel_regularizer takes the weight matrices only.",
        f"{_T}sgd.py (weight_decay); keras/src/optimizers/base_optimizer.py (exclude_from_weight_decay)",
        "torch.optim.SGD([dict(params=matrices, weight_decay={weight_decay}), dict(params=others, weight_decay=0.0)], "
        "lr={learning_rate})",
        "optimizer.exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta'])",
        when(decays),
        _decay_on_everything,
    ),
    Trap(
        "decay-without-rate",
        "optimizer",
        "AdamW's weights shrink far too fast, whatever the learning rate",
        "Loshchilov and Hutter's decay has no learning rate in it, only the schedule's factor; both frameworks "
        "multiply it by the learning rate.",
        "Loshchilov and Hutter, Decoupled weight decay regularization, 2019; torch/optim/adamw.py",
        "torch.optim.AdamW(model.parameters(), lr={learning_rate}, weight_decay=decay / {learning_rate})  # as in the"
        " paper",
        "keras.optimizers.AdamW({learning_rate}, weight_decay=decay / {learning_rate})  # as in the paper",
        when(decays, optimizer="adamw"),
        _decay_without_rate,
    ),
    Trap(
        "decay-float32",
        "optimizer",
        "In float64, weights differ by some 1e-8 of the decay",
        "Keras casts a Python-float weight_decay by way of float32, and L2 takes float() of its argument.",
        "keras/src/optimizers/base_optimizer.py; keras/src/regularizers/regularizers.py",
        "nothing to mend: PyTorch keeps it as a Python float",
        "keras.optimizers.AdamW({learning_rate}, weight_decay=np.float64({weight_decay}))",
        when(decays),
        _decay_float32,
    ),
    Trap(
        "decay-as-keras-has-it",
        "optimizer",
        "Biases decay too; with momentum or an adaptive optimizer, slots differ from the first step",
        "Three things at once. The weight_decay argument of any Keras optimizer shrinks the weights, w -= lr * decay "
        "* w, in place of adding to the gradient; it takes biases and batch-norm parameters too; and it is rounded to "
        "float32.",
        f"{_K}base_optimizer.py (_apply_weight_decay, exclude_from_weight_decay); {_T}sgd.py",
        "for p in model.parameters(): p.data.mul_(1 - {learning_rate} * {weight_decay})  # before optimizer.step(), "
        "whose own weight_decay is 0",
        "weight_decay=None and kernel_regularizer=keras.regularizers.L2({weight_decay} / 2); for AdamW np.float64("
        "{weight_decay}) and exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta'])",
        when(decays),
        _keras_decay,
        either=True,
    ),
    Trap(
        "decay-before-clip",
        "optimizer",
        "Differs only where weight decay and clipping are used together",
        "A penalty in the loss is part of the gradient that is clipped; PyTorch's weight_decay is added after it.",
        f"{_T}sgd.py; keras/src/regularizers/regularizers.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate}, weight_decay={weight_decay})  # not a penalty in the"
        " loss",
        "an own optimizer that adds {weight_decay} * w after clipping; a regularizer comes before it",
        when(decays, _clips, optimizer=COUPLED),
        _decay_in_gradient,
    ),
    Trap(
        "penalty-in-loss",
        "optimizer",
        "The loss is larger by the penalty, and its gradient holds the decay; the weights agree",
        "A Keras regularizer is part of the loss that fit and train_on_batch report; PyTorch's weight_decay is not.",
        "keras/src/trainers/trainer.py (compute_loss); torch/optim/sgd.py",
        "report the loss before a penalty is added to it",
        "subtract sum(layer.losses) from the reported loss",
        when(decays, optimizer=COUPLED),
        _decay_in_gradient,
        variants={
            "and its gradient in the gradient": {"in_loss": True, "shown": True},
            "but not in the gradient shown": {"in_loss": True},
        },
    ),
    Trap(
        "clip-per-tensor",
        "optimizer",
        "Large gradients are clipped differently from tensor to tensor",
        "Keras' clipnorm limits the norm of every variable's gradient by itself; global_clipnorm and PyTorch's "
        "clip_grad_norm_ limit the norm of all together.",
        "keras/src/optimizers/base_optimizer.py (clipnorm, global_clipnorm); torch/nn/utils/clip_grad.py",
        "torch.nn.utils.clip_grad_norm_(model.parameters(), {clip_norm})  # all at once, not one by one",
        "keras.optimizers.Adam({learning_rate}, global_clipnorm={clip_norm})  # not clipnorm",
        when(_clips_norm),
        _clip_per_tensor,
    ),
    Trap(
        "clip-epsilon",
        "optimizer",
        "Clipped gradients differ by a factor of 1 - 1e-6 / norm",
        "PyTorch's clip_grad_norm_ divides by norm + 1e-6, Keras by the norm.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py (clip_by_global_norm)",
        "for p in model.parameters(): p.grad *= {clip_norm} / norm.clamp(min={clip_norm})",
        "keras.optimizers.Adam({learning_rate}, global_clipnorm={clip_norm})",
        when(_clips_norm),
        _clip_epsilon,
    ),
    Trap(
        "clip-kind",
        "optimizer",
        "Gradients are clipped entry by entry where their norm was meant, or the reverse",
        "clipvalue and clip_grad_value_ cut every entry, clipnorm and clip_grad_norm_ scale.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py",
        "clip_grad_norm_ for clip_norm={clip_norm}, clip_grad_value_ for clip_value={clip_value}",
        "global_clipnorm={clip_norm}, clipvalue={clip_value}",
        when(_clips),
        _clip_kind,
    ),
    Trap(
        "clip-forgotten",
        "optimizer",
        "Updates after large gradients are too large",
        "Clipping has to be called between backward and step in PyTorch, and given to the optimizer in Keras, where "
        "an own training step that bypasses apply loses it.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py (apply)",
        "loss.backward(); torch.nn.utils.clip_grad_norm_(model.parameters(), {clip_norm}); optimizer.step()",
        "keras.optimizers.Adam({learning_rate}, global_clipnorm={clip_norm}, clipvalue={clip_value})",
        when(_clips),
        _clip_forgotten,
    ),
    Trap(
        "learning-rate",
        "optimizer",
        "Gradients and slots agree, every update is a constant multiple",
        "Defaults differ: SGD 1e-3 in PyTorch and 1e-2 in Keras, RMSprop and Adagrad 1e-2 in PyTorch and 1e-3 in "
        "Keras, Adam 1e-3 in both. Factors slip in where the rate is scaled by the batch size or the number of "
        "devices.",
        f"{_T}sgd.py, {_T}rmsprop.py; {_K}sgd.py, {_K}rmsprop.py",
        "torch.optim.SGD(model.parameters(), lr={learning_rate})  # or the optimizer used",
        "keras.optimizers.SGD(learning_rate={learning_rate})  # or the optimizer used",
        always,
        _rate_value,
        variants={f"{value:g}": {"value": value} for value in (1e-3, 1e-2, 1e-4, 0.1, 1.0)}
        | {"twice": {"factor": 2.0}, "half": {"factor": 0.5}, "ten times": {"factor": 10.0}}
        | {"a tenth": {"factor": 0.1}, "negative: it climbs": {"factor": -1.0}}
        | {f"{value:g}": {"value": value} for value in (2e-3, 5e-3, 2e-2, 5e-2, 0.2, 0.3, 0.5)},
    ),
    Trap(
        "learning-rate-float32",
        "optimizer",
        "In float64, updates differ by up to 6e-8 of their size",
        "Keras keeps the learning rate in a float32 variable unless floatx was float64 when the optimizer was made, "
        "and its schedules compute in float32.",
        "keras/src/optimizers/base_optimizer.py; keras/src/optimizers/schedules/learning_rate_schedule.py",
        "nothing to mend: PyTorch keeps it as a Python float",
        "keras.config.set_floatx('float64')  # before anything else; np.float64 around a schedule's arguments",
        always,
        _rate_float32,
    ),
    Trap(
        "schedule-shifted",
        "optimizer",
        "Updates differ by the schedule's change over one step",
        "PyTorch's scheduler moves when its step() is called, after optimizer.step(); called before it, the first "
        "rate is skipped. Keras evaluates a schedule at optimizer.iterations, from 0.",
        "torch/optim/lr_scheduler.py; keras/src/optimizers/base_optimizer.py",
        "optimizer.step(); scheduler.step()  # in this order",
        "schedule(optimizer.iterations)  # from 0",
        when(schedule=SCHEDULED),
        _rate_shift,
        variants={"one step early": {"by": 1}, "one step late": {"by": -1}},
    ),
    Trap(
        "schedule-forgotten",
        "optimizer",
        "Equal until the schedule moves, then the rate stays where it was",
        "A PyTorch scheduler does nothing until its step() is called; in Keras an optimizer takes the schedule as its "
        "learning_rate.",
        "torch/optim/lr_scheduler.py; keras/src/optimizers/schedules/learning_rate_schedule.py",
        "scheduler.step()  # after every optimizer.step()",
        "keras.optimizers.SGD(learning_rate=schedule)",
        when(schedule=SCHEDULED),
        _no_schedule,
    ),
    Trap(
        "two-updates",
        "optimizer",
        "Weights move about twice as far, the step count is twice too high",
        "optimizer.step() is called twice, or train_on_batch beside fit.",
        f"{_T}optimizer.py; keras/src/trainers/trainer.py",
        "optimizer.step()  # once a batch",
        "model.train_on_batch(x, y)  # once a batch",
        always,
        _two_updates,
    ),
]
