"""Initial weights, drawn in NumPy from a seed, so that every implementation starts from the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shared.batches import generator, require_at_least
from shared.names import unknown_name


@dataclass(frozen=True)
class _Scheme:
    """How a layer's weights are drawn."""

    draw: str  # "normal": N(0, spread²), never truncated; "uniform": U(-spread, spread)
    spread: Callable[[int, int], float]  # (fan_in, fan_out) → standard deviation or limit
    draws_biases: bool = False  # biases from the same distribution; otherwise zero


_TABLE = {
    "he_normal": _Scheme("normal", lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
    "he_uniform": _Scheme("uniform", lambda fan_in, fan_out: math.sqrt(6 / fan_in)),
    "glorot_normal": _Scheme("normal", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    "glorot_uniform": _Scheme("uniform", lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
    "lecun_normal": _Scheme("normal", lambda fan_in, fan_out: math.sqrt(1 / fan_in)),
    "lecun_uniform": _Scheme("uniform", lambda fan_in, fan_out: math.sqrt(3 / fan_in)),
    "normal": _Scheme("normal", lambda fan_in, fan_out: 1.0),
    "torch_default": _Scheme("uniform", lambda fan_in, fan_out: 1 / math.sqrt(fan_in), draws_biases=True),
}
_TABLE["keras_default"] = _TABLE["glorot_uniform"]

SCHEMES = tuple(_TABLE)


def initial_parameters(
    layer_sizes: Sequence[int], scheme: str, seed: int, scale: float = 1.0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the parameters of an MLP: for every layer W (in, out) and b (out,), both float64.

    | scheme         | W                         | source                                                |
    |----------------|---------------------------|-------------------------------------------------------|
    | he_normal      | N(0, 2/in)                | He et al., "Delving deep into rectifiers", 2015       |
    | he_uniform     | U(±√(6/in))               | the same variance                                     |
    | glorot_normal  | N(0, 2/(in + out))        | Glorot & Bengio, "Understanding the difficulty of     |
    | glorot_uniform | U(±√(6/(in + out)))       | training deep feedforward neural networks", 2010      |
    | lecun_normal   | N(0, 1/in)                | LeCun et al., "Efficient BackProp", 1998, section 4.6 |
    | lecun_uniform  | U(±√(3/in))               | the same variance                                     |
    | normal         | N(0, 1)                   |                                                       |
    | torch_default  | U(±1/√in), and b likewise | what torch.nn.Linear draws                            |
    | keras_default  | as glorot_uniform         | what keras.layers.Dense draws                         |

    The second argument of N is the variance, and no normal is truncated (Keras truncates its own). Biases
    are zero except with torch_default. `scale` multiplies every standard deviation and limit: "normal" with
    scale s is N(0, s²). Layer number l draws from its own generator, seeded with [seed, l], W before b; so
    a layer's numbers depend on its place and its sizes only.

    Raises ValueError for an unknown scheme, fewer than two layer sizes, a size below 1, a seed outside
    0 … 2³² - 1, and a scale that is negative or not finite.
    """
    if scheme not in _TABLE:
        raise unknown_name("initial weights", scheme, SCHEMES)
    if len(layer_sizes) < 2:
        raise ValueError(f"layer_sizes is {list(layer_sizes)}, expected at least an input and an output size")
    for size in layer_sizes:
        require_at_least("every layer size", size, 1)
    if not 0 <= scale < math.inf:
        raise ValueError(f"scale is {scale}, expected a finite number of at least 0")
    return [
        _draw_layer(_TABLE[scheme], fan_in, fan_out, scale, generator(seed=seed, layer=layer))
        for layer, (fan_in, fan_out) in enumerate(pairwise(layer_sizes))
    ]


def torch_default(layer_sizes: Sequence[int], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """`initial_parameters` with the scheme torch_default: U(±1/√in) for weights and biases."""
    return initial_parameters(layer_sizes, "torch_default", seed)


def _draw_layer(
    scheme: _Scheme, fan_in: int, fan_out: int, scale: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw W (fan_in, fan_out) and b (fan_out,)."""
    spread = scale * scheme.spread(fan_in, fan_out)

    def draw(*shape: int) -> np.ndarray:
        if scheme.draw == "normal":
            return rng.normal(0.0, spread, shape)
        return rng.uniform(-spread, spread, shape)

    W = draw(fan_in, fan_out)
    b = draw(fan_out) if scheme.draws_biases else np.zeros(fan_out)
    return W, b
