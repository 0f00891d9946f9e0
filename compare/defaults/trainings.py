"""Training from many seeds with a mixture of two frameworks' defaults.

The trainings are the NumPy reference's, with the traps in it to which the native programs have been shown equal: one
stack for all seeds, where stacks have what is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compare.defaults.factors import BIASES, ORDER, WEIGHTS, Setting
from compare.ledger.contract import Layers
from compare.programs.spec import DRAWS, Spec
from compare.stacked import Stack, stackable
from compare.traps.catalogue import CATALOGUE, Hypothesis
from compare.traps.catalogue.trap import template
from impls.mlp_numpy import Config
from shared.batches import batch_order, batches, dropout_masks

# Of the test set at the end: its loss, and the share of it that is predicted wrongly, NaN where no class is predicted.
MEASURES = ("loss", "error")


def train(spec: Spec, chosen: dict[str, Setting], seeds: Sequence[int]) -> np.ndarray:
    """Train the reference with these settings from each seed, in float64: the MEASURES, (S, 2)."""
    rules = _changed(chosen)
    kept = {name: value for name, value in spec.options.items() if name != "dtype"}
    config = Config(layer_sizes=spec.layer_sizes, dtype="float64", **kept)
    with np.errstate(all="ignore"):
        if not config.dropout and stackable(rules):
            return _together(spec, config, chosen, rules, seeds)
        return np.concatenate([_alone(spec, config, chosen, rules, seed) for seed in seeds])


def _changed(chosen: dict[str, Setting]) -> Any:
    """A copy of the template with the settings' traps in it."""
    causes = [cause for setting in chosen.values() for cause in setting if isinstance(cause, Hypothesis)]
    rules = template()
    for cause in sorted(causes, key=lambda cause: list(CATALOGUE).index(cause.trap.name)):
        cause.bend(rules)
    return rules


def _together(spec: Spec, config: Config, chosen: dict[str, Setting], rules: Any, seeds: Sequence[int]) -> np.ndarray:
    data = spec.dataset
    stack = Stack(config, [first_parameters(spec, chosen, seed) for seed in seeds], rules)
    orders = lambda epoch: np.array([_order(spec, chosen, seed, epoch) for seed in seeds])  # noqa: E731
    stack.fit(data.x_train, data.y_train, spec.epochs, spec.batch_size or spec.samples, orders)
    return np.column_stack([stack.losses(data.x_test, data.y_test), _wrong(spec, stack.predict(data.x_test))])


def _alone(spec: Spec, config: Config, chosen: dict[str, Setting], rules: Any, seed: int) -> np.ndarray:
    data, step = spec.dataset, 0
    hidden, rates = spec.layer_sizes[1:-1], config.by_layer("dropout")
    model = rules.MLP(config, first_parameters(spec, chosen, seed))
    model.set_state(model.state)  # A trap may begin with another state.
    for epoch in range(spec.epochs):
        for batch in batches(_order(spec, chosen, seed, epoch), spec.batch_size or spec.samples):
            masks = dropout_masks(len(batch), hidden, rates, seed, step)
            model.train_step(data.x_train[batch], data.y_train[batch], masks if config.dropout else None)
            step += 1
    return np.array([[model.loss(data.x_test, data.y_test), *_wrong(spec, model.predict(data.x_test)[None])]])


def _wrong(spec: Spec, predicted: np.ndarray) -> np.ndarray:
    """The share of wrong predictions, (S,), from (S, N)."""
    classes = spec.config.loss.endswith("cross_entropy")
    return (predicted != spec.dataset.y_test).mean(axis=1) if classes else np.full(len(predicted), math.nan)


def _order(spec: Spec, chosen: dict[str, Setting], seed: int, epoch: int) -> np.ndarray:
    return batch_order(spec.samples, seed, 0 if ORDER in chosen else epoch)


def first_parameters(spec: Spec, chosen: dict[str, Setting], seed: int) -> Layers:
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
