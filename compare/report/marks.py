"""What a picture shows, as data: drawn by draw.py for Markdown and for pages without a script, by the page's script
otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


def shortened(values: Iterable[float], digits: int = 7) -> list[float | None]:
    """Numbers with fewer digits, which a picture does not show; None for those that are not finite."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in map(float, values)]


@dataclass(frozen=True)
class Line:
    """One curve; ``name`` is an entry of the figure's legend. A y that is not finite is a gap."""

    name: str
    x: list[float | None]
    y: list[float | None]


@dataclass(frozen=True)
class Lines:
    """Curves over one axis. ``log_x`` is the base of a logarithmic x axis; y is cut at ``floor`` and ``top``."""

    lines: list[Line]
    x_label: str
    y_label: str
    log_x: int = 0
    log_y: bool = False
    floor: float | None = None
    top: float | None = None
    markers: bool = False
    empty: str = ""  # what is written where there is nothing to draw


@dataclass(frozen=True)
class Dot:
    """One value in a row; ``text`` says all that is known of it."""

    row: int
    value: float
    colour: str
    text: str
    shape: str = "dot"  # or "cross" or "bar"


@dataclass(frozen=True)
class Dots:
    """Values in rows over a logarithmic axis from ``low`` to ``high``, beyond which they are drawn at its ends."""

    rows: list[str]
    dots: list[Dot]
    x_label: str
    low: float
    high: float
    limit: float | None = None  # where a line is drawn
    percent: bool = False  # whether the axis is a share


@dataclass(frozen=True)
class Box:
    """One field of a grid: a few words in it, and all that is known of it."""

    row: int
    column: int
    colour: str
    shade: float  # 0 to 1
    words: str
    text: str


@dataclass(frozen=True)
class Boxes:
    """A grid of fields, the first row on top."""

    rows: list[str]
    columns: list[str]
    boxes: list[Box]
    x_label: str
    y_label: str


Mark = Lines | Dots | Boxes


def described(mark: Mark) -> dict[str, Any]:
    """A mark as the page's script takes it."""
    values: dict[str, Any] = {"kind": type(mark).__name__}
    for name, value in vars(mark).items():
        if isinstance(value, list) and value and not isinstance(value[0], str):
            value = [vars(entry) for entry in value]
        values[name] = value
    return values
