"""How far rounding alone can take each number of one training step: the derivation of the ledger's bounds.

Every number is carried as a value and an error bound, and every operation propagates the bound to first order and adds
its own rounding (Higham, Accuracy and Stability of Numerical Algorithms, chapters 2 and 3), with u the unit roundoff:

    x + y, x * y, x / y     u |result|, besides what the operands' errors become; below the smallest normal number all
                            of the result, since some libraries flush it to zero
    a dot product of n      n u sum |x_i| |y_i|, whatever the order of the sum
    f(x)                    |f'(x)| e + f'' e^2, and a few u of the result: elementary functions are good to some ulp

The bound holds for any order of summation and with or without fused operations, so for every correct implementation. At
a kink (relu and the absolute value at 0) a number no farther from it than its error may fall on either side, and the
whole jump is allowed; one that is there exactly, without an error, falls where the templates say. The step is the one
that the templates document, written once more in this arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.ledger.contract import Layers
from impls import mlp_numpy

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
SMALLEST = {UNIT["float64"]: 2.0**-1022, UNIT["float32"]: 2.0**-126}  # normal number, by unit roundoff
ULPS = 4  # of an elementary function's result: what the libraries promise for exp, log, tanh and erf, or less


def rounding(size: np.ndarray, unit: float, operations: int = 1) -> np.ndarray:
    """What as many operations, whose results are of this size together, may add to the error."""
    return operations * unit * size + np.minimum(size, operations * SMALLEST[unit])


class Rounded:
    """Numbers with a bound on their error: `value` and `error`, of one shape."""

    __array_ufunc__ = None  # So that NumPy leaves `array * rounded` to this class.

    def __init__(self, value: np.ndarray, error: np.ndarray, unit: float):
        self.value, self.error, self.unit = value, error, unit

    def _of(self, other: Any) -> Rounded:
        return other if isinstance(other, Rounded) else given(other, self.unit)

    def _result(self, value: np.ndarray, error: np.ndarray) -> Rounded:
        return Rounded(value, error + rounding(np.abs(value), self.unit), self.unit)

    def __add__(self, other: Any) -> Rounded:
        other = self._of(other)
        return self._result(self.value + other.value, self.error + other.error)

    def __sub__(self, other: Any) -> Rounded:
        other = self._of(other)
        return self._result(self.value - other.value, self.error + other.error)

    def __mul__(self, other: Any) -> Rounded:
        other = self._of(other)
        error = self.error * (np.abs(other.value) + other.error) + np.abs(self.value) * other.error
        return self._result(self.value * other.value, error)

    def __truediv__(self, other: Any) -> Rounded:
        other = self._of(other)
        value = self.value / other.value
        least = np.abs(other.value) - other.error
        with np.errstate(divide="ignore"):
            error = np.where(least > 0, (self.error + np.abs(value) * other.error) / np.maximum(least, 0), np.inf)
        return self._result(value, error)

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other: Rounded) -> Rounded:
        size, other_size = np.abs(self.value), np.abs(other.value)
        error = self.error @ (other_size + other.error) + size @ other.error
        error += rounding(size @ other_size, self.unit, self.value.shape[1])
        return Rounded(self.value @ other.value, error, self.unit)

    @property
    def T(self) -> Rounded:
        return Rounded(self.value.T, self.error.T, self.unit)

    def __getitem__(self, index: Any) -> Rounded:
        return Rounded(self.value[index], self.error[index], self.unit)

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Rounded:
        terms = self.value.size if axis is None else self.value.shape[axis]
        size = np.abs(self.value).sum(axis=axis, keepdims=keepdims)
        error = self.error.sum(axis=axis, keepdims=keepdims) + rounding(size, self.unit, terms)
        return Rounded(self.value.sum(axis=axis, keepdims=keepdims), error, self.unit)

    def map(self, f: Callable, slope: np.ndarray | float, curvature: float = 0.0, product: bool = False) -> Rounded:
        """f of the numbers, where |f'| is `slope` at them and |f''| at most `curvature`.

        f may be computed by way of sums with 1 and with its argument, whose roundings are therefore counted among its
        own. A `product` is of the argument with a number from 0 to 1, such as a distribution function, whose rounding
        is relative to 1 even where the number is near 0.
        """
        value = f(self.value)
        error = (slope + curvature * self.error) * self.error
        size = np.abs(self.value)
        own = np.abs(value) + (size if product else np.minimum(size, 1 + np.abs(value)))
        return Rounded(value, error + rounding(own, self.unit, ULPS), self.unit)

    def sqrt(self) -> Rounded:
        """The root of numbers that are never below 0: off by e / sqrt(x) at most, and by sqrt(e) near 0."""
        root = np.sqrt(self.value)
        near = np.sqrt(self.error)
        error = np.where(root > near, self.error / np.maximum(root, near + 1e-300), near)
        return self._result(root, error)


def given(value: Any, unit: float) -> Rounded:
    """Numbers as they are stored: rounded once."""
    value = np.asarray(value, np.float64)
    return Rounded(value, rounding(np.abs(value), unit), unit)


@dataclass(frozen=True)
class _Activation:
    curvature: float  # the largest |f''|
    jump: float = 0.0  # by how much f' jumps at 0
    product: bool = False  # whether f(z) is z times a number from 0 to 1


_ACTIVATIONS = {
    "relu": _Activation(0.0, jump=1.0),
    "leaky_relu": _Activation(0.0, jump=0.99),
    "sigmoid": _Activation(0.1),
    "tanh": _Activation(0.77),
    "elu": _Activation(1.0),
    "gelu": _Activation(0.8, product=True),
    "silu": _Activation(0.5, product=True),
    "softplus": _Activation(0.25),
}


@dataclass(frozen=True, eq=False)
class StepErrors:
    """Bounds on the rounding errors of one step, in the shapes of a trace's row."""

    logits: np.ndarray  # (B, O)
    loss: float
    gradients: np.ndarray  # (P,)
    params: np.ndarray  # (P,)
    states: dict[str, np.ndarray]  # each slot (P,), "running" (R,)


