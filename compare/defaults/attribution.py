"""Training with any mixture of two frameworks' defaults, and the share of each factor in the gap between them.

The trainings are the NumPy reference's, with the traps in it to which the native programs have been shown equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from compare.defaults.factors import BIASES, ORDER, WEIGHTS, Setting, settings
from compare.programs.spec import DRAWS, Spec, named
from compare.traps.catalogue import CATALOGUE, Hypothesis
from compare.traps.catalogue.trap import template
from shared.batches import batch_order, batches, dropout_mask

MEASURES = (
    "loss",
    "error",
)  # of the test set at the end; the share of it that is predicted wrongly, NaN in a regression


@lru_cache
def _spec(name: str) -> Spec:
    return named(name)


def train(spec: Spec, chosen: dict[str, Setting], seed: int) -> tuple[float, float]:
    """Train the reference with these settings, in float64: the MEASURES."""
    causes = [cause for setting in chosen.values() for cause in setting if isinstance(cause, Hypothesis)]
    causes.sort(key=lambda cause: list(CATALOGUE).index(cause.trap.name))
    module = template()
    for cause in causes:
        cause.bend(module)
    kept = {name: value for name, value in spec.options.items() if name != "dtype"}
    config = module.Config(layer_sizes=spec.layer_sizes, dtype="float64", **kept)
    model = module.MLP(config, first_parameters(spec, chosen, seed))
    model.set_state(model.state)  # A trap may begin with another state.
    data, step = spec.dataset, 0
    with np.errstate(all="ignore"):
        for epoch in range(spec.epochs):
            order = batch_order(spec.samples, seed, 0 if ORDER in chosen else epoch)
            for batch in batches(order, spec.batch_size or spec.samples):
                hidden = enumerate(spec.layer_sizes[1:-1])
                masks = [dropout_mask((len(batch), h), config.dropout, seed, step, i) for i, h in hidden]
                model.train_step(data.x_train[batch], data.y_train[batch], masks if config.dropout else None)
                step += 1
        loss = model.loss(data.x_test, data.y_test)
        wrong = float(np.mean(model.predict(data.x_test) != data.y_test)) if data.classes else math.nan
    return loss, wrong


def first_parameters(spec: Spec, chosen: dict[str, Setting], seed: int) -> list[tuple[np.ndarray, ...]]:
    """Weights by the chosen scheme and biases, each from a generator of its own: one can change without the other."""
    (scheme,) = chosen.get(WEIGHTS, ("",))
    draw = DRAWS[scheme] if isinstance(scheme, str) and scheme else spec.draw
    layers = draw(spec.layer_sizes, np.random.default_rng([seed, 0]))
    random = np.random.default_rng([seed, 1])
    found = []
    for i, (W, b) in enumerate(layers):
        limit = 1 / math.sqrt(len(W))
        b = random.uniform(-limit, limit, b.shape) if BIASES in chosen else np.zeros_like(b)
        normed = spec.config.batch_norm and i < len(layers) - 1
        found.append((W, np.zeros_like(b), np.ones_like(b)) if normed else (W, b))
    return [*found]


def mixtures(spec: Spec, a: str, b: str) -> dict[tuple[str, ...], dict[str, Setting]]:
    """Every set of factors that b's program has its own way while a has the others: the settings by that set."""
    of_a, of_b = settings(a, spec), settings(b, spec)
    differ = sorted(name for name in of_a.keys() | of_b.keys() if _said(of_a.get(name)) != _said(of_b.get(name)))
    common = {name: of_a[name] for name in of_a if name not in differ}
    subsets = [part for size in range(len(differ) + 1) for part in combinations(differ, size)]
    return {
        part: common
        | {name: of_b[name] for name in part if name in of_b}
        | {name: of_a[name] for name in differ if name not in part and name in of_a}
        for part in subsets
    }


def _said(setting: Setting | None) -> list[str]:
    return [each.label if isinstance(each, Hypothesis) else each for each in setting or ()]


