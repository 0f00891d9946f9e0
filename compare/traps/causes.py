"""The causes of the differences that a run has found in the implementations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from compare.ledger.alone import odd_one_out, standing
from compare.traps.diagnose import diagnose
from compare.traps.words import explain, explain_reference

if TYPE_CHECKING:
    import pandas as pd

    from compare.ledger.run import Ledger, Suspect
    from shared.scenarios import Plan

MOST = 3  # diagnoses in a run: one bug shows in many scenarios


def accused(ledger: Ledger, suspect: Suspect) -> str:
    """Who is at fault: a suspect differs from the reference, but where that stands alone, it is the reference."""
    finding = ledger.findings[suspect.scenario]
    alone = odd_one_out(finding.comparisons)
    return alone if alone and alone == finding.reference else suspect.implementation


def chosen(ledger: Ledger) -> list[Suspect]:
    """The suspects worth a diagnosis: of each that is accused the one that differs first, as the ledger orders them."""
    places = [(c.scenario, c.dtype) for c in ledger.differing]
    suspects = [suspect for finding in ledger.findings.values() for suspect in finding.suspects]
    first: dict[str, Suspect] = {}
    for suspect in sorted(suspects, key=lambda s: places.index((s.scenario, s.dtype))):
        first.setdefault(accused(ledger, suspect), suspect)
    return list(first.values())[:MOST]


def _untaken(suspect: Suspect) -> str:
    """What an implementation did not take of what it was given: what follows from it needs no other cause."""
    u = suspect.stepped.untaken[0]
    place = f" {list(u.place)}" if u.place else ""
    return (
        f"{suspect.implementation} did not take the state: before step {u.step + 1} it was given {u.given:.12g} as "
        f"{u.tensor}{place}, and has {u.found:.12g}. Look at its set_params and set_state.\n"
    )


# The fields of Config that say what each phase has to do.
_FIELDS = {
    "forward": "activation batch_norm",
    "loss": "loss reduction label_smoothing class_weights dropout batch_norm",
    "gradient": "activation loss reduction class_weights dropout batch_norm",
    "update": "optimizer momentum beta1 beta2 epsilon weight_decay clip_value clip_norm schedule",
}
_RULES = {"momentum": ("momentum", "nesterov"), "beta1": ("adam", "adamw"), "beta2": ("adam", "adamw", "rmsprop")}
_RULES["epsilon"] = (*_RULES["beta2"], "adagrad")


def _config_says(plan: Plan, phase: str) -> str:
    """The fields that say what a phase has to do, where they are set, with the sentence that the templates have."""
    from impls import mlp_numpy

    config = mlp_numpy.Config(**plan.config)
    meaning = dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(mlp_numpy.Config), flags=re.MULTILINE))
    said = []
    for name in _FIELDS.get(phase, _FIELDS["update"]).split():
        value = getattr(config, name)
        if value not in (None, False, 0.0, "constant") and config.optimizer in _RULES.get(name, (config.optimizer,)):
            choice = name in ("activation", "loss", "optimizer", "schedule", "reduction")  # The name says it.
            said.append(f"{name} {value}" if choice else f"{name} {value} ({meaning[name].rstrip('.')})")
    return "; ".join(said) + "."


def find_causes(ledger: Ledger, show: Callable[[int, int, str], None] = lambda done, total, what: None) -> pd.DataFrame:
    """One row for each diagnosis. Columns: scenario, implementation, dtype, cause (empty if none was found), text.

    The implementation is the one at fault. Where that is the reference, the cause is empty: every hypothesis is built
    on the reference, and the text says what can be said all the same.
    """
    import pandas as pd

    suspects, rows = chosen(ledger), []
    for number, s in enumerate(suspects):
        name = accused(ledger, s)
        show(number, len(suspects), f"{name} in {s.scenario}")
        if s.stepped.untaken:
            rows.append(
                {"scenario": s.scenario, "implementation": name, "dtype": s.dtype, "cause": "", "text": _untaken(s)}
            )
            continue
        found = diagnose(s.plan, s.reference, stepped=s.stepped, own=s.own, dtype=s.dtype)
        innocent = name != s.implementation
        finding = ledger.findings[s.scenario]
        said = explain_reference(found, name, s.implementation) if innocent else explain(found, s.implementation)
        held = f", so float32 is held against {finding.ground}" if finding.ground not in ("", finding.reference) else ""
        who = f"Who differs: {standing(finding.comparisons)}; the reference is {finding.reference}{held}.\n"
        if found.first and odd_one_out(finding.comparisons):
            who += f"What decides is the Config: {_config_says(s.plan, found.first.phase)}\n"
        row = {"scenario": s.scenario, "implementation": name, "dtype": s.dtype}
        rows.append(row | {"cause": "" if innocent else found.cause, "text": who + said})
    show(len(suspects), len(suspects), "")
    return pd.DataFrame(rows)
