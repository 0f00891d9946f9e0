"""What a page carries in itself: its style, its script and its data, inlined so that the file needs nothing else.

The sources are plain CSS files and JavaScript modules in ``assets/``. A page names the one module it starts from; what
that imports comes before it. Within a page all modules share one scope, so no two may give a name twice.
"""

from __future__ import annotations

import base64
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from compare.report.palette import PALETTE

ASSETS = Path(__file__).parent / "assets"
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) ([\w$]+)", re.MULTILINE)


def style(*names: str) -> Markup:
    """The palette as CSS variables, light and dark, and the named files of ``assets/``."""
    light, dark = ("".join(f"--{name}: {pair[i]}; " for name, pair in PALETTE.items()) for i in (0, 1))
    tokens = f":root {{ color-scheme: light dark; {light}}}\n"
    tokens += f"@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}\n"
    return Markup(tokens + "".join((ASSETS / name).read_text(encoding="utf-8") for name in names))


def script(entry: str) -> Markup:
    """The module ``entry`` of ``assets/`` and all that it imports, in one piece, each module once.

    Raises ValueError if two modules declare the same name.
    """
    sources: dict[str, str] = {}

    def collect(name: str) -> None:
        if name not in sources:
            text = (ASSETS / name).read_text(encoding="utf-8")
            sources[name] = ""  # also ends a circle
            for imported in IMPORT.findall(text):
                collect(imported)
            del sources[name]
            sources[name] = text

    collect(entry)
    owners: dict[str, str] = {}
    for name, text in sources.items():
        for declared in DECLARED.findall(text):
            if declared in owners:
                raise ValueError(f"{name} and {owners[declared]} both declare {declared}")
            owners[declared] = name
    parts = (re.sub(r"^export ", "", IMPORT.sub("", text), flags=re.MULTILINE) for text in sources.values())
    return Markup("".join(parts).replace("</", "<\\/"))


def island(value: Any) -> Markup:
    """``value`` as JSON that may stand inside a script element; numbers that are not finite become null."""
    text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_finite(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def packed(values: Any, kind: str) -> str:
    """An array as base64 of its little-endian bytes; ``kind`` is f4, f8, i2, u1 and so on. Read by packed.js."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()).decode("ascii")
