"""A diagnosis in words: what differs first, the cause and the line that mends it, or what is known phase by phase."""

from __future__ import annotations

from compare.ledger.parity import Gap
from compare.traps.catalogue import Hypothesis
from compare.traps.catalogue.trap import CONVENTION, DEFAULT, FAULT
from compare.traps.diagnose import EXPLAINED, UNEXPLAINED, Diagnosis, Phase
from compare.traps.search import Explanation
from shared.scenarios import Plan

FRAMEWORKS = {"torch": "PyTorch", "keras": "Keras"}
OF_KIND = {
    FAULT: ("a fault", "faults"),
    DEFAULT: ("a framework's default", "frameworks' defaults"),
    CONVENTION: ("a convention", "conventions"),
}


def explain(diagnosis: Diagnosis, framework: str = "") -> str:
    """The diagnosis in words; `framework`, "torch" or "keras", is the one whose line to change is given."""
    d = diagnosis
    if d.first is None:
        return "Nothing differs: every number is within its bound."
    lines = [f"What differs first: {_where(d)}", ""]
    if not d.explanations:
        return "\n".join([*lines, *_unexplained(d, framework)]).rstrip() + "\n"
    best, *others = d.explanations
    lines += [f"The cause{'s' * (len(best.causes) > 1)}: {best.label}"]
    lines += [f"  With {'them' if len(best.causes) > 1 else 'it'} the reference {_agreement(d, best)}."]
    lines += [f"  {sentence}" for sentence in (_kinds(best), _unseen(d, best)) if sentence]
    lines += [""]
    for cause in best.causes:
        lines += _about(cause, d.plan, framework)
    if others:
        lines += ["Not to be told apart from it here:"]
        lines += [f"  {other.label}: {other.causes[0].trap.title}" for other in others]
        lines += [
            f"  Scenario {d.telling} would tell {best.label} from {others[0].label}."
            if d.telling
            else "  No scenario at hand tells them apart."
        ]
    return "\n".join(lines).rstrip() + "\n"


def equal_but_for(diagnosis: Diagnosis, same_weights: bool = False) -> str:
    """The verdict on a candidate whose causes are no faults, in a sentence; "" where it is not such a one.

    `same_weights`: whatever is reported, every update and every prediction agrees.
    """
    kinds = diagnosis.kinds
    if not kinds or FAULT in kinds:
        return ""
    causes = diagnosis.explanations[0].causes
    several = [OF_KIND[kind][sum(cause.kind == kind for cause in causes) > 1] for kind in (DEFAULT, CONVENTION)
               if kind in kinds]  # fmt: skip
    names = ", ".join(cause.label for cause in causes)
    verdict = f"Equal but for {' and '.join(several)}: {names}."
    if same_weights:
        return f"{verdict} Every weight and every prediction agrees: nothing to mend, but what is reported is another."
    return f"{verdict} Nobody's mistake, but other numbers."


def what_to_do(diagnosis: Diagnosis, framework: str) -> str:
    """The verdict on a candidate with a fault, and the line that mends each cause; "" where it is not such a one."""
    if FAULT not in diagnosis.kinds:
        return ""
    causes = diagnosis.explanations[0].causes
    names = " together with ".join(cause.label for cause in causes)
    if framework not in FRAMEWORKS:  # By hand the line is another one; why it happens says which.
        return f"Differs: {names}."
    mends = [cause.mend(framework, diagnosis.plan) for cause in causes]
    if len(set(mends)) == 1:
        return f"Differs: {names}. What mends {'them' if len(mends) > 1 else 'it'}: {mends[0]}"
    each = [f"  {cause.trap.name}: {line}" for cause, line in zip(causes, mends, strict=True)]
    return "\n".join([f"Differs: {names}. What mends them:", *each])


def explain_reference(diagnosis: Diagnosis, reference: str, candidate: str) -> str:
    """The diagnosis in words where the reference is the suspect, since others agree with the candidate against it."""
    d = diagnosis
    lines = [
        f"What differs first: {_where(d, f'in {candidate}')}",
        "",
        f"The suspect is the reference itself, {reference}. Every trap is tried by putting it into the reference, so "
        "one that is in there already cannot be named. Two that agree against a third can be wrong in the same way: "
        "what each field of the Config means is said beside it, and decides.",
    ]
    if d.explanations:
        best = d.explanations[0]
        lines += [
            f"What puts it right: {best.label}",
            f"  {'; '.join(cause.trap.title for cause in best.causes)}.",
            f"  With it the reference {_agreement(d, best)}. Look in {reference} for its opposite.",
        ]
    else:
        lines += [f"No trap put into {reference} makes it train as {candidate} does. What can be said of {candidate}:"]
        lines += [*_phases(d), f"Tried: {_tried(d)}."]
    return "\n".join(lines) + "\n"


