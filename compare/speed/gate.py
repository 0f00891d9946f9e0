"""The gate: a mode is timed only where `fit`, run in that very mode, trains as the reference does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from compare.speed.contenders import model_of
from compare.speed.peers import ScikitLearn
from compare.speed.work import Work

BOUND = 1e-12  # of a tensor's largest entry, in float64
REFUSED = "it does not train as the reference does"
MOST_UNITS = 16  # of a layer; the number of layers, the loss and the optimizer are those of the work that is timed
BATCH_SIZE, EPOCHS = 8, 3
SAMPLES = (76, 64)  # With a partial last batch and without; enough for every mode that takes several steps at once.


def difference(implementation: str, mode: str, work: Work) -> float:
    """The largest difference of parameters and losses after each of a few fits, as a share of the largest entry.

    Both train in float64 from the same weights, in the same order of batches.
    """
    sizes = tuple(min(n, MOST_UNITS) for n in work.layer_sizes)
    small = replace(work, layer_sizes=sizes, batch_size=BATCH_SIZE, dtype="float64")
    random = np.random.default_rng(0)
    x, y = random.standard_normal((max(SAMPLES), sizes[0])), np.arange(max(SAMPLES)) % max(2, sizes[-1])
    if implementation == "scikit-learn":
        return _difference_of_scikit_learn(small, x, y)
    config = small.config | {"learning_rate": 0.1}
    reference, candidate = (model_of(name, config, small.params()) for name in ("numpy", implementation))
    fast = {"fast": True} if mode == "fast" else {}
    worst = 0.0
    for samples in SAMPLES:
        orders = [random.permutation(samples) for _ in range(EPOCHS)]
        given: dict[str, Any] = {"batch_size": BATCH_SIZE, "epochs": EPOCHS, "verbose": False}
        expected, found = (
            model.fit(x[:samples], y[:samples], order=orders.__getitem__, **given, **option)["loss"]
            for model, option in ((reference, {}), (candidate, fast))
        )
        pairs = [(np.array(found), np.array(expected)), *_paired(candidate.params, reference.params)]
        worst = max(worst, *(_relative(a, b) for a, b in pairs))
    return worst


def _paired(one: list, other: list) -> list[tuple[np.ndarray, np.ndarray]]:
    return [pair for layers in zip(one, other, strict=True) for pair in zip(*layers, strict=True)]


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    """max|a - b| / max|b|; infinite for a NaN or another shape."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a - b).max() / np.abs(b).max())


def _difference_of_scikit_learn(work: Work, x: np.ndarray, y: np.ndarray) -> float:
    """The same for MLPClassifier under sgd, whose batches come in the order of the samples."""
    import warnings

    reference, peer = model_of("numpy", work.config, work.params()), ScikitLearn(work).model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(x, y)  # So that it has weights to be replaced.
        peer.coefs_ = [W.copy() for W, _ in work.params()]
        peer.intercepts_ = [b.copy() for _, b in work.params()]
        peer.set_params(max_iter=EPOCHS).fit(x, y)
    reference.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE, order=lambda epoch: np.arange(len(x)), verbose=False)
    found = list(zip(peer.coefs_, peer.intercepts_, strict=True))
    return max(_relative(a, b) for a, b in _paired(found, reference.params))
