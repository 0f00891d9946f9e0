"""In what a native program differs from the reference: the frameworks' own defaults and meanings, as traps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from compare.programs.spec import Spec
from compare.traps.catalogue import CATALOGUE, Hypothesis, get

FIRST_WEIGHTS = {
    "torch": "first weights and biases uniform within 1 / sqrt(inputs)",
    "keras": "first weights Glorot uniform, biases zero",
    "jax": "first weights from JAX's generator",
}


def _is(name: str, variant: str = "", **values: Any) -> Hypothesis:
    """A trap in a variant of the catalogue, or with values of its own."""
    trap = get(name)
    return Hypothesis(replace(trap, variants={variant: values}) if values else trap, variant)


def differences(framework: str, spec: Spec) -> list[Hypothesis]:
    """The traps that the native program of a framework stands for, in the order in which they go together."""
    found = {"keras": _keras, "torch": _torch, "jax": _jax, "numpy": lambda spec: []}[framework](spec)
    order = list(CATALOGUE)
    return sorted(found, key=lambda cause: order.index(cause.trap.name))


def _keras(spec: Spec) -> list[Hypothesis]:
    c, given, found = spec.config, spec.options, []
    epsilon = {"epsilon": c.epsilon} if "epsilon" in given else {"epsilon": 1e-7}
    if len(spec.layer_sizes) > 2:
        if "leaky_relu" in c.by_layer("activation"):
            found.append(_is("leaky-slope", "0.2, Keras' function, in float32", slope=float(np.float32(0.2))))
        if "gelu" in c.by_layer("activation"):
            found.append(_is("gelu-float32-constant"))
        if c.batch_norm:
            found += [_is("norm-epsilon", "1e-3, as in Keras"), _is("norm-momentum", "0.01, as in Keras")]
            found.append(_is("norm-running-biased"))
    if c.optimizer in ("adam", "adamw"):
        decays = c.optimizer == "adamw" and c.weight_decay
        name = "adamw-as-keras-has-it" if decays else "adam-as-keras-has-it"
        found.append(_is(name, "but for its epsilon's value" if "epsilon" in given else ""))
    if c.optimizer == "rmsprop":
        found += [_is("epsilon-inside-root"), _is("epsilon-value", f"{epsilon['epsilon']:g}", **epsilon)]
        if "beta2" not in given:
            found.append(_is("rmsprop-decay", "0.9, Keras' default"))
    if c.optimizer == "adagrad":
        found += [_is("epsilon-inside-root"), _is("epsilon-value", f"{epsilon['epsilon']:g}", **epsilon)]
        found.append(_is("adagrad-initial-accumulator", "0.1 in float32, as in Keras"))
    if c.optimizer in ("momentum", "nesterov"):
        moving = c.schedule != "constant"
        found.append(_is("momentum-as-keras-has-it") if moving else _is("hyperparameters-float32", "momentum"))
    if c.weight_decay and c.optimizer != "adamw":
        found.append(_is("decay-as-keras-has-it"))
    if c.class_weights and c.reduction == "mean":
        found.append(_is("class-weights-by-count"))
    if c.reduction == "sum" and c.loss != "softmax_cross_entropy" and c.layer_sizes[-1] > 1:
        found.append(_is("loss-over-outputs", "divided by the outputs once more"))
    return found


def _torch(spec: Spec) -> list[Hypothesis]:
    c, given, found = spec.config, spec.options, []
    if "softplus" in c.by_layer("activation"):
        found.append(_is("softplus-threshold"))
    if c.optimizer == "rmsprop" and "beta2" not in given:
        found.append(_is("rmsprop-decay", "0.99, PyTorch's default"))
    if c.optimizer == "adagrad" and "epsilon" not in given:
        found.append(_is("epsilon-value", "1e-10, PyTorch's default for Adagrad"))
    if c.weight_decay:
        found.append(_is("decay-on-biases"))
    if c.clip_norm:
        found.append(_is("clip-epsilon"))
    if c.class_weights and c.loss == "softmax_cross_entropy" and c.label_smoothing:
        found.append(_is("class-weights-in-target"))
    if c.class_weights and c.loss == "binary_cross_entropy" and c.reduction == "mean":
        found.append(_is("class-weights-by-count"))
    return found


def _jax(spec: Spec) -> list[Hypothesis]:
    c, given, found = spec.config, spec.options, []
    if "gelu" in c.by_layer("activation"):
        found.append(_is("gelu-tanh", "the approximation"))
    if c.loss == "mae":
        found.append(_is("absolute-error-slope-at-0"))
    if c.optimizer in ("rmsprop", "adagrad"):
        found.append(_is("epsilon-inside-root"))
    if c.optimizer == "rmsprop" and "beta2" not in given:
        found.append(_is("rmsprop-decay", "0.9, optax' default", beta2=0.9))
    if c.optimizer == "adagrad":
        found.append(_is("adagrad-initial-accumulator", "0.1"))
        if "epsilon" not in given:
            found.append(_is("epsilon-value", "1e-7, optax' default for Adagrad", epsilon=1e-7))
    if c.weight_decay:
        found.append(_is("decay-on-biases"))
    return found
