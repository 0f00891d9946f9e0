"""The native programs themselves, from many seeds: each runs as it stands, and what it prints is read."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from compare.programs.program import program
from compare.programs.spec import named

PRINTED = re.compile(r"test loss (\S+?)(?:, accuracy (\S+))?")
_ALONE = threading.Lock()  # Frameworks have one generator for a process, a cluster's worker may have several threads.


def run(framework: str, name: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Train the native program of a framework from each seed: a row for each seed and measure that it prints.

    The seed is the program's own, of weights and order; the split of the data stays.
    """
    spec = named(name)
    with _ALONE:
        _prepare(framework)
        about = {"scenario": name, "framework": framework}
        ends = {seed: _end(program(framework, replace(spec, seed=seed)).text) for seed in seeds}
        _forget(framework)
    return [
        about | {"measure": measure, "seed": seed, "value": value}
        for seed, end in ends.items()
        for measure, value in end.items()
    ]


def _end(text: str) -> dict[str, float]:
    """Run a program; its test loss and, if it prints an accuracy, the share that it predicts wrongly."""
    lines: list[str] = []
    names: dict[str, Any] = {"__name__": "__main__", "print": lines.append}
    exec(compile(text, "<program>", "exec"), names)
    found = PRINTED.fullmatch(lines[-1])
    if not found:
        raise ValueError(f"a program printed {lines[-1]!r}, expected its test loss")
    loss, accuracy = found.groups()
    if accuracy is None:
        return {"loss": float(loss)}
    samples = len(names["y_test"])  # An accuracy of four digits says how many are right.
    return {"loss": float(loss), "error": 1 - round(float(accuracy) * samples) / samples}


def _prepare(framework: str) -> None:
    """A framework in one thread and in float32, as it begins, whatever this process has done before."""
    if framework == "torch":
        import torch

        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
    elif framework == "keras":
        import keras
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # It warns of the many models.
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def _forget(framework: str) -> None:
    """Let go of the models of earlier programs, which Keras keeps."""
    if framework == "keras":
        import keras

        keras.utils.clear_session()
