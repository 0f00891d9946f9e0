"""Processes that judge files and print a row in JSON for each."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def rows_of(modules: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What modules print, each run with its arguments as `python -m`, all at once: row by row as they come.

    A process that ends early has given fewer rows.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    options["env"] = {**environment, "PYTHONPATH": path}
    running = [subprocess.Popen([sys.executable, "-m", *words], **options) for words in modules]
    pipes = {process.stdout.fileno(): process for process in running}  # type: ignore[union-attr]
    while pipes:
        for number in select.select(list(pipes), [], [])[0]:
            line = pipes[number].stdout.readline()  # type: ignore[union-attr]
            if line:
                yield json.loads(line)
            else:
                with pipes.pop(number):
                    pass  # It has ended, or ends here.
