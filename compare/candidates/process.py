"""The candidate's process as the command sees it: started, asked, and ended when it takes too long."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

from compare.ledger.adapters import environment
from compare.run.channel import Supervised, last_line

ROOT = Path(__file__).resolve().parents[2]
KEPT = 4096  # bytes of what the candidate printed last
JOINING = 2.0  # seconds for the rest of it to arrive


class Stopped(Exception):
    """Why the candidate gave no answer, in one line, and the command's exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class Process:
    """A candidate at work, under supervision and with pinned threads."""

    worker = "compare.candidates.worker"  # the module that is run there

    def __init__(self, path: Path, dtype: str, limit: float):
        self.path, self.limit, self.where = path, limit, "before its first step"
        self.printed = b""
        self.inbox: queue.Queue[tuple[Any, dict[str, Any] | None]] = queue.Queue()
        folders = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.supervised = Supervised(
            self.worker,
            [str(path), dtype],
            self,
            self.inbox,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(1) | {"PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.drain = threading.Thread(target=self._drain, args=(self.supervised.process.stdout,), daemon=True)
        self.drain.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.supervised.wait()
        self.drain.join(JOINING)

    def _drain(self, output: IO[bytes]) -> None:
        """Keep the end of what is printed, however much it is."""
        with output:
            while chunk := output.read1(65536):  # type: ignore[attr-defined]
                self.printed = (self.printed + chunk)[-KEPT:]

    def give(self, **job: Any) -> None:
        """Hand over a job."""
        self.supervised.give(job)

    def answer(self) -> dict[str, Any]:
        """What it says to the job; Stopped if it fails, dies, or says nothing within the limit."""
        deadline = time.monotonic() + self.limit
        while True:
            try:
                _, event = self.inbox.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise Stopped(f"{self.path.name}: no answer within {self.limit:g} s ({self.where}): "
                              "it hangs, or needs a longer --limit", 3) from None  # fmt: skip
            if event is None:
                raise Stopped(f"{self.path.name}: its process ended {self.where}: {self._last_words()}", 3)
            if event["event"] == "at":
                self.where = f"at {event['where']}"
            elif event["event"] == "failed":
                raise Stopped(event["message"], event.get("status", 3))
            else:
                return event["result"]

    def _last_words(self) -> str:
        how = self.supervised.ended().replace("exited", "it exited")
        self.drain.join(JOINING)  # What it printed last may still be on its way.
        said = last_line(self.printed)
        return f"{how}; the last line printed: {said}" if said else how
