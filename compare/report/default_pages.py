"""The section on what the frameworks' defaults make of a training."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes

from compare.report.blocks import Block, Figure, Hidden, Panel, Style, Table
from compare.report.draw import INK
from compare.report.figures import label_width
from compare.report.numbers import number
from compare.report.palette import PALETTE
from compare.report.results import Results

COLOURS = (*(f"series-{i}" for i in range(1, 7)), "warn")
OTHERS, OTHERS_COLOUR = "the other defaults", "quiet"  # those for which no colour is left
MEASURES = {"loss": "Test loss", "error": "Test error"}
GAP = ["scenario", "from", "to", "measure"]
CHANCE = 0.35  # how strongly a bar is drawn whose gap is no more than chance makes


def defaults(results: Results) -> list[Block]:
    """What makes the gaps: bars, a sentence each, and the numbers; nothing where that was not measured."""
    rows, ends = results.tables["default_gaps"], results.tables["default_ends"]
    if rows.empty:
        return []  # Only where a run was asked for it.
    said = rows.drop_duplicates(GAP)
    pairs = [f"{a} – {b}" for a, b in zip(said["from"], said["to"], strict=True)]
    frame = pd.DataFrame({"scenario": said["scenario"], "pair": pairs, "what makes the gap": said["said"]})
    note = (
        "The NumPy reference, trained from every seed with each mixture of two frameworks' defaults; a share is what "
        "switching one default changes, averaged over all orders of switching (Shapley), and a gap's shares add up "
        "to it. ± is half of a 95 % interval over the seeds."
    )
    words = frozenset(frame.columns)
    blocks: list[Block] = [
        _figure(rows[rows["measure"] == m], m, t) for m, t in MEASURES.items() if m in set(rows.measure)
    ]
    blocks.append(Table("What makes the gap", frame, note, words, by="scenario"))
    blocks.append(Hidden("Every share", [_shares(rows)]))
    if len(ends):
        blocks.append(_ends(results, ends))
    return blocks


def _figure(rows: pd.DataFrame, measure: str, title: str) -> Figure:
    """A panel for each pair of frameworks, a bar for each scenario, a colour for each factor."""
    whole = rows["share"].abs().groupby([rows[name] for name in GAP]).transform("sum")
    weights = (rows["share"].abs() / whole).groupby(rows["factor"]).sum().sort_values(ascending=False)
    colours = dict(zip(weights.index, COLOURS, strict=False))
    if len(weights) > len(COLOURS):
        colours[OTHERS] = OTHERS_COLOUR
    names = {key: _named(group, measure) for key, group in rows.groupby(["from", "to", "scenario"], sort=False)}
    panels = [
        Panel(
            f"from {a} to {b}",
            partial(
                _draw,
                groups=[(names[a, b, name], each) for name, each in group.groupby("scenario", sort=False)],
                colours=colours,
            ),
        )
        for (a, b), group in rows.groupby(["from", "to"], sort=False)
    ]
    most = max(group["scenario"].nunique() for _, group in rows.groupby(["from", "to"]))
    note = (
        "Beside each scenario the gap between the two frameworks; the bar is what it is made of, in parts of the sum "
        "of all shares without signs: to the right what raises the measure, to the left what lowers it. Pale: the "
        "gap is no more than chance makes."
    )
    return Figure(
        f"defaults-{measure}",
        f"{title}: what the defaults make of it",
        panels,
        note,
        {factor: Style(colour, 6.0) for factor, colour in colours.items()},
        size=(5.6, 0.65 + 0.3 * most),
        margins=(label_width(list(names.values())), 0.48),
    )


def _named(rows: pd.DataFrame, measure: str) -> str:
    """A scenario and its gap: "wine +0.9 points"."""
    first = rows.iloc[0]
    return f"{first['scenario']} {_signed(first['gap'], measure)}"


def _signed(value: float, measure: str) -> str:
    text = number(100 * value if measure == "error" else value)
    return ("+" if value > 0 else "") + text + " points" * (measure == "error")


def _draw(axes: Axes, groups: list[tuple[str, pd.DataFrame]], colours: dict[str, str]) -> None:
    for place, (_, rows) in enumerate(groups):
        whole = rows["share"].abs().sum()
        ends = {True: 0.0, False: 0.0}  # of what is drawn to the right, and to the left
        first = rows.iloc[0]
        by_chance = not abs(first["gap"]) > first["gap_within"] and not math.isnan(first["gap_within"])
        for factor, share in zip(rows["factor"], rows["share"], strict=True):
            if not share or not whole:
                continue
            width, right = share / whole, share > 0
            colour = PALETTE[colours.get(factor, OTHERS_COLOUR)][0]
            axes.barh(-place, width, 0.62, ends[right], color=colour, alpha=CHANCE if by_chance else 0.9, linewidth=0)
            ends[right] += width
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(-len(groups) + 0.4, 0.6)
    axes.set_yticks([-i for i in range(len(groups))], [name for name, _ in groups])
    axes.xaxis.set_major_locator(ticker.MultipleLocator(0.5))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{abs(value):.0%}"))
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlabel("lowers it   ·   raises it")


def _shares(rows: pd.DataFrame) -> Table:
    def cell(row: pd.Series, name: str) -> str:
        scale = 100 if row["measure"] == "error" else 1
        return f"{number(scale * row[name])} · ± {number(scale * row[f'{name}_within'])}"

    frame = pd.DataFrame(
        {
            "scenario": rows["scenario"],
            "pair": [f"{a} – {b}" for a, b in zip(rows["from"], rows["to"], strict=True)],
            "measure": rows["measure"],
            "gap": rows.apply(cell, axis=1, name="gap"),
            "default": rows["factor"],
            "share": rows.apply(cell, axis=1, name="share"),
        }
    )
    note = "The loss in the loss's unit, the error in points."
    return Table(
        "Every default's share", frame, note, frozenset({"scenario", "pair", "measure", "default"}), by="scenario"
    )


def _ends(results: Results, ends: pd.DataFrame) -> Table:
    frameworks = results.in_order(ends["framework"], results.implementations)
    lines = []
    for (name, measure), rows in ends.groupby(["scenario", "measure"], sort=False):
        found = {row["framework"]: _end(row) for _, row in rows.iterrows()}
        seeds = f"{rows['seeds'].max():.0f}"
        lines.append(
            {"scenario": name, "measure": measure, "seeds": seeds, **{w: found.get(w, "–") for w in frameworks}}
        )
    note = (
        "With each framework's defaults: the mean over the seeds and half of its 95 % interval, then where the middle "
        "95 % of the seeds lie. The error is the share of the test set that is predicted wrongly, in %."
    )
    return Table(
        "Where each framework ends", pd.DataFrame(lines), note, frozenset({"scenario", "measure"}), by="scenario"
    )


def _end(row: pd.Series) -> str:
    scale = 100 if row["measure"] == "error" else 1
    mean, within, low, high = (number(scale * row[name]) for name in ("mean", "within", "low", "high"))
    return f"{mean} ± {within} · {low} to {high}"
