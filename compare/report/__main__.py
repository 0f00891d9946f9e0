"""``python -m compare.report FOLDER``: rebuild the report from the stored results."""

from __future__ import annotations

import sys

from compare.report import render
from compare.run.command import guarded
from compare.usage import Parser, UsageError, path_of


def main(arguments: list[str] | None = None) -> int:
    """Render the folder named on the command line; return the exit code (0, or 2 on bad input)."""
    return guarded("compare.report", lambda: rendered(arguments), "the earlier pages are as they were")


def rendered(arguments: list[str] | None) -> int:
    """Do what the arguments ask for."""
    parser = Parser(
        prog="python -m compare.report", description="Rebuild report.md and index.html from stored results."
    )
    parser.add_argument("folder", type=path_of, help="folder that holds results.json and data/")
    folder = parser.parse_args(arguments).folder
    try:
        render(folder)
    except ValueError as error:
        raise UsageError(str(error)) from None
    print(f"wrote {folder / 'report.md'} and {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
