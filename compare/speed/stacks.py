"""Many trainings at once: S networks as one stack against the same networks one after the other, both in NumPy.

Whoever trains from hundreds of seeds trains small networks, whose steps are all overhead. On the clock: building and
training. The first weights and the orders are drawn before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from compare.ledger.contract import Layers
from compare.run.executors import Show, Training, done, processes
from compare.stacked import Stack
from impls import mlp_numpy
from shared import datasets, scenarios
from shared.batches import batch_order
from shared.weights import initial_parameters

ROUNDS = 7  # in which the two take turns


class Experiment(NamedTuple):
    """A scenario trained from many seeds."""

    scenario: str
    seeds: int


EXPERIMENTS = (Experiment("xor", 200), Experiment("iris", 100))


def measure(rounds: int = ROUNDS, show: Show = lambda *_: None) -> list[dict[str, Any]]:
    """A row for each experiment and round, measured one after the other in a process of its own."""
    with processes(1) as alone:
        found = done([Training(timed, (each, rounds), each.scenario) for each in EXPERIMENTS], alone, show)
    return [row for rows in found for row in rows]


def timed(experiment: Experiment, rounds: int) -> list[dict[str, Any]]:
    """Seconds of both ways in each round, and the largest difference of a weight over the largest weight, if any."""
    scenario = scenarios.get(experiment.scenario)
    data, seeds = datasets.load(scenario.dataset, seed=scenario.seed), range(experiment.seeds)
    sizes = scenario.layer_sizes(data.x_train.shape[1], len(data.classes))
    config = mlp_numpy.Config(layer_sizes=sizes, dtype="float64", **scenario.options)
    drawn = (initial_parameters(sizes, scenario.initial, seed, scenario.initial_scale) for seed in seeds)
    starts: list[Layers] = [[*layers] for layers in drawn]
    samples, epochs = len(data.x_train), scenario.epochs
    size = scenario.batch_size or samples
    orders = np.array([[batch_order(samples, seed, epoch) for seed in seeds] for epoch in range(epochs)])

    def alone() -> list[np.ndarray]:
        found = []
        for seed, start in enumerate(starts):
            model = mlp_numpy.MLP(config, start)
            order = lambda epoch, seed=seed: orders[epoch, seed]  # noqa: E731
            model.fit(data.x_train, data.y_train, epochs=epochs, batch_size=size, order=order, verbose=False)
            found.append(model.flat)
        return found

    def together() -> np.ndarray:
        stack = Stack(config, starts)
        stack.fit(data.x_train, data.y_train, epochs, size, orders.__getitem__)
        return stack.flat

    one, many = np.array(alone()), together()
    difference = float(np.abs(one - many).max() / np.abs(one).max())
    about = {
        "scenario": scenario.name,
        "layer_sizes": "-".join(map(str, sizes)),
        "batch_size": size,
        "seeds": experiment.seeds,
        "steps": epochs * len(range(0, samples, size)),
        "difference": difference,
    }
    return [about | {"round": i, "alone": _seconds(alone), "stack": _seconds(together)} for i in range(rounds)]


def _seconds(train: Callable[[], Any]) -> float:
    start = time.perf_counter()
    train()
    return time.perf_counter() - start
