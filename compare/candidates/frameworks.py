"""Keras, imported without what no candidate needs, which is a quarter of the time that takes."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def import_keras() -> None:
    """TensorFlow without its converter from JAX, and Keras without its wrappers for scikit-learn.

    Both take these for libraries that are not installed; whoever imports them afterwards has them.
    """
    with _hidden("sklearn"):
        if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" and importlib.util.find_spec("tensorflow"):
            with _hidden("jax"):
                importlib.import_module("tensorflow")  # It imports Keras too.
        importlib.import_module("keras")


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let an optional import fail for a while."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
