"""The recorded training of a network's programs: every number of the Rosetta page, and nothing that was not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from compare.programs.observe import Observation
from compare.programs.program import FORMS, FRAMEWORKS, Program, program
from compare.programs.proof import STEPS, Proof, prove, watcher
from compare.programs.roles import Roles, roles
from compare.programs.spec import Spec, named

SHOWN = 6  # steps whose numbers are kept one by one
FIRST = 5  # entries of an array that are kept

Numbers = dict[str, list[np.ndarray]]  # by role: an array a step, or one alone that holds for all steps


@dataclass(frozen=True)
class Run:
    """A program that was run, and what it computed."""

    program: Program  # with its proof in its docstring
    proof: Proof
    numbers: Numbers
    losses: list[float]  # of every step, before its update
    roles: Roles
    test_loss: str  # as the program prints it after these steps

    @property
    def spec(self) -> Spec:
        return self.program.spec


Runs = dict[tuple[str, str, str], Run]  # by network, form and framework


def record(networks: Iterable[str], frameworks: Iterable[str] = tuple(FRAMEWORKS)) -> Runs:
    """Run every program of these networks for STEPS steps in float64.

    Raises ValueError, in one line, where a program does not do what it is said to.
    """
    specs, runs = [named(name) for name in networks], Runs()
    for framework in frameworks:
        with watcher(framework) as by:
            for spec in specs:
                for form in FORMS:
                    plain = program(framework, spec, form)
                    seen = by.observe(plain, detailed=True)
                    proof = prove(plain, seen)
                    if proof.fault:
                        raise ValueError(f"{framework}, {spec.name}, {form}: {proof.fault}")
                    runs[spec.name, form, framework] = _run(program(framework, spec, form, proof.lines()), proof, seen)
    return runs


def _run(written: Program, proof: Proof, seen: Observation) -> Run:
    numbers = numbers_of(seen)
    losses = [float(found["loss"]) for found in seen.values[:STEPS]]
    return Run(written, proof, numbers, losses, roles(written, numbers), seen.printed.strip())


def numbers_of(seen: Observation) -> Numbers:
    """What a detailed observation holds, by role; see roles.py."""
    found: Numbers = {name: [np.asarray(seen.data[name], float)] for name in ("x_train", "y_train")}
    names = [f"{'Wb'[i % 2]}{i // 2 + 1}" for i in range(len(seen.start))]
    found |= {f"first {name}": [start] for name, start in zip(names, seen.start, strict=True)}
    for (x, y), within, params in list(zip(seen.batches, seen.values, seen.params, strict=True))[:SHOWN]:
        for name, value in [("x", x), ("y", y), *within.items(), *zip(names, params, strict=True)]:
            found.setdefault(name, []).append(np.asarray(value, float))
    if seen.outputs is not None:
        found["test z"] = [np.asarray(seen.outputs, float)]
    return found


def summary(a: np.ndarray) -> list:
    """Shape, first entries, mean and norm of an array, to ten digits."""
    flat = a.ravel()
    return [list(a.shape), [_ten(v) for v in flat[:FIRST]], _ten(flat.mean()), _ten(float(np.linalg.norm(flat)))]


def _ten(value: np.floating | float) -> float:
    return float(f"{value:.10g}")


def difference(a: np.ndarray, b: np.ndarray) -> float | None:
    """max|a - b| / max|a|; None for arrays of different sizes."""
    if a.size != b.size:
        return None
    size = float(np.abs(a).max())
    gap = float(np.abs(a.ravel() - b.ravel()).max())
    return gap / size if size else gap


def differences(numbers: Mapping[str, Numbers], role: str, step: int) -> dict[str, float]:
    """The difference of every two frameworks that have this role in this step (from 0), as "numpy torch": 1e-16."""
    here = {name: found[role][min(step, len(found[role]) - 1)] for name, found in numbers.items() if role in found}
    pairs = {f"{a} {b}": difference(here[a], here[b]) for a, b in combinations(here, 2)}
    return {pair: float(f"{gap:.3g}") for pair, gap in pairs.items() if gap is not None}
