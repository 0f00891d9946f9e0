"""Two updates of the same weights with the same gradients: clipping, the rule and its settings, the schedule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compare.pairs import apart, rules
from compare.pairs.findings import Finding
from compare.pairs.follow import Clip
from compare.pairs.runs import Runs, gap
from compare.pairs.samples import samples
from compare.watch.recording import Arrays, Line, Recording, Step


def compared(runs: Runs) -> list[Finding]:
    """The update that each makes of the same gradients."""
    lines = _place(runs.a), _place(runs.b)
    clipped = clips(runs)
    found = _two_biases(runs)
    if (clipped[0] is None) != (clipped[1] is None) or (
        clipped[0] and clipped[1] and not np.isclose(clipped[0][1], clipped[1][1], rtol=1e-3)
    ):
        words = ["clipped to " + f"{c[0]} {c[1]:.4g}" if c else "not clipped" for c in clipped]
        text = f"gradients are {words[0]} against {words[1]}"
        found.append(Finding("steps", "clipping", "fault", text, lines, size=1.0).switched_by("clip", clipped))
    courses = [
        rules.course(r.steps, "applied" if r.steps[0].applied else "gradients") for r in (runs.driven_a, runs.driven_b)
    ]
    if not courses[0].numbers or not courses[1].numbers:
        return found + schedule(runs) + _unnamed(runs, lines)
    if "numpy" in (runs.a.framework, runs.b.framework) and not _unnamed(runs, lines):
        return found + schedule(runs)  # The updates are the same: whatever they are called.
    own = [rules.declared(r) or rules.fit(c) for r, c in zip((runs.a, runs.b), courses, strict=True)]
    a, b = own
    if a is None or b is None:
        unnamed = _unnamed(runs, lines)
        if unnamed and (told := apart.compared(runs, lines)) is not None:
            named = told[0] + _settings(runs, *told[1:], courses[0], lines)
            return found + (named or unnamed)
        return found + schedule(runs) + unnamed
    return found + schedule(runs) + _settings(runs, a, b, courses[0], lines)


def _two_biases(runs: Runs) -> list[Finding]:
    """PyTorch's LSTM adds two biases, so their sum moves twice as far as the one bias of Keras'."""
    for i, j in runs.match.pairs:
        p, q = runs.a.parameters[i], runs.b.parameters[j]
        if bool(p.parts) != bool(q.parts):
            words = (
                ("two biases, which move alike", "one bias")
                if p.parts
                else ("one bias", "two biases, which move alike")
            )
            text = f"the {p.kind} has {words[0]}, against {words[1]}: their sum moves at another rate"
            values = (2 if p.parts else 1, 2 if q.parts else 1)
            others = tuple(
                i for i, j in runs.match.pairs if bool(runs.a.parameters[i].parts) != bool(runs.b.parameters[j].parts)
            )
            finding = Finding("steps", "two-biases", "default", text, (p.line, q.line))
            return [finding.switched_by("biases", values, others)]
    return []


def _place(r: Recording) -> Line | None:
    return next((r.lines[key] for key in ("optimizer", "step", "backward") if key in r.lines), None)


def clips(runs: Runs) -> tuple[Clip, Clip]:
    """To what both clip the gradients that they are given: as seen, or as Keras' optimizer is told to."""
    both = (runs.driven_a, runs.a), (runs.driven_b, runs.b)
    one, other = (_clips(driven, runs.a) or _told_to_clip(r) for driven, r in both)
    return one, other


def _told_to_clip(r: Recording) -> Clip:
    o = r.options[0] if r.options else {}
    named = {"global_clipnorm": "the norm", "clipvalue": "the value", "clipnorm": "each to the norm"}
    return next(((word, float(o[key])) for key, word in named.items() if o.get(key)), None)


