"""How a command ends: one line and a documented exit status, whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compare.run.command import guarded
from compare.usage import UsageError

ROOT = Path(__file__).resolve().parents[2]


def raising(error: BaseException):
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UsageError("no\nsuch\tthing"), 2, "it: no such thing\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 2, "it: /x: No space left on device\n"),
        (MemoryError(), 2, "it: the memory does not suffice\n"),
        (KeyboardInterrupt(), 130, "it: interrupted; all is well\n"),
    ],
)
def test_an_error_is_one_line(error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture) -> None:
    assert guarded("it", raising(error), "all is well") == status
    assert capsys.readouterr().err == said


def test_an_error_that_nobody_expected_points_at_its_details(capsys: pytest.CaptureFixture) -> None:
    assert guarded("it", raising(KeyError("a\nb"))) == 2
    said = capsys.readouterr().err
    assert said.startswith("it: unexpected KeyError: ")
    assert said.count("\n") == 1
    details = Path(said.strip().rpartition(" ")[2])
    assert "in work\n" in details.read_text()
    details.unlink()


def test_the_status_is_the_work_s_own(capsys: pytest.CaptureFixture) -> None:
    assert [guarded("it", lambda code=code: code) for code in (0, 1, 3)] == [0, 1, 3]
    assert capsys.readouterr() == ("", "")


def ran(code: str, shell: str = "{}", **environment: str) -> subprocess.CompletedProcess[str]:
    """Python code in which `guarded` is known, as a shell runs it."""
    head = "import os, signal, sys, time; from compare.run.command import guarded, uninterruptible\n"
    command = shell.format('"$PY" -c "$CODE"')
    environment = os.environ | {"PY": sys.executable, "CODE": head + code, "PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True)


MANY = "def work():\n    for _ in range(20000): print('0123456789')\n    return 1\nsys.exit(guarded('it', work))"


def test_a_closed_pipe_costs_what_nobody_reads() -> None:
    done = ran(MANY, "{} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "0123456789\n", "")


@pytest.mark.parametrize("shell", ["{} >&-", "{} 2>&-", "{} <&-"])
def test_a_closed_descriptor_is_no_matter(shell: str) -> None:
    done = ran(
        "def work():\n    print('x'); print('y', file=sys.stderr); return 3\nsys.exit(guarded('it', work))", shell
    )
    assert done.returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_the_output_is_said() -> None:
    done = ran(MANY, "{} > /dev/full")
    assert (done.returncode, done.stderr) == (
        2,
        "it: the standard output cannot be written (No space left on device)\n",
    )


def test_an_encoding_that_lacks_characters_gets_others() -> None:
    code = "def work():\n    print('✓ 1 → 2 \\udce9 ☃'); return 0\nsys.exit(guarded('it', work))"
    done = ran(code, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok 1 -> 2 ? ?\n", "")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_it_as_an_exception_does(name: str) -> None:
    code = (
        "def work():\n"
        f"    try: os.kill(os.getpid(), signal.{name}); time.sleep(9)\n"
        "    finally: print('tidied')\n"
        "sys.exit(guarded('it', work, 'all is well'))"
    )
    done, number = ran(code), getattr(signal, name)
    word = "interrupted" if name == "SIGINT" else f"ended by {name}"
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "tidied\n", f"it: {word}; all is well\n")


def test_a_second_signal_ends_it_at_once() -> None:
    code = (
        "def work():\n"
        "    try: os.kill(os.getpid(), 15); time.sleep(9)\n"
        "    finally: os.kill(os.getpid(), 15); time.sleep(9); print('tidied')\n"
        "sys.exit(guarded('it', work))"
    )
    assert (ran(code).returncode, ran(code).stdout) == (143, "")


def test_what_must_be_whole_is_not_interrupted() -> None:
    code = "def work():\n    uninterruptible(); os.kill(os.getpid(), 15); return 1\nsys.exit(guarded('it', work))"
    assert ran(code).returncode == 1