class _Step:
    """One training step in rounded arithmetic."""

    def __init__(self, config: mlp_numpy.Config, params: Layers, running: list, unit: float):
        self.config, self.unit = config, unit
        self.layers = [tuple(given(a, unit) for a in layer) for layer in params]
        self.running = [tuple(given(a, unit) for a in pair) for pair in running]

    def activate(self, z: Rounded, activation: str) -> tuple[Rounded, Rounded]:
        """f(z) and f'(z), both (B, H)."""
        f, derivative = mlp_numpy.ACTIVATIONS[activation]
        bounds = _ACTIVATIONS[activation]
        slope = np.asarray(derivative(z.value, f(z.value)), np.float64)
        at_kink = ((np.abs(z.value) <= z.error) & (z.error > 0)) * bounds.jump
        a = z.map(f, np.maximum(np.abs(slope), at_kink), bounds.curvature, bounds.product)
        error = bounds.curvature * z.error + at_kink + ULPS * self.unit
        return a, Rounded(slope, error, self.unit)

    def forward(self, x: np.ndarray, training: bool, masks: list | None) -> tuple[Rounded, list]:
        a, saved = given(x, self.unit), []
        for i, activation in enumerate(self.config.by_layer("activation")):
            W, b, *scale = self.layers[i]
            z, norm = a @ W, None
            if scale:
                norm = self.normalise(z, i, training)
                z = norm[0] * scale[0]
            out, slope = self.activate(z + b, activation)
            saved.append((a, slope, norm))
            a = out * masks[i] if masks else out
        W, b = self.layers[-1]
        return a @ W + b, [*saved, (a, None, None)]

    def normalise(self, z: Rounded, i: int, training: bool) -> tuple[Rounded, Rounded]:
        n = len(z.value)
        if training:
            mean = z.sum(axis=0) / n
            centred = z - mean
            variance = (centred * centred).sum(axis=0) / n
            old_mean, old_variance = self.running[i]
            self.running[i] = (_moved(old_mean, mean), _moved(old_variance, variance * (n / (n - 1))))
        else:
            mean, variance = self.running[i]
            centred = z - mean
        inverse = given(1.0, self.unit) / (variance + mlp_numpy.NORM_EPSILON).sqrt()
        return centred * inverse, inverse

    def loss(self, z: Rounded, y: np.ndarray) -> tuple[Rounded, Rounded]:
        """The loss, a scalar, and its gradient for z, (B, O)."""
        c = self.config
        terms, d = self.terms(z, y)
        weight = np.ones(terms.value.shape)
        if c.class_weights:
            weight[:] = np.array(c.class_weights)[y.astype(int).reshape(len(y))][:, None]
        scale = given(weight, self.unit)
        if c.reduction == "mean":
            scale = scale / scale.sum()
        return (terms * scale).sum(), d * scale

    def terms(self, z: Rounded, y: np.ndarray) -> tuple[Rounded, Rounded]:
        c, u = self.config, self.unit
        if c.loss == "softmax_cross_entropy":
            classes = z.value.shape[1]
            target = np.full(z.value.shape, c.label_smoothing / classes)
            target[np.arange(len(y)), y] += 1 - c.label_smoothing
            shifted = z.value - z.value.max(axis=1, keepdims=True)
            log_total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            p = np.exp(shifted - log_total)
            # A change of the logits by e changes log p by 2 e at most; the shift, the sum and the log round too.
            off = 2 * z.error.max(axis=1, keepdims=True)
            off = off + u * (ULPS * (np.abs(shifted) + log_total + 1) + classes)
            log_p = Rounded(shifted - log_total, off + 0 * p, u)
            share = given(target, u)
            loss = (share * (given(0.0, u) - log_p)).sum(axis=1, keepdims=True)
            return loss, Rounded(p, p * np.expm1(np.minimum(off, 700)), u) - share
        if c.loss == "binary_cross_entropy":
            share = given(y, u) * (1 - c.label_smoothing) + c.label_smoothing / 2
            return self.softplus(z) - share * z, self.sigmoid(z) - share
        r = (self.sigmoid(z) if c.loss == "sigmoid_mse" else z) - y
        if c.loss == "mae":
            sign = np.sign(r.value)
            jumps = [np.abs(np.sign(end) - sign) for end in (r.value - r.error, r.value + r.error)]
            jump = np.maximum(*jumps)  # 0 where the whole interval has one sign, 1 from 0 itself, 2 across it.
            return Rounded(np.abs(r.value), r.error, u), Rounded(sign, jump, u)
        if c.loss == "huber":
            near = np.abs(r.value) <= 1
            half = r * r * 0.5
            error = np.where(near, half.error, r.error + u * (np.abs(r.value) + 1))
            term = Rounded(np.where(near, half.value, np.abs(r.value) - 0.5), error, u)
            return term, Rounded(np.clip(r.value, -1, 1), r.error, u)
        if c.loss == "sigmoid_mse":
            p = r + y
            return r * r, r * 2.0 * p * (given(1.0, u) - p)
        return r * r, r * 2.0

    def sigmoid(self, z: Rounded) -> Rounded:
        f, derivative = mlp_numpy.ACTIVATIONS["sigmoid"]
        return z.map(f, derivative(z.value, f(z.value)), 0.1)

    def softplus(self, z: Rounded) -> Rounded:
        return z.map(lambda v: np.logaddexp(v, 0), mlp_numpy.ACTIVATIONS["sigmoid"][0](z.value), 0.25)

    def backward(self, d: Rounded, saved: list, masks: list | None) -> list[Rounded]:
        """The gradients of all layers' parts, flat, first layer first."""
        parts: list[list[Rounded]] = []
        for i in reversed(range(len(saved))):
            a, slope, norm = saved[i]
            if slope is not None:
                d = d @ self.layers[i + 1][0].T
                d = (d * masks[i] if masks else d) * slope
            db = d.sum(axis=0)
            scale = []
            if norm:
                normalised, inverse = norm
                dscale = (d * normalised).sum(axis=0)
                n = len(d.value)
                d = (d - db / n - normalised * (dscale / n)) * (self.layers[i][2] * inverse)
                scale = [dscale]
            parts.append([a.T @ d, db, *scale])
        return [part for layer in reversed(parts) for part in layer]