def _clips(driven: Recording, own: Recording) -> Clip:
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
        return [Finding("steps", "optimizer", "fault", text, lines, 1.0, str(a)).switched_by("rule", (a, b))]
    found = []
    base = course.under(a)
    for key in sorted(a.settings.keys() | b.settings.keys()):
        x, y = a.settings.get(key, 0.0), b.settings.get(key, 0.0)
        if (
            (key == "rate" and not (a.fitted or b.fitted))
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
        size_of_batch = len(np.atleast_1d(runs.a.steps[0].inputs[0])) if runs.a.steps[0].inputs else 0
        if key == "rate" and size_of_batch > 1 and any(np.isclose(r, size_of_batch, rtol=1e-3) for r in (x / y, y / x)):
            text += f": apart by the {size_of_batch} samples of a batch, as a sum is from a mean"
        momentum = a.settings.get("momentum") or 0.0
        if key == "rate" and momentum and any(np.isclose(r, 1 - momentum, rtol=1e-3) for r in (x / y, y / x)):
            text += f": apart by 1 − {momentum:g}, as where gradients are averaged into the momentum (dampening)"
        found.append(Finding("steps", name, kind, text, lines, size, f"{words} {x:g}").switched_by(key, (x, y)))
    if a.framework != b.framework and a.name != "sgd" and not found and not (a.fitted or b.fitted):
        size = course.apart(base, course.under(replace(a, framework=b.framework)))
        where = {"torch": "added to the corrected root", "keras": "added to the root before the correction"}
        if a.name != "adam":
            where = {"torch": "added to the root", "keras": "added under the root"}
        text = f"{a.name}: epsilon is {where[a.framework]} against {where[b.framework]}"
        if size > 0:
            finding = Finding("steps", "epsilon-place", "convention", text, lines, size)
            found.append(finding.switched_by("framework", (a.framework, b.framework)))
    return found


def _decay_text(first_decoupled: bool) -> str:
    words = ("decoupled from the gradients", "added to the gradients as L2")
    return (
        f"weight decay is {words[0]} against {words[1]}"
        if first_decoupled
        else f"weight decay is {words[1]} against {words[0]}"
    )


_SETTING = {
    "rate": ("learning-rate", "learning rate"),
    "epsilon": ("optimizer-epsilon", "epsilon"),
    "decay": ("weight-decay", "weight decay"),
    "decoupled": ("decay-form", "decoupled"),
    "momentum": ("momentum", "momentum"),
    "nesterov": ("nesterov", "Nesterov"),
    "dampening": ("optimizer-dampening", "dampening"),
}


def _unnamed(runs: Runs, lines: tuple) -> list[Finding]:
    """Updates that no known rule explains, compared as they are."""
    gaps: dict[str, float] = {}
    for s, t in runs.steps:
        moves = [_moves(runs, s, t, i, j) for i, j in runs.match.pairs if runs.a.parameters[i].trained]
        size = max((float(np.abs(x).max(initial=0.0)) for _, x, _ in moves), default=0.0)
        for name, x, y in moves:
            gaps[name] = max(gaps.get(name, 0.0), gap(x, y, size))
    worst = max(gaps.values(), default=0.0)
    if worst <= 1e-3 if runs.dtype == "float32" else worst <= 1e-5:
        return []
    alike = [name for name, value in gaps.items() if value <= 1e-5]
    where = f"; those of {', '.join(alike)} are the same" if alike else ""
    text = f"other updates from the same weights and batch, off by {worst:.1e} of the largest update{where}"
    return [Finding("steps", "update", "fault", text, lines, size=worst)]


def _moves(runs: Runs, s: Step, t: Step, i: int, j: int) -> tuple[str, np.ndarray, np.ndarray]:
    """By how much a step moves a parameter in both, in the first one's shape."""
    one = np.asarray(s.after[i]) - np.asarray(s.before[i])
    other = np.asarray(t.after[j]) - np.asarray(t.before[j])
    return runs.a.parameters[i].name, one, runs.as_first(other, i, j)


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
        finding = Finding("steps", "learning-rate", "fault", text, lines, abs(1 - other[0] / one[0]), f"{one[0]:g}")
        found.append(finding.switched_by("rate", (float(one[0]), float(other[0]))))
    pace, own = one / one[0], other / other[0]
    per_epoch = [seen.period if (seen := samples(r)) else None for r in (runs.a, runs.b)]
    if per_epoch[0] and per_epoch[1] and per_epoch[0] != per_epoch[1]:  # Then a schedule by epochs is another by steps.
        epochs = np.array(list(zip(pace[:: per_epoch[0]], own[:: per_epoch[1]], strict=False)))
        if np.allclose(epochs[:, 0], epochs[:, 1], rtol=1e-4):
            return found
    if not np.allclose(pace, own, rtol=1e-4):
        at = int(np.argmax(~np.isclose(pace, own, rtol=1e-4)))
        text = f"the learning rate goes another way from step {at + 1} on: {_course(one)} against {_course(other)}"
        finding = Finding("steps", "schedule", "fault", text, lines, gap(pace, own))
        found.append(finding.switched_by("pace", (pace.tolist(), own.tolist())))
    return found


def _course(rates: np.ndarray) -> str:
    changes = np.flatnonzero(np.diff(rates)) + 1
    if not len(changes):
        return f"{rates[0]:g} throughout"
    shown = ", ".join(f"{rates[c]:.4g} from step {c + 1}" for c in changes[:2])
    return f"{rates[0]:.4g}, {shown}{', ...' if len(changes) > 2 else ''}"
