"""What many seeds come to: where each framework ends, how large the gaps are, and what makes how much of them."""

from __future__ import annotations

import math

import pandas as pd

GAP = ["scenario", "measure", "from", "to"]


def ends(table: pd.DataFrame) -> pd.DataFrame:
    """Each framework's measures over the seeds: the mean, half of its 95 % interval, and the middle 95 % of seeds."""
    keys = ["scenario", "measure"]
    sides = [
        table[[*keys, "seed", who, side]].set_axis([*keys, "seed", "framework", "value"], axis=1)
        for who, side in (("from", "a"), ("to", "b"))
    ]
    keys.append("framework")
    # A framework ends in the same way in every pair, so that it counts once.
    values = pd.concat(sides).dropna(subset="value").drop_duplicates([*keys, "seed"])
    order = {name: place for place, name in enumerate(dict.fromkeys(table["scenario"]))}
    return (
        values.groupby(keys, sort=False)["value"]
        .agg(
            seeds="count",
            mean="mean",
            within=_half_width,
            low=lambda each: each.quantile(0.025),
            high=lambda each: each.quantile(0.975),
        )
        .reset_index()
        .sort_values("scenario", key=lambda names: names.map(order), kind="stable")
    )


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
    """1.96 standard errors of the mean."""
    return float(1.96 * values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def sentences(table: pd.DataFrame) -> list[str]:
    """A sentence for each gap."""
    return list(gaps(table).drop_duplicates(GAP)["said"])


def sentence(rows: pd.DataFrame) -> str:
    """How large the gap of these rows of a summary is, and which factor makes most of it."""
    name, measure, a, b = (rows[each].iloc[0] for each in GAP)
    most = rows.loc[rows["share"].abs().idxmax()]
    unit, scale = (" points", 100) if measure == "error" else ("", 1)
    gap, within = scale * rows["gap"].iloc[0], scale * rows["gap_within"].iloc[0]
    start = f"{name}, test {measure}: from {a} to {b} {gap:+.3g}{unit} (± {within:.2g})"
    if abs(gap) <= within:
        return f"{start}, no more than chance makes"
    share, its = scale * most["share"], scale * most["share_within"]
    return f"{start}; {share:+.3g} (± {its:.2g}) are the {most['factor']}"
