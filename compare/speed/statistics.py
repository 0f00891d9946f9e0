"""From samples to statements: ratios with intervals, controls, ties. Pure: tables in, tables out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from compare.speed.contenders import AGAIN, CONTENDERS, CONTROLS, DELAYED, REFERENCE, Contender
from compare.speed.work import Work

WORK = ["workload", "layer_sizes", "batch_size", "optimizer", "dtype", "threads"]  # the columns that tell works apart
WHO = ["implementation", "mode"]
RESAMPLES = 2000
CONTROL_CONFIDENCE = 0.99  # A 95 % interval of the reference against itself would miss 1 once in twenty works.
WIDEST = 0.03  # The control's interval must hold 1, and reach no further than this to either side of its middle.
SETTLED = 0.02  # Rounds end once the control's interval is its middle -+ this, wherever that lies.
MOST_ELSEWHERE = 0.25  # cores that others may use on average while a contender works
MOST_WAITING = 0.05  # cores that the waiting contenders may use


@dataclass(frozen=True)
class Interval:
    """A ratio of two times, with the bounds of its 95 % interval."""

    ratio: float
    low: float
    high: float

    @property
    def reach(self) -> float:
        """How far from 1 the interval reaches."""
        return max(abs(self.low - 1), abs(self.high - 1))

    @property
    def half(self) -> float:
        """Half of its length: the interval is its middle -+ this."""
        return (self.high - self.low) / 2

    @property
    def controls(self) -> bool:
        """Whether, of a contender against itself, this is good enough to rank by."""
        return self.low <= 1 <= self.high and self.half <= WIDEST

    def against(self, noise: float) -> str:
        """Whether this says slower or faster, or a tie: 1 is in it, or all of it within 1 -+ noise."""
        if self.low <= 1 <= self.high or self.reach <= noise:
            return "tie"
        return "slower" if self.low > 1 else "faster"


def paired(times: np.ndarray, others: np.ndarray, confidence: float = 0.95) -> Interval:
    """The median of the rounds' ratios times / others, both (rounds,), with its bootstrap interval.

    A round's ratio is taken within the round, so that a drift of the machine falls out; the rounds are resampled with
    replacement (Efron, 1979, percentile interval), always with the same seed.
    """
    ratios = times / others
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return Interval(np.nan, np.nan, np.nan)
    medians = np.median(_resampled(ratios), axis=1)
    return Interval(
        float(np.median(ratios)), *map(float, np.quantile(medians, ((1 - confidence) / 2, (1 + confidence) / 2)))
    )


def unpaired(times: np.ndarray, others: np.ndarray) -> Interval:
    """The ratio of two runs' medians, median(times) / median(others), with its bootstrap 95 % interval."""
    medians = [np.median(_resampled(a, seed), axis=1) for seed, a in enumerate((times, others))]
    low, high = np.quantile(medians[0] / medians[1], (0.025, 0.975))
    return Interval(float(np.median(times) / np.median(others)), float(low), float(high))


def _resampled(samples: np.ndarray, seed: int = 0) -> np.ndarray:
    """(RESAMPLES, len(samples)), each row drawn with replacement."""
    random = np.random.default_rng(seed)
    return samples[random.integers(len(samples), size=(RESAMPLES, len(samples)))]


def settled(turns: list[dict[str, Any]]) -> bool:
    """Whether a work's rounds suffice: the reference against itself is known well enough, or others keep the machine
    busy, so that no number of rounds would do.

    Only the length of the interval counts and not where it lies, so that stopping favours no result.
    """
    frame = pd.DataFrame(turns)
    elsewhere, _ = _busy(frame)
    return elsewhere > MOST_ELSEWHERE or _control(by_contender(frame)).half <= SETTLED


def _control(times: pd.DataFrame) -> Interval:
    """The reference against itself."""
    return paired(_column(times, AGAIN), _column(times, REFERENCE), CONTROL_CONFIDENCE)


def _busy(turns: pd.DataFrame) -> tuple[float, float]:
    """Cores that others on the machine, and the contenders that waited, used on average while one worked."""
    elsewhere, waiting = (
        float(np.average(turns[name], weights=turns["turn_seconds"])) for name in ("elsewhere_cpu", "waiting_cpu")
    )
    return elsewhere, waiting


def objection(times: pd.DataFrame, turns: pd.DataFrame) -> str:
    """Why no ranking can be made of a work's rounds; empty if it can.

    `times` (rounds, contenders) are the seconds per step, with columns (implementation, mode).
    """
    same, later = _control(times), paired(_column(times, DELAYED), _column(times, REFERENCE))
    elsewhere, waiting = _busy(turns)
    said = f"{same.ratio:.3f} ({same.low:.3f} to {same.high:.3f})"
    if np.isnan(same.ratio) or np.isnan(later.ratio):
        return "the control did not run"
    if elsewhere > MOST_ELSEWHERE:
        return f"the machine is busy: other programs used {elsewhere:.0%} of a core meanwhile"
    if waiting > MOST_WAITING:
        return f"those that waited used {waiting:.0%} of a core"
    if not same.half <= WIDEST:
        return f"NumPy against itself came out at {said}, wider than ± {WIDEST:.0%}: the machine is busy"
    if not same.controls:
        return f"NumPy against itself came out at {said}, which does not hold 1"
    if not later.low > 1:
        return f"a delay of 5 % was not seen: {later.ratio:.3f} ({later.low:.3f} to {later.high:.3f})"
    return ""


