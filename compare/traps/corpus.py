"""The checker tried on what people bring: small files, each with what is expected of it on its first line.

    # expect: equal
    # expect: loss-reduction                 the cause, a trap's name; a + b for several, a | b where either will do
    # expect: refused Conv2d                 one line with these words, and exit status 2

A process for each framework imports it once and forks for every file, so that each is checked as in a process of its
own. The time of a file is that of its check, and of the import of its framework; what the command imports besides, it
imports meanwhile in another process:

    python -m compare.traps.corpus [FILE ...]
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.candidates import frameworks

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "corpus"
NEEDS = {"nerva_library": "nerva_numpy"}  # of the files, what is not installed with the tests
MOST_SECONDS = 90.0  # for one file
COLUMNS = ("file", "framework", "expected", "found", "right", "accused", "seconds")


def files(folder: Path = FOLDER) -> list[Path]:
    """All files of the corpus whose libraries are installed."""
    found = sorted(folder.glob("*/*.py"))
    return [path for path in found if path.stem not in NEEDS or importlib.util.find_spec(NEEDS[path.stem])]


def expected(path: Path) -> str:
    """What is expected of a file; ValueError if its first line does not say."""
    line = path.read_text(encoding="utf-8").partition("\n")[0]
    if not line.startswith("# expect: "):
        raise ValueError(f"{path} begins with {line!r}: expected `# expect: ...`")
    return line.removeprefix("# expect: ").strip()


def is_right(wanted: str, found: str) -> bool:
    """Whether the outcome is the one expected; the order of several causes is not judged."""
    if wanted.startswith("refused "):
        return found.startswith("refused ") and wanted.removeprefix("refused ") in found
    return any(set(_causes(option)) == set(_causes(found)) for option in wanted.split("|"))


def _causes(text: str) -> list[str]:
    return [name.strip() for name in text.split("+")]


def outcome(answer: dict[str, Any]) -> str:
    """What an answer of check.py comes to: equal, its causes, `differs` without one, `refused ...` or `failed ...`."""
    if answer["error"]:
        return ("refused " if answer["exit"] == 2 else "failed ") + answer["error"]
    if answer["exit"] == 0:
        return "equal"
    return (answer["diagnosis"] or {}).get("cause") or "differs"


def framework_of(path: Path) -> str:
    return path.parent.name if path.parent.name in ("torch", "keras") else "numpy"


def run(paths: Iterable[Path], show: Callable[[int, int, str], None] = lambda done, total, what: None) -> pd.DataFrame:
    """Check files, two frameworks at a time; a row each, with the columns of COLUMNS, in the order of the paths."""
    import pandas as pd

    from compare.ledger.adapters import environment
    from compare.run.rows import rows_of

    paths = list(paths)
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(framework_of(path), []).append(path)
    rows: dict[str, dict[str, Any]] = {}
    serving = [["compare.traps.corpus", "--serve", name, *map(str, group)] for name, group in groups.items()]
    for row in rows_of(serving, environment(1)):
        rows[row["file"]] = row
        show(len(rows), len(paths), f"{Path(row['file']).stem}: {row['found']}, {row['seconds']:.1f} s")
    lost = {"found": "failed: its process ended", "seconds": float("nan")}
    for path in paths:
        row = rows.setdefault(str(path), {"file": str(path), **lost})
        row["framework"], row["expected"] = path.parent.name, expected(path)
        row["right"] = is_right(row["expected"], row["found"])
        row["accused"] = row["expected"] == "equal" and not row["right"]
    table = pd.DataFrame([rows[str(path)] for path in paths], columns=list(COLUMNS))
    table["file"] = [f"{path.parent.name}/{path.name}" for path in paths]
    return table


def summary(table: pd.DataFrame) -> str:
    """The score in one sentence."""
    plain = table["expected"].str.match(r"(equal|refused )")
    correct, refused, caused = table[table["expected"] == "equal"], table[plain & (table["expected"] != "equal")], (
        table[~plain]
    )  # fmt: skip
    seconds = table["seconds"].dropna()
    median, worst = (statistics.median(seconds), max(seconds)) if len(seconds) else (float("nan"),) * 2
    return (
        f"{len(table)} files as people write them: cause named first in {int(caused['right'].sum())} of {len(caused)}, "
        f"{int(correct['accused'].sum())} of {len(correct)} correct ones accused, "
        f"{int(refused['right'].sum())} of {len(refused)} refused by name; {median:.1f} s (median) to {worst:.1f} s"
    )


# In a framework's process ---------------------------------------------------------------------------------------------


def serve(framework: str, paths: list[Path]) -> None:
    """Check one file after the other, each in a fork; a JSON line for each on standard output."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    start = time.perf_counter()
    if framework == "keras":
        frameworks.import_keras()
    elif framework == "torch":
        import torch
        import torch._dynamo  # As the first optimizer does.

        torch.set_num_threads(1)
    imported = time.perf_counter() - start

    import sklearn.datasets  # noqa: F401

    import compare.check
    import compare.traps.diagnose  # noqa: F401

    for path in paths:
        begun = time.perf_counter()
        found = _forked(partial(_checked, path))
        row = {"file": str(path), "found": found, "seconds": round(time.perf_counter() - begun + imported, 2)}
        out.write(json.dumps(row) + "\n")


