"""The place of a report: one run at a time writes there, and a report replaces the earlier one as a whole.

A new report is copied beside the folder, and the two change places in one step of the system's. Where that cannot be,
because the folder holds other people's files too or is a place of its own, the new report is copied into it under
another name, and its files are moved from there to theirs; should that be cut short, the next run does the rest.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from compare.run.lock import Taken, held
from compare.run.scratch import PREFIX
from compare.usage import UsageError

RESULTS, PAGES = "results.json", ("index.html", "report.md")
CONTENTS = ".contents"  # the file in which a report lists its own files, so that the next one can remove them
PENDING = ".publishing"  # the folder of a complete report whose files are being moved to their places
OURS = "mlp-rosetta results"  # how the format in results.json begins
CURRENT_FOLDER, RENAME_EXCHANGE = -100, 2  # of Linux' renameat2


@contextlib.contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a folder for one run's report, made if need be; UsageError if it cannot be written, is another program's,
    or another run is writing there."""
    made: list[Path] = []
    try:
        with contextlib.ExitStack() as stack:
            try:
                home = folder.resolve()
                check_ours(home, folder)
                made += [path for path in (home, *home.parents) if not path.exists()]
                home.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=home):
                    pass
                _lock(home, stack)
                _recover(home)
            except Taken as owner:
                raise UsageError(
                    f"--out {folder}: another run is writing here ({owner}): wait for it, or name another folder"
                ) from None
            except (OSError, RuntimeError) as error:  # The latter for a loop of links.
                why = getattr(error, "strerror", None) or error
                raise UsageError(f"--out {folder} cannot be written ({why}): name a folder that can") from None
            yield
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()  # Where nothing came into it.


def _lock(home: Path, stack: contextlib.ExitStack) -> None:
    """Hold the lock beside the folder, or in it where nothing can be written beside it."""
    try:
        stack.enter_context(held(home.with_name(f".{home.name}.lock")))
    except (OSError, ValueError):  # The root has no name.
        stack.enter_context(held(home / ".lock"))


def check_ours(home: Path, shown: Path) -> None:
    """UsageError if the folder holds a page or results that are not of this program."""
    if home.exists() and not home.is_dir():
        raise UsageError(f"--out {shown} cannot be written (it is a file): name a folder")
    there = [name for name in (*PAGES, RESULTS) if os.path.lexists(home / name)]
    if not there or (is_ours(home) and not any((home / name).is_dir() for name in there)):
        return
    raise UsageError(f"--out {shown} holds another program's {there[0]}: name another folder")


def is_ours(home: Path) -> bool:
    """Whether a folder is a report of this program."""
    try:
        found = json.loads((home / RESULTS).read_text(encoding="utf-8"))
        return str(found["format"]).startswith(OURS)
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return False


def publish(stage: Path, folder: Path) -> None:
    """Put the complete report in `stage` into a reserved folder, in the place of an earlier one.

    UsageError if that cannot be: the earlier report is as it was then, and the new one is kept elsewhere.
    """
    home = folder.resolve()
    try:
        (stage / CONTENTS).write_text("".join(f"{name}\n" for name in _files(stage)), encoding="utf-8")
        if _is_alone(home) and _swap(stage, home):
            return
        _move_in(stage, home)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"the report cannot be put into {folder} ({why}): what was there is as it was, and the new report lies "
            f"complete in {keep(stage)}"
        ) from None


def keep(stage: Path) -> Path:
    """Move a folder out of the temporary ones, to stay."""
    kept = Path(tempfile.gettempdir()) / stage.parent.name.replace(PREFIX, f"{PREFIX}report-")
    return stage.rename(kept)


def _files(folder: Path) -> list[str]:
    """All files below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def published(home: Path) -> set[str]:
    """The files of the report that lies in a folder, relative to it."""
    if not is_ours(home):
        return set()
    try:
        names = (home / CONTENTS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        names = _by_name(home)
    inside = {name for name in names if ".." not in Path(name).parts and not Path(name).is_absolute()}
    return {name for name in (*inside, CONTENTS) if (home / name).is_file()}


def _by_name(home: Path) -> list[str]:
    """The files that a report has which does not list them: one of an earlier version."""
    from compare.report.results import COLUMNS  # Late: pandas takes a moment.

    with contextlib.suppress(OSError):
        page = (home / "report.md").read_text(encoding="utf-8", errors="replace")
        figures = re.findall(r"\((figures/[\w.-]+\.png)\)", page)
        return [*PAGES, RESULTS, *(f"data/{name}.csv" for name in COLUMNS), *figures]
    return []


# Both in one step -----------------------------------------------------------------------------------------------------


def _is_alone(home: Path) -> bool:
    """Whether a folder holds nothing but a report."""
    ours = published(home)
    known = {*ours, *(parent.as_posix() for name in ours for parent in Path(name).parents)}
    for place, folders, files in os.walk(home):
        paths = [Path(place) / name for name in (*folders, *files)]
        if any(path.relative_to(home).as_posix() not in known or path.is_symlink() for path in paths):
            return False
    return True


def _swap(stage: Path, home: Path) -> bool:
    """Copy the report beside its place, and exchange the two; False where the system cannot."""
    try:
        new = Path(tempfile.mkdtemp(prefix=f".{home.name}.new-", dir=home.parent))
    except OSError:
        return False
    try:
        shutil.copytree(stage, new, dirs_exist_ok=True)
        new.chmod(home.stat().st_mode if home.exists() else 0o777 & ~_umask())
        if home.exists():
            return _exchange(new, home)
        new.rename(home)
        return True
    finally:
        shutil.rmtree(new, ignore_errors=True)  # By now it is the earlier report, or nothing.


def _exchange(one: Path, other: Path) -> bool:
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return rename(CURRENT_FOLDER, os.fsencode(one), CURRENT_FOLDER, os.fsencode(other), RENAME_EXCHANGE) == 0


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# File by file ---------------------------------------------------------------------------------------------------------


def _move_in(stage: Path, home: Path) -> None:
    """Copy the report into its place under another name; from when it has the name PENDING it is the report there."""
    for name in _files(stage):
        for path in (home / name, *(home / name).parents):
            if path == home:
                break
            if path.is_dir() if path == home / name else path.exists() and not path.is_dir():
                raise OSError(errno.EEXIST, f"{path} is in the way", str(path))
    home.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    try:
        shutil.copytree(stage, new, dirs_exist_ok=True)
        new.rename(home / PENDING)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    _finish(home)


def _finish(home: Path) -> None:
    """Move the files of the pending report to their places, the list of them last, and remove those of the earlier."""
    pending = home / PENDING
    new = (pending / CONTENTS).read_text(encoding="utf-8").splitlines()
    for name in published(home) - {*new, CONTENTS}:
        (home / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (home / name).parent.rmdir()  # If it was the last one there.
    for name in (*new, CONTENTS):
        if (pending / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(pending / name, home / name)
    shutil.rmtree(pending, ignore_errors=True)


def _recover(home: Path) -> None:
    """What a run that was killed while it published has left: half a copy is removed, a whole one put in place."""
    if (home / PENDING / CONTENTS).is_file():
        _finish(home)
    beside = home.parent.glob(f".{glob.escape(home.name)}.new-*") if home.name else ()
    left = [home / PENDING, *home.glob(".new-*"), *beside]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
