"""The sections of the report, in order.

To add one: write a function that takes the Results and returns its blocks, and give it a row in VIEWS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from compare.report import (
    call_pages,
    default_pages,
    fast_pages,
    figures,
    overview,
    speed_pages,
    stack_pages,
    tables,
    trap_pages,
    tutorial_pages,
)
from compare.report.blocks import Block, Explorer, Hidden, Prose, Section, Terms, Verbatim, View
from compare.report.explorer import explorer_data
from compare.report.numbers import exact, number
from compare.report.results import Results, file_of

MOST_PREDICTION_TABLES = 3
END = {"raised": "raised an error", "timed out": "ran past its time limit", "killed": "was killed"}

WORDS = {
    "implementation": "One of the programs that train the same network: same data, same initial weights, "
    "same order of batches.",
    "scenario": "One network, dataset and training plan, trained by every implementation.",
    "difference": "The largest |a - b| over all entries of a tensor, divided by the tensor's largest "
    "|reference| entry. It has no unit: 1e-15 means that about fifteen digits agree.",
    "bound": "The largest difference that rounding may cause; “How far from the bound” says how it is made.",
    "share of the bound (headroom)": "Difference over bound. At 0.03 % the difference could be 3,000 times "
    "larger and still be rounding; over 100 % the two compute different things.",
    "float64, float32": "The precision of all numbers. In float64 the implementations are compared in pairs; "
    "in float32 each is held against the float64 run.",
    "in step": "Before every step each implementation takes the reference's weights and optimizer slots, "
    "makes one step and is compared. Nothing can add up, so a difference here is one in meaning.",
    "on its own": "Each implementation trains freely from the same start, as a user would. Small differences "
    "add up, and “Every number” shows how fast.",
    "phase": "start (what an implementation was given and did not take), forward (the outputs of the network), loss, "
    "gradient, update (weights and optimizer slots after the step), outcome (predictions and metrics after training).",
    "divergence": "The first place where two implementations differ: scenario, step, phase, tensor, index.",
    "NaN": "“Not a number”, the result of an undefined operation. A NaN on either side counts as a difference.",
    "median, quartiles": "Half of the rounds took less time than the median; a quarter took less than the "
    "lower quartile, a quarter more than the upper.",
}


def equality(results: Results) -> list[Block]:
    """The table of scenarios by pairs."""
    blocks: list[Block] = [tables.equality(results, results.tables["cells"])]
    skipped = {name: entry["skipped"] for name, entry in results.scenarios.items() if entry.get("skipped")}
    if skipped:
        line = f"{len(skipped)} scenario{'s' * (len(skipped) > 1)} skipped: {', '.join(skipped)}."
        blocks.append(Hidden(line, [Terms(skipped)]))
    return blocks


def stopped(results: Results) -> list[Block]:
    """Implementations that did not finish, with their messages; nothing when all did."""
    blocks: list[Block] = []
    for entry in results.summary["implementations"]:
        if entry["status"] != "ok":
            where = f" in the scenario {entry['scenario']}" if entry.get("scenario") else ""
            blocks.append(Prose(f"✗ {entry['name']} {END.get(entry['status'], entry['status'])}{where}. It said:"))
            blocks.append(Verbatim(entry.get("message") or "(nothing)"))
    if blocks:
        blocks.append(Prose("The implementations that finished were still compared with each other."))
    return blocks


def divergences(results: Results) -> list[Block]:
    """Where failing cells first differ; nothing when none does."""
    cells, entries = results.tables["cells"], results.summary["divergences"]
    failing = cells[~cells["equal"].astype(bool)]
    if not entries and failing.empty:
        return []
    blocks: list[Block] = []
    if entries:
        first = entries[0]
        blocks.append(Prose(
            f"In {first['scenario']} ({first['dtype']}, {first['mode']}), {first['a']} and {first['b']} "
            f"first differ at {tables.place(first)}: {first['a']} has {exact(first['value_a'])}, "
            f"{first['b']} has {exact(first['value_b'])}. The difference is {number(first['difference'])}; "
            f"rounding explains at most {number(first['bound'])}."
        ))  # fmt: skip
        blocks.append(tables.divergences(entries[:1], "The first place"))
        if len(entries) > 1:
            rest = tables.divergences(entries[1:], "First places of the other comparisons")
            blocks.append(Hidden(f"{len(entries) - 1} more comparisons differ.", [rest]))
    places = {tuple(entry[key] for key in ("scenario", "dtype", "mode", "a", "b")) for entry in entries}
    keys = failing[["scenario", "dtype", "mode", "a", "b"]].drop_duplicates()
    unplaced = [row for row in keys.itertuples(index=False, name=None) if row not in places]
    if unplaced:
        listed = "; ".join(f"{s} ({d}, {m}, {tables.pair_name(a, b)})" for s, d, m, a, b in unplaced)
        blocks.append(Prose(f"Different, with no first place stored: {listed}."))
    return blocks


def headroom(results: Results) -> list[Block]:
    """How much of their bounds all cells used, and the phases."""
    cells = results.tables["cells"]
    bounds = {f"bound in {dtype}": text for dtype, text in results.summary["gates"].items()}
    return [figures.headroom(results, cells), tables.phases(results, cells), Terms(bounds)]


def every_number(results: Results) -> list[Block]:
    """The explorer; without it, the losses and the differences as pictures."""
    losses, drift = results.tables["losses"], results.tables["drift"]
    blocks: list[Block] = []
    if not losses.empty:
        blocks.append(figures.loss_curves(results, losses, _first_dtype(results, losses)))
    rows = drift[drift["mode"] == "on its own"]
    if not rows.empty:
        quantity = results.in_order(rows["quantity"], ["weights", "loss"])[0]
        rows = rows[rows["quantity"] == quantity]
        dtypes = results.in_order(rows["dtype"], tables.DTYPES)
        blocks += [figures.drift_curves(results, rows, dtype, quantity) for dtype in dtypes]
    return [Explorer("explore", explorer_data(results), blocks)] if blocks else []


def predictions(results: Results) -> list[Block]:
    """A few answers of one scenario of each task, the largest test set first."""
    rows = results.tables["predictions"]
    dtype = _first_dtype(results, rows)
    sizes = rows[rows["dtype"] == dtype].groupby("scenario", sort=False)["sample"].nunique()
    chosen: dict[str, str] = {}
    for name in sizes.sort_values(ascending=False, kind="stable").index:
        chosen.setdefault(results.scenarios.get(name, {}).get("task", name), name)
    return [tables.predictions(results, rows, name, dtype) for name in list(chosen.values())[:MOST_PREDICTION_TABLES]]


def confusion(results: Results) -> list[Block]:
    """Confusion matrices."""
    counts = results.tables["confusion"]
    return [figures.confusion(results, counts, _first_dtype(results, counts))]


def metrics(results: Results) -> list[Block]:
    """Metrics on the test set."""
    return [tables.metrics(results, results.tables["metrics"])]


def scenarios(results: Results) -> list[Block]:
    """What was trained."""
    return [tables.scenarios(results)]


def environment(results: Results) -> list[Block]:
    """The run, the machine, the versions."""
    run = results.summary["run"]
    line = f"{run['command']}: selection {run['selection']}, started {run['started']}, took {run['seconds']:.0f} s."
    return [Prose(line), tables.implementations(results), tables.environment(results)]


def how_to_read(results: Results) -> list[Block]:
    """The words of the report."""
    return [Terms(WORDS)]


def _first_dtype(results: Results, frame: tables.pd.DataFrame) -> str:
    """float64 where the table has it, otherwise what it has."""
    return results.in_order(frame["dtype"], tables.DTYPES)[0]


# Where each answer of the overview leads: the view that has the rest.
LEADS = {
    "Are the three the same network?": "Equal",
    "Which is fastest for which size?": "Speed",
    "What do frameworks do differently?": "Frameworks",
}

Entry = tuple[str, str | None, Callable[[Results], list[Block]]]

# View: its sections, each (title, tables without any of whose rows there is no such section, function).
VIEWS: dict[str, list[Entry]] = {
    "What differs": [
        ("What does not repeat itself", "repeat", trap_pages.determinism),
        ("What did not finish", None, stopped),
        ("Where they first differ", None, divergences),
        ("Why they differ", None, trap_pages.causes),
    ],
    "Overview": [
        ("Are the three the same network?", None, overview.equal),
        ("Which is fastest for which size?", None, overview.fastest),
        ("What do frameworks do differently?", None, overview.frameworks),
    ],
    "Equal": [
        ("Are they equal?", "cells", equality),
        ("Does each call do what the steps do?", "calls", call_pages.calls),
        ("How far from the bound", "cells", headroom),
        ("The relay", "relay", tutorial_pages.relay),
    ],
    "Explore": [
        ("Every number", "losses drift", every_number),
    ],
    "Speed": [
        ("How long does a step take?", "speed", speed_pages.steps),
        ("What the fast form buys", None, fast_pages.gains),
        ("What more threads buy", None, fast_pages.threads),
        ("What starting and predicting take", None, speed_pages.costs),
        ("Which is the fastest where", None, speed_pages.crossover),
        ("Many networks at once", None, stack_pages.stacks),
        ("Faster than before?", None, speed_pages.against_baseline),
    ],
    "Frameworks": [
        ("The same call with another default", "defaults", trap_pages.defaults),
        ("What the defaults make of it", None, default_pages.defaults),
        ("Where the frameworks differ", "traps", trap_pages.guide),
    ],
    "Answers": [
        ("Metrics on the test set", "metrics", metrics),
        ("Predictions", "predictions", predictions),
        ("Confusion matrix", "confusion", confusion),
    ],
    "Tutorials": [
        ("What the tutorials say, and what happens", "recipes", tutorial_pages.tutorials),
        ("What the initial weights decide", "recipe_seeds", tutorial_pages.initial_weights),
        ("Three mistakes, and the right way", "recipe_curves", tutorial_pages.mistakes),
    ],
    "Checker": [
        ("What the checker catches", "kills", trap_pages.kill_rates),
        ("False alarms", "clean", trap_pages.false_alarms),
        ("Files as people write them", "corpus", trap_pages.corpus),
        ("Training scripts, a port against its original", "scripts", trap_pages.scripts),
        ("Bugs planted in the templates", "planted", trap_pages.planted_bugs),
        ("Every trap", "kills", trap_pages.kill_matrix),
    ],
    "This run": [
        ("What was trained", None, scenarios),
        ("Where it ran", None, environment),
        ("How to read this", None, how_to_read),
    ],
}


def build(results: Results) -> list[View]:
    """All views with their sections that have something to say; the last one names what the run has no data for."""
    views, absent = [], []
    for name, entries in VIEWS.items():
        sections = []
        for title, needed, blocks_of in entries:
            tables_needed = needed.split() if needed else []
            missing = [table for table in tables_needed if results.tables[table].empty]
            absent += [f"{title} ({file_of(table)})" for table in missing]
            if needed and missing == tables_needed:
                continue
            if blocks := blocks_of(results):
                sections.append(Section(title, blocks))
        views.append(View(name, sections))
    if absent:
        views[-1].sections.append(Section("Not in this run", [Prose(f"Missing or empty: {'; '.join(absent)}.")]))
    shown = [view for view in views if view.sections]
    there = {view.title: view.anchor for view in shown}
    return [
        replace(view, sections=[replace(s, to=there.get(LEADS.get(s.title, ""), "")) for s in view.sections])
        for view in shown
    ]
