"""The workers as the parent sees them: started, given jobs, watched, and replaced when they die."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from compare.ledger.adapters import environment
from compare.run.channel import Supervised, last_line

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 30.0  # seconds that a worker is given at least to import its framework
MOST_IDLE_DEATHS = 3  # of a process that waits for jobs, before its implementation is given up


@dataclass(frozen=True)
class Event:
    """What became of a job, or of the start of a worker when `job` is None."""

    implementation: str
    job: dict[str, Any] | None
    status: str  # "ok", "raised", "timed out" or "killed"
    message: str = ""
    seconds: float = 0.0
    result: Any = None


class Worker:
    """A process of one implementation. Its events arrive in the queue that all workers share."""

    def __init__(
        self, name: str, number: int, folder: Path, threads: int, limit: float, inbox: queue.Queue, module: str
    ):
        self.name, self.number, self.log, self.limit = name, number, folder / f"{name}-{number}.log", limit
        self.job: dict[str, Any] | None = None
        self.ready = False
        with self.log.open("ab") as log:
            options = {"stdout": log, "stderr": log, "cwd": ROOT, "env": environment(threads)}
            self.supervised = Supervised(module, [name], self, inbox, **options)
        self.deadline = time.monotonic() + max(limit, START_LIMIT)

    def give(self, job: dict[str, Any]) -> None:
        """Hand over a job, to be done within the limit."""
        self.job, self.deadline = job, time.monotonic() + self.limit
        self.supervised.give(job)

    @property
    def idle(self) -> bool:
        """Whether it waits for a job."""
        return self.ready and self.job is None

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        self.supervised.wait()

    def last_words(self) -> str:
        """How the process ended, and the last line it printed."""
        how = self.supervised.ended()
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4096))
            said = last_line(log.read())
        return f"{how}; last line printed: {said}" if said else how


class Pool:
    """The workers of each implementation, one or as many as `several` says for it, which share its jobs.

    A dead one is replaced, so that the other jobs still get done.
    """

    def __init__(
        self,
        names: list[str],
        folder: Path,
        threads: int,
        limit: float,
        module: str = "compare.ledger.worker",
        several: Mapping[str, int] = MappingProxyType({}),
    ):
        self.folder, self.threads, self.limit, self.module = folder, threads, limit, module
        self.inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
        self.idle_deaths = dict.fromkeys(names, 0)
        self.workers = {name: [self._start(name, i) for i in range(several.get(name, 1))] for name in names}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.all:
            worker.supervised.release()
        for worker in self.all:
            worker.stop()

    def _start(self, name: str, number: int) -> Worker:
        return Worker(name, number, self.folder, self.threads, self.limit, self.inbox, self.module)

    @property
    def all(self) -> list[Worker]:
        """The workers of all implementations."""
        return [worker for workers in self.workers.values() for worker in workers]

    @property
    def idle(self) -> list[str]:
        """The implementations of the workers that wait for a job, once for each."""
        return [worker.name for worker in self.all if worker.idle]

    def give(self, name: str, job: dict[str, Any]) -> None:
        """Hand a job to an idle worker of an implementation."""
        next(worker for worker in self.workers[name] if worker.idle).give(job)

    def drop(self, name: str) -> None:
        """Do without an implementation from now on."""
        for worker in self.workers.pop(name):
            worker.stop()

    def wait(self) -> Event | None:
        """The next event; None if nothing happened for a moment, so that the caller can show that time passes."""
        late = [w for w in self.all if (w.job or not w.ready) and time.monotonic() > w.deadline]
        if late and self.inbox.empty():  # An answer may have come in time, and waited while other work was done here.
            worker = late[0]
            what = f"no answer within {self.limit:g} s" if worker.ready else "its framework was not imported in time"
            return self._lost(worker, "timed out", what)
        try:
            worker, event = self.inbox.get(timeout=0.2)
        except queue.Empty:
            return None
        if worker not in self.all:
            return None  # The last words of a worker that was already replaced.
        if event is None:
            return self._lost(worker, "killed", worker.last_words())
        job, worker.job = worker.job, None
        if event["event"] == "ready":
            worker.ready = True
            return Event(worker.name, None, "ok")
        if event["event"] == "failed":
            return Event(worker.name, job, "raised", event["message"])
        return Event(worker.name, job, "ok", "", event["seconds"], event["result"])

    def _lost(self, worker: Worker, status: str, message: str) -> Event | None:
        """The event of a worker's end; a new one takes its place if it had come as far as to wait for jobs.

        One that dies while it waits costs nothing, so that nothing is said; unless it happens again and again.
        """
        worker.stop()
        self.idle_deaths[worker.name] += worker.idle
        again = self.idle_deaths[worker.name] < MOST_IDLE_DEATHS
        if worker.ready and (worker.job or again):
            self.workers[worker.name][worker.number] = self._start(worker.name, worker.number)
            return Event(worker.name, worker.job, status, message) if worker.job else None
        return Event(worker.name, worker.job, status, message)
