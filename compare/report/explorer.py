"""Every number of the comparison, as the page's script takes it: losses, drift, and the map of steps by tensors."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
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
    large = rows["scenario"].nunique() > LARGE
    room = LITTLE_ROOM if large else MAP_ROOM
    steps = {name: entry["steps"] for name, entry in results.scenarios.items()}
    maps = _maps(_first(rows) if large else rows, steps)
    found = _arranged(maps, 1)
    for width in WIDTHS:
        if len(found["cells"]) > room and width * room >= 0.5 * len(found["cells"]):
            found = _arranged(maps, width)
    return found


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that fail, and of the others as many of the first as go into MOST_PLACES."""
    by_comparison = rows.groupby(PAIR, sort=False)
    fails = ~by_comparison["used"].transform(lambda used: (used <= 1).all()).astype(bool)
    before = by_comparison.ngroup()
    sizes = by_comparison.size().cumsum().to_numpy()
    return rows[fails | (sizes[before] <= MOST_PLACES)]


# The arrays of the cells. Two numbers that differ in their last digits are stored as one and the difference of their
# bits, which is exact and short; `bound` is what makes `used` of the difference.
CELL = [("b", "f8"), ("a_bits_less_b", "i8"), ("used", "f4"), ("bound", "f4"), ("index", "i2"), ("index2", "i2"),
        ("step", "i2")]  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Map:
    """The places of one comparison, the worst first; arrays (places,)."""

    labels: dict[str, str]
    tensors: list[tuple[str, str]]  # phase and name of each row
    steps: int  # in a column as it was stored
    fine: bool  # whether all are within their bounds
    row: np.ndarray
    step: np.ndarray
    values: dict[str, np.ndarray]  # by the names of CELL


def _maps(rows: pd.DataFrame, lengths: dict[str, int]) -> list[_Map]:
    """The comparisons in the order of the table; `lengths` are the steps of every scenario."""
    values = _values(rows)
    used, step = rows["used"].to_numpy(float), rows["step"].to_numpy()
    codes, names = pd.factorize(pd.MultiIndex.from_frame(rows[["phase", "tensor"]]))
    found = []
    for key, at in rows.groupby(PAIR, sort=False).indices.items():
        at = at[np.argsort(-used[at], kind="stable")]
        own, in_order = pd.unique(codes[np.sort(at)]), np.empty(len(names), int)
        in_order[own] = np.arange(len(own))
        found.append(
            _Map(
                dict(zip(PAIR, key, strict=True)),
                [tuple(names[code]) for code in own],
                steps_a_column(lengths[key[0]]),
                bool((used[at] <= 1).all()),
                in_order[codes[at]],
                step[at],
                {name: array[at] for name, array in values.items()},
            )
        )
    return found


def _values(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """What the cells of these rows hold, by the names of CELL."""
    index = rows["index"].str.split(" ", n=1, expand=True).reindex(columns=[0, 1])
    used, difference = rows["used"].to_numpy(float), rows["difference"].to_numpy(float)
    # Where all is equal, no entry is worth more than another.
    a, b = (np.where(used == 0, 0.0, rows[name].to_numpy(float)) for name in ("value_a", "value_b"))
    with np.errstate(all="ignore"):
        values: dict[str, Any] = {
            "b": b,
            "a_bits_less_b": a.view(np.int64) - b.view(np.int64),
            "used": _digits(used),
            "bound": _digits(np.where(used > 0, difference / used, 0.0)),
            "index": pd.to_numeric(index[0]).fillna(-1),
            "index2": pd.to_numeric(index[1]).fillna(-1),
            "step": rows["step"],
        }
        return {name: np.asarray(values[name], dtype=f"<{kind}") for name, kind in CELL}


def _arranged(maps: list[_Map], width: int) -> dict[str, Any]:
    """The maps with so many of the stored columns in one, where all is well, each with its worst cell."""
    comparisons, parts = [], []
    for one in maps:
        steps = one.steps * (width if one.fine else 1)
        column = (one.step - 1) // steps
        columns = int(column.max()) + 1
        places, worst = np.unique(one.row * columns + column, return_index=True)
        comparisons.append({**one.labels, "tensors": one.tensors, "columns": columns, "steps": steps})
        parts.append({name: (places, array[worst], len(one.tensors) * columns) for name, array in one.values.items()})
    cells = b"".join(_shuffled(np.concatenate([_spread(*part[name]) for part in parts])) for name, _ in CELL)
    return {
        "comparisons": comparisons,
        "layout": CELL,
        "cells": base64.b64encode(zlib.compress(cells, 6)).decode("ascii"),
    }


def _spread(places: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """All cells of a map, row by row: where there is none 0, or -1 among the whole numbers of two bytes."""
    array = np.full(count, -1 if values.dtype == np.int16 else 0, dtype=values.dtype)
    array[places] = values
    return array


def _shuffled(array: np.ndarray) -> bytes:
    """The first bytes of all numbers, then the second ones, and so on, which compresses better."""
    return array.view(np.uint8).reshape(len(array), array.itemsize).T.tobytes()


def _digits(values: np.ndarray, digits: int = 4) -> np.ndarray:
    """Numbers to so many significant digits, which compress better."""
    with np.errstate(all="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) - digits + 1)
        rounded = np.round(values / unit) * unit
    return np.where(np.isfinite(rounded), rounded, values)
