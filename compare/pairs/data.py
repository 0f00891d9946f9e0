"""Stage 1: what the two train on. Samples, scale, targets, order, batch size, last batch, shuffling."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from compare.pairs.findings import Finding
from compare.pairs.samples import CLOSE, Samples, known, samples
from compare.watch.recording import Line, Recording

SWITCHED = {"batch-size", "data-samples", "data-scale", "data-targets", "last-batch", "shuffling"}  # by a training


@dataclass
class Data:
    """What is known of the data of both, and what differs."""

    a: Samples | None = None
    b: Samples | None = None
    layout: str = ""  # "b moved": the second one's channels stand before its images' rows; "a moved": the first one's
    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def say(
        self, name: str, kind: str, text: str, size: float = 0.0, mend: str = "", values: tuple = (None, None)
    ) -> None:
        finding = Finding("data", name, kind, text, size=size, mend=mend)
        self.findings.append(finding.switched_by(name, values) if name in SWITCHED else finding)


def compared(a: Recording, b: Recording) -> Data:
    """Hold the batches of two recordings against each other."""
    data = Data(samples(a), samples(b))
    if data.a is None or data.b is None:
        data.facts.append("the batches of one have no single shape, so the samples are not compared")
        return data
    _layout(data, a, b)
    if data.a.rows.shape[1] != data.b.rows.shape[1]:
        data.say(
            "data-features", "fault", f"a sample has {data.a.rows.shape[1]} numbers against {data.b.rows.shape[1]}"
        )
    else:
        _samples(data)
    _batches(data, (a, b))
    _order(data, a, b)
    for finding in data.findings:
        finding.lines = _place(a), _place(b)
    return data


def _place(r: Recording) -> Line | None:
    return r.lines.get("data") or r.lines.get("model")


def _layout(data: Data, a: Recording, b: Recording) -> None:
    """Whether one gives images with the channels first: a convention, found by the numbers."""
    first_a, first_b = (next(step.inputs[0] for step in r.steps if step.inputs) for r in (a, b))
    if (
        np.ndim(first_a) not in (3, 4)
        or np.ndim(first_a) != np.ndim(first_b)
        or np.shape(first_a)[1:] == np.shape(first_b)[1:]
    ):
        return
    if np.shape(first_a)[1:] == np.moveaxis(first_b, 1, -1).shape[1:]:
        data.b, data.layout = samples(b, "moved"), "b moved"
    elif np.moveaxis(first_a, 1, -1).shape[1:] == np.shape(first_b)[1:]:
        data.a, data.layout = samples(a, "moved"), "a moved"
    if data.layout:
        data.say("channel-order", "convention", f"samples are {np.shape(first_a)[1:]} against {np.shape(first_b)[1:]}")


def _samples(data: Data) -> None:
    """The same samples? On another scale? With the same targets?"""
    a, b = data.a, data.b
    assert a is not None
    assert b is not None
    keys = known(a.rows, b.rows)
    of_a, of_b = keys[: len(a.rows)], keys[len(a.rows) :]
    common = np.intersect1d(of_a, of_b)
    if not len(common):
        scale = _scale(a.rows, b.rows, _epoch(a), _epoch(b))
        if scale is None:
            data.facts.append("no sample was seen in both")
            return
        rows, text = scale
        data.say("data-scale", "fault", text)
        keys = known(a.rows, rows)
        of_a, of_b = keys[: len(a.rows)], keys[len(a.rows) :]
        common = np.intersect1d(of_a, of_b)
    a.keys, b.keys = of_a, of_b
    if a.epoch is not None and b.epoch is not None:
        one, other = Counter(a.epoch.tolist()), Counter(b.epoch.tolist())
        if one == other:
            data.facts.append(f"both train on the same {len(a.epoch)} samples")
        else:
            shared = sum((one & other).values())
            dropped = _only_last(a, b, one, other)
            if not dropped:
                text = f"an epoch has {len(a.epoch)} samples against {len(b.epoch)}, of which {shared} are the same"
                data.say("data-samples", "fault", text, size=1 - shared / max(len(a.epoch), len(b.epoch)))
    else:
        share = len(common) / max(min(len(np.unique(of_a)), len(np.unique(of_b))), 1)
        data.facts.append(f"{share:.0%} of the samples seen in one were seen in the other")
    _targets(data)


def _only_last(a: Samples, b: Samples, one: Counter, other: Counter) -> bool:
    """Whether the one drops what does not fill a batch: another finding tells that."""
    small, large = (a, b) if sum(one.values()) < sum(other.values()) else (b, a)
    missing = sum((one | other).values()) - min(sum(one.values()), sum(other.values()))
    assert large.period
    return len(set(small.sizes)) == 1 and missing == large.sizes[large.period - 1] < max(large.sizes)


def _epoch(s: Samples) -> np.ndarray:
    """The rows of one epoch, each sample once; all that were seen where no epoch was."""
    return s.rows if s.period is None else s.rows[: s.starts[s.period]]


def _scale(a: np.ndarray, b: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, str] | None:
    """b's rows on the scale of a's, and what was done; None where they are no affine map of each other's columns.

    `one` and `other` are the rows of an epoch, from which the map is taken.
    """
    spread_a, spread_b = one.std(axis=0), other.std(axis=0)
    live = (spread_a > 0) & (spread_b > 0)
    if not live.any():
        return None
    factor = np.where(live, spread_a / np.where(live, spread_b, 1), 1.0)
    shift = one.mean(axis=0) - factor * other.mean(axis=0)
    whole = float(one.std() / other.std())
    offset = float(one.mean() - whole * other.mean())
    for rows, single in ((b * whole + offset, True), (b * factor + shift, False)):
        keys = known(a, rows)
        shared = np.intersect1d(keys[: len(a)], keys[len(a) :])
        if len(shared) >= 0.5 * len(np.unique(keys[: len(a)])):
            how = f"all by {whole:.4g}" if single else "each feature by its own factor"
            ranges = f"{a.min():.4g} to {a.max():.4g} against {b.min():.4g} to {b.max():.4g}"
            return rows, f"the same samples on another scale: {ranges}; {how}"
    ratio = float((a.max() - a.min()) / max(b.max() - b.min(), 1e-300))
    if max(ratio, 1 / max(ratio, 1e-300)) > 5:
        return b, f"another scale: {a.min():.4g} to {a.max():.4g} against {b.min():.4g} to {b.max():.4g}"
    return None


def _targets(data: Data) -> None:
    """The targets of the samples that both saw."""
    a, b = data.a, data.b
    assert a is not None
    assert b is not None
    if a.targets is None or b.targets is None:
        data.facts.append("the targets of one do not show, so they are not compared")
        return
    ta, tb = (_plain(t) for t in (a.targets, b.targets))
    if ta.shape[1:] != tb.shape[1:]:
        return
    first_a, first_b = ({key: row for row, key in reversed(list(enumerate(s.keys.tolist())))} for s in (a, b))
    common = sorted(first_a.keys() & first_b.keys())
    if not common:
        return
    one, other = ta[[first_a[k] for k in common]], tb[[first_b[k] for k in common]]
    wrong = ~np.isclose(one, other, rtol=1e-5, atol=CLOSE * max(float(np.abs(one).max()), 1e-30))
    if not wrong.any():
        return
    share = float(np.atleast_2d(wrong.T).any(axis=0).mean())
    if one.ndim == 1:
        forward = {x: set(other[one == x].tolist()) for x in np.unique(one).tolist()}
        if all(len(v) == 1 for v in forward.values()) and len({min(v) for v in forward.values()}) == len(forward) < 100:
            text = ", ".join(f"{x:g} is {min(v):g}" for x, v in list(forward.items())[:5])
            data.say("label-encoding", "convention", f"the classes have other numbers: {text}")
            return
        slope = np.polyfit(one, other, 1)
        if np.allclose(np.polyval(slope, one), other, rtol=1e-4, atol=1e-4 * float(np.abs(other).max())):
            data.say("target-scale", "fault", f"the targets are on another scale: {slope[0]:.4g} · t + {slope[1]:.4g}")
            return
    data.say("data-targets", "fault", f"{share:.0%} of the samples that both saw have other targets", size=share)


def _plain(t: np.ndarray) -> np.ndarray:
    """Targets as numbers, (N,) where each sample has one: one-hot rows become their class."""
    t = t.astype(float).reshape(len(t), -1)
    if t.shape[1] == 1:
        return t[:, 0]
    if t.shape[1] > 1 and np.isin(t, (0, 1)).all() and (t.sum(axis=1) == 1).all():
        return t.argmax(axis=1).astype(float)
    return t


def _batches(data: Data, recordings: tuple[Recording, Recording]) -> None:
    a, b = data.a, data.b
    assert a is not None
    assert b is not None
    if max(a.sizes) != max(b.sizes):
        text = f"batches of {max(a.sizes)} against {max(b.sizes)} samples"
        data.say("batch-size", "fault", text, mend=f"batches of {max(a.sizes)}", values=(max(a.sizes), max(b.sizes)))
    loaders = [r.loader for r in recordings]
    partial = [s.sizes[s.period - 1] if s.period else min(s.sizes) for s in (a, b)]
    whole = [max(s.sizes) for s in (a, b)]
    seen = all(s.period or loader.get("drop_last") for s, loader in zip((a, b), loaders, strict=True))
    if whole[0] == whole[1] and (partial[0] < whole[0]) != (partial[1] < whole[1]) and seen:
        text = f"the last batch of an epoch has {partial[0]} samples against {partial[1]}"
        which = "keeps" if partial[0] < whole[0] else "drops"
        values = partial[0] < whole[0], partial[1] < whole[1]
        data.say("last-batch", "fault", f"{text}: the first {which} what does not fill a batch", values=values)


def _order(data: Data, a: Recording, b: Recording) -> None:
    """Shuffled in one and not in the other? Two shuffled orders are no difference of the programs."""
    assert data.a
    assert data.b
    full = [s.period == 1 for s in (data.a, data.b)]
    if all(full):
        return
    shuffled = []
    for s, r in ((data.a, a), (data.b, b)):
        seen = s.reshuffled
        shuffled.append(r.loader.get("shuffled") if seen is None or s.period == 1 else seen)
    if None in shuffled:
        return
    if shuffled[0] != shuffled[1]:
        words = ["in a new order each epoch" if s else "in the same order each epoch" for s in shuffled]
        text, kind = f"samples come {words[0]} against {words[1]}", "fault"
        if any(
            r.framework == "keras" and r.loader.get("shuffled") and not s for r, s in zip((a, b), shuffled, strict=True)
        ):
            kind = "default"
            text += ": after keras.utils.set_random_seed, fit(shuffle=True) draws one order and keeps it"
        data.say("shuffling", kind, text, values=(shuffled[0], shuffled[1]))
    elif shuffled[0]:
        data.facts.append("both draw a new order each epoch, each from its own generator")
    elif data.a.rows.shape == data.b.rows.shape and not np.array_equal(data.a.keys, data.b.keys):
        same = sum(x == y for x, y in zip(data.a.keys, data.b.keys, strict=False))
        if data.a.epoch is not None and data.b.epoch is not None and len(data.a.epoch) == len(data.b.epoch):
            data.say("data-order", "convention", f"both keep an order, but {same} of {len(data.a.keys)} places agree")
