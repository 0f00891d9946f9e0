"""The pages on speed: times with their intervals, controls, what the fast form buys, start and memory, the map."""

from __future__ import annotations

import math

import pandas as pd

from compare.report import figures, tables
from compare.report.blocks import Block, Figure, Hidden, Panel, Prose, Style, Table
from compare.report.marks import Box, Boxes, Line, Lines, shortened
from compare.report.numbers import microseconds, number
from compare.report.results import Results

WORK = ["workload", "layer_sizes", "batch_size", "optimizer", "dtype", "threads"]
REFERENCE = ("numpy", "fit")
CONTROLS = ("again", "delayed", "products")
SWEEPS = ("map", "depth")  # workloads that are drawn rather than tabled
CLOCK = (
    "On the clock: training steps only, each taking its batch out of data in memory, read at the beginning of every "
    "epoch inside fit. Every implementation lives in a process of its own with the same number of threads; one "
    "works, the others sleep; they take turns in rounds of shuffled order, after warming up until two consecutive "
    "halves of the newest epochs differ by at most 5 %. Rounds go on until NumPy against itself is known closely "
    "enough, judged by the length of its interval and not by where it lies; a contender whose epoch is longer than a "
    "turn sits some of them out."
)


def steps(results: Results) -> list[Block]:
    """Time per step, the controls, and every round."""
    rounds, ratios = results.tables["speed"], results.tables["speed_ratios"]
    if ratios.empty:
        rounds = tables.with_contenders(rounds)
        return [tables.speed(results, rounds), figures.speed_rounds(results, rounds)]
    shown = ratios[~ratios["workload"].isin(SWEEPS)]
    blocks: list[Block] = [Hidden("How it is timed", [Prose(CLOCK)]), *judgement(ratios)]
    if not shown.empty:
        blocks += [times(results, shown), floor(shown)]
    blocks.append(controls(ratios))
    drawn = rounds[~rounds["workload"].isin(SWEEPS) & ~rounds["mode"].isin(CONTROLS)]
    if not drawn.empty:
        drawn = drawn.assign(workload=[" ".join(work) for work in _names(drawn)])
        blocks.append(figures.speed_rounds(results, tables.with_contenders(drawn)))
    return blocks + left_out(results)


def judgement(ratios: pd.DataFrame) -> list[Block]:
    """What is not ranked, and why."""
    works = ratios.drop_duplicates(WORK)
    doubted = works[works["objection"] != ""]
    if doubted.empty:
        return []
    rows = [[work_name(row), row["objection"]] for _, row in doubted.iterrows()]
    number_of = f"{len(doubted)} of {len(works)} workloads" if len(works) > 1 else "this workload"
    said = Prose(f"! No ranking in {number_of}, whose controls failed. The times stand below as they were measured.")
    columns = ["workload", "why"]
    return [said, Table("Not ranked", pd.DataFrame(rows, columns=columns), "", frozenset(columns))]


def work_name(row: pd.Series) -> str:
    """A work in a few words."""
    threads = f"{row['threads']:.0f} thread" + "s" * int(row["threads"] > 1)
    return (
        f"{row['workload']} · {tables.layers(row['layer_sizes'])}, batch {row['batch_size']:.0f}, {row['optimizer']}, "
        f"{row['dtype']}, {threads}"
    )