def _moved(old: Rounded, new: Rounded) -> Rounded:
    """A running statistic after a batch, off by what the worse of the two usual forms leaves."""
    share = mlp_numpy.NORM_MOMENTUM
    difference = old + (new - old) * share
    average = old * (1 - share) + new * share
    return Rounded(average.value, np.maximum(difference.error, average.error), old.unit)


def _flat(parts: list[Rounded], unit: float) -> Rounded:
    if not parts:
        return Rounded(np.zeros(0), np.zeros(0), unit)
    return Rounded(
        np.concatenate([p.value.ravel() for p in parts]), np.concatenate([p.error.ravel() for p in parts]), unit
    )


def step_errors(
    config: mlp_numpy.Config,
    params: Layers,
    state: dict[str, Any],
    batch: tuple[np.ndarray, np.ndarray],
    masks: list | None,
    unit: float,
) -> StepErrors:
    """Bounds on what rounding with unit roundoff `unit` does to every number of one step from this state.

    `batch` is x (B, in) and y in its natural shape; `state` has the step count and slots before the step.
    """
    x, y = mlp_numpy.check_data(config, *batch)
    step = _Step(config, params, state.get("running", []), unit)
    logits, _ = step.forward(x, training=False, masks=None)
    z, saved = step.forward(x, training=True, masks=masks)
    assert y is not None  # A batch has targets.
    loss, d = step.loss(z, y)
    g = _flat(step.backward(d, saved, masks), unit)
    gradient_error = g.error
    w = _flat([a for layer in step.layers for a in layer], unit)
    decays = np.concatenate([np.full(a.size, a.ndim == 2, float) for layer in params for a in layer])
    if config.clip_value:
        g = Rounded(np.clip(g.value, -config.clip_value, config.clip_value), g.error, unit)
    if config.clip_norm:
        g = g * _clip_factor(config.clip_norm, (g * g).sum().sqrt())
    value = np.array(mlp_numpy.learning_rate(config, state["step"]))
    rate = Rounded(value, rounding(value, unit, 4), unit)  # A schedule takes some four operations.
    if config.optimizer == "adamw":
        w = w * (given(1.0, unit) - rate * config.weight_decay * decays)  # The form that rounds most.
    elif config.weight_decay:
        g = g + config.weight_decay * w * decays
    slots = [
        given(np.concatenate([np.ravel(a) for layer in state[name] for a in layer]), unit)
        for name in mlp_numpy.SLOTS[config.optimizer]
    ]
    direction, slots = _direction(config, g, slots, state["step"] + 1)
    w = w - rate * direction
    states = dict(zip(mlp_numpy.SLOTS[config.optimizer], (slot.error for slot in slots), strict=True))
    if config.batch_norm:
        states["running"] = _flat([a for pair in step.running for a in pair], unit).error
    return StepErrors(logits.error, float(loss.error), gradient_error, w.error, states)


