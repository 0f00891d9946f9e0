"""Campaigns against the commands, as long as one likes; each prints what it found and exits with 1 if that is anything.

    python tests/stress.py usage              every kind of bad usage: one line, its exit status, nothing left behind
    python tests/stress.py kills --count 50   runs killed at random moments, the command and its workers
    python tests/stress.py failures           a hang and a crash of each implementation in each part of the run

Each works in a temporary folder of its own, which is the commands' temporary folder too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).parent))
import bad_usage

ROOT = bad_usage.ROOT
MARK = "MLP_ROSETTA_STRESS"  # in the environment of every process of a campaign


def environment(tmp: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp), MARK: str(tmp), **more}


def left_running(tmp: Path) -> list[psutil.Process]:
    """Processes of this campaign."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(tmp) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def gone(tmp: Path, seconds: float = 2.0) -> bool:
    """Whether no process of a campaign is left after so many seconds."""
    end = time.monotonic() + seconds
    while left_running(tmp) and time.monotonic() < end:
        time.sleep(0.05)
    return not left_running(tmp)


def temporary(tmp: Path) -> list[str]:
    return sorted(path.name for path in tmp.glob("mlp-rosetta-*"))


# Bad usage ------------------------------------------------------------------------------------------------------------


def complaints(kind: bad_usage.Kind, folder: Path, tmp: Path) -> list[str]:
    """What is wrong with the answer to one kind of bad usage."""
    tmp.mkdir()
    command = [str(ROOT / word) if word.endswith(".py") else word for word in bad_usage.COMMANDS[kind.command]]
    process = subprocess.Popen(
        [sys.executable, *command, *(a.encode("utf-8", "surrogateescape") for a in kind.arguments)],
        env=environment(tmp, **dict(kind.environment)),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        out, err = process.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        process.kill()
        return [f"{kind}: it goes on and on"]
    done, found = subprocess.CompletedProcess([], process.returncode, out, err), list[str]()
    if done.returncode != kind.status:
        found.append(f"exit status {done.returncode}, expected {kind.status}")
    if kind.status and (done.stderr.count("\n") != 1 or not done.stderr.strip()):
        found.append(f"{done.stderr.count(chr(10))} lines on standard error: {done.stderr[-300:]!r}")
    if "Traceback" in done.stdout + done.stderr or "; the details are in" in done.stderr:
        found.append(f"an error that was not expected: {(done.stdout + done.stderr)[-300:]!r}")
    if len(done.stderr) > 1000:
        found.append(f"a line of {len(done.stderr)} characters")
    if not gone(tmp):
        found.append("a process is left")
        for process in left_running(tmp):
            process.kill()
    if temporary(tmp):
        found.append(f"left behind: {temporary(tmp)}")
    for line in found:
        print(f"{kind}: {line}", file=sys.stderr, flush=True)
    return [f"{kind}: {line}" for line in found]


def usage(args: argparse.Namespace, work: Path) -> tuple[str, list[str]]:
    """Every kind of bad usage, and every candidate that disturbs and is equal all the same."""
    bad_usage.prepare(work / "files")
    kinds = list(bad_usage.kinds())
    names = [f"{name}.py" for name in bad_usage.HARMLESS]
    kinds += [bad_usage.Kind("check", (name, "--limit", "20", "--steps", "6"), 0) for name in names]
    before = listing(work / "files")
    with ThreadPoolExecutor(args.at_once) as pool:
        jobs = [(kind, work / "files", work / f"tmp{number}") for number, kind in enumerate(kinds)]
        found = [line for lines in pool.map(lambda job: complaints(*job), jobs) for line in lines]
    if listing(work / "files") != before:
        found.append(f"files changed: {listing(work / 'files') ^ before}")
    return f"{len(kinds)} kinds of bad usage and of candidates", found


def listing(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts}


# Kills ----------------------------------------------------------------------------------------------------------------

RUNS = {
    "tiny": "--scenario xor --impl numpy torch --dtype float64",
    "short": "--scenario xor moons iris --only repeat ledger relay recipes --impl numpy torch",
    "quick": "--quick",
    "default": "",
}
NEXT = "--scenario xor --impl numpy torch --dtype float64"


def content(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def is_whole(home: Path) -> bool:
    """Whether a folder holds one report and nothing else: what it lists is what there is, of one run."""
    files = content(home)
    listed = {".contents", *files.get(".contents", b"").decode().split()}
    started = json.loads(files["results.json"])["run"]["started"] if "results.json" in files else "none"
    page = files.get("report.md", b"").decode()
    return set(files) == listed and started[:16].replace("T", " ") in page.replace("T", " ")


def start(words: str, home: Path, tmp: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "compare" / "run_all.py"), *words.split(), "--out", str(home)]
    return subprocess.Popen(
        command, env=environment(tmp), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/"
    )


WORKERS_A_RUN = 3  # killed, each an interruption that the run survives


def kills(args: argparse.Namespace, work: Path) -> tuple[str, list[str]]:
    """Runs killed at random moments, or their workers; each into the folder in which an earlier report lies."""
    dice, found = random.Random(args.seed), list[str]()
    home, tmp = work / "reports" / "latest", work / "tmp"
    tmp.mkdir()
    begin = time.monotonic()
    with start(RUNS[args.run], home, tmp) as first:
        said = first.stderr.read()  # type: ignore[union-attr]
    if first.returncode:
        return "no run", [f"the first run ended with {first.returncode}: {said}"]
    whole = time.monotonic() - begin
    counts: Counter[str] = Counter()
    while counts.total() < args.count and time.monotonic() - begin < args.seconds:
        leftover = temporary(tmp)
        kill = kill_workers if dice.random() < 0.125 else kill_main  # So that three in ten are kills of workers.
        what, complaints = kill(args, dice, whole, home, tmp)
        number = counts.total()
        counts.update(what)
        if not gone(tmp):
            complaints.append(f"left running: {[p.cmdline() for p in left_running(tmp)]}")
        if not is_whole(home):
            complaints.append("the report is a mixture")
        if [folder for folder in leftover if folder in temporary(tmp)]:
            complaints.append(f"the run has not removed {leftover}")
        name = f"kill {number + 1}: {', '.join(what)}"
        found += [f"{name}: {line}" for line in complaints]
        print(name, *complaints, file=sys.stderr, flush=True)
    with start(NEXT, home, tmp) as last:
        last.communicate()
    beside = sorted(path.name for path in home.parent.iterdir())
    if last.returncode or temporary(tmp) or beside != ["latest"] or not is_whole(home):
        found.append(f"the next run: {last.returncode}, left {temporary(tmp)}, {beside}")
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    return f"{counts.total()} kills in a run of {whole:.0f} s ({said})", found


def kill_main(
    args: argparse.Namespace, dice: random.Random, whole: float, home: Path, tmp: Path
) -> tuple[list[str], list[str]]:
    """Kill the command at one moment of a run: what was done, and what was wrong."""
    name, before = dice.choice(("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT")), content(home)
    found = list[str]()
    with start(RUNS[args.run], home, tmp) as process:
        time.sleep(dice.uniform(0.2, whole * 1.05))
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, getattr(signal, name))
        try:
            said = process.communicate(timeout=args.patience)[1]
        except subprocess.TimeoutExpired:
            found.append("it has not ended")
            process.kill()
            said = process.communicate()[1]
    code = process.returncode
    expected = {-9, 0} if name == "SIGKILL" else {0, 128 + 2, 128 + 15, -15, -2}
    if code not in expected or said.count("\n") > 1 or "Traceback" in said:
        found.append(f"exit status {code}, {said[-300:]!r}")
    if code not in (0, -9) and content(home) != before:
        found.append("the report was touched")
    return [f"{name} to the main"], found


