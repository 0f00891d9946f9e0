"""A worker's side of the channel: one job after the other, and what became of each."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare.run.channel import Channel


def message_of(error: BaseException) -> str:
    """One line: what was raised, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text} ({Path(frame.filename).name}, line {frame.lineno})"


def serve(address: str, prepare: Callable[[], None], do: Callable[[dict[str, Any]], Any]) -> None:
    """Prepare, then do one job after the other; what became of each goes to the channel of this address."""
    channel = Channel(address)
    try:
        prepare()
    except Exception as error:
        traceback.print_exc()
        channel.tell(event="failed", message=message_of(error))
        return
    channel.tell(event="ready")
    for job in channel.jobs():
        start = time.perf_counter()
        try:
            result = do(job)
            channel.tell(event="done", seconds=time.perf_counter() - start, result=result)
        except Exception as error:
            traceback.print_exc()
            channel.tell(event="failed", message=message_of(error))
