"""Two updates of the same weights with the same gradients: clipping, the rule and its settings, the schedule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compare.pairs import rules
from compare.pairs.findings import Finding
from compare.pairs.runs import Runs, gap
from compare.watch.recording import Arrays, Line, Recording


def compared(runs: Runs) -> list[Finding]:
    """The update that each makes of the same gradients."""
    lines = (
        _place(runs.a),
        _place(runs.b),
    )
    clipped = [_clips(r, runs.a) for r in (runs.driven_a, runs.driven_b)]
    found: list[Finding] = []
    if (clipped[0] is None) != (clipped[1] is None) or (
        clipped[0] and clipped[1] and not np.isclose(clipped[0][1], clipped[1][1], rtol=1e-3)
    ):
        words = ["clipped to " + f"{c[0]} {c[1]:.4g}" if c else "not clipped" for c in clipped]
        found.append(
            Finding("steps", "clipping", "fault", f"gradients are {words[0]} against {words[1]}", lines, size=1.0)
        )
    courses = [
        rules.course(r.steps, "applied" if r.steps[0].applied else "gradients") for r in (runs.driven_a, runs.driven_b)
    ]
    if not courses[0].numbers or not courses[1].numbers:
        return found + schedule(runs)
    own = [rules.declared(r) or rules.fit(c) for r, c in zip((runs.a, runs.b), courses, strict=True)]
    a, b = own
    if a is None or b is None:
        return found + schedule(runs) + _unnamed(runs, lines)
    return found + schedule(runs) + _settings(runs, a, b, courses[0], lines)


def _place(r: Recording) -> Line | None:
    return next((r.lines[key] for key in ("optimizer", "step", "backward") if key in r.lines), None)


def _clips(driven: Recording, own: Recording) -> tuple[str, float] | None:
    """The norm or the value to which the gradients that were given are cut before they are applied."""
    found = None
    for s, t in zip(driven.steps, own.steps, strict=False):
        applied, raw = (_sorted(gradients) for gradients in (s.applied, t.gradients))
        if not len(applied) or len(applied) != len(raw):
            continue
        norms = float(np.linalg.norm(applied)), float(np.linalg.norm(raw))
        if norms[0] < norms[1] * (1 - 1e-4):
            whole = np.allclose(applied, raw * (norms[0] / norms[1]), rtol=1e-3, atol=1e-6 * raw[-1])
            found = ("the norm", norms[0]) if whole else ("the value", float(applied[-1]))
    return found


def _sorted(gradients: Arrays) -> np.ndarray:
    """The sizes of all entries, in order: the same whatever order and layout the parameters have."""
    given = [np.abs(g).ravel() for g in gradients if g is not None]
    return np.sort(np.concatenate(given)).astype(float) if given else np.zeros(0)


def _settings(runs: Runs, a: rules.Rule, b: rules.Rule, course: rules.Course, lines: tuple) -> list[Finding]:
    """Every setting in which two rules differ, with what it alone does to the first one's updates."""
    if a.name != b.name:
        text = f"another update rule: {a} against {b}"
        return [Finding("steps", "optimizer", "fault", text, lines, size=1.0, mend=str(a))]
    found = []
    base = course.under(a)
    for key in sorted(a.settings.keys() | b.settings.keys()):
        x, y = a.settings.get(key, 0.0), b.settings.get(key, 0.0)
        if (
            key == "rate"
            or x == y
            or (isinstance(x, float) and np.isclose(x, y, rtol=1e-4 if a.fitted or b.fitted else 1e-6))
        ):
            continue
        if key == "decoupled" and (not a.settings.get("decay") or not b.settings.get("decay")):
            continue
        size = course.apart(base, course.under(replace(a, settings=a.settings | {key: y})))
        name, words = _SETTING.get(key, (f"optimizer-{key}", key))
        usual = [rules.DEFAULTS.get(r.framework, {}).get(r.optimizer.lower(), {}).get(key) for r in (runs.a, runs.b)]
        kind = "default" if runs.a.framework != runs.b.framework and [x, y] == usual else "fault"
        text = f"{a.name}: {words} {x:g} against {y:g}" if key != "decoupled" else _decay_text(bool(x))
        found.append(Finding("steps", name, kind, text, lines, size=size, mend=f"{words} {x:g}"))
    if a.framework != b.framework and a.name != "sgd" and not found:
        size = course.apart(base, course.under(replace(a, framework=b.framework)))
        where = {"torch": "added to the corrected root", "keras": "added to the root before the correction"}
        if a.name != "adam":
            where = {"torch": "added to the root", "keras": "added under the root"}
        text = f"{a.name}: epsilon is {where[a.framework]} against {where[b.framework]}"
        if size > 0:
            found.append(Finding("steps", "epsilon-place", "convention", text, lines, size=size))
    return found


