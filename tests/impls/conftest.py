"""The three templates, each imported once, and data, masks and comparisons that fit any config."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

NAMES = ("numpy", "torch", "keras")


@pytest.fixture(scope="session")
def templates() -> dict[str, ModuleType]:
    """All three templates by name."""
    return {name: importlib.import_module(f"impls.mlp_{name}") for name in NAMES}


@pytest.fixture(params=NAMES)
def template(request) -> ModuleType:
    """One template after the other: a test's body runs for each."""
    return importlib.import_module(f"impls.mlp_{request.param}")


@pytest.fixture(scope="session")
def make_data() -> Callable:
    """data(config, samples, seed): x (N, in) and y as the config's loss takes it, in float64."""

    def data(config, samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        outputs = config.layer_sizes[-1]
        x = random.normal(size=(samples, config.layer_sizes[0]))
        if config.loss == "softmax_cross_entropy":
            return x, random.integers(0, outputs, samples)
        y = random.normal(size=(samples, outputs))
        if config.loss == "binary_cross_entropy":
            y = (y > 0).astype(float)
        if config.loss == "sigmoid_mse":
            y = random.uniform(size=y.shape)
        return x, y[:, 0] if outputs == 1 else y

    return data


@pytest.fixture(scope="session")
def make_params() -> Callable:
    """params(template, config, seed): weights, biases and scales that are all drawn, none of them 0 or 1."""

    def params(template, config, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
        random = np.random.default_rng([seed, 1])
        return [
            (random.normal(0, 1 / np.sqrt(W[0]), W), *(random.uniform(0.2, 0.8, shape) for shape in others))
            for W, *others in template.param_shapes(config)
        ]

    return params


@pytest.fixture(scope="session")
def make_masks() -> Callable:
    """masks(config, samples, step): a dropout mask (B, H) of 0 and 1 / (1 - dropout) for each hidden layer."""

    def masks(config, samples: int, step: int = 0) -> list[np.ndarray]:
        random = np.random.default_rng([step, 2])
        units = zip(config.layer_sizes[1:-1], config.by_layer("dropout"), strict=True)
        return [(random.random((samples, h)) >= rate) / (1 - rate) for h, rate in units]

    return masks


def _flat(value) -> list[np.ndarray]:
    """Every array of nested dicts, lists and tuples, in order, with dict keys among them."""
    if isinstance(value, dict):
        return [a for name in sorted(value) for a in (np.array(name), *_flat(value[name]))]
    if isinstance(value, (list, tuple)):
        return [a for part in value for a in _flat(part)]
    return [np.asarray(value)]


@pytest.fixture(scope="session")
def same() -> Callable:
    """same(a, b): whether two nests of arrays hold the same bits in the same dtypes and shapes."""

    def same(a, b) -> bool:
        left, right = _flat(a), _flat(b)
        return len(left) == len(right) and all(
            p.dtype == q.dtype and np.array_equal(p, q) for p, q in zip(left, right, strict=True)
        )

    return same


@pytest.fixture(scope="session")
def assert_close() -> Callable:
    """assert_close(a, b, name): two nests of arrays agree to 1e-12 of each array's largest entry."""

    def check(found, expected, name: str = "") -> None:
        left, right = _flat(found), _flat(expected)
        assert len(left) == len(right), name
        for i, (p, q) in enumerate(zip(left, right, strict=True)):
            assert p.shape == q.shape, (name, i)
            if p.dtype.kind in "US":
                assert p == q, (name, i)
                continue
            scale = float(np.abs(q).max())
            worst = float(np.abs(p - q).max())
            assert worst <= 1e-12 * scale, f"{name}, array {i}: {worst:.2e} of {scale:.2e}"

    return check
