"""A synthetic run: results.json and every table, written as a run writes them, for tests to tamper with."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

from compare.report.results import COLUMNS, file_of

PHASES = ["forward", "loss", "gradient", "update", "outcome"]
TENSORS = [("forward", "logits"), ("loss", "loss"), ("gradient", "gradient of layer 1 W"),
           ("update", "weights of layer 1 W"), ("update", "weights of layer 1 b")]  # fmt: skip
PLANS = {  # name: (dataset, task, classes, layer sizes, optimizer)
    "digits-adam": ("digits", "multiclass", [str(i) for i in range(10)], [64, 32, 10], "adam"),
    "diabetes-sgd": ("diabetes", "regression", [], [10, 16, 1], "sgd"),
    "cancer-momentum": ("breast cancer", "binary", ["malignant", "benign"], [30, 16, 1], "momentum"),
}


def write_results(
    folder: Path,
    implementations: tuple[str, ...] = ("numpy", "torch", "keras"),
    dtypes: tuple[str, ...] = ("float64", "float32"),
    plans: dict = PLANS,
    steps: int = 30,
) -> dict:
    """A run in which all agree: results.json and every table of data/. Returns the summary, for tampering."""
    rng = np.random.default_rng(7)
    rows: dict[str, list] = {name: [] for name in COLUMNS}
    for name, (_, task, classes, _, _) in plans.items():
        truth = rng.integers(0, len(classes), 40) if classes else rng.normal(150, 50, 40)
        answers = np.where(rng.random(40) < 0.9, truth, truth[::-1])
        for dtype in dtypes:
            pairs = (
                list(itertools.combinations(implementations, 2))
                if dtype == "float64"
                else [("float64", who) for who in implementations]
            )
            eps, bound = (1e-16, 1e-12) if dtype == "float64" else (6e-8, 1e-5)
            for (a, b), mode in itertools.product(pairs, ["in step", "on its own"]):
                for phase in PHASES:
                    difference = eps * float(rng.integers(0, 50))
                    rows["cells"].append(
                        (name, dtype, mode, a, b, phase, "W0", 3, difference, bound, difference / bound, True)
                    )
            for (a, b), step in itertools.product(pairs, range(1, steps + 1)):
                for phase, tensor in TENSORS:
                    value = float(rng.normal())
                    apart = float(rng.choice([-3, -2, -1, 1, 2])) * max(eps, float(np.spacing(abs(value))))
                    other = value if (tensor, step) == ("logits", 2) else value + apart
                    difference = abs(other - value)
                    at = "" if tensor == "loss" else "1 0"
                    rows["map"].append(
                        (name, dtype, "in step", a, b, phase, tensor, step, at, value, other, difference,
                         difference / bound)
                    )  # fmt: skip
            growth = eps * np.exp(rng.normal(0, 0.3, (len(pairs), steps)).cumsum(axis=1) * 0.3)
            for (a, b), line in zip(pairs, growth, strict=True):
                for step, difference in enumerate(line, start=1):
                    rows["drift"].append((name, dtype, "on its own", a, b, step, "weights", difference, bound))
                    rows["drift"].append((name, dtype, "on its own", a, b, step, "loss", difference / 3, bound))
            losses = 2.3 * np.exp(-np.arange(steps) / 15) + rng.normal(0, 0.03, steps)
            for who in implementations:
                rows["losses"] += [(name, dtype, who, step + 1, loss) for step, loss in enumerate(losses)]
                if task == "regression":
                    rows["metrics"] += [(name, dtype, who, "r2", 0.48), (name, dtype, who, "mae", 43.7)]
                else:
                    rows["metrics"].append((name, dtype, who, "accuracy", float((truth == answers).mean())))
                    counts = pd.Series(zip(truth, answers, strict=True)).value_counts(sort=False)
                    rows["confusion"] += [(name, dtype, who, *pair, count) for pair, count in counts.items()]
                rows["predictions"] += [
                    (name, dtype, who, i, *pair, 0.9 if classes else pair[1])
                    for i, pair in enumerate(zip(truth, answers, strict=True))
                ]
    for workload, sizes, typical in [
        ("tiny", "2-4-1", 3e-5),
        ("digits", "64-32-10", 4e-5),
        ("wide", "784-1024-10", 0.02),
    ]:
        for place, who in enumerate(implementations):
            rows["speed"] += [
                (workload, sizes, 32, "sgd", who, "train_step", "float32", 1, turn,
                 typical * 5**place * rng.lognormal(0, 0.05))
                for turn in range(9)
            ]  # fmt: skip
    rows["repeat"] = [(who, "digits", dtype, True, "") for who in implementations for dtype in dtypes]
    place = ("in step", "update", "weights of layer 1 W", 0, 1e-5, 1e4)
    rows["kills"] = [("adam-epsilon", "", "digits", dtype, True, *place, 1e4, False, True) for dtype in dtypes]
    rows["planted"] = [("torch", "digits", "a", "b", True, 0, "update", "weights of layer 1 W", 1e-5, True, "")]
    rows["traps"] = [("The update", "epsilon-value", "Seen", "Why.", "weight 1e-5", 1e-5, "t()", "k()", "a.py")]
    rows["defaults"] = [("Adam epsilon", "1e-08", "1e-07", False)]
    rows["calls"] = [(who, "adam", "fit", "history loss", "1", "1", 1e-16, 1e-4, True, "") for who in implementations]
    rows["corpus"] = [("torch/a.py", "torch", "equal", "equal", True, False, 1.5)]
    rows["scripts"] = [("b.py", "a.py", "equal", "equal", True, False, 2.5)]
    rows["clean"] = [(1, "torch", dtype, 0.1, False) for dtype in dtypes]
    for order in itertools.permutations(implementations):
        rows["relay"].append(("adam", " → ".join(order), 4e-16, 1e-12, True, ""))
    for who in implementations:
        for recipe, mistake in [("xor-small-normal", ""), ("sorted", "never shuffled")]:
            rows["recipes"].append(
                (recipe, "a title", mistake, "xor", "randn", "it learns", "it does", "", who, 0.25, 0.24,
                 0.5, "0.5 0.5", False, 1e-16, True, 0.1, "")
            )  # fmt: skip
            rows["recipe_curves"] += [(recipe, who, step, 0.25) for step in range(3)]
        rows["recipe_seeds"] += [("xor-small-normal", seed, who, 10_000, 0.5, False, True) for seed in range(2)]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, lines in rows.items():
        _write(folder, name, pd.DataFrame(lines, columns=COLUMNS[name].split()))
    summary = {
        "format": "mlp-rosetta results 1",
        "verdict": {"status": "equal", "exit_code": 0, "sentence": "All are the same network."},
        "run": {"started": "2025-01-02T03:04:05", "seconds": 63.2,
                "command": "python compare/run_all.py --quick",
                "selection": "quick"},
        "environment": {"python": "3.11.7", "platform": "Linux", "cpu": "a processor", "cores": 2,
                        "memory_gib": 23.4, "threads": {"compared": [1], "timed": [1, 2]},
                        "packages": {"numpy": "2.4.6", "keras": "3.15.0"}},
        "gates": {"float64": "1e-12 of the tensor's largest entry.",
                  "float32": "A multiple of float32's rounding."},
        "implementations": [
            {"name": who, "status": "ok", "message": "", "scenario": None, "seconds": 3.1}
            for who in implementations
        ],
        "scenarios": [
            {"name": name, "title": f"{name} for real", "dataset": dataset, "task": task,
             "layer_sizes": sizes,
             "activation": "relu", "loss": "mse" if task == "regression" else "softmax_cross_entropy",
             "optimizer": optimizer, "learning_rate": 0.01, "batch_size": 32, "epochs": 3, "steps": steps,
             "n_train": 1347, "n_test": 40, "skipped": None, "options": {}, "classes": classes}
            for name, (dataset, task, classes, sizes, optimizer) in plans.items()
        ],
        "divergences": [],
    }  # fmt: skip
    write_summary(folder, summary)
    return summary


def write_summary(folder: Path, summary: dict) -> None:
    (folder / "results.json").write_text(json.dumps(summary), encoding="utf-8")


def tamper(folder: Path, name: str, change) -> None:
    """Pass one table through ``change`` and write it back."""
    _write(folder, name, change(read(folder, name)))


def read(folder: Path, name: str) -> pd.DataFrame:
    """One table as the run left it."""
    path = folder / file_of(name)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def _write(folder: Path, name: str, frame: pd.DataFrame) -> None:
    path = folder / file_of(name)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
