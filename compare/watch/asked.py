"""What a command line gives to scripts: arguments of their own, data, the names of weights."""

from __future__ import annotations

import argparse
import re

from compare.usage import UsageError
from compare.watch.supplied import Supply


def split(argv: list[str]) -> list[list[str]]:
    """The command's own arguments, and behind each `--` those of a script."""
    parts: list[list[str]] = [[]]
    for argument in argv:
        if argument == "--":
            parts.append([])
        else:
            parts[-1].append(argument)
    return parts


def given_to(args: argparse.Namespace, arguments: list[list[str]]) -> tuple[Supply, Supply]:
    """What each script is given besides itself: what is named once is for both."""
    count = 2 if args.port else 1
    for values, word in (
        (arguments, "-- and a script's arguments"),
        (args.data, "--data"),
        (args.weights, "--weights"),
    ):
        if len(values) > count:
            raise UsageError(f"{word} stands {len(values)} times, for {'two scripts' if args.port else 'one script'}")
    for file in args.data:
        if not file.is_file():
            raise UsageError(f"--data {file} does not exist or is no file: name one")
    if args.synthetic and args.synthetic != "yes" and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", args.synthetic):
        raise UsageError(f"--synthetic {args.synthetic} is no size: give rows and columns, as 768x9, or nothing")
    found = []
    for which in (0, 1):
        own = arguments[min(which, len(arguments) - 1)] if arguments else []
        data = str(args.data[min(which, len(args.data) - 1)].resolve()) if args.data else ""
        weights = args.weights[min(which, len(args.weights) - 1)] if args.weights else ""
        found.append(Supply(own, weights, data, args.synthetic))
    return found[0], found[1]
