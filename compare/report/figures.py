"""The pictures of the report, and how a Figure becomes SVG for the page or PNG for Markdown."""

from __future__ import annotations

import io
import math
import re
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from compare.report.blocks import Figure, Panel, Style
from compare.report.numbers import number, percent
from compare.report.palette import PALETTE
from compare.report.results import Results

INK, QUIET, LINE, PAPER, BAD = (PALETTE[name][0] for name in ("ink", "quiet", "line", "paper", "bad"))
MOST_PANELS = 12
MOST_CONFUSIONS = 3

# Lines that coincide must all stay visible: a broad pale one, a thin one, dashes and dots on top.
LAYERS: list[dict[str, Any]] = [
    {"width": 5.5, "alpha": 0.4},
    {"width": 1.8},
    {"width": 1.8, "dash": (3.0, 3.0)},
    {"width": 1.8, "dash": (1.0, 2.0)},
]
BOUND = Style("ink", 1.0, (6.0, 3.0), 0.75)

RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


def svg(figure: Figure, panel: Panel, label: str) -> str:
    """One panel as inline SVG, coloured by CSS variables; ``label`` is its description for screen readers."""
    text = io.StringIO()
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=figure.size)
        panel.draw(_axes(canvas, figure, 0, 0))
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    picture = text.getvalue()
    picture = picture[picture.index("<svg") :]
    picture = re.sub(r"<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    picture = re.sub(r' (?:width|height)="[\d.]+pt"', "", picture, count=2)  # the page sets the size
    picture = re.sub(r' d="[^"]*"', _two_decimals, picture)
    picture = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", picture)  # and the font
    scope = f"{figure.name}-{figure.panels.index(panel)}-"  # ids must be unique within the page
    picture = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{scope}", picture)
    for name, (light, _) in PALETTE.items():
        picture = picture.replace(light, f"var(--{name})")
    return picture.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _two_decimals(found: re.Match[str]) -> str:
    """A path's coordinates to a hundredth of a point, which is enough and halves the file."""
    return re.sub(r"(\.\d\d)\d+", r"\1", found.group())


def png(figure: Figure) -> bytes:
    """All panels of a figure in one picture on white, with titles and legend."""
    columns = min(len(figure.panels), max(1, round(11.4 / figure.size[0])))
    rows = math.ceil(len(figure.panels) / columns)
    width, height = figure.size[0], figure.size[1] + 0.35  # of a panel with its title
    across = max(width * columns, 6.3)
    beside = min(len(figure.legend), max(1, int(across / _legend_width(list(figure.legend)))))
    top = 0.4 + 0.2 * (math.ceil(len(figure.legend) / beside) - 1) if figure.legend else 0.0
    data = io.BytesIO()
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(across, height * rows + top), facecolor=PAPER)
        for place, panel in enumerate(figure.panels):
            row, column = divmod(place, columns)
            axes = _axes(canvas, figure, width * column, height * (rows - 1 - row))
            panel.draw(axes)
            axes.set_title(panel.title)
        if figure.legend:
            lines = [Line2D([], [], **line_of(style)) for style in figure.legend.values()]
            canvas.legend(lines, list(figure.legend), loc="upper left", ncols=beside)
        canvas.savefig(data, format="png", dpi=110, metadata={"Software": None})
    return data.getvalue()


def _axes(canvas: Canvas, figure: Figure, x: float, y: float) -> Axes:
    """Axes for a panel whose lower left corner is at (x, y) inches. Fixed margins keep panels in line."""
    left, bottom = figure.margins
    width, height = canvas.get_size_inches()
    inner = (figure.size[0] - left - 0.12) / width, (figure.size[1] - bottom - 0.1) / height
    return canvas.add_axes(((x + left) / width, (y + bottom) / height, *inner))


def line_of(style: Style) -> dict:
    """Matplotlib's arguments for a line of this style."""
    return {
        "color": PALETTE[style.colour][0],
        "linewidth": style.width,
        "linestyle": (0, style.dash) if style.dash else "solid",
        "alpha": style.alpha,
        "dash_capstyle": "butt",
    }


def styles_of(names: list[str], first_colour: int = 1) -> dict[str, Style]:
    """A style for each name, so that lines on top of each other can be told apart."""
    return {
        name: Style(f"series-{(first_colour - 1 + i) % 6 + 1}", **LAYERS[min(i, len(LAYERS) - 1)])
        for i, name in enumerate(names)
    }


def steps_axis(axes: Axes, ylabel: str) -> None:
    """Label axes whose x is the training step."""
    axes.set_xlabel("training step")
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    axes.margins(x=0.02)


