"""Keras comes without what it imports besides, and others have that all the same."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from compare.candidates.frameworks import import_keras
import_keras()
import keras
print([name for name in ("jax", "sklearn") if name in sys.modules], keras.layers.Dense.__name__)
import sklearn.base
print(sklearn.base.BaseEstimator.__name__)
"""


def test_keras_comes_alone() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[] Dense", "BaseEstimator"]
