"""Traps in dropout and batch normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import DEFAULT, Trap, Words, has_hidden, note, when
from impls.mlp_numpy import Config
from shared.scenarios import Plan


def _drops(config: Config, plan: Plan) -> bool:
    return bool(config.dropout) and has_hidden(config, plan)


def _change_masks(t: Any, change) -> None:
    """Let training see change(model, masks)."""

    class Trapped(t.MLP):
        def _backpropagate(self, x, y, masks):
            return super()._backpropagate(x, y, change(self, masks or self._draw_masks(len(x))))

    t.MLP = Trapped


def _change_dropped(t: Any, change: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Let training see change(mask, rate) for the mask of every layer that drops something."""

    def changed(model, masks):
        pairs = zip(masks, model.config.by_layer("dropout"), strict=True)
        return [change(mask, rate) if rate else mask for mask, rate in pairs]

    _change_masks(t, changed)


def _unscaled(t: Any, scaled_later: bool) -> None:
    _change_masks(t, lambda model, masks: [(mask > 0).astype(mask.dtype) for mask in masks])
    if not scaled_later:
        return

    class Trapped(t.MLP):
        def _forward(self, x, training=False, masks=None):
            if not training:
                units = zip(self.config.layer_sizes[1:-1], self.config.by_layer("dropout"), strict=True)
                masks = [np.full((len(x), h), 1 - rate) for h, rate in units]
            return super()._forward(x, training, masks)

    t.MLP = Trapped


def _scaled_by_dropped_share(t: Any) -> None:
    _change_dropped(t, lambda mask, rate: (mask > 0) / rate)


def _other_rate(t: Any, rates: tuple[float, ...] | None = None, factor: float = 1.0) -> None:
    """The same units are dropped, and the others scaled as another rate has it: one for each layer, or a multiple."""

    def changed(model, masks):
        asked = model.config.by_layer("dropout")
        given = rates or [min(factor * rate, 0.9) for rate in asked]
        return [mask * ((1 - rate) / (1 - other)) for mask, rate, other in zip(masks, asked, given, strict=True)]

    _change_masks(t, changed)


def _other_masks(t: Any) -> None:
    _change_masks(t, lambda model, masks: model._draw_masks(len(masks[0])))


def _inverted_masks(t: Any) -> None:
    _change_dropped(t, lambda mask, rate: (mask == 0) / (1 - rate))


def _no_dropout(t: Any) -> None:
    _change_masks(t, lambda model, masks: [np.ones_like(mask) for mask in masks])


def _dropout_in_evaluation(t: Any, shown: bool) -> None:
    note(t, "predicting", "predict")  # rather than show its outputs

    class Trapped(t.MLP):
        def _forward(self, x, training=False, masks=None):
            if not training and (shown or self.predicting):
                masks = self._draw_masks(len(x))
            return super()._forward(x, training, masks)

    t.MLP = Trapped


def _norm_epsilon(t: Any, value: float) -> None:
    t.NORM_EPSILON = value


def _norm_momentum(t: Any, value: float) -> None:
    t.NORM_MOMENTUM = value


def _running_biased(t: Any) -> None:
    original = t._normalise

    def normalise(z, running, training):
        variance = running[1].copy()
        result = original(z, running, training)
        if training:
            running[1][:] = variance + t.NORM_MOMENTUM * (z.var(axis=0) - variance)
        return result

    t._normalise = normalise


def _keras_norm(t: Any, epsilon: float = 1e-3, momentum: float = 0.01, biased: bool = True) -> None:
    _norm_epsilon(t, epsilon)
    _norm_momentum(t, momentum)
    if biased:
        _running_biased(t)


def _batch_in_evaluation(t: Any, shown: bool) -> None:
    note(t, "predicting", "predict")  # rather than show its outputs

    class Trapped(t.MLP):
        def _forward(self, x, training=False, masks=None):
            if training or not (shown or self.predicting):
                return super()._forward(x, training, masks)
            original = t._normalise
            t._normalise = lambda z, running, training: original(z, tuple(a.copy() for a in running), True)
            try:
                return super()._forward(x, training, masks)
            finally:
                t._normalise = original

    t.MLP = Trapped


