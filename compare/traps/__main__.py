"""Write the guide to the traps: python -m compare.traps FILE."""

from __future__ import annotations

import contextlib
import os
import sys

from compare.run.command import guarded
from compare.traps.defaults import traps_page
from compare.usage import Parser, UsageError, path_of


def main(arguments: list[str]) -> int:
    """Write the page, whole or not at all; the exit status."""
    return guarded("compare.traps", lambda: written(arguments), "an earlier page is as it was")


def written(arguments: list[str]) -> int:
    """Do what the arguments ask for."""
    parser = Parser(prog="python -m compare.traps", description="Write the guide to the traps.")
    parser.add_argument("file", type=path_of, metavar="FILE", help="the Markdown file to write")
    path = parser.parse_args(arguments).file
    part = path.with_name(path.name + ".part")
    try:
        part.touch()  # Before the page is made, which takes a while.
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        part.write_text(traps_page(), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name a file in a folder that can") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
