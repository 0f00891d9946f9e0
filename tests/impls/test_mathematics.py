"""The NumPy template against finite differences and against numbers worked out by hand."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from impls import mlp_numpy
from impls.mlp_numpy import ACTIVATIONS, LOSSES, MLP, OPTIMIZERS, Config, learning_rate

EPSILON = np.finfo(np.float64).eps
H = 1e-4  # Far above the cube root of EPSILON, so that rounding is small and truncation shows in the second quotient.
KINKED = {"relu", "leaky_relu"}  # Their derivative jumps at 0: no unit may cross it within 2 * H.


def central_difference(loss, a: np.ndarray, index: tuple, h: float) -> float:
    value = a[index]
    a[index] = value + h
    above = loss()
    a[index] = value - h
    below = loss()
    a[index] = value
    return (above - below) / (2 * h)


def check_gradients(config: Config, params: list, x: np.ndarray, y: np.ndarray, masks: list | None) -> None:
    """Every entry of the gradient against a central difference.

    The quotient at h errs by c h**2 + O(h**4), the one at 2 h by 4 c h**2: their difference is three times the error of
    the first, and bounds it once the next order is small. Rounding adds a few EPSILON of the loss's terms over h.
    """
    model = MLP(config, params)

    def loss() -> float:
        model.set_params(params)
        return model.gradients(x, y, masks)[0]

    total, gradients = model.gradients(x, y, masks)
    terms = max(1.0, abs(total))
    for layer, found in zip(params, gradients, strict=True):
        for a, g in zip(layer, found, strict=True):
            for index in np.ndindex(a.shape):
                near = central_difference(loss, a, index, H)
                far = central_difference(loss, a, index, 2 * H)
                bound = abs(far - near) + 100 * EPSILON * terms / H
                assert bound < 1e-3 * terms, "the differences themselves are too coarse to say anything"
                assert abs(g[index] - near) <= bound, (config, index, g[index], near, bound)


def smooth_here(config: Config, params: list, x: np.ndarray, y: np.ndarray, masks: list | None) -> bool:
    """Whether every kinked unit, and error under mae, is well away from its kink; it moves by less than 20 * H."""
    outputs, saved = MLP(config, params)._forward(x, training=True, masks=masks)
    hidden = zip(config.by_layer("activation"), saved, strict=False)
    kinked = [z for name, (_, z, _, _) in hidden if name in KINKED]
    if config.loss == "mae":
        kinked.append(outputs - y.reshape(outputs.shape))
    return min((np.abs(z).min() for z in kinked), default=math.inf) > 40 * H


def case(make_data, make_params, make_masks, config: Config, samples: int, seed: int):
    """Parameters, data and masks of a case, or None where it lies on a kink."""
    params = make_params(mlp_numpy, config, seed)
    x, y = make_data(config, samples, seed)
    masks = make_masks(config, samples, seed) if config.dropout else None
    return (params, x, y, masks) if smooth_here(config, params, x, y, masks) else None


@pytest.mark.parametrize(("activation", "loss"), list(product(ACTIVATIONS, LOSSES)))
def test_gradients_of_every_activation_under_every_loss(activation, loss, make_data, make_params, make_masks):
    config = Config((3, 4, 2), activation, loss, dtype="float64")
    seeds = range(20)
    found = next(filter(None, (case(make_data, make_params, make_masks, config, 5, seed) for seed in seeds)))
    check_gradients(config, *found)


@st.composite
def configs(draw) -> Config:
    loss = draw(st.sampled_from(list(LOSSES)))
    softmax, entropy = loss == "softmax_cross_entropy", loss.endswith("cross_entropy")
    hidden = draw(st.lists(st.integers(1, 4), max_size=4))
    outputs = draw(st.integers(2 if softmax else 1, 4))
    weights = None
    if softmax or (entropy and outputs == 1):
        share = st.floats(0.1, 5)
        classes = outputs if softmax else 2
        weights = draw(st.none() | st.tuples(*[share] * classes))
    activations = draw(st.tuples(*[st.sampled_from(list(ACTIVATIONS))] * len(hidden)))
    return Config(
        (draw(st.integers(1, 4)), *hidden, outputs),
        activations,
        loss,
        draw(st.sampled_from(("mean", "sum"))),
        label_smoothing=draw(st.sampled_from((0.0, 0.1, 0.6))) if entropy else 0.0,
        class_weights=weights,
        dropout=draw(st.just(0.0) | st.tuples(*[st.sampled_from((0.0, 0.3, 0.6))] * len(hidden))),
        batch_norm=draw(st.booleans()),
        dtype="float64",
    )


@settings(deadline=None, max_examples=60)
@given(config=configs(), samples=st.integers(3, 7), seed=st.integers(0, 2**32 - 1))
def test_gradients_of_any_network(config, samples, seed, make_data, make_params, make_masks):
    found = case(make_data, make_params, make_masks, config, samples, seed)
    assume(found is not None)
    if config.batch_norm:  # Where a batch hardly varies, its normalisation is too curved for differences of this size.
        params, x, _, masks = found
        _, saved = MLP(config, params)._forward(x, training=True, masks=masks)
        assume(all(norm[1].max() < 5 for *_, norm in saved if norm))
    check_gradients(config, *found)


# Numbers worked out by hand ---------------------------------------------------------------------------------------


def layers(*pairs: tuple) -> list[tuple[np.ndarray, ...]]:
    return [tuple(np.array(a, float) for a in pair) for pair in pairs]


def close(found, expected) -> bool:
    return np.allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_one_neuron():
    neuron = ([[0.5], [1.0]], [0.25])  # 2 * 0.5 - 1 * 1 + 0.25
    linear = MLP(Config((2, 1), dtype="float64"), layers(neuron))
    assert linear.forward([[2, -1]]).tolist() == [[0.25]]
    relu = MLP(Config((2, 1, 1), "relu", dtype="float64"), layers(neuron, ([[1.0]], [0.0])))
    assert relu.forward([[2, -1], [-2, 0]]).tolist() == [[0.25], [0.0]]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", [0, 0, 0.5, 2]),
        ("sigmoid", [0.11920292202211755, 0.5, 0.6224593312018546, 0.8807970779778823]),
        ("tanh", [-0.9640275800758169, 0, 0.46211715726000973, 0.9640275800758169]),
        ("leaky_relu", [-0.02, 0, 0.5, 2]),
        ("elu", [-0.8646647167633873, 0, 0.5, 2]),
        ("gelu", [-0.04550026389635842, 0, 0.34573123063700656, 1.9544997361036416]),
        ("silu", [-0.23840584404423512, 0, 0.3112296656009273, 1.7615941559557646]),
        ("softplus", [0.1269280110429726, 0.6931471805599453, 0.9740769841801067, 2.1269280110429727]),
    ],
)
def test_activations_of_four_numbers(activation, expected):
    model = MLP(Config((1, 1, 1), activation, dtype="float64"), layers(([[1.0]], [0.0]), ([[1.0]], [0.0])))
    assert close(model.forward([[-2], [0], [0.5], [2]])[:, 0], expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_of_huge_numbers_stay_finite(activation):
    model = MLP(Config((1, 1, 1), activation, dtype="float64"), layers(([[1.0]], [0.0]), ([[1.0]], [0.0])))
    found = model.forward([[-1000.0], [1000.0]])[:, 0]
    assert np.isfinite(found).all()
    assert np.isfinite(model.gradients([[-1000.0], [1000.0]], [0, 0])[1][0][0]).all()


def gradient_for_outputs(config: Config, z: list[float], y) -> tuple[float, np.ndarray]:
    """The loss of outputs z, and its gradient for them: that of the last layer's bias, for one sample of zeros."""
    model = MLP(config, layers((np.zeros((1, len(z))), z)))
    loss, [(_, db)] = model.gradients([[0.0]], y)
    return loss, db


