"""Which backend a Keras script runs on, asked before Keras is imported: it can be chosen only once in a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compare.watch.recording import Drive
from compare.watch.watcher import NotWatched, Watcher

CHOICE = "KERAS_BACKEND"


class _Reached(BaseException):
    """The script imports Keras: no `except Exception` of its own may stop this."""


class _Scout(Watcher):
    """Runs a script up to where it imports Keras."""

    framework = "keras"

    def start(self) -> None:
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def stop(self) -> None:
        sys.meta_path.remove(self)  # type: ignore[arg-type]

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """What the import system asks for every module that is not there yet."""
        if name == "keras":
            raise _Reached


def choose(script: Path, run: Callable[[Watcher], Any]) -> None:
    """Leave the environment as the script has it when it imports Keras, if it has a say in that.

    It may set its backend anywhere, by its arguments for instance: so it is run that far.
    """
    mentions = any(CHOICE.encode() in path.read_bytes() for path in script.parent.glob("*.py"))
    if mentions and "keras" not in sys.modules:
        kept = dict(os.environ)
        run(_Scout(script, 1))
        chosen = os.environ.get(CHOICE)
        os.environ.clear()
        os.environ.update(kept if chosen is None else {**kept, CHOICE: chosen})


def keras_watcher(script: Path, steps: int, drive: Drive | None) -> Watcher:
    """The watcher for the backend that Keras runs on; NotWatched for one that is not known."""
    try:
        import keras
    except ImportError as error:
        name = os.environ.get(CHOICE, "tensorflow")
        raise NotWatched(f"{script.name}: Keras cannot be had on {name}: {error}") from None
    name = keras.backend.backend()
    if name == "tensorflow":
        from compare.watch.keras_tensorflow import TensorFlowWatcher

        return TensorFlowWatcher(script, steps, drive)
    if name == "torch":
        from compare.watch.keras_torch import TorchBackendWatcher

        return TorchBackendWatcher(script, steps, drive)
    if name == "jax":
        from compare.watch.keras_jax import JaxWatcher

        return JaxWatcher(script, steps, drive)
    raise NotWatched(
        f"{script.name}: Keras runs on {name}, and is watched on TensorFlow, PyTorch and JAX: run it with "
        f"{CHOICE}=tensorflow, torch or jax"
    )
