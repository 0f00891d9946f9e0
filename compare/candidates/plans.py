"""What a candidate is trained on: a named scenario, or one made of the model's own sizes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from compare.traps import scenarios as small
from shared import datasets, scenarios
from shared.datasets import Dataset
from shared.idx import available
from shared.names import unknown_name
from shared.scenarios import Plan, Scenario

SAMPLES, TEST_SAMPLES, BATCH = 200, 50, 32  # The last batch of an epoch is a partial one.
IMAGES = ("mnist", "fashion-mnist")  # datasets whose files have to be there
TASKS = {"softmax_cross_entropy": "multiclass", "binary_cross_entropy": "binary"}


def named(name: str, steps: int) -> Plan:
    """The scenario of this name, of the default list or of the traps' small ones.

    ValueError if there is none, or if its images are not there: nothing is downloaded unasked.
    """
    known = scenarios.SCENARIOS | small.SCENARIOS
    if name not in known:
        raise unknown_name("scenario", name, known)
    scenario = known[name]
    if scenario.dataset in IMAGES and (reason := available(scenario.dataset)):
        raise ValueError(f"scenario {name} cannot be run: {reason}")
    return shortened(scenarios.plan(scenario, datasets.load(scenario.dataset, seed=scenario.seed)), steps)


def of_every_option(steps: int) -> list[Plan]:
    """The small scenarios that have every option between them, for a candidate that can be built for any."""
    return [named(name, steps) for name in small.SCENARIOS]


def own(fields: dict[str, Any], steps: int) -> Plan:
    """A plan for a model with these fields of the Config: on a bundled dataset that fits it, or on generated data."""
    sizes = tuple(fields["layer_sizes"])
    name = _fitting_dataset(sizes, fields["loss"])
    data = datasets.load(name) if name else generated(sizes, fields["loss"])
    per_epoch = math.ceil(len(data.x_train) / BATCH)
    options = {key: value for key, value in fields.items() if key not in ("layer_sizes", "seed")}
    scenario = Scenario(
        data.name, "a model of your own", data.name, sizes[1:-1], options, "torch_default",
        batch_size=BATCH, epochs=math.ceil(steps / per_epoch),
    )  # fmt: skip
    if sizes != scenario.layer_sizes(sizes[0], len(data.classes)):  # Several labels or values: no scenario has them.
        return _with_outputs(scenario, data, sizes, steps)
    return shortened(scenarios.plan(scenario, data), steps)


def shortened(plan: Plan, steps: int) -> Plan:
    """The first steps of a plan."""
    return replace(plan, steps=plan.steps[:steps])


def _fitting_dataset(sizes: tuple[int, ...], loss: str) -> str:
    """A dataset of the default scenarios with these inputs, outputs and task; "" if there is none."""
    wanted = (sizes[0], TASKS.get(loss, "regression"), sizes[-1] if loss == "softmax_cross_entropy" else 1)
    for scenario in scenarios.SCENARIOS.values():
        if scenario.dataset in (*IMAGES, "xor"):  # XOR's four points are too few for batches.
            continue
        about = datasets.describe(scenario.dataset)
        outputs = about.classes if about.task == "multiclass" else 1
        if (about.inputs, about.task, outputs) == wanted and sizes[-1] == outputs:
            return scenario.dataset
    return ""


def generated(sizes: tuple[int, ...], loss: str, seed: int = 0) -> Dataset:
    """Inputs from N(0, 1), and targets that a linear map of them gives, with some noise."""
    random, count = np.random.default_rng(seed), SAMPLES + TEST_SAMPLES
    x = random.normal(size=(count, sizes[0]))
    z = x @ random.normal(size=(sizes[0], sizes[-1])) / math.sqrt(sizes[0]) + 0.3 * random.normal(
        size=(count, sizes[-1])
    )
    y, classes = z, tuple[str, ...]()
    if loss == "softmax_cross_entropy":
        y, classes = z.argmax(axis=1), tuple(map(str, range(sizes[-1])))
    elif loss == "binary_cross_entropy":
        y, classes = (z > 0).astype(int), ("0", "1")
    elif loss == "sigmoid_mse":
        y = 1 / (1 + np.exp(-z))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    return Dataset(
        name="generated data",
        task=TASKS.get(loss, "regression"),
        x_train=x[:SAMPLES],
        y_train=y[:SAMPLES],
        x_test=x[SAMPLES:],
        y_test=y[SAMPLES:],
        classes=classes,
        feature_names=tuple(f"x{i + 1}" for i in range(sizes[0])),
        split=f"{SAMPLES} for training, {TEST_SAMPLES} for testing",
        scaling="drawn with mean 0 and variance 1",
        licence="MIT-0",
        source="drawn from a seed",
    )


def _with_outputs(scenario: Scenario, data: Dataset, sizes: tuple[int, ...], steps: int) -> Plan:
    """A plan whose model has several outputs under a loss that is not the softmax's."""
    one = scenarios.plan(scenario, data)
    params: list[tuple[np.ndarray, ...]] = [
        *scenarios.initial_parameters(sizes, scenario.initial, scenario.seed, scenario.initial_scale)
    ]
    params = [*one.params[:-1], params[-1]]
    return shortened(replace(one, config=one.config | {"layer_sizes": sizes}, params=params), steps)
