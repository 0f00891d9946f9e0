"""One implementation in its own process: its threads, its memory, its crash.

    python -m compare.ledger.worker NAME EVENTS

reads jobs as JSON lines from standard input, one at a time, and writes events as JSON lines to the file descriptor
EVENTS. What a library prints goes to standard output and standard error, which the parent keeps in a log.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compare import relay
from compare.ledger import adapters, repeat, trace
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


def message_of(error: BaseException) -> str:
    """One line: what was raised, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text} ({Path(frame.filename).name}, line {frame.lineno})"


def main() -> None:
    name, events = sys.argv[1], os.fdopen(int(sys.argv[2]), "w", buffering=1)

    def tell(**event: Any) -> None:
        events.write(json.dumps(event) + "\n")

    try:
        adapters.prepare(name)
    except Exception as error:
        traceback.print_exc()
        tell(event="failed", message=message_of(error))
        return
    tell(event="ready")
    for line in sys.stdin:
        job, start = json.loads(line), time.perf_counter()
        try:
            result = JOBS[job["do"]](name, job)
            tell(event="done", seconds=time.perf_counter() - start, result=result)
        except Exception as error:
            traceback.print_exc()
            tell(event="failed", message=message_of(error))


if __name__ == "__main__":
    main()