def _clip_factor(limit: float, norm: Rounded) -> Rounded:
    """limit / max(limit, norm): never above 1, and 1 without error where the norm is surely below the limit."""
    least = limit / max(limit, float(norm.value + norm.error))
    most = limit / max(limit, float(norm.value - norm.error))
    value = limit / max(limit, float(norm.value))
    error = max(value - least, most - value) + (2 * norm.unit * value if least < 1 else 0.0)
    return Rounded(np.array(value), np.array(error), norm.unit)


def _direction(c: mlp_numpy.Config, g: Rounded, slots: list[Rounded], t: int) -> tuple[Rounded, list[Rounded]]:
    """What the optimizer moves along, and the new slots: the rules that mlp_numpy.py gives with each optimizer."""
    if c.optimizer == "sgd":
        return g, []
    if c.optimizer in ("momentum", "nesterov"):
        velocity = slots[0] * c.momentum + g
        return (g + velocity * c.momentum if c.optimizer == "nesterov" else velocity), [velocity]
    if c.optimizer == "adagrad":
        total = slots[0] + g * g
        return _ratio(g, total, c.epsilon), [total]
    if c.optimizer == "rmsprop":
        v = slots[0] * c.beta2 + g * g * (1 - c.beta2)
        return _ratio(g, v, c.epsilon), [v]
    m = slots[0] * c.beta1 + g * (1 - c.beta1)
    v = slots[1] * c.beta2 + g * g * (1 - c.beta2)
    return _ratio(m / _correction(c.beta1, t, g.unit), v / _correction(c.beta2, t, g.unit), c.epsilon), [m, v]


def _correction(beta: float, t: int, unit: float) -> Rounded:
    """1 - beta**t to some ulp, in whatever way: by a power in float64, or as -expm1(t log(beta)).

    A power in float32 loses four digits of the difference at first, with beta at 0.999: it is no rounding that a
    correct implementation must make, and is called a difference.
    """
    value = 1 - beta**t
    return Rounded(np.array(value), np.array(2 * ULPS * unit * value + (ULPS + t) * UNIT["float64"]), unit)


def _ratio(m: Rounded, v: Rounded, epsilon: float) -> Rounded:
    """m / (sqrt(v) + epsilon), where whatever rounding does the root stays at 0 or above."""
    root = v.sqrt() + epsilon
    value = m.value / root.value
    least = np.maximum(root.value - root.error, epsilon)
    error = (m.error + np.abs(value) * np.minimum(root.error, root.value)) / least
    return Rounded(value, error + ULPS * m.unit * np.abs(value), m.unit)
