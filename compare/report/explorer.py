"""Every number of the comparison, as the page's script takes it: losses, drift, and the map of steps by tensors."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pandas as pd

from compare.ledger.places import steps_a_column
from compare.report.assets import packed
from compare.report.results import Results

PAIR = ["scenario", "dtype", "mode", "a", "b"]
MAP_ROOM, LITTLE_ROOM = 1_000_000, 450_000  # characters of the page that the map may take, in a large run the latter
LARGE = 40  # scenarios from which on a run is large: not all of its maps and curves fit into the page
MOST_PLACES = 36_000  # of a large run's stored map
WIDTHS = (1, 2, 3, 4, 6, 10, 20, 60)  # columns of the stored map that become one, tried in this order


def explorer_data(results: Results) -> dict[str, Any]:
    """All that the explorer shows; scenario by scenario, pair by pair."""
    return {
        "scenarios": [
            {"name": name, "title": entry["title"], "steps": entry["steps"]}
            for name, entry in results.scenarios.items()
            if not entry.get("skipped")
        ],
        "implementations": results.implementations,
        "gates": results.summary["gates"],
        "losses": _losses(results.tables["losses"]),
        "drift": _drift(results.tables["drift"]),
        "map": _map(results),
        "first": int(results.tables["losses"]["step"].min()) if len(results.tables["losses"]) else 1,
        "opens": _first_difference(results),
    }


def _losses(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {**dict(zip(("scenario", "dtype", "implementation"), key, strict=True)), "loss": packed(part["loss"], "f4")}
        for key, part in rows.groupby(["scenario", "dtype", "implementation"], sort=False)
    ]


def _drift(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The differences of every pair, step by step; `bound` is left out where it is that of the pair before."""
    if rows["scenario"].nunique() > LARGE:
        rows = rows[(rows["mode"] == "on its own") & (rows["quantity"] == "weights")]
    found: list[dict[str, Any]] = []
    before: dict[tuple, str] = {}
    for key, part in rows.groupby(["scenario", "dtype", "mode", "quantity", "a", "b"], sort=False):
        labels = dict(zip(("scenario", "dtype", "mode", "quantity", "a", "b"), key, strict=True))
        now = packed(part["bound"], "f4")
        bound = {} if before.get(key[:4]) == now else {"bound": now}
        found.append({**labels, "difference": packed(part["difference"], "f4"), **bound})
        before[key[:4]] = now
    return found


def _first_difference(results: Results) -> dict[str, Any] | None:
    """The state in which the explorer opens: the first place of difference, if there is one."""
    for entry in results.summary["divergences"]:
        return {key: entry[key] for key in (*PAIR, "phase", "tensor", "step")}
    return None


# --- the map ---


def _map(results: Results) -> dict[str, Any]:
    """Comparisons with their rows and columns, and one compressed array of cells for all; {} without any.

    What fails keeps every column that the run stored. Where all is well, columns are put together until the whole
    fits into MAP_ROOM, each with its worst cell. Of a large run the page holds what fails, and the first of the rest.
    """
    rows = results.tables["map"]
    if rows.empty:
        return {}
    steps = {name: entry["steps"] for name, entry in results.scenarios.items()}
    large = rows["scenario"].nunique() > LARGE
    room = LITTLE_ROOM if large else MAP_ROOM
    rows = _first(rows) if large else rows
    found = _arranged(rows, steps, 1)
    for width in WIDTHS:
        if len(found["cells"]) > room and width * room >= 0.5 * len(found["cells"]):
            found = _arranged(rows, steps, width)
    return found


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that fail, and of the others as many of the first as go into MOST_PLACES."""
    by_comparison = rows.groupby(PAIR, sort=False)
    fails = ~by_comparison["used"].transform(lambda used: (used <= 1).all()).astype(bool)
    before = by_comparison.ngroup()
    sizes = by_comparison.size().cumsum().to_numpy()
    return rows[fails | (sizes[before] <= MOST_PLACES)]


def _arranged(rows: pd.DataFrame, lengths: dict[str, int], width: int) -> dict[str, Any]:
    comparisons, parts = [], []
    for key, part in rows.groupby(PAIR, sort=False):
        tensors = list(dict.fromkeys(zip(part["phase"], part["tensor"], strict=True)))
        steps = steps_a_column(lengths[key[0]]) * (width if (part["used"] <= 1).all() else 1)
        grid = part.assign(
            row=[tensors.index(place) for place in zip(part["phase"], part["tensor"], strict=True)],
            column=(part["step"] - 1) // steps,
        )
        grid = grid.sort_values("used", ascending=False, kind="stable").drop_duplicates(["row", "column"])
        columns = int(grid["column"].max()) + 1
        comparisons.append(
            {**dict(zip(PAIR, key, strict=True)), "tensors": tensors, "columns": columns, "steps": steps}
        )
        parts.append(_cells(grid, len(tensors), columns))
    cells = b"".join(_shuffled(np.concatenate([part[i] for part in parts])) for i in range(len(CELL)))
    return {
        "comparisons": comparisons,
        "layout": CELL,
        "cells": base64.b64encode(zlib.compress(cells, 6)).decode("ascii"),
    }


# The arrays of the cells. Two numbers that differ in their last digits are stored as one and the difference of their
# bits, which is exact and short; `bound` is what makes `used` of the difference.
CELL = [("b", "f8"), ("a_bits_less_b", "i8"), ("used", "f4"), ("bound", "f4"), ("index", "i2"), ("index2", "i2"),
        ("step", "i2")]  # fmt: skip


def _shuffled(array: np.ndarray) -> bytes:
    """The first bytes of all numbers, then the second ones, and so on, which compresses better."""
    return array.view(np.uint8).reshape(len(array), array.itemsize).T.tobytes()


def _cells(grid: pd.DataFrame, rows: int, columns: int) -> list[np.ndarray]:
    """The arrays of one comparison's cells, row by row; a step of -1 where there is no cell."""
    place = grid["row"].to_numpy() * columns + grid["column"].to_numpy()
    index = grid["index"].str.split(" ", n=1, expand=True).reindex(columns=[0, 1])
    same = grid["used"].to_numpy() == 0  # Where all is equal, no entry is worth more than another.
    a, b = (np.where(same, 0.0, grid[name].to_numpy(float)) for name in ("value_a", "value_b"))
    used, difference = grid["used"].to_numpy(float), grid["difference"].to_numpy(float)
    with np.errstate(all="ignore"):
        values: dict[str, Any] = {
            "b": b,
            "a_bits_less_b": a.view(np.int64) - b.view(np.int64),
            "used": _digits(used),
            "bound": _digits(np.where(used > 0, difference / used, 0.0)),
            "index": pd.to_numeric(index[0]).fillna(-1),
            "index2": pd.to_numeric(index[1]).fillna(-1),
            "step": grid["step"],
        }
    arrays = []
    for name, kind in CELL:
        array = np.full(rows * columns, -1 if kind == "i2" else 0, dtype=f"<{kind}")
        with np.errstate(all="ignore"):
            array[place] = np.asarray(values[name], dtype=f"<{kind}")
        arrays.append(array)
    return arrays


def _digits(values: np.ndarray, digits: int = 4) -> np.ndarray:
    """Numbers to so many significant digits, which compress better."""
    with np.errstate(all="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) - digits + 1)
        rounded = np.round(values / unit) * unit
    return np.where(np.isfinite(rounded), rounded, values)
