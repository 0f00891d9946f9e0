"""One recipe in one implementation: a worker's part."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from compare.ledger import adapters
from shared import recipes
from shared.recipes import Outcome
from shared.scenarios import Plan

MOST_POINTS = 60  # at which the loss is measured
MOST_SAMPLES = 2_000  # of the training set that it is measured on
MOST_PREDICTIONS = 4  # that are kept


def run(implementation: str, job: dict[str, Any]) -> dict[str, Any]:
    """Train `job["recipe"]` from the weights of `job["seed"]`, by default the recipe's own; the Outcome's fields."""
    recipe = recipes.get(job["recipe"])
    plan = recipes.plan_of(recipe, recipe.load(recipe.scenario.dataset), job["seed"])
    return asdict(train(implementation, plan))


def train(implementation: str, plan: Plan) -> Outcome:
    """Train by a plan, in float64, and measure the loss over the training set on the way."""
    model: Any = adapters.build(implementation, plan.config | {"dtype": "float64"}, plan.params)
    points = measured_steps(len(plan.steps))
    losses = []
    with np.errstate(all="ignore"):  # A learning rate that is too high overflows, as it should.
        for step in range(len(plan.steps) + 1):
            if step in points:
                losses.append(mean_loss(model, plan))
            if step < len(plan.steps):
                model.train_step(*plan.batch(step), plan.masks(step))
        z = adapters.outputs(model, plan.dataset.x_test)
        known = adapters.outputs(model, plan.dataset.x_train[:MOST_PREDICTIONS])
    binary = plan.dataset.task == "binary"
    return Outcome(
        steps=sorted(points),
        losses=losses,
        predictions=probabilities(z)[:MOST_PREDICTIONS].tolist() if binary else [],
        errors=np.abs(probabilities(known) - plan.dataset.y_train[:MOST_PREDICTIONS]).tolist() if binary else [],
        accuracy=accuracy(z, plan.dataset.y_test, plan.dataset.task),
    )


def measured_steps(count: int) -> set[int]:
    """Steps spread evenly over a training, the first and the end included."""
    return {round(step) for step in np.linspace(0, count, min(MOST_POINTS, count) + 1)}


def mean_loss(model: Any, plan: Plan) -> float:
    """The loss over the training set or its first samples, as a mean whatever the reduction."""
    x, y = plan.dataset.x_train[:MOST_SAMPLES], plan.dataset.y_train[:MOST_SAMPLES]
    return model.loss(x, y) / (y.size if plan.config.get("reduction") == "sum" else 1)


def probabilities(z: np.ndarray) -> np.ndarray:
    """The sigmoid of a single output z (M, 1), as (M,)."""
    return (np.tanh(z[:, 0] / 2) + 1) / 2


def accuracy(z: np.ndarray, y: np.ndarray, task: str) -> float | None:
    """The share of outputs z (M, O) that say the class in y, (M,) or a column each; None for a regression."""
    if task == "regression":
        return None
    said = z.argmax(axis=1) if z.shape[1] > 1 else z[:, 0] > 0
    return float(np.mean(said == (y.argmax(axis=1) if y.ndim == 2 else y)))
