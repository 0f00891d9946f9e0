"""Bad usage of a command: one line on standard error and exit status 2."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NoReturn

LONGEST_LIMIT = 1e6  # seconds
SEVERAL: dict[str, Any] = {"nargs": "+", "action": "extend"}  # of an option that takes several values, or comes again


class UsageError(Exception):
    """Bad usage or input, in one line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `--help` shows the usage")


def one_line(error: object) -> str:
    """What an error says, in one line of no more than 500 characters; what is left out is its middle."""
    text = " ".join(str(error).split())
    return text if len(text) <= 500 else f"{text[:250]} ... {text[-245:]}"


# What an option may be, as argparse's `type`. -------------------------------------------------------------------------


def limit_of(text: str) -> float:
    """A time limit."""
    if not text.isascii() or "_" in text:
        raise ValueError
    value = float(text)
    if not math.isfinite(value) or not 0 < value <= LONGEST_LIMIT:
        raise UsageError(f"--limit {text} must be above 0 and at most {LONGEST_LIMIT:.0f} seconds")
    return value


def count_of(text: str) -> int:
    """A whole number in the digits 0 to 9."""
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError
    return int(text[:4000])


def path_of(text: str) -> Path:
    """A file or folder."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError("expected the name of a file or folder, found an empty one")
    return Path(text)


limit_of.__name__, count_of.__name__ = "number of seconds", "whole number"  # As argparse names them.
