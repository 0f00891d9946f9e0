"""``python -m compare.report FOLDER``: rebuild the report from the stored results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from compare.report import render


def main(arguments: list[str] | None = None) -> int:
    """Render the folder named on the command line; return the exit code (0, or 2 on bad input)."""
    parser = argparse.ArgumentParser(
        prog="python -m compare.report", description="Rebuild report.md and index.html from stored results."
    )
    parser.add_argument("folder", type=Path, help="folder that holds results.json and data/")
    folder = parser.parse_args(arguments).folder
    try:
        render(folder)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {folder / 'report.md'} and {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
