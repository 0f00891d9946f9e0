"""Timing `fit`: the clock covers training steps only, with the data already in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from compare.ledger import adapters

MINIMUM_SECONDS = 0.25  # of a timed round: long against the clock's resolution and a call's fixed costs


@dataclass(frozen=True)
class Workload:
    """A training to time, on drawn data."""

    name: str
    layer_sizes: tuple[int, ...]
    batch_size: int
    samples: int


WORKLOADS = {
    workload.name: workload
    for workload in (Workload("tiny", (2, 4, 1), 4, 512), Workload("digits", (64, 32, 10), 32, 2048))
}


class Timer:
    """One implementation on one workload, built and warmed up."""

    def __init__(self, implementation: str, workload: Workload, optimizer: str, dtype: str):
        random = np.random.default_rng(0)
        sizes = workload.layer_sizes
        self.x = random.standard_normal((workload.samples, sizes[0]))
        self.y = random.integers(0, max(2, sizes[-1]), workload.samples)
        self.batch_size = workload.batch_size
        self.steps = -(-workload.samples // workload.batch_size)
        config = {
            "layer_sizes": sizes,
            "loss": "softmax_cross_entropy" if sizes[-1] > 1 else "binary_cross_entropy",
            "optimizer": optimizer,
            "dtype": dtype,
        }
        params = [(random.standard_normal((n, m)) / np.sqrt(n), np.zeros(m)) for n, m in pairwise(sizes)]
        self.model: Any = adapters.build(implementation, config, params)
        self._fit(1)
        self.epochs = max(1, round(MINIMUM_SECONDS / self._fit(1)))

    def _fit(self, epochs: int) -> float:
        start = time.perf_counter()
        self.model.fit(self.x, self.y, epochs=epochs, batch_size=self.batch_size, verbose=False)
        return time.perf_counter() - start

    def seconds_per_step(self) -> float:
        """One round."""
        return self._fit(self.epochs) / (self.epochs * self.steps)


def measure(timers: dict[str, Timer], implementation: str, job: dict[str, Any]) -> float:
    """A round of the workload that `job` names, in seconds per step; its timer is kept in `timers`."""
    key = f"{job['workload']} {job['optimizer']} {job['dtype']}"
    if key not in timers:
        timers[key] = Timer(implementation, WORKLOADS[job["workload"]], job["optimizer"], job["dtype"])
    return timers[key].seconds_per_step()
