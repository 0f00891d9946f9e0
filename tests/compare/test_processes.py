"""Processes under supervision: they end with the command, and what they do to their channel ends there."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from compare.ledger.processes import MOST_IDLE_DEATHS, Pool
from compare.run.channel import Supervised

ROOT = Path(__file__).resolve().parents[2]
SERVE = """
import os, signal, subprocess, sys, time
from compare.run.channel import Channel
channel = Channel(sys.argv[1])
channel.tell(event="ready")
DAEMON = '''import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open({path!r}, "w").write(str(os.getpid()))
time.sleep(60)'''
for job in channel.jobs():
    exec(job["code"])
    channel.tell(event="done", result=job.get("say"))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "serving.py").write_text(SERVE)
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}


@pytest.fixture
def worker(environment: dict[str, str]):
    """A worker that runs the code it is given, and its inbox."""
    inbox: queue.Queue = queue.Queue()
    one = Supervised("serving", [], None, inbox, env=environment)
    assert inbox.get(timeout=20)[1] == {"event": "ready"}
    yield one, lambda: inbox.get(timeout=20)[1]
    one.wait()


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def daemon(path: Path) -> str:
    return f"subprocess.Popen([sys.executable, '-c', DAEMON.format(path={str(path)!r})]).wait(); time.sleep(0.2)"


@pytest.mark.parametrize(
    "code",
    [
        "for fd in range(3, 1000):\n  try: os.write(fd, b'garbage')\n  except OSError: pass",
        "import json; json.dumps = json.loads = None; os.write = os._exit = os.getpid = None",
        "sys.stdin.read()",
        "os.fork()",
        "sys.stdout = sys.stderr = None",
    ],
)
def test_an_answer_comes_once_and_whole_whatever_was_done_to_the_channel(worker, code: str) -> None:
    one, said = worker
    one.give({"code": code, "say": 1})
    assert said() == {"event": "done", "result": 1}
    one.give({"code": "", "say": 2})
    assert said() == {"event": "done", "result": 2}


def test_who_closes_the_channel_has_ended_it(worker) -> None:
    one, said = worker
    one.give({"code": "os.closerange(3, 4096); time.sleep(60)"})
    assert said() is None
    assert one.ended() == "it closed the file descriptor by which it answers"
    assert not psutil.pid_exists(one.pid)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os._exit(7)", "exited with status 7"),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("os.kill(os.getppid(), 9); time.sleep(60)", "killed by SIGKILL"),
        ("raise SystemExit(0)", "exited with status 0"),
    ],
)
def test_how_a_worker_ended_is_said(worker, code: str, said: str) -> None:
    one, answer = worker
    one.give({"code": code})
    assert answer() is None
    assert one.ended() == said
    assert eventually(lambda: not psutil.pid_exists(one.pid))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says whose a daemon was")
@pytest.mark.parametrize("end", ["by itself", "stopped"])
def test_a_daemon_does_not_outlive_its_worker(worker, end: str, tmp_path: Path) -> None:
    one, said = worker
    one.give({"code": daemon(tmp_path / "pid")})
    assert said()["event"] == "done"
    pid = int((tmp_path / "pid").read_text())
    assert psutil.pid_exists(pid)
    if end == "by itself":
        one.give({"code": "os._exit(0)"})
        assert said() is None, "the daemon held the channel, and the end came all the same"
    one.wait()
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says whose a daemon was")
def test_nothing_outlives_a_command_that_is_killed_while_a_worker_computes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code = f"{daemon(tmp_path / 'pid')}\nwhile True: pass"
    command = (
        "import queue, sys, time; from compare.run.channel import Supervised\n"
        "inbox = queue.Queue(); one = Supervised('serving', [], None, inbox)\n"
        f"inbox.get(); one.give(dict(code={code!r})); print(one.pid, one.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", command], env=environment, stdout=subprocess.PIPE) as main:
        pids = [int(pid) for pid in main.stdout.readline().split()]  # type: ignore[union-attr]
        assert eventually(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()), 20)
        pids.append(int((tmp_path / "pid").read_text()))
        assert all(psutil.pid_exists(pid) for pid in pids)
        main.send_signal(signal.SIGKILL)
    assert eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_a_worker_killed_while_it_waits_costs_nothing_unless_it_happens_again_and_again(tmp_path: Path) -> None:
    with Pool(["numpy"], tmp_path, 1, 60) as pool:
        for _ in range(MOST_IDLE_DEATHS - 1):
            while not pool.idle:
                pool.wait()
            before = pool.workers["numpy"][0].supervised
            os.kill(before.pid, signal.SIGKILL)
            while pool.workers["numpy"][0].supervised is before:
                assert pool.wait() is None
        while not pool.idle:
            pool.wait()
        os.kill(pool.workers["numpy"][0].supervised.pid, signal.SIGKILL)
        while (event := pool.wait()) is None:
            pass
        assert (event.status, event.job, event.message) == ("killed", None, "killed by SIGKILL")


def test_several_workers_of_an_implementation_share_its_jobs_and_each_is_replaced(tmp_path: Path) -> None:
    with Pool(["numpy"], tmp_path, 1, 60, several={"numpy": 2}) as pool:
        while pool.idle != ["numpy", "numpy"]:
            pool.wait()
        jobs = [
            {"do": "time:sleep", "scenario": "none"},
            {"do": "compare.ledger.adapters:keras_backend", "scenario": ""},
        ]
        for job in jobs:  # Neither function takes what it is given: both are raised, each by its own process.
            pool.give("numpy", job)
        assert not pool.idle
        events = []
        while len(events) < 2:
            event = pool.wait()
            events += [event] if event else []
        assert {id(event.job) for event in events} == {id(job) for job in jobs}
        first, second = pool.workers["numpy"]
        os.kill(second.supervised.pid, signal.SIGKILL)
        while pool.workers["numpy"][1] is second:
            pool.wait()
        assert pool.workers["numpy"][0] is first
        pool.drop("numpy")
        assert not pool.all


def test_an_answer_that_came_in_time_counts_however_late_it_is_looked_at(tmp_path: Path) -> None:
    with Pool(["numpy"], tmp_path, 1, 30.0) as pool:
        assert eventually(lambda: not pool.inbox.empty(), 20)
        pool.workers["numpy"][0].deadline = time.monotonic() - 1  # The harness was busy with something else.
        event = pool.wait()
        assert event
        assert event.status == "ok"
