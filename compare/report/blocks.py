"""What a section of the report is made of. Each block is described once; the two templates render it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.axes import Axes


@dataclass(frozen=True)
class Prose:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Verbatim:
    """Text shown as it is, such as an error message."""

    text: str


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    meanings: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A DataFrame of finished strings; columns may have two levels, the upper one a group's name.

    A cell may be "main · detail": the part after the dot is shown more quietly. Columns named in ``words``
    are aligned left, all others right. ``failing`` has the frame's shape and marks cells with a difference.
    """

    title: str
    frame: pd.DataFrame
    note: str = ""
    words: frozenset[str] = frozenset()
    failing: pd.DataFrame | None = None

    @property
    def labels(self) -> list[str]:
        """The lowest level of the header."""
        return [str(column[-1]) if isinstance(column, tuple) else str(column) for column in self.frame.columns]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The upper level of the header as (name, number of columns); empty when there is one level only."""
        spans: list[tuple[str, int]] = []
        for column in self.frame.columns:
            if not isinstance(column, tuple):
                return []
            repeated = bool(spans) and spans[-1][0] == column[0]
            spans.append((column[0], spans.pop()[1] + 1 if repeated else 1))
        return spans

    @property
    def full_labels(self) -> list[str]:
        """One level of header for formats that know no groups."""
        columns: list[Hashable] = list(self.frame.columns)
        return [": ".join(filter(None, column)) if isinstance(column, tuple) else str(column) for column in columns]

    @property
    def rows(self) -> list[list[tuple[str, bool]]]:
        """Per row, (text, failing) of every cell."""
        marks = self.frame.isna() if self.failing is None else self.failing
        return [list(zip(*row, strict=True)) for row in zip(self.frame.values, marks.values, strict=True)]


@dataclass(frozen=True)
class Style:
    """How one series is drawn: ``colour`` names an entry of the palette, ``width`` is in points."""

    colour: str
    width: float = 1.5
    dash: tuple[float, ...] = ()
    alpha: float = 1.0


@dataclass(frozen=True)
class Panel:
    """One small picture: ``draw`` gets the axes."""

    title: str
    draw: Callable[[Axes], None]


@dataclass(frozen=True)
class Figure:
    """Panels side by side under one legend.

    ``size`` is (width, height) of a panel, ``margins`` the room for labels (left, bottom), both in inches.
    """

    name: str
    title: str
    panels: list[Panel]
    note: str = ""
    legend: dict[str, Style] = field(default_factory=dict)
    size: tuple[float, float] = (3.8, 2.4)
    margins: tuple[float, float] = (0.65, 0.48)


Block = Prose | Verbatim | Terms | Table | Figure


@dataclass(frozen=True)
class Section:
    """A titled part of the report."""

    title: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        """The section's address inside the page."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")
