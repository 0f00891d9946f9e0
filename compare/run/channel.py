"""What a worker and the harness say to each other: jobs in and events out, a line of JSON each.

A worker runs foreign code, which may write to every descriptor, close all of them, read the standard input, fork, or
put something else into `json.dumps`. So an event is one write that begins a new line and carries a key; the jobs are
taken off the standard input before any foreign code runs; and what is needed later is bound by name here and now.
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import sys
import threading
from collections.abc import Iterator
from fcntl import F_DUPFD_CLOEXEC, fcntl
from json import dumps, loads
from os import _exit, getpid, write
from pathlib import Path
from signal import SIGKILL, Signals
from subprocess import PIPE, Popen, TimeoutExpired
from typing import IO, Any

SUPERVISOR = Path(__file__).with_name("supervise.py")
HIGH = 500  # The worker's end gets a descriptor from here on, above those that a loop over "all" usually takes.
PATIENCE = 5.0  # seconds for a supervised process to be gone
DAMAGED = {"event": "failed", "message": "what it answered arrived damaged: does it write to every file descriptor?"}


class Channel:
    """The worker's side. `address` is the file descriptor and the key, as the harness has passed them."""

    def __init__(self, address: str):
        descriptor, _, key = address.partition(":")
        self._start = f"\n{key}".encode()
        self._descriptor = fcntl(int(descriptor), F_DUPFD_CLOEXEC, HIGH)
        os.close(int(descriptor))
        self._jobs = os.fdopen(fcntl(0, F_DUPFD_CLOEXEC, HIGH), "rb")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        self._pid, self._write, self._exit, self._getpid, self._dumps = getpid(), write, _exit, getpid, dumps

    def tell(self, **event: Any) -> None:
        """Say what happened."""
        self.original()
        line = self._start + self._dumps(event).encode() + b"\n"
        try:
            while line:
                line = line[self._write(self._descriptor, line) :]
        except OSError:  # Closed by foreign code, or nobody listens any more.
            self._exit(1)

    def jobs(self) -> Iterator[dict[str, Any]]:
        """The jobs, as they come."""
        for line in self._jobs:
            yield loads(line)

    def original(self) -> None:
        """End here if this is a copy of the worker that foreign code has forked off and let return."""
        if self._getpid() != self._pid:
            self._exit(0)


class Supervised:
    """The harness's side: a worker under supervision, whose events come to an inbox as (owner, event).

    `event` is None when the worker has closed its end; then it is gone, or will never answer.
    """

    def __init__(self, module: str, arguments: list[str], owner: Any, inbox: queue.Queue, **options: Any):
        read, end = os.pipe()
        key = secrets.token_hex(16)
        address = f"{end}:{key}"
        self.pid = 0  # the worker's own, once it has started
        self.process = Popen(
            [
                *(sys.executable, "-I", "-S", str(SUPERVISOR), address),
                *(sys.executable, "-m", module, *arguments, address),
            ],
            stdin=PIPE,
            pass_fds=(end,),
            start_new_session=True,  # An interrupt is the command's to handle.
            **options,
        )
        os.close(end)
        self._owner, self._inbox, self._key = owner, inbox, key.encode()
        self._listener = threading.Thread(target=self._listen, args=(os.fdopen(read, "rb"),), daemon=True)
        self._listener.start()

    def _listen(self, events: IO[bytes]) -> None:
        with events:
            for line in events:
                _, found, said = line.rpartition(self._key)
                if not found:
                    continue  # Not by the worker's own hand.
                try:
                    event = loads(said)
                except ValueError:
                    event = DAMAGED
                if event["event"] == "started":
                    self.pid = event["pid"]
                else:
                    self._inbox.put((self._owner, event))
        self._inbox.put((self._owner, None))

    def give(self, job: dict[str, Any]) -> None:
        """Hand over a job. If the worker is gone its end is in the inbox, or comes."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), dumps(job).encode() + b"\n")  # type: ignore[union-attr]

    def release(self) -> None:
        """Let the supervisor end the worker and whatever it started; `wait` sees to it that it did."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()

    def wait(self) -> int:
        """End it all if it still runs: the exit status, negative for a signal."""
        self.release()
        try:
            code = self.process.wait(PATIENCE)
        except TimeoutExpired:
            code = None
        if code in (None, -SIGKILL) or sys.platform != "linux":  # Who saw to the rest is gone himself.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, SIGKILL)
        code = self.process.wait() if code is None else code
        self._listener.join(PATIENCE)
        return code

    def ended(self) -> str:
        """How the worker ended, in words, once it has closed its end."""
        try:
            code = self.process.wait(1.0)
        except TimeoutExpired:
            self.wait()
            return "it closed the file descriptor by which it answers"
        self.wait()
        return f"killed by {name_of(-code)}" if code < 0 else f"exited with status {code}"


def name_of(number: int) -> str:
    """SIGSEGV for 11."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(printed: bytes) -> str:
    """The last line that holds anything, at most 200 characters."""
    lines = [line.strip() for line in printed.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
