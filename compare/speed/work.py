"""What is timed: sizes of network and batch, the data and weights drawn for them, and the least work of a step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

# Name: layer sizes and batch size.
SIZES: dict[str, tuple[tuple[int, ...], int]] = {
    "tiny": ((2, 4, 1), 4),
    "digits": ((64, 32, 10), 32),
    "mnist": ((784, 128, 64, 10), 64),
    "wide": ((784, 1024, 1024, 10), 256),
}
LEARNING_RATE = 1e-3  # Small, so that no training diverges or dies while it is timed.


@dataclass(frozen=True)
class Work:
    """A training to time: relu layers under a cross-entropy, on drawn data."""

    name: str
    layer_sizes: tuple[int, ...]
    batch_size: int
    optimizer: str = "sgd"
    dtype: str = "float32"
    threads: int = 1

    @property
    def loss(self) -> str:
        return "softmax_cross_entropy" if self.layer_sizes[-1] > 1 else "binary_cross_entropy"

    @property
    def config(self) -> dict[str, Any]:
        """The fields of a template's Config."""
        fields = {"layer_sizes": self.layer_sizes, "loss": self.loss, "optimizer": self.optimizer}
        return fields | {"learning_rate": LEARNING_RATE, "dtype": self.dtype}

    @property
    def labels(self) -> dict[str, Any]:
        """The columns that every row about this work begins with."""
        return {
            "workload": self.name,
            "layer_sizes": "-".join(map(str, self.layer_sizes)),
            "batch_size": self.batch_size,
            "optimizer": self.optimizer,
            "dtype": self.dtype,
            "threads": self.threads,
        }

    @property
    def products(self) -> list[tuple[int, int, int]]:
        """(rows, inner, columns) of every matrix product of a step, B the batch size and n -> m a layer.

        Forward a (B, n) @ W (n, m); backward a.T (n, B) @ d (B, m) for the weights and, but for the first layer,
        d (B, m) @ W.T (m, n) for the layer below.
        """
        B, found = self.batch_size, []
        for i, (n, m) in enumerate(pairwise(self.layer_sizes)):
            found += [(B, n, m), (n, B, m)] + ([(B, m, n)] if i else [])
        return found

    @property
    def flops(self) -> int:
        """Floating-point operations of a step's matrix products: 2 * rows * inner * columns each, summed."""
        return sum(2 * i * j * k for i, j, k in self.products)

    @property
    def bytes(self) -> int:
        """Bytes that a step moves at least: every product reads two matrices and writes one, rows * inner +
        inner * columns + rows * columns numbers, and plain gradient descent reads weights and gradients and
        writes the weights, 3 * (n * m + m) numbers a layer; times the bytes of a number."""
        moved = sum(i * j + j * k + i * k for i, j, k in self.products)
        updated = sum(3 * (n * m + m) for n, m in pairwise(self.layer_sizes))
        return (moved + updated) * np.dtype(self.dtype).itemsize

    @property
    def steps(self) -> int:
        """Steps of an epoch: enough for the clock, few enough for the slowest, and a multiple of 4."""
        return int(np.clip(10**9 // self.flops, 4, 128)) // 4 * 4

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x (N, in) from N(0, 1) in the work's dtype, and y (N,) class ids, every class among them."""
        random = np.random.default_rng(0)
        samples, classes = self.steps * self.batch_size, max(2, self.layer_sizes[-1])
        x = random.standard_normal((samples, self.layer_sizes[0])).astype(self.dtype)
        return x, random.permutation(np.arange(samples) % classes)

    def params(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """W (n, m) from N(0, 2 / n), and b (m,) of zeros."""
        random = np.random.default_rng(1)
        shapes = pairwise(self.layer_sizes)
        return [(random.standard_normal((n, m)) * np.sqrt(2 / n), np.zeros(m)) for n, m in shapes]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Work:
        return cls(**fields | {"layer_sizes": tuple(fields["layer_sizes"])})


def of_size(name: str, **others: Any) -> Work:
    """The work of this name."""
    return Work(name, *SIZES[name], **others)
