"""Stage 3: how each script draws its initial weights, told by what was drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compare.pairs.findings import Finding
from compare.pairs.match import Match, like, squeezed
from compare.watch.recording import Parameter, Recording

SURE = 6.0  # standard errors by which two spreads must be apart before they are called different
CLEAR = 12.0  # by which logarithm one law must be likelier than the other
FEW = 20  # numbers below which nothing is said of how they were drawn


@dataclass(frozen=True)
class Drawn:
    """The law that an array of numbers looks like."""

    law: str  # "zeros", "constant", "uniform", "normal", "orthogonal"
    spread: float  # standard deviation, or the constant
    error: float  # of log(spread), one standard error
    text: str
    clear: bool = True  # whether the numbers are enough to tell a uniform law from a normal one

    def differs(self, other: Drawn) -> bool:
        """Whether the two surely come from different laws."""
        if "constant" in (self.law, other.law) or "zeros" in (self.law, other.law):
            return self.law != other.law or not math.isclose(self.spread, other.spread, rel_tol=1e-5)
        if "few" in (self.law, other.law):
            return False
        if "orthogonal" in (self.law, other.law):
            return self.law != other.law
        apart = abs(math.log(self.spread / other.spread)) > SURE * math.hypot(self.error, other.error)
        return apart or (self.law != other.law and self.clear and other.clear)


def drawn(p: Parameter) -> Drawn:
    """What one parameter was drawn from, as far as its numbers tell."""
    values = (p.parts[0] if p.parts else p.initial).astype(float).ravel()
    if not values.any():
        return Drawn("zeros", 0.0, 0.0, "zeros")
    if len(values) > 1 and np.ptp(values) == 0:
        return Drawn("constant", float(values[0]), 0.0, f"all {values[0]:g}")
    if p.kind in ("lstm", "gru", "rnn") and p.role == "bias" and set(np.unique(values)) == {0.0, 1.0}:
        return Drawn("constant", 0.5, 0.0, "zeros, and ones for the forget gate")
    if len(values) < FEW:
        return Drawn("few", 1.0, math.inf, "drawn at random, or given")
    if p.role == "recurrent kernel" and np.allclose(p.initial @ p.initial.T, np.eye(len(p.initial)), atol=1e-4):
        return Drawn("orthogonal", 1.0, 0.0, "orthogonal")
    return _law(values, *fans(p), vector=p.initial.ndim < 2)


def fans(p: Parameter) -> tuple[int, int]:
    """Inputs and outputs of a unit, as initialisers count them."""
    if p.initial.ndim < 2:
        n = max(int(np.prod(p.shape)), 1)
        return n, n
    field = int(np.prod(p.shape[:-2]))
    return p.shape[-2] * field, p.shape[-1] * field


def _law(values: np.ndarray, inputs: int, outputs: int, vector: bool) -> Drawn:
    n = len(values)
    spread, peak = float(np.sqrt((values**2).mean())), float(np.abs(values).max())
    # How much likelier the numbers are under the one law than under the other, as a logarithm.
    likelier = n * (0.5 * math.log(2 * math.pi * math.e * spread**2) - math.log(2 * peak))
    uniform = likelier > 0
    law = "uniform" if uniform else "normal"
    error = (math.sqrt(0.2) if uniform else math.sqrt(0.5)) / math.sqrt(n)
    names = {
        "uniform": {
            f"uniform within ±1/√{inputs}, PyTorch's default": 1 / math.sqrt(3 * inputs),
            "Glorot uniform, Keras' default": math.sqrt(2 / (inputs + outputs)),
            "He uniform": math.sqrt(2 / inputs),
        },
        "normal": {
            "Glorot normal": math.sqrt(2 / (inputs + outputs)),
            "He normal": math.sqrt(2 / inputs),
            "LeCun normal": math.sqrt(1 / inputs),
            **{f"normal with standard deviation {s:g}": s for s in (0.001, 0.01, 0.02, 0.05, 0.1, 1.0)},
        },
    }[law]
    names = {} if vector else names  # What a bias is drawn from depends on a layer that it does not show.
    near = {name: s for name, s in names.items() if abs(math.log(spread / s)) < 3 * error + 0.002}
    shown = min(near, key=lambda name: abs(math.log(spread / near[name])), default="")
    measured = f"{law} with standard deviation {spread:.3g}"
    return Drawn(law, spread, error, shown or measured, abs(likelier) > CLEAR)


def compared(a: Recording, b: Recording, match: Match) -> tuple[list[str], list[Finding]]:
    """How far the initial weights are apart, and whether they come from different laws."""
    facts, findings = [], []
    same = True
    schemes: dict[tuple[str, str, str, str], list[tuple[Parameter, Parameter, float]]] = {}
    numbers: dict[tuple[str, str, str, str], list[int]] = {}
    for i, j in match.pairs:
        p, q = a.parameters[i], b.parameters[j]
        if not p.trained or squeezed(p.shape) != squeezed(q.shape):
            continue
        other = like(q.initial, q, p)
        assert other is not None
        apart = float(np.abs(p.initial - other).max()) / max(float(np.abs(p.initial).max()), 1e-30)
        if apart <= 1e-6:
            continue
        same = False
        one, two = drawn(p), drawn(q)
        if one.differs(two):
            what = "bias" if "bias" in p.role else "weights"
            scheme = what, one.text, two.text, p.kind
            schemes.setdefault(scheme, []).append((p, q, abs(two.spread - one.spread)))
            numbers.setdefault(scheme, []).append(i)
    for scheme, parts in schemes.items():
        what, one_text, two_text, _ = scheme
        p, q, size = parts[0]
        names = ", ".join(p.name for p, _, _ in parts)
        defaults = a.framework != b.framework and (what == "bias" or all("default" in t for t in (one_text, two_text)))
        kind = "default" if defaults else "fault"
        text = f"{names}: {one_text} against {two_text}"
        finding = Finding("start", "initialisation", kind, text, (p.line, q.line), size)
        findings.append(finding.switched_by("initial", of=tuple(numbers[scheme])))
    if same:
        facts.append("the initial weights are the same numbers")
    elif not findings:
        facts.append("the initial weights are drawn alike, from different generators")
    return facts, findings
