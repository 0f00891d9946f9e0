"""Noise that a PyTorch network draws while it computes: driven, two scripts are given the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from compare.watch.recording import Drive, Step
from compare.watch.torch_images import channels_last

LAWS = {"randn": "normal", "randn_like": "normal", "normal": "normal", "rand": "uniform", "rand_like": "uniform"}


def drawn(name: str, args: tuple, kwargs: dict, drive: Drive, number: int, step: Step) -> Tensor | None:
    """What a call that draws noise is to give; None where it draws none, or in a way that is left to it."""
    law = LAWS.get(name)
    if law is None or not args:
        return None
    first = args[0]
    mean: Any = 0.0
    std: Any = 1.0
    if name == "normal":
        mean, std = first, args[1] if len(args) > 1 else kwargs.get("std", 1.0)
        shape = args[2] if len(args) > 2 else kwargs.get("size") or np.shape(mean) or np.shape(std)
    elif name.endswith("_like"):
        shape = first.shape
    else:
        shape = first if isinstance(first, tuple | list) else args
    shape = tuple(int(n) for n in shape)
    images = len(shape) == 4
    values = drive.noise(number, step.draws, channels_last(shape) if images else shape, law)
    step.draws += 1
    if images:
        values = np.ascontiguousarray(np.moveaxis(values, -1, 1))
    return mean + std * torch.as_tensor(values, dtype=torch.get_default_dtype())
