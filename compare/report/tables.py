"""The tables of the report: stored numbers arranged, nothing computed beyond medians and quartiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from compare.report.blocks import Table
from compare.report.figures import class_name, pair_name
from compare.report.numbers import as_float, exact, microseconds, number, percent
from compare.report.results import Results

DTYPES = ["float64", "float32"]
PHASES = ["start", "forward", "loss", "gradient", "update", "outcome"]
MODES = ["in step", "on its own"]


def failed(cell: pd.Series) -> bool:
    """Whether a row of cells.csv is a difference."""
    return not cell["equal"]


def worst(cells: pd.DataFrame) -> pd.Series:
    """The cell that used most of its bound; failing ones come first, NaN before all."""
    order = cells.assign(key=cells["used"].fillna(float("inf"))).sort_values(
        ["equal", "key"], ascending=[True, False], kind="stable"
    )
    return order.iloc[0]


def write_cell(cell: pd.Series) -> str:
    """A difference and the share of its bound: "3.1e-16 · 0.03 %", with a cross when it failed."""
    used = "" if pd.isna(cell["difference"]) else f" · {percent(cell['used'])}"
    return f"{'✗ ' * failed(cell)}{number(cell['difference'])}{used}"


def equality(results: Results, cells: pd.DataFrame) -> Table:
    """Scenarios by pairs: the worst difference over all steps, phases and both modes, and its headroom."""
    columns = pair_columns(results, cells)
    parts = dict(list(cells.groupby(["scenario", "dtype", "a", "b"], sort=False)))
    tried = [name for name, entry in results.scenarios.items() if not entry.get("skipped")]
    rows, marks, addresses = [], [], []
    for name in results.in_order([*tried, *cells["scenario"]], results.scenarios):
        worsts = [worst(parts[name, *column]) if (name, *column) in parts else None for column in columns]
        bad = [cell is not None and failed(cell) for cell in worsts]
        mark = "✗" if any(bad) else "!" if any(cell is None for cell in worsts) else "✓"
        rows.append([f"{mark} {name}", *("not run" if cell is None else write_cell(cell) for cell in worsts)])
        marks.append([any(bad), *bad])
        addresses.append([f"scenario={name}", *("" if cell is None else address(cell) for cell in worsts)])
    index = pd.MultiIndex.from_tuples([("", "scenario"), *map(_column_label, columns)])
    return Table(
        "Worst difference of every scenario",
        pd.DataFrame(rows, columns=index),
        "Each cell: the worst difference over all steps, phases and both modes (largest |a - b| over the "
        "largest |reference| of a tensor, no unit) · the share used of the largest difference that rounding "
        "may cause. ✓ equal: all under 100 %. ✗ different: a difference that rounding cannot explain. ! "
        "incomplete.",
        frozenset({"scenario"}),
        pd.DataFrame(marks, columns=index),
        addresses=pd.DataFrame(addresses, columns=index),
    )


def address(place: Mapping[str, Any] | pd.Series) -> str:
    """What the explorer shows of one place, as a query."""
    keys = ("scenario", "dtype", "mode", "a", "b", "phase", "tensor", "step")
    return urlencode(
        {key: f"{place[key]:.0f}" if key == "step" else place[key] for key in keys if place[key] is not None}
    )


def pair_columns(results: Results, cells: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(dtype, a, b) of every column, float64 first, implementations in their order."""
    order = [*DTYPES, *results.implementations]

    def rank(name: str) -> int:
        return order.index(name) if name in order else len(order)

    found = set(zip(cells["dtype"], cells["a"], cells["b"], strict=True))
    return sorted(found, key=lambda column: [rank(part) for part in column])


def _column_label(column: tuple[str, str, str]) -> tuple[str, str]:
    dtype, a, b = column
    return (f"{dtype}, against the float64 run" if a == "float64" else dtype), pair_name(a, b)


def phases(results: Results, cells: pd.DataFrame) -> Table:
    """Pairs by phases: the worst cell over all scenarios."""
    shown = [phase for phase in PHASES if phase in set(cells["phase"])]
    rows, marks = [], []
    for dtype, a, b in pair_columns(results, cells):
        for mode in MODES:
            part = cells[(cells["dtype"] == dtype) & (cells["a"] == a) & (cells["b"] == b) & (cells["mode"] == mode)]
            if part.empty:
                continue
            of_phase = [part[part["phase"] == phase] for phase in shown]
            worsts = [None if rows_.empty else worst(rows_) for rows_ in of_phase]
            rows.append([dtype, mode, pair_name(a, b)]
                        + ["—" if cell is None else write_cell(cell) for cell in worsts])  # fmt: skip
            marks.append([False] * 3 + [cell is not None and failed(cell) for cell in worsts])
    columns = ["precision", "mode", "pair", *shown]
    note = "Each cell: the worst difference over all scenarios and steps · share of its bound used."
    marked = pd.DataFrame(marks, columns=columns)
    frame = pd.DataFrame(rows, columns=columns)
    return Table("Worst difference of every phase", frame, note, frozenset(columns[:3]), marked)