def _backward_with(t: Any, mean_share: Callable[[int], float], variance_share: Callable[[int], float]) -> None:
    """The reference's way back, where a sample's share in its batch's mean and variance is not 1 / n each."""

    class Trapped(t.MLP):
        def _backward(self, d, saved, masks):
            activations = self.config.by_layer("activation")
            for i in reversed(range(len(saved))):
                a, z, out, norm = saved[i]
                dW, db, *dscale = self.gradient_layers[i]
                if z is not None:
                    d = d @ self.layers[i + 1][0].T
                    d = (d * masks[i] if masks else d) * t.ACTIVATIONS[activations[i]][1](z, out)
                db[:] = d.sum(axis=0)
                if norm:
                    normalised, inverse = norm
                    dscale[0][:] = (d * normalised).sum(axis=0)
                    terms = db * mean_share(len(d)) + normalised * (dscale[0] * variance_share(len(d)))
                    d = (d - terms) * (self.layers[i][2] * inverse)
                dW[:] = a.T @ d

    t.MLP = Trapped


def _batch_unbiased(t: Any) -> None:
    original = t._normalise

    def normalise(z, running, training):
        normalised, inverse = original(z, running, training)
        if training:
            inverse = 1 / np.sqrt(z.var(axis=0, ddof=1) + t.NORM_EPSILON)
            normalised = (z - z.mean(axis=0)) * inverse
        return normalised, inverse

    t._normalise = normalise
    _backward_with(t, lambda n: 1 / n, lambda n: 1 / (n - 1))


def _running_in_training(t: Any, moves: bool) -> None:
    original = t._normalise

    def normalise(z, running, training):
        if training and moves:
            original(z, running, True)
        return original(z, running, False)

    t._normalise = normalise
    _backward_with(t, lambda n: 0.0, lambda n: 0.0)


def _batch_taken_as_given(t: Any) -> None:
    _backward_with(t, lambda n: 0.0, lambda n: 0.0)


_TD, _KD = "torch/nn/modules/dropout.py", "keras/src/layers/regularization/dropout.py"
_TN, _KN = "torch/nn/modules/batchnorm.py", "keras/src/layers/normalization/batch_normalization.py"

