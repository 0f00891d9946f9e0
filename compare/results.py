"""What a run leaves behind: results.json and the tidy tables in data/, as reports/README.md documents them."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from compare.ledger import places
from compare.ledger.adapters import keras_backend
from compare.ledger.alone import standing
from compare.ledger.parity import GATE, Gap
from compare.ledger.run import Finding, Ledger
from shared import datasets
from shared.scenarios import Plan, Scenario

FORMAT = "mlp-rosetta results 1"
PACKAGES = ("numpy", "torch", "tensorflow", "keras", "scikit-learn", "pandas", "safetensors", "jax", "nerva-numpy")
GATES = {
    "float64": (
        "In step: 1e-12 of the tensor's largest entry, and what rounding alone can do to the entry on both sides, "
        "propagated through the step operation by operation. On its own: 1e-12, and steps x one step's rounding x how "
        "much training amplifies a small change of the weights, measured on slightly changed copies of the reference."
    ),
    "float32": (
        "Each implementation against the float64 reference or, where two others agree against it, one of those. In "
        "step: what rounding alone can do to the entry, propagated through the step operation by operation. On its "
        "own: steps x one step's rounding x the measured amplification."
    ),
}


@dataclass(frozen=True, eq=False)
class Part:
    """What another part of the run than the ledger found."""

    tables: dict[str, pd.DataFrame]  # by the names of their files in data/
    different: Sequence[str] = ()  # what says that the implementations are not the same network, a line each
    lost: Sequence[str] = ()  # what did not finish, a line each
    notes: Sequence[str] = ()  # what else the terminal should say
    equal: str = ""  # what it held against what, if that came out equal
    measured: str = ""  # what it found out, if it held nothing against anything


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run in a word, an exit code and a sentence."""

    status: str  # "equal", "different", "incomplete", or "measured" where nothing was compared
    exit_code: int
    sentence: str


def verdict_of(ledger: Ledger, parts: Sequence[Part] = ()) -> Verdict:
    """Incomplete if something did not finish, else different if any comparison failed, else equal or only measured."""
    comparisons = [comparison for finding in ledger.findings.values() for comparison in finding.comparisons]
    lines = [_places(ledger), *(line for part in parts for line in part.different)]
    different = [line for line in lines if line]
    lost = list(dict.fromkeys(f"{failure.implementation} did not finish" for failure in ledger.failures))
    lost += [line for part in parts for line in part.lost]
    if lost:
        rest = f"; {different[0]}" if different else "; the other comparisons agree" if comparisons else ""
        return Verdict("incomplete", 3, f"Incomplete: {lost[0]}{_more(lost)}{rest}.")
    if different:
        return Verdict("different", 1, f"Different: {different[0]}{_more(different)}.")
    if not comparisons:
        said = "; ".join(part.equal for part in parts if part.equal)
        measured = "; ".join(part.measured for part in parts if part.measured)
        if said:
            return Verdict("equal", 0, f"No scenario was compared; equal: {said}.")
        return Verdict(
            "measured", 0, f"Measured: {measured}; nothing was compared." if measured else "Nothing was compared."
        )
    names = ", ".join(name for name in ledger.seconds)
    # Where far more than the gate is allowed, the tensor is the rounding of zero: its relative difference says nothing.
    gaps = [gap for c in comparisons if c.dtype == "float64" for gap in c.worst if gap.bound <= 10 * GATE["float64"]]
    exact = [gap.difference for gap in gaps]
    figure = f"; in float64 they differ by {np.median(exact):.0e} (median) to {max(exact):.0e}" if exact else ""
    most = max(gap.used for c in comparisons for gap in c.worst)
    return Verdict(
        "equal",
        0,
        f"Equal: {names} are the same network in all {_count(len(ledger.findings), 'scenario')}{figure}; "
        f"the closest comparison used {most:.0%} of its bound.",
    )


def _places(ledger: Ledger) -> str:
    """How many comparisons of the ledger failed, where to look first, and who stands alone there; empty if none did."""
    different = ledger.differing
    if not different:
        return ""
    pairs, first = {(c.scenario, c.a, c.b) for c in different}, different[0]
    who = standing(ledger.findings[first.scenario].comparisons)
    return (
        f"{_count(len(pairs), 'pair')} in {_count(len({c.scenario for c in different}), 'scenario')} differ, first "
        f"{first.a} and {first.b} in {first.scenario} ({first.dtype}, {first.mode}): {describe(first.first)}; {who}"
    )


def _more(lines: Sequence[str]) -> str:
    return f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""


