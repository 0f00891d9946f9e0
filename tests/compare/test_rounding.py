"""The rounding bounds: no correct evaluation leaves them, and they are not so wide that nothing would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.ledger.rounding import UNIT, Rounded, step_errors
from compare.ledger.rounding import given as stored
from compare.ledger.trace import flatten, initial_state
from impls import mlp_numpy

U = UNIT["float32"]
OPERATIONS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "dot": lambda x, y: x @ y.T,
    "sum": lambda x, y: (x * y).sum(axis=0),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=30, deadline=None)
def test_float32_stays_within_the_bound(operation: str, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    x, y = random.standard_normal((2, 5, 40)) * scale
    bounded = OPERATIONS[operation](stored(x, U), stored(y, U))
    single = OPERATIONS[operation](x.astype(np.float32), y.astype(np.float32))
    assert (np.abs(single.astype(np.float64) - OPERATIONS[operation](x, y)) <= bounded.error).all()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_a_root_stays_within_the_bound(seed: int) -> None:
    x = np.random.default_rng(seed).random(50) ** 60  # Many of them are below the smallest normal number.
    error = np.abs(np.sqrt(x.astype(np.float32)).astype(np.float64) - np.sqrt(x))
    assert (error <= stored(x, U).sqrt().error).all()


def test_what_is_too_small_may_be_flushed_to_zero_and_zero_is_exact() -> None:
    x, y = np.array([[1e-20, 0.0]]), np.array([[1e-19], [0.0]])
    for result in (stored(x, U) * stored(y.T, U), (stored(x, U) @ stored(y, U)), stored(x * y.T, U).sum(axis=1)):
        small = np.abs(result.value) > 0
        assert (result.error[small] >= np.abs(result.value)[small]).all()
        assert (result.error[~small] == 0).all()


def test_division_by_what_may_be_zero_is_unbounded() -> None:
    numerator, zero = Rounded(np.array([1.0]), np.zeros(1), U), Rounded(np.array([1e-9]), np.array([1e-8]), U)
    assert np.isinf((numerator / zero).error).all()


def _case(seed: int) -> tuple[dict, list, tuple, list | None]:
    """A random configuration without kinks within rounding's reach, its parameters, a batch and dropout masks."""
    random = np.random.default_rng(seed)
    pick = lambda options: options[random.integers(len(options))]  # noqa: E731
    loss = pick(list(mlp_numpy.LOSSES))
    outputs = {"softmax_cross_entropy": 4, "binary_cross_entropy": 1}.get(loss, int(pick([1, 3])))
    hidden = tuple(int(n) for n in random.integers(2, 12, random.integers(1, 4)))
    config = {
        "layer_sizes": (5, *hidden, outputs),
        "activation": tuple(pick(list(mlp_numpy.ACTIVATIONS)) for _ in hidden),
        "loss": loss,
        "optimizer": pick(list(mlp_numpy.OPTIMIZERS)),
        "reduction": pick(["mean", "sum"]),
        "weight_decay": pick([0.0, 0.01]),
        "batch_norm": bool(pick([False, True])),
        "dropout": tuple(pick([0.0, 0.3]) for _ in hidden),
        "schedule": pick(list(mlp_numpy.SCHEDULES)),
    }
    config |= pick([{}, {"clip_value": 0.01}, {"clip_norm": 0.05}])
    if loss.endswith("cross_entropy"):
        config["label_smoothing"] = pick([0.0, 0.1])
        config["class_weights"] = pick([None, tuple(random.uniform(0.5, 2, max(outputs, 2)).tolist())])
    x = random.standard_normal((17, 5))
    y = random.integers(0, max(outputs, 2), 17)
    if not loss.endswith("cross_entropy"):
        y = random.standard_normal((17, outputs)) if outputs > 1 else random.standard_normal(17)
    params = mlp_numpy.init_params(mlp_numpy.Config(**config, seed=seed % 1000))
    masks = [(random.random((17, n)) >= rate) / (1 - rate) for n, rate in zip(hidden, config["dropout"], strict=True)]
    masks = masks if any(config["dropout"]) else None
    return config, params, (x, y), masks


