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
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # The project for this folder, so that the command works from anywhere, installed or not.

from shared.datasets import describe, unknown_name  # noqa: E402
from shared.scenarios import SCENARIOS, Plan, Scenario, get, plan  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from compare.ledger.processes import Pool
    from compare.ledger.run import Ledger

IMPLEMENTATIONS = ("numpy", "torch", "keras")
DTYPES = ("float64", "float32")


class UsageError(Exception):
    """Bad usage or input, in one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{message}; `--help` shows the usage")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = _Parser(prog="run_all.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="fewer scenarios, at most 40 s on two cores")
    p.add_argument("--scenario", nargs="+", metavar="NAME", help="only these scenarios")
    p.add_argument("--impl", nargs="+", metavar="NAME", help="only these implementations, two at least")
    p.add_argument("--dtype", metavar="float32|float64", help="only this precision")
    p.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (reports/latest)")
    p.add_argument(
        "--limit", type=float, default=120.0, metavar="SECONDS", help="for one scenario, before it is given up"
    )
    p.add_argument("--list", action="store_true", help="list the scenarios and implementations")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    try:
        args = parser().parse_args(argv)
        if args.list:
            print(listing())
            return 0
        return run(args)
    except (UsageError, ValueError) as error:
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
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", "* in --quick too", f"implementations: {', '.join(IMPLEMENTATIONS)}"])


def chosen_scenarios(args: argparse.Namespace) -> list[Scenario]:
    """The scenarios that the arguments name."""
    if args.scenario:
        return [get(name) for name in dict.fromkeys(args.scenario)]
    return [scenario for scenario in SCENARIOS.values() if scenario.quick or not args.quick]


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


def run(args: argparse.Namespace) -> int:
    """Compare, time, write the report, and print the verdict."""
    start, started = time.monotonic(), datetime.now().astimezone().isoformat(timespec="seconds")
    scenarios, names, dtypes = chosen_scenarios(args), chosen_implementations(args), chosen_dtypes(args)
    if args.limit <= 0:
        raise UsageError(f"--limit {args.limit:g} must be above 0 seconds")
    folder = output_folder(args)

    from rich.console import Console

    from compare import results
    from compare.ledger.processes import Pool
    from compare.report import render

    console = Console(width=100, highlight=False)
    with tempfile.TemporaryDirectory(prefix="mlp-rosetta-") as work:
        with Pool(names, Path(work), 1, args.limit) as pool:  # The frameworks are imported while data is loaded.
            plans = [plan(scenario, dataset_of(scenario)) for scenario in scenarios]
            ledger = compare(plans, pool, dtypes, Path(work), console)
            speed = times(pool, 3 if args.quick else 7, console)
        run_facts = {
            "started": started,
            "seconds": round(time.monotonic() - start, 1),
            "command": shlex.join(["python", "compare/run_all.py", *sys.argv[1:]]),
            "selection": "quick" if args.quick else "chosen" if args.scenario else "default",
            "threads": 1,
        }
        stage = Path(work) / "report"
        stage.mkdir()
        verdict = results.write(stage, ledger, run_facts, speed)
        render(stage)
        publish(stage, folder)
    show_table(ledger, names, dtypes, console)
    for failure in ledger.failures:
        where = f" in {failure.scenario}" if failure.scenario else ""
        console.print(f"{failure.implementation} {failure.status}{where}: {failure.message}", markup=False)
    console.print(f"report: {folder / 'index.html'}   ({time.monotonic() - start:.0f} s)", soft_wrap=True, markup=False)
    console.print(
        verdict.sentence, soft_wrap=True, style={0: "bold green", 1: "bold red"}.get(verdict.exit_code, "bold yellow")
    )
    return verdict.exit_code


def dataset_of(scenario: Scenario) -> Any:
    from shared.datasets import load

    return load(scenario.dataset, seed=scenario.seed)


def compare(plans: list[Plan], pool: Pool, dtypes: list[str], work: Path, console: Console) -> Ledger:
    """Run the ledger under a progress bar."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from compare.ledger.run import run_ledger

    columns = (
        BarColumn(20),
        TextColumn("{task.completed}/{task.total} trainings"),
        TimeElapsedColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.description}"), console=console) as progress:
        task = progress.add_task("starting", total=None)

        def show(done: int, total: int, at: dict[str, str]) -> None:
            said = "  ".join(f"{name}: {scenario}" for name, scenario in at.items() if scenario)
            progress.update(task, completed=done, total=total, description=said or "importing the frameworks")

        ledger = run_ledger(plans, pool, dtypes, work, show)
        progress.update(task, description="compared")
    return ledger


def times(pool: Pool, rounds: int, console: Console) -> pd.DataFrame:
    """The speed table's rounds: one implementation works at a time, in turn."""
    import pandas as pd

    from compare.speed.rounds import interleaved

    with console.status("timing: one implementation at a time"):
        return pd.DataFrame(interleaved(pool, rounds, threads=1))


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
