"""The pictures of the report: which numbers of the results each shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from compare.report.blocks import Figure, Panel, Style
from compare.report.draw import BOUND
from compare.report.marks import Box, Boxes, Dot, Dots, Line, Lines, shortened
from compare.report.numbers import microseconds, number, percent
from compare.report.results import Results

MOST_PANELS, FEWER_PANELS = 12, 6  # the latter where there are more than MOST_SCENARIOS
MOST_SCENARIOS = 40
MOST_CONFUSIONS = 3

# Lines that coincide must all stay visible: a broad pale one, a thin one, dashes and dots on top.
LAYERS: list[dict[str, Any]] = [
    {"width": 5.5, "alpha": 0.4},
    {"width": 1.8},
    {"width": 1.8, "dash": (3.0, 3.0)},
    {"width": 1.8, "dash": (1.0, 2.0)},
]


def styles_of(names: list[str], first_colour: int = 1) -> dict[str, Style]:
    """A style for each name, so that lines on top of each other can be told apart."""
    return {
        name: Style(f"series-{(first_colour - 1 + i) % 6 + 1}", **LAYERS[min(i, len(LAYERS) - 1)])
        for i, name in enumerate(names)
    }


def curves(rows: pd.DataFrame, key: str, names: list[str], y: str, y_label: str, **how: Any) -> Lines:
    """The column ``y`` over the steps, a line for each of ``names`` in the column ``key``."""
    lines = [
        Line(name, shortened(found["step"]), shortened(found[y]))
        for name in names
        if not (found := rows[rows[key] == name]).empty
    ]
    return Lines(lines, "training step", y_label, **how)


def label_width(names: list[str]) -> float:
    """Inches that the longest of ``names`` takes beside an axis."""
    return 0.2 + 0.08 * max(map(len, names))


def omitted(names: list[str], what: str = "scenarios") -> str:
    """A sentence on panels that did not fit, or nothing."""
    return f" Shown: the first {panels_of(names)} of {len(names)} {what}." if len(names) > panels_of(names) else ""


def panels_of(names: list[str]) -> int:
    """How many of them get a panel."""
    return FEWER_PANELS if len(names) > MOST_SCENARIOS else MOST_PANELS


# --- losses ---


def loss_curves(results: Results, losses: pd.DataFrame, dtype: str) -> Figure:
    """Loss over the steps, one panel a scenario, the implementations on top of each other."""
    losses = losses[losses["dtype"] == dtype]
    whos = results.in_order(losses["implementation"], results.implementations)
    names = results.in_order(losses["scenario"], results.scenarios)
    panels = [
        Panel(
            name,
            curves(losses[losses["scenario"] == name], "implementation", whos, "loss", "loss", empty="no finite loss"),
        )
        for name in names[: panels_of(names)]
    ]
    note = (
        f"{dtype}, each trained on its own. The loss is the mean over a batch before its update "
        "(cross-entropy in nats, mse in the squared unit of the target). Where the lines coincide one sees "
        "dashes on a thin line on a broad one." + omitted(names)
    )
    return Figure("losses", "Loss at every step", panels, note, styles_of(whos))


# --- drift ---


def drift_curves(results: Results, drift: pd.DataFrame, dtype: str, quantity: str) -> Figure:
    """How the difference of ``quantity`` grows with the steps, one panel a scenario, one line a pair."""
    drift = drift[(drift["dtype"] == dtype) & (drift["quantity"] == quantity) & (drift["mode"] == "on its own")]
    drift = drift.assign(pair=[pair_name(a, b) for a, b in zip(drift["a"], drift["b"], strict=True)])
    # Pairs get colours of their own; a single implementation against float64 keeps the implementation's.
    pairs = results.in_order(drift["pair"], results.implementations)
    names = results.in_order(drift["scenario"], results.scenarios)
    panels = [Panel(name, _drift(drift[drift["scenario"] == name], pairs)) for name in names[: panels_of(names)]]
    against = "pairs of implementations" if dtype == "float64" else "each implementation against the float64 run"
    note = (
        f"{dtype}, {against}, each trained on its own. Difference: the largest |a - b| over the largest "
        "|reference|, no unit, logarithmic scale. A line on the bottom edge means exactly equal; a line that "
        "ends means NaN."
    ) + omitted(names)
    styles = styles_of(pairs, 1 if set(pairs) <= set(results.implementations) else 4)
    legend = styles | {"bound": BOUND} if drift["bound"].notna().any() else styles
    title = f"Difference of the {quantity} at every step, {dtype}"
    return Figure(f"drift-{dtype}", title, panels, note, legend)


def _drift(rows: pd.DataFrame, pairs: list[str]) -> Lines:
    found = rows["difference"]
    positive = found[(found > 0) & np.isfinite(found)]
    floor = 1e-17 if positive.empty else 10.0 ** (math.floor(math.log10(positive.min())) - 1)
    mark = curves(rows, "pair", pairs, "difference", "difference", log_y=True, floor=floor, empty="NaN at every step")
    bounds = rows.assign(bound=rows["bound"].where(rows["bound"] > 0))
    distinct = {
        tuple(map(str, line.y)): line
        for name in pairs
        for line in curves(bounds[bounds["pair"] == name].assign(pair="bound"), "pair", ["bound"], "bound", "").lines
        if any(value is not None for value in line.y)
    }
    return Lines([*mark.lines, *distinct.values()], mark.x_label, mark.y_label, log_y=True, floor=floor,
                 empty=mark.empty)  # fmt: skip


def pair_name(a: str, b: str) -> str:
    """How a pair is written: two implementations, or the one that is held against float64."""
    return b if a == "float64" else f"{a} \N{EN DASH} {b}"


# --- headroom ---


def headroom(results: Results, cells: pd.DataFrame) -> Figure:
    """Every cell's share of its bound, one panel a dtype, one row a scenario."""
    names = results.in_order(cells["scenario"], results.scenarios)
    what = "pair, mode and phase"
    if len(names) > MOST_SCENARIOS:
        what = "pair"
        order = cells.sort_values(["equal", "used"], ascending=[True, False], na_position="first", kind="stable")
        cells = order.drop_duplicates(["scenario", "dtype", "a", "b"])
    panels = [
        Panel(dtype, share_dots(cells[cells["dtype"] == dtype], "scenario", names))
        for dtype in results.in_order(cells["dtype"], ["float64", "float32"])
    ]
    note = (
        f"One dot per {what}: its worst difference as a share of the largest that rounding may "
        "cause (logarithmic scale). Left of the line: rounding. On it or right of it, a cross: a difference "
        "in meaning. Dots at the left edge are exactly equal; a cross at the right edge stands for NaN or "
        "more than fits."
    )
    return Figure(
        "headroom",
        "Bound used by every cell",
        panels,
        note,
        size=(5.4, 0.65 + 0.23 * len(names)),
        margins=(label_width(names), 0.48),
    )


