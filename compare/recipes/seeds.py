"""What the initial weights decide: each XOR recipe from 200 seeds, in NumPy, a few of them confirmed by the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.ledger.contract import Layers
from compare.ledger.jobs import Job, by_name
from compare.ledger.processes import Event, Pool
from compare.recipes import train
from impls import mlp_numpy
from shared import recipes
from shared.recipes import Recipe

if TYPE_CHECKING:
    import pandas as pd

SEEDS = 200
LONG = 10_000  # epochs, to which every recipe is trained besides its own number
OTHERWISE = {"xor-small-normal": 8, "xor-he-bce": 4}  # The first seed that ends otherwise than the recipe's own.


def seed_jobs(names: Sequence[str], pool: Pool, most_steps: Mapping[str, int]) -> dict[tuple[str, ...], Job]:
    """NumPy trains all seeds of these XOR recipes.

    The others train the recipe's own seed anyway; here they get one that ends otherwise, unless that takes more than
    `most_steps`.
    """
    jobs: dict[tuple[str, ...], Job] = {}
    for name in names if "numpy" in pool.workers else ():
        work = {"scenario": f"{name}, seeds", "recipe": name}
        jobs["seeds", name] = Job("numpy", work | {"do": by_name(run)})
        epochs = recipes.get(name).scenario.epochs
        for implementation in pool.workers:
            if implementation != "numpy" and name in OTHERWISE and epochs <= most_steps.get(implementation, LONG):
                other = work | {"do": by_name(train.run), "seed": OTHERWISE[name]}
                jobs["seeds", name, implementation] = Job(implementation, other)
    return jobs


def seed_table(events: Sequence[Event]) -> pd.DataFrame:
    """One row for each recipe, seed, implementation and number of epochs, from the events of `seed_jobs` and of
    the recipes' own trainings.

    `error` is the largest distance of a prediction from its target, `learns` whether it is small, and `confirms`
    whether NumPy found the same.
    """
    import pandas as pd  # Late: the workers, who need none, import this file too.

    rows: list[tuple[Any, ...]] = []
    for event in events:
        if event.status != "ok" or event.job is None:
            continue
        name = event.job["recipe"]
        if "seed" not in event.job:  # All of them.
            found = [(seed, epochs, error) for epochs, errors in event.result for seed, error in enumerate(errors)]
            rows += [(name, seed, "numpy", epochs, error) for seed, epochs, error in found]
        elif event.implementation != "numpy":
            own, seed = recipes.get(name).scenario, event.job["seed"]
            error = max(event.result["errors"])
            rows.append((name, own.seed if seed is None else seed, event.implementation, own.epochs, error))
    table = pd.DataFrame(rows, columns=["recipe", "seed", "implementation", "epochs", "error"])
    table["learns"] = table["error"] < recipes.LEARNED
    reference = {(r.recipe, r.seed, r.epochs): r.learns for r in table.itertuples() if r.implementation == "numpy"}
    table["confirms"] = [reference.get((r.recipe, r.seed, r.epochs)) == r.learns for r in table.itertuples()]
    return table


def run(implementation: str, job: dict[str, Any]) -> list[tuple[int, list[float]]]:
    """A worker's part: the errors of all seeds of `job["recipe"]`, after each number of epochs."""
    errors = errors_by_seed(recipes.get(job["recipe"]), range(SEEDS))
    return [(epochs, values.tolist()) for epochs, values in errors.items()]


def errors_by_seed(recipe: Recipe, seeds: Sequence[int]) -> dict[int, np.ndarray]:
    """The largest error on XOR of each seed, (S,), after the recipe's epochs and after LONG."""
    plan = recipes.plan_of(recipe, recipe.load(recipe.scenario.dataset))
    config = mlp_numpy.Config(**plan.config, dtype="float64")
    params = stack([recipe.draw(config.layer_sizes, seed) for seed in seeds])
    x, y = plan.dataset.x_train, plan.dataset.y_train[:, None].astype(np.float64)
    errors, done = {}, 0
    for epochs in sorted({recipe.scenario.epochs, LONG}):
        params = train_together(config, params, x, y, epochs - done)
        done = epochs
        z = forward(config, params, x)[1]  # (S, N, 1)
        p = (np.tanh(z / 2) + 1) / 2  # The sigmoid.
        errors[epochs] = np.abs(p - y).max(axis=(1, 2))
    return errors


def stack(networks: Sequence[Layers]) -> Layers:
    """The parameters of S networks as one: W (S, in, out) and b (S, 1, out)."""
    return [
        (np.stack([W for W, _ in layer]), np.stack([b for _, b in layer])[:, None, :])
        for layer in zip(*networks, strict=True)
    ]


def forward(config: mlp_numpy.Config, params: Layers, x: np.ndarray) -> tuple[list[tuple], np.ndarray]:
    """z and output of every hidden layer, (S, N, H) each, and the last layer's outputs, (S, N, out)."""
    activation, _ = mlp_numpy.ACTIVATIONS[config.activation]
    a, hidden = x, []
    for W, b in params[:-1]:
        z = a @ W + b
        a = activation(z)
        hidden.append((z, a))
    W, b = params[-1]
    return hidden, a @ W + b


def train_together(config: mlp_numpy.Config, params: Layers, x: np.ndarray, y: np.ndarray, epochs: int) -> Layers:
    """The template's full-batch gradient descent, on S networks at once: 200 for three times the price of one.

    `params` as `stack` makes them, x (N, in), y (N, out). Only sgd with mean or sum is known here.
    """
    _, derivative = mlp_numpy.ACTIVATIONS[config.activation]
    params = [(W.copy(), b.copy()) for W, b in params]
    rate = config.learning_rate / (y.size if config.reduction == "mean" else 1)
    for _ in range(epochs):
        hidden, z = forward(config, params, x)
        d = mlp_numpy.LOSSES[config.loss](config, z, y)[1]  # (S, N, out)
        for i in reversed(range(len(params))):
            W, b = params[i]
            a = hidden[i - 1][1] if i else x
            before = d @ W.swapaxes(1, 2)  # With the weights that made z.
            W -= rate * (a.swapaxes(-1, -2) @ d)
            b -= rate * d.sum(axis=1, keepdims=True)
            if i:
                d = before * derivative(*hidden[i - 1])
    return params
