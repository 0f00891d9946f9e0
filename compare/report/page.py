"""Sections become pages: ``report.md`` with pictures beside it, and ``index.html`` in one file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from compare.report import assets, figures
from compare.report.blocks import Block, Figure, Hidden, Panel, View
from compare.report.results import Results, load
from compare.report.sections import build

TEMPLATES = Path(__file__).parent / "templates"
VERDICTS = {"equal": ("good", "✓", "Equal"), "different": ("bad", "✗", "Different")}
UNFINISHED = ("warn", "!", "Incomplete")


def write_pages(folder: Path) -> None:
    """Read the results in ``folder``, make all pages, then put each in its place whole."""
    results = load(folder)
    views = build(results)
    pages = {
        "index.html": _html(results, views).encode(),
        "report.md": _markdown(results, views).encode(),
    }
    blocks = [block for view in views for section in view.sections for block in section.blocks]
    pages |= {f"figures/{figure.name}.png": figures.png(figure) for figure in _figures(blocks)}
    for name, content in pages.items():
        write_whole(folder / name, content)


def _figures(blocks: list[Block]) -> Iterator[Figure]:
    """The figures among blocks, those that are hidden at first included."""
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Hidden):
            yield from _figures(block.blocks)


def _html(results: Results, views: list[View]) -> str:
    environment = page_environment()
    environment.globals |= {"svg": inline_svg, "swatch": swatch}
    css, js = assets.style("page.css", "tables.css", "report.css"), assets.script("report.js")
    return environment.get_template("report.html.j2").render(css=css, js=js, **_context(results, views))


def _markdown(results: Results, views: list[View]) -> str:
    environment = _environment(autoescape=False)
    environment.filters |= {
        "plain": escape_markdown,
        "cell": lambda text: escape_markdown(" ".join(text.split())),
    }
    text = environment.get_template("report.md.j2").render(**_context(results, views))
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


def _context(results: Results, views: list[View]) -> dict:
    tone, mark, word = VERDICTS.get(results.summary["verdict"]["status"], UNFINISHED)
    return {"summary": results.summary, "views": views, "tone": tone, "mark": mark, "word": word}


def inline_svg(figure: Figure, panel: Panel) -> Markup:
    return Markup(figures.svg(figure, panel, str(escape(f"{figure.title}: {panel.title}"))))


def swatch(style: figures.Style) -> Markup:
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
