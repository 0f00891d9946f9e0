"""Images and signals of a PyTorch network, which stand in a recording with their channels last."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from compare.watch.recording import Drive, Step
from compare.watch.torch_calls import ELEMENTWISE
from compare.watch.watcher import images_last

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
IMAGES = {*CONVOLUTIONS, "boolean_dispatch", "_max_pool2d"} | {
    f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for n in (1, 2, 3)
}
TURNING = {"permute", "transpose", "t", "swapaxes", "movedim", "__get__"}
FLATTENING = {"flatten", "view", "reshape"}


def is_image(t: Tensor) -> bool:
    """Whether a tensor is (B, C, ...): what a convolution took or gave, and in any case one of four axes."""
    return t.dim() == 4 or (t.dim() > 2 and hasattr(t, "_image"))


def meets(name: str, args: tuple) -> None:
    """A convolution's input is images."""
    if name in CONVOLUTIONS and isinstance(args[0], Tensor):
        args[0]._image = True  # type: ignore[attr-defined]


def tag(name: str, args: tuple, result: Tensor) -> None:
    """Remember of a tensor that it is images, or flattened images."""
    first = args[0] if args and isinstance(args[0], Tensor) else None
    if first is None:
        return
    if name in IMAGES and result.dim() > 2:
        result._image = True  # type: ignore[attr-defined]
    elif hasattr(first, "_image"):
        if result.dim() == first.dim() and name not in TURNING:
            result._image = True  # type: ignore[attr-defined]
        elif result.dim() == 2 and result.shape[1] == first[0].numel() and name in FLATTENING:
            result._flat = tuple(first.shape[1:])  # type: ignore[attr-defined]
    elif hasattr(first, "_flat") and name in ELEMENTWISE:
        result._flat = first._flat  # type: ignore[attr-defined]


def tags_of(t: Tensor, other: Tensor) -> Tensor:
    """The other, remembered as the same."""
    for key in ("_flat", "_image"):
        if hasattr(t, key):
            setattr(other, key, getattr(t, key))
    return other


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of images (B, C, ...) in a recording."""
    return (shape[0], *shape[2:], shape[1])


def shown(t: Tensor) -> np.ndarray:
    """A tensor's numbers in the order of a recording."""
    a = np.array(t.detach().cpu().numpy())
    flat = getattr(t, "_flat", None)
    if flat and a.ndim == 2 and a.shape[1] == int(np.prod(flat)):
        return images_last(a.reshape(len(a), *flat)).reshape(len(a), -1)
    return images_last(a) if is_image(t) else a


def as_kept(value: np.ndarray, t: Tensor) -> np.ndarray:
    """Numbers in the order of a recording in that of a tensor."""
    flat = getattr(t, "_flat", None)
    if flat and t.dim() == 2:
        value = np.moveaxis(value.reshape(len(value), *flat[1:], flat[0]), -1, 1)
    elif is_image(t):
        value = np.moveaxis(value, -1, 1)
    return np.ascontiguousarray(value).reshape(tuple(t.shape))


def masked(args: tuple, kwargs: dict, drive: Drive, number: int, step: Step) -> Tensor | None:
    """What a dropout gives with the mask that all runs are given; None where it drops nothing."""
    values: dict[str, Any] = dict(zip(("input", "p", "training"), args, strict=False)) | kwargs
    x, p = values["input"], float(values.get("p", 0.5))
    if not values.get("training", True) or p == 0:
        return None
    shape = tuple(x.shape)
    last = channels_last(shape) if is_image(x) else shape
    mask = as_kept(drive.mask(number, step.masks, last, p), x)
    return x * torch.as_tensor(mask / (1 - p), dtype=x.dtype)
