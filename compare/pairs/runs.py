"""Two recordings as the scripts stand, and two in which both make the same steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compare.pairs.match import Match, like
from compare.pairs.network import Layers
from compare.watch.recording import Op, Recording, Step

# Of the largest entry. In float64 nothing but a constant that a framework keeps in float32 comes near; in float32 it is
# far above what rounding does to one step of a network of a few layers.
ALLOWED = {"float64": 1e-5, "float32": 2e-3}


@dataclass
class Runs:
    """Two recordings as the scripts stand, and two in which both make the same steps."""

    a: Recording
    b: Recording
    driven_a: Recording
    driven_b: Recording
    match: Match
    layers: Layers
    dtype: str
    forced: bool = False  # whether every layer of the second was given the numbers of the first one's
    targets_given: bool = True  # whether the first one's targets could be put into the second

    @property
    def steps(self) -> list[tuple[Step, Step]]:
        return list(zip(self.driven_a.steps, self.driven_b.steps, strict=False))

    @property
    def allowed(self) -> float:
        return ALLOWED[self.dtype]

    def op(self, i: int) -> tuple[Op, Op]:
        a, b = self.layers.pairs[i]
        return self.a.ops[a], self.b.ops[b]

    def as_first(self, value: np.ndarray, i: int, j: int) -> np.ndarray:
        """A value of the second's parameter j in the shape of the first's parameter i."""
        other = like(value, self.b.parameters[j], self.a.parameters[i])
        assert other is not None
        return self.match.to_first(i, other)

    def columns(self, op: int) -> np.ndarray | None:
        """Of the inputs of a layer of the second, which of the first's each is; None where they have one order."""
        return next((self.match.rows[p] for p in self.a.ops[op].parameters if p in self.match.rows), None)


def gap(one: np.ndarray, other: np.ndarray, size: float | None = None) -> float:
    """The largest difference, relative to the largest entry of the first; infinite where one is NaN alone."""
    scale = float(np.nanmax(np.abs(one), initial=0.0)) if size is None else size
    both = np.isnan(one) & np.isnan(other)
    difference = np.where(both, 0.0, np.abs(np.asarray(one, float) - other))
    if np.isnan(difference).any():
        return float("inf")
    return float(difference.max(initial=0.0)) / max(scale, 1e-300)
