"""One implementation in its own process: its threads, its memory, its crash.

    python -m compare.ledger.worker NAME EVENTS

does one job at a time; jobs come and events go by the channel of the address EVENTS (`compare.run.channel`). What a
library prints goes to standard output and standard error, which the parent keeps in a log.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compare import relay
from compare.ledger import adapters, repeat, trace
from compare.ledger.serve import serve
from compare.recipes import seeds, train
from compare.traps import planted
from shared.scenarios import Plan


def record(name: str, job: dict[str, Any]) -> None:
    """Record a plan's training on its own and, given a reference's trace, in step with it.

    Without a reference this implementation is the reference: its float64 training is also held against copies with
    slightly changed weights.
    """
    folder = Path(job["folder"])
    plan: Plan = pickle.loads((folder / "plan.pickle").read_bytes())
    config = plan.config | {"dtype": job["dtype"]}
    model = adapters.build(name, config, plan.params)
    stem = f"{name}-{job['dtype']}"
    trace.record(model, plan, whole=job["reference"] is None).save(folder / f"{stem}-own.npz")
    if job["reference"]:
        reference = trace.Trace.load(Path(job["reference"]))
        trace.record(model, plan, reference).save(folder / f"{stem}-step.npz")
    else:
        amplification = trace.amplification(lambda params: adapters.build(name, config, params), plan)
        np.savez(folder / "amplification.npz", **asdict(amplification))


# What a job may ask for: from the implementation's name and the job, its result as JSON has it.
JOBS: dict[str, Callable[[str, dict[str, Any]], Any]] = {
    "record": record,
    "repeat": repeat.run,
    "planted": planted.run,
    "relay": relay.run_stage,
    "train": train.run,
    "seeds": seeds.run,
}


def main() -> None:
    name = sys.argv[1]
    serve(sys.argv[2], lambda: adapters.prepare(name), lambda job: JOBS[job["do"]](name, job))


if __name__ == "__main__":
    main()
