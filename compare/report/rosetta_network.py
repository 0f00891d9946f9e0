"""One network of the Rosetta page: its programs side by side, with what is known of each line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compare.programs.mends import OTHER, PRECISION, mends
from compare.programs.networks import covering
from compare.programs.program import FORMS, FRAMEWORKS, SECTIONS, Program, program
from compare.programs.roles import Roles, roles
from compare.programs.spec import Spec
from compare.report.blocks import Figure, Panel
from compare.report.figures import styles_of
from compare.report.marks import Line, Lines, shortened
from compare.report.numbers import number

_OTHERS = {
    PRECISION: "Beside these the program computes in float32, which was set to float64 while it was recorded.",
    OTHER: "Lines of the equal form that mend nothing here.",
}
_NO_SIZE = "not a number: one of the two trainings left the numbers"


@dataclass(frozen=True)
class Shown:
    """A record with its programs, written anew."""

    spec: Spec
    record: dict[str, Any]

    def program(self, form: str, framework: str) -> Program:
        return program(framework, self.spec, form, self.record["forms"][form][framework]["about"])

    @property
    def of_now(self) -> bool:
        """Whether the programs in the record are those that would be written now."""
        forms = self.record["forms"]
        return all(
            forms[form][name]["text"] == each.text for form in FORMS for name, each in self.programs(form).items()
        )

    def programs(self, form: str) -> dict[str, Program]:
        """The programs of a form that could be shown, by framework."""
        here = self.record["forms"][form]
        return {name: self.program(form, name) for name in FRAMEWORKS if "text" in here.get(name, {})}


def about(spec: Spec) -> str:
    """A network in a few words."""
    c = spec.config
    said = ["-".join(map(str, spec.layer_sizes)), activations(spec), c.loss.replace("_", " "), c.optimizer]
    said += [f"{c.schedule} rate"] * (c.schedule != "constant") + ["class weights"] * bool(c.class_weights)
    return ", ".join(said + [regularisation(spec)] * (regularisation(spec) != "none"))


def activations(spec: Spec) -> str:
    """The hidden layers' activations, or the one that all have."""
    c = spec.config
    return ", ".join(c.activation) if isinstance(c.activation, tuple) else c.activation


def regularisation(spec: Spec) -> str:
    """What keeps a network from learning its samples by heart, or steadies it."""
    c = spec.config
    kept = {"weight decay": c.weight_decay, "dropout": c.dropout, "batch norm": c.batch_norm}
    return " + ".join(name for name, used in kept.items() if used) or "none"


def title(spec: Spec) -> str:
    """What a network is there for."""
    return "options that meet" if spec.name in covering() else spec.title


def kinds(spec: Spec, group: str) -> dict[str, str]:
    """By what a reader picks a network."""
    c = spec.config
    return {
        "from": group,
        "dataset": spec.source.dataset,
        "activation": activations(spec),
        "loss": c.loss.replace("_", " "),
        "optimizer": c.optimizer,
        "regularisation": regularisation(spec),
    }


def viewed(shown: Shown) -> dict[str, Any]:
    """What the template shows of a network."""
    return {
        "name": shown.spec.name,
        "title": title(shown.spec),
        "about": about(shown.spec),
        "forms": {form: _form(shown, form) for form in FORMS},
    }


def _form(shown: Shown, form: str) -> dict[str, Any]:
    programs, here = shown.programs(form), shown.record["forms"][form]
    runs = {name: here[name] for name in programs}
    numbers = shown.record["numbers"][form]
    known = {name: roles(each, [role for role, by in numbers.items() if name in by]) for name, each in programs.items()}
    return {
        "rows": [_row(programs, known, section) for section in SECTIONS],
        "faults": {name: here[name]["fault"] for name in FRAMEWORKS if "fault" in here.get(name, {})},
        "figure": losses(shown, form),
        "named": {name: _named(shown, name) for name in programs} if form == "native" else {},
        "shown": {name: run["about"][0].rstrip(":.") for name, run in runs.items()},
        "printed": {name: run["printed"] for name, run in runs.items()},
        "numbers": {
            role: {name: steps[0] for name, steps in by.items()} for role, by in shown.record["numbers"][form].items()
        },
    }


def _row(programs: dict[str, Program], known: dict[str, Roles], section: str) -> dict[str, Any]:
    """One section of all programs: their lines as code, comment, reason and roles."""
    cells = {}
    for name, each in programs.items():
        lines = next(part.lines for part in each.sections if part.name == section)
        cells[name] = [
            {
                "code": line.text.partition("  # ")[0] if not line.text.lstrip().startswith("#") else "",
                "comment": _comment(line.text),
                "reason": line.reason,
                "roles": known[name].get((section, place), []),
            }
            for place, line in enumerate(lines)
        ]
    return {"section": section, "cells": cells}


def _comment(text: str) -> str:
    if text.lstrip().startswith("#"):
        return text
    _, mark, said = text.partition("  # ")
    return mark + said


def _named(shown: Shown, framework: str) -> list[dict[str, Any]]:
    """The differences of a native program: a name, what it is, how much it does and its mend."""
    run = shown.record["forms"]["native"][framework]
    found = [
        {
            "name": each["name"],
            "about": each["about"],
            "size": _NO_SIZE if each["size"] is None else number(each["size"]),
        }
        for each in run["named"]
    ]
    diffs: dict[str, list[str]] = {}
    if framework in shown.programs("equal"):
        native, equal = (shown.program(form, framework) for form in FORMS)
        diffs = mends(native, equal, [each["name"] for each in found])
    found += [{"name": name, "about": said, "size": ""} for name, said in _OTHERS.items() if name in diffs]
    return [each | {"diff": diffs.get(each["name"], [])} for each in found]


def losses(shown: Shown, form: str) -> Figure:
    """Each framework's loss curve, on top of each other."""
    runs = {name: shown.record["forms"][form][name]["losses"] for name in shown.programs(form)}
    styles = styles_of(list(FRAMEWORKS.values()))
    lines = [
        Line(
            FRAMEWORKS[name],
            list(range(1, len(each) + 1)),
            shortened(v if v is not None else float("nan") for v in each),
        )
        for name, each in runs.items()
    ]
    name, title = shown.spec.name, f"{shown.spec.name}: the loss of each step's batch"
    panel = Panel(form, Lines(lines, "training step", "loss"))
    return Figure(f"{name}-{form}", title, [panel], legend=styles, size=(6.4, 2.6))
