"""A training script, as it stands, held against the reference: on its own batches, from its own weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.candidates.answer import Answer
from compare.candidates.hold import explain_difference, may_be_float32
from compare.run.scratch import scratch
from compare.usage import UsageError

if TYPE_CHECKING:
    from compare.watch.plan_network import Network
    from compare.watch.recording import Recording
    from compare.watch.supplied import Supply


def hold_script(path: Path, scenario: str | None, dtype: str | None, steps: int, limit: float, given: Supply) -> Answer:
    """Hold a training script against the reference; UsageError where the reference cannot be its network.

    Stopped if it gives no recording.
    """
    from compare.ledger.parity import on_its_own
    from compare.traps.scenarios import Case
    from compare.watch.plan import WHERE, drive_of, planned, trace_of
    from compare.watch.plan_loss import Inexpressible, loss_of
    from compare.watch.plan_network import network_of
    from compare.watch.process import ScriptProcess

    if scenario or dtype == "float32":
        option = "--scenario" if scenario else "--dtype float32"
        raise UsageError(
            f"{option} is for a file with candidate(): {path.name} is a script, on its own data in float64"
        )
    with scratch() as work, (process := ScriptProcess(path, given, limit, work)):
        process.watch(steps, 0.0)
        seen = process.recording()
        answer = Answer(str(path), "float64", "a script as it stands", seen.framework)
        try:
            if seen.framework == "numpy":
                return check_from_scratch(answer, seen)
            network = network_of(seen)  # So that what it cannot be is said before it is run once more.
            process.drive(drive_of(seen))
            driven = process.recording()
            loss, place = loss_of(seen, driven, network.last)
            for step in seen.steps:
                step.targets = step.targets[place : place + 1]
            plan = planned(seen, network.order, network.fields | {"loss": loss} | update_of(seen, driven))
            case = Case(plan)
            trace, blind = trace_of(driven, plan, case.reference, network)
        except Inexpressible as error:
            raise UsageError(
                f"{path.name}: the reference cannot be this network: {error}; two scripts can be held against each "
                "other all the same: check.py original.py port.py"
            ) from None
    answer.plan, answer.data = plan, plan.dataset.name
    answer.notes, answer.blind = [*seen.notes, *notes_on(seen, network)], sorted(blind)
    for answer.dtype in ("float64", "float32"):  # A framework may keep constants, as Keras its rate, in float32.
        names = ("reference", path.name)
        answer.comparisons = [on_its_own(case.ruler, answer.dtype, names, case.reference, trace, blind)]
        if not answer.first:
            return answer
        explain_difference(answer, case.reference, {"on its own": trace})
        if (answer.diagnosis and answer.diagnosis.cause) or not may_be_float32(answer):
            break
    answer.exit = 1
    phase = answer.first[1].phase if answer.first else ""
    if line := seen.lines.get(WHERE.get(phase, ""), seen.lines.get("model")):
        answer.explanation += f"\n\nIn the script: {line}."
    return answer


def notes_on(seen: Recording, network: Network) -> list[str]:
    """What of a network does nothing."""
    names = ", ".join(seen.parameters[p].name for p in network.idle)
    return [f"{names}: a normalisation takes out what this adds, so that it is never trained"] if names else []


def update_of(seen: Recording, driven: Recording) -> dict[str, Any]:
    """The Config's fields of the update: as the optimizer is set, or as the script's own updates tell.

    The driven script's optimizer, which is in float64: Keras keeps its rate in the weights' precision.
    """
    from compare.pairs import from_scratch, rules
    from compare.watch.plan_loss import Inexpressible
    from compare.watch.plan_optimizer import clipping_of, optimizer_of

    if seen.optimizer:
        return optimizer_of(driven) | clipping_of(driven)
    rule = rules.fit(rules.course(driven.steps))
    if rule is None:
        raise Inexpressible("it updates its weights itself, by no rule that is known")
    return from_scratch.fields_of(rule, seen)


def check_from_scratch(answer: Answer, seen: Recording) -> Answer:
    """Hold a NumPy script, as it ran, against the reference: nothing of it is run again, since it is in float64."""
    from compare.ledger.parity import on_its_own
    from compare.pairs import from_scratch
    from compare.traps.scenarios import Case

    plan, notes = from_scratch.plan_of(seen)
    case = Case(plan)
    trace, blind = from_scratch.trace_of(seen, plan, case.reference)
    answer.plan, answer.data = plan, plan.dataset.name
    answer.notes, answer.blind = [*seen.notes, *notes], sorted(blind)
    names = ("reference", seen.script)
    answer.comparisons = [on_its_own(case.ruler, answer.dtype, names, case.reference, trace, blind)]
    if answer.first:
        answer.exit = 1
        explain_difference(answer, case.reference, {"on its own": trace})
        answer.explanation += f"\n\nIn the script: {seen.lines.get('step')}."
    return answer
