"""Two training scripts, unchanged: watched, driven on the same steps, and what differs in the order of its weight."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from compare.pairs import data, drive, effects, engines, evaluation, network, start, steps
from compare.pairs import layers as compared_layers
from compare.pairs.effects import Gap
from compare.pairs.findings import KINDS, STAGES, Finding
from compare.pairs.match import Match, matched
from compare.pairs.order import turned_rows
from compare.run.scratch import scratch
from compare.watch.plan_loss import Inexpressible
from compare.watch.process import ScriptProcess, Stopped, Supply
from compare.watch.recording import Drive, Recording

DRIVEN = 12  # steps that both make from the first one's weights
EVENLY = "float64", "float32"


@dataclass
class Verdict:
    """What is known of two scripts at the end."""

    a: Recording
    b: Recording
    facts: dict[str, list[str]] = field(default_factory=dict)  # by stage: what is the same, or was not compared
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gap: Gap | None = None  # between the final losses, the first's way and with everything as the second has it
    no_gap: str = ""  # why it was not measured

    @property
    def accepted(self) -> bool:
        """Whether something differs, and all of it is accepted."""
        return bool(self.findings) and all(finding.accepted for finding in self.findings)

    @property
    def exit(self) -> int:
        """The command's status: 0 if nothing differs, or nothing but what is accepted."""
        return int(any(not finding.accepted for finding in self.findings))

    @property
    def verdict(self) -> str:
        """Equal, equal but for defaults or conventions or both, or differs."""
        kinds = {finding.kind for finding in self.findings}
        if "fault" in kinds:
            return "differs"
        names = " and ".join(f"{kind}s" for kind in KINDS if kind in kinds)
        return f"equal but for {names}" if names else "equal"

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data.

        scripts; verdict, and whether all that differs is accepted; the exit status; facts by stage; findings, the
        largest first; the gap between the final losses, or why there is none; notes.
        """
        about = [{"file": r.script, "framework": r.framework, "version": r.version, "steps": len(r.steps)}
                 for r in (self.a, self.b)]  # fmt: skip
        return {
            "scripts": about,
            "verdict": self.verdict,
            "accepted": self.accepted,
            "exit": self.exit,
            "facts": self.facts,
            "findings": [finding.as_json() for finding in self.findings],
            "notes": self.notes,
            "gap": self.gap.as_json() if self.gap else None,
            "no_gap": self.no_gap,
        }


def hold(
    a: Path,
    b: Path,
    count: int,
    limit: float,
    seconds: float = 3.0,
    kind: type = ScriptProcess,
    accept: Sequence[str] = (),
    measured: float = effects.SECONDS,
    given: tuple[Supply, Supply] = (Supply(), Supply()),
) -> Verdict:
    """Hold one script against another, `count` steps of each; Stopped where one gives no recording.

    `seconds` is how long each goes on after its steps, to be seen evaluating. `kind` says where they run: each in its
    own process or, where many are judged, all in this one. `accept` names what may differ: findings, or kinds of them.
    `measured` is how long trainings may take that tell what each difference does to the final loss; 0 leaves them out.
    `given` is what each is given besides itself: arguments, data.
    """
    with scratch() as work:
        first, second = (kind(path, own, limit, work) for path, own in zip((a, b), given, strict=True))
        with first, second:
            for process in (first, second):
                process.watch(count, seconds)
            verdict = Verdict(first.recording(), second.recording())
            about, evenly = _compare(verdict, first, second)
            for finding in verdict.findings:
                finding.accepted = bool({finding.name, finding.kind, f"{finding.kind}s"} & set(accept))
            if measured and evenly and any(f.counts and not f.accepted for f in verdict.findings):
                both = first, second
                verdict.gap, verdict.no_gap = effects.measure(evenly, about, verdict.findings, both, measured)
    kinds = {"fault": 0, "default": 1, "convention": 2}
    sizes = {id(f): f.effect.size if f.effect else -1.0 for f in verdict.findings}
    verdict.findings.sort(
        key=lambda f: (f.kind == "convention", -sizes[id(f)], kinds[f.kind], STAGES.index(f.stage), -f.size)
    )
    return verdict


def _compare(verdict: Verdict, first: ScriptProcess, second: ScriptProcess) -> tuple[data.Data, steps.Runs | None]:
    """Fill the verdict, stage by stage; what was seen of the data, and of both on the same steps."""
    a, b = verdict.a, verdict.b
    verdict.notes = [note for r in (a, b) for note in r.notes]
    match = matched(a, b)
    about = data.compared(a, b)
    layers = network.compared(a, b, match)
    verdict.facts["data"], verdict.facts["network"] = about.facts, layers.facts
    verdict.facts["start"], findings = start.compared(a, b, match)
    verdict.findings = [*about.findings, *layers.findings, *findings]
    evenly = None
    if match.pairs:
        evenly, verdict.facts["steps"], findings = _steps(a, b, match, about, layers, first, second)
        verdict.findings += findings
    verdict.facts["evaluation"], findings = evaluation.compared(a, b)
    verdict.findings += findings
    return about, evenly


def _steps(
    a: Recording, b: Recording, match: Match, about: data.Data, layers: network.Layers,
    first: ScriptProcess, second: ScriptProcess,
) -> tuple[steps.Runs | None, list[str], list[Finding]]:  # fmt: skip
    """Both on the first one's steps, in float64 if both can be put there."""
    count = min(DRIVEN, len(a.steps))
    drives = drive.for_first(a, count), drive.for_second(a, b, match, about, count)
    if unseen := _unseen(a, b, drives[1]):
        return None, [f"{unseen}, so the two are not put on the same steps"], []
    reason = ""
    for dtype in EVENLY:
        try:
            driven = _drive_both(a, b, match, drives, dtype, (first, second))
        except Stopped as error:
            reason = str(error)
            continue
        _share_gradients(a, b, match, driven)
        targets = bool(drives[1].steps[0].targets) and all(t is not None for t in drives[1].steps[0].targets)
        runs = steps.Runs(a, b, *driven, match, layers, dtype, targets_given=targets)
        facts = []
        if rows := turned_rows(runs):
            match = replace(match, rows=rows)
            drives = drives[0], drive.for_second(a, b, match, about, count)
            drives[1].dtype = dtype
            second.drive(drives[1])
            runs = replace(runs, driven_b=second.recording(), match=match)
            names = " and ".join(a.parameters[i].name for i in rows)
            facts.append(f"the inputs of {names} stand in another order in {b.script}, and so do its rows")
        if compared_layers.compared(runs):
            _force(runs, drives[1], second)
        told, findings = steps.compared(runs)
        return runs, [*facts, *told], findings
    return None, [f"the scripts could not be put on the same steps: {reason}"], []


