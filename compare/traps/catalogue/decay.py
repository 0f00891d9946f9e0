"""Traps in weight decay and penalties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from compare.traps.catalogue.optimizer import COUPLED, KERAS_ADAM, keras_adam
from compare.traps.catalogue.trap import (
    CONVENTION,
    DEFAULT,
    Trap,
    Words,
    always,
    before_update,
    clips,
    decays,
    in_training,
    other_config,
    rounded_to_float32,
    when,
)


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
    in_training(t, lambda c: {"optimizer": "adam"})


def _decay_factor(t: Any, factor: float, as_penalty: bool = False) -> None:
    if as_penalty:
        _decay_in_gradient(t, in_loss=True, shown=True, factor=factor)
    else:
        in_training(t, lambda c: {"weight_decay": factor * c.weight_decay})


def _decay_over_batch(t: Any, factor: float) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            with other_config(self, weight_decay=factor * self.config.weight_decay / len(x)):
                return super()._train_step(x, y, masks)

    t.MLP = Trapped


def _penalty(t: Any, of: str, strength: float, in_loss: float, tensors: tuple[int, ...] | None = None) -> None:
    """A penalty that the config does not name, in the gradient, and `in_loss` times itself in the loss.

    It is on the parameters of these numbers, or on all weight matrices.
    """

    def change(c, model):
        value, number = 0.0, -1
        for w, g in zip(model.layers, model.gradient_layers, strict=True):
            for array, gradient in zip(w, g, strict=True):
                number += 1
                if array.ndim < 2 if tensors is None else number not in tensors:
                    continue
                if of == "square":
                    value += strength / 2 * float((array * array).sum())
                    gradient += strength * array
                elif of == "absolute value":
                    value += strength * float(np.abs(array).sum())
                    gradient += strength * np.sign(array)
                else:
                    norm = math.sqrt(float((array * array).sum()))
                    value += strength * norm
                    gradient += strength * array / (norm or 1.0)
        return in_loss * value

    before_update(t, change, shown=True)


def _decay_value(t: Any, value: float) -> None:
    in_training(t, lambda c: {"weight_decay": value})


def _decay_float32(t: Any) -> None:
    in_training(t, lambda c: {"weight_decay": rounded_to_float32(c.weight_decay)})


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
    keras_adam(t, **settings)
    _keras_decay(t)


def _decay_without_rate(t: Any) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            rate = t.learning_rate(self.config, self.step)
            with other_config(self, weight_decay=self.config.weight_decay / rate):
                return super()._train_step(x, y, masks)

    t.MLP = Trapped


def _decay_in_gradient(
    t: Any, in_loss: bool = False, shown: bool = False, rounded: bool = False, factor: float = 1.0
) -> None:
    def change(c, model):
        decay = factor * (2 * rounded_to_float32(c.weight_decay / 2) if rounded else c.weight_decay)
        model.flat_gradient += decay * model.flat * model.decays
        return decay / 2 * float((model.flat**2 * model.decays).sum()) if in_loss else 0.0

    before_update(t, change, shown, weight_decay=0.0)


_K = "keras/src/optimizers/"
_T = "torch/optim/"

TRAPS = [
    Trap(
        "adamw-as-keras-has-it",
        "decay",
        "Keras' AdamW with its defaults: off from the first step, biases by their decay",
        "Keras' Adam (epsilon 1e-7, added before the bias correction, which takes betas rounded to float32), and a "
        "decay, rounded to float32 too, that shrinks biases and batch-norm parameters with the weights.",
        f"{_K}adam.py (update_step), {_K}base_optimizer.py (_apply_weight_decay); {_T}adamw.py",
        Words(
            "torch.optim.AdamW(model.parameters(), {learning_rate}, weight_decay={weight_decay}), and before step t "
            "optimizer.param_groups[0]['eps'] = 1e-7 / (1 - {beta2}**t) ** 0.5"
        ),
        "exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta']), np.float64 for decay and betas, and in "
        "update_step self.epsilon = {epsilon} * (1 - {beta2} ** ops.cast(self.iterations + 1, g.dtype)) ** 0.5",
        when(decays, optimizer="adamw"),
        _keras_adamw,
        variants=KERAS_ADAM,
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
    Trap(
        "decay-decoupled",
        "decay",
        "Gradients agree; with momentum or an adaptive optimizer, slots and weights differ",
        "Keras' weight_decay argument shrinks the weights, w -= lr * decay * w, under every optimizer. PyTorch's adds "
        "decay * w to the gradient, but for AdamW.",
        "keras/src/optimizers/base_optimizer.py (_apply_weight_decay); torch/optim/sgd.py, torch/optim/adam.py",
        "{torch_optimizer}",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))  # and no "
        "weight_decay",
        when(decays, optimizer=COUPLED),
        _decoupled,
        kind=DEFAULT,
    ),
    Trap(
        "decay-coupled",
        "decay",
        "AdamW's slots differ from the first step",
        "PyTorch's Adam(weight_decay=...) adds decay * w to the gradient, which Adam then scales; AdamW shrinks the "
        "weights.",
        f"{_T}adam.py, {_T}adamw.py; {_K}adamw.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adamw-as-keras-has-it tells",
        when(decays, optimizer="adamw"),
        _coupled,
    ),
    Trap(
        "decay-factor",
        "decay",
        "Weight decay twice or half as strong",
        "keras.regularizers.L2(l) adds l * sum(w**2) to the loss, whose gradient is 2 * l * w; PyTorch's weight_decay"
        " adds weight_decay * w.",
        "keras/src/regularizers/regularizers.py (L2); torch/optim/sgd.py",
        "{torch_optimizer}",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))",
        when(decays),
        _decay_factor,
        variants={"twice": {"factor": 2.0}, "half": {"factor": 0.5}, "negative": {"factor": -1.0}},
        kinds={"twice": CONVENTION, "half": CONVENTION},
    ),
    Trap(
        "decay-over-samples",
        "decay",
        "Weight decay is weaker by the number of samples",
        "A penalty that is divided by the number of samples with the losses, lambda / (2 * N) * sum(w**2), as in many "
        "texts and in scikit-learn, which divides by the size of the batch at hand.",
        "sklearn/neural_network/_multilayer_perceptron.py (alpha); torch/optim/sgd.py",
        "{torch_optimizer}",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))  # not divided",
        when(decays),
        _decay_over_batch,
        variants={
            "divided by the batch size": {"factor": 1.0},
            "divided by half the batch size": {"factor": 2.0},
            "divided by twice the batch size": {"factor": 0.5},
        },
        kind=CONVENTION,
    ),
    Trap(
        "penalty-unnamed",
        "decay",
        "The gradient holds a share of the weights",
        "A penalty on the weights is added to the loss or to the gradient by hand, or by a regularizer, and is not in "
        "the config as weight_decay.",
        "keras/src/regularizers/regularizers.py; torch/optim/sgd.py",
        Words("remove the penalty; squares of all weights can be named: weight_decay is twice the factor of sum(w**2)"),
        Words(
            "remove the regularizer; squares of all weights can be named: weight_decay is twice the factor of sum(w**2)"
        ),
        always,
        _penalty,
        variants={
            "0.01 times the weights in the gradient": {
                "of": "square",
                "strength": 0.01,
                "in_loss": 0.0,
            },
        },
    ),
    Trap(
        "decay-forgotten",
        "decay",
        "The weights do not shrink",
        "PyTorch's optimizers have weight_decay=0 by default (AdamW: 0.01), Keras' have none (AdamW: 0.004).",
        f"{_T}sgd.py; keras/src/optimizers/base_optimizer.py",
        "{torch_optimizer}",
        "keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2({weight_decay} / 2))",
        when(decays),
        _decay_value,
        variants={"": {"value": 0.0}},
    ),
    Trap(
        "decay-by-default",
        "decay",
        "The weights shrink by a little more or less at every step than they should",
        "AdamW decays without being told: by 0.01 in PyTorch, by 0.004 in Keras.",
        f"{_T}adamw.py; {_K}adamw.py",
        "{torch_optimizer}",
        "{keras_optimizer}  # and its epsilon as adamw-as-keras-has-it tells",
        when(optimizer=("adamw",)),
        _decay_value,
        variants={"0.01, PyTorch's": {"value": 0.01}, "0.004, Keras'": {"value": 0.004}},
        kind=DEFAULT,
    ),
    Trap(
        "decay-on-biases",
        "decay",
        "Biases differ, weight matrices agree in step",
        "PyTorch's weight_decay and Keras' take every parameter, biases and batch-norm scales too. A "
        "kernel_regularizer takes the weight matrices only.",
        f"{_T}sgd.py (weight_decay); keras/src/optimizers/base_optimizer.py (exclude_from_weight_decay)",
        "{torch_optimizer}",
        "optimizer.exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta'])",
        when(decays),
        _decay_on_everything,
        kind=DEFAULT,
    ),
    Trap(
        "decay-without-rate",
        "decay",
        "AdamW's weights shrink far too fast, whatever the learning rate",
        "Loshchilov and Hutter's decay has no learning rate in it, only the schedule's factor; both frameworks "
        "multiply it by the learning rate.",
        "Loshchilov and Hutter, Decoupled weight decay regularization, 2019; torch/optim/adamw.py",
        "{torch_optimizer}  # both frameworks' decay is multiplied by the rate",
        "{keras_optimizer}  # its decay is multiplied by the rate",
        when(decays, optimizer="adamw"),
        _decay_without_rate,
        kind=CONVENTION,
    ),
    Trap(
        "decay-float32",
        "decay",
        "In float64, weights differ by some 1e-8 of the decay",
        "Keras casts a Python-float weight_decay by way of float32, and L2 takes float() of its argument.",
        "keras/src/optimizers/base_optimizer.py; keras/src/regularizers/regularizers.py",
        Words("nothing to mend: PyTorch keeps it as a Python float"),
        "{keras_optimizer}  # and its epsilon as adamw-as-keras-has-it tells",
        when(decays),
        _decay_float32,
        kind=DEFAULT,
    ),
    Trap(
        "decay-as-keras-has-it",
        "decay",
        "Biases decay too; with momentum or an adaptive optimizer, slots differ from the first step",
        "Three things at once. The weight_decay argument of any Keras optimizer shrinks the weights, w -= lr * decay "
        "* w, in place of adding to the gradient; it takes biases and batch-norm parameters too; and it is rounded to "
        "float32.",
        f"{_K}base_optimizer.py (_apply_weight_decay, exclude_from_weight_decay); {_T}sgd.py",
        "for p in model.parameters(): p.data.mul_(1 - {learning_rate} * {weight_decay})  # before optimizer.step(), "
        "whose own weight_decay is 0",
        Words(
            "weight_decay=None and kernel_regularizer=keras.regularizers.L2({weight_decay} / 2); for AdamW np.float64("
            "{weight_decay}) and exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta'])"
        ),
        when(decays),
        _keras_decay,
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
    Trap(
        "decay-before-clip",
        "decay",
        "Differs only where weight decay and clipping are used together",
        "A penalty in the loss is part of the gradient that is clipped; PyTorch's weight_decay is added after it.",
        f"{_T}sgd.py; keras/src/regularizers/regularizers.py",
        Words("{torch_optimizer}, and no penalty in the loss"),
        Words("an own optimizer that adds {weight_decay} * w after clipping; a regularizer comes before it"),
        when(decays, clips, optimizer=COUPLED),
        _decay_in_gradient,
        kind=CONVENTION,
    ),
    Trap(
        "penalty-in-loss",
        "decay",
        "The loss is larger by the penalty, and its gradient holds the decay; the weights agree",
        "A Keras regularizer is part of the loss that fit and train_on_batch report; PyTorch's weight_decay is not.",
        "keras/src/trainers/trainer.py (compute_loss); torch/optim/sgd.py",
        Words("report the loss before a penalty is added to it"),
        Words("subtract sum(layer.losses) from the reported loss"),
        when(decays, optimizer=COUPLED),
        _decay_in_gradient,
        variants={
            "and its gradient in the gradient": {"in_loss": True, "shown": True},
            "but not in the gradient shown": {"in_loss": True},
            "and its gradient in the gradient, rounded to float32": {"in_loss": True, "shown": True, "rounded": True},
        },
        kind=CONVENTION,
        kinds={"and its gradient in the gradient, rounded to float32": DEFAULT},
    ),
]
