"""One worker under supervision: it ends with the command that started it, and nothing that it started outlives it.

    python supervise.py EVENTS COMMAND...

starts COMMAND as its child and waits. The command's standard input is the other end of a pipe that only the harness
holds: when that closes, because the harness wants so or is gone, however it went, the worker and all that it started
are killed. When the worker ends by itself, what it left running is killed, and this process ends as it did.

EVENTS is a file descriptor and a key, as `compare.run.channel` has them; the worker's process id is told there. This
file needs the standard library alone and is started without site packages, since it must be up in an instant.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36  # of Linux' prctl
PATIENCE = 2.0  # seconds for killed processes to be gone


def prctl(option: int, value: int) -> None:
    """A setting of this process; where the system is not Linux, nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def start(events: int, key: str, command: list[str]) -> int:
    """The worker's process id."""
    supervisor = os.getpid()
    worker = os.fork()
    if worker:
        return worker
    prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # Where memory runs out, it is this process that has to go.
    os.write(events, f'\n{key}{{"event": "started", "pid": {os.getpid()}}}\n'.encode())
    os.execv(command[0], command)


def wait(worker: int, woken: int) -> int | None:
    """The worker's status once it has ended, or None when the harness wants it to end or is gone."""
    poll = select.poll()
    poll.register(0, 0)  # No event is asked for: that the other end is closed is reported anyway.
    poll.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == 0:
                return None
            os.read(woken, 1024)
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)  # Orphans among the worker's children are this one's too.
                if pid == worker:
                    return status
                if pid == 0:
                    break


def descendants() -> list[int]:
    """All processes below this one; empty where there is no /proc."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):  # It has just gone.
                continue
    below, found = {os.getpid()}, list[int]()
    while new := [pid for pid, parent in parents.items() if parent in below and pid not in below]:
        below |= set(new)
        found += new
    return found


def end(worker: int | None) -> None:
    """Kill whatever runs below this process, the worker too if it still does, and wait until it is gone."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for pid in {*descendants(), *([worker] if worker else [])}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def main() -> None:
    descriptor, _, key = sys.argv[1].partition(":")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # A crash is reported; its memory is not written to disk.
    prctl(SET_CHILD_SUBREAPER, 1)  # So that a daemon, too, stays below this process.
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    worker = start(int(descriptor), key, sys.argv[2:])
    os.close(int(descriptor))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    status = wait(worker, woken)
    if status is None:
        end(worker)
        os._exit(1)
    end(None)
    if os.WIFSIGNALED(status):  # End as the worker did.
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
