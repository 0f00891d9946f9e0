"""Training with any mixture of two frameworks' defaults, and the share of each factor in the gap between them.

The trainings are the NumPy reference's, with the traps in it to which the native programs have been shown equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

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
