"""Write the guide to the traps: python -m compare.traps FILE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from compare.traps.defaults import traps_page


def main(arguments: list[str]) -> int:
    """Write the page, whole or not at all; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m compare.traps FILE", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(traps_page(), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        print(f"{path} cannot be written ({error.strerror}): name a file in a folder that can", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
