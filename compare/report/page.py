"""Sections become pages: ``report.md`` with pictures beside it, and ``index.html`` in one file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from compare.report import assets, draw
from compare.report.blocks import Block, Explorer, Figure, Hidden, Panel, Style, View
from compare.report.marks import described
from compare.report.results import Results, load
from compare.report.sections import build

TEMPLATES = Path(__file__).parent / "templates"
VERDICTS = {
    "equal": ("good", "✓", "Equal"),
    "different": ("bad", "✗", "Different"),
    "measured": ("good", "✓", "Measured"),
}
UNFINISHED = ("warn", "!", "Incomplete")


@dataclass(frozen=True)
class Heading:
    """The top of a page: what it is about, a word, what that means, and how it looks."""

    kicker: str
    word: str
    told: str
    tone: str  # good, bad or warn
    mark: str

    @property
    def sentence(self) -> str:
        """What the word means, without the word."""
        return self.told.removeprefix(f"{self.word}: ")


def heading_of(results: Results) -> Heading:
    """The top of one run's report."""
    tone, mark, word = VERDICTS.get(results.summary["verdict"]["status"], UNFINISHED)
    kicker = f"mlp-rosetta · one network, {len(results.implementations)} implementations"
    return Heading(kicker, word, results.summary["verdict"]["sentence"], tone, mark)


def write_pages(folder: Path) -> None:
    """Read the results in ``folder``, make all pages, then put each in its place whole."""
    results = load(folder)
    write_views(heading_of(results), build(results), folder, "index", "report")


def write_views(heading: Heading, views: list[View], folder: Path, html: str, markdown: str) -> None:
    """Write ``html``.html, ``markdown``.md and the figures of ``views`` into ``folder``, once all are made."""
    pages = {
        f"{html}.html": _html(heading, views).encode(),
        f"{markdown}.md": _markdown(heading, views).encode(),
    }
    blocks = [block for view in views for section in view.sections for block in section.blocks]
    pages |= {f"figures/{figure.name}.png": draw.png(figure) for figure in _figures(blocks)}
    for name, content in pages.items():
        write_whole(folder / name, content)


def _figures(blocks: list[Block]) -> Iterator[Figure]:
    """The figures among blocks, those that are hidden at first included."""
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Hidden | Explorer):
            yield from _figures(block.blocks if isinstance(block, Hidden) else block.instead)


def _html(heading: Heading, views: list[View]) -> str:
    environment = page_environment()
    environment.filters["unbroken"] = _unbroken
    environment.globals |= {"svg": inline_svg, "swatch": swatch, "island": assets.island, "figure_data": _figure_data}
    css, js = assets.style("page.css", "tables.css", "figures.css", "report.css"), assets.script("report.js")
    return environment.get_template("report.html.j2").render(css=css, js=js, heading=heading, views=views)


def _unbroken(text: str) -> Markup:
    """``text`` in which no line ends inside a number such as 9e-14."""
    return Markup(re.sub(r"[\d.]+e-\d+", r'<span class="unbroken">\g<0></span>', str(escape(text))))


def _markdown(heading: Heading, views: list[View]) -> str:
    environment = _environment(autoescape=False)
    environment.filters |= {
        "plain": escape_markdown,
        "cell": lambda text: escape_markdown(" ".join(text.split())),
    }
    text = environment.get_template("report.md.j2").render(heading=heading, views=views)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def page_environment() -> jinja2.Environment:
    """The templates of pages: extend ``base.html.j2`` and give it ``css``, ``js``, and the blocks it names."""
    return _environment(autoescape=True)


def _environment(autoescape: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment


def inline_svg(figure: Figure, panel: Panel) -> Markup:
    return Markup(draw.svg(figure, panel, str(escape(f"{figure.title}: {panel.title}"))))


def _figure_data(figure: Figure) -> dict[str, Any]:
    """A figure as the page's script takes it."""
    return {
        "height": figure.size[1],
        "styles": {name: vars(style) for name, style in figure.legend.items()},
        "panels": [{"title": p.title, "mark": described(p.mark)} for p in figure.panels if not callable(p.mark)],
    }


def swatch(style: Style) -> Markup:
    """A short line in a series' style, for the legend."""
    dash = " ".join(f"{length * style.width:g}" for length in style.dash)
    return Markup(
        '<svg class="swatch" viewBox="0 0 32 10" aria-hidden="true"><path d="M0 5H32" '
        f'style="stroke: var(--{style.colour}); stroke-width: {style.width}; '
        f'stroke-dasharray: {dash or "none"}; opacity: {style.alpha}"/></svg>'
    )


def escape_markdown(text: str) -> str:
    """``text`` so that Markdown shows it as it is; underscores inside a word need no escape."""
    return re.sub(r"([\\`*<>|\[\]~])|(?<!\w)_|_(?!\w)", lambda found: "\\" + found.group(), text)


def write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    os.replace(beside, path)
