"""The reference, trained as a program was: from its first weights, on its batches, with its dropout masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from compare.ledger.contract import Layers
from compare.programs.spec import Spec
from compare.traps.catalogue import Hypothesis
from compare.traps.catalogue.trap import template
from shared.batches import batches

ROUNDED = 1e-5  # by which a learning rate that a framework computes in float32 may be off


def reference(spec: Spec, causes: tuple[Hypothesis, ...], params: Layers, rates: list[float]) -> Any:
    """The reference with these traps in it and, if there are any, with these learning rates."""
    module = template()
    exact = module.learning_rate

    def learning_rate(config: Any, step: int, *xp: Any) -> float:
        step = min(step, len(rates) - 1)
        if abs(rates[step] - exact(config, step)) > ROUNDED * config.learning_rate:
            raise ValueError(f"its learning rate at step {step + 1} is {rates[step]}")
        return rates[step]

    if rates:
        module.__dict__["learning_rate"] = learning_rate
    for cause in causes:
        cause.bend(module)
    model = module.MLP(module.Config(layer_sizes=spec.layer_sizes, **_config(spec), dtype="float64"), params)
    model.set_state(model.state)  # A trap may begin with another state.
    return model


def _config(spec: Spec) -> dict[str, Any]:
    return {"seed": spec.seed, **{name: value for name, value in spec.options.items() if name != "dtype"}}


def advance(spec: Spec, model: Any, x: np.ndarray, y: np.ndarray, masks: list[np.ndarray]) -> None:
    """One step on a batch as a program had it, with a mask for each hidden layer that drops something."""
    y = targets(spec, y)
    y = y[:, 0] if y.shape[1] == 1 else y
    rest, units = iter(masks), zip(spec.layer_sizes[1:-1], spec.config.by_layer("dropout"), strict=True)
    every = [next(rest) if rate else np.ones((len(x), h)) for h, rate in units] if masks else None
    model.train_step(x, y.astype(np.int64) if spec.dataset.classes else y, every)


def targets(spec: Spec, y: np.ndarray) -> np.ndarray:
    """Targets (B, 1) or (B, O): class ids where a program has them as columns of 0 and 1."""
    one_hot = spec.config.loss == "softmax_cross_entropy" and y.ndim == 2 and y.shape[1] > 1
    return y.argmax(axis=1)[:, None] if one_hot else y.reshape(len(y), -1)


def generator(spec: Spec) -> Any:
    return np.random.RandomState(spec.seed) if spec.draw.legacy else np.random.default_rng(spec.seed)


def expected_steps(spec: Spec, count: int) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """The batches and dropout masks that a program in the equal form draws from its seed."""
    rng, c, samples = generator(spec), spec.config, spec.samples
    spec.draw(spec.layer_sizes, rng)
    full = spec.batch_size is None or spec.batch_size >= samples
    steps: list[np.ndarray] = []
    masks: list[list[np.ndarray]] = []
    while len(steps) < count:
        order = rng.permutation(samples) if spec.order == "shuffled" and not full else np.arange(samples)
        drawn = []
        if c.dropout:
            units = zip(spec.layer_sizes[1:-1], c.by_layer("dropout"), strict=True)
            drawn = [(rng.random((samples, h)) >= rate) / (1 - rate) for h, rate in units if rate]
        for batch in batches(order, spec.batch_size or samples):
            steps.append(batch)
            masks.append([mask[batch] for mask in drawn])
    return steps[:count], masks[:count]
