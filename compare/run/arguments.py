"""The arguments of compare/run_all.py: what can be asked for, and what a run is to do for it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from compare.ledger.adapters import IMPLEMENTATIONS, KERAS_BACKENDS, keras_backend
from compare.speed.arguments import Chosen as SpeedChoices
from compare.speed.arguments import add_arguments as add_speed_arguments
from compare.speed.arguments import chosen as speed_choices
from compare.speed.arguments import given as speed_options
from compare.usage import SEVERAL, Parser, UsageError, count_of, limit_of, path_of
from shared.datasets import Dataset
from shared.names import unknown_name
from shared.recipes import RECIPES
from shared.recipes import get as recipe_named
from shared.scenarios import SCENARIOS, Scenario, for_dataset, get

DTYPES = ("float64", "float32")
PARTS = ("repeat", "ledger", "calls", "relay", "recipes", "guide", "speed")  # of a run
SELF_TEST = "self-test"  # a part of its own
DEFAULTS = "defaults"  # only where --only names it
MOST_SEEDS = 100_000  # of each training with a framework's defaults
MOST_CLEAN = 100_000  # comparisons of a self-test
IMAGES = ("mnist", "fashion-mnist")  # datasets whose files have to be there
LATEST = Path(__file__).resolve().parents[2] / "reports" / "latest"


def parser(description: str | None = None) -> argparse.ArgumentParser:
    """The command line."""
    p = Parser(prog="run_all.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    amount = p.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="fewer scenarios, about a minute on two cores")
    amount.add_argument("--full", action="store_true", help="every pair of options besides, at most 25 minutes")
    amount.add_argument("--scenario", **SEVERAL, metavar="NAME", help="only these scenarios")
    amount.add_argument("--recipe", **SEVERAL, metavar="NAME", help="these tutorials' networks, to their full length")
    amount.add_argument("--data", type=path_of, metavar="FILE", help="your own CSV or Parquet file in their place")
    amount.add_argument(
        "--self-test",
        type=count_of,
        nargs="?",
        const=200,
        metavar="N",
        help="check the checker: every trap, bugs planted in the templates, N clean comparisons (200)",
    )
    p.add_argument("--target", metavar="COLUMN", help="with --data: the column to predict")
    p.add_argument("--task", metavar="TASK", help="with --data: regression, binary or multiclass (inferred)")
    p.add_argument("--impute", action="store_true", help="with --data: fill missing values in, rather than refuse them")
    p.add_argument("--impl", **SEVERAL, metavar="NAME", help="only these implementations, two at least")
    p.add_argument("--dtype", metavar="float32|float64", help="only this precision")
    p.add_argument("--out", type=path_of, metavar="DIR", help="where the report goes (reports/latest)")
    p.add_argument(
        "--limit", type=limit_of, default=120.0, metavar="SECONDS", help="for one scenario, before it is given up"
    )
    p.add_argument("--only", **SEVERAL, metavar="PART", help=f"only these parts: {', '.join((*PARTS, DEFAULTS))}")
    p.add_argument("--seeds", type=count_of, metavar="N", help="with --only defaults: trainings of each kind (100)")
    p.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, as host:port, for trainings by the hundred")
    add_speed_arguments(p)
    p.add_argument("--list", action="store_true", help="list the scenarios and implementations")
    return p


def chosen_scenarios(args: argparse.Namespace) -> list[Scenario]:
    """The scenarios that the arguments ask for."""
    if args.scenario:
        return [get(name) for name in dict.fromkeys(args.scenario)]
    chosen = [scenario for scenario in SCENARIOS.values() if scenario.quick or not args.quick]
    if args.full:
        from shared.pairwise import generated

        chosen += generated()
    return chosen


def why_skipped(scenario: Scenario) -> str | None:
    """Why a scenario cannot be run, if so: its images are not there."""
    from shared.idx import available

    return available(scenario.dataset) if scenario.dataset in IMAGES else None


def own_data(args: argparse.Namespace) -> Dataset:
    """The user's own table; what was inferred from it is printed."""
    if args.target is None:
        raise UsageError("--data needs --target COLUMN: the column to predict")
    from shared.table import load_table

    dataset = load_table(args.data, args.target, task=args.task, impute=args.impute)
    print(*dataset.notes, sep="\n")
    return dataset


def chosen_implementations(args: argparse.Namespace) -> list[str]:
    """The implementations that the arguments name, in the usual order."""
    for name in args.impl or ():
        if name not in IMPLEMENTATIONS:
            raise unknown_name("implementation", name, IMPLEMENTATIONS)
    names = [name for name in IMPLEMENTATIONS if name in (args.impl or IMPLEMENTATIONS)]
    if len(names) < 2:
        raise UsageError(f"--impl names {names[0]} alone: a comparison needs two, of {', '.join(IMPLEMENTATIONS)}")
    return names


def chosen_dtypes(args: argparse.Namespace) -> list[str]:
    if args.dtype is None:
        return list(DTYPES)
    if args.dtype not in DTYPES:
        raise unknown_name("dtype", args.dtype, DTYPES)
    return [args.dtype]