def _forked(work: Callable[[], str]) -> str:
    """What a function gives in a fork of this process, which ends with it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            text = work()
        except BaseException as error:
            traceback.print_exc()
            text = f"failed {type(error).__name__}: {error}"
        with os.fdopen(write, "w") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(write)
    said, end = b"", time.monotonic() + MOST_SECONDS
    while select.select([read], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(read, 65536)
        if not part:
            break
        said += part
    else:
        os.kill(child, signal.SIGKILL)
        said = f"failed: no answer within {MOST_SECONDS:g} s".encode()
    os.close(read)
    os.waitpid(child, 0)
    return said.decode() or "failed: it ended without an answer"


def _checked(path: Path) -> str:
    from compare.candidates.hold import hold
    from compare.candidates.process import Stopped
    from compare.usage import UsageError

    try:
        answer = hold(path, None, None, 50, MOST_SECONDS, process=Here)
    except Stopped as error:
        return ("refused " if error.status == 2 else "failed ") + str(error)
    except UsageError as error:
        return f"refused {error}"
    return outcome(answer.as_json())


class Here:
    """The candidate's process as the command sees it, without one: all is done in this process, when it is asked."""

    def __init__(self, path: Path, dtype: str, limit: float):
        self.path, self.dtype = path, dtype
        self.session: Any = None
        self.folder: Path | None = None

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""

    def give(self, folder: str) -> None:
        self.folder = Path(folder)

    def answer(self) -> dict[str, Any]:
        """What the worker says to the job; Stopped as there."""
        from compare.candidates.load import CandidateError, place, said
        from compare.candidates.process import Stopped
        from compare.candidates.worker import BAD_INPUT, CRASH, Failure, Session

        try:
            if self.session is None:
                self.session = Session(self.path, self.dtype, lambda **event: None)
                return self.session.describe()
            assert self.folder
            return self.session.record(self.folder)
        except CandidateError as error:
            raise Stopped(str(error), BAD_INPUT) from error
        except Failure as error:
            raise Stopped(str(error), error.status) from error
        except Exception as error:
            raise Stopped(f"{place(error, self.path)}: {said(error)}", CRASH) from error


def main(arguments: list[str]) -> int:
    """Run the command; 0 if every file came out as expected, otherwise 1, or 2 for a file that is none."""
    if arguments[:1] == ["--serve"]:
        serve(arguments[1], [Path(name) for name in arguments[2:]])
        return 0
    paths = [Path(name).resolve() for name in arguments] or files()
    missing = next((path for path in paths if not path.is_file()), None)
    if missing or not paths:
        print(f"{missing or FOLDER} does not exist or holds no file of the corpus", file=sys.stderr)
        return 2
    table = run(paths, lambda done, total, what: print(f"{done}/{total} {what:.120}", file=sys.stderr, flush=True))
    for row in table[~table["right"]].itertuples():
        print(f"{row.file}: expected {row.expected}; {row.found}")
    print(summary(table))
    return 0 if table["right"].all() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