def _log(axis: Axis) -> None:
    """Give a logarithmic axis few ticks, written as in the tables."""
    axis.set_major_locator(ticker.LogLocator(numticks=6))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: number(value, 1)))


def _label_width(names: list[str]) -> float:
    """Inches that the longest of ``names`` takes beside an axis."""
    return 0.2 + 0.08 * max(map(len, names))


def _legend_width(names: list[str]) -> float:
    """Inches that an entry of a legend takes, by the longest of its names; at least what an empty one takes."""
    return 0.55 + 0.075 * max(map(len, names), default=0)


def _say(axes: Axes, words: str) -> None:
    """Write a sentence where there is nothing to draw."""
    axes.text(0.5, 0.5, words, ha="center", va="center", color=QUIET, transform=axes.transAxes)


def omitted(names: list[str], what: str = "scenarios") -> str:
    """A sentence on panels that did not fit, or nothing."""
    return f" Shown: the first {MOST_PANELS} of {len(names)} {what}." if len(names) > MOST_PANELS else ""


# --- losses ---


def loss_curves(results: Results, losses: pd.DataFrame, dtype: str) -> Figure:
    """Loss over the steps, one panel a scenario, the implementations on top of each other."""
    losses = losses[losses["dtype"] == dtype]
    styles = styles_of(results.in_order(losses["implementation"], results.implementations))
    names = results.in_order(losses["scenario"], results.scenarios)
    panels = [
        Panel(name, partial(_draw_losses, rows=losses[losses["scenario"] == name], styles=styles))
        for name in names[:MOST_PANELS]
    ]
    note = (
        f"{dtype}, each trained on its own. The loss is the mean over a batch before its update "
        "(cross-entropy in nats, mse in the squared unit of the target). Where the lines coincide one sees "
        "dashes on a thin line on a broad one." + omitted(names)
    )
    return Figure("losses", "Loss at every step", panels, note, styles)


def _draw_losses(axes: Axes, rows: pd.DataFrame, styles: dict[str, Style]) -> None:
    for name, style in styles.items():
        line = rows[rows["implementation"] == name]
        axes.plot(line["step"], line["loss"].where(np.isfinite(line["loss"])), **line_of(style))
    if not np.isfinite(rows["loss"]).any():
        _say(axes, "no finite loss")
    steps_axis(axes, "loss")


# --- drift ---


def drift_curves(results: Results, drift: pd.DataFrame, dtype: str, quantity: str) -> Figure:
    """How the difference of ``quantity`` grows with the steps, one panel a scenario, one line a pair."""
    drift = drift[(drift["dtype"] == dtype) & (drift["quantity"] == quantity) & (drift["mode"] == "on its own")]
    drift = drift.assign(pair=[pair_name(a, b) for a, b in zip(drift["a"], drift["b"], strict=True)])
    # Pairs get colours of their own; a single implementation against float64 keeps the implementation's.
    pairs = results.in_order(drift["pair"], results.implementations)
    styles = styles_of(pairs, 1 if set(pairs) <= set(results.implementations) else 4)
    names = results.in_order(drift["scenario"], results.scenarios)
    panels = [
        Panel(name, partial(_draw_drift, rows=drift[drift["scenario"] == name], styles=styles))
        for name in names[:MOST_PANELS]
    ]
    against = "pairs of implementations" if dtype == "float64" else "each implementation against the float64 run"
    note = (
        f"{dtype}, {against}, each trained on its own. Difference: the largest |a - b| over the largest "
        "|reference|, no unit, logarithmic scale. A line on the bottom edge means exactly equal; a line that "
        "ends means NaN."
    ) + omitted(names)
    legend = styles | {"bound": BOUND} if drift["bound"].notna().any() else styles
    title = f"Difference of the {quantity} at every step, {dtype}"
    return Figure(f"drift-{dtype}", title, panels, note, legend)


def _draw_drift(axes: Axes, rows: pd.DataFrame, styles: dict[str, Style]) -> None:
    differences = rows["difference"].where(np.isfinite(rows["difference"]))
    floor = (
        10.0 ** (math.floor(math.log10(differences[differences > 0].min())) - 1) if (differences > 0).any() else 1e-17
    )
    bounds = set()
    for name, style in styles.items():
        line = rows[rows["pair"] == name]
        axes.plot(line["step"], differences[line.index].clip(lower=floor), **line_of(style))
        bounds.add((tuple(line["step"]), tuple(line["bound"].where(line["bound"] > 0))))
    for steps, bound in bounds:
        axes.plot(steps, bound, **line_of(BOUND))
    axes.set_yscale("log")
    axes.set_ylim(bottom=floor, top=axes.get_ylim()[1] * 3)
    _log(axes.yaxis)
    steps_axis(axes, "difference")
    if not np.isfinite(rows["difference"]).any():
        _say(axes, "NaN at every step")


