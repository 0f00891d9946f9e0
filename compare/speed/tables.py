"""What the speed track leaves in data/: the samples, and the statements derived from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from compare.ledger.adapters import IMPLEMENTATIONS
from compare.speed import baseline as earlier
from compare.speed.contenders import REFERENCE
from compare.speed.gate import REFUSED
from compare.speed.measure import FAILED, Samples
from compare.speed.statistics import steps_bought, summarise


def tables(samples: Samples, baseline: earlier.Baseline | None = None) -> dict[str, pd.DataFrame]:
    """Each table by its file's name, as reports/README.md documents them."""
    found = samples.frames()
    found["speed_ratios"] = summarise(found["speed"])
    found["speed_gains"] = steps_bought(found["speed"])
    if baseline:
        found["speed_baseline"] = earlier.compare(found["speed"], found["speed_ratios"], baseline)
    return found


def write(folder: Path, found: dict[str, pd.DataFrame]) -> None:
    """Write data/NAME.csv for each table that has rows, each file whole or not at all."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, table in found.items():
        if table.empty:
            continue  # Readers take a missing table for an empty one.
        path = folder / "data" / f"{name}.csv"
        part = path.with_name(path.name + ".part")
        part.write_text(table.to_csv(index=False), encoding="utf-8")
        os.replace(part, path)


def equal(samples: Samples) -> str:
    """What the gate has shown to be equal, in words; empty if nothing was timed."""
    gates = {(row["implementation"], row["mode"]) for row in samples.facts if row["quantity"] == "gate"}
    held = [f"{implementation} {mode}" for implementation, mode in sorted(gates - {(REFERENCE.implementation, "fit")})]
    return f"what was timed trains as NumPy's fit does ({', '.join(held)})" if held else ""


def different(samples: Samples) -> list[str]:
    """The modes of the three implementations that the gate refused, a line each; a peer may well train otherwise."""
    lines = [
        f"{row['implementation']} {row['mode']} in {row['workload']}, {row['optimizer']}: {row['reason']}"
        for row in samples.left_out
        if row["implementation"] in IMPLEMENTATIONS and REFUSED in row["reason"]
    ]
    return list(dict.fromkeys(lines))


def lost(samples: Samples) -> list[str]:
    """The modes of the three implementations that crashed or hung while they were timed, a line each."""
    lines = [
        f"{row['implementation']} {row['mode']}, timed in {row['workload']}{row['reason'].removeprefix(FAILED)}"
        for row in samples.left_out
        if row["implementation"] in IMPLEMENTATIONS and row["reason"].startswith(FAILED)
    ]
    return list(dict.fromkeys(lines))


def notes(samples: Samples, baseline: earlier.Baseline | None, environment: dict[str, Any]) -> list[str]:
    """What the terminal should say about the timings, a line each."""
    found = tables(samples, baseline)
    objections = found["speed_ratios"].get("objection", pd.Series(dtype=str))
    lines = [f"speed: no ranking, {reason}" for reason in objections.unique() if reason]
    if baseline:
        other = earlier.differences(environment, baseline.environment)
        lines += [f"speed: the baseline is from another machine or version: {'; '.join(other)}"] if other else []
        counts = found["speed_baseline"]["verdict"].replace("", "not judged").value_counts()
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        lines.append(f"speed against {baseline.path}: {said or 'nothing that both runs timed'}")
    return lines
