"""The workers as the parent sees them: started, given jobs, watched, and replaced when they die."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from compare.ledger.adapters import environment

ROOT = Path(__file__).resolve().parents[2]
IMPORT_LIMIT = 120.0  # seconds for a worker to import its framework


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

    def __init__(
        self, name: str, folder: Path, threads: int, inbox: queue.Queue[tuple[Worker, str | None]], module: str
    ):
        self.name, self.log = name, folder / f"{name}.log"
        self.job: dict[str, Any] | None = None
        self.ready = False
        read, write = os.pipe()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, name, str(write)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(write,),
                cwd=ROOT,
                env=environment(threads),
                text=True,
                start_new_session=True,  # An interrupt is the parent's to handle.
            )
        os.close(write)
        self.listener = threading.Thread(target=self._listen, args=(os.fdopen(read), inbox), daemon=True)
        self.listener.start()
        self.deadline = time.monotonic() + IMPORT_LIMIT

    def _listen(self, events: TextIO, inbox: queue.Queue) -> None:
        with events:
            for line in events:
                inbox.put((self, line))
        inbox.put((self, None))  # It closed its end: the process is gone.

    def give(self, job: dict[str, Any], limit: float) -> None:
        """Hand over a job, to be done within `limit` seconds."""
        self.job, self.deadline = job, time.monotonic() + limit
        with contextlib.suppress(BrokenPipeError):  # It died while idle; its listener says so.
            self.process.stdin.write(json.dumps(job) + "\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()  # type: ignore[union-attr]
        self.listener.join()

    def last_words(self) -> str:
        """How the process ended, and the last line it printed."""
        code = self.process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"{how}; last line printed: {lines[-1][:200]}" if lines else how


class Pool:
    """A worker for each implementation. A dead one is replaced, so that its other jobs still get done."""

    def __init__(
        self, names: list[str], folder: Path, threads: int, limit: float, module: str = "compare.ledger.worker"
    ):
        self.folder, self.threads, self.limit, self.module = folder, threads, limit, module
        self.inbox: queue.Queue[tuple[Worker, str | None]] = queue.Queue()
        self.workers = {name: self._start(name) for name in names}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.stop()

    def _start(self, name: str) -> Worker:
        return Worker(name, self.folder, self.threads, self.inbox, self.module)

    @property
    def idle(self) -> list[str]:
        """The implementations that wait for a job."""
        return [name for name, worker in self.workers.items() if worker.ready and worker.job is None]

    def give(self, name: str, job: dict[str, Any]) -> None:
        """Hand a job to an idle implementation."""
        self.workers[name].give(job, self.limit)

    def drop(self, name: str) -> None:
        """Do without an implementation from now on."""
        self.workers.pop(name).stop()

    def wait(self) -> Event | None:
        """The next event; None if nothing happened for a moment, so that the caller can show that time passes."""
        late = [w for w in self.workers.values() if (w.job or not w.ready) and time.monotonic() > w.deadline]
        if late:
            worker = late[0]
            what = f"no answer within {self.limit:g} s" if worker.ready else "its framework was not imported in time"
            return self._lost(worker, "timed out", what)
        try:
            worker, line = self.inbox.get(timeout=0.2)
        except queue.Empty:
            return None
        if self.workers.get(worker.name) is not worker:
            return None  # The last words of a worker that was already replaced.
        if line is None:
            return self._lost(worker, "killed", worker.last_words())
        event = json.loads(line)
        job, worker.job = worker.job, None
        if event["event"] == "ready":
            worker.ready = True
            return Event(worker.name, None, "ok")
        if event["event"] == "failed":
            return Event(worker.name, job, "raised", event["message"])
        return Event(worker.name, job, "ok", "", event["seconds"], event["result"])

    def _lost(self, worker: Worker, status: str, message: str) -> Event:
        """The event of a worker's end; a new one takes its place if it had come as far as a job."""
        worker.stop()
        if worker.ready and worker.job:
            self.workers[worker.name] = self._start(worker.name)
        return Event(worker.name, worker.job, status, message)
