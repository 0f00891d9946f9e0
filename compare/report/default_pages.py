"""The section on what the frameworks' defaults make of a training."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes

from compare.defaults.gaps import PROGRAM
from compare.report.blocks import Block, Figure, Hidden, Panel, Style, Table
from compare.report.draw import INK
from compare.report.figures import label_width, styles_of
from compare.report.numbers import number
from compare.report.palette import PALETTE
from compare.report.results import Results

COLOURS = (*(f"series-{i}" for i in range(1, 7)), "warn")
OTHERS, OTHERS_COLOUR = "the other defaults", "quiet"  # those for which no colour is left
MEASURES = {"loss": "Test loss", "error": "Test error"}
GAP = ["scenario", "from", "to", "measure"]
CHANCE = 0.35  # how strongly a bar is drawn whose gap is no more than chance makes


def defaults(results: Results) -> list[Block]:
    """What makes the gaps, and where each framework ends: pictures, a sentence each, and the numbers; nothing where
    that was not measured."""
    rows, ends, checks = (results.tables[f"default_{name}"] for name in ("gaps", "ends", "checks"))
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
    programs = results.tables["default_programs"]
    blocks += [_spread(results, programs, ends, m) for m in MEASURES if m in set(programs["measure"])]
    if len(ends):
        blocks.append(_ends(results, ends))
    if len(checks):
        blocks.append(_checks(checks))
    return blocks


def _spread(results: Results, programs: pd.DataFrame, ends: pd.DataFrame, measure: str) -> Figure:
    """A panel for each scenario, a row for each framework, a dot for each seed."""
    programs, ends = (each[each["measure"] == measure] for each in (programs, ends))
    frameworks = results.in_order(programs["framework"], results.implementations)
    colours = {name: style.colour for name, style in styles_of(frameworks).items()}
    panels = [
        Panel(
            name,
            partial(
                _draw_spread,
                values=programs[programs["scenario"] == name],
                ends=ends[ends["scenario"] == name],
                colours=colours,
                unit="test error, %" if measure == "error" else "test loss",
            ),
        )
        for name in dict.fromkeys(ends["scenario"])
    ]
    note = (
        "A dot is the framework's native program from one seed, the thick line the 95 % interval of their mean; the "
        "thin line below is that of the reference with the framework's defaults, from which the shares are."
    )
    return Figure(
        f"defaults-ends-{measure}",
        f"{MEASURES[measure]}: where each framework ends",
        panels,
        note,
        size=(3.8, 0.65 + 0.36 * len(frameworks)),
        margins=(label_width(frameworks), 0.48),
    )


def _draw_spread(axes: Axes, values: pd.DataFrame, ends: pd.DataFrame, colours: dict[str, str], unit: str) -> None:
    scale = 100 if unit.endswith("%") else 1
    for place, (name, colour) in enumerate(colours.items()):
        here = PALETTE[colour][0]
        dots = scale * values.loc[values["framework"] == name, "value"].sort_values().to_numpy()
        apart = [0.1 * (i % 3 - 1) - place for i in range(len(dots))]  # Equal values stay visible beside each other.
        axes.plot(dots, apart, linestyle="none", marker="o", markersize=4, mew=0, alpha=0.3, color=here)
        for row in ends[ends["framework"] == name].itertuples():
            own = row.trained == PROGRAM
            within = 0.0 if math.isnan(row.within) else scale * row.within
            at, colour, width = (-place, here, 3.5) if own else (-place - 0.3, INK, 1.0)
            axes.errorbar(scale * row.mean, at, xerr=within, fmt="|", markersize=8, color=colour, linewidth=width)
    axes.set_ylim(-len(colours) + 0.4, 0.5)
    axes.set_yticks([-i for i in range(len(colours))], list(colours))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5))
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlabel(unit)


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
    frame = pd.DataFrame(
        {
            "scenario": rows["scenario"],
            "pair": [f"{a} – {b}" for a, b in zip(rows["from"], rows["to"], strict=True)],
            "measure": rows["measure"],
            "gap": [_cell(row, "gap") for _, row in rows.iterrows()],
            "default": rows["factor"],
            "share": [_cell(row, "share") for _, row in rows.iterrows()],
        }
    )
    note = "The loss in the loss's unit, the error in points."
    return Table(
        "Every default's share", frame, note, frozenset({"scenario", "pair", "measure", "default"}), by="scenario"
    )


def _ends(results: Results, ends: pd.DataFrame) -> Table:
    frameworks = results.in_order(ends["framework"], results.implementations)
    lines = []
    for (name, measure, trained), rows in ends.groupby(["scenario", "measure", "trained"], sort=False):
        found = {row["framework"]: _end(row) for _, row in rows.iterrows()}
        about = {"scenario": name, "measure": measure, "trained": trained, "seeds": f"{rows['seeds'].max():.0f}"}
        lines.append(about | {w: found.get(w, "–") for w in frameworks})
    note = (
        "The mean over the seeds and half of its 95 % interval, then where the middle 95 % of the seeds lie. The "
        "error is the share of the test set that is predicted wrongly, in %."
    )
    frame = pd.DataFrame(lines).sort_values(["scenario", "measure"], kind="stable", key=_as_met)
    words = frozenset({"scenario", "measure", "trained"})
    return Table("Where each framework ends", frame, note, words, by="scenario")


def _as_met(values: pd.Series) -> pd.Series:
    """Places in the order in which the values are met first."""
    return values.map({value: place for place, value in enumerate(dict.fromkeys(values))})


def _end(row: pd.Series) -> str:
    scale = 100 if row["measure"] == "error" else 1
    mean, low, high = (number(scale * row[name]) for name in ("mean", "low", "high"))
    return f"{mean}{_within(scale * row['within'])} · {low} to {high}" if row["seeds"] > 1 else mean


def _within(value: float) -> str:
    return "" if math.isnan(value) else f" ± {number(value)}"


def _checks(checks: pd.DataFrame) -> Table:
    """The programs against the reference with their defaults."""
    frame = pd.DataFrame(
        {
            "scenario": checks["scenario"],
            "measure": checks["measure"],
            "framework": checks["framework"],
            "seeds": [f"{seeds:.0f}" for seeds in checks["seeds"]],
            "program less reference": [_cell(row, "gap") for _, row in checks.iterrows()],
            "by chance": [number(chance) for chance in checks["chance"]],
        }
    )
    note = (
        "Program and reference draw their own weights and orders from a seed, so that the distributions are compared. "
        "By chance: how likely two samples of one distribution are as far apart (Kolmogorov and Smirnov), made larger "
        "for the number of questions (Benjamini and Yekutieli). The loss in the loss's unit, the error in points."
    )
    words = frozenset({"scenario", "measure", "framework"})
    return Table("The programs against the reference with their defaults", frame, note, words, by="scenario")


def _cell(row: pd.Series, name: str) -> str:
    """A mean of some seeds with half of its interval."""
    scale = 100 if row["measure"] == "error" else 1
    within = row[f"{name}_within"]
    return f"{number(scale * row[name])} · " + ("1 seed" if math.isnan(within) else f"± {number(scale * within)}")
