"""What is trained with defaults unless something else is asked for."""

from __future__ import annotations

from collections.abc import Sequence

SCENARIOS = ("xor", "moons", "iris", "wine", "breast-cancer", "diabetes", "digits", "spirals-norm")
PAIRS = (("torch", "keras"), ("numpy", "torch"), ("numpy", "keras"))


def pairs(implementations: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of which both take part."""
    return [pair for pair in PAIRS if set(pair) <= set(implementations)]
