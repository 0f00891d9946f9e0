"""The report of a run: ``report.md`` and ``index.html``, drawn from the stored results alone."""

from __future__ import annotations

from pathlib import Path


def render(folder: Path) -> None:
    """Write ``report.md``, ``figures/*.png`` and ``index.html`` into ``folder`` from its raw results.

    Reads ``results.json`` and ``data/*.csv`` (format: ``reports/README.md``) and never changes them.
    A missing or empty table costs the report that table's part, and a line says so. The pages are written
    only after all of them were made, so a failure leaves an earlier report as it was.

    Raises ValueError, with one clear line, when the stored results cannot be read.
    """
    from compare.report.page import write_pages  # late: pandas and matplotlib take a second to load

    write_pages(Path(folder))


def render_compared(first: Path, second: Path) -> None:
    """Write ``compared.html`` and ``compared.md`` into ``second``: what changed since the run in ``first``.

    Raises ValueError, with one clear line, when the stored results of either cannot be read.
    """
    from compare.report.compared import compared
    from compare.report.page import write_views
    from compare.report.results import load

    first, second = Path(first), Path(second)
    heading, views = compared(load(first), load(second), (first, second))
    write_views(heading, views, second, "compared", "compared")
