"""Sections become pages: ``report.md`` with pictures beside it, and ``index.html`` in one file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from compare.report import figures
from compare.report.blocks import Figure, Panel, Section
from compare.report.results import Results, load
from compare.report.sections import build

TEMPLATES = Path(__file__).parent / "templates"
VERDICTS = {"equal": ("good", "✓", "Equal"), "different": ("bad", "✗", "Different")}
UNFINISHED = ("warn", "!", "Incomplete")


def write_pages(folder: Path) -> None:
    """Read the results in ``folder``, make all pages, then put each in its place whole."""
    results = load(folder)
    sections = build(results)
    pages = {
        "index.html": _html(results, sections).encode(),
        "report.md": _markdown(results, sections).encode(),
    }
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                pages[f"figures/{block.name}.png"] = figures.png(block)
    for name, content in pages.items():
        _write_whole(folder / name, content)


def _html(results: Results, sections: list[Section]) -> str:
    environment = _environment(autoescape=True)
    environment.globals |= {"svg": _inline_svg, "swatch": _swatch}
    css = environment.get_template("report.css").render(palette=figures.PALETTE)
    return environment.get_template("report.html.j2").render(css=Markup(css), **_context(results, sections))


def _markdown(results: Results, sections: list[Section]) -> str:
    environment = _environment(autoescape=False)
    environment.filters |= {
        "plain": escape_markdown,
        "cell": lambda text: escape_markdown(" ".join(text.split())),
    }
    return environment.get_template("report.md.j2").render(**_context(results, sections))


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


def _context(results: Results, sections: list[Section]) -> dict:
    tone, mark, word = VERDICTS.get(results.summary["verdict"]["status"], UNFINISHED)
    return {"summary": results.summary, "sections": sections, "tone": tone, "mark": mark, "word": word}


def _inline_svg(figure: Figure, panel: Panel) -> Markup:
    return Markup(figures.svg(figure, panel, str(escape(f"{figure.title}: {panel.title}"))))


def _swatch(style: figures.Style) -> Markup:
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


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    os.replace(beside, path)
