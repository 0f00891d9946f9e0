"""The verdict in words: what differs first, then stage by stage what was seen."""

from __future__ import annotations

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
    if f.mend and f.lines[1]:
        lines.append(f"   To follow the first: {f.mend} in {f.lines[1]}")
    return lines
