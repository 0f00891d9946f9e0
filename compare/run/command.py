"""How every command ends: with its exit status and at most one line of complaint, whatever happens."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import platform
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from compare.usage import UsageError, one_line

FAILED = 2  # The exit status where there is no answer for a reason that is not an implementation's.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PLAIN = {"✓": "ok", "✗": "x", "–": "-", "→": "->", "…": "...", "·": "|", "µ": "u", "×": "x", "≤": "<="}
# Errors of the machine that the system's own words explain.
EXPLAINED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE}
EXPLAINED |= {errno.ENOMEM, errno.EAGAIN, errno.EFBIG, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP}


class Interrupted(KeyboardInterrupt):
    """A signal that asks the command to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def guarded(name: str, work: Callable[[], int], interrupted: str = "") -> int:
    """The exit status of a command's work.

    2 for a UsageError, for a machine that cannot (a full disk, say), and for an error that nobody expected, whose
    details go into a file; 128 and the signal's number for an interruption, to which `interrupted` says something.
    A closed pipe costs only what nobody reads; characters that the output's encoding lacks are written otherwise.
    """
    _open_standard_streams()
    with patient("stdout") as out, patient("stderr"), interruptible():
        try:
            status, said = work(), ""
        except UsageError as error:
            status, said = FAILED, one_line(error)
        except KeyboardInterrupt as error:
            number = getattr(error, "number", signal.SIGINT)
            word = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
            status, said = 128 + number, f"{word}; {interrupted}" if interrupted else word
        except MemoryError:
            status, said = FAILED, "the memory does not suffice"
        except OSError as error:
            explained = error.errno in EXPLAINED
            status = FAILED
            said = f"{error.filename or 'a file'}: {error.strerror}" if explained else unexpected(error)
        except Exception as error:
            status, said = FAILED, unexpected(error)
        out.flush()
        if out.broken and out.broken.errno != errno.EPIPE:
            status, said = FAILED, said or f"the standard output cannot be written ({out.broken.strerror})"
        if said:
            print(f"{name}: {said}", file=sys.stderr, flush=True)
    return status


def unexpected(error: BaseException) -> str:
    """What to say of an error that nobody expected; its details go into a file of their own."""
    said = f"unexpected {type(error).__name__}: {one_line(error)}"
    lines = [f"{shown(' '.join(sys.argv))}\nPython {platform.python_version()} on {platform.platform()}\n\n"]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mlp-rosetta-error-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
        ) as file:
            file.writelines([*lines, *traceback.format_exception(error)])
    except OSError:
        return said
    return f"{said}; the details are in {file.name}"


def shown(text: str) -> str:
    """Text that any UTF-8 file takes: a file's name may hold bytes that are no text."""
    return text.encode("utf-8", "replace").decode("utf-8")


# Signals --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the work as Ctrl-C does, by an exception; a second signal ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        seen.append(number)
        if len(seen) > 1:
            os._exit(128 + number)  # The supervisors see to the workers.
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # As nohup has it.
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def uninterruptible() -> None:
    """From now on the command lets itself no more be interrupted: what is left takes an instant, or must be whole."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


# Output ---------------------------------------------------------------------------------------------------------------


def _in_plain_words(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("in plain words", _in_plain_words)


class Patient:
    """A text stream that never fails: what its encoding lacks goes in other words, what cannot be written nowhere."""

    def __init__(self, stream: Any):
        self._stream = stream if stream is not None else open(os.devnull, "w")  # noqa: SIM115 - as long as the command
        self.broken: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._watched():
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding
                self._stream.write(text.encode(encoding, "in plain words").decode(encoding))
        return len(text)

    def flush(self) -> None:
        with self._watched():
            self._stream.flush()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.broken = error
            with contextlib.suppress(OSError):  # From now on into nothing, what is still to be flushed included.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextlib.contextmanager
def patient(name: str) -> Iterator[Patient]:
    """Make sys.stdout or sys.stderr a patient one."""
    before = getattr(sys, name)
    stream = Patient(before)
    setattr(sys, name, stream)
    try:
        yield stream
    finally:
        setattr(sys, name, before)


def _open_standard_streams() -> None:
    """Give those of the standard descriptors that are closed a place, before a file of ours takes it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