def test_mean_squared_error():
    # z = 1 and -2 against 0.5 and 1: (0.25 + 9) / 2, and for z (0.5, -3).
    model = MLP(Config((1, 1), loss="mse", dtype="float64"), layers(([[1.5]], [-0.5])))
    loss, [(dW, db)] = model.gradients([[1], [-1]], [0.5, 1])
    assert (loss, dW[0, 0], db[0]) == (4.625, 3.5, -2.5)
    total = MLP(Config((1, 1), loss="mse", reduction="sum", dtype="float64"), layers(([[1.5]], [-0.5])))
    loss, [(dW, db)] = total.gradients([[1], [-1]], [0.5, 1])
    assert (loss, dW[0, 0], db[0]) == (9.25, 7.0, -5.0)


def test_mean_squared_error_is_the_mean_over_outputs_too():
    loss, d = gradient_for_outputs(Config((1, 2), loss="mse", dtype="float64"), [1.0, -2.0], [[0.5, 1.0]])
    assert (loss, d.tolist()) == (4.625, [0.5, -3.0])


def test_squared_error_of_a_sigmoid():
    loss, d = gradient_for_outputs(Config((1, 1), loss="sigmoid_mse", dtype="float64"), [0.0], [1])
    assert (loss, d.tolist()) == (0.25, [-0.25])  # (1/2 - 1)**2, and 2 (1/2 - 1) 1/2 (1 - 1/2)