def _where(d: Diagnosis, here: str = "here") -> str:
    gap = d.first
    assert gap
    place = f" {list(gap.index)}" if gap.index and any(gap.index) else ""
    when = "at the end" if gap.phase == "outcome" else f"at step {gap.step + 1} of {len(d.plan.steps)}"
    one, other = different_digits(gap)
    rounding = ", the size of float32 rounding" if d.dtype == "float64" and 0 < gap.difference <= 1.2e-7 else ""
    return (
        f"{gap.tensor}{place} {when}, {d.mode} ({gap.phase}): {one} in the reference, {other} {here}; "
        f"off by {gap.difference:.1e} of the largest entry{rounding}, {gap.bound:.0e} is allowed."
    )


def different_digits(gap: Gap) -> tuple[str, str]:
    """The two numbers of a place, with as many digits as it takes to see that they are different."""
    for digits in (9, 12, 15, 17):
        one, other = f"{gap.value_a:.{digits}g}", f"{gap.value_b:.{digits}g}"
        if one != other:
            break
    return one, other


def _agreement(d: Diagnosis, explanation: Explanation) -> str:
    if explanation.traps == ("float32-inside",) and explanation.difference > 1e-11:
        return f"is within what float32 allows on all {len(d.plan.steps)} steps, and every number here has 24 bits"
    if explanation.until is not None:
        own = (
            f"the training on its own up to step {explanation.until} only"
            if explanation.until
            else "not that on its own"
        )
        return f"explains all {len(d.plan.steps)} steps in step to {explanation.difference:.0e}, {own}"
    return f"explains all {len(d.plan.steps)} steps to {explanation.difference:.0e}"


def _kinds(best: Explanation) -> str:
    """What kind of finding each cause is, where it is no fault."""
    told = [f"{cause.trap.name} is {OF_KIND[cause.kind][0]}" for cause in best.causes if cause.kind != FAULT]
    if not told:
        return ""
    mistake = "" if FAULT in best.kinds else ", no mistake"
    return f"{'; '.join(told)}{mistake}."


def _unseen(d: Diagnosis, best: Explanation) -> str:
    """Where only weights are seen, the size of a gradient is that of the update over the configured rate."""
    if d.unseen and any(cause.trap.theme == "loss" for cause in best.causes):
        return "The gradient is not shown: it was read from the update and the learning rate that the config names."
    return ""


def _unexplained(d: Diagnosis, framework: str) -> list[str]:
    lines = ["No trap in the catalogue explains it all. Phase by phase:", *_phases(d)]
    partly = [cause for phase in d.phases for cause in phase.causes]
    if partly:
        lines += [""]
        for cause in partly:
            lines += _about(cause, d.plan, framework)
    return [*lines, f"Tried: {_tried(d)}."]


def _phases(d: Diagnosis) -> list[str]:
    """A line for each phase, and what is true of what is left."""
    lines = []
    for phase in d.phases:
        lines.append(f"  {phase.name}: {_state(phase)}")
        lines += [f"    {fact}" for fact in phase.facts]
    return lines


def _state(phase: Phase) -> str:
    names = " together with ".join(cause.label for cause in phase.causes)
    if phase.state == EXPLAINED:
        return f"explained by {names}"
    if phase.state == UNEXPLAINED:
        part = f"{names} " if names else ""
        return (
            f"unexplained; {part}{phase.until}"
            if phase.until
            else f"unexplained{f' but in part by {names}' * bool(names)}"
        )
    return {"not judged": "not to be judged while the phase before it differs"}.get(phase.state, phase.state)


def _about(cause: Hypothesis, plan: Plan, framework: str) -> list[str]:
    trap = cause.trap
    here = [framework] if framework in FRAMEWORKS else list(FRAMEWORKS)
    told = sorted(FRAMEWORKS, key=lambda name: name not in here) if trap.either else here
    follow = {"torch": ", to follow Keras", "keras": ", to follow PyTorch"} if trap.either else {}
    mends = [f"  In {FRAMEWORKS[name]}{follow.get(name, '')}: {cause.mend(name, plan)}" for name in told]
    return [f"{trap.name}: {trap.title}.", f"  {trap.why}", f"  Source: {trap.source}", *mends, ""]


def _tried(d: Diagnosis) -> str:
    pairs = f", {d.pairs_tried} pairs in one phase" if d.pairs_tried else ""
    ended = "" if d.complete else "; the time was over before all had been tried"
    return f"{d.tried} trainings with a trap more{pairs}{ended}"
