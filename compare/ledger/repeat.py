"""Determinism: an implementation that trains twice from the same start must come to the same bits.

Where it does not, a difference between two implementations says nothing about either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.ledger import adapters, trace
from compare.ledger.jobs import Asking, Job, by_name
from shared import scenarios
from shared.datasets import load

if TYPE_CHECKING:
    import pandas as pd

SCENARIO, STEPS = "digits", 20
DTYPES = ("float64", "float32")


def run(implementation: str, job: dict[str, Any]) -> bool:
    """A worker's part: whether two trainings of 20 steps agree to the bit."""
    scenario = replace(scenarios.get(SCENARIO), steps=STEPS)
    plan = scenarios.plan(scenario, load(scenario.dataset))
    one, other = (
        trace.record(adapters.build(implementation, plan.config | {"dtype": job["dtype"]}, plan.params), plan)
        for _ in range(2)
    )
    return same_bits(one, other)


def same_bits(one: trace.Trace, other: trace.Trace) -> bool:
    """Whether two traces hold the same numbers, to the last bit."""
    names = [field.name for field in fields(one) if field.name != "states"]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names) and all(
        np.array_equal(one.states[name], other.states[name]) for name in one.states
    )


def run_repeats(names: Sequence[str]) -> Asking[pd.DataFrame]:
    """One row for each implementation and precision. Columns: implementation, scenario, dtype, equal, message."""
    import pandas as pd  # Late: the workers, who need none, import this file too.

    jobs = {
        (name, dtype): Job(name, {"do": by_name(run), "scenario": SCENARIO, "dtype": dtype})
        for name in names
        for dtype in DTYPES
    }
    events = yield jobs
    return pd.DataFrame(
        [
            {
                "implementation": name,
                "scenario": SCENARIO,
                "dtype": dtype,
                "equal": event.status == "ok" and event.result,
                "message": event.message,
            }
            for (name, dtype), event in events.items()
        ]
    )