def test_the_slope_of_the_absolute_error_is_the_sign_of_the_error():
    loss, d = gradient_for_outputs(Config((1, 3), loss="mae", dtype="float64"), [0.5, -3.0, 7.0], [[0, 0, 7]])
    assert close(loss, 3.5 / 3)
    assert close(d, [1 / 3, -1 / 3, 0.0])


def test_huber_is_a_parabola_up_to_1_and_then_a_line():
    loss, d = gradient_for_outputs(Config((1, 2), loss="huber", dtype="float64"), [0.5, -3.0], [[0, 0]])
    assert (loss, d.tolist()) == ((0.125 + 2.5) / 2, [0.25, -0.5])


def test_binary_cross_entropy():
    # z = 0 and log 3: probabilities 1/2 and 3/4; losses log 2 and log 4 = 2 log 2; for z (-1/2, 3/4) / 2.
    params = layers(([[math.log(3)]], [0.0]))
    model = MLP(Config((1, 1), loss="binary_cross_entropy", dtype="float64"), params)
    loss, [(dW, db)] = model.gradients([[0], [1]], [1, 0])
    assert close([loss, dW[0, 0], db[0]], [1.5 * math.log(2), 0.375, 0.125])
    # Class 0 weighs 1 and class 1 weighs 3: (3 log 2 + 2 log 2) / 4; for z (-3/2, 3/4) / 4.
    weighted = MLP(Config((1, 1), loss="binary_cross_entropy", class_weights=(1, 3), dtype="float64"), params)
    loss, [(dW, db)] = weighted.gradients([[0], [1]], [1, 0])
    assert close([loss, dW[0, 0], db[0]], [1.25 * math.log(2), 0.1875, -0.1875])
    # Smoothed by 0.2 a 1 is 0.9 and a 0 is 0.1: losses log 2 and log 4 - 0.1 log 3; for z (0.5 - 0.9, 0.75 - 0.1) / 2.
    smooth = MLP(Config((1, 1), loss="binary_cross_entropy", label_smoothing=0.2, dtype="float64"), params)
    loss, [(dW, db)] = smooth.gradients([[0], [1]], [1, 0])
    assert close([loss, dW[0, 0], db[0]], [(3 * math.log(2) - 0.1 * math.log(3)) / 2, 0.325, 0.125])


SOFTMAX = [0.6590011388859679, 0.24243297070471392, 0.09856589040931818]  # Of (2, 1, 0.1).


def test_softmax_cross_entropy():
    config = Config((1, 3), loss="softmax_cross_entropy", dtype="float64")
    loss, d = gradient_for_outputs(config, [2.0, 1.0, 0.1], [0])
    assert close(loss, 0.4170300162778335)  # -log 0.659...
    assert close(d, [SOFTMAX[0] - 1, SOFTMAX[1], SOFTMAX[2]])
    moved, d_moved = gradient_for_outputs(config, [1002.0, 1001.0, 1000.1], [0])  # A shift changes nothing.
    assert (moved, d_moved) == (pytest.approx(loss, rel=1e-12), pytest.approx(d, rel=1e-12))


def test_smoothed_softmax_cross_entropy():
    # Smoothed by 0.3 over three classes: targets 0.8, 0.1, 0.1. The loss is log sum exp z less their mean z, 1.71.
    config = Config((1, 3), loss="softmax_cross_entropy", label_smoothing=0.3, dtype="float64")
    loss, d = gradient_for_outputs(config, [2.0, 1.0, 0.1], [0])
    assert close(loss, 2.4170300162778335 - 1.71)
    assert close(d, np.array(SOFTMAX) - [0.8, 0.1, 0.1])


