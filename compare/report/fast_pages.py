"""What may make a training faster, and what it costs: the fast form with its compiling, and more threads."""

from __future__ import annotations

import math

import pandas as pd

from compare.report.blocks import Block, Prose, Table
from compare.report.numbers import microseconds, number
from compare.report.results import Results
from compare.report.speed_pages import CONTROLS, SWEEPS, WORK, facts, work_name
from compare.report.tables import layers
from compare.speed.work import Work

MARGIN = 0.03  # by which two turns of one run may differ


def gains(results: Results) -> list[Block]:
    """What the fast form buys over the plain one, what its first call costs, and after how many epochs that is paid."""
    firsts = facts(results, "first epoch").groupby([*WORK, "implementation", "mode"])["value"].median()
    times = results.tables["speed_ratios"].set_index([*WORK, "implementation", "mode"])["seconds_per_step"]
    rows = []
    for _, row in results.tables["speed_gains"].iterrows():
        if row["workload"] in SWEEPS:
            continue
        fit, fast = ((*row[WORK], row["implementation"], mode) for mode in ("fit", "fast"))
        first = firsts.get(fast, math.nan)
        saved = steps_of(row) * (times.get(fit, math.nan) - times.get(fast, math.nan))
        rows.append([
            work_name(row),
            row["implementation"],
            f"{number(row['times'], 3)} · {number(row['low'], 3)} to {number(row['high'], 3)}",
            f"{number(first, 2)} s" if math.isfinite(first) else "—",
            paid_after(first - firsts.get(fit, math.nan), saved),
        ])  # fmt: skip
    note = (
        "How many times faster fit(fast=True) is than fit, in the same rounds · 95 % interval. PyTorch compiles "
        "four steps into one function, which saves the calls; Keras compiles an epoch into one, where fit calls a "
        "function for every step. NumPy has no second form. The first call compiles: what it takes longer than fit's "
        "own, divided by what every later epoch of these sizes saves, are the epochs after which it has paid."
    )
    columns = ["workload", "implementation", "times faster", "first call", "paid after, epochs"]
    frame = pd.DataFrame(rows, columns=columns)
    return [Table("What fast buys", frame, note, frozenset(columns[:2]), by="workload")] if rows else []


def steps_of(row: pd.Series) -> int:
    """Training steps in an epoch of a row's work."""
    sizes = tuple(int(n) for n in layers(row["layer_sizes"]).split("-"))
    return Work(row["workload"], sizes, int(row["batch_size"])).steps


def paid_after(cost: float, saved: float) -> str:
    """The epochs after which a cost in seconds is paid, where each epoch saves so many."""
    if not (math.isfinite(cost) and math.isfinite(saved)):
        return "—"
    if saved <= 0:
        return "never"
    return f"{max(1, math.ceil(cost / saved)):,}"


def threads(results: Results) -> list[Block]:
    """Every contender with one thread and with more, where both were timed; and whom more of them make slower."""
    ratios = results.tables["speed_ratios"]
    if ratios.empty or ratios["threads"].nunique() < 2:
        return []
    work = [name for name in WORK if name != "threads"]
    shown = ratios[~ratios["workload"].isin(SWEEPS) & ~ratios["mode"].isin(CONTROLS)]
    rows, slower = [], []
    for (*_, implementation, mode), part in shown.groupby([*work, "implementation", "mode"], sort=False):
        part = part.sort_values("threads")
        one, most = part.iloc[0], part.iloc[-1]
        if one["threads"] == most["threads"]:
            continue
        share = most["seconds_per_step"] / one["seconds_per_step"]
        name = work_name(one).rpartition(",")[0]
        times = [microseconds(row["seconds_per_step"]) for row in (one, most)]
        rows.append([name, f"{implementation}, {mode}", *times, number(share, 3)])
        if share > 1 + MARGIN and not (one["objection"] or most["objection"]):
            slower.append(f"{implementation}, {mode}, at {one['workload']} ({times[1]} µs for {times[0]})")
    if not rows:
        return []
    counts = sorted(ratios["threads"].unique())
    columns = ["workload", "contender", f"µs, {counts[0]:.0f} thread", f"µs, {counts[-1]:.0f} threads", "ratio"]
    note = (
        "Two turns of the same run, so that a ratio near 1 says little. Libraries hand a product to all their threads "
        "whatever its size; a small one is not worth it. What holds NumPy to one is OPENBLAS_NUM_THREADS=1, set before "
        "Python starts; in PyTorch it is torch.set_num_threads(1)."
    )
    frame = pd.DataFrame(rows, columns=columns)
    blocks: list[Block] = [Table("One thread and more", frame, note, frozenset(columns[:2]), by="workload")]
    return [*([Prose(f"Slower with more threads: {'; '.join(slower)}.")] if slower else []), *blocks]
