"""The folder for a command's temporary files. What a killed command left behind is removed by the next one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from compare.run.lock import held, is_free

PREFIX = "mlp-rosetta-"
OWNER = "owner"  # the lock file in the folder
MOMENT = 60.0  # seconds that an empty folder is left alone: it may just have been made


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A new folder, removed at the end; those of commands that were killed are removed at once."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with held(folder / OWNER):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of this user's commands that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if not folder.is_dir() or folder.is_symlink() or about.st_uid != os.getuid():
                continue
            if is_free(folder / OWNER):
                shutil.rmtree(folder, ignore_errors=True)
            elif time.time() - about.st_mtime > MOMENT:
                folder.rmdir()  # If it is empty, a command was killed as it made it.
