"""Traps in the clipping of gradients, and of weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from compare.traps.catalogue.trap import (
    DEFAULT,
    Trap,
    Words,
    always,
    before_update,
    clips,
    in_training,
    when,
)
from impls.mlp_numpy import Config
from shared.scenarios import Plan


def _norm(g: np.ndarray) -> float:
    return math.sqrt(float((g * g).sum()))


def _clip_per_tensor(t: Any) -> None:
    def clip(c, model):
        for g in (g for layer in model.gradient_layers for g in layer):
            g *= c.clip_norm / max(c.clip_norm, _norm(g))
        return 0.0

    before_update(t, clip, clip_norm=None)


def _clip_epsilon(t: Any) -> None:
    def clip(c, model):
        model.flat_gradient *= min(1.0, c.clip_norm / (_norm(model.flat_gradient) + 1e-6))
        return 0.0

    before_update(t, clip, clip_norm=None)


def _clip_unasked(t: Any, kind: str, limit: float) -> None:
    def clip(c, model):
        g = model.flat_gradient
        if kind == "value":
            np.clip(g, -limit, limit, out=g)
        else:
            g *= min(1.0, limit / (_norm(g) + (1e-6 if kind == "norm, as PyTorch's" else 0.0)))
        return 0.0

    before_update(t, clip)


def _normalised(t: Any, to: str, added: float = 0.0) -> None:
    def change(c, model):
        if to == "signs":
            model.flat_gradient[:] = np.sign(model.flat_gradient)
            return 0.0
        tensors = [g for layer in model.gradient_layers for g in layer]
        for g in tensors if to == "each" else [model.flat_gradient]:
            g /= (_norm(g) + added) or 1.0
        return 0.0

    before_update(t, change)


def _constrained(t: Any, to: str, limit: float = 0.0, biases: bool = False) -> None:
    """What every update is followed by."""

    def put(W):
        if to == "value":
            np.clip(W, -limit, limit, out=W)
        elif to == "positive":
            np.maximum(W, 0, out=W)
        elif W.ndim == 2:
            norms = np.sqrt((W * W).sum(axis=0, keepdims=True))
            W *= np.clip(norms, 0, limit) / (1e-7 + norms)  # As Keras' MaxNorm has it.

    class Trapped(t.MLP):
        def _train_step(self, x, y, masks):
            loss = super()._train_step(x, y, masks)
            for layer in self.layers:
                for array in layer if biases else layer[:1]:
                    put(array)
            return loss

    t.MLP = Trapped


def _clip_kind(t: Any) -> None:
    in_training(t, lambda c: {"clip_norm": c.clip_value, "clip_value": c.clip_norm})


def _clip_forgotten(t: Any) -> None:
    in_training(t, lambda c: {"clip_norm": None, "clip_value": None})


def _clips_norm(config: Config, plan: Plan) -> bool:
    return bool(config.clip_norm)


_K = "keras/src/optimizers/"
_T = "torch/optim/"

TRAPS = [
    Trap(
        "clip-per-tensor",
        "clipping",
        "Large gradients are clipped differently from tensor to tensor",
        "Keras' clipnorm limits the norm of every variable's gradient by itself; global_clipnorm and PyTorch's "
        "clip_grad_norm_ limit the norm of all together.",
        "keras/src/optimizers/base_optimizer.py (clipnorm, global_clipnorm); torch/nn/utils/clip_grad.py",
        "{torch_clip}  # all at once, not one by one",
        "{keras_clip}  # an argument of the optimizer, not clipnorm",
        when(_clips_norm),
        _clip_per_tensor,
        kind=DEFAULT,
    ),
    Trap(
        "clip-epsilon",
        "clipping",
        "Clipped gradients differ by a factor of 1 - 1e-6 / norm",
        "PyTorch's clip_grad_norm_ divides by norm + 1e-6, Keras by the norm.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py (clip_by_global_norm)",
        "{torch_clip}",
        "{keras_clip}  # an argument of the optimizer",
        when(_clips_norm),
        _clip_epsilon,
        kind=DEFAULT,
    ),
    Trap(
        "clip-unasked",
        "clipping",
        "Updates after large gradients are smaller, the gradients themselves agree",
        "Gradients are clipped between backward and step, and the config names no clip_norm or clip_value.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py",
        Words("remove the clipping, or name it in the config: clip_norm or clip_value"),
        Words("remove clipnorm, global_clipnorm or clipvalue, or name it in the config"),
        lambda config, plan: not (config.clip_norm or config.clip_value),
        _clip_unasked,
        variants={
            f"by {kind} {limit:g}": {"kind": kind, "limit": limit}
            for limit in (0.01, 0.1, 1.0)
            for kind in ("norm", "norm, as PyTorch's", "value")
        },
    ),
    Trap(
        "gradient-normalised",
        "clipping",
        "Every update is as large as any other; the gradients themselves agree",
        "The gradient is divided by its norm, or its signs are taken: not clipped, which leaves small ones as they "
        "are.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py",
        Words("remove the division by the norm; clip_grad_norm_ divides only where the norm is above its limit"),
        Words("remove the division by the norm; global_clipnorm divides only where the norm is above its limit"),
        when(clip_norm=None, clip_value=None),
        _normalised,
        variants={
            f"to norm 1{each}{told}": {"to": to, "added": added}
            for to, each in (("all", ""), ("each", " in each tensor"))
            for added, told in ((0.0, ""), (1e-8, ", 1e-8 added"), (1e-6, ", 1e-6 added"), (1e-12, ", 1e-12 added"))
        }
        | {"to its signs": {"to": "signs"}},
    ),
    Trap(
        "weights-constrained",
        "clipping",
        "Gradients agree, and no weight is beyond a limit after an update",
        "Weights are clipped after every update, as the first Wasserstein networks did, or a constraint of Keras' "
        "layers cuts them: MaxNorm, NonNeg.",
        "torch.Tensor.clamp_; keras/src/constraints/constraints.py",
        Words("remove p.clamp_(...) after optimizer.step()"),
        "keras.layers.Dense(units)  # without kernel_constraint and bias_constraint",
        always,
        _constrained,
        variants={
            f"to {limit:g}{where}": {"to": "value", "limit": limit, "biases": biases}
            for limit in (0.01, 0.1)
            for biases, where in ((True, ", biases too"), (False, ""))
        }
        | {f"to norm {limit:g} for each unit": {"to": "norm", "limit": limit} for limit in (1.0, 2.0, 3.0, 4.0)}
        | {"to be positive": {"to": "positive"}},
    ),
    Trap(
        "clip-kind",
        "clipping",
        "Gradients are clipped entry by entry where their norm was meant, or the reverse",
        "clipvalue and clip_grad_value_ cut every entry, clipnorm and clip_grad_norm_ scale.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py",
        "{torch_clip}",
        "{keras_clip}  # an argument of the optimizer",
        when(clips),
        _clip_kind,
    ),
    Trap(
        "clip-forgotten",
        "clipping",
        "Updates after large gradients are too large",
        "Clipping has to be called between backward and step in PyTorch, and given to the optimizer in Keras, where "
        "an own training step that bypasses apply loses it.",
        "torch/nn/utils/clip_grad.py; keras/src/optimizers/base_optimizer.py (apply)",
        "loss.backward(); {torch_clip}; optimizer.step()",
        "{keras_clip}  # an argument of the optimizer; an own step has to call optimizer.apply",
        when(clips),
        _clip_forgotten,
    ),
]
