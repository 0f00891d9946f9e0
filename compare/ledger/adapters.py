"""The only code that knows both a template and the harness."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from compare.ledger.contract import Implementation, Layers

IMPLEMENTATIONS = ("numpy", "torch", "keras")
KERAS_BACKENDS = ("tensorflow", "jax", "torch")  # those that train


def build(name: str, config: dict[str, Any], params: Layers) -> Implementation:
    """The named implementation with this configuration and these initial parameters."""
    template = importlib.import_module(f"impls.mlp_{name}")
    return template.MLP(template.Config(**config), params)


def outputs(model: Implementation, x: np.ndarray) -> np.ndarray:
    """`forward` in evaluation, as a NumPy array (B, O)."""
    if not hasattr(model, "eval"):
        return np.asarray(model.forward(x))
    import torch

    model.eval()
    with torch.no_grad():
        return model.forward(torch.tensor(x)).cpu().numpy()


def keras_backend() -> str:
    """What Keras runs on: TensorFlow, unless the user's KERAS_BACKEND says otherwise."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


@contextmanager
def uncompiled() -> Iterator[None]:
    """Let the templates' compiled forms run as they are written, which spares seconds a network.

    What PyTorch's compiler makes of its form is held against the reference wherever it is timed.
    """
    if "torch" not in sys.modules:
        yield
        return
    import torch

    kept = torch.compile
    torch.compile = lambda function, **_: function  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compile = kept


def environment(threads: int) -> dict[str, str]:
    """The environment of a worker process in which every library keeps to this number of threads, and to the CPU."""
    count = str(threads)
    pools = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")
    return {
        **os.environ,
        **{f"{pool}_NUM_THREADS": count for pool in pools},
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "NPROC": count,  # JAX takes the size of its pools from it.
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": keras_backend(),
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "PYTHONUNBUFFERED": "1",
    }


def prepare(name: str) -> None:
    """Import the named implementation, so that no scenario pays for it, and pin its threads."""
    if name == "torch":
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    importlib.import_module(f"impls.mlp_{name}")