def share_dots(cells: pd.DataFrame, key: str, names: list[str]) -> Dots:
    """The share of its bound that each cell used, in rows by the column ``key``."""
    dots = [
        Dot(
            names.index(getattr(cell, key)),
            cell.used,
            "series-1" if cell.equal else "bad",
            f"{cell.scenario}, {cell.dtype}, {pair_name(cell.a, cell.b)}, {cell.mode}, {cell.phase}: "
            f"{number(cell.difference)}, {percent(cell.used)} of the bound",
            "dot" if cell.equal else "cross",
        )
        for cell in cells.itertuples()
    ]
    return Dots(names, dots, "share of the bound used", 1e-7, 1e3, 1.0, True)


# --- confusion ---


def confusion(results: Results, counts: pd.DataFrame, dtype: str) -> Figure:
    """Confusion matrices: first scenarios in which implementations disagree, then those with most classes."""
    counts = counts[counts["dtype"] == dtype]
    found = []
    for name in results.in_order(counts["scenario"], results.scenarios):
        rows = counts[counts["scenario"] == name]
        labels = list(map(str, results.scenarios.get(name, {}).get("classes") or []))
        classes = _class_order(rows)
        found.append((name, [class_name(value, labels) for value in classes], _matrices(results, rows, classes)))
    found.sort(key=lambda entry: (-len(entry[2]), -len(entry[1])))
    panels = [
        Panel(f"{name}: {' = '.join(who)}", _counted(matrix, classes))
        for name, classes, matrices in found[:MOST_CONFUSIONS]
        for who, matrix in matrices
    ]
    longest = max(len(text) for _, classes, _ in found[:MOST_CONFUSIONS] for text in classes)
    note = (
        f"{dtype}, test set. A row is the true class, a column the predicted one, a number the count of "
        "samples; the diagonal is right. Implementations that count the same share a panel."
    )
    margins = (0.95, 0.75) if longest > 6 else (0.6, 0.48)
    return Figure("confusion", "Confusion matrices", panels, note, size=(3.8, 3.2), margins=margins)