def divergences(entries: list[dict[str, Any]], title: str) -> Table:
    """Divergences in full: where two first differ, and both values."""
    columns = ["scenario", "where", "between", "first value", "second value", "difference · bound"]
    rows = [
        [
            f"{entry['scenario']} · {entry['dtype']}, {entry['mode']}",
            place(entry),
            f"{entry['a']} \N{EN DASH} {entry['b']}",
            exact(entry["value_a"]),
            exact(entry["value_b"]),
            f"✗ {number(entry['difference'])} · {number(entry['bound'])}",
        ]
        for entry in entries
    ]
    frame = pd.DataFrame(rows, columns=columns)
    failing = pd.DataFrame([[column == columns[-1] for column in columns]] * len(rows), columns=columns)
    led = [[address(entry), *[""] * 5] for entry in entries]
    note = (
        "One row per failing cell, its first place: the values of the two at that index, the tensor's "
        "difference (no unit) and the largest that rounding may cause."
    )
    words = frozenset({"scenario", "where", "between"})
    addresses = pd.DataFrame(led, columns=columns)
    return Table(title, frame, note, words, failing, addresses=addresses)


def place(entry: dict) -> str:
    """Step, phase, tensor and index of a divergence in words."""
    index = f"[{', '.join(map(str, entry['index']))}]" if entry.get("index") else ""
    return f"step {entry['step']}, {entry['phase']}, {entry['tensor'] or ''}{index}".rstrip(", ")


def with_contenders(speed: pd.DataFrame) -> pd.DataFrame:
    """Speed rounds with the column ``contender``: the implementation, and its mode where it has several."""
    several = speed.groupby("implementation")["mode"].nunique() > 1
    names = [
        f"{name}, {mode}" if several[name] else name
        for name, mode in zip(speed["implementation"], speed["mode"], strict=True)
    ]
    return speed.assign(contender=names)


def speed(results: Results, rounds: pd.DataFrame) -> Table:
    """Workloads by contenders: median time per step of the rounds, with their quartiles."""
    keys = ["workload", "layer_sizes", "batch_size", "optimizer", "dtype", "threads"]
    contenders = list(dict.fromkeys(rounds["contender"]))
    rows = []
    for work, part in rounds.groupby(keys, sort=False):
        name, sizes, batch, optimizer, dtype, threads = work
        what = f"{name} · {layers(sizes)}, batch {batch:.0f}, {optimizer}, {dtype}"
        cells = [_times(part.loc[part["contender"] == who, "seconds_per_step"]) for who in contenders]
        rows.append([what, f"{threads:.0f}", *cells])
    modes = rounds.groupby("implementation", sort=False)["mode"].unique()
    timed = "; ".join(f"{who}: {', '.join(filter(None, names))}" for who, names in modes.items())
    number_of_rounds = rounds.groupby([*keys, "contender"])["round"].nunique()
    low, high = int(number_of_rounds.min()), int(number_of_rounds.max())
    note = (
        f"Each cell: median · lower to upper quartile of {low if low == high else f'{low} to {high}'} "
        "rounds, in microseconds per training step; smaller is faster. On the clock: training steps only, "
        f"with the batches already in memory ({timed}). All in a row had the same number of threads."
    )
    frame = pd.DataFrame(rows, columns=["workload", "threads", *(f"{who} (µs)" for who in contenders)])
    return Table("Time per training step", frame, note, frozenset({"workload"}))


def layers(sizes: object) -> str:
    """Layer sizes with dashes: "[64, 32, 10]", "64 32 10" and [64, 32, 10] all become "64-32-10"."""
    return "-".join("".join(sign if sign.isdigit() else " " for sign in str(sizes)).split())


def _times(seconds: pd.Series) -> str:
    seconds = seconds.dropna()
    if seconds.empty:
        return "not timed"
    quarter, median, three_quarters = (microseconds(seconds.quantile(q)) for q in (0.25, 0.5, 0.75))
    return f"{median} · {quarter} to {three_quarters}"


def predictions(results: Results, rows: pd.DataFrame, name: str, dtype: str, count: int = 8) -> Table:
    """The first samples of one scenario's test set: truth, and what each implementation answered."""
    rows = rows[(rows["scenario"] == name) & (rows["dtype"] == dtype)]
    scenario = results.scenarios.get(name, {})
    labels = list(map(str, scenario.get("classes") or []))
    is_value = scenario.get("task") == "regression"
    whos = results.in_order(rows["implementation"], results.implementations)
    lines = []
    for sample in list(dict.fromkeys(rows["sample"]))[:count]:
        answers = rows[rows["sample"] == sample].set_index("implementation")
        target = answers["target"].iloc[0]
        line = [f"{sample:.0f}", number(target, 4) if is_value else class_name(target, labels)]
        for who in whos:
            if who not in answers.index:
                line.append("—")
                continue
            answer = answers.loc[who]
            value, output = answer["prediction"], answer["output"]
            wrong = "" if is_value or class_name(value, labels) == line[1] else ", wrong"
            line.append(number(value, 6) if is_value else f"{class_name(value, labels)}{wrong} · {number(output, 4)}")
        lines.append(line)
    truth = "true value" if is_value else "true class"
    what = (
        "the predicted value, in the target's unit" if is_value else "the predicted class · the model's output for it"
    )
    note = f"{dtype}. The first {len(lines)} samples of the test set, never trained on: {what}."
    frame = pd.DataFrame(lines, columns=["sample", truth, *whos])
    words = frozenset() if is_value else frozenset({truth, *whos})
    return Table(f"Predictions in {name}", frame, note, words)


