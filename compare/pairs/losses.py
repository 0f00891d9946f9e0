"""Two losses of the same outputs and targets, and what one is to the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compare.pairs.findings import Finding
from compare.pairs.layers import plain
from compare.pairs.network import between, differing, told
from compare.pairs.runs import Runs, gap
from compare.watch.recording import Op, Recording


def compared(runs: Runs) -> tuple[list[Finding], np.ndarray | None]:
    """How the losses differ; at each step the factor between them, None where it is none."""
    ones = np.ones(len(runs.steps))
    if "numpy" in (runs.a.framework, runs.b.framework):
        return [], ones  # What it prints need not be what it takes the gradient of.
    one, other = (np.array([s.loss for s in r.steps[: len(runs.steps)]]) for r in (runs.driven_a, runs.driven_b))
    if not np.isfinite(other).any() or not np.isfinite(one).any():
        return [], ones  # It does not show.
    apart = max(gap(x, y) for x, y in zip(one, other, strict=True))
    if apart <= runs.allowed:
        return [], ones
    lines = (runs.a.lines.get("loss"), runs.b.lines.get("loss"))
    tails = [
        between(r, max((i for i, op in enumerate(r.ops) if op.parameters), default=-1), 10**6) for r in (runs.a, runs.b)
    ]
    sizes = np.array([len(np.atleast_1d(s.inputs[0])) if s.inputs else 1 for s, _ in runs.steps])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = other / one
    text, name, factor = "", "loss-function", None
    if _broadcasts(runs):
        name = "target-shape"
        shapes = np.shape(runs.b.steps[0].targets[0])
        text = f"outputs of shape ({sizes[0]}, 1) meet targets of shape {shapes}: all are held against all"
    elif np.allclose(ratio, sizes, rtol=1e-4) or np.allclose(ratio * sizes, 1, rtol=1e-4):
        name, factor = "reduction", ratio
        words = ("averaged", "summed") if ratio[0] > 1 else ("summed", "averaged")
        text = f"the loss is {words[0]} over a batch against {words[1]}"
    elif np.allclose(ratio, ratio[0], rtol=1e-4):
        name, factor = "loss-factor", ratio
        text = f"the loss is {ratio[0]:.6g} times the first one's"
    elif (smoothing := [_smoothing(tail) for tail in tails])[0] != smoothing[1]:
        name, text = "label-smoothing", f"labels are smoothed by {smoothing[0]:g} against {smoothing[1]:g}"
    elif (penalty := _penalty(runs, other - one)) is not None:
        name, text = "penalty", f"the loss has {penalty} than the first one's"
        finding = Finding("steps", name, "fault", f"{text}; at the first step {one[0]:.6g} against {other[0]:.6g}")
        finding = replace(finding, lines=lines, size=apart).switched_by("loss", (0.0, penalty.signed))
        return [finding], None
    elif options := [
        o for x, y in zip(*tails, strict=False) if plain(x.name) == plain(y.name) for o in differing(x, y)
    ]:
        key, x, y = options[0]
        name = key
        text = f"the loss has {key} {x} against {y}"
    told_ = f"{told(tails[0])} against {told(tails[1])}"
    text = f"{text} ({told_})" if text else f"another loss for the same outputs and targets: {told_}"
    figures = f"; at the first step {one[0]:.6g} against {other[0]:.6g}"
    finding = Finding("steps", name, "fault", text + figures, lines, apart)
    if factor is None:
        return [finding.switched_by("loss")], factor
    power = 0 if name == "loss-factor" else 1 if np.allclose(ratio, sizes, rtol=1e-4) else -1
    values = (1.0, 0), (float(ratio[0] / sizes[0] ** power), power)
    return [finding.switched_by("scale", values)], factor


def _smoothing(tail: list[Op]) -> float:
    """By how much the labels of a loss are smoothed; 0 where it says nothing of it."""
    return max((float(op.options.get("label_smoothing") or 0.0) for op in tail), default=0.0)


def _broadcasts(runs: Runs) -> bool:
    """Whether (B, 1) outputs meet (B,) targets in the second script alone."""

    def does(r: Recording) -> bool:
        last = next((op for op in reversed(r.ops) if op.parameters), None)
        target = r.steps[0].targets[0] if r.steps[0].targets else None
        if last is None or target is None or last.shape != (1,) or np.ndim(target) != 1 or len(target) < 2:
            return False
        behind = r.ops[r.ops.index(last) :]
        if r.framework == "keras" and "reduction" in behind[-1].options:
            return False  # Keras' own losses take the shape of the targets.
        return not any(
            op.shape == () and plain(op.name) in ("squeeze", "getitem", "flatten", "view", "reshape") for op in behind
        )

    return does(runs.b) != does(runs.a)


@dataclass(frozen=True)
class Penalty:
    """λ·Σw² that a loss has more than another."""

    factor: float
    of: str  # over which parameters
    whole: bool  # over all that are trained

    def __str__(self) -> str:
        return f"{abs(self.factor):.4g} · Σ{self.of} {'more' if self.factor > 0 else 'less'}"

    @property
    def signed(self) -> float | None:
        """λ, if it is over all parameters, as an optimizer's decay is."""
        return self.factor if self.whole else None


def _penalty(runs: Runs, difference: np.ndarray) -> Penalty | None:
    """The penalty that explains a difference of the losses, over the kernels, over all, or over the biases."""
    trained = [i for i, p in enumerate(runs.a.parameters) if p.trained]
    biases = [i for i in trained if "bias" in runs.a.parameters[i].role]
    kernels = [i for i in trained if i not in biases]
    for chosen, of in ((kernels, "w² of the weights"), (trained, "w²"), (biases, "b² of the biases")):
        squares = np.array([sum(float((np.asarray(s.before[i]) ** 2).sum()) for i in chosen) for s, _ in runs.steps])
        factor = float(difference @ squares / max(float(squares @ squares), 1e-300))
        if np.allclose(factor * squares, difference, rtol=1e-3) and squares.any():
            return Penalty(factor, of, chosen == trained)
    return None
