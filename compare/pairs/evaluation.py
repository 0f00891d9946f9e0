"""Stage 5: how the two evaluate. The mode of the network, what is averaged over what, and how classes are decided."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from compare.pairs.findings import Finding
from compare.pairs.samples import samples
from compare.watch.recording import Line, Recording

Series = tuple[int, list[float], list[int]]  # which figure, its value for every batch, and the samples of each


def compared(a: Recording, b: Recording) -> tuple[list[str], list[Finding]]:
    """What differs in the passes from which no update comes, and in the figures that are told of the training."""
    facts: list[str] = []
    found = [*_mode(a, b, facts), *_decisions(a, b)]
    for what, kind in (("evaluation", "fault"), ("training", "convention")):
        ways = [averaged(r, what) for r in (a, b)]
        if all(ways) and ("batches" in ways[0]) != ("batches" in ways[1]):
            which, other = ("first", "second") if "batches" in ways[0] else ("second", "first")
            text = (
                f"a figure of the {what} is the mean of the batches' means in the {which}, and the mean over all "
                f"samples in the {other}: the last batch is smaller than the others"
            )
            places = [_figures_at(r, what) for r in (a, b)]
            mend = "sum up each batch's figure times its samples" if which == "second" else ""
            found.append(Finding("evaluation", "mean-of-means", kind, text, (places[0], places[1]), mend=mend))
    return facts, found


def _mode(a: Recording, b: Recording, facts: list[str]) -> list[Finding]:
    """Whether one evaluates as it trains."""
    changing = [changes(r) for r in (a, b)]
    modes = [{p.training for p in r.passes} for r in (a, b)]
    if not all(modes):
        if any(modes):
            facts.append(f"only {(a if modes[0] else b).script} was seen to evaluate")
        return []
    counts = [f"{len(r.passes)} of up to {max(p.size for p in r.passes)} samples" for r in (a, b)]
    facts.append(f"passes without an update: {counts[0]} against {counts[1]}")
    wrong = [c and True in m for c, m in zip(changing, modes, strict=True)]
    if wrong[0] == wrong[1] or not all(changing):
        return []
    which, other = ("second", "first") if wrong[1] else ("first", "second")
    places = [_place(r, w) for r, w in zip((a, b), wrong, strict=True)]
    text = f"the {which} evaluates in training mode, so dropout or batch statistics are on; the {other} does not"
    lines = places[0], places[1]
    return [Finding("evaluation", "evaluation-mode", "fault", text, lines, size=1.0, mend="model.eval()")]


def _place(r: Recording, training: bool) -> Line | None:
    return next((p.line for p in r.passes if p.training == training), None)


def changes(r: Recording) -> bool:
    """Whether training and evaluation mode are two things for a network."""
    return any(s.masks for s in r.steps) or any(p.role.startswith("running") for p in r.parameters)


# How classes are decided ----------------------------------------------------------------------------------------------


def _decisions(a: Recording, b: Recording) -> list[Finding]:
    """The threshold and the axis by which outputs become classes, where both show theirs."""
    found = []
    for what, name in (("threshold", "threshold"), ("axis", "prediction-axis")):
        if what not in a.decisions or what not in b.decisions:
            continue
        (x, line_a), (y, line_b) = a.decisions[what], b.decisions[what]
        if x == y or (what == "threshold" and math.isclose(x, y, abs_tol=1e-6)):
            continue
        words = _threshold if what == "threshold" else _axis
        text = f"{words(x)} against {words(y)}"
        stock = any(r.framework == "keras" and value == 0.5 for r, value in ((a, x), (b, y)))
        kind = "default" if stock and what == "threshold" else "fault"  # Keras' accuracy, of logits too.
        found.append(Finding("evaluation", name, kind, text, (line_a, line_b), size=1.0, mend=words(x)))
    return found


def _threshold(logit: float) -> str:
    """A threshold as a probability too, as it is of a network that gives logits."""
    return f"a class is 1 above {logit:g} of the logits (a probability of {1 / (1 + math.exp(-logit)):.2g})"


def _axis(axis: int | None) -> str:
    if axis is None:
        return "the largest of all outputs of a batch"
    names = {-1: "a sample's outputs", -2: "a whole batch's values of one output"}
    return f"the largest of {names.get(axis, f'the outputs along axis {axis}')}"


# What is averaged over what -------------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d{3,}(?:e-?\d+)?")


def averaged(r: Recording, what: str) -> set[str]:
    """Over what a script averages its batches' figures: "samples" or "batches", told by what it prints.

    The one mean and the other are worked out of every row of batches of which the last is smaller, and looked for among
    the printed numbers, to the digits that are printed.
    """
    if r.framework == "keras" and what == "evaluation" and r.evaluates:
        return {"samples"}  # As Keras' own evaluate does.
    printed = NUMBER.findall(r.printed)
    found: dict[int, set[str]] = {}
    for column, values, sizes in _rows(r, what):
        v, n = np.array(values), np.array(sizes, float)
        options = {"samples": {float(v @ n / n.sum()), float(v.sum() / n.sum())}, "batches": {float(v.mean())}}
        for text in printed:
            same = {key for key, means in options.items() if any(_shown(m, text) for m in means)}
            if len(same) == 1:
                found.setdefault(column, set()).update(same)
    return {way for ways in found.values() if len(ways) == 1 for way in ways}


def _shown(mean: float, text: str) -> bool:
    """Whether a number is the one printed, or that as a percentage."""
    digits = len(text.partition("e")[0].partition(".")[2])
    scale = 10.0 ** float(text.partition("e")[2] or 0)
    size = max(10.0**-digits, 2e-7 * abs(float(text))) * scale
    return any(abs(factor * mean - float(text)) <= 0.51 * size for factor in (1, 100))


def _rows(r: Recording, what: str) -> Iterator[Series]:
    """Figures of the batches of one evaluation or one epoch, where not all have one size."""
    if what == "training":
        seen = samples(r)
        if seen is not None and seen.period and seen.period > 1 and len(set(seen.sizes[: seen.period])) > 1:
            for start in range(0, len(r.losses) - seen.period + 1, seen.period):
                yield 0, r.losses[start : start + seen.period], seen.sizes[: seen.period]
        return
    for _, group in groupby(r.passes, key=lambda p: (p.step, p.line and p.line.number)):
        passes = list(group)
        sizes = [p.size for p in passes]
        if len(passes) > 1 and len(set(sizes)) > 1:
            for k in range(min(len(p.numbers) for p in passes)):
                yield k, [p.numbers[k] for p in passes], sizes


def _figures_at(r: Recording, what: str) -> Line | None:
    return (r.passes[0].line if r.passes else None) if what == "evaluation" else r.lines.get("backward")
