"""One contender in its own process, which sleeps on its standard input until it is its turn.

    python -m compare.speed.worker PROCESS EVENTS

speaks as `compare.ledger.worker` does, by the channel of the address EVENTS.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from compare.ledger.serve import serve

# No framework is imported here: an implementation's import is timed in this process.

STEADY = 0.05  # The medians of two consecutive halves of the newest epochs differ by no more than this share.
NEWEST = 6  # epochs that are looked at
MOST_WARM_UP = 2.0  # seconds, and no fewer than NEWEST epochs


class Bench:
    """The jobs of one process."""

    def __init__(self) -> None:
        self.runners: dict[str, Any] = {}  # by mode
        self.epoch: dict[str, float] = {}  # seconds of a steady one
        self.steps = 1

    def load(self, job: dict[str, Any]) -> dict[str, float]:
        """Import the implementation in its first job, build it for the work, and run its first epoch."""
        start = time.perf_counter()
        known = job["module"] in sys.modules
        importlib.import_module(job["module"])
        facts = {} if known else {"import": time.perf_counter() - start, "memory after import": peak_memory()}
        _pin_torch()

        from compare.speed.contenders import Contender, build
        from compare.speed.work import Work

        work = Work.from_json(job["work"])
        if job["fresh"]:
            self.runners.clear()
            if "torch._dynamo" in sys.modules:  # Else PyTorch stops compiling after eight models.
                sys.modules["torch._dynamo"].reset()
        self.steps = work.steps
        contender = Contender(job["implementation"], job["mode"], "")
        start = time.perf_counter()
        runner = self.runners[contender.mode] = build(contender, work)
        built = time.perf_counter()
        runner.epochs(1)
        return facts | {"build": built - start, "first epoch": time.perf_counter() - built}

    def warm(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run epochs until they are steady: their number, and whether they were."""
        runner, times, start = self.runners[job["mode"]], list[float](), time.perf_counter()
        while True:
            times += runner.epochs(1)
            before, after = median(times[-NEWEST : -NEWEST // 2] or times), median(times[-NEWEST // 2 :])
            steady = len(times) >= NEWEST and abs(after / before - 1) <= STEADY
            if steady or (len(times) >= NEWEST and time.perf_counter() - start > MOST_WARM_UP):
                self.epoch[job["mode"]] = after
                return {"warm-up epochs": len(times), "steady": float(steady), "steady epoch": after}

    def turn(self, job: dict[str, Any]) -> dict[str, float]:
        """Train for about job["seconds"]: the median epoch's seconds a step, and CPU seconds a wall second.

        Where that is several epochs, one more comes first and is not counted: the caches were another contender's.
        With a job["delay"] each epoch is followed by idling for that share of it, which counts as its time.
        """
        runner, epoch = self.runners[job["mode"]], self.epoch[job["mode"]]
        wall, cpu = time.perf_counter(), time.process_time()
        count = max(1, round(job["seconds"] / epoch))
        if count > 1:
            runner.epochs(1)
        times = [_delayed(runner, job["delay"]) for _ in range(count)] if job["delay"] else runner.epochs(count)
        share = (time.process_time() - cpu) / (time.perf_counter() - wall)
        return {"seconds_per_step": median(times) / self.steps, "cpu_per_second": share}

    def infer(self, job: dict[str, Any]) -> float:
        """The median seconds of `predict` for a batch of job["samples"], over job["seconds"]."""
        runner, times = self.runners[job["mode"]], list[float]()
        x = _rows(runner, job["samples"])
        start = time.perf_counter()
        while not times or time.perf_counter() - start < job["seconds"]:
            before = time.perf_counter()
            runner.predict(x)
            times.append(time.perf_counter() - before)
        return median(times)

    def gate(self, job: dict[str, Any]) -> float:
        """How far this very mode is from the reference in training; see `compare.speed.gate`."""
        from compare.speed.gate import difference
        from compare.speed.work import Work

        return difference(job["implementation"], job["mode"], Work.from_json(job["work"]))

    def memory(self, job: dict[str, Any]) -> float:
        return peak_memory()


def _delayed(runner: Any, share: float) -> float:
    """The seconds of an epoch and of idling on the clock for a share of it."""
    (seconds,) = runner.epochs(1)
    start = time.perf_counter()
    while time.perf_counter() - start < share * seconds:
        pass
    return seconds + time.perf_counter() - start


def _rows(runner: Any, samples: int) -> Any:
    import numpy as np

    return np.resize(runner.x, (samples, runner.x.shape[1]))


def _pin_torch() -> None:
    """PyTorch takes its number of threads by call."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def peak_memory() -> float:
    """The most memory that this process ever held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage's figure starts at the parent's size on Linux.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return float(lines["VmHWM"].split()[0]) * 1024
    import resource

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    bench = Bench()
    jobs: dict[str, Callable[[dict[str, Any]], Any]] = {
        name: getattr(bench, name) for name in ("load", "warm", "turn", "infer", "gate", "memory")
    }
    serve(sys.argv[2], lambda: None, lambda job: jobs[job["do"]](job))


if __name__ == "__main__":
    main()
