"""What a program is written for: one network, its data, its first weights and its training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from compare.ledger.contract import Layers
from impls.mlp_numpy import Config
from shared import datasets, recipes, scenarios
from shared.datasets import Dataset
from shared.scenarios import Scenario

ORDERS = {"shuffled": "shuffled", "as given": "given", "by class": "by_class"}


@dataclass(frozen=True)
class Draw:
    """How first weights are drawn: W from `kind` with a spread that is an expression of the sizes n and m."""

    kind: str  # "normal": N(0, spread²); "uniform": U(-spread, spread)
    spread: str  # a Python expression, in which {n} stands for a layer's inputs and {m} for its outputs
    biases: str = "zero"  # or drawn like the weights: "beside" them, or "after" all of them
    legacy: bool = False  # by np.random.RandomState, whose numbers are those of np.random.seed

    def limit(self, n: int, m: int) -> str:
        """The spread for one layer."""
        return self.spread.format(n=n, m=m)

    @property
    def generator(self) -> str:
        return "np.random.RandomState" if self.legacy else "np.random.default_rng"

    def __call__(self, layer_sizes: tuple[int, ...], rng: Any) -> Layers:
        """The weights and biases that a program draws with this generator, in its order."""

        def draw(n: int, m: int, shape: tuple[int, ...]) -> np.ndarray:
            spread = eval(self.limit(n, m), {"np": np})
            return rng.normal(0, spread, shape) if self.kind == "normal" else spread * rng.uniform(-1, 1, shape)

        sizes, layers = list(pairwise(layer_sizes)), []
        for n, m in sizes:
            W = draw(n, m, (n, m))
            layers.append((W, draw(n, m, (m,)) if self.biases == "beside" else np.zeros(m)))
        if self.biases == "after":
            layers = [(W, draw(n, m, (m,))) for (W, _), (n, m) in zip(layers, sizes, strict=True)]
        return [*layers]


DRAWS = {
    "he_normal": Draw("normal", "np.sqrt(2 / {n})"),
    "he_uniform": Draw("uniform", "np.sqrt(6 / {n})"),
    "glorot_normal": Draw("normal", "np.sqrt(2 / ({n} + {m}))"),
    "glorot_uniform": Draw("uniform", "np.sqrt(6 / ({n} + {m}))"),
    "keras_default": Draw("uniform", "np.sqrt(6 / ({n} + {m}))"),
    "lecun_normal": Draw("normal", "np.sqrt(1 / {n})"),
    "lecun_uniform": Draw("uniform", "np.sqrt(3 / {n})"),
    "normal": Draw("normal", "1"),
    "torch_default": Draw("uniform", "1 / np.sqrt({n})", biases="beside"),
    # The articles' own.
    "small_normal": Draw("normal", "0.1", legacy=True),
    "uniform": Draw("uniform", "1", biases="after", legacy=True),
    "he": Draw("normal", "np.sqrt(2 / {n})", legacy=True),
    "unscaled_normal": Draw("normal", "1", legacy=True),
}


@dataclass(frozen=True)
class Source:
    """Where a program takes its data from, and what it does to them."""

    dataset: str = ""  # a name of shared.datasets, or of a recipe's own data
    scaled: bool = True
    columns: bool = False  # a target column of 0 and 1 for each class
    noisy: bool = False  # XOR, tested on points near its corners
    path: Path | None = None  # the user's own table
    target: str = ""
    groups: tuple[tuple[str, bool, tuple[str, ...]], ...] = ()  # its columns: numbers or categories, any missing, names
    task: str = ""
    stratified: bool = True
    seed: int = 0  # of the split
    shift: float = 0.0  # added to all inputs


@dataclass(frozen=True)
class Spec:
    """One network with its data and its training."""

    name: str
    title: str
    layer_sizes: tuple[int, ...]
    options: dict[str, Any]  # the fields of a template's Config that were asked for; others a framework has its own for
    source: Source
    draw: Draw
    load: Callable[[], Dataset]
    batch_size: int | None = 32  # None: all samples in one batch
    epochs: int = 10
    order: str = "shuffled"  # or "given", "by_class"
    seed: int = 0

    @cached_property
    def config(self) -> Config:
        """The options with the templates' defaults. Raises ValueError for values that make no sense."""
        return Config(layer_sizes=self.layer_sizes, seed=self.seed, **self.options)

    @cached_property
    def dataset(self) -> Dataset:
        return self.load()

    @property
    def samples(self) -> int:
        return len(self.dataset.x_train)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.samples / (self.batch_size or self.samples))


