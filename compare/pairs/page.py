"""The verdict as one page to send to a colleague: both scripts side by side, the lines that differ joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from compare.pairs.hold import Verdict
from compare.pairs.text import about, effect, gap_told, headline


def page(verdict: Verdict, a: Path, b: Path) -> str:
    """The page, self-contained."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    sides = [_side(verdict, path, number) for number, path in enumerate((a, b))]
    return environment.get_template("pair.html").render(
        verdict=verdict, a=verdict.a, b=verdict.b, about_a=about(verdict.a), about_b=about(verdict.b), sides=sides,
        effect=effect, gap=gap_told(verdict), headline=headline(verdict),
    )  # fmt: skip


def _side(verdict: Verdict, path: Path, which: int) -> dict[str, Any]:
    """A script's lines, each with the findings that point to it."""
    hits: dict[int, list[dict[str, Any]]] = {}
    for number, f in enumerate(verdict.findings, start=1):
        line = f.lines[which]
        if line and line.file == path.name:
            hits.setdefault(line.number, []).append({"number": number, "name": f.name, "text": f.text})
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [(number, line, hits.get(number, [])) for number, line in enumerate(text, start=1)]
    return {"name": path.name, "key": "ab"[which], "lines": lines}
