"""One implementation in its own process: its threads, its memory, its crash.

    python -m compare.ledger.worker NAME EVENTS

does one job at a time; jobs come and events go by the channel of the address EVENTS (`compare.run.channel`). What a
library prints goes to standard output and standard error, which the parent keeps in a log.

A job names the function that does it (`jobs.by_name`): whoever gives jobs brings them, and nothing here knows them.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from compare.ledger import adapters
from compare.ledger.serve import serve


def do(name: str, job: dict[str, Any]) -> Any:
    """The result of a job, as JSON has it."""
    module, _, function = job["do"].partition(":")
    return getattr(importlib.import_module(module), function)(name, job)


def main() -> None:
    name = sys.argv[1]
    serve(sys.argv[2], lambda: adapters.prepare(name), lambda job: do(name, job))


if __name__ == "__main__":
    main()