def of_scenario(scenario: Scenario, dataset: Dataset | None = None) -> Spec:
    """What a scenario trains; a limit of its steps becomes whole epochs."""
    dataset = dataset or datasets.load(scenario.dataset, seed=scenario.seed)
    if scenario.shift:
        moved = {name: getattr(dataset, name) + scenario.shift for name in ("x_train", "x_test")}
        dataset = replace(dataset, **moved)
    sizes = scenario.layer_sizes(dataset.x_train.shape[1], len(dataset.classes))
    draw = DRAWS[scenario.initial]
    if scenario.initial_scale != 1:
        scale = f"{scenario.initial_scale:g}"
        draw = replace(draw, spread=scale if draw.spread == "1" else f"{scale} * {draw.spread}")
    spec = Spec(
        name=scenario.name,
        title=scenario.title,
        layer_sizes=sizes,
        options=dict(scenario.options),
        source=Source(scenario.dataset, seed=scenario.seed, shift=scenario.shift),
        draw=draw,
        load=lambda: dataset,
        batch_size=scenario.batch_size,
        epochs=scenario.epochs,
        seed=scenario.seed,
    )
    epochs = math.ceil(scenario.steps / spec.steps_per_epoch) if scenario.steps else scenario.epochs
    return replace(spec, epochs=min(epochs, scenario.epochs))


def of_recipe(recipe: recipes.Recipe) -> Spec:
    """What a recipe trains."""
    scenario, dataset = recipe.scenario, recipe.load(recipe.scenario.dataset)
    sizes = recipes.plan_of(recipe, dataset).config["layer_sizes"]
    source = Source(
        scenario.dataset,
        scaled=recipe.load is not recipes.unscaled,
        columns=recipe.load is recipes.one_column_a_class,
        noisy=recipe.load is recipes.xor_with_noisy_points,
    )
    return Spec(
        name=recipe.name,
        title=scenario.title,
        layer_sizes=sizes,
        options=dict(scenario.options),
        source=source,
        draw=DRAWS[getattr(recipe.draw, "name", None) or recipe.draw.__name__],
        load=lambda: dataset,
        batch_size=scenario.batch_size,
        epochs=scenario.epochs,
        order=ORDERS[recipe.order],
        seed=scenario.seed,
    )


def named(name: str) -> Spec:
    """What the scenario or recipe of this name trains; ValueError if there is none."""
    return of_recipe(recipes.get(name)) if name in recipes.RECIPES else of_scenario(scenarios.get(name))


def of_table(path: Path, target: str, task: str | None = None, impute: bool = False) -> Spec:
    """A network for the user's own table, as `shared.table.load_table` reads it; its ValueErrors are in one line."""
    import pandas as pd

    from shared.table import load_table

    dataset = load_table(path, target, task=task, impute=impute)
    scenario = scenarios.for_dataset(dataset)
    table = (pd.read_csv if path.suffix.lower() == ".csv" else pd.read_parquet)(path).rename(columns=str)
    groups: list[tuple[str, bool, tuple[str, ...]]] = []
    for name in table.columns.drop(target):
        kind = "numbers" if pd.api.types.is_numeric_dtype(table[name]) else "categories"
        missing = bool(table[name].isna().any())
        if groups and groups[-1][:2] == (kind, missing):
            groups[-1] = (kind, missing, (*groups[-1][2], name))
        else:
            groups.append((kind, missing, (name,)))
    stratified = "stratified by class" in dataset.split
    source = Source(
        dataset.name, path=path, target=target, groups=tuple(groups), task=dataset.task, stratified=stratified
    )
    return replace(of_scenario(scenario, dataset), source=source)