def _decay_text(first_decoupled: bool) -> str:
    words = ("decoupled from the gradients", "added to the gradients as L2")
    return (
        f"weight decay is {words[0]} against {words[1]}"
        if first_decoupled
        else f"weight decay is {words[1]} against {words[0]}"
    )


_SETTING = {
    "epsilon": ("optimizer-epsilon", "epsilon"),
    "decay": ("weight-decay", "weight decay"),
    "decoupled": ("decay-form", "decoupled"),
    "momentum": ("momentum", "momentum"),
    "nesterov": ("nesterov", "Nesterov"),
    "clip_norm": ("clipping", "clipping to the norm"),
    "clip_value": ("clipping", "clipping to the value"),
    "clip_each": ("clipping", "clipping each to the norm"),
}


def _unnamed(runs: Runs, lines: tuple) -> list[Finding]:
    """Updates that no known rule explains, compared as they are."""
    apart = 0.0
    for s, t in runs.steps:
        size = max((float(np.abs(y - x).max(initial=0.0)) for x, y in zip(s.before, s.after, strict=True)
                    if x is not None and y is not None), default=0.0)  # fmt: skip
        for i, j in runs.match.pairs:
            if runs.a.parameters[i].trained and s.after[i] is not None and t.after[j] is not None:
                apart = max(apart, gap(s.after[i], runs.as_first(t.after[j], i, j), size))  # type: ignore[arg-type]
    if apart <= 1e-3:
        return []
    text = (
        f"other updates for the same gradients, off by {apart:.1e} of the largest update; no known rule explains them"
    )
    return [Finding("steps", "update", "fault", text, lines, size=apart)]


def schedule(runs: Runs) -> list[Finding]:
    """The learning rates, step by step, as the scripts stand."""
    rates = [np.array([s.rates[0] for s in r.steps if s.rates]) for r in (runs.a, runs.b)]
    count = min(map(len, rates))
    lines = (runs.a.lines.get("step"), runs.b.lines.get("step"))
    if not count:
        return []
    one, other = (r[:count] for r in rates)
    found = []
    if not np.isclose(one[0], other[0], rtol=1e-5):
        text = f"learning rate {one[0]:g} against {other[0]:g}"
        found.append(
            Finding("steps", "learning-rate", "fault", text, lines, size=abs(1 - other[0] / one[0]), mend=f"{one[0]:g}")
        )
    pace, own = one / one[0], other / other[0]
    if not np.allclose(pace, own, rtol=1e-4):
        at = int(np.argmax(~np.isclose(pace, own, rtol=1e-4)))
        text = f"the learning rate goes another way from step {at + 1} on: {_course(one)} against {_course(other)}"
        found.append(Finding("steps", "schedule", "fault", text, lines, size=gap(pace, own)))
    return found


def _course(rates: np.ndarray) -> str:
    changes = np.flatnonzero(np.diff(rates)) + 1
    if not len(changes):
        return f"{rates[0]:g} throughout"
    shown = ", ".join(f"{rates[c]:.4g} from step {c + 1}" for c in changes[:2])
    return f"{rates[0]:.4g}, {shown}{', ...' if len(changes) > 2 else ''}"