def test_class_weights_divide_by_their_sum_and_not_by_the_batch():
    config = Config((1, 3), loss="softmax_cross_entropy", class_weights=(1, 2, 5), dtype="float64")
    model = MLP(config, layers((np.zeros((1, 3)), [2.0, 1.0, 0.1])))
    logsum = 2.4170300162778335
    loss = model.loss([[0], [0]], [0, 2])
    assert close(loss, (1 * (logsum - 2) + 5 * (logsum - 0.1)) / 6)


# The model y = w x + b at x = 1, w = 3, b = 0, against 1: the gradient is 2 (w + b - 1) = 4 for both. The hand-worked
# steps take lr = 0.1, momentum = 0.9, beta1 = 0.5, beta2 = 0.75 and epsilon = 1.


def after(steps: int, optimizer: str, **options) -> tuple[float, float]:
    """w and b after some steps."""
    options = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 1.0, "dtype": "float64", **options}
    model = MLP(Config((1, 1), optimizer=optimizer, **options), layers(([[3.0]], [0.0])))
    for _ in range(steps):
        model.train_step([[1.0]], [1.0])
    [(W, b)] = model.params
    return W[0, 0], b[0]


def test_every_optimizer_has_its_hand_worked_step():
    assert set(OPTIMIZERS) == {"sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"}


@pytest.mark.parametrize(
    ("optimizer", "steps", "w"),
    [
        ("sgd", 1, 3 - 0.1 * 4),
        ("sgd", 2, 2.6 - 0.1 * 2.4),  # At w = 2.6, b = -0.4 the gradient is 2.4.
        ("momentum", 1, 3 - 0.1 * 4),
        ("momentum", 2, 2.6 - 0.1 * (0.9 * 4 + 2.4)),
        ("nesterov", 1, 3 - 0.1 * (4 + 0.9 * 4)),
        ("nesterov", 2, 2.24 - 0.1 * (0.96 + 0.9 * (0.9 * 4 + 0.96))),  # At w = 2.24, b = -0.76: 0.96.
        ("rmsprop", 1, 3 - 0.1 * 4 / (2 + 1)),  # v = 0.25 * 16.
        ("adagrad", 1, 3 - 0.1 * 4 / (4 + 1)),  # s = 16.
        ("adagrad", 2, 2.92 - 0.1 * 3.68 / (math.sqrt(16 + 3.68**2) + 1)),  # At w = 2.92, b = -0.08: 3.68.
        ("adam", 1, 3 - 0.1 * 4 / (4 + 1)),  # m = 2, over 1 - 0.5; v = 4, over 1 - 0.75.
        ("adam", 2, 2.92 - 0.1 * (2.84 / 0.75) / (math.sqrt(6.3856 / 0.4375) + 1)),  # m = 1 + 1.84, v = 3 + 3.3856.
        ("adamw", 1, 3 - 0.1 * 4 / (4 + 1)),
    ],
)
def test_hand_worked_steps(optimizer, steps, w):
    assert close(after(steps, optimizer), (w, w - 3))  # Both have the same gradient, so they move alike.


def test_weight_decay_shrinks_matrices_and_leaves_biases():
    assert close(after(1, "sgd", weight_decay=0.5), (3 - 0.1 * (4 + 0.5 * 3), -0.4))
    assert close(after(1, "adam", weight_decay=0.5), (3 - 0.1 * 5.5 / (5.5 + 1), -0.08))  # L2: the moments see it.
    assert close(after(1, "adamw", weight_decay=0.5), (3 - 0.1 * 0.5 * 3 - 0.08, -0.08))  # Decoupled: they do not.


def test_weight_decay_leaves_batch_norm_scales():
    config = Config((1, 2, 1), batch_norm=True, weight_decay=0.5, learning_rate=0.1, dtype="float64")
    params = layers(([[1.0, 2.0]], [0.0, 0.0], [3.0, 4.0]), ([[0.0], [0.0]], [1.0]))
    model = MLP(config, params)
    model.train_step([[-1.0], [1.0]], [1.0, 1.0])  # The loss is 0: only the decay moves anything.
    (W, b, g), (W2, b2) = model.params
    assert close(W, [[0.95, 1.9]])
    assert (b.tolist(), g.tolist(), b2.tolist()) == ([0, 0], [3, 4], [1])
    assert W2.tolist() == [[0], [0]]


