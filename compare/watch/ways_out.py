"""What to do about the commonest reasons for which a script does not even begin to train."""

from __future__ import annotations

import re
import traceback

MISSING = re.compile(
    r"No such file|not found|URL fetch failure|urlopen|HTTP Error|Connection|getaddrinfo|name resolution|download=True"
    r"|Max retries|Network is unreachable|timed out",
    re.I,
)
NO_GPU = re.compile(
    r"not compiled with CUDA|Found no NVIDIA driver|No CUDA GPUs|MPS (device|backend)|CUDA-capable device|No HIP", re.I
)


def way_out(error: BaseException, said: str) -> str:
    """What is wrong and how to mend it, where that is known; "" for any other error."""
    if is_missing(error):
        return (
            f"its data cannot be had ({said}): put the file there, name one with --data FILE, or let numbers be drawn "
            "with --synthetic (a table with --synthetic 768x9)"
        )
    if NO_GPU.search(str(error)):
        return (
            f"it asks for a GPU that this machine has not ({said}): let it take one only where there is one, as with "
            'torch.device("cuda" if torch.cuda.is_available() else "cpu")'
        )
    if wanted := _refused_arguments(error):
        return f"it wants other arguments ({wanted}): give them after a --, as in check.py train.py -- --epochs 10"
    if isinstance(error, EOFError):
        return f"it asks for input, and nobody answers ({said}): write the value into the script"
    if isinstance(error, NameError) and error.name == "get_ipython":
        return "this line is a notebook's own: remove it"
    return ""


def _refused_arguments(error: BaseException) -> str:
    """What argparse said before it ended a script; "" where it did not."""
    if isinstance(error, SystemExit):
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_name == "error" and frame.f_globals.get("__name__") == "argparse":
                return str(frame.f_locals.get("message", ""))
    return ""


def is_missing(error: BaseException) -> bool:
    """Whether a script ended because its data could not be had."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError | UnicodeError):
            return False
        if isinstance(error, FileNotFoundError | ConnectionError):
            return True
        if type(error).__name__ in ("URLError", "HTTPError", "ConnectTimeout", "MaxRetryError"):
            return True
        if type(error) in (Exception, RuntimeError, OSError) and MISSING.search(str(error)):
            return True
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return False
