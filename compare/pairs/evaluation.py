"""Stage 5: how the two evaluate. The mode of the network, and what is averaged over what."""

from __future__ import annotations

from compare.pairs.findings import Finding
from compare.watch.recording import Line, Recording


def compared(a: Recording, b: Recording) -> tuple[list[str], list[Finding]]:
    """What differs in the passes from which no update comes."""
    facts: list[str] = []
    found: list[Finding] = []
    changing = [changes(r) for r in (a, b)]
    modes = [{p.training for p in r.passes} for r in (a, b)]
    if all(modes):
        wrong = [c and True in m for c, m in zip(changing, modes, strict=True)]
        if wrong[0] != wrong[1] and all(changing):
            which, other = ("second", "first") if wrong[1] else ("first", "second")
            places = [_place(r, w) for r, w in zip((a, b), wrong, strict=True)]
            lines = places[0], places[1]
            text = (
                f"the {which} evaluates in training mode, so dropout or batch statistics are on; the {other} does not"
            )
            found.append(Finding("evaluation", "evaluation-mode", "fault", text, lines, size=1.0, mend="model.eval()"))
        counts = [f"{len(r.passes)} of up to {max(p.size for p in r.passes)} samples" for r in (a, b)]
        facts.append(f"passes without an update: {counts[0]} against {counts[1]}")
    elif any(modes):
        facts.append(f"only {(a if modes[0] else b).script} was seen to evaluate")
    return facts, found


def _place(r: Recording, training: bool) -> Line | None:
    return next((p.line for p in r.passes if p.training == training), None)


def changes(r: Recording) -> bool:
    """Whether training and evaluation mode are two things for a network."""
    return any(s.masks for s in r.steps) or any(p.role.startswith("running") for p in r.parameters)