MEANINGS = {
    "accuracy": "share of samples whose class is right",
    "balanced_accuracy": "mean over the classes of the share that is right",
    "f1": "harmonic mean of precision and recall",
    "roc_auc": "chance that a positive is ranked above a negative",
    "log_loss": "mean -log of the probability given to the truth",
    "loss": "mean loss of the scenario",
    "mse": "mean squared error, squared unit of the target",
    "rmse": "root of the mean squared error, unit of the target",
    "mae": "mean absolute error, unit of the target",
    "r2": "share of the variance explained; 1 is perfect",
}


def metrics(results: Results, values: pd.DataFrame) -> Table:
    """Scenario and metric, one column a precision and implementation."""
    columns = [
        (dtype, who)
        for dtype in results.in_order(values["dtype"], DTYPES)
        for who in results.in_order(values.loc[values["dtype"] == dtype, "implementation"], results.implementations)
    ]
    stored = values.set_index(["scenario", "metric", "dtype", "implementation"])["value"].to_dict()
    rows = []
    for name in results.in_order(values["scenario"], results.scenarios):
        for metric in dict.fromkeys(values.loc[values["scenario"] == name, "metric"]):
            found = [stored.get((name, metric, *column)) for column in columns]
            rows.append([name, metric, *("—" if value is None else number(value, 4) for value in found)])
    index = pd.MultiIndex.from_tuples([("", "scenario"), ("", "metric"), *columns])
    known = [f"{metric}: {MEANINGS[metric]}" for metric in dict.fromkeys(values["metric"]) if metric in MEANINGS]
    note = "On the test set, after training on its own. " + "; ".join(known) + "." * bool(known)
    words = frozenset({"scenario", "metric"})
    return Table("Test metrics", pd.DataFrame(rows, columns=index), note, words, by="scenario")


def scenarios(results: Results) -> Table:
    """What each scenario trains, on what."""
    rows = []
    for name, entry in results.scenarios.items():
        options = "".join(f", {key} {value}" for key, value in (entry.get("options") or {}).items())
        samples = f"{entry['n_train']} train, {entry['n_test']} test samples"
        batch = f"batches of {entry['batch_size']}" if entry["batch_size"] else "one batch of all samples"
        plan = f"{entry['steps']} · {entry['epochs']} epochs, {batch}"
        skipped = entry.get("skipped")
        rows.append([
            f"{name} · {entry['title']}",
            f"{entry['dataset']} · {entry['task']}" + ("" if skipped else f", {samples}"),
            f"{layers(entry['layer_sizes'])} · {entry['activation']}, {entry['loss']}",
            f"{entry['optimizer']} · learning rate {entry['learning_rate']:g}{options}",
            f"skipped · {skipped}" if skipped else plan,
        ])  # fmt: skip
    columns = ["scenario", "data", "network", "optimizer", "steps"]
    note = "Network: units per layer from input to output, the hidden activation, the loss."
    return Table("Scenarios", pd.DataFrame(rows, columns=columns), note, frozenset(columns))


def implementations(results: Results) -> Table:
    """How each implementation's process ended."""
    entries = results.summary["implementations"]
    columns = ["implementation", "status", "scenario", "seconds"]
    rows = [
        [entry["name"], entry["status"] if entry["status"] == "ok" else f"✗ {entry['status']}",
         entry.get("scenario") or "—", f"{as_float(entry['seconds']):.1f}"]
        for entry in entries
    ]  # fmt: skip
    marks = [[False, entry["status"] != "ok", False, False] for entry in entries]
    note = "Scenario: where it stopped, if it did. Seconds: how long its process worked, start-up included."
    return Table("Implementations", pd.DataFrame(rows, columns=columns), note,
                 frozenset(columns[:3]), pd.DataFrame(marks, columns=columns))  # fmt: skip


def environment(results: Results) -> Table:
    """Machine and versions."""
    found = dict(results.summary["environment"])
    packages, threads = found.pop("packages") or {}, found.pop("threads", None) or {}
    units = {
        "memory_gib": ("memory", "GiB"),
        "cores": ("processor cores", ""),
    }
    rows = []
    for key, value in found.items():
        label, unit = units.get(key, (key.replace("_", " "), ""))
        rows.append([label, f"{value} {unit}".strip()])
    if not isinstance(threads, dict):  # As it was stored once.
        threads = {"compared": [threads]}
    rows += [[f"threads each while {what}", " and ".join(map(str, n))] for what, n in threads.items()]
    rows += [[name, str(version)] for name, version in packages.items()]
    return Table(
        "Machine and versions",
        pd.DataFrame(rows, columns=["what", "value"]),
        words=frozenset({"what", "value"}),
    )
