"""Bad usage of a command: one line on standard error and exit status 2."""

from __future__ import annotations

import argparse
from typing import NoReturn


class UsageError(Exception):
    """Bad usage or input, in one line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `--help` shows the usage")