@given(seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_a_float32_step_stays_within_the_bounds(seed: int) -> None:
    """For random configurations: the template in float32 against itself in float64."""
    config, params, (x, y), masks = _case(seed)
    exact, single = (mlp_numpy.MLP(mlp_numpy.Config(**config, dtype=dtype), params) for dtype in ("float64", "float32"))
    state = initial_state(mlp_numpy.state_shapes(exact.config))
    bounds = step_errors(exact.config, params, state, (x, y), masks, U)

    tiny = float(np.finfo(np.float32).tiny)
    assert (np.abs(single.forward(x) - exact.forward(x)) <= bounds.logits + tiny).all()
    (loss, gradients), (loss32, gradients32) = exact.gradients(x, y, masks), single.gradients(x, y, masks)
    assert abs(loss32 - loss) <= bounds.loss + tiny
    assert (np.abs(flatten(gradients32) - flatten(gradients)) <= bounds.gradients + tiny).all()
    exact.train_step(x, y, masks)
    single.train_step(x, y, masks)
    assert (np.abs(flatten(single.params) - flatten(exact.params)) <= bounds.params + tiny).all()
    for name, error in bounds.states.items():
        assert (np.abs(flatten(single.state[name]) - flatten(exact.state[name])) <= error + tiny).all(), name


@pytest.mark.parametrize("unit", UNIT.values())
def test_a_unit_that_is_exactly_at_the_kink_may_not_fall_on_either_side(unit: float) -> None:
    """A sample of zeros before biases of zero: no rounding can move its units, so no gradient may jump."""
    config = mlp_numpy.Config((2, 3, 3, 1), loss="binary_cross_entropy", dtype="float64")
    params = mlp_numpy.init_params(config)
    x, y = np.array([[0.0, 0.0], [1.0, 0.5]]), np.array([1, 0])
    at_zero = step_errors(config, params, {"step": 0}, (x, y), None, unit)
    x[0] = 1.0
    W, b = params[0]
    near = [(W, b - x[0] @ W), *params[1:]]  # Zero again, as the difference of two that round.
    near_zero = step_errors(config, near, {"step": 0}, (x, y), None, unit)
    assert at_zero.gradients.max() < 1e2 * unit
    assert near_zero.gradients.max() > 1e-2


@pytest.mark.parametrize("unit", UNIT.values())
def test_an_error_that_is_exactly_0_may_not_fall_on_either_side_under_mae(unit: float) -> None:
    """The slope is 0 where prediction and target are one number, and jumps by 1, or 2, where rounding may part them."""
    config = mlp_numpy.Config((2, 1), loss="mae", reduction="sum", dtype="float64")

    def bound(w: float, x: float, y: float) -> float:
        params = [(np.array([[w], [0.0]]), np.zeros(1))]
        return float(step_errors(config, params, {"step": 0}, ([[x, 0.0]], [y]), None, unit).gradients[-1])

    assert bound(0.0, 1.0, 0.0) < 10 * unit
    assert bound(0.3, 0.7, 1.0) < 10 * unit
    assert abs(bound(0.3, 0.7, 0.3 * 0.7) - 1) < 10 * unit
    assert abs(bound(0.3, 0.7, 0.3 * 0.7 * (1 + 2 * unit)) - 2) < 10 * unit


def test_the_bounds_of_a_plain_step_are_near_rounding() -> None:
    """A digits-sized step under sgd: not a thousandth of the largest entry may be lost to float32."""
    config = mlp_numpy.Config((64, 32, 10), loss="softmax_cross_entropy", dtype="float64")
    params = mlp_numpy.init_params(config)
    random = np.random.default_rng(0)
    batch = random.random((32, 64)), random.integers(0, 10, 32)
    bounds = step_errors(config, params, {"step": 0}, batch, None, U)
    model = mlp_numpy.MLP(config, params)
    assert bounds.logits.max() < 1e-4 * np.abs(model.forward(batch[0])).max()
    gradients = flatten(model.gradients(*batch)[1])
    assert bounds.gradients.max() < 1e-3 * np.abs(gradients).max()
    assert bounds.params.max() < 1e-5 * np.abs(flatten(params)).max()
