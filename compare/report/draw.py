"""How a Figure becomes SVG for a page without its script, or PNG for Markdown."""

from __future__ import annotations

import io
import math
import re
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from compare.report.blocks import Figure, Panel, Style
from compare.report.marks import Boxes, Dots, Lines
from compare.report.numbers import number, percent
from compare.report.palette import PALETTE

INK, QUIET, LINE, PAPER = (PALETTE[name][0] for name in ("ink", "quiet", "line", "paper"))
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
        _draw(panel, _axes(canvas, figure, 0, 0), figure.legend)
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    picture = text.getvalue()
    picture = picture[picture.index("<svg") :]
    picture = re.sub(r"<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    picture = re.sub(r' (?:width|height)="[\d.]+pt"', "", picture, count=2)  # the page sets the size
    picture = re.sub(r' d="[^"]*"', _shorter, picture)
    picture = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", picture)  # and the font
    scope = f"{figure.name}-{figure.panels.index(panel)}-"  # ids must be unique within the page
    picture = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{scope}", picture)
    for name, (light, _) in PALETTE.items():
        picture = picture.replace(light, f"var(--{name})")
    return picture.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _shorter(found: re.Match[str]) -> str:
    """A path's coordinates to a tenth of a point, which is enough and halves the file."""
    return re.sub(r"(\.\d)\d+", r"\1", found.group()).replace(" \nL ", "L")


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
            _draw(panel, axes, figure.legend)
            axes.set_title(panel.title)
        if figure.legend:
            lines = [Line2D([], [], **line_of(style)) for style in figure.legend.values()]
            canvas.legend(lines, list(figure.legend), loc="upper left", ncols=beside)
        canvas.savefig(data, format="png", dpi=110, metadata={"Software": None})
    return data.getvalue()


def _legend_width(names: list[str]) -> float:
    """Inches that an entry of a legend takes, by the longest of its names; at least what an empty one takes."""
    return 0.55 + 0.075 * max(map(len, names), default=0)


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


def _draw(panel: Panel, axes: Axes, styles: dict[str, Style]) -> None:
    mark = panel.mark
    if isinstance(mark, Lines):
        _draw_lines(mark, axes, styles)
    elif isinstance(mark, Dots):
        _draw_dots(mark, axes)
    elif isinstance(mark, Boxes):
        _draw_boxes(mark, axes)
    else:
        mark(axes)


def _draw_lines(mark: Lines, axes: Axes, styles: dict[str, Style]) -> None:
    drawn = False
    for line in mark.lines:
        y = np.array(line.y, float)
        drawn = drawn or bool(np.isfinite(y).any())
        marker: dict[str, Any] = {"marker": "o", "markersize": 3} if mark.markers else {}
        axes.plot(
            np.array(line.x, float),
            y if mark.floor is None else y.clip(mark.floor),
            **line_of(styles[line.name]),
            **marker,
        )
    if mark.log_x:
        axes.set_xscale("log", base=mark.log_x)
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.0f}"))
    else:
        axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    if mark.log_y:
        axes.set_yscale("log")
        _few_ticks(axes.yaxis)
    if mark.floor is not None:
        axes.set_ylim(bottom=mark.floor, top=axes.get_ylim()[1] * (3 if mark.log_y else 1))
    if mark.top is not None:
        axes.set_ylim(top=mark.top)
    if not drawn:
        axes.text(0.5, 0.5, mark.empty, ha="center", va="center", color=QUIET, transform=axes.transAxes)
    axes.set_xlabel(mark.x_label)
    axes.set_ylabel(mark.y_label)
    axes.margins(x=0.02)


def _few_ticks(axis: Axis) -> None:
    """Give a logarithmic axis few ticks, written as in the tables."""
    axis.set_major_locator(ticker.LogLocator(numticks=6))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: number(value, 1)))


def _draw_dots(mark: Dots, axes: Axes) -> None:
    shapes: dict[str, dict[str, Any]] = {
        "dot": {"marker": "o", "markersize": 4.5, "alpha": 0.5, "mew": 0},
        "cross": {"marker": "x", "markersize": 6, "mew": 1.6, "clip_on": False},
        "bar": {"marker": "|", "markersize": 15, "mew": 2.2},
    }
    if mark.limit is not None:
        axes.axvline(mark.limit, **line_of(BOUND))
    for colour, shape in dict.fromkeys((dot.colour, dot.shape) for dot in mark.dots):
        dots = [dot for dot in mark.dots if (dot.colour, dot.shape) == (colour, shape)]
        values = np.nan_to_num([dot.value for dot in dots], nan=mark.high).clip(mark.low, mark.high)
        axes.plot(values, [-dot.row for dot in dots], linestyle="none", color=PALETTE[colour][0], **shapes[shape])
    axes.set_xscale("log")
    axes.set_xlim(mark.low / 2 if mark.percent else mark.low, mark.high)
    axes.set_ylim(-len(mark.rows) + 0.4, 0.6)
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    if mark.percent:
        axes.set_xticks([1e-6, 1e-4, 1e-2, 1.0, 100.0])
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: percent(value, 1)))
    else:
        wide = mark.high / mark.low
        subs = (1.0, 2.0, 5.0) if wide < 20 else (1.0, 3.0) if wide < 1000 else (1.0,)
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=subs, numticks=8))
        axes.xaxis.set_major_formatter(
            ticker.FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        )
    axes.set_yticks([-i for i in range(len(mark.rows))], mark.rows)
    axes.set_xlabel(mark.x_label)
    if not mark.percent:
        axes.grid(True, axis="x")
        axes.grid(False, axis="y")


def _draw_boxes(mark: Boxes, axes: Axes) -> None:
    small = 7.5 if max((len(box.words) for box in mark.boxes), default=0) > 6 else 8.5
    for box in mark.boxes:
        place = (box.column - 0.5, box.row - 0.5)
        axes.add_patch(Rectangle(place, 1, 1, color=PALETTE[box.colour][0], alpha=box.shade, linewidth=0))
        if len(mark.columns) <= 20:
            axes.text(box.column, box.row, box.words, ha="center", va="center", fontsize=small)
    axes.set_xlim(-0.5, len(mark.columns) - 0.5)
    axes.set_ylim(len(mark.rows) - 0.5, -0.5)
    columns, rows = (
        [name if len(name) <= 10 else name[:9] + "…" for name in names] for names in (mark.columns, mark.rows)
    )
    axes.set_xticks(range(len(columns)), columns, rotation=30 if max(map(len, columns), default=0) > 6 else 0)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set_xlabel(mark.x_label)
    axes.set_ylabel(mark.y_label)