def kill_workers(
    args: argparse.Namespace, dice: random.Random, whole: float, home: Path, tmp: Path
) -> tuple[list[str], list[str]]:
    """Kill processes below the command at some moments of a run that goes on to its end."""
    moments = sorted(dice.uniform(0.2, whole * 0.8) for _ in range(WORKERS_A_RUN))
    done, found, begin = list[str](), list[str](), time.monotonic()
    with start(RUNS[args.run], home, tmp) as process:
        for moment in moments:
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            if below:
                name = dice.choice(("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT"))
                done.append(f"{name} to a worker")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(dice.choice(below).pid, getattr(signal, name))
        try:
            said = process.communicate(timeout=3 * whole + 60)[1]
        except subprocess.TimeoutExpired:
            found.append("it has not ended")
            process.kill()
            said = process.communicate()[1]
    if process.returncode not in (0, 3) or said:
        found.append(f"exit status {process.returncode}, {said[-300:]!r}")
    return done, found


# Failures -------------------------------------------------------------------------------------------------------------

BREAKS = {"crash": "os._exit(11)", "hang": "time.sleep(600)"}
PARTS = ("ledger", "repeat", "relay", "recipes", "speed")
# Where a part's work begins, is under way and ends: a method of the template, and how many calls of it pass before.
PLACES = {
    "ledger": {"middle": ("train_step", 70), "end": ("predict", 1)},
    "repeat": {"middle": ("train_step", 30), "end": ("predict", 1)},
    "relay": {"middle": ("train_step", 15), "end": ("save", 2)},
    "recipes": {"middle": ("train_step", 70), "end": ("forward", 1)},
    "speed": {"middle": ("fit", 12), "end": ("predict", 1)},
}
OPTIONS = {
    "ledger": "--scenario xor moons --only ledger",
    "repeat": "--only repeat",
    "relay": "--only relay",
    "recipes": "--recipe three-class-adam rate-right",
    "speed": "--quick --only speed repeat",
}
BROKEN = """
import os, time
_calls = [0]
_whole = MLP.{method}
def _broken(self, *given, **named):
    _calls[0] += 1
    if _calls[0] > {count}: {line}
    return _whole(self, *given, **named)
MLP.{method} = _broken
"""