def by_contender(turns: pd.DataFrame) -> pd.DataFrame:
    """The seconds per step of one work's turns, (rounds, contenders), the contenders in their usual order."""
    times = turns.pivot_table("seconds_per_step", "round", WHO, sort=False)
    usual = [(c.implementation, c.mode) for c in CONTENDERS]
    return times[sorted(times, key=lambda who: usual.index(who) if who in usual else len(usual))]


def summarise(turns: pd.DataFrame) -> pd.DataFrame:
    """One row for each work and contender: its median time, and the ratio to the reference with what it says.

    `verdict` is reference, faster, slower or tie, for controls passed or failed, for the floor empty; where `objection`
    is not empty no contender gets one. `share` is the floor's part of the time; `leads` says that nobody is faster.
    """
    frames = [_summary_of(part) for _, part in turns.groupby(WORK, sort=False)] if len(turns) else []
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _summary_of(turns: pd.DataFrame) -> pd.DataFrame:
    times = by_contender(turns)
    reason = objection(times, turns)
    labels = turns[WORK].iloc[0].to_dict()
    work = _work(labels)
    reference, again = _column(times, REFERENCE), _control(times)
    noise = again.reach
    products = [float(times[c].median()) for c in times if c[1] == "products"]
    floor = min(products, default=np.nan)
    rows = []
    for who in times:
        seconds = times[who].to_numpy(float)
        interval, median = paired(seconds, reference), float(np.nanmedian(seconds))
        if who == (AGAIN.implementation, AGAIN.mode):
            interval = again
        part = turns[(turns["implementation"] == who[0]) & (turns["mode"] == who[1])]
        rows.append(
            {
                **labels,
                **dict(zip(WHO, who, strict=True)),
                "rounds": int(np.isfinite(seconds).sum()),
                "seconds_per_step": median,
                "samples_per_second": labels["batch_size"] / median,
                "ratio": interval.ratio,
                "low": interval.low,
                "high": interval.high,
                "verdict": _verdict(who, interval, noise, reason),
                "share": floor / median,
                "gflops_per_second": work.flops / median / 1e9,
                "flops": work.flops,
                "bytes": work.bytes,
                "cpu_per_second": part["cpu_per_second"].median(),
                "objection": reason,
            }
        )
    frame = pd.DataFrame(rows)
    frame["leads"] = [not reason and _leads(who, times, noise) for who in times]
    return frame


def _verdict(who: tuple[str, str], interval: Interval, noise: float, reason: str) -> str:
    if who == (AGAIN.implementation, AGAIN.mode):
        return "passed" if interval.controls else "failed"
    if who == (DELAYED.implementation, DELAYED.mode):
        return "passed" if interval.low > 1 else "failed"
    if who[1] in CONTROLS or reason:
        return ""
    return "reference" if who == (REFERENCE.implementation, REFERENCE.mode) else interval.against(noise)


def _leads(who: tuple[str, str], times: pd.DataFrame, noise: float) -> bool:
    """Whether no other contender is faster, ties aside."""
    if who[1] in CONTROLS:
        return False
    others = [other for other in times if other[1] not in CONTROLS and other != who]
    mine = times[who].to_numpy(float)
    return all(paired(mine, times[other].to_numpy(float)).against(noise) != "slower" for other in others)


def _column(times: pd.DataFrame, contender: Contender) -> np.ndarray:
    """One contender's seconds per step, (rounds,); NaN where it did not take part."""
    who = (contender.implementation, contender.mode)
    return times[who].to_numpy(float) if who in times else np.full(len(times), np.nan)


def _work(labels: dict) -> Work:
    sizes = tuple(int(n) for n in labels["layer_sizes"].split("-"))
    others = {name: labels[name] for name in ("optimizer", "dtype")}
    return Work(labels["workload"], sizes, int(labels["batch_size"]), **others, threads=int(labels["threads"]))


def steps_bought(turns: pd.DataFrame) -> pd.DataFrame:
    """What the fast mode of an implementation buys: how many times faster than its plain `fit`, with the interval."""
    rows = []
    for _, part in turns.groupby(WORK, sort=False) if len(turns) else ():
        times = by_contender(part)
        row = part[WORK].iloc[0].to_dict()
        for name in dict.fromkeys(part["implementation"]):
            if (name, "fit") in times and (name, "fast") in times:
                found = paired(times[name, "fit"].to_numpy(float), times[name, "fast"].to_numpy(float))
                rows.append({**row, "implementation": name, "times": found.ratio, "low": found.low, "high": found.high})
    return pd.DataFrame(rows)
