"""Train one MLP in NumPy, PyTorch and Keras, compare every number of every step, time them, write the report.

Exit status: 0 equal, 1 something differs, 2 bad usage or input, 3 an implementation crashed or timed out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # The project for this folder, so that the command works from anywhere, installed or not.

from compare.speed.arguments import Chosen as SpeedChoices  # noqa: E402
from compare.speed.arguments import add_arguments as add_speed_arguments  # noqa: E402
from compare.speed.arguments import chosen as speed_choices  # noqa: E402
from compare.usage import Parser, UsageError  # noqa: E402
from shared.datasets import Dataset, load  # noqa: E402
from shared.names import unknown_name  # noqa: E402
from shared.recipes import RECIPES  # noqa: E402
from shared.recipes import get as recipe_named  # noqa: E402
from shared.scenarios import SCENARIOS, Plan, Scenario, for_dataset, get, plan  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from compare.ledger.processes import Pool
    from compare.ledger.run import Ledger
    from compare.results import Part
    from compare.speed.measure import Crew

IMPLEMENTATIONS = ("numpy", "torch", "keras")
DTYPES = ("float64", "float32")
PARTS = ("repeat", "ledger", "relay", "recipes", "speed")  # of a run
SELF_TEST = "self-test"  # a part of its own
IMAGES = ("mnist", "fashion-mnist")  # datasets whose files have to be there
THREADS = 1  # of each implementation while it is compared; --threads are those while it is timed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = Parser(prog="run_all.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    amount = p.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="fewer scenarios, at most 40 s on two cores")
    amount.add_argument("--full", action="store_true", help="every pair of options besides, at most 25 minutes")
    amount.add_argument("--scenario", nargs="+", metavar="NAME", help="only these scenarios")
    amount.add_argument("--recipe", nargs="+", metavar="NAME", help="these tutorials' networks, to their full length")
    amount.add_argument("--data", type=Path, metavar="FILE", help="your own CSV or Parquet file in their place")
    amount.add_argument(
        "--self-test",
        type=int,
        nargs="?",
        const=200,
        metavar="N",
        help="check the checker: every trap, bugs planted in the templates, N clean comparisons (200)",
    )
    p.add_argument("--target", metavar="COLUMN", help="with --data: the column to predict")
    p.add_argument("--task", metavar="TASK", help="with --data: regression, binary or multiclass (inferred)")
    p.add_argument("--impute", action="store_true", help="with --data: fill missing values in, rather than refuse them")
    p.add_argument("--impl", nargs="+", metavar="NAME", help="only these implementations, two at least")
    p.add_argument("--dtype", metavar="float32|float64", help="only this precision")
    p.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (reports/latest)")
    p.add_argument(
        "--limit", type=float, default=120.0, metavar="SECONDS", help="for one scenario, before it is given up"
    )
    p.add_argument("--only", nargs="+", metavar="PART", help=f"only these parts of the run: {', '.join(PARTS)}")
    add_speed_arguments(p)
    p.add_argument("--list", action="store_true", help="list the scenarios and implementations")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    try:
        args = parser().parse_args(argv)
        if args.list:
            print(listing())
            return 0
        try:
            chosen = choices(args)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return run(args, chosen)
    except UsageError as error:
        print(f"run_all.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("run_all.py: interrupted; an earlier report is as it was", file=sys.stderr)
        return 130


def listing() -> str:
    """The scenarios, datasets and implementations, as text."""
    rows = [("scenario", "dataset", "loss", "activation", "optimizer", "what it shows")]
    for s in SCENARIOS.values():
        loss, activation, optimizer = (str(s.options[key]) for key in ("loss", "activation", "optimizer"))
        rows.append((f"{s.name}{' *' * s.quick}", s.dataset, loss, activation, optimizer, s.title))
    recipes = [("recipe", "dataset", "what it is")]
    recipes += [(name, recipe.scenario.dataset, recipe.scenario.title) for name, recipe in RECIPES.items()]
    foot = ["* in --quick too", f"parts: {', '.join(PARTS)}", f"implementations: {', '.join(IMPLEMENTATIONS)}"]
    return "\n".join([*_aligned(rows), "", *_aligned(recipes), "", *foot])


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


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


def output_folder(args: argparse.Namespace) -> Path:
    """The folder for the report, made if need be; UsageError if nothing can be written there."""
    folder: Path = args.out or ROOT / "reports" / "latest"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be written ({error.strerror}): name a folder that can") from None
    return folder


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


def choices(args: argparse.Namespace) -> Choices:
    """Check the arguments; UsageError or ValueError, in one line, if they ask for what is not there."""
    implementations, dtypes = chosen_implementations(args), chosen_dtypes(args)
    if args.self_test is not None and args.self_test < 0:
        raise UsageError(f"--self-test {args.self_test} must be 0 clean comparisons or more")
    if args.limit <= 0:
        raise UsageError(f"--limit {args.limit:g} must be above 0 seconds")
    if args.data is None and (args.target or args.task or args.impute):
        raise UsageError("--target, --task and --impute go with --data FILE")
    parts = chosen_parts(args)
    for name in args.recipe or ():
        recipe_named(name)
    own = own_data(args) if args.data else None
    scenarios = [for_dataset(own)] if own else chosen_scenarios(args) if "ledger" in parts else []
    skipped = [(scenario, reason) for scenario in scenarios if not own and (reason := why_skipped(scenario))]
    left = [scenario for scenario in scenarios if scenario not in [s for s, _ in skipped]]
    if skipped and not left:
        raise UsageError(f"{skipped[0][0].name} cannot be run: {skipped[0][1]}")
    speed = speed_choices(args, args.quick)
    return Choices(parts, left, skipped, own, implementations, dtypes, speed, output_folder(args))


def chosen_parts(args: argparse.Namespace) -> tuple[str, ...]:
    """The parts of the run: those that --only names, or those that go with what was selected."""
    if args.only:
        for name in args.only:
            if name not in PARTS:
                raise unknown_name("part", name, PARTS)
        return tuple(args.only)
    if args.recipe:
        return ("recipes",)
    if args.self_test is not None:
        return ("repeat", SELF_TEST)
    if args.scenario or args.data:
        return ("ledger",)
    return ("ledger", "speed") if args.quick else PARTS


def plans_of(chosen: Choices) -> list[Plan]:
    """The scenarios with their data; UsageError if a data file is damaged."""
    try:
        return [plan(s, chosen.own or load(s.dataset, seed=s.seed)) for s in chosen.scenarios]
    except ValueError as error:
        raise UsageError(str(error)) from None


def run(args: argparse.Namespace, chosen: Choices) -> int:
    """Compare, time, write the report, and print the verdict."""
    start, started = time.monotonic(), datetime.now().astimezone().isoformat(timespec="seconds")

    from rich.console import Console

    from compare import results
    from compare.ledger.processes import Pool
    from compare.report import render

    console = Console(width=100, highlight=False)
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlp-rosetta-")))
        crew = crew_of(chosen, work, stack, args.limit) if args.quick else None
        # The frameworks are imported while the data is loaded.
        with Pool(chosen.implementations, work, THREADS, args.limit) as pool:
            ledger = compare(plans_of(chosen), pool, chosen.dtypes, work, console)
            parts = []
            if "repeat" in chosen.parts:
                parts.append(repeat(pool, console))
            if SELF_TEST in chosen.parts:
                parts.append(self_test(pool, args.self_test, console))
            if "relay" in chosen.parts:
                parts.append(relay(pool, work, console))
            if "recipes" in chosen.parts:
                parts.append(recipes(pool, args.recipe, console))
        if any(finding.suspects for finding in ledger.findings.values()):
            parts.append(causes(ledger, console))
        if "speed" in chosen.parts:
            parts.append(speed(chosen, work, console, crew, args.limit))
        facts = {
            "started": started,
            "seconds": round(time.monotonic() - start, 1),
            "command": shlex.join(["python", "compare/run_all.py", *sys.argv[1:]]),
            "selection": selection(args),
        }
        stage = work / "report"
        stage.mkdir()
        verdict = results.write(stage, ledger, facts, parts, chosen.skipped, threads_of(chosen))
        render(stage)
        publish(stage, chosen.folder)
    if ledger.findings:
        show_table(ledger, chosen.implementations, chosen.dtypes, console)
    for line in remarks(args, chosen, ledger, parts):
        console.print(line, style="dim", soft_wrap=True, markup=False)
    console.print(f"report: {chosen.folder / 'index.html'}   ({time.monotonic() - start:.0f} s)", soft_wrap=True)
    style = {0: "bold green", 1: "bold red"}.get(verdict.exit_code, "bold yellow")
    console.print(verdict.sentence, soft_wrap=True, style=style, markup=False)
    return verdict.exit_code


def remarks(args: argparse.Namespace, chosen: Choices, ledger: Ledger, parts: list[Part]) -> list[str]:
    """What the terminal says between the table and the verdict, a line each."""
    lines = [f"{scenario.name} skipped: {reason}" for scenario, reason in chosen.skipped]
    if args.full:
        from shared.pairwise import left_out

        lines += [f"left out, since {reason}: {'; '.join(pairs)}" for reason, pairs in left_out().items()]
    for failure in ledger.failures:
        where = f" in {failure.scenario}" if failure.scenario else ""
        lines.append(f"{failure.implementation} {failure.status}{where}: {failure.message}")
    return lines + [line for part in parts for line in (*part.lost, *part.different, *part.notes)]


def threads_of(chosen: Choices) -> dict[str, list[int]]:
    """The threads that each implementation has in the parts that are run."""
    found = {"compared": [THREADS]} if set(chosen.parts) - {"speed"} else {}
    if "speed" in chosen.parts:
        found["timed"] = sorted({block.work.threads for block in chosen.speed.blocks})
    return found


def selection(args: argparse.Namespace) -> str:
    """What was chosen to run, in words."""
    if args.data:
        return f"{args.data.name}, target {args.target}"
    if args.self_test is not None:
        return "self-test"
    if args.scenario or args.recipe or args.only:
        return "chosen " + ("scenarios" if args.scenario else "recipes" if args.recipe else "parts")
    return "quick" if args.quick else "full" if args.full else "default"


@contextlib.contextmanager
def progress_of(part: str, console: Console) -> Iterator[Callable[..., None]]:
    """A progress bar for a part of the run; yields show(done, total, what is being done)."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    times = (TaskProgressColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    what = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
    columns = (TextColumn(f"{part:<8}"), BarColumn(20), *times, what)
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task("", total=None)

        def show(done: float, total: float, what: str = "") -> None:
            progress.update(task, completed=done, total=total, description=what)

        yield show


