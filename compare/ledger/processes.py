"""The workers as the parent sees them: started, given jobs, watched, and replaced when they die."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from pathlib import Path
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
    """One implementation's process. Its events arrive in the queue that all workers share."""

    def __init__(self, name: str, folder: Path, threads: int, limit: float, inbox: queue.Queue, module: str):
        self.name, self.log, self.limit = name, folder / f"{name}.log", limit
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
    """A worker for each implementation. A dead one is replaced, so that its other jobs still get done."""

    def __init__(
        self, names: list[str], folder: Path, threads: int, limit: float, module: str = "compare.ledger.worker"
    ):
        self.folder, self.threads, self.limit, self.module = folder, threads, limit, module
        self.inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
        self.idle_deaths = dict.fromkeys(names, 0)
        self.workers = {name: self._start(name) for name in names}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.supervised.release()
        for worker in self.workers.values():
            worker.stop()

    def _start(self, name: str) -> Worker:
        return Worker(name, self.folder, self.threads, self.limit, self.inbox, self.module)

    @property
    def idle(self) -> list[str]:
        """The implementations that wait for a job."""
        return [name for name, worker in self.workers.items() if worker.ready and worker.job is None]

    def give(self, name: str, job: dict[str, Any]) -> None:
        """Hand a job to an idle implementation."""
        self.workers[name].give(job)

    def drop(self, name: str) -> None:
        """Do without an implementation from now on."""
        self.workers.pop(name).stop()

    def wait(self) -> Event | None:
        """The next event; None if nothing happened for a moment, so that the caller can show that time passes."""
        late = [w for w in self.workers.values() if (w.job or not w.ready) and time.monotonic() > w.deadline]
        if late and self.inbox.empty():  # An answer may have come in time, and waited while other work was done here.
            worker = late[0]
            what = f"no answer within {self.limit:g} s" if worker.ready else "its framework was not imported in time"
            return self._lost(worker, "timed out", what)
        try:
            worker, event = self.inbox.get(timeout=0.2)
        except queue.Empty:
            return None
        if self.workers.get(worker.name) is not worker:
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
        self.idle_deaths[worker.name] += worker.ready and not worker.job
        again = self.idle_deaths[worker.name] < MOST_IDLE_DEATHS
        if worker.ready and (worker.job or again):
            self.workers[worker.name] = self._start(worker.name)
            return Event(worker.name, worker.job, status, message) if worker.job else None
        return Event(worker.name, worker.job, status, message)
