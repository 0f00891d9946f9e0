"""Comparing with an earlier run: each contender faster, slower or the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from compare.speed.statistics import WHO, WIDEST, WORK, unpaired

COLUMNS = [*WORK, *WHO, "ratio", "low", "high", "verdict"]
SAME_MACHINE = ("cpu", "cores", "platform", "python", "packages")


@dataclass(frozen=True, eq=False)
class Baseline:
    """An earlier run's rounds, and where they were measured."""

    path: Path
    environment: dict[str, Any]
    turns: pd.DataFrame
    summary: pd.DataFrame


def read(path: Path) -> Baseline:
    """The run that wrote this results.json; ValueError, in one line, if it is none or timed nothing."""
    from compare.report.results import load

    path = Path(path)
    if path.name != "results.json":
        raise ValueError(f"--baseline {path} is not a results.json: name the one in an earlier run's folder")
    results = load(path.parent)
    turns, summary = results.tables["speed"], results.tables["speed_ratios"]
    if turns.empty or summary.empty:
        raise ValueError(f"--baseline {path} has no timings beside it in data/speed.csv: name a run that timed")
    found = Baseline(path, results.summary["environment"], turns, summary)
    try:  # What would fail at the end of the run fails now.
        compare(turns, summary, found)
        differences(found.environment, found.environment)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ValueError(f"--baseline {path} cannot be compared with: {error}; name another run's") from None
    return found


def compare(turns: pd.DataFrame, summary: pd.DataFrame, baseline: Baseline) -> pd.DataFrame:
    """A row for each work and contender that both runs timed: time now over time then, and what that says.

    The verdict is empty where either run's controls failed. Two runs can differ by the state of the machine and by what
    a process's memory happens to look like, which one run's control cannot see: faster or slower is only what lies
    beyond 1 -+ 3 % with its whole interval.
    """
    if turns.empty:
        return pd.DataFrame(columns=COLUMNS)
    then = {key: part for key, part in _typed(baseline.turns).groupby(WORK + WHO)}
    summaries = pd.concat([_typed(summary), _typed(baseline.summary)])
    doubtful = set(summaries.loc[summaries["objection"] != "", WORK].itertuples(index=False, name=None))
    rows = []
    for key, part in _typed(turns).groupby(WORK + WHO, sort=False):
        if key in then and key[-1] not in ("again", "delayed"):
            times = [p["seconds_per_step"].dropna().to_numpy(float) for p in (part, then[key])]
            found = unpaired(*times)
            verdict = "slower" if found.low > 1 + WIDEST else "faster" if found.high < 1 - WIDEST else "same"
            verdict = "" if key[: len(WORK)] in doubtful else verdict
            rows.append([*key, found.ratio, found.low, found.high, verdict])
    return pd.DataFrame(rows, columns=COLUMNS)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The labels as text and whole numbers, whether they were measured or read."""
    return frame.astype({"batch_size": int, "threads": int}).assign(objection=frame.get("objection", ""))


def differences(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """What is another machine or version, as "numpy 2.4 (then 2.3)"."""
    found = []
    for name in SAME_MACHINE:
        a, b = now.get(name), then.get(name)
        if name == "packages":
            versions = {**(b or {}), **(a or {})}
            found += [
                f"{package} {(a or {}).get(package, 'absent')} (then {(b or {}).get(package, 'absent')})"
                for package in versions
                if (a or {}).get(package) != (b or {}).get(package)
            ]
        elif a != b:
            found.append(f"{name} {a} (then {b})")
    return found
