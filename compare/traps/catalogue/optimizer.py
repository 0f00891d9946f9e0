"""Traps in the update: optimizers and their settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import (
    CONVENTION,
    DEFAULT,
    FAULT,
    Trap,
    Words,
    change_rules,
    rounded_to_float32,
    seen,
    when,
    wrap_rules,
)

ADAM = ("adam", "adamw")
VELOCITY = ("momentum", "nesterov")
SCALED = ("adam", "adamw", "rmsprop", "adagrad")  # by the root of a second moment
COUPLED = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam")  # take decay into the gradient
SCHEDULED = ("step", "exponential", "cosine", "warmup")
KERAS_EPSILON = 1e-7  # the default of all its optimizers


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
        first, second = 1 - rounded_to_float32(c.beta1) ** step, 1 - rounded_to_float32(c.beta2) ** step
        return m / first / (np.sqrt(v / second) + c.epsilon)

    _adam_update(t, update)


def keras_adam(t: Any, epsilon: float | None = KERAS_EPSILON, rounded: bool = True) -> None:
    def update(c, step, m, v):
        beta1, beta2 = (rounded_to_float32(beta) if rounded else beta for beta in (c.beta1, c.beta2))
        correction = math.sqrt(1 - beta2**step) / (1 - beta1**step)
        return correction * m / (np.sqrt(v) + (c.epsilon if epsilon is None else epsilon))

    _adam_update(t, update)


def _no_bias_correction(t: Any, first: bool, second: bool) -> None:
    def update(c, step, m, v):
        m_hat = m / (1 if first else 1 - c.beta1**step)
        return m_hat / (np.sqrt(v / (1 if second else 1 - c.beta2**step)) + c.epsilon)

    _adam_update(t, update)


def _amsgrad(t: Any, as_keras: bool) -> None:
    original = t.OPTIMIZERS["adam"]
    largest: list[np.ndarray] = []

    def rule(c, g, step, m, v):
        original(c, g, step, m, v)
        largest[:] = [np.maximum(largest[0], v) if largest else v.copy()]
        if as_keras:
            first, second = (1 - rounded_to_float32(beta) ** step for beta in (c.beta1, c.beta2))
            return m * (math.sqrt(second) / first) / (np.sqrt(largest[0]) + KERAS_EPSILON)
        return m / (1 - c.beta1**step) / (np.sqrt(largest[0] / (1 - c.beta2**step)) + c.epsilon)

    t.OPTIMIZERS["adam"] = t.OPTIMIZERS["adamw"] = rule


def _nadam(t: Any, decay: float, epsilon: float | None) -> None:
    def share(c, step):
        return c.beta1 * (1 - 0.5 * 0.96 ** (step * decay))

    def update(c, step, m, v, g):
        now, then = share(c, step), share(c, step + 1)
        past = math.prod(share(c, i) for i in range(1, step + 1))
        ahead = then / (1 - past * then) * m + (1 - now) / (1 - past) * g
        return ahead / (np.sqrt(v / (1 - c.beta2**step)) + (c.epsilon if epsilon is None else epsilon))

    def rule(c, g, step, m, v):
        m += (1 - c.beta1) * (g - m)
        v += (1 - c.beta2) * (g * g - v)
        return update(c, step, m, v, g)

    t.OPTIMIZERS["adam"] = t.OPTIMIZERS["adamw"] = rule


def _centred(t: Any, as_keras: bool) -> None:
    mean: list[np.ndarray] = []

    def rmsprop(c, g, step, v):
        v += (1 - c.beta2) * (g * g - v)
        mean[:] = [mean[0] + (1 - c.beta2) * (g - mean[0]) if mean else (1 - c.beta2) * g]
        variance = v - mean[0] ** 2
        return g / (np.sqrt(variance + KERAS_EPSILON) if as_keras else np.sqrt(variance) + c.epsilon)

    t.OPTIMIZERS["rmsprop"] = rmsprop


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


# Rules that wrap what they find.


def _with_momentum(t: Any, momentum: float) -> None:
    def carried(rule):
        velocity: list[np.ndarray] = []

        def with_momentum(c, g, step, *slots):
            direction = rule(c, g, step, *slots)
            velocity[:] = [momentum * velocity[0] + direction if velocity else direction]
            return velocity[0]

        return with_momentum

    wrap_rules(t, carried)


def _made_anew(t: Any) -> None:
    def anew(rule):
        def first(c, g, step, *slots):
            for slot in slots:
                slot[:] = 0
            return rule(c, g, 1, *slots)

        return first

    wrap_rules(t, anew)


def _values(t: Any, **values: float) -> None:
    change_rules(t, **values)


def float32_values(t: Any, name: str) -> None:
    wrap_rules(t, lambda rule: lambda c, *a: rule(seen(c, **{name: rounded_to_float32(getattr(c, name))}), *a))


def _keras_rmsprop(t: Any, epsilon: float = KERAS_EPSILON) -> None:
    _root_epsilon_inside(t)
    _values(t, epsilon=epsilon)


def _keras_adagrad(t: Any) -> None:
    _keras_rmsprop(t)  # The root is the same.
    _adagrad_start(t, rounded_to_float32(0.1))


def _step_count(t: Any) -> None:
    def late(rule):
        return lambda c, g, step, *slots: rule(c, g, step + 1, *slots)

    t.OPTIMIZERS |= {name: late(t.OPTIMIZERS[name]) for name in ADAM}


_K = "keras/src/optimizers/"
_T = "torch/optim/"
KERAS_ADAM: dict[str, dict[str, Any]] = {
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
        Words(
            "torch.optim.Adam(model.parameters(), lr={learning_rate}, eps=eps_keras / (1 - {beta2}**step) ** 0.5)  "
            "# eps anew before every step, to follow Keras"
        ),
        Words(
            "optimizer.epsilon = {epsilon} * (1 - {beta2}**step) ** 0.5  # anew before every step (eager), to follow "
            "PyTorch; compiled training needs a subclass with its own update_step"
        ),
        when(optimizer=ADAM),
        _adam_epsilon_place,
        variants={
            "added to the uncorrected root, as in Keras": {"inside_root": False},
            "added under the root": {"inside_root": True},
        },
        kinds={"added to the uncorrected root, as in Keras": DEFAULT, "added under the root": CONVENTION},
    ),
    Trap(
        "betas-float32-in-correction",
        "optimizer",
        "In float64, Adam differs by some 7e-6 of the update at the first step, and by less from step to step",
        "Keras casts Python floats to tensors by way of float32, also where floatx is float64, and raises the rounded"
        " betas to the power of the step for the bias correction; the moments themselves use the exact ones.",
        f"{_K}adam.py (update_step); keras/src/backend/tensorflow/core.py",
        Words("nothing to mend: PyTorch keeps betas as Python floats"),
        "keras.optimizers.Adam({learning_rate}, np.float64({beta1}), np.float64({beta2}), {epsilon})",
        when(optimizer=ADAM),
        _float32_correction,
        kind=DEFAULT,
    ),
    Trap(
        "no-bias-correction",
        "optimizer",
        "Adam's first updates are too large or too small, by 3.2 at the first step with the usual betas",
        "The moments start at 0 and are divided by 1 - beta**t to make up for it. Hand-written versions leave this "
        "out, and so did BertAdam.",
        "Kingma and Ba, Adam, 2015, section 3",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
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
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
        when(optimizer=ADAM),
        _amsgrad,
        variants={"": {"as_keras": False}, "in Keras' Adam": {"as_keras": True}},
    ),
    Trap(
        "nadam",
        "optimizer",
        "Adam's moments agree, its updates look a step ahead",
        "NAdam is Adam with Nesterov's momentum, whose share grows with the steps: by 0.96**(0.004 * t) in PyTorch, by "
        "0.96**t in Keras.",
        f"{_T}nadam.py; {_K}nadam.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
        when(optimizer=ADAM),
        _nadam,
        variants={
            "PyTorch's": {"decay": 0.004, "epsilon": None},
            "Keras'": {"decay": 1.0, "epsilon": KERAS_EPSILON},
            "Keras', with the epsilon asked for": {"decay": 1.0, "epsilon": None},
        },
    ),
    Trap(
        "rmsprop-centred",
        "optimizer",
        "RMSprop's second moment agrees, its updates are larger",
        "With centered=True the root is of the variance: the second moment less the square of the first. It is off by "
        "default in both frameworks.",
        f"{_T}rmsprop.py; {_K}rmsprop.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
        when(optimizer="rmsprop"),
        _centred,
        variants={"as in PyTorch": {"as_keras": False}, "as in Keras": {"as_keras": True}},
    ),
    Trap(
        "rmsprop-momentum",
        "optimizer",
        "The first update agrees, later ones grow",
        "A momentum on top of a scaled update: off by default in both frameworks' RMSprop, 0.9 in many papers.",
        f"{_T}rmsprop.py; {_K}rmsprop.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
        when(optimizer="rmsprop"),
        _with_momentum,
        variants={f"{value:g}": {"momentum": value} for value in (0.9, 0.5, 0.8, 0.95, 0.99)}
        | {"0.9 in float32": {"momentum": rounded_to_float32(0.9)}},
    ),
    Trap(
        "epsilon-inside-root",
        "optimizer",
        "RMSprop or Adagrad differs where gradients are small, and strongly at the first steps of RMSprop",
        "PyTorch divides by sqrt(v) + epsilon, Keras by sqrt(v + epsilon): for small v Keras' epsilon acts as its "
        "root, 3e-4 for 1e-7.",
        f"{_T}rmsprop.py, {_T}adagrad.py; {_K}rmsprop.py, {_K}adagrad.py (update_step)",
        Words(
            "p.addcdiv_(p.grad, (v + eps).sqrt(), value=-{learning_rate})  # in an optimizer of your own, to "
            "follow Keras"
        ),
        Words("a subclass of the optimizer whose update_step divides by ops.sqrt(v) + {epsilon}, to follow PyTorch"),
        when(optimizer=("rmsprop", "adagrad")),
        _root_epsilon_inside,
        kind=DEFAULT,
    ),
    Trap(
        "adagrad-initial-accumulator",
        "optimizer",
        "Adagrad's first updates are smaller than the learning rate, in Keras only",
        "Keras starts Adagrad's sum of squares at 0.1, PyTorch at 0.",
        f"{_K}adagrad.py (initial_accumulator_value); {_T}adagrad.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
        when(optimizer="adagrad"),
        _adagrad_start,
        variants={
            "0.1 in float32, as in Keras": {"value": rounded_to_float32(0.1)},
            "0.1": {"value": 0.1},
            "1": {"value": 1.0},
        },
        kinds={"0.1 in float32, as in Keras": DEFAULT, "0.1": DEFAULT},
    ),
    Trap(
        "nesterov-flag",
        "optimizer",
        "Slots agree, weights differ by a step of the velocity",
        "Momentum with Nesterov's step and without it keep the same velocity. The flag is off by default in both "
        "frameworks.",
        f"{_T}sgd.py; {_K}sgd.py",
        "{torch_optimizer}",
        "{keras_optimizer}",
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
        "{torch_optimizer}",
        "{keras_optimizer}",
        when(optimizer=VELOCITY),
        _dampened,
        variants={
            "from the first step": {"from_start": True},
            "from the second step, as PyTorch's dampening": {"from_start": False},
        },
        kind=CONVENTION,
    ),
    Trap(
        "nesterov-lookahead",
        "optimizer",
        "Loss and gradient differ from the second step, though the weights are the same",
        "Sutskever's form takes the gradient at w - lr * momentum * b, where the velocity leads. Both frameworks "
        "store the point looked at instead and need no second set of weights.",
        "Sutskever et al., On the importance of initialization and momentum in deep learning, 2013",
        "{torch_optimizer}",
        "{keras_optimizer}",
        when(optimizer="nesterov"),
        _nesterov_lookahead,
        kind=CONVENTION,
    ),
    Trap(
        "epsilon-value",
        "optimizer",
        "Adaptive updates differ for parameters with small gradients",
        "PyTorch's default epsilon is 1e-8 for Adam, AdamW and RMSprop and 1e-10 for Adagrad, Keras' is 1e-7 for all.",
        f"{_T}adam.py, {_T}adagrad.py; {_K}adam.py, {_K}rmsprop.py, {_K}adagrad.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
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
        kinds={
            "1e-7, Keras' default": DEFAULT,
            "1e-8, PyTorch's default": DEFAULT,
            "1e-10, PyTorch's default for Adagrad": DEFAULT,
        },
    ),
    Trap(
        "adam-betas",
        "optimizer",
        "Adam's moments differ from the first step",
        "Both frameworks default to 0.9 and 0.999; papers and tutorials use others.",
        f"{_T}adam.py; {_K}adam.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
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
        Words("optimizer.state[p]['step'] must be t - 1 before step t"),
        Words("optimizer.iterations must be t - 1 before step t"),
        when(optimizer=ADAM),
        _step_count,
    ),
    Trap(
        "momentum-value",
        "optimizer",
        "The velocity differs from the second step",
        "Both frameworks' SGD has momentum 0 unless told; 0.9 is usual, 0.99 and 0.5 are seen.",
        f"{_T}sgd.py; {_K}sgd.py",
        "{torch_optimizer}",
        "{keras_optimizer}",
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
        "optimizer-made-anew",
        "optimizer",
        "Every update is like a first one: no momentum, and Adam moves each weight by about the learning rate",
        "The optimizer is made inside of the training loop or of the step, so that what it keeps is lost with every "
        "batch.",
        "torch/optim/optimizer.py (state); keras/src/optimizers/base_optimizer.py (build)",
        Words("optimizer = {torch_optimizer}  # once, before the loop"),
        Words("optimizer = {keras_optimizer}  # once, before the loop"),
        when(optimizer=(*SCALED, *VELOCITY)),
        _made_anew,
    ),
    Trap(
        "rmsprop-decay",
        "optimizer",
        "RMSprop's second moment differs from the first step",
        "PyTorch's alpha is 0.99, Keras' rho is 0.9.",
        f"{_T}rmsprop.py; {_K}rmsprop.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adam-, rmsprop- or adagrad-as-keras-has-it tells",
        when(optimizer="rmsprop"),
        _values,
        variants={
            "0.9, Keras' default": {"beta2": 0.9},
            "0.99, PyTorch's default": {"beta2": 0.99},
            "0.999": {"beta2": 0.999},
            "0.95": {"beta2": 0.95},
        },
        kind=DEFAULT,
        kinds={"0.999": FAULT, "0.95": FAULT},
    ),
    Trap(
        "hyperparameters-float32",
        "optimizer",
        "In float64, momentum or moments differ by some 1e-8 of their size",
        "Keras casts Python floats by way of float32, also where floatx is float64; 0.9 becomes 0.899999976.",
        "keras/src/backend/tensorflow/core.py (convert_to_tensor, cast)",
        Words("nothing to mend: PyTorch keeps them as Python floats"),
        "{keras_optimizer}  # np.float64 around every Python float",
        when(optimizer=("momentum", "nesterov", "adam", "adamw", "rmsprop")),
        float32_values,
        variants={
            "momentum": {"name": "momentum"},
            "beta1": {"name": "beta1"},
            "beta2": {"name": "beta2"},
        },
        kind=DEFAULT,
    ),
    Trap(
        "adam-as-keras-has-it",
        "optimizer",
        "Keras' Adam with its defaults: off from the first step, most for parameters with small gradients",
        "Three things at once. Keras' epsilon is 1e-7 by default, not 1e-8; it is added to the root before the bias "
        "correction, not after it; and the correction takes betas that were rounded to float32, also in float64.",
        f"{_K}adam.py (update_step); {_T}adam.py",
        Words(
            "optimizer.param_groups[0]['eps'] = 1e-7 / (1 - {beta2}**t) ** 0.5  # before step t = 1, 2, ...; what is "
            "left is the rounding of Keras' betas, up to 7e-6 of an update"
        ),
        "Adam({learning_rate}, np.float64({beta1}), np.float64({beta2})), in a subclass whose update_step first sets "
        "self.epsilon = {epsilon} * (1 - {beta2} ** ops.cast(self.iterations + 1, g.dtype)) ** 0.5",
        when(optimizer=ADAM),
        keras_adam,
        variants=KERAS_ADAM,
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
    Trap(
        "rmsprop-as-keras-has-it",
        "optimizer",
        "Keras' RMSprop with its defaults: much smaller steps where the second moment is small",
        "Two things at once. Keras divides by sqrt(v + epsilon), PyTorch by sqrt(v) + epsilon; and Keras' epsilon is "
        "1e-7, not 1e-8, and acts as its root, 3e-4. Its default rho is 0.9, PyTorch's alpha 0.99.",
        f"{_K}rmsprop.py (update_step); {_T}rmsprop.py",
        Words(
            "v.mul_({beta2}).addcmul_(g, g, value=1 - {beta2}); p.sub_({learning_rate} * g / (v + 1e-7).sqrt())  # for "
            "every p and its g = p.grad, in place of optimizer.step()"
        ),
        "def update_step(self, g, w, lr): v = self._velocities[self._get_variable_index(w)]; v.assign({beta2} * v + "
        "(1 - {beta2}) * g * g); w.assign_sub(lr * g / (ops.sqrt(v) + {epsilon}))",
        when(optimizer="rmsprop"),
        _keras_rmsprop,
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
    Trap(
        "adagrad-as-keras-has-it",
        "optimizer",
        "Keras' Adagrad with its defaults: its first updates are smaller than the learning rate",
        "Three things at once. Keras starts the sum of squares at 0.1 (rounded to float32), not at 0; it divides by "
        "sqrt(s + epsilon), not by sqrt(s) + epsilon; and its epsilon is 1e-7, not 1e-8 or PyTorch's 1e-10.",
        f"{_K}adagrad.py (initial_accumulator_value, update_step); {_T}adagrad.py",
        Words(
            "torch.optim.Adagrad(model.parameters(), {learning_rate}, eps=0, initial_accumulator_value="
            "float(np.float32(0.1)) + 1e-7)"
        ),
        "initial_accumulator_value=0.0, and def update_step(self, g, w, lr): s = self._accumulators["
        "self._get_variable_index(w)]; s.assign_add(g * g); w.assign_sub(lr * g / (ops.sqrt(s) + {epsilon}))",
        when(optimizer="adagrad"),
        _keras_adagrad,
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
]
