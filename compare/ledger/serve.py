"""A worker's side of the pipe: jobs in as JSON lines from standard input, events out as JSON lines."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def message_of(error: BaseException) -> str:
    """One line: what was raised, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text} ({Path(frame.filename).name}, line {frame.lineno})"


def serve(descriptor: int, prepare: Callable[[], None], do: Callable[[dict[str, Any]], Any]) -> None:
    """Prepare, then do one job after the other; what became of each goes to the file descriptor."""
    with os.fdopen(descriptor, "w", buffering=1) as events:

        def tell(**event: Any) -> None:
            events.write(json.dumps(event) + "\n")

        try:
            prepare()
        except Exception as error:
            traceback.print_exc()
            tell(event="failed", message=message_of(error))
            return
        tell(event="ready")
        for line in sys.stdin:
            job, start = json.loads(line), time.perf_counter()
            try:
                result = do(job)
                tell(event="done", seconds=time.perf_counter() - start, result=result)
            except Exception as error:
                traceback.print_exc()
                tell(event="failed", message=message_of(error))
