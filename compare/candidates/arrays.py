"""The weights of an object that keeps them as it likes: found in its attributes, lists, dicts and parts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from compare.candidates.load import CandidateError

DEEPEST = 4  # levels of attributes, lists and dicts
WEIGHT = re.compile(r"w|kernel|coef|theta|syn|mat", re.I)
BIAS = re.compile(r"^_*b(\d*$|_|ias|h|o)|bias|intercept|offset", re.I)
# What a training keeps besides: gradients, velocities, caches.
BESIDES = re.compile(
    r"^_*(d_?[wb]|d_?bias|d_?weight|grad|delta|vel|v_?d|v[wb]|m[wb]|s[wb]|mom|cache|prev|old|best)", re.I
)
SLOTS = re.compile(r"^_*([mvsrg]|m_?t|v_?t|adam.*|moments?.*)\d*$", re.I)  # and what holds such things


@dataclass(frozen=True)
class Path:
    """The way from an object to one of its arrays."""

    root: Any
    steps: tuple[tuple[str, Any], ...]  # ("attribute", name) or ("item", key)

    @property
    def name(self) -> str:
        """The last name on the way: of the attribute, or of the key."""
        names = [str(key) for kind, key in self.steps if kind == "attribute" or isinstance(key, str)]
        return names[-1] if names else ""

    @property
    def besides(self) -> bool:
        """Whether it is something else than a parameter, by its name or by that of what holds it."""
        holders = [str(key) for _, key in self.steps[:-1]]
        return bool(BESIDES.match(self.name)) or any(BESIDES.match(key) or SLOTS.match(key) for key in holders)

    @property
    def text(self) -> str:
        return "".join(f".{key}" if kind == "attribute" else f"[{key!r}]" for kind, key in self.steps)

    def _owner(self) -> Any:
        owner = self.root
        for kind, key in self.steps[:-1]:
            owner = getattr(owner, key) if kind == "attribute" else owner[key]
        return owner

    def get(self) -> np.ndarray:
        kind, key = self.steps[-1]
        return np.asarray(getattr(self._owner(), key) if kind == "attribute" else self._owner()[key])

    def put(self, array: np.ndarray) -> None:
        """In place, since an optimizer may hold the array too; anew where it cannot be written to."""
        own = self.get()
        if own.flags.writeable:
            own[...] = array
            return
        owner, (kind, key) = self._owner(), self.steps[-1]
        if kind == "attribute":
            setattr(owner, key, array)
        else:
            owner[key] = array


@dataclass(frozen=True)
class Array:
    """A parameter: where it is, and whether as (out, in)."""

    path: Path | None
    turned: bool
    shape: tuple[int, ...]  # the reference's

    def get(self) -> np.ndarray:
        """In the reference's layout; zeros for one that there is not."""
        if self.path is None:
            return np.zeros(self.shape)
        a = self.path.get()
        return np.array((a.T if self.turned else a).reshape(self.shape))

    def put(self, array: np.ndarray) -> None:
        if self.path is not None:
            own = self.path.get()
            a = np.array(array, own.dtype)
            self.path.put(np.ascontiguousarray((a.T if self.turned else a).reshape(own.shape)))


def find(model: Any) -> tuple[list[tuple[Array, Array]], bool]:
    """The layers (W, b) of an object, and whether it takes samples as columns; CandidateError if they are no chain."""
    paths = [path for path in _walk(model, (), set()) if not path.besides]
    biases = [p for p in paths if BIAS.search(p.name) or (p.get().ndim == 1 and not WEIGHT.search(p.name))]
    weights = [p for p in paths if p.get().ndim == 2 and p not in biases]
    if not weights:
        raise CandidateError(
            "no weights are found in the object before its training: expected matrices in its attributes, lists or "
            "dicts, as W1, b1 or weights, biases"
        )
    shapes = [w.get().shape for w in weights]
    chains = {
        turned: all(a[0 if turned else 1] == b[1 if turned else 0] for a, b in itertools.pairwise(shapes))
        for turned in (False, True)
    }
    columns = bool(biases) and biases[0].get().ndim == 2 and biases[0].get().shape[1] == 1
    wide = biases and biases[0].get().size == shapes[0][0] != shapes[0][1]  # The bias is as long as the rows.
    turned = chains[True] and (not chains[False] or columns or bool(wide))
    if not (chains[True] or chains[False]):
        shown = ", ".join(f"{w.text.lstrip('.')} {w.get().shape}" for w in weights)
        raise CandidateError(f"the weights found do not fit one after the other: {shown}")
    sizes = [shape[::-1] if turned else shape for shape in shapes]
    layers, rest = [], list(biases)
    for path, (n, m) in zip(weights, sizes, strict=True):
        bias = next((b for b in rest if b.get().size == m), None)
        if bias is not None:
            rest.remove(bias)
        layers.append((Array(path, turned, (n, m)), Array(bias, False, (m,))))
    return layers, turned and columns


def moved(layers: list[tuple[Array, Array]], root: Any) -> list[tuple[Array, Array]]:
    """The same places in a copy of the object."""

    def there(array: Array) -> Array:
        return replace(array, path=array.path and replace(array.path, root=root))

    return [(there(w), there(b)) for w, b in layers]


def _walk(value: Any, steps: tuple, seen: set[int], root: Any = None) -> Iterator[Path]:
    root = value if root is None else root
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and value.ndim in (1, 2) and value.size and id(value) not in seen:
            seen.add(id(value))  # An optimizer may hold it too.
            yield Path(root, steps)
        return
    if len(steps) > DEEPEST or id(value) in seen or isinstance(value, str | bytes | int | float | bool | type(None)):
        return
    seen.add(id(value))
    if isinstance(value, dict):
        items: list[tuple[tuple[str, Any], Any]] = [(("item", key), part) for key, part in value.items()]
    elif isinstance(value, list | tuple):
        items = [(("item", number), part) for number, part in enumerate(value)]
    elif hasattr(value, "__dict__") and not isinstance(value, type | ModuleType | FunctionType | MethodType):
        items = [(("attribute", name), part) for name, part in vars(value).items()]
    else:
        return
    for step, part in items:
        yield from _walk(part, (*steps, step), seen, root)
