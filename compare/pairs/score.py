"""How well the corpus of scripts is judged: python -m compare.pairs.score tests/scripts [NAME ...]

The first line of a script says what is expected of it: `# port of iris.py; expect: equal`, or the names of the findings
that count; `# alone; expect: 4 parameters`; `# original`. A port that is accused of what nobody put there is the worst.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.candidates.load import said
from compare.pairs.hold import hold
from compare.watch.keras_backend import CHOICE
from compare.watch.process import Here, ScriptProcess, Stopped, Supply

if TYPE_CHECKING:
    import pandas as pd

PORT = re.compile(r"# port of (\S+); expect: (.+)")
ALONE = re.compile(r"# alone; expect: (\d+) parameters")
STEPS, LIMIT = 50, 120.0
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "scripts"
COLUMNS = ("file", "against", "expected", "found", "right", "accused", "seconds")


@dataclass(frozen=True)
class Judged:
    """A script of the corpus, and what was said of it."""

    name: str
    expected: frozenset[str]
    found: frozenset[str]
    seconds: float
    error: str = ""

    @property
    def missed(self) -> frozenset[str]:
        return self.expected - self.found

    @property
    def accused(self) -> frozenset[str]:
        """What was found and is not there."""
        return self.found - self.expected

    @property
    def right(self) -> bool:
        return not (self.missed or self.accused or self.error)

    def as_row(self, against: str) -> dict[str, Any]:
        """The row of a table, with the columns of COLUMNS."""
        found = self.error or ", ".join(sorted(self.found)) or "equal"
        expected = ", ".join(sorted(self.expected)) or "equal"
        accused = bool(self.accused or (self.error and not self.expected))
        values = self.name, against, expected, found, self.right, accused, round(self.seconds, 2)
        return dict(zip(COLUMNS, values, strict=True))

    def __str__(self) -> str:
        parts = [f"missed {', '.join(sorted(self.missed))}"] if self.missed else []
        parts += [f"accused of {', '.join(sorted(self.accused))}"] if self.accused else []
        parts += [self.error] if self.error else []
        return f"{'right' if self.right else 'WRONG'} {self.seconds:5.1f} s  {self.name}  {'; '.join(parts)}".rstrip()


def cases(folder: Path) -> list[Path]:
    """The scripts of a folder that something is expected of."""
    heads = {path: path.read_text().splitlines()[0] for path in sorted(folder.glob("*.py"))}
    return [path for path, head in heads.items() if PORT.match(head) or ALONE.match(head)]


def judge(path: Path) -> Judged:
    """Hold a port against its original, or watch a script alone."""
    head, start = path.read_text().splitlines()[0], time.monotonic()
    if found := PORT.match(head):
        expected = _expected(path)
        try:
            own = CHOICE in path.read_text()  # Keras takes one backend in a process.
            kind = ScriptProcess if own else Here
            verdict = hold(path.parent / found[1], path, STEPS, LIMIT, 2.0, kind, measured=0)
        except Stopped as error:
            return Judged(path.name, expected, frozenset(), time.monotonic() - start, str(error))
        except Exception as error:  # A mistake of ours: the others are judged all the same.
            traceback.print_exception(error)
            return Judged(path.name, expected, frozenset(), time.monotonic() - start, f"traceback: {said(error)}")
        names = frozenset(f.name for f in verdict.findings if f.counts)
        unable = next((fact for fact in verdict.facts.get("steps", []) if "could not be put on" in fact), "")
        return Judged(path.name, expected, names, time.monotonic() - start, unable)
    alone = ALONE.match(head)
    assert alone
    process = Here(path, Supply(), LIMIT, path.parent)
    process.watch(STEPS, 0.0)
    try:
        count = len([p for p in process.recording().parameters if p.trained])
    except Stopped as error:
        return Judged(path.name, frozenset(), frozenset(), time.monotonic() - start, str(error))
    wrong = "" if count == int(alone[1]) else f"{count} parameters were found"
    return Judged(path.name, frozenset(), frozenset(), time.monotonic() - start, wrong)


def run(folder: Path = FOLDER, show: Callable[[int, int, str], None] = lambda done, total, what: None) -> pd.DataFrame:
    """Judge a folder in two processes, with and without Keras; a row each, in the order of their names."""
    import pandas as pd

    from compare.ledger.adapters import environment
    from compare.run.rows import rows_of

    paths = cases(folder)
    keras = [path for path in paths if _needs_keras(path)]
    rows: dict[str, dict[str, Any]] = {}
    groups = filter(None, (keras, [path for path in paths if path not in keras]))
    judging = [["compare.pairs.score", "--rows", str(folder), *(path.name for path in group)] for group in groups]
    for row in rows_of(judging, environment(1)):
        rows[row["file"]] = row
        show(len(rows), len(paths), f"{row['file']}: {row['found']}")
    for path in paths:
        lost = Judged(path.name, _expected(path), frozenset(), float("nan"), "its process ended")
        rows.setdefault(path.name, lost.as_row(_against(path)))
    return pd.DataFrame([rows[path.name] for path in paths], columns=list(COLUMNS))


def _needs_keras(path: Path) -> bool:
    return any("keras" in (path.parent / name).read_text() for name in (path.name, _against(path)) if name)


def _against(path: Path) -> str:
    found = PORT.match(path.read_text().splitlines()[0])
    return found[1] if found else ""


def _expected(path: Path) -> frozenset[str]:
    found = PORT.match(path.read_text().splitlines()[0])
    return frozenset(found[2].split(", ")) - {"equal"} if found else frozenset()


def in_words(table: pd.DataFrame) -> str:
    """The score of a table in one sentence."""
    seconds = table["seconds"].dropna()
    planted = table[table["expected"] != "equal"]
    correct = table[table["expected"] == "equal"]
    return (
        f"{len(table)} scripts as people write them: all differences named, and no other, in "
        f"{int(planted['right'].sum())} of {len(planted)} with some, {int(correct['accused'].sum())} of {len(correct)} "
        f"correct ones accused; {seconds.median():.1f} s (median) to {seconds.max():.1f} s"
    )


def summary(judged: list[Judged]) -> str:
    """The score in one line."""
    right = sum(j.right for j in judged)
    planted = sum(len(j.expected) for j in judged)
    missed, accused = sum(len(j.missed) for j in judged), sum(len(j.accused) for j in judged)
    return (
        f"{right} of {len(judged)} scripts judged right; {planted - missed} of {planted} planted differences named, "
        f"{accused} named that are not there"
    )


def main(argv: list[str] | None = None) -> int:
    """Judge a folder, or some of its scripts; 0 if all are right."""
    p = argparse.ArgumentParser(prog="python -m compare.pairs.score", description=__doc__.splitlines()[0])
    p.add_argument("folder", type=Path)
    p.add_argument("names", nargs="*")
    p.add_argument("--rows", action="store_true", help="a line in JSON for each")
    args = p.parse_args(argv)
    judged = []
    for path in cases(args.folder):
        if not args.names or path.name in args.names or path.stem in args.names:
            judged.append(judge(path))
            print(json.dumps(judged[-1].as_row(_against(path))) if args.rows else judged[-1], flush=True)
    if not args.rows:
        print(summary(judged))
    return 0 if all(j.right for j in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