def _names(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Workload and what sets it apart, where a run has several kinds of it."""
    several = [name for name in ("optimizer", "dtype", "threads") if frame[name].nunique() > 1]
    kinds = frame[several].map(lambda value: f"{value:.0f} threads" if isinstance(value, float) else str(value))
    return list(zip(frame["workload"], *(kinds[name] for name in several), strict=True))


def interval(row: pd.Series) -> str:
    """A ratio and its interval."""
    if not math.isfinite(row["ratio"]):
        return "not timed"
    return " to ".join((f"{_ratio(row['ratio'])} · {_ratio(row['low'])}", _ratio(row["high"])))


def _ratio(value: float) -> str:
    """Three decimals around 1, where the ties and the controls are; three digits elsewhere."""
    return f"{value:.3f}" if 0.1 < value < 2 else number(value, 3)


def times(results: Results, ratios: pd.DataFrame) -> Table:
    """Works and contenders: time, ratio, what it says, and the share of the floor."""
    lines = facts(results, "lines of code").groupby(["implementation", "mode"])["value"].last()
    rows = []
    for _, row in ratios[~ratios["mode"].isin(CONTROLS)].iterrows():
        code = lines.get((row["implementation"], row["mode"]), math.nan)
        rows.append([
            work_name(row),
            f"{row['implementation']}, {row['mode']}",
            microseconds(row["seconds_per_step"]),
            f"{row['samples_per_second']:,.0f}",
            "1" if (row["implementation"], row["mode"]) == REFERENCE else interval(row),
            ("★ " if str(row["leads"]) == "True" else "") + (row["verdict"] or "not judged"),
            f"{row['share']:.1%}" if math.isfinite(row["share"]) else "—",
            f"{row['cpu_per_second']:.0%}",
            f"{code:.0f}" if math.isfinite(code) else "—",
        ])  # fmt: skip
    columns = ["workload", "contender", "µs a step", "samples/s", "times the reference", "verdict", "floor's share",
               "CPU / wall", "lines of code"]  # fmt: skip
    note = (
        "Median over the rounds. Times the reference: the median of the rounds' ratios to NumPy's fit · its "
        "bootstrap 95 % interval; above 1 is slower. A tie holds 1, or lies within the control's noise. ★ nobody is "
        "faster, ties aside. Floor's share: how much of the time the step's matrix products alone take in the "
        "fastest library here."
    )
    words = frozenset({"workload", "contender", "verdict"})
    return Table("Time per training step", pd.DataFrame(rows, columns=columns), note, words, by="workload")


def floor(ratios: pd.DataFrame) -> Table:
    """The products alone, with the work that they are and their share of the same library's fit."""
    fits = ratios[ratios["mode"] == "fit"].set_index([*WORK, "implementation"])["seconds_per_step"]
    rows = []
    for _, row in ratios[ratios["mode"] == "products"].iterrows():
        fit = fits.get((*row[WORK], row["implementation"]), math.nan)
        rows.append([
            work_name(row),
            row["implementation"],
            microseconds(row["seconds_per_step"]),
            number(row["flops"], 3),
            number(row["bytes"], 3),
            number(row["gflops_per_second"], 3),
            f"{row['seconds_per_step'] / fit:.0%}" if math.isfinite(fit) else "—",
        ])  # fmt: skip
    columns = ["workload", "library", "µs", "FLOP", "bytes", "GFLOP/s", "share of its fit"]
    note = (
        "The floor: a step's matrix products alone, into buffers that are there. FLOP: 2 · rows · inner · columns, "
        "summed over a W, aᵀ d and, above the first layer, d Wᵀ of every layer. Bytes: each product reads two "
        "matrices and writes one, and gradient descent reads weights and gradients and writes the weights. Share of "
        "its fit: what of a step in the same library these products are. The rest, in NumPy, is the price of some "
        "thirty calls, and of writing a step as formulas over new arrays rather than into kept buffers: there the "
        "template is plain rather than fast."
    )
    frame = pd.DataFrame(rows, columns=columns)
    return Table("The limit of this machine", frame, note, frozenset(columns[:2]), by="workload")


def controls(ratios: pd.DataFrame) -> Table:
    """What the controls found."""
    names = {"again": "NumPy against itself", "delayed": "NumPy delayed by 5 %"}
    rows, marks = [], []
    for _, row in ratios[ratios["mode"].isin(names)].iterrows():
        failed = row["verdict"] != "passed"
        mark = "✗" if failed else "✓"
        rows.append([work_name(row), names[row["mode"]], interval(row), f"{mark} {row['verdict']}"])
        marks.append([False, False, False, failed])
    columns = ["workload", "control", "ratio", "outcome"]
    note = (
        "NumPy against itself: its interval (99 %, so that chance seldom fails it) has to hold 1 and to reach no "
        "further than 3 % to either side of its middle. Delayed: it has to lie above 1. Where one fails, or other "
        "programs kept the machine busy, nothing is ranked."
    )
    frame = pd.DataFrame(rows, columns=columns)
    marked = pd.DataFrame(marks, columns=columns)
    return Table("Controls", frame, note, frozenset({"workload", "control", "outcome"}), marked, "workload")


def left_out(results: Results) -> list[Block]:
    """Contenders that were not timed, and why."""
    rows = results.tables["speed_left_out"].drop_duplicates(["implementation", "mode", "reason"])
    return [Prose(f"Not timed: {row.implementation}, {row.mode}: {row.reason}.") for row in rows.itertuples()]


def facts(results: Results, *quantities: str) -> pd.DataFrame:
    """Rows of speed_facts.csv with these quantities."""
    rows = results.tables["speed_facts"]
    return rows[rows["quantity"].isin(quantities)]


def costs(results: Results) -> list[Block]:
    """Import, build, first epoch, memory and inference."""
    kinds = {
        "import": ("import, s", lambda value: number(value, 2)),
        "build": ("build, ms", lambda value: number(value * 1e3, 2)),
        "first epoch": ("first epoch, ms", lambda value: number(value * 1e3, 2)),
        "predict one": ("predict 1, µs", microseconds),
        "predict 1024": ("predict 1,024, µs", microseconds),
        "peak memory": ("peak memory, MiB", lambda value: f"{value / 2**20:.0f}"),
    }
    found = facts(results, *kinds)
    found = found[~found["workload"].isin(SWEEPS) & ~found["mode"].isin(CONTROLS)]
    rows = []
    for _, part in found.groupby([*WORK, "implementation", "mode"], sort=False):
        medians = part.groupby("quantity")["value"].median()
        cells = [write(medians[kind]) if kind in medians else "—" for kind, (_, write) in kinds.items()]
        rows.append([work_name(part.iloc[0]), f"{part['implementation'].iloc[0]}, {part['mode'].iloc[0]}", *cells])
    columns = ["workload", "contender", *(label for label, _ in kinds.values())]
    note = (
        "Import: once in a process, alone on the machine. First epoch: the first call of fit, tracing and "
        "compiling included. Predict: predict for one sample and for 1,024. Peak memory of the process so far, "
        "which grows from one workload to the next."
    )
    frame = pd.DataFrame(rows, columns=columns)
    return [Table("Start, memory, inference", frame, note, frozenset(columns[:2]), by="workload")] if rows else []


def against_baseline(results: Results) -> list[Block]:
    """Faster, slower or the same as an earlier run."""
    rows = results.tables["speed_baseline"]
    return [] if rows.empty else [changes(rows, "Compared with an earlier run")]


def changes(rows: pd.DataFrame, title: str) -> Table:
    """Contenders of two runs: the time of the later over that of the earlier one."""
    cells = [
        [work_name(row), f"{row['implementation']}, {row['mode']}", interval(row), row["verdict"] or "not judged"]
        for _, row in rows.iterrows()
    ]
    columns = ["workload", "contender", "times the earlier run", "verdict"]
    note = (
        "Time now over time then, medians · bootstrap 95 % interval. Faster or slower: the whole interval lies below "
        "0.97 or above 1.03, since two runs may differ by the state of the machine. Not judged: a control failed in "
        "one of the runs."
    )
    words = frozenset({*columns[:2], "verdict"})
    return Table(title, pd.DataFrame(cells, columns=columns), note, words, by="workload")


def crossover(results: Results) -> list[Block]:
    """Who is the fastest where, and how each scales."""
    ratios = results.tables["speed_ratios"]
    cells = ratios[(ratios["workload"] == "map") & ~ratios["mode"].isin(CONTROLS)]
    depth = ratios[(ratios["workload"] == "depth") & ~ratios["mode"].isin(CONTROLS)]
    blocks: list[Block] = []
    if not cells.empty:
        blocks += [_map(cells), *_curves(cells, depth)]
    return blocks


def _width(rows: pd.DataFrame) -> pd.Series:
    """The units of the hidden layers."""
    return rows["layer_sizes"].map(lambda sizes: int(tables.layers(sizes).split("-")[1]))


def _contenders(rows: pd.DataFrame) -> pd.Series:
    return rows["implementation"] + ", " + rows["mode"]


def _map(cells: pd.DataFrame) -> Figure:
    names = list(dict.fromkeys(_contenders(cells)))
    styles = {name: Style(f"series-{i % 6 + 1}", 6.0) for i, name in enumerate(names)}
    note = (
        "Each field: the contender with the smallest median, in its colour, and how many times slower the next one "
        "is; a tie names both. Two hidden layers of that width, 64 inputs, 10 classes, plain gradient descent. A "
        "field without colour was not judged."
    )
    panel = Panel("width of the hidden layers by batch size", map_boxes(cells, styles))
    return Figure("crossover", "The fastest of each size", [panel], note, styles, (7.6, 3.4), (0.7, 0.48))


def map_boxes(cells: pd.DataFrame, styles: dict[str, Style]) -> Boxes:
    """The fastest contender of every width (the widest on top) and batch size."""
    cells = cells.assign(width=_width(cells), contender=_contenders(cells))
    widths, batches = sorted(cells["width"].unique(), reverse=True), sorted(cells["batch_size"].unique())
    boxes = []
    for (width, batch), part in cells.groupby(["width", "batch_size"]):
        ranked = part.sort_values("seconds_per_step")
        leaders = ranked[ranked["leads"].astype(str) == "True"]["contender"].tolist()
        judged = bool((part["objection"] == "").all())
        first = ranked["contender"].iloc[0]
        next_best = ranked["seconds_per_step"].iloc[1] / ranked["seconds_per_step"].iloc[0] if len(ranked) > 1 else 1.0
        words = "\n= ".join(leaders) if len(leaders) > 1 else f"{first}\nnext {next_best:.2f}×"
        times = ", ".join(f"{r.contender} {microseconds(r.seconds_per_step)} µs" for r in ranked.itertuples())
        boxes.append(
            Box(
                widths.index(width),
                batches.index(batch),
                styles[first].colour,
                0.3 if judged else 0.0,
                words if judged else "not judged",
                f"width {width}, batch {batch:.0f}: {times}",
            )
        )
    return Boxes([str(width) for width in widths], [f"{b:.0f}" for b in batches], boxes, "batch size", "width")


def _curves(cells: pd.DataFrame, depth: pd.DataFrame) -> list[Block]:
    """Time per step over width, batch size and depth."""
    cells = cells.assign(width=_width(cells), contender=_contenders(cells))
    widths, batches = sorted(cells["width"].unique()), sorted(cells["batch_size"].unique())
    batch, width = batches[len(batches) // 2], widths[len(widths) // 2]
    panels = [
        (f"over the width, batch {batch:.0f}", "width", cells[cells["batch_size"] == batch]),
        (f"over the batch size, width {width}", "batch_size", cells[cells["width"] == width]),
    ]
    if not depth.empty:
        layers = depth["layer_sizes"].map(lambda sizes: tables.layers(sizes).count("-") - 1)
        panels.append(
            (
                "over the depth, width 64",
                "hidden layers",
                depth.assign(contender=_contenders(depth), **{"hidden layers": layers}),
            )
        )
    names = list(dict.fromkeys(cells["contender"]))
    styles = {name: Style(f"series-{i % 6 + 1}", 1.8) for i, name in enumerate(names)}
    drawn = [Panel(title, _scaling(rows, over, names)) for title, over, rows in panels]
    note = "Median time per step in microseconds, both axes logarithmic."
    return [Figure("scaling", "How each scales", drawn, note, styles)]


def _scaling(rows: pd.DataFrame, over: str, names: list[str]) -> Lines:
    lines = []
    for name in names:
        line = rows[rows["contender"] == name].sort_values(over)
        lines.append(Line(name, shortened(line[over]), shortened(line["seconds_per_step"] * 1e6)))
    return Lines(lines, over.replace("_", " "), "µs", log_x=2, log_y=True, markers=True)
