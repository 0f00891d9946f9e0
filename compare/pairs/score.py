"""How well the corpus of scripts is judged: python -m compare.pairs.score tests/scripts [NAME ...]

The first line of a script says what is expected of it: `# port of iris.py; expect: equal`, or the names of the findings
that count; `# alone; expect: 4 parameters`; `# original`. A port that is accused of what nobody put there is the worst.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from compare.pairs.hold import hold
from compare.watch.process import Here, Stopped, Supply

PORT = re.compile(r"# port of (\S+); expect: (.+)")
ALONE = re.compile(r"# alone; expect: (\d+) parameters")
STEPS, LIMIT = 50, 120.0


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
        expected = frozenset() if found[2] == "equal" else frozenset(found[2].split(", "))
        try:
            verdict = hold(path.parent / found[1], path, STEPS, LIMIT, 2.0, Here, measured=0)
        except Stopped as error:
            return Judged(path.name, expected, frozenset(), time.monotonic() - start, str(error))
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
    args = p.parse_args(argv)
    judged = []
    for path in cases(args.folder):
        if not args.names or path.name in args.names or path.stem in args.names:
            judged.append(judge(path))
            print(judged[-1], flush=True)
    print(summary(judged))
    return 0 if all(j.right for j in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