def broken_copy(folder: Path, name: str, part: str, moment: str, how: str) -> Path:
    """A copy of the project in which one implementation breaks; NumPy's stands for all, so that it starts at once."""
    for source in ("impls", "shared", "compare"):
        shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
    numpy = (folder / "impls" / "mlp_numpy.py").read_text(encoding="utf-8")
    for other in ("torch", "keras"):
        (folder / "impls" / f"mlp_{other}.py").write_text(numpy)
    adapters = folder / "compare" / "ledger" / "adapters.py"
    adapters.write_text(adapters.read_text(encoding="utf-8").replace('if name == "torch":', "if False:"))
    if name == "numpy":  # What others take from that file must not break: the harness's own process among them.
        (folder / "impls" / "mlp_whole.py").write_text(numpy)
        for path in (folder / "compare").rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("from impls import mlp_numpy", "from impls import mlp_whole as mlp_numpy"))
    line = BREAKS[how]
    template = folder / "impls" / f"mlp_{name}.py"
    text = template.read_text(encoding="utf-8")
    if moment == "start":
        worker = f"compare.{'speed' if part == 'speed' else 'ledger'}.worker"
        text += f"\nimport os, sys, time\nif {worker!r} in ' '.join(sys.orig_argv): {line}\n"
    else:
        method, count = PLACES[part][moment]
        text += BROKEN.format(method=method, count=count, line=line)
    template.write_text(text)
    return folder


