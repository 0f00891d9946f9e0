"""Train one MLP in NumPy, PyTorch and Keras, compare every number of every step, time them, write the report.

Exit status: 0 equal, 1 something differs, 2 bad usage or input, or a machine that cannot (a full disk), 3 an
implementation crashed or timed out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Until the command sees to it: there is nothing to tidy up yet.

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # The project for this folder, so that the command works from anywhere, installed or not.

from compare.run.arguments import DEFAULTS, SELF_TEST, Choices, choices, listing, parser  # noqa: E402
from compare.run.command import guarded, shown, unexpected, uninterruptible  # noqa: E402
from compare.run.publish import keep, publish, reserved  # noqa: E402
from compare.run.scratch import scratch  # noqa: E402
from compare.usage import UsageError  # noqa: E402
from shared.datasets import load  # noqa: E402
from shared.scenarios import Plan, plan  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    import pandas as pd
    from rich.console import Console

    from compare.ledger.jobs import Asking
    from compare.ledger.processes import Pool
    from compare.ledger.run import Ledger
    from compare.results import Part
    from compare.speed.measure import Crew

THREADS = 1  # of each implementation while it is compared; --threads are those while it is timed
PROCESSES = {"keras": 2} if (os.cpu_count() or 1) > 1 else {}  # Its steps take longest by far: the others wait for it.


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    return guarded("run_all.py", lambda: answer(argv), "an earlier report is as it was")


def answer(argv: list[str] | None) -> int:
    """Do what the arguments ask for."""
    args = parser(__doc__).parse_args(argv)
    if args.list:
        print(listing())
        return 0
    try:
        chosen = choices(args)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with reserved(chosen.folder):
        return run(args, chosen)


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
        work = stack.enter_context(scratch())
        crew = crew_of(chosen, work, stack, args.limit) if args.quick else None
        # The frameworks are imported while the data is loaded.
        with Pool(chosen.implementations, work, THREADS, args.limit, several=PROCESSES) as pool:
            ledger = compare(plans_of(chosen), pool, chosen.dtypes, work, console)
            parts = []
            parts += besides(args, chosen, pool, work, console)
            if SELF_TEST in chosen.parts:
                parts.append(self_test(pool, args.self_test, console))
        if DEFAULTS in chosen.parts:
            parts.append(defaults(chosen, console))
        if any(finding.suspects for finding in ledger.findings.values()):
            parts.append(causes(ledger, console))
        if "speed" in chosen.parts:
            parts.append(speed(chosen, work, console, crew, args.limit))
        facts = {
            "started": started,
            "seconds": round(time.monotonic() - start, 1),
            "command": shown(shlex.join(["python", "compare/run_all.py", *sys.argv[1:]])),
            "selection": selection(args),
        }
        stage = work / "report"
        stage.mkdir()
        verdict = results.write(stage, ledger, facts, parts, chosen.skipped, threads_of(chosen))
        try:
            render(stage)
        except Exception as error:
            raise UsageError(
                f"the pages were not made: {unexpected(error)}; the results lie in {keep(stage)}"
            ) from None
        uninterruptible()
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
        return shown(f"{args.data.name}, target {args.target}")
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


def besides(args: argparse.Namespace, chosen: Choices, pool: Pool, work: Path, console: Console) -> list[Part]:
    """What the workers are asked for besides the ledger: all of it together."""
    from compare.ledger.jobs import answered

    names = list(pool.workers)
    asking = {
        "repeat": repeat(names),
        "calls": calls(names, args),
        "relay": relay(names, work),
        "recipes": recipes(names, chosen, args.recipe),
        "guide": guide(names),
    }
    wanted = [name for name in asking if name in chosen.parts]
    if not wanted:
        return []
    with progress_of("besides", console) as show:
        return answered(
            [asking[name] for name in wanted], pool, lambda done, total: show(done, total, ", ".join(wanted))
        )


def repeat(names: list[str]) -> Asking[Part]:
    """Whether each implementation repeats itself to the bit."""
    from compare.ledger.repeat import run_repeats
    from compare.results import Part

    rows = yield from run_repeats(names)
    said = [
        f"{r.implementation} in {r.dtype} does not repeat itself"
        for r in rows[rows.message == ""].itertuples()
        if not r.equal
    ]
    lost = [f"repeating {r.implementation} in {r.dtype}: {r.message}" for r in rows[rows.message != ""].itertuples()]
    return Part({"repeat": rows}, said, lost, equal="each repeats itself to the bit")


def calls(names: list[str], args: argparse.Namespace) -> Asking[Part]:
    """What users call, held against recorded steps."""
    from compare.ledger.calls import run as track
    from compare.results import Part

    most = track.QUICK_ROWS if args.quick else {} if args.full else track.MOST_ROWS
    rows = yield from track.run_calls(names, most)
    said = (track.different(rows), track.lost(rows))
    return Part({"calls": rows}, *said, equal="each call does what the steps do")


def self_test(pool: Pool, clean: int, console: Console) -> Part:
    """The checker checked."""
    from compare.results import Part
    from compare.traps.selftest import run_self_test

    with progress_of("traps", console) as show:
        found = run_self_test(pool, clean, show)
    return Part(found.tables, found.wrong, found.lost, found.summary, "the checker finds what it should and no more")


def relay(names: list[str], work: Path) -> Asking[Part]:
    """Checkpoints handed from one implementation to the next."""
    from compare import relay as track
    from compare.results import Part

    rows = yield from track.run_relays(names, work / "relay")
    return Part({"relay": rows}, track.different(rows), track.lost(rows), equal="each goes on from another's file")


def recipes(names: list[str], chosen: Choices, wanted: list[str] | None) -> Asking[Part]:
    """The tutorials' networks."""
    from compare.recipes.run import run_recipes
    from compare.results import Part

    with executor_of(chosen) as executor:
        found = yield from run_recipes(names, wanted, executor)
    return Part(found.tables, found.different, found.lost, equal="the recipes train the same in each")


