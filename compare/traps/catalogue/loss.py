"""Traps in the loss: its reduction, its targets, what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import (
    CONVENTION,
    DEFAULT,
    FAULT,
    Trap,
    Words,
    always,
    change_config,
    has_partial_batch,
    seen,
    when,
)
from impls.mlp_numpy import Config
from shared.scenarios import Plan

SOFTMAX, BINARY = "softmax_cross_entropy", "binary_cross_entropy"
ENTROPY = (SOFTMAX, BINARY)
OF_RESIDUALS = ("mse", "mae", "sigmoid_mse", "huber")


def _one_output(config: Config, plan: Plan) -> bool:
    return config.layer_sizes[-1] == 1


def _many_outputs(config: Config, plan: Plan) -> bool:
    return config.layer_sizes[-1] > 1


def _smoothed(config: Config, plan: Plan) -> bool:
    return config.label_smoothing > 0


def _weighted(config: Config, plan: Plan) -> bool:
    return config.class_weights is not None


def _reduction(t: Any, to: str) -> None:
    if to != "mean of a mean":
        change_config(t, "_batch_loss", reduction=to)
        return
    original = t._batch_loss

    def averaged(c, z, y):
        value, d = original(c, z, y)
        return value / len(z), d / len(z)

    t._batch_loss = averaged


def _factor(t: Any, loss: float, gradient: float) -> None:
    original = t._batch_loss

    def scaled(c, z, y):
        value, d = original(c, z, y)
        return loss * value, gradient * d

    t._batch_loss = scaled


def _over_elements(t: Any, multiply: bool) -> None:
    original = t._batch_loss

    def scaled(c, z, y):
        value, d = original(c, z, y)
        factor = z.shape[1] if multiply else 1 / z.shape[1]
        return factor * value, factor * d

    t._batch_loss = scaled


def _broadcast(t: Any) -> None:
    def every_pair(c, z, y):
        terms, d = t.LOSSES[c.loss](c, z, y.T)  # (B, 1) and (1, B): (B, B)
        share = 1 / terms.size if c.reduction == "mean" else 1.0
        return share * float(terms.sum()), share * d.sum(axis=1, keepdims=True)

    t._batch_loss = every_pair


def _sigmoid(z: np.ndarray) -> tuple[np.ndarray, Callable]:
    p = (np.tanh(z / 2) + 1) / 2
    return p, lambda d: d * p * (1 - p)


def _softmax(z: np.ndarray) -> tuple[np.ndarray, Callable]:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, lambda d: p * (d - (d * p).sum(axis=1, keepdims=True))


def _last_activation(c: Config) -> Callable:
    return _softmax if c.loss == SOFTMAX else _sigmoid


def put_after_outputs(t: Any, function: Callable, shown: bool) -> None:
    """Let the loss see function(config)(outputs); with `shown`, that is what `forward` gives too.

    The function takes z (B, O) and returns its values and what makes their gradient that of z.
    """
    original = t._batch_loss

    def after(c, z, y):
        out, back = function(c)(z)
        value, d = original(c, out, y)
        return value, back(d)

    class Trapped(t.MLP):
        def forward(self, x):
            return function(self.config)(super().forward(x))[0]

    t._batch_loss = after
    if shown:
        t.MLP = Trapped


def _activated_twice(t: Any, shown: bool) -> None:
    put_after_outputs(t, _last_activation, shown)
    if shown:  # A threshold of 0 would call every probability a 1.
        original = t.decide
        t.decide = lambda c, z: original(c, z - 0.5 if c.loss == BINARY else z)


def _over_samples(t: Any, how: str) -> None:
    """A softmax over the samples of the batch, where one over the classes is meant."""
    original = t.LOSSES[SOFTMAX]

    def loss(c, z, y):
        e = np.exp(z - z.max(axis=0))
        p = e / e.sum(axis=0)
        if how == "before":
            terms, d = original(c, p, y)
            return terms, p * (d - (d * p).sum(axis=0))
        target = np.eye(z.shape[1])[y] * (1 - c.label_smoothing) + c.label_smoothing / z.shape[1]
        back = p - target if how == "as usual" else p * target.sum(axis=0) - target
        return -(target * np.log(p)).sum(axis=1, keepdims=True), back

    t.LOSSES = t.LOSSES | {SOFTMAX: loss}


def _probabilities_expected(t: Any, kind: str) -> None:
    least = 1e-7

    def inside(z):
        return np.clip(z, least, 1 - least), (z > least) & (z < 1 - least)

    def binary(c, z, y):
        p, free = inside(z)
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)), free * (p - y) / (p * (1 - p))

    def sparse(c, z, y):  # The clipped outputs' logarithms are taken for logits.
        p, free = inside(z)
        terms, d = softmax(c, np.log(p), y)
        return terms, free * d / p

    def one_hot(c, z, y):  # The outputs are divided by their sum, then clipped.
        total = z.sum(axis=1, keepdims=True)
        p, free = inside(z / total)
        target = np.eye(z.shape[1])[y] * (1 - c.label_smoothing) + c.label_smoothing / z.shape[1]
        d = -target / p * free
        return -(target * np.log(p)).sum(axis=1, keepdims=True), (
            d - (d * z).sum(axis=1, keepdims=True) / total
        ) / total

    def likelihood(c, z, y):
        target = np.eye(z.shape[1])[y]
        return -(target * z).sum(axis=1, keepdims=True), -target

    softmax = t.LOSSES[SOFTMAX]
    t.LOSSES |= {BINARY: binary, SOFTMAX: {"sparse": sparse, "one_hot": one_hot, "likelihood": likelihood}[kind]}


def _probabilities_clipped(t: Any, least: float) -> None:
    softmax, binary = t.LOSSES[SOFTMAX], t.LOSSES[BINARY]

    def clip(p):
        return np.clip(p, least, 1 - least), (p > least) & (p < 1 - least)

    def clipped_softmax(c, z, y):
        p, back = _softmax(z)
        kept, free = clip(p)
        target = np.eye(z.shape[1])[y] * (1 - c.label_smoothing) + c.label_smoothing / z.shape[1]
        terms = -(target * np.log(kept)).sum(axis=1, keepdims=True)
        exact = softmax(c, z, y)[1]  # Where nothing is cut, free of the rounding of a division by p.
        return terms, np.where(free.all(axis=1, keepdims=True), exact, back(-target / kept * free))

    def clipped_binary(c, z, y):
        p, _ = _sigmoid(z)
        kept, free = clip(p)
        y = y * (1 - c.label_smoothing) + c.label_smoothing / 2
        return -(y * np.log(kept) + (1 - y) * np.log(1 - kept)), free * binary(c, z, y)[1]

    t.LOSSES |= {SOFTMAX: clipped_softmax, BINARY: clipped_binary}


def _ids_shifted(t: Any, by: int) -> None:
    original = t.LOSSES[SOFTMAX]
    t.LOSSES[SOFTMAX] = lambda c, z, y: original(c, z, (y + by) % z.shape[1])


def _labels_exchanged(t: Any) -> None:
    original = t.LOSSES[BINARY]
    t.LOSSES[BINARY] = lambda c, z, y: original(c, z, 1 - y)


NUMBERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cut to whole numbers": np.trunc,
    "rounded to whole numbers": np.round,
    "0 or 1, by their sign": lambda y: (y > 0).astype(float),
    "with the other sign": lambda y: -y,
    "to unit deviation by batch": lambda y: (y - y.mean()) / (y.std() or 1.0),
}
LABELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "-1 and 1 for 0 and 1": lambda y: 2 * y - 1,
    "1 and 2 for 0 and 1": lambda y: y + 1,
    "0.1 and 0.9 for 0 and 1": lambda y: 0.1 + 0.8 * y,
}


def _targets_changed(t: Any, to: str) -> None:
    original = t._batch_loss
    change = (NUMBERS | LABELS)[to]
    t._batch_loss = lambda c, z, y: original(c, z, change(y))


def _suits_targets(config: Config, name: str) -> bool:
    return name in (LABELS if config.loss in (BINARY, "sigmoid_mse") else NUMBERS)


def _smoothing_over_others(t: Any) -> None:
    def softmax(c, z, y):
        others = z.shape[1] - 1  # s / (K - 1) for each of the others is a smoothing of s K / (K - 1).
        return original(seen(c, label_smoothing=c.label_smoothing * (others + 1) / others), z, y)

    original = t.LOSSES[SOFTMAX]
    t.LOSSES[SOFTMAX] = softmax


def _config_in_loss(t: Any, **values: object) -> None:
    change_config(t, "_batch_loss", **values)


def _weights_by_count(t: Any) -> None:
    def by_count(c, z, y):
        value, d = original(seen(c, reduction="sum"), z, y)
        return value / len(z), d / len(z)

    original = t._batch_loss
    t._batch_loss = by_count


def _weights_in_target(t: Any) -> None:
    """A class's weight multiplies its share of the smoothed target; divided by the labels' weights."""

    def weigh(c, z, y):
        plain = seen(c, class_weights=None, reduction="sum")
        weights = np.array(c.class_weights, z.dtype)
        value, d = 0.0, np.zeros_like(z)
        for k, weight in enumerate(weights):  # The part of the target on class k.
            hard = seen(plain, label_smoothing=0.0)
            target = (y == k) * (1 - c.label_smoothing) + c.label_smoothing / len(weights)  # (B,)
            terms, slope = t.LOSSES[c.loss](hard, z, np.full_like(y, k))
            value += float((weight * target[:, None] * terms).sum())
            d += weight * target[:, None] * slope
        total = weights[y].sum() if c.reduction == "mean" else 1.0
        return value / total, d / total

    t._batch_loss = weigh


def _focal(gamma: float, alpha: float | None = None) -> Callable:
    """The loss of Lin et al. (2017): a cross-entropy times (1 - p)**gamma, p the probability of the true class."""

    def loss(c, z, y):
        if z.shape[1] > 1 and y.ndim == 1:
            p = _softmax(z)[0]
            true = p[np.arange(len(y)), y.astype(int)][:, None]
            slope = true * (np.eye(z.shape[1])[y.astype(int)] - p)
            weight = 1.0
        else:
            p = _sigmoid(z)[0]
            true, sign = np.where(y > 0, p, 1 - p), np.where(y > 0, 1.0, -1.0)
            slope = sign * true * (1 - true)
            weight = 1.0 if alpha is None else np.where(y > 0, alpha, 1 - alpha)
        terms = -((1 - true) ** gamma) * np.log(true)
        d = gamma * (1 - true) ** (gamma - 1) * np.log(true) - (1 - true) ** gamma / true
        return weight * terms, weight * d * slope

    return loss


def _on_one_hot(of: Callable) -> Callable:
    """A loss of outputs and one-hot targets: of(z, target) gives its terms and their gradient for z, (B, K)."""
    return lambda c, z, y: of(z, np.eye(z.shape[1])[y.astype(int)])


def _of_probabilities(z: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p, back = _softmax(z)
    return (p - target) ** 2, back(2 * (p - target))


def _hinge(c: Config, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign = np.where(y > 0, 1.0, -1.0)
    return np.maximum(1 - sign * z, 0), np.where(sign * z < 1, -sign, 0.0)


def _root_of_mean(c: Config, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    root = np.sqrt(((z - y) ** 2).mean())
    return np.full(z.shape, root), (z - y) / root


# Losses that the reference has not: terms and their gradient from the Config, z (B, O) and y.
OF_CLASSES: dict[str, Callable] = {
    "focal, gamma 2": _focal(2.0),
    "focal, gamma 1": _focal(1.0),
    "focal, gamma 5": _focal(5.0),
    "squared error of the probabilities": _on_one_hot(_of_probabilities),
    "squared error of the logits": _on_one_hot(lambda z, t: ((z - t) ** 2, 2 * (z - t))),
    "binary cross-entropy of every class": _on_one_hot(lambda z, t: (np.logaddexp(z, 0) - t * z, _sigmoid(z)[0] - t)),
}
OF_LABELS: dict[str, Callable] = {
    "binary focal, gamma 2": _focal(2.0),
    "binary focal, gamma 2 and alpha 0.25": _focal(2.0, 0.25),
    "hinge": _hinge,
}
OF_VALUES: dict[str, Callable] = {
    "log-cosh": lambda c, z, y: (np.logaddexp(z - y, y - z) - np.log(2), np.tanh(z - y)),
    "root of the mean squared error": _root_of_mean,
}
KNOWN = {
    "mse": "mse",
    "mae": "absolute error",
    "sigmoid_mse": "squared error of the sigmoid",
    "huber": "huber",
    BINARY: "binary cross-entropy",
}


def _suits(config: Config, name: str) -> bool:
    """Whether a loss is one of targets of the kind that the model has: class ids, or labels and values."""
    return (name in OF_CLASSES) == (config.loss == SOFTMAX)


def _other_loss(t: Any, name: str) -> None:
    beyond = OF_CLASSES | OF_LABELS | OF_VALUES
    own = {label: t.LOSSES[loss] for loss, label in KNOWN.items()}
    t.LOSSES = dict.fromkeys(t.LOSSES, (beyond | own)[name])


def _slope_where_equal(t: Any) -> None:
    t.LOSSES = t.LOSSES | {"mae": lambda c, z, y: (np.abs(z - y), np.where(z >= y, 1.0, -1.0).astype(z.dtype))}


def _after_update(t: Any) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            super()._train_step(x, y, masks)
            kept, loss = t._copy(self.running), self._loss_again(x, y, masks)
            self.running = kept
            return loss

        def _loss_again(self, x, y, masks):
            return t._batch_loss(self.config, self._forward(x, training=True, masks=masks)[0], y)[0]

    t.MLP = Trapped


def _in_evaluation(t: Any) -> None:
    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            loss = t._batch_loss(self.config, self._forward(x)[0], y)[0]
            super()._train_step(x, y, masks)
            return loss

    t.MLP = Trapped


def _partial_by_full_size(t: Any) -> None:
    """The full size is the largest batch so far."""
    original, full = t._batch_loss, [0]

    class Trapped(t.MLP):
        def _backpropagate(self, x, y, masks):
            full[0] = max(full[0], len(x))
            return super()._backpropagate(x, y, masks)

    def divided(c, z, y):
        value, d = original(c, z, y)
        share = len(z) / max(full[0], len(z))
        return share * value, share * d

    t._batch_loss, t.MLP = divided, Trapped


_K, _T = "keras/src/losses/losses.py", "torch/nn/functional.py"

TRAPS = [
    Trap(
        "loss-reduction",
        "loss",
        "Loss and gradients are larger or smaller by the batch size",
        "A sum over the batch where a mean was meant, or the reverse. Both frameworks' losses take the mean by "
        "default, which loss / len(x) divides once more; hand-written ones and reduction='sum' do not.",
        f"{_T} (reduction); keras/src/losses/loss.py (reduction)",
        "{torch_loss}",
        "{keras_loss}",
        when(),
        _reduction,
        variants={"summed": {"to": "sum"}, "averaged": {"to": "mean"}, "averaged once more": {"to": "mean of a mean"}},
        kind=CONVENTION,
        kinds={"averaged once more": FAULT},
    ),
    Trap(
        "loss-factor",
        "loss",
        "Loss, or gradient, or both are twice or half as large",
        "Textbooks write half the squared error, so that its gradient has no 2. Hand-written gradients often lose or "
        "keep the 2 alone, and a second backward() before the update doubles the gradient alone.",
        f"{_T} (mse_loss); {_K} (mean_squared_error)",
        "{torch_loss}  # no half, and one backward() for each update",
        "{keras_loss}  # no half",
        when(),
        _factor,
        variants={
            "both halved": {"loss": 0.5, "gradient": 0.5},
            "both doubled": {"loss": 2.0, "gradient": 2.0},
            "only the gradient halved": {"loss": 1.0, "gradient": 0.5},
            "only the gradient doubled": {"loss": 1.0, "gradient": 2.0},
            "only the loss halved": {"loss": 0.5, "gradient": 1.0},
            "only the loss doubled": {"loss": 2.0, "gradient": 1.0},
            "the gradient's sign": {"loss": 1.0, "gradient": -1.0},
        },
        kinds={"both halved": CONVENTION, "both doubled": CONVENTION},
    ),
    Trap(
        "loss-over-outputs",
        "loss",
        "Loss and gradients differ by the number of outputs",
        "The mean is over samples and outputs for a squared error, and over samples for a cross-entropy. PyTorch's "
        "kl_div with reduction='mean' divides by outputs too; a sum over axis 1 before the mean does not.",
        f"{_T} (kl_div, mse_loss); {_K}",
        "{torch_loss}",
        "{keras_loss}",
        when(_many_outputs),
        _over_elements,
        variants={
            "divided by the outputs once more": {"multiply": False},
            "not divided by the outputs": {"multiply": True},
        },
        kind=CONVENTION,
    ),
    Trap(
        "other-loss",
        "loss",
        "The outputs agree at the first step, the loss does not",
        "Another loss than was meant, or than its name says: a focal loss under the name of a cross-entropy, an "
        "absolute error, the root of a mean.",
        f"{_T}; {_K}",
        "{torch_loss}",
        "{keras_loss}",
        always,
        _other_loss,
        suits=_suits,
        variants={name: {"name": name} for name in (*OF_CLASSES, *OF_LABELS, *OF_VALUES, *KNOWN.values())},
    ),
    Trap(
        "absolute-error-slope-at-0",
        "loss",
        "Gradients differ where a prediction equals its target to the last bit, as beside units and biases of 0",
        "The absolute value has no slope at 0: PyTorch and TensorFlow take 0, JAX takes 1.",
        "jax/_src/lax/lax.py (abs_p); torch/csrc/autograd/FunctionsManual.cpp",
        Words("nothing to mend: PyTorch takes 0"),
        Words("(z - y) * keras.ops.sign(z - y), in a loss of your own: 0 on every backend"),
        when(loss="mae"),
        _slope_where_equal,
        kind=DEFAULT,
    ),
    Trap(
        "shapes-broadcast",
        "loss",
        "A regression learns little more than the mean of its targets",
        "Outputs (B, 1) minus targets (B,) is (B, B): every output against every target. PyTorch warns and goes on, "
        "NumPy is silent, Keras squeezes the outputs first.",
        f"{_T} (mse_loss, broadcast_tensors); keras/src/losses/loss.py (squeeze_or_expand_to_same_rank)",
        "loss = torch.nn.functional.mse_loss(z.squeeze(1), y)",
        "{keras_loss}  # it squeezes; in a loss of your own y_pred[:, 0] - y_true",
        when(_one_output, loss=(*OF_RESIDUALS, BINARY)),
        _broadcast,
    ),
    Trap(
        "activated-twice",
        "loss",
        "The loss starts near log K and cannot fall far; gradients are small",
        "The model ends with a softmax or sigmoid and the loss applies it again: nn.CrossEntropyLoss and "
        "BCEWithLogitsLoss expect logits, as does from_logits=True.",
        f"{_T} (cross_entropy); {_K} (from_logits)",
        "torch.nn.Linear(m, outputs)  # no softmax or sigmoid after it: the loss expects logits",
        "keras.layers.Dense(classes)  # no activation, with from_logits=True in the loss",
        when(loss=ENTROPY),
        _activated_twice,
        variants={"outputs are probabilities": {"shown": True}, "inside the loss": {"shown": False}},
    ),
    Trap(
        "softmax-over-samples",
        "loss",
        "The loss starts near log B, for B samples, and depends on which samples are in a batch",
        "A softmax along axis 0 makes the samples of a batch sum to 1, class by class; the classes are axis 1. Without "
        "an axis, np.sum adds up both.",
        "torch/nn/functional.py (softmax: dim); keras/src/ops/nn.py (softmax: axis)",
        "{torch_loss}  # of logits; by hand torch.softmax(z, dim=1)",
        "{keras_loss}  # of logits; by hand keras.ops.softmax(z, axis=-1)",
        when(loss=SOFTMAX, class_weights=None),
        _over_samples,
        variants={
            "": {"how": ""},
            "and p - y for its gradient": {"how": "as usual"},
            "before the loss's own": {"how": "before"},
        },
    ),
    Trap(
        "logits-as-probabilities",
        "loss",
        "The loss is wild or NaN, and many gradients are exactly 0",
        "Keras' cross-entropies expect probabilities by default (from_logits=False): logits are clipped to "
        "[1e-7, 1 - 1e-7]. PyTorch's NLLLoss expects log-probabilities.",
        f"keras/src/backend/tensorflow/nn.py (binary_crossentropy, categorical_crossentropy); {_T} (nll_loss)",
        "{torch_loss}  # which takes logits",
        "{keras_loss}  # of logits, not of probabilities",
        when(loss=ENTROPY),
        _probabilities_expected,
        variants={
            "clipped, as Keras' sparse and binary ones": {"kind": "sparse"},
            "divided by their sum and clipped, as Keras' categorical one": {"kind": "one_hot"},
            "taken for log-probabilities, as PyTorch's nll_loss": {"kind": "likelihood"},
        },
    ),
    Trap(
        "probabilities-clipped",
        "loss",
        "Equal until a sample is very wrong: its loss is at most 16.1, its gradient 0",
        "On probabilities Keras clips to [1e-7, 1 - 1e-7], unless a softmax or sigmoid is the model's very last "
        "operation, whose logits it then finds.",
        "keras/src/backend/tensorflow/nn.py (_get_logits)",
        "{torch_loss}  # on logits",
        "{keras_loss}  # on logits",
        when(loss=ENTROPY),
        _probabilities_clipped,
        variants={
            "to 1e-7, as in Keras": {"least": 1e-7},
            "to 1e-12": {"least": 1e-12},
            "to 1e-15": {"least": 1e-15},
        },
        kinds={"to 1e-7, as in Keras": DEFAULT, "to 1e-12": CONVENTION, "to 1e-15": CONVENTION},
    ),
    Trap(
        "class-ids-shifted",
        "loss",
        "The loss is high at first and falls all the same; accuracy is near 0",
        "Ids that count from 1, or a one-hot coding with a background class, put every target one class off.",
        f"{_T} (cross_entropy expects 0 to K - 1); keras/src/utils/numerical_utils.py (to_categorical)",
        "torch.nn.functional.cross_entropy(z, y)  # y from 0 to K - 1",
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)  # y from 0 to K - 1",
        when(loss=SOFTMAX),
        _ids_shifted,
        variants={"one up": {"by": 1}, "one down": {"by": -1}},
    ),
    Trap(
        "labels-exchanged",
        "loss",
        "The accuracy goes to 0, or the gradient of the last layer is not the expected one",
        "0 and 1 stand for the other class: an alphabetical coding, or a positive class that is 0.",
        "sklearn/preprocessing/_label.py (LabelEncoder sorts)",
        "torch.nn.functional.binary_cross_entropy_with_logits(z, y)  # y is 1 for the positive class",
        "keras.losses.BinaryCrossentropy(from_logits=True)  # y is 1 for the positive class",
        when(loss=BINARY),
        _labels_exchanged,
    ),
    Trap(
        "targets-changed",
        "loss",
        "The outputs agree at the first step, the loss does not; what is learned is another thing",
        "y.long() or astype(int) cuts numbers off, a threshold makes labels of them, and -1 and 1 are the labels of a "
        "hinge loss, not of a cross-entropy.",
        "torch.Tensor.long; torch/nn/functional.py (binary_cross_entropy_with_logits)",
        "{torch_loss}  # of the targets as they are",
        "{keras_loss}  # of the targets as they are",
        when(loss=(*OF_RESIDUALS, BINARY), label_smoothing=0.0),
        _targets_changed,
        variants={name: {"to": name} for name in (*NUMBERS, *LABELS)},
        suits=_suits_targets,
    ),
    Trap(
        "smoothing-form",
        "loss",
        "Loss and gradients differ a little, most for few classes",
        "Both frameworks spread the smoothing over all K classes, the true one included; other texts over the K - 1 "
        "others.",
        f"{_T} (cross_entropy, label_smoothing); {_K} (label_smoothing)",
        "{torch_loss}",
        "{keras_loss}  # one-hot targets",
        when(_smoothed, loss=SOFTMAX),
        _smoothing_over_others,
        kind=CONVENTION,
    ),
    Trap(
        "smoothing-forgotten",
        "loss",
        "The loss is lower than it should be and goes to 0",
        "Keras' SparseCategoricalCrossentropy has no label_smoothing, so a change to integer targets loses it.",
        f"{_K} (SparseCategoricalCrossentropy)",
        "{torch_loss}",
        "{keras_loss}  # one-hot targets",
        when(_smoothed, loss=ENTROPY),
        _config_in_loss,
        variants={"": {"label_smoothing": 0.0}},
    ),
    Trap(
        "class-weights-by-count",
        "loss",
        "Loss and gradients differ by a factor that changes with the classes in a batch",
        "PyTorch divides the weighted sum by the sum of the weights, Keras by the number of samples.",
        f"{_T} (cross_entropy, weight); keras/src/losses/loss.py (reduce_weighted_values)",
        "(weight[y] * torch.nn.functional.cross_entropy(z, y, reduction='none')).sum() / weight[y].sum()",
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')",
        when(_weighted, reduction="mean"),
        _weights_by_count,
        kind=DEFAULT,
    ),
    Trap(
        "class-weights-forgotten",
        "loss",
        "The loss is the plain mean",
        "Class weights are given to fit in Keras, and lost in a step of one's own or with a dataset of tuples; they "
        "are an argument of the loss in PyTorch.",
        f"keras/src/trainers/data_adapters; {_T} (cross_entropy, weight)",
        "torch.nn.functional.cross_entropy(z, y, weight=torch.tensor({class_weights}))",
        "model.train_on_batch(x, y, sample_weight=weights[y])",
        when(_weighted),
        _config_in_loss,
        variants={"": {"class_weights": None}},
    ),
    Trap(
        "class-weights-in-target",
        "loss",
        "Differs only where class weights and label smoothing are used together",
        "PyTorch's cross_entropy weighs every class's share of the smoothed target, Keras every sample.",
        f"{_T} (cross_entropy, weight and label_smoothing)",
        "{torch_loss}",
        "model.train_on_batch(x, y, sample_weight=weights[y])",
        when(_weighted, _smoothed, loss=SOFTMAX),
        _weights_in_target,
        kind=DEFAULT,
    ),
    Trap(
        "loss-after-update",
        "loss",
        "Gradients and weights agree, the recorded loss is lower",
        "The loss is computed once more after optimizer.step(), or taken from an evaluation; both frameworks' "
        "training steps give the loss before the update.",
        "keras/src/backend/tensorflow/trainer.py (train_step)",
        "loss = loss_function(model(x), y); loss.backward(); optimizer.step()  # record this loss",
        "loss = model.train_on_batch(x, y)  # this one, before the update",
        when(),
        _after_update,
    ),
    Trap(
        "loss-in-evaluation",
        "loss",
        "Gradients agree, the recorded loss is without dropout or with running statistics",
        "The training loss is taken from a pass in evaluation mode.",
        "torch/nn/modules/module.py (eval); keras/src/trainers/trainer.py (evaluate)",
        "loss = loss_function(model(x), y); loss.backward(); optimizer.step()  # record this loss",
        "loss = model.train_on_batch(x, y)  # this one; of fit, history.history['loss']",
        lambda config, plan: bool(config.dropout or config.batch_norm),
        _in_evaluation,
    ),
    Trap(
        "partial-batch-weighed",
        "loss",
        "Equal but for the last, smaller batch of an epoch",
        "The sum over a batch is divided by batch_size instead of the number of samples in it; or the mean of the "
        "last batch weighs as much as the others in an epoch's loss.",
        "keras/src/trainers/trainer.py (metrics weigh by samples)",
        "{torch_loss}  # its mean divides by len(y)",
        "{keras_loss}  # divides by the samples there are",
        when(has_partial_batch, reduction="mean"),
        _partial_by_full_size,
    ),
]
