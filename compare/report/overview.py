"""The first screen: one sentence and one picture for each question that people come with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from compare.report import speed_pages, tables
from compare.report.blocks import Block, Figure, Panel, Prose, Style
from compare.report.figures import pair_name, share_dots
from compare.report.marks import Dot, Dots
from compare.report.numbers import as_float, number, percent
from compare.report.results import Results

SIZE = (4.0, 2.3)


def equal(results: Results) -> list[Block]:
    """Are they equal? Every scenario's worst share of its bound, a row for each pair."""
    cells = results.tables["cells"]
    if cells.empty:
        return [Prose("This run compared no scenario.")]
    scenarios = results.in_order(cells["scenario"], results.scenarios)
    wrong = results.in_order(cells.loc[~cells["equal"].astype(bool), "scenario"], results.scenarios)
    number_of = f"all {len(scenarios)} scenarios" if len(scenarios) > 1 else "the one scenario"
    if wrong:
        said = f"No: in {len(wrong)} of {len(scenarios)} scenarios something differs, first in {wrong[0]}."
    elif results.summary["verdict"]["exit_code"] == 3:
        said = f"As far as it got: in {number_of} what finished differs by no more than rounding may cause."
    else:
        most = percent(cells["used"].max())
        said = f"Yes: in every step of {number_of} no number differs by more than rounding may cause; the closest "
        said += f"comes to {most} of that."
    shown = pd.DataFrame([tables.worst(part) for _, part in cells.groupby(["scenario", "dtype", "a", "b"], sort=False)])
    shown["row"] = [f"{pair_name(r.a, r.b)}, {r.dtype}" for r in shown.itertuples()]
    order = [f"{pair_name(a, b)}, {dtype}" for dtype, a, b in tables.pair_columns(results, cells)]
    figure = Figure("overview-equal", "", [Panel("", share_dots(shown, "row", order))],
                    "A dot is a scenario; the dashed line is the most that rounding may cause.",
                    size=SIZE, margins=(1.5, 0.48))  # fmt: skip
    return [Prose(said), figure]


def fastest(results: Results) -> list[Block]:
    """Which is the fastest for which size?"""
    ratios = results.tables["speed_ratios"]
    ratios = ratios[~ratios["mode"].isin(speed_pages.CONTROLS)]
    if ratios.empty:
        timed = "" if results.tables["speed"].empty else " with ratios"
        return [Prose(f"This run timed nothing{timed}: python compare/run_all.py --only speed does.")]
    ratios = ratios.assign(contender=ratios["implementation"] + ", " + ratios["mode"])
    judged = ratios[ratios["objection"] == ""]
    cells = ratios[ratios["workload"] == "map"]
    names = list(dict.fromkeys(ratios["contender"]))
    styles = {name: Style(f"series-{i % 6 + 1}", 6.0) for i, name in enumerate(names)}
    if judged.empty:
        said = "Not ranked: the controls failed, so that the machine was too restless to tell."
    elif not cells.empty:
        said = _counted(judged[judged["workload"] == "map"])
    else:
        said = _listed(judged)
    if not cells.empty:
        panel, note = Panel("", speed_pages.map_boxes(cells, styles)), "Width of the hidden layers by batch size."
    else:
        panel = Panel("", _times_the_fastest(ratios, styles))
        note = "A dot is a contender's time per step over that of the fastest, logarithmic."
    return [Prose(said), Figure("overview-fastest", "", [panel], note, styles, SIZE, (0.9, 0.48))]


def _counted(cells: pd.DataFrame) -> str:
    """How many fields of the map each leads."""
    leaders = cells[cells["leads"].astype(str) == "True"]
    fields = len(cells.drop_duplicates(speed_pages.WORK))
    shares = leaders["contender"].value_counts()
    listed = "; ".join(f"{name} in {count}" for name, count in shares.items())
    return f"By width and batch size, of {fields} fields the fastest is, ties counted for each: {listed}."


def _listed(ratios: pd.DataFrame) -> str:
    """The fastest of every workload."""
    won: dict[str, list[str]] = {}
    for work, part in ratios.groupby("workload", sort=False):
        leaders = dict.fromkeys(part.loc[part["leads"].astype(str) == "True", "contender"])
        said = " and ".join(name.replace(", ", " (") + ")" for name in leaders) or "nobody"
        won.setdefault(said, []).append(f"{work} ({tables.layers(part['layer_sizes'].iloc[0])})")
    listed = "; ".join(f"{who} for {' and '.join(works)}" for who, works in won.items())
    return f"The fastest is {listed}."


def _times_the_fastest(ratios: pd.DataFrame, styles: dict[str, Style]) -> Dots:
    works = list(dict.fromkeys(ratios["workload"]))
    dots = []
    for place, work in enumerate(works):
        part = ratios[ratios["workload"] == work]
        least = part["seconds_per_step"].min()
        for row in part.itertuples():
            times = row.seconds_per_step / least
            said = f"{work}: {row.contender} takes {number(times, 3)} times as long as the fastest"
            dots.append(Dot(place, float(f"{times:.5g}"), styles[row.contender].colour, said))
    highest = max((dot.value for dot in dots if np.isfinite(dot.value)), default=10.0)
    return Dots(works, dots, "times the fastest", 0.8, max(12.0, highest * 1.4))


def frameworks(results: Results) -> list[Block]:
    """What do frameworks do differently?"""
    traps, defaults = results.tables["traps"], results.tables["defaults"]
    if traps.empty:
        return [Prose("This run did not measure it: python compare/run_all.py --only guide does, in half a minute.")]
    sizes = traps.assign(size=traps["size"].map(as_float))
    sizes = sizes[(sizes["size"] > 0) & np.isfinite(sizes["size"])].sort_values("size")
    said = f"{len(traps)} known ways make two “same” networks differ"
    if len(sizes):
        middle = number(sizes["size"].median(), 1)
        said += f"; half of them move the weights by {middle} of the largest or more within 200 steps"
    if not defaults.empty:
        count = int((defaults["same"].astype(str).str.lower() != "true").sum())
        said += f"; in {count} places PyTorch and Keras take another default for the same call"
    themes = list(dict.fromkeys(traps["theme"]))
    dots = [
        Dot(themes.index(row.theme), float(f"{row.size:.3g}"), f"series-{themes.index(row.theme) % 6 + 1}",
            f"{row.trap}: {number(row.size)} of the largest weight. {row.title}")
        for row in sizes.itertuples(index=False)
    ]  # fmt: skip
    figure = Figure("overview-frameworks", "", [Panel("", Dots(themes, dots, "difference of a weight", 1e-12, 10.0))],
                    "A dot is a known way to differ.", size=SIZE, margins=(1.9, 0.48))  # fmt: skip
    return [Prose(said + "."), figure] if dots else [Prose(said + ".")]
