"""Rounds of timings, interleaved so that a drift of the machine's speed hits all implementations alike."""

from __future__ import annotations

import random
from typing import Any

from compare.ledger.processes import Pool
from compare.speed.timing import WORKLOADS


def interleaved(
    pool: Pool, rounds: int, threads: int, optimizer: str = "sgd", dtype: str = "float32"
) -> list[dict[str, Any]]:
    """Time `fit` on every workload, round by round in shuffled order; one implementation works, the others wait."""
    rows, order = [], random.Random(0)
    for workload in WORKLOADS.values():
        job = {
            "do": "time",
            "scenario": workload.name,
            "workload": workload.name,
            "optimizer": optimizer,
            "dtype": dtype,
        }
        for number in range(rounds):
            names = list(pool.idle)
            order.shuffle(names)
            for name in names:
                pool.give(name, job)
                while (event := pool.wait()) is None:
                    pass
                if event.status != "ok" or event.implementation != name:
                    continue
                rows.append(
                    {
                        "workload": workload.name,
                        "layer_sizes": "-".join(map(str, workload.layer_sizes)),
                        "batch_size": workload.batch_size,
                        "optimizer": optimizer,
                        "implementation": name,
                        "mode": "fit",
                        "dtype": dtype,
                        "threads": threads,
                        "round": number,
                        "seconds_per_step": event.result,
                    }
                )
    return rows