TRAPS = [
    Trap(
        "dropout-unscaled",
        "regularisation",
        "In training hidden outputs are smaller by the share kept",
        "The original dropout scales outputs by 1 - p in evaluation; both frameworks scale by 1 / (1 - p) in training"
        " instead and leave evaluation alone.",
        f"{_TD}; {_KD}; Srivastava et al., Dropout, 2014",
        "torch.nn.Dropout({dropout})  # a mask of one's own needs / (1 - {dropout})",
        "keras.layers.Dropout({dropout})  # a mask of one's own needs / (1 - {dropout})",
        _drops,
        _unscaled,
        variants={
            "at all": {"scaled_later": False},
            "in training, and by 1 - p in evaluation": {"scaled_later": True},
        },
    ),
    Trap(
        "dropout-scaled-by-dropped-share",
        "regularisation",
        "In training hidden outputs are too large or too small by (1 - p) / p",
        "The rate is the share dropped in PyTorch and Keras 3; it was the share kept in TensorFlow 1.",
        f"{_TD} (p); {_KD} (rate)",
        "torch.nn.Dropout(p={dropout})  # the share dropped",
        "keras.layers.Dropout(rate={dropout})  # the share dropped",
        when(_drops),
        _scaled_by_dropped_share,
    ),
    Trap(
        "dropout-rate",
        "regularisation",
        "Evaluation agrees, in training hidden outputs are scaled otherwise",
        "Another rate than the one asked for, as the share kept that is written for the share dropped.",
        f"{_TD} (p); {_KD} (rate)",
        "torch.nn.Dropout(p={dropout})  # the share dropped",
        "keras.layers.Dropout(rate={dropout})  # the share dropped",
        _drops,
        _other_rate,
        variants={"twice as large": {"factor": 2.0}, "half as large": {"factor": 0.5}},
    ),
    Trap(
        "dropout-other-masks",
        "regularisation",
        "Evaluation agrees, training loss and gradients differ at every step",
        "Each framework draws its own masks; equal seeds do not give equal masks. Only masks handed in can agree.",
        f"{_TD}; {_KD} (seed_generator)",
        Words("a * mask  # a mask (B, H) that is handed in"),
        Words("a * mask  # a mask (B, H) that is handed in"),
        _drops,
        _other_masks,
    ),
    Trap(
        "dropout-inverted",
        "regularisation",
        "Units are dropped where they should be kept",
        "The comparison of the random number is the wrong way round, or True means dropped on one side and kept on "
        "the other.",
        "numpy.random.Generator.random",
        "torch.nn.Dropout({dropout})  # by hand keep where torch.rand(B, H) >= {dropout}",
        "keras.layers.Dropout({dropout})  # by hand keep where random.uniform((B, H)) >= {dropout}",
        _drops,
        _inverted_masks,
    ),
    Trap(
        "dropout-forgotten",
        "regularisation",
        "In training nothing is dropped",
        "model.eval() of a validation is not followed by model.train(), or a step of one's own in Keras calls the "
        "model without training=True.",
        "torch/nn/modules/module.py (train, eval); keras/src/layers/layer.py (training)",
        "model.train()  # at the start of every epoch",
        "model(x, training=True)  # in a step of one's own",
        _drops,
        _no_dropout,
    ),
    Trap(
        "dropout-in-evaluation",
        "regularisation",
        "Predictions change from call to call, and losses of evaluation are too high",
        "model.eval() is missing, or the model is called with training=True.",
        "torch/nn/modules/module.py (train, eval); keras/src/layers/layer.py (training)",
        "model.eval()  # before predictions; F.dropout needs training=self.training",
        "model(x, training=False)  # as predict and evaluate do",
        _drops,
        _dropout_in_evaluation,
        variants={"": {"shown": True}, "in predictions alone": {"shown": False}},
    ),
    Trap(
        "norm-epsilon",
        "regularisation",
        "Batch normalisation differs most for units of small variance",
        "Batch normalisation's epsilon is 1e-5 in PyTorch and 1e-3 in Keras.",
        f"{_TN} (eps); {_KN} (epsilon)",
        "torch.nn.BatchNorm1d(units, eps=1e-5)",
        "keras.layers.BatchNormalization(epsilon=1e-5)",
        when(has_hidden, batch_norm=True),
        _norm_epsilon,
        variants={
            "1e-3, as in Keras": {"value": 1e-3},
            "1e-8": {"value": 1e-8},
            "1e-6": {"value": 1e-6},
            "1e-7": {"value": 1e-7},
            "none": {"value": 0.0},
        },
        kinds={"1e-3, as in Keras": DEFAULT},
    ),
    Trap(
        "norm-momentum",
        "regularisation",
        "Training agrees, evaluation differs: the running statistics move too fast or too slowly",
        "PyTorch's momentum, 0.1, is the weight of the new batch; Keras', 0.99, of what there was.",
        f"{_TN} (momentum); {_KN} (momentum)",
        "torch.nn.BatchNorm1d(units, momentum=0.1)  # 1 - Keras' momentum",
        "keras.layers.BatchNormalization(momentum=0.9)  # 1 - PyTorch's momentum",
        when(has_hidden, batch_norm=True),
        _norm_momentum,
        variants={
            "0.01, as in Keras": {"value": 0.01},
            "0.9, reversed": {"value": 0.9},
            "0.99, Keras' reversed": {"value": 0.99},
            "0.001": {"value": 0.001},
            "none: they stay at 0 and 1": {"value": 0.0},
        },
        kinds={"0.01, as in Keras": DEFAULT},
    ),
    Trap(
        "norm-running-biased",
        "regularisation",
        "Training agrees, running variances are smaller by (n - 1) / n",
        "PyTorch keeps the unbiased variance of a batch, Keras the biased one.",
        f"{_TN}; {_KN} (call)",
        Words("norm.running_var += norm.momentum * (z.var(0, unbiased=False) - norm.running_var)  # to follow Keras"),
        Words(
            "layer.moving_variance.assign_add(0.1 * (variance * n / (n - 1) - layer.moving_variance))  # to follow "
            "PyTorch"
        ),
        when(has_hidden, batch_norm=True),
        _running_biased,
        kind=DEFAULT,
    ),
    Trap(
        "norm-as-keras-has-it",
        "regularisation",
        "Keras' BatchNormalization with its defaults: evaluation and training differ, running statistics too",
        "Three things at once. Keras' epsilon is 1e-3, PyTorch's 1e-5; its momentum 0.99 is the share kept, PyTorch's "
        "0.1 that of the new batch, so Keras' is 0.01; and its running variance is the biased one.",
        f"{_KN} (call); {_TN}",
        Words(
            "torch.nn.BatchNorm1d(units, eps=1e-3, momentum=0.01), and norm.running_var as norm-running-biased has it"
        ),
        Words(
            "keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5), and its variance as in norm-running-biased"
        ),
        when(has_hidden, batch_norm=True),
        _keras_norm,
        variants={
            "": {},
            "but for its epsilon": {"epsilon": 1e-5},
            "but for its momentum": {"momentum": 0.1},
            "with an unbiased running variance": {"biased": False},
        },
        either=True,
        stock=True,
        kind=DEFAULT,
    ),
    Trap(
        "norm-batch-unbiased",
        "regularisation",
        "Training loss differs by a share of 1 / batch size",
        "A batch is normalised with its biased variance in both frameworks. tensor.var() in PyTorch is unbiased, so "
        "an own layer gets the other one.",
        f"{_TN}; torch.Tensor.var (correction=1)",
        "torch.nn.BatchNorm1d(units)  # by hand z.var(0, correction=0)",
        Words("ops.var(z, axis=0)  # biased"),
        when(has_hidden, batch_norm=True),
        _batch_unbiased,
    ),
    Trap(
        "norm-batch-in-evaluation",
        "regularisation",
        "Training agrees, predictions depend on the other samples of the batch",
        "model.eval() is missing, or the model is called with training=True.",
        "torch/nn/modules/module.py (eval); keras/src/layers/layer.py (training)",
        "model.eval()  # before predictions",
        "model(x, training=False)",
        when(has_hidden, batch_norm=True),
        _batch_in_evaluation,
        variants={"": {"shown": True}, "in predictions alone": {"shown": False}},
    ),
    Trap(
        "norm-running-in-training",
        "regularisation",
        "Training normalises with the running statistics, which stay as they are",
        "model.eval() of a validation is not followed by model.train(); trainable=False puts Keras' layer in this "
        "mode.",
        f"{_TN} (eval); {_KN} (trainable)",
        "model.train()  # at the start of every epoch",
        "layer.trainable = True  # before compile; and model(x, training=True) in a step of your own",
        when(has_hidden, batch_norm=True),
        _running_in_training,
        variants={"which stay": {"moves": False}, "which move": {"moves": True}},
    ),
    Trap(
        "norm-statistics-detached",
        "regularisation",
        "The loss agrees, gradients before a batch normalisation differ",
        "A hand-written way back takes the batch's mean and variance for constants, or they were detached.",
        f"{_TN}; Ioffe and Szegedy, Batch normalization, 2015",
        "torch.nn.BatchNorm1d(units)  # by hand no .detach() or no_grad around mean and variance",
        Words("mean, variance = ops.moments(z, axes=0)  # without stop_gradient"),
        when(has_hidden, batch_norm=True),
        _batch_taken_as_given,
    ),
]
