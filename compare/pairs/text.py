"""The verdict in words: what differs first, then stage by stage what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compare.pairs.effects import Effect
from compare.pairs.findings import KINDS, STAGES, Finding
from compare.pairs.hold import Verdict
from compare.watch.recording import Recording

TITLES = {
    "data": "The data", "network": "The network", "start": "The initial weights",
    "steps": "Step by step from the first one's weights", "evaluation": "Evaluation",
}  # fmt: skip
OF_KIND = {
    "default": ("a framework's default", "frameworks' defaults"), "convention": ("a convention", "conventions"),
}  # fmt: skip


def told(verdict: Verdict) -> str:
    """The whole verdict."""
    a, b = verdict.a, verdict.b
    lines = [f"{a.script} ({about(a)}) against {b.script} ({about(b)})"]
    lines += [f"Note: {note}." for note in verdict.notes]
    lines += ["", headline(verdict)]
    lines += [line for number, f in enumerate(verdict.findings, start=1) for line in _finding(f, f"{number}. ")]
    lines += ["", told_gap] if (told_gap := gap_told(verdict)) else []
    for stage in STAGES:
        if verdict.facts.get(stage):
            lines += ["", f"{TITLES[stage]}: {'; '.join(verdict.facts[stage])}."]
    return "\n".join(lines)


def headline(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    found = verdict.findings
    head = "Accepted: " if verdict.accepted else ""
    if not found:
        return f"Equal: {len(verdict.a.steps)} steps of each were watched, and nothing makes two programs of them."
    if verdict.verdict != "differs":
        kinds = [kind for kind in KINDS if any(f.kind == kind for f in found)]
        several = [OF_KIND[kind][sum(f.kind == kind for f in found) > 1] for kind in kinds]
        left = "Nobody's mistake, but other numbers." if any(f.counts for f in found) else "Nobody's mistake."
        return f"{head}Equal but for {' and '.join(several)}. {left}"
    count = f"{len(found)} thing{'s' if len(found) > 1 else ''}"
    left = "" if verdict.accepted else f", {sum(f.accepted for f in found)} of them accepted"
    left = left if any(f.accepted for f in found) else ""
    return f"{head}They differ in {count}{left}:"


def gap_told(verdict: Verdict) -> str:
    """What the differences come to, in the final loss."""
    gap = verdict.gap
    if gap is None:
        return f"What each does to the loss was not measured: {verdict.no_gap}." if verdict.no_gap else ""
    text = (
        f"Loss after {gap.steps} steps, from {len(gap.own)} starts ({gap.by}): {spread(gap.own)} the first one's "
        f"way, {spread(gap.other)} with all that could be switched to the second's way"
    )
    if not gap.tells:
        text += "; the gap is not of one sign, so no shares of it are told"
    return f"{text}."


def spread(values: Sequence[float], sign: str = "", unit: str = "", form: str = ".3g") -> str:
    """A mean, and the range of what it is the mean of."""
    if not np.isfinite(values).all():
        return "divergence" if not np.isfinite(values).any() else "divergence from some"
    shown = [format(float(v), sign + form) for v in (np.mean(values), np.min(values), np.max(values))]
    return f"{shown[0]}{unit} ({shown[1]} to {shown[2]}{unit})"


def effect(e: Effect) -> str:
    """What a difference does to the final loss, in words."""
    if e.why:
        return f"What it does to the loss was not measured: {e.why}"
    head = f"Together with {', '.join(e.together)}" if e.together else "Alone"
    if not np.isfinite(e.changes).all():
        count = int((~np.isfinite(e.changes)).sum())
        return f"{head} it makes the training diverge from {count} of {len(e.changes)} starts"
    share = f", {spread([100 * s for s in e.shares], unit=' %', form='.0f')} of the gap" if e.shares else ""
    return f"{head} it changes the loss after {e.steps} steps by {spread(e.changes, sign='+')}{share}"


def about(r: Recording) -> str:
    """The framework, the number of steps and how they were made."""
    return f"{r.framework} {r.version}, {r.optimizer or 'its own update'}".replace(" ,", ",")


def _finding(f: Finding, head: str) -> list[str]:
    where = " and ".join(str(line) for line in f.lines if line)
    size = f"; off by {f.size:.1e} where it shows first" if 0 < f.size < 1 else ""
    words = [*([] if f.kind == "fault" else [OF_KIND[f.kind][0]]), *(["accepted"] if f.accepted else [])]
    kind = f" ({', '.join(words)})" if words else ""
    lines = [f"{head}{f.name}: {f.text}{kind}{size}"]
    if where:
        lines.append(f"   {where}")
    if f.effect:
        lines.append(f"   {effect(f.effect)}")
    if f.mend and f.lines[1]:
        lines.append(f"   To follow the first: {f.mend} in {f.lines[1]}")
    return lines
