"""Which of three implementations stands alone: two agree within their bounds, and the third differs from both."""

from __future__ import annotations

from collections.abc import Sequence

from compare.ledger.parity import Comparison

Place = tuple[str, int, str, str]  # mode, step, phase and tensor of a first difference


def odd_one_out(comparisons: Sequence[Comparison]) -> str | None:
    """The implementation that stands alone in one scenario; None if none does, or if it cannot be told.

    In float64 it is the one that differs, first in one and the same place, from two that agree with each other. Where
    float64 was not asked for or all agree in it, it is the one of three whose float32 run alone differs from the
    float64 reference.
    """
    exact = _places(comparisons, "float64")
    if any(exact.values()):
        agreeing = [pair for pair, place in exact.items() if place is None]
        differing = {place for place in exact.values() if place}
        if len(exact) != 3 or len(agreeing) != 1 or len(differing) != 1:
            return None
        return next(name for name in names(comparisons) if name not in agreeing[0])
    rounded = _places(comparisons, "float32")
    differing_names = [name for (_, name), place in rounded.items() if place]
    return differing_names[0] if len(rounded) == 3 and len(differing_names) == 1 else None


def standing(comparisons: Sequence[Comparison]) -> str:
    """In words, without a full stop: who stands alone in one scenario in which something differs."""
    everyone, odd = names(comparisons), odd_one_out(comparisons)
    if odd:
        agreeing = " and ".join(name for name in everyone if name != odd)
        return f"{odd} stands alone, {agreeing} agree, though two can be wrong in the same way"
    if len(everyone) == 2:
        return "with two implementations it cannot be told which is right"
    return "the comparisons do not tell which of the three is right"


def names(comparisons: Sequence[Comparison]) -> list[str]:
    """The implementations that were compared; the float64 reference of a float32 run is none by that name."""
    return list(dict.fromkeys(name for c in comparisons for name in (c.a, c.b) if name != "float64"))


def _places(comparisons: Sequence[Comparison], dtype: str) -> dict[tuple[str, str], Place | None]:
    """Where each pair differs first, in step before on its own; None for a pair that agrees."""
    places: dict[tuple[str, str], Place | None] = {}
    for c in comparisons:
        if c.dtype == dtype:
            place = (c.mode, c.first.step, c.first.phase, c.first.tensor) if c.first else None
            places[c.a, c.b] = places.get((c.a, c.b)) or place
    return places
