"""Arrays in a script's variables: where they are, and which of those that a loop changes are its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

# What people call weights, and what they call the other numbers that change in a training loop.
WEIGHT = re.compile(
    r"^_?(w|b|weights?|bias(es)?|theta|params?|beta|coef|intercept|kernel|synapse|syn)(_?\w{0,8})$", re.I
)
OTHER = re.compile(
    r"^_?(d[A-Zwb_]\w*|nabla\w*|g_?[wb]\w*|grads?\w*|delta\w*|[mvs]_?[wb]\w*|vel\w*|mom\w*|cache\w*|best\w*"
    r"|loss\w*|cost\w*|err\w*|hist\w*|batch\w*|[wb]_?(grad|update|delta)\w*)$"
)
HOLDER = re.compile(
    r"^_?(m|v|s|g|d|mom\w*|vel\w*|cache\w*|grad\w*|adam\w*|state\w*|best\w*|slots?|sq\w*|delta\w*)$", re.I
)
INPUT = re.compile(r"^(x|inputs?|data|features|batch_?x|images?|samples?)(\w{0,8})$", re.I)
TARGET = re.compile(
    r"^(y|t|targets?|labels?|batch_?y|expected)"
    r"(_?(b|batch|i|train|true|one_?hot|oh|mini|enc\w*|tr|t)?\d?)$",
    re.I,
)
DEPTH = 3


@dataclass(frozen=True)
class Path:
    """A place: a variable of a frame, and the attributes and entries from there on."""

    space: str  # "local" or "global"
    names: tuple[Any, ...]

    def __str__(self) -> str:
        text = str(self.names[0])
        for name in self.names[1:]:
            text += f".{name[1:]}" if isinstance(name, str) and name.startswith(".") else f"[{name!r}]"
        return text

    @property
    def word(self) -> str:
        """The name that says what it is: self.W1, params["W1"] and W1 are W1, weights[0] is weights."""
        words = [str(n).removeprefix(".") for n in self.names if not isinstance(n, int)]
        return words[-1] if words else ""

    @property
    def is_other(self) -> bool:
        """Whether its names say that it is no weight: a gradient, a moment, a velocity."""
        words = [str(n).removeprefix(".") for n in self.names if not isinstance(n, int)]
        return bool(OTHER.match(self.word)) or any(HOLDER.match(word) for word in words)

    def get(self, frame: FrameType) -> Any:
        """What is there; None if nothing is."""
        value: Any = (frame.f_locals if self.space == "local" else frame.f_globals).get(self.names[0])
        for name in self.names[1:]:
            try:
                value = getattr(value, name[1:]) if isinstance(name, str) and name.startswith(".") else value[name]
            except (AttributeError, KeyError, IndexError, TypeError):
                return None
        return value


def arrays(frame: FrameType) -> Iterator[tuple[Path, np.ndarray]]:
    """The arrays of numbers within reach of a frame, each once."""
    seen: set[int] = set()
    spaces = [("local", frame.f_locals)]
    if frame.f_locals is not frame.f_globals:
        spaces.append(("global", frame.f_globals))
    for space, variables in spaces:
        for name, value in list(variables.items()):
            if not name.startswith("__"):
                yield from _within(Path(space, (name,)), value, seen, DEPTH)


def _within(path: Path, value: Any, seen: set[int], depth: int) -> Iterator[tuple[Path, np.ndarray]]:
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiu" and value.size and id(value) not in seen:
            seen.add(id(value))
            yield path, value
        return
    if depth == 0 or isinstance(value, ModuleType | FunctionType | type | str | bytes) or id(value) in seen:
        return
    if isinstance(value, dict):
        items = [((*path.names, key), item) for key, item in list(value.items())[:200]]
    elif isinstance(value, list | tuple):
        items = [((*path.names, number), item) for number, item in enumerate(value[:200])]
    elif hasattr(value, "__dict__") and type(value).__module__ not in ("numpy", "builtins"):
        items = [((*path.names, f".{key}"), item) for key, item in list(vars(value).items())]
    else:
        return
    seen.add(id(value))
    for names, item in items:
        yield from _within(Path(path.space, names), item, seen, depth - 1)


def weights(snapshots: list[dict[Path, np.ndarray]]) -> list[Path]:
    """Which arrays are a loop's weights: there from the start, changed from one iteration to the next, and named so."""
    first = snapshots[0]
    changing = []
    for path, value in first.items():
        values = [s.get(path) for s in snapshots]
        if value.dtype.kind != "f" or any(v is None or v.shape != value.shape for v in values):
            continue
        moved = sum(not np.array_equal(a, b) for a, b in pairwise(values))  # type: ignore[arg-type]
        if moved >= (len(values) - 1) / 2 and not path.is_other:
            changing.append(path)
    named = [path for path in changing if WEIGHT.match(path.word)]
    return named or [p for p in changing if not INPUT.match(p.word) and not TARGET.match(p.word) and first[p].ndim]


def is_bias(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether an array of weights is a bias: by its name, where it is no wide matrix."""
    return (len(shape) < 2 or 1 in shape) and path.word.lower().lstrip("_").startswith("b")


def by_layer(paths: list[Path], shapes: list[tuple[int, ...]]) -> list[Path]:
    """Weights with each bias behind its kernel, where the one list holds all kernels and the other all biases."""
    kernels = [(p, s) for p, s in zip(paths, shapes, strict=True) if not is_bias(p, s)]
    biases = [(p, s) for p, s in zip(paths, shapes, strict=True) if is_bias(p, s)]
    if len(kernels) != len(biases) or any(
        max(b[1], default=1) not in k[1] for k, b in zip(kernels, biases, strict=True)
    ):
        return paths
    return [p for pair in zip(kernels, biases, strict=True) for p, _ in pair]


def is_turned(shapes: list[tuple[int, ...]]) -> bool:
    """Whether matrices are kept as (out, in): by the chain of their shapes, or by the biases and the last layer."""
    wide = [s for s in shapes if len(s) == 2 and 1 not in s]
    pairs = list(pairwise(wide))
    straight, turned = all(a[1] == b[0] for a, b in pairs), all(a[0] == b[1] for a, b in pairs)
    if pairs and straight != turned:
        return turned
    if not wide:
        rows, columns = ([s for s in shapes if len(s) == 2 and s[k] == 1 < s[1 - k]] for k in (0, 1))
        return bool(rows) and not columns
    vectors = {max(s) for s in shapes if len(s) == 1 or (len(s) == 2 and 1 in s)}
    return sum(w[0] in vectors for w in wide) > sum(w[1] in vectors for w in wide)
