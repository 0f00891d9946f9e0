"""What two scripts differ in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compare.watch.recording import Line

STAGES = ("data", "network", "start", "steps", "evaluation")
KINDS = ("fault", "default", "convention")


@dataclass
class Finding:
    """One difference.

    `kind` says whose it is: a fault is somebody's mistake, or a choice that only one of the two made; a default is what
    a framework does unless told; a convention is another way to write the same.
    """

    stage: str
    name: str  # short, for machines: "optimizer-epsilon"
    kind: str
    text: str  # one sentence with the figures of both
    lines: tuple[Line | None, Line | None] = (None, None)
    size: float = 0.0  # how far the two are apart where it shows first, relative to the largest entry
    mend: str = ""  # what to change in the second script
    effect: dict[str, Any] = field(default_factory=dict)  # what it makes of the final loss, where that was tried

    @property
    def counts(self) -> bool:
        """Whether it makes the two different programs."""
        return self.kind != "convention"

    def as_json(self) -> dict[str, Any]:
        places = [None if line is None else {"file": line.file, "line": line.number} for line in self.lines]
        keys = ("stage", "name", "kind", "text", "size", "mend", "effect")
        return {**{key: getattr(self, key) for key in keys}, "lines": places}