class Choices(NamedTuple):
    """What the arguments ask for, checked."""

    parts: tuple[str, ...]  # of PARTS
    scenarios: list[Scenario]
    skipped: list[tuple[Scenario, str]]  # with the reason
    own: Dataset | None  # the user's own data
    implementations: list[str]
    dtypes: list[str]
    speed: SpeedChoices
    folder: Path
    seeds: int  # of the trainings with defaults
    cluster: str | None  # where they go, if not into processes


def choices(args: argparse.Namespace) -> Choices:
    """Check the arguments; UsageError or ValueError, in one line, if they ask for what is not there."""
    implementations, dtypes = chosen_implementations(args), chosen_dtypes(args)
    if args.self_test is not None and not 0 <= args.self_test <= MOST_CLEAN:
        raise UsageError(f"--self-test {args.self_test} must be 0 clean comparisons or more, and at most {MOST_CLEAN}")
    if args.data is None and (args.target or args.task or args.impute):
        raise UsageError("--target, --task and --impute go with --data FILE")
    if args.seeds is not None and not 1 <= args.seeds <= MOST_SEEDS:
        raise UsageError(f"--seeds {args.seeds} must be 1 or more, and at most {MOST_SEEDS}")
    for name in args.recipe or ():
        recipe_named(name)
    parts = chosen_parts(args)
    check_together(args, parts)
    if "keras" in implementations and keras_backend() not in KERAS_BACKENDS:
        raise UsageError(
            f"KERAS_BACKEND={keras_backend()} in the environment is none of {', '.join(KERAS_BACKENDS)}: unset it"
        )
    own = own_data(args) if args.data else None
    scenarios = [for_dataset(own)] if own else chosen_scenarios(args) if "ledger" in parts else []
    skipped = [(scenario, reason) for scenario in scenarios if not own and (reason := why_skipped(scenario))]
    left = [scenario for scenario in scenarios if scenario not in [s for s, _ in skipped]]
    if skipped and not left:
        raise UsageError(f"{skipped[0][0].name} cannot be run: {skipped[0][1]}")
    speed = speed_choices(args, args.quick)
    return Choices(
        parts, left, skipped, own, implementations, dtypes, speed, args.out or LATEST, args.seeds or 100, args.cluster
    )


def check_together(args: argparse.Namespace, parts: tuple[str, ...]) -> None:
    """UsageError for an option that no part of the run would look at."""
    looked_at = {
        "--scenario": (args.scenario, {"ledger"}),
        "--data": (args.data, {"ledger"}),
        "--full": (args.full, {"ledger", "calls"}),
        "--dtype": (args.dtype, {"ledger"}),
        "--recipe": (args.recipe, {"recipes"}),
        "--seeds": (args.seeds is not None, {DEFAULTS}),
        "--cluster": (args.cluster is not None, {DEFAULTS, "recipes"}),
        "--quick": (args.quick, {"ledger", "calls", "speed"}),
        "--self-test": (args.self_test is not None, {SELF_TEST}),
        **{name: (value, {"speed"}) for name, value in speed_options(args).items()},
    }
    for name, (given, where) in looked_at.items():
        if given and not where & set(parts):
            raise UsageError(
                f"{name} says something about {' and '.join(sorted(where))}, which this run leaves out: it is of "
                f"{', '.join(parts)}"
            )
    if args.quick and args.speed_full:
        raise UsageError("--quick and --speed-full contradict each other: name one of them")


def chosen_parts(args: argparse.Namespace) -> tuple[str, ...]:
    """The parts of the run: those that --only names, or those that go with what was selected."""
    if args.only:
        for name in args.only:
            if name not in (*PARTS, DEFAULTS):
                raise unknown_name("part", name, (*PARTS, DEFAULTS))
        return tuple(args.only)
    if args.recipe:
        return ("recipes",)
    if args.self_test is not None:
        return ("repeat", SELF_TEST)
    if args.scenario or args.data:
        return ("ledger",)
    return ("ledger", "calls", "speed") if args.quick else PARTS


def listing() -> str:
    """The scenarios, datasets and implementations, as text."""
    rows = [("scenario", "dataset", "loss", "activation", "optimizer", "what it shows")]
    for s in SCENARIOS.values():
        loss, activation, optimizer = map(s.said, ("loss", "activation", "optimizer"))
        rows.append((f"{s.name}{' *' * s.quick}", s.dataset, loss, activation, optimizer, s.title))
    recipes = [("recipe", "dataset", "what it is")]
    recipes += [(name, recipe.scenario.dataset, recipe.scenario.title) for name, recipe in RECIPES.items()]
    foot = [
        "* in --quick too",
        f"parts: {', '.join(PARTS)}; by --only: {DEFAULTS}",
        f"implementations: {', '.join(IMPLEMENTATIONS)}",
    ]
    return "\n".join([*_aligned(rows), "", *_aligned(recipes), "", *foot])


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
