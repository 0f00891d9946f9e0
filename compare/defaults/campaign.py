"""What defaults make of a training, from many seeds: all trainings, on whatever executor, and the tables of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import pandas as pd

from compare.defaults import programs
from compare.defaults.attribution import rows_of
from compare.defaults.gaps import checks, ends_of_programs, ends_of_reference, gaps
from compare.run.executors import Show, Training, done, opened

TOGETHER = 25  # seeds that train as one stack
PROGRAMS = 5  # seeds of a program that run one after the other before their numbers are sent


class Campaign(NamedTuple):
    """What was trained."""

    shares: pd.DataFrame  # a row for each scenario, pair of frameworks, measure, seed and factor; a, b, share
    programs: pd.DataFrame  # a row for each scenario, framework, measure and seed; value

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of a run by their names in data/."""
        ends = pd.concat([ends_of_reference(self.shares), ends_of_programs(self.programs)], ignore_index=True)
        return {
            "default_seeds": self.shares,
            "default_programs": self.programs,
            "default_ends": ends,
            "default_checks": checks(self.shares, self.programs),
            "default_gaps": gaps(self.shares),
        }


def run(
    names: Iterable[str],
    pairs: Sequence[tuple[str, str]],
    seeds: int,
    executor: Executor | None = None,
    show: Show = lambda *_: None,
) -> Campaign:
    """Train with every mixture of the pairs' defaults, and the native programs of their frameworks, from N seeds.

    The trainings go through `executor`, by default a process for every core; results do not depend on it.
    """
    names = list(names)
    frameworks = sorted({name for pair in pairs for name in pair}, key=["keras", "torch", "numpy"].index)
    of_programs = [
        Training(programs.run, (who, name, part), f"{who}'s program, {name}, {_said(part)}", len(part))
        for who in frameworks  # The slowest first, so that no core is idle at the end.
        for name in names
        for part in _parts(seeds, PROGRAMS)
    ]
    mixtures = [
        Training(rows_of, (name, pairs, part), f"mixtures of defaults, {name}, {_said(part)}", len(part))
        for name in reversed(names)  # The one with the most options is the last.
        for part in _parts(seeds, TOGETHER)
    ]
    with opened(executor) as pool:
        found = done([*mixtures, *of_programs], pool, show)
    mixed, ran = found[: len(mixtures)], found[len(mixtures) :]
    order = ["scenario", "from", "to", "measure", "seed", "factor", "a", "b", "share"]
    shares = pd.DataFrame([row for rows in mixed for row in rows])[order]
    shares = shares.sort_values("scenario", key=lambda found: found.map(names.index), kind="stable", ignore_index=True)
    return Campaign(shares, pd.DataFrame([row for rows in ran for row in rows]))


def _parts(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))


def _said(part: range) -> str:
    return f"seeds {part[0]} to {part[-1]}" if len(part) > 1 else f"seed {part[0]}"
