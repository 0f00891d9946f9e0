"""The first layer of two networks that does something else with the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compare.pairs.findings import Finding
from compare.pairs.network import between, differing, told
from compare.pairs.runs import Runs, gap
from compare.watch.recording import Op, Recording


def compared(runs: Runs) -> list[Finding]:
    """The layers whose input or output differs: the first alone, or all where each was given the first's numbers."""
    found: list[Finding] = []
    put = forced(runs)[0] if runs.forced and runs.steps else {}
    for number, (i, j) in enumerate(runs.layers.pairs):
        behind = runs.forced and number > 0 and runs.layers.pairs[number - 1][1] not in put
        for which in (0, 1):
            if behind and which == 0:
                continue  # The layer before could not be given the first one's numbers, so they are others here.
            apart = _apart(runs, i, j, which)
            if apart > runs.allowed:
                found.append(_before(runs, number, apart) if which == 0 else _inside(runs, number, apart))
                if not runs.forced:
                    return found
    return _together(found)


def _together(found: list[Finding]) -> list[Finding]:
    """Of what the same lines do in several places the largest one, which says so."""
    places: dict[tuple, list[Finding]] = {}
    for finding in found:
        places.setdefault((finding.name, finding.lines), []).append(finding)
    merged = []
    for same in places.values():
        largest, more = max(same, key=lambda f: f.size), len(same) - 1
        said = f"{largest.text}; so too in {more} more place{'s' if more > 1 else ''}" if more else largest.text
        merged.append(replace(largest, text=said))
    return merged


def forced(runs: Runs) -> list[dict[int, tuple[np.ndarray, np.ndarray]]]:
    """What the first one's layers took and gave at each step, in the shapes of the second's; without what has none."""
    found = []
    for s, t in runs.steps:
        values = {}
        for i, j in runs.layers.pairs:
            if i in s.values and j in t.values:
                pair = [as_shaped(x, y.shape) for x, y in zip(s.values[i], t.values[j], strict=True)]
                order = runs.columns(i)
                if order is not None and pair[0] is not None:
                    pair[0] = pair[0][:, order]
                if pair[0] is not None and pair[1] is not None:
                    values[j] = (pair[0], pair[1])
        found.append(values)
    return found


def _apart(runs: Runs, i: int, j: int, which: int) -> float:
    found = [0.0]
    for s, t in runs.steps:
        if i in s.values and j in t.values:
            one, other = s.values[i][which], t.values[j][which]
            shaped, order = as_shaped(other, one.shape), runs.columns(i)
            if shaped is not None and order is not None and which == 0:
                shaped = shaped[:, np.argsort(order)]
            if shaped is not None:
                found.append(gap(one, shaped))
            elif which == 1 and one.size != other.size and one.ndim == other.ndim:
                found.append(float("inf"))  # An input may be padded before a layer or in it; an output is what counts.
    return max(found)


def as_shaped(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """A value in another layer's shape: the same numbers, time first, or the last time alone; None if it has none."""
    if value.shape == shape:
        return value
    if value.ndim == len(shape) == 3 and value.swapaxes(0, 1).shape == shape:
        return value.swapaxes(0, 1)
    if value.size == int(np.prod(shape)) and len(value) == shape[0]:
        return value.reshape(shape)
    return None


def _before(runs: Runs, number: int, apart: float) -> Finding:
    """Between two layers something differs."""
    (i, j) = runs.layers.pairs[number]
    start_a, start_b = runs.layers.pairs[number - 1] if number else (-1, -1)
    ops_a, ops_b = between(runs.a, start_a, i), between(runs.b, start_b, j)
    a, b = runs.op(number)
    lines = (ops_a[0].line if ops_a else a.line, ops_b[0].line if ops_b else b.line)
    place = f"before {a.label} ({_names(runs.a, a)})"
    for one, other in zip(ops_a, ops_b, strict=False):
        if plain(one.name) == plain(other.name) and (options := differing(one, other)):
            key, x, y = options[0]
            return _option(runs, one, other, key, x, y, apart, place)
    name = "dropout" if {plain(o.name) for o in ops_a} ^ {plain(o.name) for o in ops_b} == {"dropout"} else "activation"
    if any("pool" in plain(o.name) for o in (*ops_a, *ops_b)) and [plain(o.name) for o in ops_a] != [
        plain(o.name) for o in ops_b
    ]:
        name = "pooling"
    if [plain(o.name) for o in ops_a] == [plain(o.name) for o in ops_b]:
        words = f" ({told(ops_a)})" if ops_a else ""
        text = f"{place}: other numbers come out of what stands before it{words}, from the same weights"
        return Finding("steps", "layer", "fault", text, lines, apart).switched_by("layers")
    text = f"{place}: {told(ops_a)} against {told(ops_b)}"
    return Finding("steps", name, "fault", text, lines, apart, told(ops_a)).switched_by("layers")


def _inside(runs: Runs, number: int, apart: float) -> Finding:
    """The layer itself gives something else for the same input."""
    a, b = runs.op(number)
    place = f"{a.label} ({_names(runs.a, a)})"
    if options := differing(a, b):
        first = next((o for o in options if o[0] in ("padding", "stride", "eps", "training", "dilation")), options[0])
        return _option(runs, a, b, *first, apart, place)
    text = f"{place} gives other outputs for the same inputs and weights: {told([a])} against {told([b])}"
    return Finding("steps", "layer", "fault", text, (a.line, b.line), apart).switched_by("layers")


NORM = {"eps": "norm-epsilon", "momentum": "norm-momentum", "training": "training-mode"}
OPTION_DEFAULTS = {
    "torch": {"eps": (1e-5,), "momentum": (0.1,), "slope": (0.01,), "approximate": ("none", False)},
    "keras": {"eps": (1e-3,), "momentum": (0.01,), "slope": (0.3, 0.2), "approximate": ("none", False)},
}


def _option(runs: Runs, a: Op, b: Op, key: str, x: object, y: object, apart: float, place: str) -> Finding:
    name = NORM.get(key, "") if plain(a.name) in ("batch_norm", "layer_norm", "group_norm") else ""
    name = name or {"rate": "dropout-rate", "approximate": "approximation"}.get(key, key)
    default = all(value in OPTION_DEFAULTS.get(r.framework, {}).get(key, ()) for value, r in ((x, runs.a), (y, runs.b)))
    kind = "default" if default else "fault"
    mend = f"{key}={x!r}"
    text = f"{place}: {key} {x} against {y}"
    return Finding("steps", name, kind, text, (a.line, b.line), apart, mend).switched_by("layers")


def plain(name: str) -> str:
    """The name of an op without what frameworks put around it."""
    name = name.strip("_").lower()
    for ending in ("1d", "2d", "3d"):
        name = name.removesuffix(ending)
    return {"boolean_dispatch": "max_pool", "swish": "silu", "convolution": "conv"}.get(name, name)


def _names(recording: Recording, op: Op) -> str:
    return ", ".join(recording.parameters[n].name for n in op.parameters[:2])