def others_are_there(home: Path, name: str, part: str) -> bool:
    """Whether the other implementations' results are in the report."""
    table = {"ledger": "cells", "repeat": "repeat", "relay": "relay", "recipes": "recipes", "speed": "speed"}[part]
    if not (home / "data" / f"{table}.csv").exists():
        return False
    rows = pd.read_csv(home / "data" / f"{table}.csv", keep_default_na=False)
    others = {"numpy", "torch", "keras"} - {name}
    if part == "ledger":
        return {"xor", "moons"} <= set(rows["scenario"]) and others <= set(rows["a"]) | set(rows["b"])
    if part == "relay":
        return len(rows) == 30  # Of every relay it is said what became of it; each needs all three.
    if part == "recipes":
        return others <= set(rows.loc[rows["reason"] == "", "implementation"])
    if part == "repeat":
        return others <= set(rows.loc[rows["message"] == "", "implementation"])
    return others <= set(rows["implementation"])


def failure(name: str, part: str, moment: str, how: str, work: Path, limit: float) -> list[str]:
    """What is wrong with a run in which one implementation breaks, with so many seconds for each answer."""
    what = f"{how} of {name} in {part}, at the {moment}"
    folder = work / what.replace(" ", "-").replace(",", "")
    copy, tmp, home = broken_copy(folder / "project", name, part, moment, how), folder / "tmp", folder / "report"
    tmp.mkdir()
    command = [sys.executable, str(copy / "compare" / "run_all.py"), *OPTIONS[part].split(), "--limit", f"{limit:g}"]
    begin = time.monotonic()
    process = subprocess.Popen(
        [*command, "--out", str(home)],
        env=environment(tmp) | {"PYTHONPATH": str(copy)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=300 + 10 * limit)
    except subprocess.TimeoutExpired:
        process.kill()
        return [f"{what}: it goes on and on"]
    done, took = subprocess.CompletedProcess([], process.returncode, out, err), time.monotonic() - begin
    found = list[str]()
    if done.returncode != 3 or done.stderr:
        found.append(f"exit status {done.returncode}: {done.stdout[-200:]!r} {done.stderr[-300:]!r}")
    elif name not in done.stdout.strip().splitlines()[-1]:
        found.append(f"it is not said whose: {done.stdout[-300:]!r}")
    # Without the reference nobody passes the gate before timing.
    elif (name, part, moment) != ("numpy", "speed", "start") and not others_are_there(home, name, part):
        found.append("the others' results are not there")
    if not gone(tmp) or temporary(tmp):
        found.append("something is left behind")
    shutil.rmtree(folder)
    print(f"{what}: {took:.0f} s", *found, file=sys.stderr, flush=True)
    return [f"{what}: {line}" for line in found]


def failures(args: argparse.Namespace, work: Path) -> tuple[str, list[str]]:
    """A hang and a crash in each implementation, in each part of the run, at each moment."""
    cases = [
        (name, part, moment, how)
        for part in args.parts or PARTS
        for moment in ("start", "middle", "end")
        for name in ("numpy", "torch", "keras")
        for how in BREAKS
    ]
    begin, found, done = time.monotonic(), list[str](), 0
    random.Random(args.seed).shuffle(cases)

    def one(case: tuple[str, str, str, str]) -> list[str] | None:
        return failure(*case, work, args.limit) if time.monotonic() - begin < args.seconds else None

    with ThreadPoolExecutor(args.at_once) as pool:
        for lines in pool.map(one, cases):
            done += lines is not None
            found += lines or []
    return f"{done} of {len(cases)} ways to fail", found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", choices=("usage", "kills", "failures"))
    parser.add_argument("--count", type=int, default=50, help="of kills")
    parser.add_argument("--run", choices=RUNS, default="short", help="what is killed")
    parser.add_argument("--patience", type=float, default=2.0, help="seconds for what is killed to have ended")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="that fail")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds for an answer, where something fails")
    parser.add_argument("--seconds", type=float, default=1e9, help="after which no more is begun")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="processes, but for kills")
    args = parser.parse_args()
    campaign = {"usage": usage, "kills": kills, "failures": failures}[args.campaign]
    with tempfile.TemporaryDirectory(prefix="stress-") as work:
        said, found = campaign(args, Path(work))
    print(*found, f"{said}: {len(found)} complaints", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
