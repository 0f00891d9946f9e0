"""What many seeds come to: where each framework ends, how large the gaps are, and what makes how much of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from compare.programs.program import FRAMEWORKS

GAP = ["scenario", "measure", "from", "to"]
END = ["scenario", "measure", "framework"]
PROGRAM, REFERENCE = "its program", "the reference with its defaults"
WORDS = {"loss": "test loss", "error": "test error"}


def values_of_reference(shares: pd.DataFrame) -> pd.DataFrame:
    """Where the reference ends with each framework's defaults: the columns of END, seed and value."""
    keys = ["scenario", "measure", "seed"]
    sides = [
        shares[[*keys, who, side]].set_axis([*keys, "framework", "value"], axis=1)
        for who, side in (("from", "a"), ("to", "b"))
    ]
    # A framework ends in the same way in every pair, so that it counts once.
    found = pd.concat(sides).dropna(subset="value").drop_duplicates([*END, "seed"])
    order = {name: place for place, name in enumerate(dict.fromkeys(shares["scenario"]))}
    return found.sort_values("scenario", key=lambda names: names.map(order), kind="stable")


def ends_of_reference(shares: pd.DataFrame) -> pd.DataFrame:
    """As `ends`, of the reference with each framework's defaults."""
    return ends(values_of_reference(shares), REFERENCE)


def ends_of_programs(programs: pd.DataFrame) -> pd.DataFrame:
    """As `ends`, of the native programs."""
    return ends(programs, PROGRAM)


def ends(values: pd.DataFrame, trained: str) -> pd.DataFrame:
    """The measures over the seeds: the mean, half of its 95 % interval, and the middle 95 % of seeds."""
    return (
        values.groupby(END, sort=False)["value"]
        .agg(
            seeds="count",
            mean="mean",
            within=_half_width,
            low=lambda each: each.quantile(0.025),
            high=lambda each: each.quantile(0.975),
        )
        .reset_index()
        .assign(trained=trained)
    )


def checks(shares: pd.DataFrame, programs: pd.DataFrame) -> pd.DataFrame:
    """Whether each program ends as the reference with its defaults does, by scenario and measure.

    Both draw weights and orders of their own from a seed, so that their distributions are held against each other:
    `chance` is how often two samples of one distribution would be as far apart (Kolmogorov and Smirnov), made larger
    for the many questions asked at once (Benjamini and Yekutieli, 2001).
    """
    from scipy.stats import false_discovery_control, ks_2samp  # Late: it takes a second.

    theirs = dict(list(values_of_reference(shares).groupby(END)["value"]))
    rows = []
    for key, own in programs.groupby(END, sort=False)["value"]:
        other = theirs[key]
        gap, both = own.mean() - other.mean(), math.hypot(_half_width(own), _half_width(other))
        rows.append((*key, len(own), gap, both, ks_2samp(own.round(6), other.round(6)).pvalue))
    found = pd.DataFrame(rows, columns=[*END, "seeds", "gap", "gap_within", "chance"])
    return found.assign(chance=false_discovery_control(found["chance"], method="by") if len(found) else [])


def check_said(found: pd.DataFrame, least: float = 0.01) -> str:
    """The checks in one sentence."""
    if found.empty:
        return ""
    seeds, odd = int(found["seeds"].min()), found[found["chance"] < least]
    if odd.empty:
        return (
            f"The programs themselves, from {_seeds(seeds)}, end as the reference with their defaults does: "
            f"none of {len(found)} distributions differs by more than chance."
        )
    named = "; ".join(f"{FRAMEWORKS[r.framework]} on {r.scenario}, {WORDS[r.measure]}" for r in odd.itertuples())
    return f"Of the programs themselves, from {_seeds(seeds)}, these do not end as the reference does: {named}."


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The mean gap and each factor's mean share of it over the seeds, with half of a 95 % interval of each."""
    table = table.assign(gap=table["b"] - table["a"])
    return (
        table.groupby([*GAP, "factor"], sort=False)
        .agg(
            gap=("gap", "mean"),
            gap_within=("gap", _half_width),
            share=("share", "mean"),
            share_within=("share", _half_width),
        )
        .reset_index()
    )


def gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The summary without what is not measured, and with the sentence for each gap."""
    found = summary(table).dropna(subset="share")
    said = {key: sentence(rows) for key, rows in found.groupby(GAP, sort=False)}
    return found.assign(said=[said[key] for key in zip(*(found[name] for name in GAP), strict=True)])


def _half_width(values: pd.Series) -> float:
    """1.96 standard errors of the mean; NaN for one value."""
    return float(1.96 * values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def sentences(table: pd.DataFrame) -> list[str]:
    """A sentence for each gap."""
    return list(gaps(table).drop_duplicates(GAP)["said"])


def sentence(rows: pd.DataFrame) -> str:
    """How large the gap of these rows of a summary is, and which factor makes most of it."""
    name, measure, a, b = (rows[each].iloc[0] for each in GAP)
    unit, scale = (" points", 100) if measure == "error" else ("", 1)
    gap, within = round(scale * rows["gap"].iloc[0], 12), scale * rows["gap_within"].iloc[0]
    most = rows.loc[rows["share"].abs().idxmax()]
    share, its = scale * most["share"] * np.sign(gap), scale * most["share_within"]
    size = f"{abs(gap):.3g}{unit} {_within(within)}"
    if abs(gap) <= within or not gap:
        between = f"between {FRAMEWORKS[a]} and {FRAMEWORKS[b]}"
        return f"{name}: {size} of {WORDS[measure]} {between} are no more than chance makes"
    than = f"{'higher' if gap > 0 else 'lower'} in {FRAMEWORKS[b]} than in {FRAMEWORKS[a]}"
    return (
        f"{name}: of the {size} by which the {WORDS[measure]} is {than}, {share:.3g} {_within(its)} are the "
        f"{most['factor']}"
    )


def _within(value: float) -> str:
    return "(1 seed)" if math.isnan(value) else f"(± {value:.2g})"
