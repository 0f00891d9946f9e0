"""What of a comparison is kept for a map of steps by tensors: of every tensor the worst entry of every few steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from compare.ledger.parity import Comparison, Gap

MOST_COLUMNS = 60  # of a map: longer trainings have several steps in one
COLUMNS = ("phase", "tensor", "step", "index", "value_a", "value_b", "difference", "used")
NUMBERS = {"step": "int32", "difference": "float32", "used": "float32"}  # stored shorter than they come


def steps_a_column(steps: int) -> int:
    """How many steps share a column of the map of a training of ``steps`` steps."""
    return max(1, -(-steps // MOST_COLUMNS))


def worst_places(gaps: Iterable[Gap], steps: int) -> list[Gap]:
    """Of every tensor and column of the map the gap that used most of its bound, in the order of the gaps."""
    width = steps_a_column(steps)
    worst: dict[tuple[str, str, int], Gap] = {}
    for gap in gaps:
        key = gap.phase, gap.tensor, (gap.number - 1) // width
        if key not in worst or gap.used > worst[key].used:
            worst[key] = gap
    return list(worst.values())


def table(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """One row for each place kept: scenario, dtype, mode, a, b and COLUMNS; ``index`` as in "3 1", empty for a number.

    The values are float64, so that the last digit can be seen; shares and differences need fewer digits.
    """
    import pandas as pd

    rows = [
        (
            *comparison.labels.values(),
            gap.phase,
            gap.tensor,
            gap.number,
            " ".join(map(str, gap.index)),
            gap.value_a,
            gap.value_b,
            gap.difference,
            gap.used,
        )
        for comparison in comparisons
        for gap in comparison.places
    ]
    frame = pd.DataFrame(rows, columns=["scenario", "dtype", "mode", "a", "b", *COLUMNS])
    return frame.astype(NUMBERS)
