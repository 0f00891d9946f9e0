"""``python -m compare.report FOLDER``: rebuild the report from the stored results; of two folders: what changed; with
``--rosetta``: the Rosetta page."""

from __future__ import annotations

import sys

from compare.report import render, render_compared
from compare.run.command import guarded
from compare.usage import Parser, UsageError, path_of


def main(arguments: list[str] | None = None) -> int:
    """Render what the command line names; return the exit code (0, or 2 on bad input)."""
    return guarded("compare.report", lambda: rendered(arguments), "the earlier pages are as they were")


def rendered(arguments: list[str] | None) -> int:
    """Do what the arguments ask for."""
    parser = Parser(
        prog="python -m compare.report",
        description="Rebuild report.md and index.html from stored results; with a second folder, say what changed.",
    )
    parser.add_argument("folder", type=path_of, nargs="?", help="folder that holds results.json and data/")
    parser.add_argument("later", type=path_of, nargs="?", help="a later run's folder: compared.html is written there")
    parser.add_argument("--rosetta", action="store_true", help="run the programs and write reports/rosetta/")
    args = parser.parse_args(arguments)
    if args.rosetta == bool(args.folder):
        raise UsageError("name a FOLDER that holds results.json and data/, or --rosetta, one of the two")
    if args.rosetta:
        return rosetta()
    try:
        if args.later:
            render_compared(args.folder, args.later)
        else:
            render(args.folder)
    except ValueError as error:
        raise UsageError(str(error)) from None
    made = ("report.md", "index.html") if args.later is None else ("compared.md", "compared.html")
    print(f"wrote {' and '.join(str((args.later or args.folder) / name) for name in made)}")
    return 0


def rosetta() -> int:
    """Run the programs that were not run as they are now, and write the page of all."""
    from compare.report.rosetta import write_rosetta

    print(f"wrote {write_rosetta()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
