"""``python -m compare.report FOLDER``: rebuild the report from the stored results; ``--rosetta``: the Rosetta page."""

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
    parser.add_argument("folder", type=path_of, nargs="?", help="folder that holds results.json and data/")
    parser.add_argument("--rosetta", action="store_true", help="run the programs and write reports/rosetta/index.html")
    args = parser.parse_args(arguments)
    folder = args.folder
    if args.rosetta == bool(folder):
        raise UsageError("name a FOLDER that holds results.json and data/, or --rosetta, one of the two")
    if args.rosetta:
        return rosetta()
    try:
        render(folder)
    except ValueError as error:
        raise UsageError(str(error)) from None
    print(f"wrote {folder / 'report.md'} and {folder / 'index.html'}")
    return 0


def rosetta() -> int:
    """Run the programs and write the page of them."""
    from compare.report.rosetta import PAGE, write_rosetta

    try:
        write_rosetta()
    except ValueError as error:
        raise UsageError(str(error)) from None
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