def compare(plans: list[Plan], pool: Pool, dtypes: list[str], work: Path, console: Console) -> Ledger:
    """The ledger; without plans, an empty one."""
    from compare.ledger.run import Ledger, run_ledger

    if not plans:
        return Ledger({}, [], dict.fromkeys(pool.workers, 0.0))
    with progress_of("ledger", console) as show:

        def show_jobs(done: int, total: int, at: dict[str, str]) -> None:
            said = "  ".join(f"{name}: {scenario}" for name, scenario in at.items() if scenario)
            show(done, total, said or "importing the frameworks" * (done < total))

        return run_ledger(plans, pool, dtypes, work, show_jobs)


def causes(ledger: Ledger, console: Console) -> Part:
    """Why an implementation differs."""
    from compare.results import Part
    from compare.traps.causes import find_causes

    with progress_of("causes", console) as show:
        rows = find_causes(ledger, show)
    said = [f"{r.implementation} in {r.scenario} ({r.dtype})\n{r.text}" for r in rows.itertuples()]
    return Part({"causes": rows}, notes=said)


def repeat(pool: Pool, console: Console) -> Part:
    """Whether each implementation repeats itself to the bit."""
    from compare.ledger.repeat import run_repeats
    from compare.results import Part

    with progress_of("repeat", console) as show:
        rows = run_repeats(pool, show)
    said = [
        f"{r.implementation} in {r.dtype} does not repeat itself"
        for r in rows[rows.message == ""].itertuples()
        if not r.equal
    ]
    lost = [f"repeating {r.implementation} in {r.dtype}: {r.message}" for r in rows[rows.message != ""].itertuples()]
    return Part({"repeat": rows}, said, lost, equal="each repeats itself to the bit")


