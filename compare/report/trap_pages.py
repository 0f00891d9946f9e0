"""The sections on determinism and on the self-test: what the checker catches, and what it does not."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from compare.report.blocks import Block, Prose, Table, Terms, Verbatim
from compare.report.numbers import number, percent
from compare.report.results import COLUMNS, Results


def _true(column: pd.Series) -> pd.Series:
    return column.astype(str).str.lower() == "true"


def determinism(results: Results) -> list[Block]:
    """Implementations that trained twice and came to other numbers; nothing when there is none."""
    rows = results.tables["repeat"]
    rows = rows[~_true(rows["equal"])]
    lines = [
        f"✗ {r.implementation} in {r.dtype} on {r.scenario}: {r.message or 'two trainings from one start differ'}"
        for r in rows.itertuples()
    ]
    if not lines:
        return []
    first = "Not deterministic: a difference from these implementations says nothing until they repeat themselves."
    return [Prose(first), *map(Prose, lines)]


def causes(results: Results) -> list[Block]:
    """The diagnosis of each implementation that differs; nothing when all are equal."""
    blocks: list[Block] = []
    for r in results.tables["causes"].itertuples():
        blocks += [Prose(f"{r.implementation} in {r.scenario}, {r.dtype}:"), Verbatim(str(r.text))]
    return blocks


def kill_rates(results: Results) -> list[Block]:
    """The share of the traps that each check catches, ours first."""
    kills = results.tables["kills"]
    kills = kills[_true(kills["above_rounding"])]
    rows = []
    for dtype, group in kills.groupby("dtype", sort=False):
        others = [name for name in group if name not in COLUMNS["kills"].split()]
        for check, caught in {"this ledger": group["caught"], **{name: group[name] for name in others}}.items():
            right = int(_true(caught).sum())
            counted = f"{right} of {len(group)}"
            rows.append({"check": check, "precision": dtype, "caught": counted, "share": percent(right / len(group))})
    frame = pd.DataFrame(rows).pivot(index="check", columns="precision", values=["caught", "share"])
    frame = frame.loc[list(dict.fromkeys(row["check"] for row in rows))].reset_index()
    frame.columns = [" ".join(filter(None, reversed(column))) for column in frame.columns]
    note = (
        "A trap is a known way for two models to differ, built into the reference. Counted is every trap on every "
        "scenario where it makes a difference above rounding; the other rows are checks in common use, on the same "
        "bugs."
    )
    return [Table("Caught", frame, note, frozenset({"check"}))]


def false_alarms(results: Results) -> list[Block]:
    """How often correct pairs were called different."""
    clean = results.tables["clean"]
    alarms = int(_true(clean["false_alarm"]).sum())
    return [
        Prose(
            f"{alarms} in {len(clean)} clean comparisons of random networks, options, seeds and data; "
            f"the closest used {percent(clean['used'].max())} of its bound."
        )
    ]


def corpus(results: Results) -> list[Block]:
    """The score on files as people write them, and those that came out otherwise than expected."""
    rows = _judged(results.tables["corpus"])
    expected = rows["expected"]
    kinds = expected.where(expected == "equal", "a cause").mask(expected.str.startswith("refused "), "a refusal")
    score = {
        "as expected": lambda group: str(group["right"].sum()),
        "share": lambda group: percent(group["right"].mean()),
    }
    note = (
        "A file each, checked as check.py does it; `equal` is a right program, and a refusal names what the reference "
        "has not. The times hold the import of the framework."
    )
    return [
        _score("As expected", rows, kinds, "files", score, note),
        *_wrong("Otherwise than expected", rows, ["file"]),
    ]


def scripts(results: Results) -> list[Block]:
    """The score on ports of training scripts, and those that came out otherwise than expected."""
    rows = _judged(results.tables["scripts"])
    kinds = rows["expected"].where(rows["expected"] == "equal", "differences, all named and no other")
    score = {
        "as expected": lambda group: str(group["right"].sum()),
        "accused of another": lambda group: str(group["accused"].sum()),
    }
    note = (
        "Each is a whole script, held against its original as check.py does it, without the trainings that tell each "
        "difference's share; `equal` is a right port, or a script alone whose weights have to be found."
    )
    wrong = _wrong("Ports otherwise than expected", rows, ["file", "against"])
    return [_score("Ports as expected", rows, kinds, "scripts", score, note), *wrong]


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{name: _true(rows[name]) for name in ("right", "accused")})


def _score(title: str, rows: pd.DataFrame, kinds: pd.Series, what: str, score: dict[str, Callable], note: str) -> Table:
    """What was judged by kind: how many, its score, and the time of one."""
    counted = [
        {
            "expected": kind,
            what: str(len(group)),
            **{name: value(group) for name, value in score.items()},
            "median time": f"{group['seconds'].median():.1f} s",
            "longest": f"{group['seconds'].max():.1f} s",
        }
        for kind, group in rows.groupby(kinds, sort=False)
    ]
    return Table(title, pd.DataFrame(counted), note, frozenset({"expected"}))


def _wrong(title: str, rows: pd.DataFrame, names: list[str]) -> list[Block]:
    """What came out otherwise than expected, if anything; marked where a correct one was accused."""
    frame = rows.loc[~rows["right"], [*names, "expected", "found"]].reset_index(drop=True)
    if frame.empty:
        return []
    accused = rows.loc[~rows["right"], "accused"].reset_index(drop=True)
    marks = pd.DataFrame(False, index=frame.index, columns=frame.columns).assign(found=accused)
    return [Table(title, frame, "", frozenset(frame.columns), marks)]


def planted_bugs(results: Results) -> list[Block]:
    """Every bug planted in a template, and the first place where it showed."""
    planted = results.tables["planted"]
    caught, placed = _true(planted["caught"]), _true(planted["placed"])
    frame = pd.DataFrame(
        {
            "template": planted["template"],
            "written instead": planted["instead"].str.slice(0, 60),
            "scenario": planted["scenario"],
            "caught": caught.map({True: "yes", False: "✗ no"}),
            "first place": planted["phase"] + ", " + planted["tensor"],
            "step": planted["step"].map(number),
        }
    )
    failing = pd.DataFrame(False, index=frame.index, columns=frame.columns).assign(caught=~(caught & placed))
    note = "A line of a template replaced by what somebody might have written there; in step, or in what users call."
    words = frozenset({"template", "written instead", "scenario", "first place"})
    return [Table("One line broken at a time", frame, note, words, failing)]


def kill_matrix(results: Results) -> list[Block]:
    """Every trap: where it was caught, and how small it is where it was not."""
    kills = results.tables["kills"]
    kills = kills.assign(**{name: _true(kills[name]) for name in ("above_rounding", "caught", "missed")})
    rows, failing = [], []
    for (trap, scenario), group in kills.groupby(["trap", "scenario"], sort=False):
        row = {"trap": trap, "scenario": scenario}
        for r in group.itertuples():
            where = f"{r.phase}, {r.tensor}, step {r.step:.0f}"
            missed = "✗ missed" if r.above_rounding else "below rounding"
            row[r.dtype] = f"{number(r.difference)} · {where}" if r.caught else f"{missed} · {number(r.difference)}"
        rows.append(row)
        failing.append({**dict.fromkeys(row, False), "trap": group["missed"].any()})
    frame, marks = pd.DataFrame(rows).fillna("–"), pd.DataFrame(failing)
    note = (
        "The difference at the first place where the ledger caught the trap. Below rounding: the trap changes no "
        "number by more than rounding in this precision may, so that no check can tell."
    )
    marks = marks.reindex(columns=frame.columns).fillna(False).astype(bool)
    return [Table("Every trap, where it shows first", frame, note, frozenset(frame.columns), marks)]


def guide(results: Results) -> list[Block]:
    """Every trap in words, theme by theme."""
    blocks: list[Block] = [
        Prose(
            "Known ways for two models to differ, with the size of the difference after 200 steps of digits: of a "
            "weight, of a loss, of an output, over the largest of each, and the share of the test set predicted "
            "otherwise."
        )
    ]
    for theme, rows in results.tables["traps"].groupby("theme", sort=False):
        words = {
            r.trap: f"{r.title}. {r.why} Size: {r.measured}. In PyTorch: {r.torch} In Keras: {r.keras} "
            f"Source: {r.source}"
            for r in rows.itertuples()
        }
        blocks += [Prose(f"{theme}:"), Terms(words)]
    return blocks


def defaults(results: Results) -> list[Block]:
    """What the installed frameworks take where nothing is said."""
    rows = results.tables["defaults"]
    rows = rows[~_true(rows["same"])]
    frame = rows[["what", "torch", "keras"]].replace("", "none").rename(columns={"torch": "PyTorch", "keras": "Keras"})
    note = "Read from the installed versions when the report was made; only those that differ."
    return [Table("Defaults that differ", frame.reset_index(drop=True), note, frozenset({"what"}))]
