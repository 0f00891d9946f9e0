"""Two runs beside each other: what changed in verdicts, speeds and versions from the one to the other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from compare.report import speed_pages, tables
from compare.report.blocks import Block, Hidden, Prose, Section, Table, View
from compare.report.figures import pair_name
from compare.report.page import Heading
from compare.report.results import Results
from compare.speed import baseline

KEYS = ["scenario", "dtype", "a", "b"]


def compared(then: Results, now: Results, folders: tuple[Path, Path]) -> tuple[Heading, list[View]]:
    """The heading and the one view of the page on two runs; ``folders`` are where they lie, the earlier first."""
    verdicts, changed = _verdicts(then, now)
    speeds, moved = _speeds(then, now, folders)
    versions = _versions(then, now)
    said = [
        f"{changed} comparisons came out otherwise" if changed else "no verdict of a comparison changed",
        f"{moved} speeds moved beyond noise" if moved else "no speed moved beyond noise",
        f"{len(versions)} versions or parts of the machine are others" if versions else "same versions, same machine",
    ]
    any_change = bool(changed or moved)
    heading = Heading(
        f"mlp-rosetta · {folders[0]} → {folders[1]}",
        "Changed" if any_change else "Unchanged",
        f"From the first run to the second: {'; '.join(said)}.",
        *(("warn", "≠") if any_change else ("good", "=")),
    )
    frame = pd.DataFrame(versions, columns=["what", "first run", "second run"])
    machine: list[Block] = [Prose("Both ran with the same versions on the same machine.")]
    if versions:
        machine = [Table("Versions and machine", frame, words=frozenset(frame.columns))]
    sections = [
        Section("Did a verdict change?", verdicts),
        Section("Did a speed change?", speeds),
        Section("Where did they run?", machine),
    ]
    return heading, [View("What changed", sections)]


def _verdicts(then: Results, now: Results) -> tuple[list[Block], int]:
    """The verdicts of both runs, each comparison that changed its own, and how many did."""
    outcome = pd.DataFrame(
        [[which, run.summary["verdict"]["status"], run.summary["verdict"]["sentence"], run.summary["run"]["started"]]
         for which, run in (("first run", then), ("second run", now))],
        columns=["run", "verdict", "in words", "started"],
    )  # fmt: skip
    worsts = [_worst(run) for run in (then, now)]
    rows: dict[str, list[list[str]]] = {"changed": [], "one": [], "same": []}
    marks = []
    for key in dict.fromkeys([*worsts[0], *worsts[1]]):
        cells = [worst.get(key) for worst in worsts]
        told = ["not compared" if cell is None else tables.write_cell(cell) for cell in cells]
        outcomes = {bool(cell["equal"]) for cell in cells if cell is not None}
        kind = "one" if "not compared" in told else "changed" if len(outcomes) > 1 else "same"
        rows[kind].append([f"{key[0]} · {key[1]}", pair_name(*key[2:]), *told])
        if kind == "changed":
            marks.append([False, False, *(tables.failed(cell) for cell in cells if cell is not None)])
    columns = ["scenario", "pair", "first run", "second run"]
    words = frozenset(columns[:2])
    blocks: list[Block] = [Table("Verdicts", outcome, words=frozenset(outcome.columns))]
    if rows["changed"]:
        frame, failing = pd.DataFrame(rows["changed"], columns=columns), pd.DataFrame(marks, columns=columns)
        blocks.append(Table("Comparisons that came out otherwise", frame, "", words, failing))
    for kind, line in (("same", "came out the same"), ("one", "were made in one of the runs only")):
        if rows[kind]:
            table = Table(line.capitalize(), pd.DataFrame(rows[kind], columns=columns), "", words)
            blocks.append(Hidden(f"{len(rows[kind])} comparisons {line}.", [table]))
    return blocks, len(rows["changed"])


def _worst(run: Results) -> dict[tuple, pd.Series]:
    """Of every scenario, precision and pair the cell that used most of its bound."""
    return {tuple(key): tables.worst(part) for key, part in run.tables["cells"].groupby(KEYS, sort=False)}


def _speeds(then: Results, now: Results, folders: tuple[Path, Path]) -> tuple[list[Block], int]:
    """Contenders that became faster or slower, and how many did."""
    runs = list(zip(("first", "second"), (then, now), strict=True))
    untimed = [which for which, run in runs if run.tables["speed"].empty or run.tables["speed_ratios"].empty]
    if untimed:
        return [Prose(f"The {' and the '.join(untimed)} run timed nothing.")], 0
    earlier = baseline.read(folders[0] / "results.json")
    found = baseline.compare(now.tables["speed"], now.tables["speed_ratios"], earlier)
    found = found[found["mode"] != "products"]
    blocks: list[Block] = []
    beyond = found[found["verdict"].isin(["faster", "slower"])]
    if beyond.empty:
        blocks.append(Prose("Nothing became faster or slower by more than two runs differ anyway."))
    else:
        blocks.append(speed_pages.changes(beyond, "Faster or slower"))
    rest = found.drop(beyond.index)
    if len(rest):
        line = f"{len(rest)} contenders are the same, or not judged because a control failed."
        blocks.append(Hidden(line, [speed_pages.changes(rest, "The same, or not judged")]))
    return blocks, len(beyond)


def _versions(then: Results, now: Results) -> list[list[str]]:
    """What of the environment differs, as rows."""
    rows = []
    for run in (then, now):
        found = dict(run.summary["environment"])
        packages = found.pop("packages") or {}
        found.pop("threads", None)
        rows.append({key.replace("_", " "): str(value) for key, value in (found | packages).items()})
    keys = dict.fromkeys([*rows[0], *rows[1]])
    return [
        [key, rows[0].get(key, "absent"), rows[1].get(key, "absent")]
        for key in keys
        if rows[0].get(key) != rows[1].get(key)
    ]