def self_test(pool: Pool, clean: int, console: Console) -> Part:
    """The checker checked."""
    from compare.results import Part
    from compare.traps.selftest import run_self_test

    with progress_of("traps", console) as show:
        found = run_self_test(pool, clean, show)
    return Part(found.tables, found.wrong, found.lost, found.summary, "the checker finds what it should and no more")


def relay(pool: Pool, work: Path, console: Console) -> Part:
    """Checkpoints handed from one implementation to the next."""
    from compare import relay as track
    from compare.results import Part

    with progress_of("relay", console) as show:
        rows = track.run_relays(pool, work / "relay", show)
    return Part({"relay": rows}, track.different(rows), track.lost(rows), equal="each goes on from another's file")


def recipes(pool: Pool, names: list[str] | None, console: Console) -> Part:
    """The tutorials' networks."""
    from compare.recipes.run import run_recipes
    from compare.results import Part

    with progress_of("recipes", console) as show:
        found = run_recipes(pool, names, show)
    return Part(found.tables, found.different, found.lost, equal="the recipes train the same in each")


def crew_of(chosen: Choices, work: Path, stack: contextlib.ExitStack, limit: float) -> Crew | None:
    """The processes to time, started ahead to save the quick run's time; ended with the run, whatever becomes of it."""
    if "speed" not in chosen.parts:
        return None
    from compare.speed import campaign

    crew = campaign.start(chosen.speed.blocks, work / "speed", limit)
    stack.callback(crew.__exit__)
    return crew


