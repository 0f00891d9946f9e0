"""Keras' layers as a recording names them: their parameters, their options, and the functions between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

NAMES: list[tuple[type, str, str]] = [  # class, name of the op, kind of its parameters
    (layers.Dense, "linear", "dense"),
    (layers.BatchNormalization, "batch_norm", "norm"),
    (layers.LayerNormalization, "layer_norm", "norm"),
    (layers.GroupNormalization, "group_norm", "norm"),
    (layers.Embedding, "embedding", "embedding"),
    (layers.LSTM, "lstm", "lstm"),
    (layers.GRU, "gru", "gru"),
    (layers.SimpleRNN, "rnn", "rnn"),
    (layers.Conv1D, "conv", "conv"),
    (layers.Conv2D, "conv", "conv"),
    (layers.Conv3D, "conv", "conv"),
    (layers.Conv2DTranspose, "conv_transpose", "free"),
    (layers.LeakyReLU, "leaky_relu", ""),
    (layers.ReLU, "relu", ""),
    (layers.ELU, "elu", ""),
    (layers.Softmax, "softmax", ""),
    (layers.Dropout, "dropout", ""),
    (layers.Flatten, "flatten", ""),
    (layers.Reshape, "reshape", ""),
    (layers.MaxPooling1D, "max_pool", ""),
    (layers.MaxPooling2D, "max_pool", ""),
    (layers.AveragePooling2D, "avg_pool", ""),
    (layers.GlobalAveragePooling1D, "mean", ""),
    (layers.GlobalAveragePooling2D, "mean", ""),
    (layers.Rescaling, "rescaling", ""),
    (layers.Add, "add", ""),
    (layers.Concatenate, "cat", ""),
]
RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)
SHOWN = ("strides", "padding", "dilation_rate", "groups", "epsilon", "momentum", "rate", "negative_slope", "alpha",
         "pool_size", "scale", "offset", "go_backwards", "return_sequences")  # fmt: skip


@dataclass(eq=False)
class Handle:
    """A variable, or one row of it, as one array of the recording: Keras' layouts are the recording's."""

    variable: Any
    kind: str
    role: str
    row: int | None = None

    @property
    def value(self) -> np.ndarray:
        whole = np.array(ops.convert_to_numpy(self.variable.value))
        return whole if self.row is None else whole[self.row]

    def put(self, a: np.ndarray) -> None:
        self.variable.assign(self.whole(a))

    def of(self, gradient: Any) -> np.ndarray:
        """This array's part of the variable's gradient."""
        whole = np.array(ops.convert_to_numpy(ops.convert_to_tensor(gradient)))
        return whole if self.row is None else whole[self.row]

    def whole(self, a: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        """The variable's value, or that of its gradient `of`, with this array in its place."""
        if self.row is None:
            return np.asarray(a).reshape(self.variable.shape)
        whole = np.array(ops.convert_to_numpy(self.variable.value)) if of is None else np.array(of)
        whole[self.row] = a
        return whole


def about(layer: keras.layers.Layer) -> tuple[str, str]:
    """The name of what a layer does, and the kind of its parameters."""
    return next(
        ((name, kind) for of, name, kind in NAMES if isinstance(layer, of)), (type(layer).__name__.lower(), "free")
    )


def is_leaf(layer: keras.layers.Layer) -> bool:
    """Whether a layer does its work itself: what is inside a recurrent one is its own affair."""
    return isinstance(layer, RECURRENT) or not [sub for sub in layer._flatten_layers(include_self=False)]


def handles(layer: keras.layers.Layer) -> list[Handle]:
    """The parameters of a layer, in the recording's order."""
    _, kind = about(layer)
    if kind == "norm":
        roles = {"gamma": "scale", "beta": "bias", "moving_mean": "running mean", "moving_variance": "running variance"}
        kept = {role: getattr(layer, name, None) for name, role in roles.items()}
        return [Handle(v, kind, role) for role, v in kept.items() if v is not None]
    if kind == "embedding":
        return [Handle(layer.embeddings, kind, "table")]
    if isinstance(layer, RECURRENT):
        cell = layer.cell
        found = [Handle(cell.kernel, kind, "kernel"), Handle(cell.recurrent_kernel, kind, "recurrent kernel")]
        if cell.bias is not None and len(cell.bias.shape) == 2:
            return [*found, Handle(cell.bias, kind, "bias", 0), Handle(cell.bias, kind, "recurrent bias", 1)]
        return [*found, *([Handle(cell.bias, kind, "bias")] if cell.bias is not None else [])]
    if kind in ("dense", "conv"):
        both = (("kernel", "kernel"), ("bias", "bias"))
        return [Handle(v, kind, role) for name, role in both if (v := getattr(layer, name, None)) is not None]
    return [Handle(v, "free", "weight") for v in layer.trainable_variables]


def options(layer: keras.layers.Layer) -> dict[str, Any]:
    """What the layer is set to, in PyTorch's terms where the two count otherwise."""
    config: dict[str, Any] = {key: value for key in SHOWN if (value := getattr(layer, key, None)) is not None}
    found: dict[str, Any] = {k: v for k, v in config.items() if isinstance(v, int | float | str | bool | tuple | list)}
    if "momentum" in found:
        found["momentum"] = round(1 - float(found["momentum"]), 9)  # The share of the new value.
    return found


def function_name(function: Any) -> str:
    """relu for keras.activations.relu."""
    return str(getattr(function, "__name__", type(function).__name__)).lower()