def defaults(chosen: Choices, console: Console) -> Part:
    """What the frameworks' defaults make of a training."""
    from compare.defaults import campaign
    from compare.defaults.gaps import check_said
    from compare.defaults.scenarios import SCENARIOS, pairs
    from compare.results import Part

    with executor_of(chosen) as executor, progress_of("defaults", console) as show:
        tables = campaign.run(SCENARIOS, pairs(chosen.implementations), chosen.seeds, executor, show).tables
    said = [*dict.fromkeys(tables["default_gaps"]["said"]), check_said(tables["default_checks"])]
    measured = f"what each framework's defaults make of {len(SCENARIOS)} networks from {chosen.seeds} seeds"
    return Part(tables, notes=said, measured=measured)


def executor_of(chosen: Choices) -> contextlib.AbstractContextManager[Executor | None]:
    """The cluster that was asked for, if one was."""
    if chosen.cluster is None:
        return contextlib.nullcontext()
    from compare.run.cluster import cluster

    return cluster(chosen.cluster)


def guide(names: list[str]) -> Asking[Part]:
    """The known ways to differ with their sizes, and the frameworks' defaults."""
    from compare.results import Part
    from compare.traps.defaults import run_guide

    tables, message = yield from run_guide(names)
    measured = "how far each known way to differ leads, and in which places the frameworks' defaults differ"
    return Part(tables, lost=[f"the guide: {message}"] if message else (), measured=measured)


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
    stacked = {"speed_stacks": stacks(console)} if chosen.speed.stacks else {}
    baseline = chosen.speed.baseline
    said, gates = tables.notes(samples, baseline, here), tables.equal(samples)
    different, lost = tables.different(samples), tables.lost(samples)
    return Part(tables.tables(samples, baseline) | stacked, different, lost, said, gates)


def stacks(console: Console) -> pd.DataFrame:
    """The timings of many networks as one stack."""
    import pandas as pd

    from compare.speed.stacks import measure

    with progress_of("stacks", console) as show:
        return pd.DataFrame(measure(show=show))


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
    sys.exit(main())
