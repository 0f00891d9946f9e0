"""Which parameter of one network is which of another: by place, kind and shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from compare.watch.recording import Parameter, Recording


@dataclass(frozen=True)
class Match:
    """Pairs of numbers in the two recordings' `parameters`, and those that have no partner."""

    pairs: tuple[tuple[int, int], ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    rows: dict[int, np.ndarray] = field(default_factory=dict)
    """Of a parameter of the first whose rows stand in another order in the second: the first's row of each."""

    def to_second(self, i: int, value: np.ndarray) -> np.ndarray:
        """A value of the first's parameter, which has the second's shape, in the second's order."""
        return value[self.rows[i]] if i in self.rows else value

    def to_first(self, i: int, value: np.ndarray) -> np.ndarray:
        """And back."""
        return value[np.argsort(self.rows[i])] if i in self.rows else value

    @property
    def back(self) -> Match:
        """From the second to the first."""
        rows = {j: np.argsort(self.rows[i]) for i, j in self.pairs if i in self.rows}
        return Match(tuple((j, i) for i, j in self.pairs), self.only_b, self.only_a, rows)

    @property
    def whole(self) -> bool:
        """Whether every trained parameter has its partner."""
        return not (self.only_a or self.only_b)

    def to_b(self, a: int) -> int | None:
        return dict(self.pairs).get(a)


def matched(a: Recording, b: Recording) -> Match:
    """Pair the parameters of two recordings in the order of their use; what is left over, by shape alone."""
    pairs = [*_aligned(a, b, moving=False), *_aligned(a, b, moving=True)]
    left_a = [i for i, p in enumerate(a.parameters) if i not in {i for i, _ in pairs} and p.trained]
    left_b = [j for j, p in enumerate(b.parameters) if j not in {j for _, j in pairs} and p.trained]
    for i in list(left_a):
        same = [j for j in left_b if _fit(a.parameters[i], b.parameters[j])]
        if len(same) == 1 and sum(_fit(a.parameters[k], b.parameters[same[0]]) > 0 for k in left_a) == 1:
            pairs.append((i, same[0]))
            left_a.remove(i)
            left_b.remove(same[0])
    return Match(tuple(sorted(pairs)), tuple(left_a), tuple(left_b))


def _aligned(a: Recording, b: Recording, moving: bool) -> list[tuple[int, int]]:
    """The alignment of the weights, or of the running statistics, with the best sum of fits."""
    of_a, of_b = ([i for i, p in enumerate(r.parameters) if p.role.startswith("running") == moving] for r in (a, b))

    @cache
    def best(m: int, n: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        if m == len(of_a) or n == len(of_b):
            return 0.0, ()
        fit = _fit(a.parameters[of_a[m]], b.parameters[of_b[n]])
        options = [best(m + 1, n), best(m, n + 1)]
        if fit:
            score, rest = best(m + 1, n + 1)
            options.append((score + fit, ((of_a[m], of_b[n]), *rest)))
        return max(options, key=lambda option: option[0])

    return list(best(0, 0)[1])


def _fit(p: Parameter, q: Parameter) -> float:
    """How well two parameters go together; 0 if they cannot."""
    if squeezed(p.shape) != squeezed(q.shape) and not turned(p, q):
        return 0.0
    known = "free" not in (p.kind, q.kind)
    if known and (p.kind, p.role) != (q.kind, q.role) and _plain(p) != _plain(q):
        return 0.0
    return 1.0 + 0.5 * (p.role == q.role) + 0.25 * (p.kind == q.kind) + 0.1 * (p.shape == q.shape)


def _plain(p: Parameter) -> str:
    return "kernel" if p.role in ("kernel", "weight") and p.kind == "dense" else p.kind + p.role


def turned(p: Parameter, q: Parameter) -> bool:
    """Whether one is the other's transpose: a script without a framework may keep (out, in)."""
    return "free" in (p.kind, q.kind) and len(p.shape) == 2 and p.shape == q.shape[::-1]


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without the axes of length 1: (1, 8) and (8,) are one bias."""
    return tuple(n for n in shape if n != 1)


def like(value: np.ndarray | None, p: Parameter, q: Parameter) -> np.ndarray | None:
    """A value of p in the shape of q, its partner."""
    if value is None:
        return None
    return value.T if turned(p, q) and squeezed(p.shape) != squeezed(q.shape) else value.reshape(q.shape)
