"""The share of each single default in the gap between two frameworks: by switching them over all orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from compare.defaults.factors import Setting, settings
from compare.defaults.trainings import MEASURES, train
from compare.programs.spec import Spec, named
from compare.traps.catalogue import Hypothesis

Mixture = dict[str, Setting]


@lru_cache
def _spec(name: str) -> Spec:
    return named(name)


def mixtures(spec: Spec, a: str, b: str) -> dict[tuple[str, ...], Mixture]:
    """Every set of factors that b's program has its own way while a has the others: the settings by that set."""
    of_a, of_b = settings(a, spec), settings(b, spec)
    differ = sorted(name for name in of_a.keys() | of_b.keys() if _said(of_a.get(name)) != _said(of_b.get(name)))
    common = {name: of_a[name] for name in of_a if name not in differ}
    subsets = [part for size in range(len(differ) + 1) for part in combinations(differ, size)]
    return {
        part: common
        | {name: of_b[name] for name in part if name in of_b}
        | {name: of_a[name] for name in differ if name not in part and name in of_a}
        for part in subsets
    }


def _said(setting: Setting | None) -> tuple[str, ...]:
    return tuple(each.label if isinstance(each, Hypothesis) else each for each in setting or ())


def shapley(value: Callable[[tuple[str, ...]], Any], factors: Sequence[str]) -> dict[str, Any]:
    """Each factor's share of value(all) - value(none): what switching it changes, over all orders alike.

    Shapley, "A value for n-person games", 1953. `value` takes the factors that are switched, sorted, and may be an
    array, for many games at once.
    """
    n, shares = len(factors), dict.fromkeys(factors, 0.0)
    for factor in factors:
        others = [each for each in factors if each != factor]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for part in combinations(others, size):
                gained = value(tuple(sorted((*part, factor)))) - value(tuple(sorted(part)))
                shares[factor] = shares[factor] + weight * gained
    return shares


def rows_of(name: str, pairs: Sequence[tuple[str, str]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """For each pair, measure, factor and seed what it is under both programs' defaults, and the factor's share.

    A mixture that several pairs have in common is trained once.
    """
    spec, known = _spec(name), dict[frozenset, np.ndarray]()

    def ends(mixture: Mixture) -> np.ndarray:
        key = frozenset((factor, _said(setting)) for factor, setting in mixture.items())
        if key not in known:
            known[key] = train(spec, mixture, seeds)
        return known[key]

    return [row for a, b in pairs for row in _rows(name, a, b, seeds, mixtures(spec, a, b), ends)]


def _rows(
    name: str,
    a: str,
    b: str,
    seeds: Sequence[int],
    mixed: dict[tuple[str, ...], Mixture],
    ends: Callable[[Mixture], np.ndarray],
) -> list[dict[str, Any]]:
    results = {part: ends(mixture) for part, mixture in mixed.items()}
    factors = next(reversed(mixed))  # The last is all of them.
    rows = []
    for i, measure in enumerate(MEASURES):
        values = {part: result[:, i] for part, result in results.items()}
        for factor, shares in shapley(values.__getitem__, factors).items():
            about = {"scenario": name, "from": a, "to": b, "measure": measure, "factor": factor}
            found = zip(seeds, values[()], values[factors], shares, strict=True)
            rows += [about | {"seed": s, "a": left, "b": right, "share": share} for s, left, right, share in found]
    return rows
