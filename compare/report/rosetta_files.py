"""The files beside the Rosetta page: for each network one script, which hands the page its record and its programs.

Scripts, because a page that is opened from a disk may load nothing else; compressed, because digits are long:

    network("xor", "base64 of gzip of the JSON of [record, HTML]");
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

from compare.report import assets

_TEXT = re.compile(r'network\("[^"]*", "([^"]*)"\);\s*')


def file_of(folder: Path, name: str) -> Path:
    """The file of a network."""
    return folder / "data" / f"{name}.js"


def packed(record: dict[str, Any], html: str) -> str:
    """The text of a network's script; the same for the same record."""
    content = gzip.compress(str(assets.island([record, html])).encode(), 9, mtime=0)
    return f'network("{record["name"]}", "{base64.b64encode(content).decode("ascii")}");\n'


def read(path: Path) -> dict[str, Any] | None:
    """The record in a network's script; None where there is none that can be read."""
    try:
        found = _TEXT.fullmatch(path.read_text(encoding="ascii"))
        return json.loads(gzip.decompress(base64.b64decode(found[1])))[0] if found else None
    except (OSError, ValueError, EOFError):
        return None