def speed(chosen: Choices, work: Path, console: Console, crew: Crew | None, limit: float) -> Part:
    """The timings."""
    from compare.results import Part, environment
    from compare.speed import campaign, tables

    here = environment()
    parts = chosen.folder / "speed.parts" if chosen.speed.resumable else None
    with progress_of("speed", console) as show:
        samples = campaign.run(chosen.speed.blocks, work / "speed", parts, here, show, crew, limit)
    baseline = chosen.speed.baseline
    said, gates = tables.notes(samples, baseline, here), tables.equal(samples)
    different, lost = tables.different(samples), tables.lost(samples)
    return Part(tables.tables(samples, baseline), different, lost, said, gates)


def publish(stage: Path, folder: Path) -> None:
    """Move the finished files over those of an earlier report, each of them whole."""
    for path in sorted(stage.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(stage)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            part.write_bytes(path.read_bytes())
            os.replace(part, target)


def show_table(ledger: Ledger, names: list[str], dtypes: list[str], console: Console) -> None:
    """One line a scenario: each column's worst difference, and how much of its bound it used."""
    import itertools

    from rich.table import Table

    columns = [("float64", a, b) for a, b in itertools.combinations(names, 2) if "float64" in dtypes]
    columns += [("float32", "float64", name) for name in names if "float32" in dtypes]
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("scenario", no_wrap=True, max_width=22)
    for dtype, a, b in columns:
        table.add_column(f"{a}\n{b}" if dtype == "float64" else f"{b}\nfloat32", justify="right", no_wrap=True)
    for scenario, finding in ledger.findings.items():
        cells = []
        for column in columns:
            found = [c for c in finding.comparisons if (c.dtype, c.a, c.b) == column]
            gaps = [gap for c in found for gap in c.worst]
            worst = max(gaps, key=lambda gap: gap.used, default=None)
            if worst is None:
                cells.append("[yellow]–[/]")
            elif all(c.equal for c in found):
                cells.append(f"{worst.difference:.0e} [dim]{worst.used:4.0%}[/]")
            else:
                cells.append(f"[bold red]✗ {worst.difference:.0e}[/]")
        table.add_row(scenario, *cells)
    console.print(table)
    console.print(
        "worst difference (share of the largest entry) and how much of its bound it used; ✗ differs", style="dim"
    )


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
