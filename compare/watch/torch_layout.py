"""PyTorch's parameters in the layout of a recording: what each function keeps where, and how to read and write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

Turn = Callable[[np.ndarray], np.ndarray]


def same(a: np.ndarray) -> np.ndarray:
    return a


def transposed(a: np.ndarray) -> np.ndarray:
    return a.T


@dataclass(eq=False)
class Handle:
    """A parameter, or several whose sum alone counts, as one array of the recording."""

    tensors: list[Tensor]
    kind: str
    role: str
    read: Turn = same
    write: Turn = same

    @property
    def value(self) -> np.ndarray:
        return self._joined([t.detach() for t in self.tensors])

    @property
    def gradient(self) -> np.ndarray | None:
        """Of the first: all parts of a sum have the same."""
        grad = self.tensors[0].grad
        return None if grad is None else self._joined([grad.detach()])

    def put(self, a: np.ndarray) -> None:
        """Take a value; what is a sum takes it in its first part."""
        for number, t in enumerate(self.tensors):
            t.data.copy_(self._own(a if number == 0 else np.zeros_like(a), t))

    def put_gradient(self, a: np.ndarray) -> None:
        for t in self.tensors:
            if t.grad is not None:
                t.grad.data.copy_(self._own(a, t))

    def _own(self, a: np.ndarray, t: Tensor) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(self.write(a)), dtype=t.dtype).reshape(t.shape)

    def _joined(self, values: list[Tensor]) -> np.ndarray:
        arrays = [self.read(np.array(_numpy(v))) for v in values]
        return arrays[0] if len(arrays) == 1 else np.sum(arrays, axis=0)


def _numpy(t: Tensor) -> np.ndarray:
    return (t.float() if t.dtype == torch.bfloat16 else t).cpu().numpy()


def _spatial_last(a: np.ndarray) -> np.ndarray:
    """A convolution's (out, in, ...) as (..., in, out)."""
    return np.moveaxis(a, (0, 1), (-1, -2))


def _spatial_first(a: np.ndarray) -> np.ndarray:
    return np.moveaxis(a, (-1, -2), (0, 1))


def _rows_by_image(shape: tuple[int, ...]) -> tuple[Turn, Turn]:
    """Of a dense layer behind flattened images: W (out, C·H·W) as (H·W·C, out), and back."""
    channels, *sides = shape

    def read(a: np.ndarray) -> np.ndarray:
        return np.moveaxis(a.reshape(len(a), channels, *sides), 1, -1).reshape(len(a), -1).T

    def write(a: np.ndarray) -> np.ndarray:
        return np.moveaxis(a.T.reshape(a.shape[1], *sides, channels), -1, 1).reshape(a.shape[1], -1)

    return read, write


def _gates(kind: str) -> Turn:
    """PyTorch's order of a GRU's gates is r, z, n; the recording's is z, r, n: its own inverse."""

    def turn(a: np.ndarray) -> np.ndarray:
        if kind != "gru":
            return a
        r, z, n = np.split(a, 3, axis=0)
        return np.concatenate([z, r, n], axis=0)

    return turn


def handles(name: str, arguments: dict[str, Any], image: tuple[int, ...] | None) -> list[Handle]:
    """The parameters of a call of a function with parameters; `image` where its input is flattened images (C, H, W)."""
    a = arguments
    if name == "linear":
        turns = _rows_by_image(image) if image and int(np.prod(image)) == a["weight"].shape[1] else (transposed,) * 2
        found = [Handle([a["weight"]], "dense", "kernel", *turns)]
        return found + ([Handle([a["bias"]], "dense", "bias")] if a.get("bias") is not None else [])
    if name.startswith("conv"):
        turns = (_spatial_last, _spatial_first) if "transpose" not in name else (same, same)
        found = [Handle([a["weight"]], "conv", "kernel", *turns)]
        return found + ([Handle([a["bias"]], "conv", "bias")] if a.get("bias") is not None else [])
    if name == "embedding":
        return [Handle([a["weight"]], "embedding", "table")]
    if name.endswith("_norm"):
        roles = {"weight": "scale", "bias": "bias", "running_mean": "running mean", "running_var": "running variance"}
        return [Handle([a[key]], "norm", role) for key, role in roles.items() if isinstance(a.get(key), Tensor)]
    if name == "multi_head_attention_forward":
        found = []
        for weight, bias in ((a.get(f"{part}_weight"), a.get(f"{part}_bias")) for part in ("in_proj", "out_proj")):
            found += [Handle([weight], "dense", "kernel", transposed, transposed)] if weight is not None else []
            found += [Handle([bias], "dense", "bias")] if bias is not None else []
        return found
    if name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        return _recurrent(name.split("_")[0], a["params"], a["has_biases"])
    return []


def _recurrent(kind: str, params: list[Tensor], biases: bool) -> list[Handle]:
    turn = _gates(kind)

    def read(a: np.ndarray) -> np.ndarray:
        return turn(a).T

    def write(a: np.ndarray) -> np.ndarray:
        return turn(a.T)

    found, each = [], 4 if biases else 2
    for start in range(0, len(params), each):
        part = params[start : start + each]
        found.append(Handle([part[0]], kind, "kernel", read, write))
        found.append(Handle([part[1]], kind, "recurrent kernel", read, write))
        if biases and kind == "gru":  # The recurrent bias of a GRU stands inside the reset gate's product.
            found.append(Handle([part[2]], kind, "bias", turn, turn))
            found.append(Handle([part[3]], kind, "recurrent bias", turn, turn))
        elif biases:
            found.append(Handle([part[2], part[3]], kind, "bias", turn, turn))
    return found
