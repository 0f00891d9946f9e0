"""The candidate's process as the command sees it: started, asked, and ended when it takes too long."""

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
from pathlib import Path
from typing import IO, Any

from compare.ledger.adapters import environment

ROOT = Path(__file__).resolve().parents[2]
KEPT = 4096  # bytes of what the candidate printed last


class Stopped(Exception):
    """Why the candidate gave no answer, in one line, and the command's exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class Process:
    """A candidate at work, in a session of its own with pinned threads."""

    def __init__(self, path: Path, dtype: str, limit: float):
        self.path, self.limit, self.where = path, limit, "before its first step"
        self.printed = b""
        self.inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
        read, write = os.pipe()
        folders = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "compare.candidates.worker", str(path), dtype, str(write)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(write,),
            env=environment(1) | {"PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # An interrupt is the parent's to handle.
        )
        os.close(write)
        self.threads = [
            threading.Thread(target=self._listen, args=(os.fdopen(read, "rb"),), daemon=True),
            threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for thread in self.threads:
            thread.join()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()  # type: ignore[union-attr]

    def _listen(self, events: IO[bytes]) -> None:
        with events:
            for line in events:
                self.inbox.put(json.loads(line))
        self.inbox.put(None)

    def _drain(self, output: IO[bytes]) -> None:
        """Keep the end of what is printed, however much it is."""
        with output:
            while chunk := output.read1(65536):  # type: ignore[attr-defined]
                self.printed = (self.printed + chunk)[-KEPT:]

    def give(self, **job: Any) -> None:
        """Hand over a job."""
        with contextlib.suppress(BrokenPipeError):  # It died; the next answer says so.
            self.process.stdin.write(json.dumps(job).encode() + b"\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]

    def answer(self) -> dict[str, Any]:
        """What it says to the job; Stopped if it fails, dies, or says nothing within the limit."""
        deadline = time.monotonic() + self.limit
        while True:
            try:
                event = self.inbox.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise Stopped(f"{self.path.name}: no answer within {self.limit:g} s ({self.where}): "
                              "it hangs, or needs a longer --limit", 3) from None  # fmt: skip
            if event is None:
                raise Stopped(f"{self.path.name}: its process ended {self.where}: {self._last_words()}", 3)
            if event["event"] == "at":
                self.where = f"at {event['where']}"
            elif event["event"] == "failed":
                raise Stopped(event["message"], event["status"])
            else:
                return event["result"]

    def _last_words(self) -> str:
        code = self.process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"it exited with status {code}"
        lines = [line.strip() for line in self.printed.decode(errors="replace").splitlines() if line.strip()]
        return f"{how}; the last line printed: {lines[-1][:200]}" if lines else how
