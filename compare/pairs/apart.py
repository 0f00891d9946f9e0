"""Two networks from scratch whose updates differ: each is told by its own updates, and what is told is compared."""

from __future__ import annotations

from typing import Any

from compare.pairs import from_scratch, rules
from compare.pairs.findings import Finding
from compare.pairs.runs import Runs
from compare.watch.plan_loss import Inexpressible, loss_of
from compare.watch.plan_network import network_of
from compare.watch.recording import Recording

WORDS = {"activation": "activation", "loss": "loss-function"}  # a field, and what a difference in it is called


def compared(runs: Runs, lines: tuple) -> tuple[list[Finding], rules.Rule, rules.Rule] | None:
    """The activations and losses that differ, and both rules; None where one of the two is not told."""
    if "numpy" not in (runs.a.framework, runs.b.framework):
        return None
    try:
        one, other = _told(runs.a, runs.driven_a), _told(runs.b, runs.driven_b)
    except (Inexpressible, ValueError):
        return None
    found = []
    for field, name in WORDS.items():
        x, y = one[0][field], other[0][field]
        if x != y:
            text = f"{field}, told by the updates: {_said(x)} against {_said(y)}"
            found.append(Finding("steps", name, "fault", text, lines, 1.0, f"{field} {_said(x)}"))
    return found, one[1], other[1]


def _told(r: Recording, driven: Recording) -> tuple[dict[str, Any], rules.Rule]:
    if r.framework == "numpy":
        found = from_scratch.told(r)
        return {"activation": "none", **found.network}, found.rule
    network = network_of(r)
    loss, _ = loss_of(r, driven, network.last)
    rule = rules.declared(r) or rules.fit(rules.course(driven.steps))
    if rule is None:
        raise Inexpressible("its update is none that is known")
    return {"activation": "none", **network.fields, "loss": loss}, rule


def _said(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
