"""The verdict in words: what differs first, then stage by stage what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compare.pairs.effects import Effect
from compare.pairs.findings import STAGES, Finding
from compare.pairs.hold import Verdict
from compare.watch.recording import Recording

TITLES = {
    "data": "The data", "network": "The network", "start": "The initial weights",
    "steps": "Step by step from the first one's weights", "evaluation": "Evaluation",
}  # fmt: skip
KINDS = {"fault": "a difference", "default": "a framework's default", "convention": "a convention"}


def told(verdict: Verdict) -> str:
    """The whole verdict."""
    a, b = verdict.a, verdict.b
    lines = [f"{a.script} ({about(a)}) against {b.script} ({about(b)})"]
    lines += [f"Note: {note}." for note in verdict.notes]
    counted = [f for f in verdict.findings if f.counts]
    lines.append("")
    if counted:
        lines.append(f"They differ in {len(counted)} thing{'s' if len(counted) > 1 else ''}:")
        lines += [line for number, f in enumerate(counted, start=1) for line in _finding(f, f"{number}. ")]
        lines += ["", told_gap] if (told_gap := gap_told(verdict)) else []
    else:
        but = " but for what is accepted" if any(f.accepted for f in verdict.findings) else ""
        lines.append(f"Equal{but}: {len(a.steps)} steps of each were watched, and nothing makes two programs of them.")
    conventions = [f for f in verdict.findings if not f.counts]
    if conventions:
        lines += ["", "Accepted, or a convention:"]
        lines += [line for f in conventions for line in _finding(f, "- ")]
    for stage in STAGES:
        if verdict.facts.get(stage):
            lines += ["", f"{TITLES[stage]}: {'; '.join(verdict.facts[stage])}."]
    return "\n".join(lines)


def gap_told(verdict: Verdict) -> str:
    """What the differences come to, in the final loss."""
    gap = verdict.gap
    if gap is None:
        return f"What each does to the final loss was not measured: {verdict.no_gap}." if verdict.no_gap else ""
    text = (
        f"Final loss after {gap.steps} steps, from {len(gap.own)} starts ({gap.by}): {spread(gap.own)} the first one's "
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
        return f"Its share in the final loss was not measured: {e.why}"
    head = f"Together with {', '.join(e.together)}" if e.together else "Alone"
    if not np.isfinite(e.changes).all():
        count = int((~np.isfinite(e.changes)).sum())
        return f"{head} it makes the training diverge from {count} of {len(e.changes)} starts"
    share = f", {spread([100 * s for s in e.shares], unit=' %', form='.0f')} of the gap" if e.shares else ""
    return f"{head} it changes the final loss by {spread(e.changes, sign='+')}{share}"


def about(r: Recording) -> str:
    """The framework, the number of steps and how they were made."""
    return f"{r.framework} {r.version}, {r.optimizer or 'its own update'}".replace(" ,", ",")


def _finding(f: Finding, head: str) -> list[str]:
    where = " and ".join(str(line) for line in f.lines if line)
    size = f"; off by {f.size:.1e} where it shows first" if 0 < f.size < 1 else ""
    kind = "" if f.kind == "fault" else f" ({KINDS[f.kind]})"
    lines = [f"{head}{f.name}: {f.text}{kind}{size}"]
    if where:
        lines.append(f"   {where}")
    if f.effect:
        lines.append(f"   {effect(f.effect)}")
    if f.mend and f.lines[1]:
        lines.append(f"   To follow the first: {f.mend} in {f.lines[1]}")
    return lines
