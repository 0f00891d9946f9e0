"""The causes of the differences that a run has found in the implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from compare.traps.diagnose import diagnose, explain

if TYPE_CHECKING:
    import pandas as pd

    from compare.ledger.run import Ledger, Suspect

MOST = 3  # diagnoses in a run: one bug shows in many scenarios


def chosen(ledger: Ledger) -> list[Suspect]:
    """The suspects worth a diagnosis: of each implementation the shortest training, float64 before float32."""
    suspects = [suspect for finding in ledger.findings.values() for suspect in finding.suspects]
    suspects.sort(key=lambda s: (s.dtype != "float64", len(s.plan.steps) * s.reference.params.shape[1]))
    first = {suspect.implementation: suspect for suspect in reversed(suspects)}
    return list(first.values())[:MOST]


def find_causes(ledger: Ledger, show: Callable[[int, int, str], None] = lambda done, total, what: None) -> pd.DataFrame:
    """One row for each diagnosis. Columns: scenario, implementation, dtype, cause (empty if none was found), text."""
    import pandas as pd

    suspects, rows = chosen(ledger), []
    for number, s in enumerate(suspects):
        show(number, len(suspects), f"{s.implementation} in {s.scenario}")
        found = diagnose(s.plan, s.reference, stepped=s.stepped, own=s.own, dtype=s.dtype)
        row = {"scenario": s.scenario, "implementation": s.implementation, "dtype": s.dtype, "cause": found.cause}
        rows.append(row | {"text": explain(found, s.implementation)})
    show(len(suspects), len(suspects), "")
    return pd.DataFrame(rows)
