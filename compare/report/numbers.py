"""How numbers are written in tables and along axes."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any, digits: int = 2) -> str:
    """A compact number of ``digits`` significant digits: 3.1e-16, 0.12, 0, NaN."""
    value = as_float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    plain = f"{value:#.{digits}g}".removesuffix(".")
    if 1e-3 <= abs(value) < 10**digits and "e" not in plain:
        return plain
    if 1 <= abs(value) < 1e4:
        return f"{value:.0f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def exact(value: Any) -> str:
    """All digits that tell a float64 from its neighbours."""
    value = as_float(value)
    return repr(value) if math.isfinite(value) else number(value)


def percent(share: Any, digits: int = 2) -> str:
    """A share as a percentage: 0.030 %, 12 %; far over the whole as a multiple: 3.2e9 times."""
    share = as_float(share)
    if 0 < share < 1e-5:
        return "<0.001 %"
    if math.isnan(share):
        return "NaN"
    if share >= 10:
        return f"{number(share, digits)} times"
    return f"{number(share * 100, digits)} %"


def microseconds(seconds: Any) -> str:
    """A time in microseconds of three significant digits, without its unit: 33.1, 1,040."""
    micro = as_float(seconds) * 1e6
    if not math.isfinite(micro) or micro <= 0:
        return number(micro)
    rounded = float(f"{micro:.3g}")
    decimals = min(3, max(0, 2 - math.floor(math.log10(rounded))))
    return f"{rounded:,.{decimals}f}"


def as_float(value: Any) -> float:
    """``value`` as a float; None and text that is no number become NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
