"""The order of the samples and the dropout masks: pure functions of their seeds.

Every implementation gets the very same order and the very same masks, so that a difference between two of
them is never a difference between two random number generators.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence

import numpy as np


def batch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch visits the samples: a permutation of 0 … n - 1, shape (n,), int64.

    Raises ValueError for n below 1 and for a seed or epoch outside 0 … 2³² - 1.
    """
    require_at_least("n", n, 1)
    return generator(seed=seed, epoch=epoch).permutation(n)


def batches(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Cut an order of samples into mini-batches of indices, each (batch_size,); the last may be shorter.

    Raises ValueError for an order that is not one-dimensional and for a batch size below 1.
    """
    if np.ndim(order) != 1:
        raise ValueError(f"order has {np.ndim(order)} dimensions, expected one: an epoch's sample indices")
    require_at_least("batch_size", batch_size, 1)
    return (order[start : start + batch_size] for start in range(0, len(order), batch_size))


def dropout_mask(shape: Sequence[int], rate: float, seed: int, step: int, layer: int) -> np.ndarray:
    """The factors by which dropout multiplies activations: 0 with probability `rate`, else 1/(1 - rate).

    Dividing by 1 - rate keeps the expected activation the same with and without dropout (Srivastava et al.,
    "Dropout", JMLR 15, 2014). `step` counts the updates and `layer` the hidden layers, both from 0. Returns
    float64 of the given shape.

    Raises ValueError for a rate outside 0 ≤ rate < 1, a size below 1 in `shape`, and a seed, step or layer
    outside 0 … 2³² - 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout rate is {rate}, expected 0 ≤ rate < 1")
    for size in shape:
        require_at_least("every size in shape", size, 1)
    keep = generator(seed=seed, step=step, layer=layer).random(tuple(shape)) >= rate
    return keep / (1.0 - rate)


def dropout_masks(
    samples: int, hidden: Sequence[int], rates: Sequence[float], seed: int, step: int
) -> list[np.ndarray]:
    """The masks of a step, (samples, H) for each hidden layer of these sizes, at its rate; errors as `dropout_mask`."""
    layers = enumerate(zip(hidden, rates, strict=True))
    return [dropout_mask((samples, units), rate, seed, step, layer) for layer, (units, rate) in layers]


def generator(**entropy: int) -> np.random.Generator:
    """The random generator that belongs to these numbers, each in 0 … 2³² - 1."""
    for name, value in entropy.items():
        require_seed(name, value)
    return np.random.default_rng(list(entropy.values()))


def require_seed(name: str, value: int) -> None:
    """Raise ValueError unless `value` is a whole number in 0 … 2³² - 1.

    NumPy cuts larger seeds into 32-bit words, so that the seeds [2³², 0] and [0, 1, 0] would be the same.
    """
    require_at_least(name, value, 0)
    if value >= 2**32:
        raise ValueError(f"{name} is {value}, expected less than 2³²")


def require_at_least(name: str, value: int, least: int) -> None:
    """Raise ValueError unless `value` is a whole number of at least `least`."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}, expected a whole number") from None
    if whole < least:
        raise ValueError(f"{name} is {whole}, expected at least {least}")