def describe(gap: Gap | None) -> str:
    """The place of a difference, in words."""
    if gap is None:
        return "no difference"
    where = f" at {list(gap.index)}" if gap.index else ""
    return f"step {gap.number}, {gap.phase}, {gap.tensor}{where}: {gap.value_a:.9g} against {gap.value_b:.9g}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def write(
    folder: Path,
    ledger: Ledger,
    run: dict[str, Any],
    parts: Sequence[Part] = (),
    skipped: Sequence[tuple[Scenario, str]] = (),
    threads: Mapping[str, Sequence[int]] | None = None,
) -> Verdict:
    """Write results.json and data/*.csv into `folder`, each file whole or not at all.

    `skipped` are the scenarios that were not run, with the reason; `threads` those that each implementation had, for
    each kind of work that was done.
    """
    verdict = verdict_of(ledger, parts)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    tables = {
        "cells": cells(ledger),
        "drift": drift(ledger),
        "losses": losses(ledger),
        **outcomes(ledger),
        **{name: table for part in parts for name, table in part.tables.items()},
    }
    for name, table in tables.items():
        if table.empty:
            continue
        _replace(folder / "data" / f"{name}.csv", table.to_csv(index=False))
    found = places.table(c for finding in ledger.findings.values() for c in finding.comparisons)
    if not found.empty:  # A hundred thousand rows: too many for text.
        _replace(folder / "data" / "map.parquet", found.to_parquet(index=False, compression="zstd"))
    failed = {failure.implementation: failure for failure in reversed(ledger.failures)}
    summary = {
        "format": FORMAT,
        "verdict": asdict(verdict),
        "run": run,
        "environment": environment() | {"threads": threads or {}},
        "gates": GATES,
        "implementations": [
            {
                "name": name,
                "status": failed[name].status if name in failed else "ok",
                "message": failed[name].message if name in failed else "",
                "scenario": failed[name].scenario if name in failed else None,
                "seconds": seconds,
            }
            for name, seconds in ledger.seconds.items()
        ],
        "scenarios": [scenario_row(finding.plan) for finding in ledger.findings.values()]
        + [skipped_row(scenario, reason) for scenario, reason in skipped],
        "divergences": [
            {**comparison.labels, **_first(comparison.first)} for comparison in ledger.differing if comparison.first
        ],
    }
    _replace(folder / "results.json", json.dumps(_plain(summary), indent=1) + "\n")
    return verdict


def _first(gap: Gap) -> dict[str, Any]:
    return {
        "step": gap.number,
        "phase": gap.phase,
        "tensor": gap.tensor,
        "index": list(gap.index),
        "value_a": gap.value_a,
        "value_b": gap.value_b,
        "difference": gap.difference,
        "bound": gap.bound,
    }


def _plain(value: Any) -> Any:
    """The value as JSON has it: no number that is not finite."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _replace(path: Path, content: str | bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(part, path)


def scenario_row(plan: Plan) -> dict[str, Any]:
    """A scenario as results.json describes it."""
    dataset = plan.dataset
    return {
        **_described(plan.scenario, plan.config["layer_sizes"]),
        "task": dataset.task,
        "steps": len(plan.steps),
        "n_train": len(dataset.x_train),
        "n_test": len(dataset.x_test),
        "skipped": None,
        "classes": list(dataset.classes),
    }


def skipped_row(scenario: Scenario, reason: str) -> dict[str, Any]:
    """A scenario that was not run, and why."""
    about = datasets.describe(scenario.dataset)
    sizes = scenario.layer_sizes(about.inputs, about.classes)
    counts = {"steps": 0, "n_train": 0, "n_test": 0}
    return {**_described(scenario, sizes), "task": about.task, **counts, "skipped": reason, "classes": []}


def _described(scenario: Scenario, layer_sizes: tuple[int, ...]) -> dict[str, Any]:
    shown = ("loss", "activation", "optimizer", "learning_rate")
    return {
        "name": scenario.name,
        "title": scenario.title,
        "dataset": scenario.dataset,
        "layer_sizes": list(layer_sizes),
        **{name: scenario.options[name] for name in shown},
        "activation": scenario.said("activation"),
        "options": {name: value for name, value in scenario.options.items() if name not in shown},
        "batch_size": scenario.batch_size,
        "epochs": scenario.epochs,
    }


def cells(ledger: Ledger) -> pd.DataFrame:
    """One row for each scenario, precision, mode, pair and phase: its worst place."""
    return pd.DataFrame(
        [
            {
                **comparison.labels,
                "phase": gap.phase,
                "tensor": gap.tensor,
                "step": gap.number,
                "difference": gap.difference,
                "bound": gap.bound,
                "used": gap.used,
                "equal": gap.equal,
            }
            for finding in ledger.findings.values()
            for comparison in finding.comparisons
            for gap in comparison.worst
        ]
    )


def drift(ledger: Ledger) -> pd.DataFrame:
    """How the difference of the weights and of the losses runs over the steps."""
    frames = []
    for finding in ledger.findings.values():
        for comparison in finding.comparisons:
            for quantity, differences, bounds in (
                ("weights", comparison.weights, comparison.weight_bounds),
                ("loss", comparison.losses, comparison.loss_bounds),
            ):
                steps = range(1, len(differences) + 1)
                columns = {"step": steps, "quantity": quantity, "difference": differences, "bound": bounds}
                frames.append(pd.DataFrame({**comparison.labels, **columns}))
    return pd.concat(frames) if frames else pd.DataFrame()


def losses(ledger: Ledger) -> pd.DataFrame:
    """Each step's training loss, on its own."""
    frames = [
        pd.DataFrame(
            {
                "scenario": scenario,
                "dtype": dtype,
                "implementation": name,
                "step": range(1, len(trace.losses) + 1),
                "loss": trace.losses,
            }
        )
        for scenario, finding in ledger.findings.items()
        for (name, dtype), trace in finding.traces.items()
    ]
    return pd.concat(frames) if frames else pd.DataFrame()


