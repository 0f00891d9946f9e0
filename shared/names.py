"""The error for a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that does not exist: it says which exist, and the nearest."""
    known = list(known)
    by_lower_case = {each.lower(): each for each in known}
    nearest = difflib.get_close_matches(str(name).lower(), by_lower_case, n=1, cutoff=0.3)
    hint = f"the nearest is {by_lower_case[nearest[0]]!r}; " if nearest else ""
    shown = ", ".join(known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
    return ValueError(f"unknown {kind} {name!r}; {hint}there are: {shown}")
