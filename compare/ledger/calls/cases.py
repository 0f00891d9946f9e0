"""Small networks for the calls: every option of training at least once, every pair of them as far as there is time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from compare.ledger.contract import Layers
from impls import mlp_numpy
from shared.batches import batch_order, dropout_masks
from shared.pairwise import Row, covering_rows, pairs_of
from shared.weights import initial_parameters

INPUTS, HIDDEN, CLASSES = 5, (6, 6), 3
SAMPLES, BATCH = 46, 8  # The last batch of an epoch has six samples.
EPOCHS, PATIENCE = 8, 2
DROPOUT, STEPS_BEFORE = 0.25, 7  # steps that the state has behind it in which training begins

VALUES = ("mse", "mae", "huber")  # losses whose targets and predictions are values of any size
FACTORS: dict[str, tuple[Any, ...]] = {
    "optimizer": tuple(mlp_numpy.OPTIMIZERS),
    "schedule": mlp_numpy.SCHEDULES,
    "loss": tuple(mlp_numpy.LOSSES),
    "clip": (None, "clip_value", "clip_norm"),
    "weight_decay": (0.0, 0.05),
    "dropout": (0.0, DROPOUT, (DROPOUT, 0.5)),
    "batch_norm": (False, True),
    "class_weights": (False, True),
    "label_smoothing": (0.0, 0.1),
    "reduction": ("mean", "sum"),
    "activation": ("tanh", "relu", ("relu", "tanh")),
}


@lru_cache
def rows() -> tuple[Row, ...]:
    """Every pair of values that goes together; the first rows hold as many values, and then pairs, as they can.

    The very first one has dropout and batch normalisation, under which a call in the wrong mode shows, and predicts
    values, in which it does so too.
    """
    left, ordered = covering_rows(FACTORS), list[Row]()
    values: set[tuple[str, Any]] = set()
    pairs: set[Any] = set()
    while left:
        rich = [r for r in left if r["dropout"] and r["batch_norm"] and r["loss"] in VALUES] if not ordered else left
        best = max(rich, key=lambda row: (len(set(row.items()) - values), len(pairs_of(row) - pairs)))
        left.remove(best)
        ordered.append(best)
        values |= set(best.items())
        pairs |= pairs_of(best)
    return tuple(ordered)


Batch = tuple[np.ndarray, np.ndarray, list[np.ndarray] | None]


@dataclass(frozen=True, eq=False)
class Case:
    """A network, data, and the state in which its training begins."""

    name: str
    options: dict[str, Any]  # fields of a template's Config, without the dtype
    seed: int
    draw: int = 0  # of the validation data

    @cached_property
    def config(self) -> mlp_numpy.Config:
        return mlp_numpy.Config(**self.options, dtype="float64")

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x (46, 5) and y (46,)."""
        return self._drawn(SAMPLES, [self.seed])

    @cached_property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """x (10, 5) and y (10,)."""
        return self._drawn(10, [self.seed, self.draw])

    def _drawn(self, samples: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
        random, loss = np.random.default_rng(seed), self.options["loss"]
        x = random.standard_normal((samples, INPUTS))
        classes = {"softmax_cross_entropy": CLASSES}.get(loss, 2)
        return x, random.standard_normal(samples) if loss in VALUES else random.integers(0, classes, samples)

    @cached_property
    def start(self) -> tuple[Layers, dict[str, Any]]:
        """Parameters and state, no number in them twice: what is not taken, or taken for another, shows."""
        random = np.random.default_rng([self.seed, 1])
        weights = initial_parameters(self.config.layer_sizes, "torch_default", self.seed)
        shapes = mlp_numpy.param_shapes(self.config)
        params: Layers = [
            (*layer, *(random.uniform(0.5, 1.5, shape) for shape in shape_of[2:]))
            for layer, shape_of in zip(weights, shapes, strict=True)
        ]
        state = {
            name: [tuple(random.uniform(0.1, 0.3, shape) for shape in layer) for layer in layers]
            for name, layers in mlp_numpy.state_shapes(self.config).items()
        }
        return params, {"step": STEPS_BEFORE, **state}

    def order(self, epoch: int) -> np.ndarray:
        """Not the one that a template takes by itself."""
        return batch_order(SAMPLES, self.seed + 1000, epoch)

    def masks(self, step: int, samples: int) -> list[np.ndarray]:
        """The dropout masks of a step."""
        return dropout_masks(samples, HIDDEN, self.config.by_layer("dropout"), self.seed, step)

    @property
    def few(self) -> tuple[np.ndarray, np.ndarray]:
        """As many samples as a batch has: with more, a mask that is left from a step fits nothing and raises."""
        x, y = self.validation
        return x[:BATCH], y[:BATCH]

    @property
    def compiled(self) -> Case:
        """The case for the fast form: without dropout, whose masks it draws, and without its batch normalisation then,
        so that PyTorch's, which does not take that, gets it too."""
        plain = {"dropout": 0.0, "batch_norm": False} if self.masked else {}
        return replace(self, options=self.options | plain)

    @property
    def batches(self) -> list[Batch]:
        """Four batches with their masks, for the steps before and between the calls."""
        x, y = self.data
        parts = [slice(i * BATCH, (i + 1) * BATCH) for i in range(4)]
        return [(x[p], y[p], self.masks(1000 + i, BATCH) if self.masked else None) for i, p in enumerate(parts)]

    @property
    def masked(self) -> bool:
        return bool(self.options["dropout"])


def case_of(row: Row, number: int, draw: int = 0) -> Case:
    """The case of a row of FACTORS' values."""
    loss, rates = row["loss"], {"sgd": 0.2, "momentum": 0.05, "nesterov": 0.05}
    outputs = CLASSES if loss == "softmax_cross_entropy" else 1
    same = ("optimizer", "schedule", "loss", "weight_decay", "dropout", "batch_norm", "label_smoothing", "reduction")
    options = {name: row[name] for name in (*same, "activation")}
    options |= {
        "layer_sizes": (INPUTS, *HIDDEN, outputs),
        "learning_rate": rates.get(row["optimizer"], 0.05) / (10 if row["reduction"] == "sum" else 1),
        "schedule_steps": 15,
        "epsilon": 1e-3,  # So that rounding's share of a small gradient does not grow.
        "seed": number,
    }
    if row["clip"]:
        options[row["clip"]] = 0.05
    if row["class_weights"]:
        options["class_weights"] = tuple(1.0 + i for i in range(max(outputs, 2)))
    shown = [str(row["optimizer"]), str(row["schedule"]), str(loss), row["clip"]]
    shown += [name for name in ("weight_decay", "dropout", "batch_norm", "class_weights") if row[name]]
    shown += ["smoothed"] * bool(row["label_smoothing"]) + ["summed"] * (row["reduction"] == "sum")
    return Case(", ".join(filter(None, shown)), options, number, draw)


def draws(row: Row, number: int) -> Iterator[Case]:
    """The case of a row with one validation set after another."""
    return (case_of(row, number, draw) for draw in itertools.count())
