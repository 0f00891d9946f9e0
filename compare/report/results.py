"""The stored results of a run, read back: ``results.json`` and the tidy tables in ``data/``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from compare.report.schema import wrong

FORMAT = "mlp-rosetta results 1"

# Keys of results.json, and the fields that each object, or each object of the list, must have.
FIELDS = {
    "verdict": "status exit_code sentence",
    "run": "started seconds command selection",
    "environment": "packages",
    "gates": "",
    "implementations": "name status seconds",
    "scenarios": "name title dataset task layer_sizes activation loss optimizer learning_rate batch_size "
    "epochs steps n_train n_test",
    "divergences": "scenario dtype mode a b step phase tensor index value_a value_b difference bound",
}

# Columns of each data/NAME.csv. Those in NUMBERS are read as floats, all others as text.
COLUMNS = {
    "cells": "scenario dtype mode a b phase tensor step difference bound used equal",
    "drift": "scenario dtype mode a b step quantity difference bound",
    "map": "scenario dtype mode a b phase tensor step index value_a value_b difference used",
    "losses": "scenario dtype implementation step loss",
    "metrics": "scenario dtype implementation metric value",
    "predictions": "scenario dtype implementation sample target prediction output",
    "confusion": "scenario dtype implementation target prediction count",
    "speed": "workload layer_sizes batch_size optimizer implementation mode dtype threads round seconds_per_step",
    "speed_ratios": "workload layer_sizes batch_size optimizer dtype threads implementation mode rounds "
    "seconds_per_step samples_per_second ratio low high verdict share gflops_per_second flops bytes cpu_per_second "
    "objection leads",
    "speed_facts": "workload layer_sizes batch_size optimizer dtype threads implementation mode quantity round value",
    "speed_gains": "workload layer_sizes batch_size optimizer dtype threads implementation times low high",
    "speed_stacks": "scenario layer_sizes batch_size seeds steps round alone stack difference",
    "speed_left_out": "workload layer_sizes batch_size optimizer dtype threads implementation mode reason",
    "speed_baseline": "workload layer_sizes batch_size optimizer dtype threads implementation mode ratio low high "
    "verdict",
    "causes": "scenario implementation dtype cause text",
    "calls": "implementation case call what found wanted difference used equal message",
    "repeat": "implementation scenario dtype equal message",
    "kills": "trap variant scenario dtype caught mode phase tensor step difference used size missed above_rounding",
    "planted": "template scenario line instead caught step phase tensor difference placed message",
    "traps": "theme trap title why measured size torch keras source",
    "defaults": "what torch keras same",
    "default_gaps": "scenario measure from to factor gap gap_within share share_within said",
    "default_ends": "scenario measure framework trained seeds mean within low high",
    "default_programs": "scenario framework measure seed value",
    "default_checks": "scenario measure framework seeds gap gap_within chance",
    "clean": "number kind dtype used false_alarm",
    "corpus": "file framework expected found right accused seconds",
    "scripts": "file against expected found right accused seconds",
    "relay": "optimizer order difference bound equal message",
    "recipes": "recipe title mistake dataset weights claim criterion note implementation first_loss final_loss "
    "accuracy predictions holds difference same seconds reason",
    "recipe_seeds": "recipe seed implementation epochs error learns confirms",
    "recipe_curves": "recipe implementation step loss",
}
PARQUET = {"map"}  # data/NAME.parquet, typed, for what is too long as text
NUMBERS = {
    "step", "difference", "bound", "used", "loss", "value", "sample", "output", "count",
    "batch_size", "threads", "round", "seconds_per_step", "first_loss", "final_loss", "accuracy", "seconds", "seed",
    "epochs", "error", "size", "number", "rounds", "samples_per_second", "ratio", "low", "high", "share",
    "gflops_per_second", "flops", "bytes", "cpu_per_second", "times",
    "gap", "gap_within", "share_within", "seeds", "mean", "within",
    "chance", "alone", "stack", "steps",
}  # fmt: skip


@dataclass(frozen=True)
class Results:
    """What one run left behind: ``summary`` is results.json, ``tables`` has one DataFrame a csv file."""

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    @property
    def implementations(self) -> list[str]:
        """Names of the implementations, in the order in which the run lists them."""
        return [entry["name"] for entry in self.summary["implementations"]]

    @property
    def scenarios(self) -> dict[str, dict[str, Any]]:
        """Scenario by name, in the order in which the run lists them."""
        return {entry["name"]: entry for entry in self.summary["scenarios"]}

    def in_order(self, names: Iterable[str], known: Iterable[str]) -> list[str]:
        """The distinct ``names``: first those of ``known``, in its order, then the others."""
        found = list(dict.fromkeys(names))
        ordered = [name for name in known if name in found]
        return ordered + [name for name in found if name not in ordered]


def load(folder: Path) -> Results:
    """Read the results in ``folder``; ValueError says which file is wrong and how to mend it."""
    return Results(_read_summary(folder / "results.json"), {name: _read_table(folder, name) for name in COLUMNS})


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; name a folder that compare/run_all.py wrote") from None
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply; run compare/run_all.py again") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a JSON file ({error}); run compare/run_all.py again") from None
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); name a folder that compare/run_all.py wrote"
        ) from None
    found = summary.get("format") if isinstance(summary, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path} has the format {found!r}, expected {FORMAT!r}; run compare/run_all.py again")
    if said := wrong(summary):
        raise ValueError(f"{path}: {said}; run compare/run_all.py again")
    missing = [key for key in FIELDS if key not in summary] or _missing_fields(summary)
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; run compare/run_all.py again")
    return summary


def _missing_fields(summary: dict[str, Any]) -> list[str]:
    """What the objects of results.json lack, as "scenarios[2].task"."""
    missing = []
    for key, fields in FIELDS.items():
        value = summary[key]
        entries = {f"{key}[{i}]": e for i, e in enumerate(value)} if isinstance(value, list) else {key: value}
        missing += [f"{name}.{field}" for name, e in entries.items() for field in fields.split() if field not in e]
    return missing


def file_of(name: str) -> str:
    """The file of a table, inside the folder of the results."""
    return f"data/{name}.{'parquet' if name in PARQUET else 'csv'}"


def _read_parquet(path: Path, columns: list[str]) -> pd.DataFrame:
    if not path.exists() or path.stat().st_size == 0:
        return pd.DataFrame(columns=columns)
    try:
        return pd.read_parquet(path, columns=columns)
    except (ValueError, OSError) as error:
        told = str(error).splitlines()[0]
        raise ValueError(f"{path}: {told}; expected the columns {', '.join(columns)}") from None


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    """One table with the columns of COLUMNS; without rows when the file is missing or empty."""
    columns = COLUMNS[name].split()
    if name in PARQUET:
        return _read_parquet(folder / "data" / f"{name}.parquet", columns)
    path = folder / "data" / f"{name}.csv"
    if not path.exists() or path.stat().st_size == 0:
        return pd.DataFrame(columns=columns)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # Rows that are longer than the header.
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
        missing = [column for column in columns if column not in frame]
        if missing:
            raise ValueError(f"lacks the column {', '.join(missing)}")
        for column in NUMBERS.intersection(columns):
            frame[column] = frame[column].replace("", "nan").astype(float)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); run compare/run_all.py again") from None
    except (ValueError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{path}: {error}; expected the columns {', '.join(columns)}") from None
    if name == "cells":  # a NaN is a difference, whatever the file says about it
        frame["equal"] = frame["equal"].str.lower().isin({"true", "1"}) & frame["difference"].notna()
    return frame
