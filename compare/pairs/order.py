"""A dense layer whose inputs are flattened in another order: the same numbers in other columns, so other rows of W."""

from __future__ import annotations

import numpy as np

from compare.pairs.runs import Runs

CLOSE = 1e-6  # of the largest number


def turned_rows(runs: Runs) -> dict[int, np.ndarray]:
    """The first layer of the second script whose inputs are the first one's in another order, and that order.

    {number of its kernel in the first: of every row of the second's kernel, which row of the first's it is}.
    """
    for i, j in runs.layers.pairs:
        values = [(s.values[i][0], t.values[j][0]) for s, t in runs.steps if i in s.values and j in t.values]
        if not values or any(x.ndim != 2 or x.shape != y.shape for x, y in values):
            continue
        one, other = (np.concatenate(side) for side in zip(*values, strict=True))
        near = CLOSE * max(float(np.abs(one).max()), 1e-300)
        if np.abs(one - other).max() <= near:
            continue
        order = _order(one, other)
        kernel = next((p for p in runs.a.ops[i].parameters if runs.a.parameters[p].initial.ndim == 2), None)
        if np.abs(one[:, order] - other).max() > near or kernel is None or kernel in runs.match.rows:
            return {}
        return {kernel: order}
    return {}


def _order(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """For every column of the other, which column of the one it would be, if they were the same columns."""
    direction = np.random.default_rng(0).normal(size=len(one))
    order = np.empty(one.shape[1], int)
    order[np.argsort(direction @ other)] = np.argsort(direction @ one)
    return order
