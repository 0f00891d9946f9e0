"""Stage 2: the two networks side by side, and what an option of theirs differs in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compare.pairs.findings import Finding
from compare.pairs.match import Match, like
from compare.watch.recording import Op, Recording


@dataclass
class Layers:
    """Layers with parameters that are each other's partners: (number in a.ops, number in b.ops), in order."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def compared(a: Recording, b: Recording, match: Match) -> Layers:
    """Pair the layers of two recordings, and name those that have no partner."""
    layers = Layers()
    counts = [sum(int(np.prod(p.shape)) for p in r.parameters if p.trained) for r in (a, b)]
    layers.facts.append(
        f"{counts[0]} trained parameters in both" if counts[0] == counts[1] else
        f"{counts[0]} trained parameters against {counts[1]}"
    )  # fmt: skip
    for which, numbers, own, other in (("first", match.only_a, a, b), ("second", match.only_b, b, a)):
        for number in numbers:
            p = own.parameters[number]
            text = f"{p.name} {p.shape} of the {which} has no partner in {other.script}"
            lines = (p.line, None) if which == "first" else (None, p.line)
            layers.findings.append(Finding("network", _missing(p.role), "fault", text, lines, size=1.0))
    if a.steps[0].parts == b.steps[0].parts:
        layers.pairs = _paired(a, b, match)
    else:
        parts = f"{a.steps[0].parts} against {b.steps[0].parts}"
        layers.facts.append(f"an update adds up the gradients of {parts} batches, so single layers are not compared")
    return layers


def _paired(a: Recording, b: Recording, match: Match) -> list[tuple[int, int]]:
    """The uses of the same parameters in both, the first with the first of its kind, and so on."""
    forward, pairs, taken = dict(match.pairs), [], set()
    back = {j: i for i, j in match.pairs}
    for i, op in enumerate(a.ops):
        partners = {forward[p] for p in op.parameters if p in forward}
        uses = [
            j for j, other in enumerate(b.ops) if j not in taken and (shared := partners & set(other.parameters))
            and shared == partners and shared == {q for q in other.parameters if q in back}
        ]  # fmt: skip
        alike = [j for j in uses if _kind(b.ops[j]) == _kind(op)]  # Tied weights are a table and a product.
        if uses and (alike or not _tied(a, op)):
            pairs.append((i, (alike or uses)[0]))
            taken.add(pairs[-1][1])
    return pairs


def _tied(r: Recording, op: Op) -> bool:
    """Whether a layer's parameters are used in another way too."""
    return any(set(op.parameters) & set(other.parameters) and _kind(op) != _kind(other) for other in r.ops)


def _kind(op: Op) -> str:
    return "product" if op.name.strip("_") in ("linear", "matmul", "mm", "rmatmul", "einsum", "dot") else op.name


def _missing(role: str) -> str:
    return "network-bias" if role == "bias" else "network-layers"


# What two frameworks call the same option, and how its value reads in PyTorch's terms.
SAME = {"epsilon": "eps", "strides": "stride", "p": "rate", "negative_slope": "slope", "alpha": "slope",
        "dilation_rate": "dilation", "pool_size": "kernel_size"}  # fmt: skip


def options(op: Op) -> dict[str, Any]:
    """An op's options under one name each."""
    return {SAME.get(key, key): _one(value) for key, value in op.options.items()}


def _one(value: Any) -> Any:
    """(2, 2) is 2, and a padding that is none is 0."""
    if value == "valid":
        return 0
    if isinstance(value, list | tuple) and value and all(v == value[0] for v in value):
        return value[0]
    return tuple(value) if isinstance(value, list) else value


def differing(a: Op, b: Op) -> list[tuple[str, Any, Any]]:
    """The options that both have, with other values."""
    one, other = options(a), options(b)
    return [(key, one[key], other[key]) for key in one.keys() & other.keys() if not same(one[key], other[key])]


def same(x: Any, y: Any) -> bool:
    """Whether two values are one but for float32's rounding."""
    if isinstance(x, int | float) and isinstance(y, int | float) and not isinstance(x, bool):
        return bool(np.isclose(x, y, rtol=1e-6, atol=0))
    return bool(x == y)


def between(recording: Recording, start: int, end: int) -> list[Op]:
    """What stands between two layers with parameters, that changes numbers."""
    plain = {"view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "getitem", "contiguous"}
    ops = recording.ops[start + 1 : end]
    return [op for op in ops if op.name.strip("_").lower() not in plain]


def told(ops: list[Op]) -> str:
    """A row of ops in words."""
    shown = []
    for op in ops:
        keys = ("slope", "approximate", "kernel_size", "stride", "padding", "rate", "eps", "momentum", "reduction")
        chosen = {k: v for k, v in options(op).items() if k in keys}
        inside = ", ".join(f"{k}={v}" for k, v in chosen.items())
        shown.append(f"{op.label}({inside})" if inside else op.label)
    return ", ".join(shown) or "nothing"


__all__ = ["Layers", "between", "compared", "differing", "like", "told"]
