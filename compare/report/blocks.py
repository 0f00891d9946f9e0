"""What a section of the report is made of. Each block is described once; the two templates render it."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from compare.report.marks import Mark


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
class Cell:
    """One cell of a table: ``address`` is what of the page's state it leads to, as a query, if it leads anywhere."""

    text: str
    failing: bool = False
    address: str = ""


@dataclass(frozen=True)
class Table:
    """A DataFrame of finished strings; columns may have two levels, the upper one a group's name.

    A cell may be "main · detail": the part after the dot is shown more quietly. Columns named in ``words``
    are aligned left, all others right. ``failing`` has the frame's shape and marks cells with a difference;
    ``addresses`` has it too. ``by`` names a column whose repeated values become headings between the rows.
    """

    title: str
    frame: pd.DataFrame
    note: str = ""
    words: frozenset[str] = frozenset()
    failing: pd.DataFrame | None = None
    by: str = ""
    addresses: pd.DataFrame | None = None

    @property
    def anchor(self) -> str:
        """The table's id inside the page."""
        return "table-" + slug(self.title)

    @property
    def labels_flat(self) -> list[str]:
        """The lowest level of the header, the column of ``by`` included."""
        return [str(column[-1]) if isinstance(column, tuple) else str(column) for column in self.frame.columns]

    @property
    def labels(self) -> list[str]:
        """The lowest level of the header, without the column of ``by``."""
        return [label for label in self.labels_flat if not self.by or label != self.by]

    @property
    def wordy(self) -> bool:
        """Whether every column is text, which then wraps."""
        return all(label in self.words for label in self.labels)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The upper level of the header as (name, number of columns); empty when there is one level only."""
        spans: list[tuple[str, int]] = []
        for column in self.frame.columns:
            if not isinstance(column, tuple):
                return []
            if self.by and column[-1] == self.by:
                continue
            repeated = bool(spans) and spans[-1][0] == column[0]
            spans.append((column[0], spans.pop()[1] + 1 if repeated else 1))
        return spans

    @property
    def full_labels_flat(self) -> list[str]:
        """One level of header for formats that know no groups."""
        columns: list[Hashable] = list(self.frame.columns)
        return [": ".join(filter(None, column)) if isinstance(column, tuple) else str(column) for column in columns]

    @property
    def full_labels(self) -> list[str]:
        """One level of header, without the column of ``by``."""
        pairs = zip(self.full_labels_flat, self.labels_flat, strict=True)
        return [full for full, label in pairs if not self.by or label != self.by]

    @property
    def rows(self) -> list[list[Cell]]:
        """The cells of every row."""
        marks = self.frame.isna() if self.failing is None else self.failing
        places = self.frame.map(lambda _: "") if self.addresses is None else self.addresses
        parts = zip(self.frame.values, marks.values, places.values, strict=True)
        return [[Cell(str(text), mark, to) for text, mark, to in zip(*row, strict=True)] for row in parts]

    @property
    def rows_flat(self) -> list[list[Cell]]:
        """The cells of every row for formats without headings between rows: a group's name in its first row only."""
        rows, before = self.rows, None
        if self.by:
            place = self.labels_flat.index(self.by)
            for row in rows:
                name = row[place].text
                row[place] = Cell("" if name == before else name)
                before = name
        return rows

    @property
    def bodies(self) -> list[tuple[str, list[list[Cell]]]]:
        """Rows under their headings, as (name, rows) without the column of ``by``; one group when there is none."""
        if not self.by:
            return [("", self.rows)]
        place, found = self.labels_flat.index(self.by), dict[str, list[list[Cell]]]()
        for row in self.rows:
            found.setdefault(row[place].text, []).append(row[:place] + row[place + 1 :])
        return list(found.items())


@dataclass(frozen=True)
class Style:
    """How one series is drawn: ``colour`` names an entry of the palette, ``width`` is in points."""

    colour: str
    width: float = 1.5
    dash: tuple[float, ...] = ()
    alpha: float = 1.0


@dataclass(frozen=True)
class Panel:
    """One small picture: a mark, or, for what none of the marks can show, a function that gets Matplotlib's axes."""

    title: str
    mark: Mark | Callable[[Axes], None]


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

    @property
    def answers(self) -> bool:
        """Whether the page's script can draw it, so that it answers to pointer and keys."""
        return not any(callable(panel.mark) for panel in self.panels)


@dataclass(frozen=True)
class Hidden:
    """A line, and blocks that are shown when it is opened; Markdown shows both."""

    summary: str
    blocks: list[Block]


@dataclass(frozen=True)
class Explorer:
    """Something that the page's script builds from ``data``, with the blocks that stand there without it."""

    name: str
    data: dict[str, Any]
    instead: list[Block]


Block = Prose | Verbatim | Terms | Table | Figure | Hidden | Explorer


@dataclass(frozen=True)
class Section:
    """A titled part of the report."""

    title: str
    blocks: list[Block]
    to: str = ""  # the anchor of the view that says more

    @property
    def anchor(self) -> str:
        """The section's address inside the page."""
        return slug(self.title)


@dataclass(frozen=True)
class View:
    """Sections that belong together: a tab of the page."""

    title: str
    sections: list[Section]

    @property
    def anchor(self) -> str:
        """The view's address inside the page."""
        return "view-" + slug(self.title)


def slug(text: str) -> str:
    """``text`` as an id."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")
