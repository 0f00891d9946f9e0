"""What the initial weights decide: each XOR recipe from 200 seeds, in NumPy, a few of them confirmed by the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.ledger.jobs import Job, by_name
from compare.ledger.processes import Event
from compare.recipes import train
from compare.run.executors import Training
from compare.stacked import Stack
from impls import mlp_numpy
from shared import recipes
from shared.recipes import Recipe

if TYPE_CHECKING:
    import pandas as pd

SEEDS = 200
LONG = 10_000  # epochs, to which every recipe is trained besides its own number
TOGETHER = 100  # seeds that train as one stack
OTHERWISE = {"xor-small-normal": 8, "xor-he-bce": 4}  # The first seed that ends otherwise than the recipe's own.

Row = tuple[str, int, int, float]  # recipe, seed, epochs, error


def seed_trainings(names: Sequence[str]) -> list[Training]:
    """NumPy trains all seeds of these XOR recipes, on whatever executor."""
    parts = [range(start, min(start + TOGETHER, SEEDS)) for start in range(0, SEEDS, TOGETHER)]
    said = "{}, seeds {} to {}".format
    return [Training(run, (name, part), said(name, part[0], part[-1]), len(part)) for name in names for part in parts]


def seed_jobs(
    names: Sequence[str], implementations: Sequence[str], most_steps: Mapping[str, int]
) -> dict[tuple[str, ...], Job]:
    """The others train the recipe's own seed anyway; here they get one that ends otherwise, unless that takes more than
    `most_steps`.
    """
    jobs: dict[tuple[str, ...], Job] = {}
    for name in names if "numpy" in implementations else ():
        epochs = recipes.get(name).scenario.epochs
        for implementation in implementations:
            if implementation != "numpy" and name in OTHERWISE and epochs <= most_steps.get(implementation, LONG):
                work = {"scenario": f"{name}, seeds", "recipe": name, "do": by_name(train.run), "seed": OTHERWISE[name]}
                jobs["seeds", name, implementation] = Job(implementation, work)
    return jobs


def seed_table(trained: Iterable[Row], events: Sequence[Event]) -> pd.DataFrame:
    """One row for each recipe, seed, implementation and number of epochs: NumPy's, and the others' from the events of
    `seed_jobs` and of the recipes' own trainings.

    `error` is the largest distance of a prediction from its target, `learns` whether it is small, and `confirms`
    whether NumPy found the same.
    """
    import pandas as pd  # Late: the processes that train need none.

    rows: list[tuple[Any, ...]] = [(name, seed, "numpy", epochs, error) for name, seed, epochs, error in trained]
    for event in events:
        if event.status == "ok" and event.job is not None and event.implementation != "numpy":
            name, seed = event.job["recipe"], event.job["seed"]
            own = recipes.get(name).scenario
            error = max(event.result["errors"])
            rows.append((name, own.seed if seed is None else seed, event.implementation, own.epochs, error))
    table = pd.DataFrame(rows, columns=["recipe", "seed", "implementation", "epochs", "error"])
    table["learns"] = table["error"] < recipes.LEARNED
    reference = {(r.recipe, r.seed, r.epochs): r.learns for r in table.itertuples() if r.implementation == "numpy"}
    table["confirms"] = [reference.get((r.recipe, r.seed, r.epochs)) == r.learns for r in table.itertuples()]
    return table


def run(name: str, seeds: Sequence[int]) -> list[Row]:
    """The error of each seed of a recipe, after each number of epochs."""
    errors = errors_by_seed(recipes.get(name), seeds)
    return [
        (name, seed, epochs, float(error))
        for epochs, values in errors.items()
        for seed, error in zip(seeds, values, strict=True)
    ]


def errors_by_seed(recipe: Recipe, seeds: Sequence[int]) -> dict[int, np.ndarray]:
    """The largest error on XOR of each seed, (S,), after the recipe's epochs and after LONG."""
    plan = recipes.plan_of(recipe, recipe.load(recipe.scenario.dataset))
    config = mlp_numpy.Config(**plan.config, dtype="float64")
    networks = Stack(config, [recipe.draw(config.layer_sizes, seed) for seed in seeds])
    x, y = plan.dataset.x_train, plan.dataset.y_train.astype(np.float64)
    errors, done = {}, 0
    for epochs in sorted({recipe.scenario.epochs, LONG}):
        for _ in range(epochs - done):
            networks.train_step(x, y)
        done = epochs
        z = networks.forward(x)[..., 0]  # (S, N)
        p = (np.tanh(z / 2) + 1) / 2  # The sigmoid.
        errors[epochs] = np.abs(p - y).max(axis=1)
    return errors
