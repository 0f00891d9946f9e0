"""The page on many networks trained at once."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from compare.report.blocks import Block, Figure, Panel, Table
from compare.report.draw import INK
from compare.report.figures import label_width
from compare.report.numbers import microseconds, number
from compare.report.palette import PALETTE
from compare.report.results import Results
from compare.report.tables import layers


def stacks(results: Results) -> list[Block]:
    """How many times as fast one stack trains S networks; nothing where that was not timed."""
    rounds = results.tables["speed_stacks"]
    if rounds.empty:
        return []
    rounds = rounds.assign(times=rounds["alone"] / rounds["stack"])
    groups = [(f"{name}, {seeds:.0f} seeds", rows) for (name, seeds), rows in rounds.groupby(["scenario", "seeds"])]
    return [_figure(groups), _table(groups)]


def _figure(groups: list[tuple[str, pd.DataFrame]]) -> Figure:
    names = [name for name, _ in groups]
    note = "A dot is a round, the bar their median; 1 is as fast as one after the other."
    return Figure(
        "stacks",
        "Many networks as one stack: how many times as fast",
        [Panel("NumPy, float64, one thread", partial(_draw, groups=groups))],
        note,
        size=(6.3, 0.65 + 0.42 * len(groups)),
        margins=(label_width(names), 0.48),
    )


def _draw(axes: Axes, groups: list[tuple[str, pd.DataFrame]]) -> None:
    colour = PALETTE["series-1"][0]
    for place, (_, rows) in enumerate(groups):
        axes.barh(-place, rows["times"].median(), 0.5, color=colour, alpha=0.35, linewidth=0)
        axes.plot(rows["times"], [-place] * len(rows), linestyle="none", marker="o", markersize=4, color=colour)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xlim(left=0)
    axes.set_ylim(-len(groups) + 0.4, 0.6)
    axes.set_yticks([-i for i in range(len(groups))], [name for name, _ in groups])
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlabel("times as fast as one after the other")


def _table(groups: list[tuple[str, pd.DataFrame]]) -> Table:
    rows = []
    for name, each in groups:
        first, made = each.iloc[0], each["seeds"] * each["steps"]  # steps of all networks
        rows.append({
            "networks": f"{name} · {layers(first['layer_sizes'])}, batch {first['batch_size']:.0f}",
            "steps each": f"{first['steps']:.0f}",
            "one after the other, µs a step": microseconds((each["alone"] / made).median()),
            "as a stack, µs a step": microseconds((each["stack"] / made).median()),
            "times as fast": f"{number(each['times'].median(), 3)} · {number(each['times'].min(), 3)} to "
            f"{number(each['times'].max(), 3)}",
            "difference": number(first["difference"]),
        })  # fmt: skip
    note = (
        "The same networks from the same seeds, in NumPy: fit of the template, one network after the other, and all of "
        "them as one stack with an axis more. Medians over the rounds, with the lowest and the highest; the difference "
        "is the largest of a weight after training, over the largest weight."
    )
    return Table("One stack against one after the other", pd.DataFrame(rows), note, frozenset({"networks"}))
