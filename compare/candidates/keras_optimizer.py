"""Keras' optimizers and schedules in the words of the reference's configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# The reference's optimizer for each of Keras', and where that keeps the reference's slots. AdamW is an Adam too.
OPTIMIZERS: list[tuple[type[keras.optimizers.Optimizer], str, dict[str, str]]] = [
    (keras.optimizers.AdamW, "adamw", {"first_moment": "_momentums", "second_moment": "_velocities"}),
    (keras.optimizers.Adam, "adam", {"first_moment": "_momentums", "second_moment": "_velocities"}),
    (keras.optimizers.RMSprop, "rmsprop", {"second_moment": "_velocities"}),
    (keras.optimizers.Adagrad, "adagrad", {"square_sum": "_accumulators"}),
    (keras.optimizers.SGD, "sgd", {"velocity": "momentums"}),
]


def rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of the step to come."""
    return float(ops.convert_to_numpy(optimizer.learning_rate))


def fields(optimizer: keras.optimizers.Optimizer, kind: str | None) -> dict[str, Any]:
    """The fields of the Config for an optimizer; the learning rate alone where the reference has none of its `kind`."""
    o = optimizer
    found: dict[str, Any] = {"learning_rate": rate(o)} | schedule_fields(getattr(o, "_learning_rate", None))
    if kind is None:
        return found
    found["optimizer"] = kind
    if kind == "sgd" and o.momentum:
        found |= {"optimizer": "nesterov" if o.nesterov else "momentum", "momentum": float(o.momentum)}
    if kind in ("adam", "adamw"):
        found |= {"beta1": float(o.beta_1), "beta2": float(o.beta_2)}
    if kind == "rmsprop":
        found["beta2"] = float(o.rho)
    if o.weight_decay:
        found["weight_decay"] = float(o.weight_decay)
    if o.clipvalue:
        found["clip_value"] = float(o.clipvalue)
    if o.clipnorm or o.global_clipnorm:
        found["clip_norm"] = float(o.clipnorm or o.global_clipnorm)
    return found


def settings(optimizer: keras.optimizers.Optimizer, kind: str | None) -> dict[str, float]:
    """What it is set to, by the Config's names."""
    names = {"epsilon": "epsilon", "momentum": "momentum", "beta_1": "beta1", "beta_2": "beta2", "rho": "beta2"}
    if kind == "rmsprop":
        del names["momentum"]  # It has another meaning there.
    given = {field: getattr(optimizer, name, None) for name, field in names.items()}
    return {field: float(value) for field, value in given.items() if isinstance(value, int | float)}


def schedule_fields(rate: Any) -> dict[str, Any]:
    """The fields of the Config for one of Keras' schedules that the reference has; none for others."""
    schedules = keras.optimizers.schedules
    if isinstance(rate, schedules.ExponentialDecay):
        fields = {"schedule": "step" if rate.staircase else "exponential", "schedule_steps": int(rate.decay_steps)}
        return fields | {"learning_rate": float(rate.initial_learning_rate), "schedule_rate": float(rate.decay_rate)}
    if isinstance(rate, schedules.CosineDecay) and not (rate.alpha or rate.warmup_steps):
        fields = {"schedule": "cosine", "schedule_steps": int(rate.decay_steps)}
        return fields | {"learning_rate": float(rate.initial_learning_rate)}
    return {}
