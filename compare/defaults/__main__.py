"""python -m compare.defaults [SCENARIO ...] [--seeds N] [--out FILE.csv]: what the defaults make of a scenario."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from compare.defaults.scenarios import PAIRS, SCENARIOS
from compare.usage import Parser, UsageError
from shared import scenarios


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m compare.defaults", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"by default {', '.join(SCENARIOS)}")
    parser.add_argument("--seeds", type=int, default=100, help="trainings of each, 100 by default")
    parser.add_argument("--out", type=Path, help="a CSV file for every share of every seed")
    found = parser.parse_args(given)
    if found.seeds < 1:
        raise UsageError(f"--seeds {found.seeds} must be 1 or more")
    for name in found.scenario:
        scenarios.get(name)
    return found


def main(given: list[str] | None = None) -> int:
    from compare.defaults.campaign import run
    from compare.defaults.gaps import check_said, sentences

    try:
        args = arguments(given)
    except (UsageError, ValueError) as error:
        print(f"compare.defaults: {error}", file=sys.stderr)
        return 2
    found = run(args.scenario or SCENARIOS, PAIRS, args.seeds)
    if args.out:
        found.shares.to_csv(args.out, index=False)
    print(*sentences(found.shares), check_said(found.tables["default_checks"]), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
