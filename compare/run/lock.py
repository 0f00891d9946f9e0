"""A lock that its owner holds for as long as it lives, and that says who the owner is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path


class Taken(Exception):
    """Somebody else holds the lock; says who."""


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, and remove it at the end; Taken if somebody does, OSError if it cannot be written.

    The lock is the system's on the open file, so that it ends with its owner, however that ends; a file that a killed
    owner left behind is nobody's lock.
    """
    descriptor = _acquired(path)
    try:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}, since {now}\n".encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _acquired(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Taken(os.read(descriptor, 200).decode(errors="replace").strip() or "somebody") from None
            except OSError:
                pass  # A file system without locks.
            if _same(descriptor, path):  # Else its owner has just removed it.
                os.ftruncate(descriptor, 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _same(descriptor: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def is_free(path: Path) -> bool:
    """Whether a lock file lies there that nobody holds."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
