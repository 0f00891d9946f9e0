"""The Rosetta page: a network's programs side by side, each line with the numbers that it computed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from compare.programs.examples import NETWORKS
from compare.programs.program import FORMS, FRAMEWORKS, SECTIONS, Program
from compare.programs.record import SHOWN, Run, Runs, differences, record, summary
from compare.report import assets
from compare.report.blocks import Figure, Panel
from compare.report.figures import styles_of
from compare.report.marks import Line, Lines, shortened
from compare.report.page import inline_svg, page_environment, swatch, write_whole

PAGE = Path(__file__).resolve().parents[2] / "reports" / "rosetta" / "index.html"


def write_rosetta(path: Path = PAGE) -> None:
    """Run the programs of the committed networks and write the page; ValueError where one cannot be shown."""
    write_whole(path, html(record(NETWORKS)).encode())


def html(runs: Runs) -> str:
    """The page of these runs."""
    environment = page_environment()
    environment.globals |= {"svg": inline_svg, "swatch": swatch}
    names = list(dict.fromkeys(network for network, _, _ in runs))
    data = {name: {form: _data(_beside(runs, name, form)) for form in FORMS} for name in names}
    return environment.get_template("rosetta.html.j2").render(
        css=assets.style("page.css", "tables.css", "figures.css", "rosetta.css"),
        js=assets.script("rosetta.js"),
        data=assets.island({"frameworks": FRAMEWORKS, "steps": SHOWN, "networks": data}),
        networks=[_network(runs, name) for name in names],
        frameworks=FRAMEWORKS,
    )


def _beside(runs: Runs, network: str, form: str) -> dict[str, Run]:
    """The runs of one network in one form, by framework."""
    return {name: runs[network, form, name] for name in FRAMEWORKS if (network, form, name) in runs}


def _data(runs: dict[str, Run]) -> dict[str, Any]:
    """What the script shows: texts, and by role each framework's numbers and the differences, step by step."""
    numbers = {name: run.numbers for name, run in runs.items()}
    found: dict[str, Any] = {}
    for role in dict.fromkeys(role for each in numbers.values() for role in each):
        steps = max(len(each[role]) for each in numbers.values() if role in each)
        found[role] = {
            "by": {name: [summary(a) for a in each[role]] for name, each in numbers.items() if role in each},
            "gaps": [differences(numbers, role, step) for step in range(steps)],
        }
    return {"texts": {name: run.program.text for name, run in runs.items()}, "roles": found}


def _network(runs: Runs, name: str) -> dict[str, Any]:
    """What the template shows of one network."""
    spec = next(run.spec for (network, _, _), run in runs.items() if network == name)
    forms = {}
    for form in FORMS:
        beside = _beside(runs, name, form)
        forms[form] = {
            "rows": [_row(beside, section) for section in SECTIONS],
            "figure": _losses(name, form, beside),
            "differences": {key: _named(run) for key, run in beside.items()} if form == "native" else {},
            "diffs": {key: _diff(runs, name, key) for key in beside} if form == "native" else {},
            "shown": {key: run.proof.lines()[0] for key, run in beside.items()},
            "printed": {key: run.test_loss for key, run in beside.items()},
            "numbers": _data(beside)["roles"],
        }
    sizes = "-".join(map(str, spec.layer_sizes))
    about = f"{sizes}, {spec.config.activation}, {spec.config.loss.replace('_', ' ')}, {spec.config.optimizer}"
    return {"name": name, "title": spec.title, "about": about, "forms": forms}


def _row(runs: dict[str, Run], section: str) -> dict[str, Any]:
    """One section of all programs: their lines as code, comment, reason and roles."""
    cells = {}
    for name, run in runs.items():
        lines = next(part.lines for part in run.program.sections if part.name == section)
        cells[name] = [
            {
                "code": line.text.partition("  # ")[0] if not line.text.lstrip().startswith("#") else "",
                "comment": _comment(line.text),
                "reason": line.reason,
                "roles": run.roles.get((section, place), []),
            }
            for place, line in enumerate(lines)
        ]
    return {"section": section, "cells": cells}


def _comment(text: str) -> str:
    if text.lstrip().startswith("#"):
        return text
    _, mark, said = text.partition("  # ")
    return mark + said


def _named(run: Run) -> list[dict[str, str]]:
    """The differences of a native program from the reference: a name, what one sees and why."""
    others = [{"name": other, "why": ""} for other in run.proof.others]
    return others + [
        {"name": cause.label, "why": f"{cause.trap.title}: {cause.trap.why}"} for cause in run.proof.causes
    ]


def _diff(runs: Runs, network: str, framework: str) -> list[str]:
    """How the native program becomes the equal one: the mend of every difference, as lines of a diff."""
    native, equal = (_body(runs[network, form, framework].program) for form in FORMS)
    return list(difflib.unified_diff(native, equal, "native", "equal", lineterm="", n=1))


def _body(program: Program) -> list[str]:
    """A program's lines without its docstring."""
    text = program.text
    return text[text.index('"""\n', 3) + 4 :].splitlines()


def _losses(network: str, form: str, runs: dict[str, Run]) -> Figure:
    """Each framework's loss curve, on top of each other."""
    styles = styles_of([FRAMEWORKS[name] for name in runs])

    lines = [
        Line(FRAMEWORKS[name], list(range(1, len(run.losses) + 1)), shortened(run.losses)) for name, run in runs.items()
    ]
    title = f"{network}: the loss of each step's batch"
    return Figure(
        f"{network}-{form}", title, [Panel(form, Lines(lines, "training step", "loss"))], legend=styles, size=(6.4, 2.6)
    )
