"""What is known of a candidate at the end, in words and as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.ledger.parity import Comparison
    from compare.traps.diagnose import Diagnosis
    from shared.scenarios import Plan

ACCEPTABLE = {"defaults": "default", "conventions": "convention"}  # kinds of findings, by the name for all of a kind


@dataclass
class Answer:
    """What is known of a candidate at the end; `as_json` documents the keys of --json."""

    file: str
    dtype: str
    title: str = ""
    framework: str = ""
    plan: Plan | None = None
    data: str = ""
    notes: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    equal_on: list[str] = field(default_factory=list)  # the scenarios before this one, where there are several
    diagnosis: Diagnosis | None = None
    explanation: str = ""
    but_for: str = ""  # where no cause is a fault, the verdict in a sentence
    to_do: str = ""  # where one is, the verdict and the line that mends it
    accepted: bool = False
    error: str = ""
    exit: int = 0

    def accept(self, names: list[str]) -> None:
        """Let what is known of the difference be as it is, if all of it is named: a trap's name, or that of its kind.

        A fault has to be named itself.
        """
        kinds = {ACCEPTABLE[name] for name in names if name in ACCEPTABLE}
        causes = self.diagnosis.explanations[0].causes if self.diagnosis and self.diagnosis.explanations else ()
        if self.exit == 1 and causes and all(cause.trap.name in names or cause.kind in kinds for cause in causes):
            self.exit, self.accepted = 0, True

    @property
    def verdict(self) -> str:
        """Equal, equal but for defaults or conventions or both, differs, or no answer."""
        if self.error:
            return "no answer"
        if self.but_for and self.diagnosis:
            kinds = [name for name, kind in ACCEPTABLE.items() if kind in self.diagnosis.kinds]
            return f"equal but for {' and '.join(kinds)}"
        return "differs" if self.first else "equal"

    @property
    def first(self) -> tuple[str, Any] | None:
        """The mode and the first place that differs."""
        return next(((c.mode, c.first) for c in self.comparisons if c.first), None)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data.

        file, dtype: what was asked. exit: the command's status. verdict: "equal", "equal but for defaults", "equal but
        for conventions" (or both), "differs" or "no answer"; error: why there is none. accepted: whether what differs
        is what --accept names. title, framework: what the candidate is. scenario: its name, data, config and steps;
        equal_on: those before it, for a model that is built for any. notes: what to know of the verdict. modes: for
        each, the worst difference of every phase and its share of the bound. not_compared: what the candidate does not
        show. first: the first place that differs. diagnosis: the causes, the best first, with their kinds and the
        difference that is left under each; a scenario that tells the first two apart; where nothing explains it all,
        what is known of each phase and facts; what was tried. text: the answer as printed.
        """
        return {
            "file": self.file,
            "dtype": self.dtype,
            "exit": self.exit,
            "verdict": self.verdict,
            "accepted": self.accepted,
            "error": self.error,
            "title": self.title,
            "framework": self.framework,
            "scenario": self._scenario(),
            "equal_on": self.equal_on,
            "notes": self.notes,
            "modes": {c.mode: {gap.phase: _gap(gap) for gap in c.worst} for c in self.comparisons},
            "not_compared": self.blind,
            "first": {"mode": self.first[0], **_gap(self.first[1])} if self.first else None,
            "diagnosis": self._diagnosis(),
            "text": self.text,
        }

    def _scenario(self) -> dict[str, Any] | None:
        if self.plan is None:
            return None
        name = self.plan.scenario.name
        return {"name": name, "data": self.data, "config": self.plan.config, "steps": len(self.plan.steps)}

    def _diagnosis(self) -> dict[str, Any] | None:
        d = self.diagnosis
        if d is None:
            return None
        causes = [
            {"traps": list(e.traps), "kinds": [c.kind for c in e.causes], "label": e.label, "difference": e.difference}
            for e in d.explanations
        ]
        phases = [
            {"phase": p.name, "state": p.state, "traps": [c.trap.name for c in p.causes], "until": p.until}
            for p in d.phases
        ]
        return {
            "cause": d.cause,
            "explanations": causes,
            "telling": d.telling,
            "phases": phases,
            "facts": d.facts,
            "tried": d.tried,
            "pairs_tried": d.pairs_tried,
            "complete": d.complete,
        }

    @property
    def text(self) -> str:
        """The answer in words."""
        if self.error:
            return f"check.py: {self.error}"
        lines = [*self._about(), *(f"Note: {note}." for note in self.notes)]
        if self.blind:
            lines.append(f"Not compared, since the model does not show it: {', '.join(self.blind)}.")
        if self.accepted:
            lines += ["", f"Accepted: {self.but_for or 'it differs as --accept names it.'}"]
        elif self.but_for or self.to_do:
            lines += ["", self.but_for or self.to_do]
        return "\n".join([*lines, "", self.explanation or self._equal()])

    def _about(self) -> list[str]:
        assert self.plan
        if self.equal_on and not self.first:
            return [f"{self.file}: {self.title}, held against the reference in {self.dtype}"]
        c = self.plan.config
        options = ", ".join(f"{name} {_value(v)}" for name, v in c.items() if name not in ("layer_sizes", "seed"))
        size = "-".join(map(str, c["layer_sizes"]))
        return [
            f"{self.file}: {self.title}, held against the reference {size} on {self.data} in {self.dtype}",
            f"  {options}",
        ]

    def _equal(self) -> str:
        assert self.plan
        if self.equal_on:
            names = [*self.equal_on, self.plan.scenario.name]
            return f"Equal on all {len(names)} scenarios: {', '.join(names)}."
        worst = max((gap for c in self.comparisons for gap in c.worst), key=lambda gap: gap.used)
        modes = " and ".join(c.mode for c in self.comparisons)
        used = f"{worst.used:.0%}" if worst.used >= 0.01 else "under 1%"
        return (
            f"Equal: {len(self.plan.steps)} steps, {modes}. The largest difference is {worst.difference:.0e} of the "
            f"largest entry ({worst.tensor}), {used} of what is allowed."
        )


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_value, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _gap(gap: Any) -> dict[str, Any]:
    """A place in JSON; steps count from 1, as in the text."""
    keys = ("phase", "tensor", "difference", "bound", "used")
    values = {key: getattr(gap, key) for key in keys}
    place = {"step": gap.step + 1, "index": list(gap.index), "reference": gap.value_a, "candidate": gap.value_b}
    return {key: _finite(value) for key, value in (values | place).items()}


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    return str(value) if isinstance(value, float) and not abs(value) < float("inf") else value