def _counted(matrix: np.ndarray, classes: list[str]) -> Boxes:
    largest = max(matrix.max(), 1.0)
    boxes = [
        Box(
            int(row),
            int(column),
            "series-1" if row == column else "bad",
            round(0.12 + 0.4 * matrix[row, column] / largest, 3),
            f"{matrix[row, column]:.0f}",
            f"{matrix[row, column]:.0f} of class {classes[row]} predicted as {classes[column]}",
        )
        for row, column in zip(*np.nonzero(matrix), strict=True)
    ]
    return Boxes(classes, classes, boxes, "predicted class", "true class")


def _matrices(results: Results, rows: pd.DataFrame, classes: list[str]) -> list[tuple[list[str], np.ndarray]]:
    """The distinct matrices of one scenario, each with the implementations that counted it."""
    matrices: dict[bytes, tuple[list[str], np.ndarray]] = {}
    for who in results.in_order(rows["implementation"], results.implementations):
        counted = rows[rows["implementation"] == who].pivot_table("count", "target", "prediction", "sum")
        matrix = counted.reindex(index=classes, columns=classes).fillna(0).to_numpy(float)
        matrices.setdefault(matrix.tobytes(), ([], matrix))[0].append(who)
    return list(matrices.values())


def _class_order(rows: pd.DataFrame) -> list[str]:
    """Classes as the file writes them, numbers in numeric order."""
    found = set(rows["target"]) | set(rows["prediction"])
    return sorted(found, key=lambda value: (0, float(value), "") if _is_number(value) else (1, 0.0, value))


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def class_name(value: str, labels: list[str]) -> str:
    """The class that the file's ``value`` stands for: an id becomes its name, a name stays."""
    if _is_number(value) and float(value).is_integer():
        place = int(float(value))
        return labels[place] if 0 <= place < len(labels) else str(place)
    return value


# --- speed ---


def speed_rounds(results: Results, speed: pd.DataFrame) -> Figure:
    """Every round of every workload: time per step of each contender, one panel a workload."""
    contenders = list(dict.fromkeys(speed["contender"]))
    workloads = list(dict.fromkeys(speed["workload"]))
    panels = [Panel(name, _rounds(speed[speed["workload"] == name], contenders)) for name in workloads[:MOST_PANELS]]
    note = "A dot is one round, the bar their median; logarithmic scale, further left is faster."
    note += omitted(workloads, "workloads")
    return Figure(
        "speed",
        "Time per training step, every round",
        panels,
        note,
        size=(3.8, 0.6 + 0.3 * len(contenders)),
        margins=(label_width(contenders), 0.48),
    )


def _rounds(rows: pd.DataFrame, contenders: list[str]) -> Dots:
    dots = []
    for place, name in enumerate(contenders):
        found = rows[(rows["contender"] == name) & rows["seconds_per_step"].notna()]
        colour = f"series-{place % 6 + 1}"
        for turn, seconds in zip(found["round"], found["seconds_per_step"], strict=True):
            said = f"{name}, round {turn:.0f}: {microseconds(seconds)} µs a step"
            dots.append(Dot(place, float(f"{seconds * 1e6:.6g}"), colour, said))
        if len(found):
            median = found["seconds_per_step"].median()
            said = f"{name}, median: {microseconds(median)} µs a step"
            dots.append(Dot(place, float(f"{median * 1e6:.6g}"), colour, said, "bar"))
    values = [dot.value for dot in dots] or [1.0]
    low, high = min(values), max(values)
    room = max(1.3, (high / low) ** 0.06)
    return Dots(contenders, dots, "time per step, µs", low / room, high * room)