def outcomes(ledger: Ledger) -> dict[str, pd.DataFrame]:
    """The test set at the end of each training on its own: metrics, predictions and confusion matrices."""
    metrics, predictions, confusion = [], [], []
    for scenario, finding in ledger.findings.items():
        for (name, dtype), trace in finding.traces.items():
            labels = {"scenario": scenario, "dtype": dtype, "implementation": name}
            target = finding.plan.dataset.y_test
            metrics += [{**labels, "metric": k, "value": v} for k, v in metrics_of(finding, trace).items()]
            chosen = _chosen(finding, trace)
            frame = pd.DataFrame({"target": target, "prediction": trace.predictions, "output": chosen})
            predictions.append(frame.assign(sample=range(len(frame)), **labels)[_PREDICTION_COLUMNS])
            if finding.plan.dataset.classes:
                counts = frame.groupby(["target", "prediction"]).size().rename("count").reset_index()
                confusion.append(counts.assign(**labels)[[*labels, "target", "prediction", "count"]])
    return {
        "metrics": pd.DataFrame(metrics),
        "predictions": pd.concat(predictions) if predictions else pd.DataFrame(),
        "confusion": pd.concat(confusion) if confusion else pd.DataFrame(),
    }


_PREDICTION_COLUMNS = ["scenario", "dtype", "implementation", "sample", "target", "prediction", "output"]


def _probabilities(finding: Finding, z: np.ndarray) -> np.ndarray | None:
    """Each class's probability (N, classes) from outputs z (N, O); None for a loss without probabilities."""
    from scipy.special import expit, softmax

    loss = finding.plan.config["loss"]
    if loss == "softmax_cross_entropy":
        return softmax(z.astype(np.float64), axis=1)
    if loss == "binary_cross_entropy" and z.shape[1] == 1:
        p = expit(z.astype(np.float64))
        return np.hstack([1 - p, p])
    return None


def _chosen(finding: Finding, trace: Any) -> np.ndarray:
    """The probability of the predicted class, or the predicted value, (N,)."""
    p = _probabilities(finding, trace.outputs)
    return np.asarray(trace.predictions, float) if p is None else p.max(axis=1)


def metrics_of(finding: Finding, trace: Any) -> dict[str, float]:
    """Scikit-learn's metrics of the predictions for the test set."""
    from sklearn import metrics

    target, predicted = finding.plan.dataset.y_test, trace.predictions
    if not np.isfinite(trace.outputs).all():
        return {}
    p = _probabilities(finding, trace.outputs)
    if p is None:  # A regression, or classes trained as if they were numbers.
        return {
            "mean absolute error": metrics.mean_absolute_error(target, predicted),
            "R2": metrics.r2_score(target, predicted),
        }
    labels = np.arange(p.shape[1])
    found = {
        "accuracy": metrics.accuracy_score(target, predicted),
        "balanced accuracy": metrics.recall_score(target, predicted, labels=np.unique(target), average="macro"),
        "F1 (macro)": metrics.f1_score(target, predicted, average="macro", zero_division=0),
        "log loss": metrics.log_loss(target, p, labels=labels),
    }
    if len(np.unique(target)) == len(labels):  # Else a class has no curve.
        scores = p[:, 1] if p.shape[1] == 2 else p
        found["ROC AUC"] = metrics.roc_auc_score(target, scores, multi_class="ovr", labels=labels)
    return found


def environment() -> dict[str, Any]:
    """The machine and the versions that the numbers belong to."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": psutil.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "keras_backend": keras_backend(),
        "packages": packages,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