def _unseen(a: Recording, b: Recording, given: Drive) -> str:
    """What keeps the steps from being made on the same batches; "" if nothing."""
    for r in (a, b):
        if not r.steps[0].inputs:
            return f"the batches of {r.script} do not show"
    if a.framework != "numpy" and b.framework != "numpy":
        return ""
    for r in (a, b):
        if not r.steps[0].targets:
            return f"the targets of {r.script} do not show"
    if any(x is None for x in (*given.steps[0].inputs, *given.steps[0].targets)):
        return f"the batches of {a.script} cannot take the form of those of {b.script}"
    return ""


def _share_gradients(a: Recording, b: Recording, match: Match, driven: tuple[Recording, Recording]) -> None:
    """A script without a framework shows no gradients: its updates are judged by those of the other.

    Where neither shows any, by those of the reference, if the first one's updates tell that it is that network.
    """
    one, other = driven
    shown = [any(g is not None for g in r.steps[0].gradients) for r in driven]
    back = match.back
    for s, t in zip(one.steps, other.steps, strict=False):
        if shown[0] and not shown[1]:
            t.gradients = drive.parameters(s.gradients, a, b, match)
        elif shown[1] and not shown[0]:
            s.gradients = drive.parameters(t.gradients, b, a, back)
    if not any(shown):
        with contextlib.suppress(Inexpressible, ValueError):
            reference = engines.Reference(a)
            for s, t, own in zip(one.steps, other.steps, a.steps, strict=False):
                s.gradients = reference.gradients(s.before, (own.inputs, own.targets))[1]  # type: ignore[arg-type]
                t.gradients = drive.parameters(s.gradients, a, b, match)


def _drive_both(
    a: Recording, b: Recording, match: Match, drives: tuple[Drive, Drive], dtype: str,
    processes: tuple[ScriptProcess, ScriptProcess],
) -> tuple[Recording, Recording]:  # fmt: skip
    """Both at once; but one after the other where the first does not show its gradients unless it is driven."""
    for given in drives:
        given.dtype = dtype
    shown = any(g is not None for g in a.steps[0].gradients)
    processes[0].drive(drives[0])
    if not shown:
        driven = processes[0].recording()
        for step, seen, to_give in zip(a.steps, driven.steps, drives[1].steps, strict=False):
            step.gradients = seen.gradients
            to_give.gradients = drive.parameters(seen.gradients, a, b, match)
        processes[1].drive(drives[1])
        return driven, processes[1].recording()
    processes[1].drive(drives[1])
    try:
        driven = processes[0].recording()
    finally:
        other = processes[1].recording()
    return driven, other


def _force(runs: steps.Runs, given: Drive, second: ScriptProcess) -> None:
    """Drive the second once more with the numbers of the first one's layers, so that each layer is seen for itself."""
    for step, values in zip(given.steps, compared_layers.forced(runs), strict=False):
        step.values = values
    second.drive(given)
    with contextlib.suppress(Stopped):  # Then the first difference has to do.
        runs.driven_b, runs.forced = second.recording(), True
