"""Scenarios that combine the options, generated so that every pair of values that goes together meets at least once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

from shared.datasets import describe
from shared.scenarios import Scenario
from shared.weights import SCHEMES

STEPS = 20  # of each training: enough for slots, schedules and running statistics to matter

# Every option and its values. A value None of "clip" or "weights" leaves the option at its default.
FACTORS: dict[str, tuple[Any, ...]] = {
    "dataset": ("xor", "two-moons", "spirals", "iris", "wine", "breast-cancer", "digits", "diabetes"),
    "loss": ("mse", "sigmoid_mse", "huber", "binary_cross_entropy", "softmax_cross_entropy"),
    "activation": ("relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus"),
    "optimizer": ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"),
    "schedule": ("constant", "step", "exponential", "cosine", "warmup"),
    "reduction": ("mean", "sum"),
    "label_smoothing": (0.0, 0.1),
    "class_weights": (False, True),
    "weight_decay": (0.0, 0.01),
    "clip": (None, "clip_value", "clip_norm"),
    "dropout": (0.0, 0.25),
    "batch_norm": (False, True),
    "hidden": ((8,), (12, 8), (8, 8, 8)),
    "initial": SCHEMES,
    "batch_size": (16, 40, None),
}

# Values that were added later: rows that meet them come after those of FACTORS, which stay what they were.
BY_LAYER = "by layer"
ADDED: dict[str, tuple[Any, ...]] = {"loss": ("mae",), "activation": (BY_LAYER,), "dropout": (BY_LAYER,)}
ALL = {name: (*values, *ADDED.get(name, ())) for name, values in FACTORS.items()}
ACTIVATIONS, RATES = ("tanh", "relu", "gelu"), (0.25, 0.0, 0.5)  # of the layers, from the first one on

Row = dict[str, Any]
Pair = tuple[tuple[str, Any], tuple[str, Any]]


def why_not(row: Row) -> str | None:
    """Why these values, some or all of a row, do not go together; None if they do."""
    task = describe(row["dataset"]).task if "dataset" in row else None
    loss = row.get("loss")
    entropy = loss is None or loss.endswith("cross_entropy")
    if task == "regression" and loss in ("sigmoid_mse", "binary_cross_entropy", "softmax_cross_entropy"):
        return "a regression has no classes"
    if loss == "mae" and task not in (None, "regression"):
        return "the absolute error of classes stands at its kink wherever one is met exactly"
    if task == "multiclass" and loss not in (None, "softmax_cross_entropy"):
        return "several classes need a softmax"
    if (row.get("label_smoothing") or row.get("class_weights")) and (task == "regression" or not entropy):
        return "label smoothing and class weights belong to the cross-entropies"
    if BY_LAYER in (row.get("activation"), row.get("dropout")) and len(row.get("hidden", "--")) == 1:
        return "a single hidden layer differs from no other"
    return None


def pairs_of(row: Row) -> set[Pair]:
    """Every pair of values that a row holds."""
    return set(itertools.combinations(row.items(), 2))


def covering_rows(
    factors: dict[str, tuple[Any, ...]] = FACTORS, seed: int = 0, tries: int = 40, held: Sequence[Row] = ()
) -> list[Row]:
    """Rows that hold every possible pair of values: greedily, the best of some random rows around an open pair.

    A pair that one of the rows `held` has is none that is missing.
    """
    choose, done = random.Random(seed), set[Pair]().union(*map(pairs_of, held))
    every = {((a, x), (b, y)) for a, b in itertools.combinations(factors, 2) for x in factors[a] for y in factors[b]}
    remaining = sorted((pair for pair in every - done if why_not(dict(pair)) is None), key=repr)
    open_pairs, rows = dict.fromkeys(remaining), []
    while open_pairs:
        first = next(iter(open_pairs))
        candidates = [row for _ in range(tries) if (row := _row_with(dict(first), factors, open_pairs, choose))]
        if not candidates:  # The two go together, but with nothing else.
            del open_pairs[first]
            continue
        best = max(candidates, key=lambda row: len(pairs_of(row) & open_pairs.keys()))
        for pair in pairs_of(best) & open_pairs.keys():
            del open_pairs[pair]
        rows.append(best)
    return rows


def _row_with(start: Row, factors: dict, open_pairs: dict[Pair, None], choose: random.Random) -> Row | None:
    """A whole row with these values; the others, in random order, as they close most open pairs."""
    row, rest = dict(start), [name for name in factors if name not in start]
    choose.shuffle(rest)
    for name in rest:
        options = [value for value in factors[name] if why_not({**row, name: value}) is None]
        if not options:
            return None
        choose.shuffle(options)
        order = list(factors)

        def gain(value: Any, name: str = name, order: list[str] = order) -> int:
            new = ((name, value), *row.items())
            return sum(
                tuple(sorted((new[0], other), key=lambda entry: order.index(entry[0]))) in open_pairs
                for other in new[1:]
            )

        row[name] = max(options, key=gain)
    return {name: row[name] for name in factors}


def left_out(factors: dict[str, tuple[Any, ...]] = ALL) -> dict[str, list[str]]:
    """The pairs that make no sense, by the reason."""
    reasons: dict[str, list[str]] = {}
    for a, b in itertools.combinations(factors, 2):
        for x, y in itertools.product(factors[a], factors[b]):
            reason = why_not({a: x, b: y})
            if reason:
                reasons.setdefault(reason, []).append(f"{a}={x} with {b}={y}")
    return reasons


def generated(seed: int = 0) -> list[Scenario]:
    """The rows as scenarios of STEPS steps each."""
    return [scenario_of(row, f"full-{number:03}") for number, row in enumerate(all_rows(seed), 1)]


def all_rows(seed: int = 0) -> list[Row]:
    """Rows that hold every possible pair of ALL values, those of FACTORS first."""
    first = covering_rows(seed=seed)
    return first + covering_rows(ALL, seed, held=first)


def scenario_of(row: Row, name: str, seed: int = 0) -> Scenario:
    """A row as a scenario of some STEPS steps, with a learning rate that suits its optimizer and reduction."""
    about = describe(row["dataset"])
    classes = max(about.classes, 2)
    adaptive = row["optimizer"] in ("adam", "adamw", "rmsprop", "adagrad")
    by_layer: dict[str, tuple] = {"activation": ACTIVATIONS, "dropout": RATES}
    options: dict[str, Any] = {
        **{key: row[key] for key in ("loss", "activation", "optimizer", "schedule", "reduction")},
        **{key: row[key] for key in ("label_smoothing", "weight_decay", "dropout", "batch_norm")},
        **{key: values[: len(row["hidden"])] for key, values in by_layer.items() if row[key] == BY_LAYER},
        "learning_rate": 0.01 if adaptive else 0.001 if row["reduction"] == "sum" else 0.05,
        "schedule_steps": STEPS // 2,
    }
    if row["loss"] == "mae" and adaptive:
        options["epsilon"] = 1e-3  # Slopes of 1 and -1 cancel, and whole steps would be made of what rounding leaves.
    if row["clip"]:
        options[row["clip"]] = 0.5
    if row["class_weights"]:
        options["class_weights"] = tuple(1.0 + i / classes for i in range(classes))
    return Scenario(
        name,
        f"{row['activation']}, {row['loss']}, {row['optimizer']}, {row['schedule']}",
        row["dataset"],
        row["hidden"],
        options,
        row["initial"],
        batch_size=row["batch_size"],
        epochs=STEPS,
        steps=STEPS,
        seed=seed,
    )