def shapley(value: Callable[[tuple[str, ...]], float], factors: list[str]) -> dict[str, float]:
    """Each factor's share of value(all) - value(none): what switching it changes, over all orders alike.

    Shapley, "A value for n-person games", 1953. `value` takes the factors that are switched, sorted.
    """
    n, shares = len(factors), dict.fromkeys(factors, 0.0)
    for factor in factors:
        others = [each for each in factors if each != factor]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for part in combinations(others, size):
                gained = value(tuple(sorted((*part, factor)))) - value(tuple(sorted(part)))
                shares[factor] += weight * gained
    return shares


def of_one_seed(name: str, a: str, b: str, seed: int) -> dict[str, Any]:
    """The measures under both programs' defaults, and each factor's share of the gap, from one seed."""
    spec = _spec(name)
    mixed = mixtures(spec, a, b)
    results = {part: train(spec, chosen, seed) for part, chosen in mixed.items()}
    factors = list(next(reversed(mixed)))  # The last is all of them.
    rows: dict[str, Any] = {"scenario": name, "a": a, "b": b, "seed": seed}
    for i, measure in enumerate(MEASURES):
        values = {part: result[i] for part, result in results.items()}
        rows[f"{measure} a"], rows[f"{measure} b"] = values[()], values[tuple(factors)]
        rows[measure] = shapley(values.__getitem__, factors)
    return rows


def run(
    names: Iterable[str], pairs: Iterable[tuple[str, str]], seeds: int, executor: Executor | None = None
) -> pd.DataFrame:
    """One row for each scenario, pair of frameworks, measure, seed and factor: columns a, b, share as numbers.

    The trainings go through `executor`, by default a process for every core; results do not depend on it.
    """
    jobs = [(name, a, b, seed) for name in names for a, b in pairs for seed in range(seeds)]
    rows = []
    with executor or ProcessPoolExecutor() as pool:
        for found in pool.map(_job, jobs):
            about = {key: found[key] for key in ("scenario", "seed")} | {"from": found["a"], "to": found["b"]}
            for measure in MEASURES:
                ends = {"measure": measure, "a": found[f"{measure} a"], "b": found[f"{measure} b"]}
                rows += [about | ends | {"factor": f, "share": share} for f, share in found[measure].items()]
    return pd.DataFrame(rows)


def _job(job: tuple[str, str, str, int]) -> dict[str, Any]:
    return of_one_seed(*job)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The mean gap and each factor's mean share of it over the seeds, with half of a 95 % interval of each."""
    half = partial(_half_width)
    table = table.assign(gap=table["b"] - table["a"])
    keys = ["scenario", "measure", "from", "to", "factor"]
    return (
        table.groupby(keys, sort=False)
        .agg(gap=("gap", "mean"), gap_within=("gap", half), share=("share", "mean"), share_within=("share", half))
        .reset_index()
    )


def _half_width(values: pd.Series) -> float:
    """1.96 standard errors of the mean."""
    return float(1.96 * values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def sentences(table: pd.DataFrame) -> list[str]:
    """A sentence for each gap: how large it is, and which factor makes most of it."""
    said = []
    for (name, measure, a, b), rows in (
        summary(table).dropna(subset="share").groupby(["scenario", "measure", "from", "to"], sort=False)
    ):
        most = rows.loc[rows["share"].abs().idxmax()]
        unit, scale = (" points", 100) if measure == "error" else ("", 1)
        gap, within = scale * rows["gap"].iloc[0], scale * rows["gap_within"].iloc[0]
        start = f"{name}, test {measure}: from {a} to {b} {gap:+.3g}{unit} (± {within:.2g})"
        if abs(gap) <= within:
            said.append(f"{start}, no more than chance makes")
            continue
        share, its = scale * most["share"], scale * most["share_within"]
        said.append(f"{start}; {share:+.3g} (± {its:.2g}) are the {most['factor']}")
    return said
