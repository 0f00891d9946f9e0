"""The update of a watched script as the Config's fields: its optimizer, its learning rates, its clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from compare.watch.plan_loss import Inexpressible
from compare.watch.recording import Recording
from impls import mlp_numpy

NAMES = {
    "beta_1": "beta1", "beta_2": "beta2", "alpha": "beta2", "rho": "beta2", "weight_decay": "weight_decay",
    "clipvalue": "clip_value", "clipnorm": "clip_norm", "global_clipnorm": "clip_norm",
}  # fmt: skip
CLOSE = 1e-6  # relative: Keras computes its schedules in float32


def optimizer_of(r: Recording) -> dict[str, Any]:
    """The fields of the optimizer as the script sets it, and of its learning rates."""
    kind = r.optimizer.lower()
    if kind not in ("sgd", "adam", "adamw", "rmsprop", "adagrad"):
        raise Inexpressible(f"the optimizer {r.optimizer}")
    if len(r.options) != 1:
        raise Inexpressible("its optimizer has several groups of weights")
    rates = np.array([s.rates[0] for s in r.steps if s.rates])
    if not len(rates):
        raise Inexpressible("its learning rate does not show")
    o = r.options[0]
    fields: dict[str, Any] = {"optimizer": kind, **schedule_of(rates)}
    if fields.get("schedule", "constant") == "constant":
        fields["learning_rate"] = float(o.get("lr", o.get("learning_rate", rates[0])))
    if kind == "sgd" and o.get("momentum"):
        fields |= {"optimizer": "nesterov" if o.get("nesterov") else "momentum", "momentum": float(o["momentum"])}
    if "betas" in o:
        fields |= dict(zip(("beta1", "beta2"), map(float, o["betas"]), strict=True))
    return fields | {field: float(o[name]) for name, field in NAMES.items() if o.get(name)}


def schedule_of(rates: np.ndarray) -> dict[str, Any]:
    """The fields of the schedule that gives the learning rates of all steps, (T,); Inexpressible without one."""
    for fields in _schedules(rates):
        config = mlp_numpy.Config(**fields)
        found = [float(mlp_numpy.learning_rate(config, step)) for step in range(len(rates))]
        if np.allclose(found, rates, rtol=CLOSE, atol=0):
            return fields
    raise Inexpressible("its learning rate changes from step to step by none of the schedules that it has")


def _schedules(rates: np.ndarray) -> Iterator[dict[str, Any]]:
    """Schedules that may be it, told by the first rates of all that differ."""
    first = float(rates[0])
    if not (np.isfinite(rates).all() and (rates > 0).all()):
        return
    yield {"learning_rate": first}
    changes = np.flatnonzero(~np.isclose(rates, first, rtol=CLOSE, atol=0))
    if not len(changes):
        return
    after = int(changes[0])  # the first step whose rate is another
    factor = _short(float(rates[after]) / first)
    if after > 1:  # With one step in each it is an exponential one.
        yield {"learning_rate": first, "schedule": "step", "schedule_steps": after, "schedule_rate": factor}
    a_step = float(rates[-1] / first) ** (1 / (len(rates) - 1))
    for factor in (_short(a_step), a_step):
        yield {"learning_rate": first, "schedule": "exponential", "schedule_steps": 1, "schedule_rate": factor}
    for steps in (round(rates.max() / first), len(rates)):  # Up to the highest rate, or further than was watched.
        if steps > 1:
            yield {"learning_rate": first * steps, "schedule": "warmup", "schedule_steps": steps}
    falls = 2 * float(rates[after]) / first - 1
    if after == 1 and -1 < falls < 1:
        steps = round(math.pi / math.acos(falls))
        yield {"learning_rate": first, "schedule": "cosine", "schedule_steps": steps}


def clipping_of(driven: Recording) -> dict[str, Any]:
    """The clipping that stands between the gradients of a driven script and what its optimizer gets.

    PyTorch's `clip_grad_norm_` divides by the norm and 1e-6 more, which is a known way to differ and no other limit.
    """
    pairs = [
        [(np.asarray(g, float), np.asarray(a, float)) for g, a in zip(s.gradients, s.applied, strict=True)
         if g is not None and a is not None]
        for s in driven.steps if len(s.gradients) == len(s.applied)
    ]  # fmt: skip
    clipped = [step for step in pairs if step and any((g != a).any() for g, a in step)]
    if not clipped:
        return {}
    largest = [max(float(np.abs(a).max()) for _, a in step) for step in clipped]
    if np.allclose(largest, largest[0], rtol=1e-9, atol=0) and all(
        np.array_equal(np.clip(g, -largest[0], largest[0]), a) for step in clipped for g, a in step
    ):
        return {"clip_value": _short(largest[0])}
    norms = np.array([[math.sqrt(sum(float((x * x).sum()) for x in side)) for side in zip(*step, strict=True)]
                      for step in clipped])  # fmt: skip
    for added in (0.0, 1e-6):
        limits = norms[:, 1] * (norms[:, 0] + added) / norms[:, 0]
        if np.allclose(limits, limits[0], rtol=1e-9, atol=0):
            return {"clip_norm": _short(float(limits[0]))}
    return {}


def _short(value: float) -> float:
    """A number as its author wrote it, where a short one is as near as rounding goes."""
    short = float(f"{value:.6g}")
    return short if math.isclose(short, value, rel_tol=CLOSE) else value
