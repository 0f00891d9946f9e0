"""Bugs planted in the templates themselves, a line replaced by what somebody might have written there."""

from __future__ import annotations

import linecache
import sys
import tempfile
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

from compare.ledger import adapters, parity, trace
from compare.ledger.calls.run import MOST_ROWS, first_wrong
from compare.ledger.run import READ_BACK
from compare.traps.broken_lines import CALLS, PLANTED, Planted
from shared import scenarios
from shared.datasets import load

IMPLS = Path(__file__).resolve().parents[2] / "impls"
STEPS = 8  # of the scenario, enough for every one of them to show


def broken_template(bug: Planted) -> types.ModuleType:
    """The template as a module of its own with the bug in it; ValueError if it has no such line."""
    source = (IMPLS / f"mlp_{bug.template}.py").read_text(encoding="utf-8")
    if bug.line not in source:
        raise ValueError(f"mlp_{bug.template}.py has no line {bug.line!r} to break")
    broken = source.replace(bug.line, bug.instead, 1)
    module = types.ModuleType(f"broken_{bug.template}")
    sys.modules[module.__name__] = module  # Where dataclasses look for it.
    linecache.cache[module.__name__] = (
        len(broken),
        None,
        broken.splitlines(True),
        module.__name__,
    )  # TensorFlow reads it.
    exec(compile(broken, module.__name__, "exec"), module.__dict__)
    return module


def ruler_of(scenario_name: str) -> parity.Ruler:
    """The bounds of the first steps of a scenario, from the NumPy template."""
    scenario = replace(scenarios.get(scenario_name), steps=STEPS)
    plan = scenarios.plan(scenario, load(scenario.dataset))

    def build(params: trace.Layers) -> trace.Implementation:
        return adapters.build("numpy", plan.config | {"dtype": "float64"}, params)

    return parity.Ruler(plan, trace.record(build(plan.params), plan), trace.amplification(build, plan))


def place_of(bug: Planted) -> dict[str, Any] | None:
    """Where the broken template differs first: step (from 1; 0 in a call), phase, tensor, difference. None if nowhere.

    In step with the reference on the bug's scenario, or in what users call.
    """
    template = broken_template(bug)
    if bug.scenario == CALLS:
        with tempfile.TemporaryDirectory() as folder:
            row = first_wrong(template, Path(folder), MOST_ROWS[bug.template])
        if row is None:
            return None
        return {
            "step": 0,
            "phase": row["call"],
            "tensor": row["what"] or row["message"],
            "difference": row["difference"],
        }
    ruler = ruler_of(bug.scenario)
    model = template.MLP(template.Config(**ruler.plan.config, dtype=bug.dtype), ruler.plan.params)
    trace.record(model, ruler.plan, whole=False)  # As in a run: what it takes afterwards is not what it had.
    found = trace.record(model, ruler.plan, ruler.reference, read_back=READ_BACK)
    first = parity.in_step(ruler, bug.dtype, ("numpy", f"broken {bug.template}"), ruler.reference, found).first
    if first is None:
        return None
    return {"step": first.number, "phase": first.phase, "tensor": first.tensor, "difference": first.difference}


def run(implementation: str, job: dict[str, Any]) -> dict[str, Any]:
    """A worker's part: compare the bug of this number, and say where it showed."""
    bug = PLANTED[job["number"]]
    place = place_of(bug)
    nowhere = {"step": -1, "phase": "", "tensor": "", "difference": 0.0}
    return {
        "template": bug.template,
        "scenario": bug.scenario if bug.dtype == "float64" else f"{bug.scenario}, {bug.dtype}",
        "line": " ".join(bug.line.split()),
        "instead": " ".join(bug.instead.split()) or "(nothing)",
        "caught": place is not None,
        "placed": is_placed(bug, place),
        **(place or nowhere),
    }


def is_placed(bug: Planted, place: dict[str, Any] | None) -> bool:
    """Whether a bug showed where it must."""
    return place is not None and place["phase"] == bug.phase and place["tensor"].startswith(bug.tensor)
