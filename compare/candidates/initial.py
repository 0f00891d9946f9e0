"""What a model's own initial weights were, and what became of those that it was given to take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from compare.ledger.contract import Layers

PARTS = ("W", "b", "g")
SURE = 4.0  # by which logarithm one law must be likelier than another, to be named alone
FEWEST = 24  # entries from which a distribution can be told


def distribution(layers: Layers) -> str:
    """The usual initialisation that weights (in, out) and biases look drawn by; "" if none or too few to tell.

    Uniform ones are told by their limits, normal ones by their likelihood: where the draw leaves several, by all names.
    """
    weights = [np.asarray(layer[0], float) for layer in layers]
    biases = [np.asarray(layer[1], float) for layer in layers]
    if not any(W.any() for W in weights):
        return "zeros"
    if any(len(np.unique(W)) == 1 and W.size > 1 for W in weights):
        return "one number throughout"
    if sum(W.size for W in weights) < FEWEST:
        return ""
    zero = not any(b.any() for b in biases)
    own = [1 / math.sqrt(W.shape[0]) for W in weights]
    if not zero and all(np.abs(b).max() <= limit * (1 + 1e-6) for b, limit in zip(biases, own, strict=True)):
        return "nn.Linear's own, uniform up to 1/sqrt(inputs)" if _uniform(weights, own) else ""
    sizes = [W.shape for W in weights]
    uniform = {
        "Glorot's uniform": [math.sqrt(6 / (n + m)) for n, m in sizes],
        "He's uniform": [math.sqrt(6 / n) for n, _ in sizes],
        "uniform up to 1/sqrt(inputs)": own,
    }
    normal = {
        "He's normal": [math.sqrt(2 / n) for n, _ in sizes],
        "Glorot's normal": [math.sqrt(2 / (n + m)) for n, m in sizes],
        "LeCun's normal": own,
        "the standard normal": [1.0] * len(sizes),
        "normal with deviation 0.1": [0.1] * len(sizes),
        "normal with deviation 0.01": [0.01] * len(sizes),
    }
    name = next((name for name, limits in uniform.items() if _uniform(weights, limits)), "")
    if not name:
        name = " or ".join(_normal(weights, normal))
    return f"{name}, biases {'0' if zero else 'drawn'}" if name else ""


def _uniform(weights: Sequence[np.ndarray], limits: Sequence[float]) -> bool:
    """Whether entries fill [-limit, limit] evenly, and nothing is beyond."""
    scaled = np.concatenate([(W / limit).ravel() for W, limit in zip(weights, limits, strict=True)])
    even = abs(float(np.mean(scaled**2)) - 1 / 3) < 1 / math.sqrt(len(scaled))  # Its deviation is 0.3 / sqrt(n).
    return bool(np.abs(scaled).max() <= 1 + 1e-6 and np.abs(scaled).max() > 0.8 and even)


def _normal(weights: Sequence[np.ndarray], laws: dict[str, list[float]]) -> list[str]:
    """The names of the laws, by each layer's deviation, that entries may be drawn by; the likeliest first."""
    likely = {}
    for name, scales in laws.items():
        scaled = [(W / scale).ravel() for W, scale in zip(weights, scales, strict=True)]
        every = np.concatenate(scaled)
        if abs(float(np.sqrt(np.mean(every**2))) - 1) < 3 / math.sqrt(2 * len(every)):
            logarithms = sum(z.size * math.log(scale) for z, scale in zip(scaled, scales, strict=True))
            likely[name] = -logarithms - float((every**2).sum()) / 2
    best = max(likely.values(), default=0.0)
    return sorted((name for name in likely if likely[name] > best - SURE), key=lambda name: -likely[name])


def miscopied(found: Layers, given: Layers) -> tuple[list[str], bool]:
    """What is wrong with parameters that should be the ones given, a phrase each; and whether none were taken."""
    wrong, taken = [], 0
    for number, (own, wanted) in enumerate(zip(found, given, strict=True), 1):
        for part, a, b in zip(PARTS, own, wanted, strict=False):
            if _same(a, b):
                taken += bool(b.any())
                continue
            wrong.append(f"layer {number} {part} {_how(a, b, given, number)}")
    return wrong, not taken


def _how(a: np.ndarray, wanted: np.ndarray, given: Layers, number: int) -> str:
    """What an array is instead of the one wanted."""
    if a.ndim == 2 and a.shape[0] == a.shape[1] and _same(a, wanted.T):
        return "is the transpose of what was given"
    if a.ndim == 2 and _same(a, wanted.T.reshape(a.shape)):
        return "is the transpose of what was given, reshaped to fit"
    for other, part in itertools.product(range(len(given)), range(len(given[0]))):
        if other + 1 != number and part < len(given[other]) and _same(a, given[other][part]):
            return f"is what was given for layer {other + 1}"
    if not a.any():
        return "is 0 throughout"
    return "is not what was given"


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0.0) <= 1e-6 * max(1e-30, np.abs(b).max(initial=0.0)))