def pair_name(a: str, b: str) -> str:
    """How a pair is written: two implementations, or the one that is held against float64."""
    return b if a == "float64" else f"{a} \N{EN DASH} {b}"


# --- headroom ---


def headroom(results: Results, cells: pd.DataFrame) -> Figure:
    """Every cell's share of its bound, one panel a dtype, one row a scenario."""
    names = results.in_order(cells["scenario"], results.scenarios)
    panels = [
        Panel(dtype, partial(_draw_headroom, rows=cells[cells["dtype"] == dtype], names=names))
        for dtype in results.in_order(cells["dtype"], ["float64", "float32"])
    ]
    note = (
        "One dot per pair, mode and phase: its worst difference as a share of the largest that rounding may "
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
        margins=(_label_width(names), 0.48),
    )


def _draw_headroom(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    left, right = 1e-7, 1e3
    used = rows["used"].fillna(right).clip(left, right)
    heights = rows["scenario"].map({name: -i for i, name in enumerate(names)})
    equal = rows["equal"].astype(bool)
    axes.axvline(1.0, **line_of(BOUND))
    axes.plot(used[equal], heights[equal], "o", markersize=4.5, alpha=0.5, color=PALETTE["series-1"][0], mew=0)
    axes.plot(used[~equal], heights[~equal], "x", markersize=6, color=BAD, mew=1.6, clip_on=False)
    axes.set_xscale("log")
    axes.set_xlim(left / 2, right)
    axes.set_ylim(-len(names) + 0.4, 0.6)
    axes.set_xticks([1e-6, 1e-4, 1e-2, 1.0, 100.0])
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: percent(value, 1)))
    axes.set_yticks([-i for i in range(len(names))], names)
    axes.set_xlabel("share of the bound used")


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
        Panel(f"{name}: {' = '.join(who)}", partial(_draw_confusion, matrix=matrix, classes=classes))
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


def _draw_confusion(axes: Axes, matrix: np.ndarray, classes: list[str]) -> None:
    largest = max(matrix.max(), 1.0)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = PALETTE["series-1" if row == column else "bad"][0]
        shade = 0.12 + 0.4 * matrix[row, column] / largest
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=shade, linewidth=0))
        if len(classes) <= 20:
            text = f"{matrix[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8.5 if len(classes) > 6 else 10)
    axes.set_xlim(-0.5, len(classes) - 0.5)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    names = [name if len(name) <= 10 else name[:9] + "…" for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=30 if max(map(len, names)) > 6 else 0)
    axes.set_yticks(range(len(classes)), names)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")


# --- speed ---


def speed_rounds(results: Results, speed: pd.DataFrame) -> Figure:
    """Every round of every workload: time per step of each contender, one panel a workload."""
    contenders = list(dict.fromkeys(speed["contender"]))
    workloads = list(dict.fromkeys(speed["workload"]))
    panels = [
        Panel(name, partial(_draw_speed, rows=speed[speed["workload"] == name], contenders=contenders))
        for name in workloads[:MOST_PANELS]
    ]
    note = "A dot is one round, the bar their median; logarithmic scale, further left is faster."
    note += omitted(workloads, "workloads")
    return Figure(
        "speed",
        "Time per training step, every round",
        panels,
        note,
        size=(3.8, 0.6 + 0.3 * len(contenders)),
        margins=(_label_width(contenders), 0.48),
    )


def _draw_speed(axes: Axes, rows: pd.DataFrame, contenders: list[str]) -> None:
    for place, name in enumerate(contenders):
        times = rows.loc[rows["contender"] == name, "seconds_per_step"].dropna() * 1e6
        colour = PALETTE[f"series-{place % 6 + 1}"][0]
        axes.plot(times, np.full(len(times), -place), "o", color=colour, alpha=0.45, markersize=4.5, mew=0)
        if len(times):
            axes.plot([times.median()], [-place], "|", color=colour, markersize=15, mew=2.2)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.3, high * 1.3)
    subs = (1.0, 2.0, 5.0) if high / low < 20 else (1.0, 3.0) if high / low < 1000 else (1.0,)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=subs, numticks=8))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.xaxis.set_major_formatter(
        ticker.FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    )
    axes.set_yticks([-i for i in range(len(contenders))], contenders)
    axes.set_ylim(-len(contenders) + 0.4, 0.6)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlabel("time per step, µs")