def test_clipping():
    assert close(after(1, "sgd", clip_value=0.5), (2.95, -0.05))
    assert close(after(1, "sgd", clip_norm=1.0), (3 - 0.1 / math.sqrt(2), -0.1 / math.sqrt(2)))  # Norm sqrt(32) before.
    for loose in ({"clip_value": 4.0}, {"clip_norm": 6.0}):
        assert after(1, "sgd", **loose) == after(1, "sgd")
    assert close(after(1, "sgd", clip_value=0.5, weight_decay=0.5), (3 - 0.1 * (0.5 + 0.5 * 3), -0.05))  # Clip first.


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {0: 0.8, 10: 0.8, 1000: 0.8}),
        ("step", {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2, 39: 0.1}),
        ("exponential", {0: 0.8, 5: 0.8 * math.sqrt(0.5), 10: 0.4, 20: 0.2}),
        ("cosine", {0: 0.8, 5: 0.4, 10: 0.0, 11: 0.0, 100: 0.0}),
        ("warmup", {0: 0.08, 4: 0.4, 9: 0.8, 10: 0.8, 100: 0.8}),
    ],
)
def test_schedules(schedule, expected):
    config = Config(learning_rate=0.8, schedule=schedule, schedule_steps=10, schedule_rate=0.5)
    assert close([learning_rate(config, step) for step in expected], list(expected.values()))


def test_a_schedule_acts_at_its_own_step_and_momentum_keeps_gradients_and_not_moves():
    schedule = {"schedule": "step", "schedule_steps": 1, "schedule_rate": 0.5}
    assert close(after(2, "sgd", **schedule), (2.6 - 0.05 * 2.4, -0.4 - 0.05 * 2.4))
    assert close(after(2, "momentum", **schedule), (2.6 - 0.05 * 6.0, -0.4 - 0.05 * 6.0))


def test_batch_norm_of_three_numbers():
    # 1, 2 and 6 have mean 3, biased variance 14/3 and unbiased variance 7; a new batch weighs 0.1.
    config = Config((1, 1, 1), "leaky_relu", batch_norm=True, learning_rate=1e-300, dtype="float64")
    model = MLP(config, layers(([[1.0]], [10.0], [2.0]), ([[1.0]], [0.0])))
    x = np.array([[1.0], [2.0], [6.0]])
    expected = (x[:, 0] - 3) / math.sqrt(14 / 3 + 1e-5) * 2 + 10
    assert close(model.train_step(x, np.zeros(3)), (expected**2).mean())
    [(mean, variance)] = model.state["running"]
    assert close([mean[0], variance[0]], [0.3, 0.9 + 0.7])
    assert close(model.forward([[1.0]])[0, 0], (1 - 0.3) / math.sqrt(1.6 + 1e-5) * 2 + 10)


def test_a_dropout_mask_multiplies_the_hidden_outputs():
    config = Config((1, 2, 1), "relu", dropout=0.5, dtype="float64")
    model = MLP(config, layers(([[1.0, 3.0]], [0.0, 0.0]), ([[1.0], [1.0]], [0.0])))
    loss, [(dW, _), (dW2, _)] = model.gradients([[1.0]], [0.0], [np.array([[2.0, 0.0]])])
    assert loss == 4.0  # (2 * 1 + 0 * 3)**2
    assert dW.tolist() == [[8.0, 0.0]]  # 2 * 2 for the output, times 2 for the mask.
    assert dW2.tolist() == [[8.0], [0.0]]


def test_drawn_masks_hold_0_and_the_inverse_of_what_is_kept():
    """A single linear-like layer of ones: each hidden output is 0 or 1 / (1 - 0.2)."""
    config = Config((1, 2000, 1), "relu", dropout=0.2, dtype="float64")
    model = MLP(config, layers((np.ones((1, 2000)), np.zeros(2000)), (np.zeros((2000, 1)), [1.0])))
    _, [_, (dW, _)] = model.gradients([[1.0]], [0.0])  # The gradient for the last W is 2 * a hidden output.
    assert set(np.unique(dW / 2)) == {0.0, 1.25}
    assert np.mean(dW == 0) == pytest.approx(0.2, abs=0.04)  # Over four standard errors of 0.009.
