"""The recorded training of a network's programs: every number of the Rosetta page, and nothing that was not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from compare.programs.effects import effects
from compare.programs.observe import Look, Observation
from compare.programs.program import FORMS, FRAMEWORKS, Program, program
from compare.programs.proof import STEPS, Proof, Watcher, prove
from compare.programs.spec import Spec
from compare.programs.values import named

SHOWN = (1, 2, 3, 4, 5, 10, 20, 30, 40)  # steps whose numbers are kept, besides the last
SIDE = 36  # points along each side of the plane at which a network of two inputs is evaluated

Numbers = dict[str, list[np.ndarray]]  # by role: an array for each step shown, or one alone that holds for all


@dataclass(frozen=True)
class Run:
    """A program that was run, and what it computed."""

    program: Program  # with its proof in its docstring
    proof: Proof
    sizes: dict[str, float]  # of the differences that the proof names; see effects.py
    numbers: Numbers
    losses: list[float]  # of every step, before its update
    surfaces: list[np.ndarray]  # (SIDE², O) after each step shown; empty unless there are two inputs
    printed: str  # by the program after these steps


@dataclass(frozen=True)
class Network:
    """A network whose programs were run."""

    spec: Spec
    steps: tuple[int, ...]  # those shown
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)  # by form and framework
    faults: dict[tuple[str, str], str] = field(default_factory=dict)  # why a program is not shown, in one line

    def beside(self, form: str) -> dict[str, Run]:
        """The runs of one form, by framework."""
        return {name: self.runs[form, name] for name in FRAMEWORKS if (form, name) in self.runs}


class Recorder:
    """A process for each framework, in which the programs of one network after the other are run."""

    def __init__(self, by: dict[str, Watcher]):
        self.by = by

    def __call__(self, spec: Spec) -> Network:
        """Run every program of a network for STEPS steps, or for as many as it has, in float64."""
        steps = min(STEPS, spec.epochs * spec.steps_per_epoch)
        found = Network(spec, (*(step for step in SHOWN if step < steps), steps))
        look = Look(found.steps, plane(spec))
        for framework in self.by:
            for form in FORMS:
                plain = program(framework, spec, form)
                seen = self._of(framework).observe(plain, look=look)
                proof = prove(plain, seen)
                if proof.fault:
                    found.faults[form, framework] = proof.fault
                else:
                    found.runs[form, framework] = run_of(program(framework, spec, form, proof.lines()), proof, seen)
        return found

    def _of(self, framework: str) -> Watcher:
        """The framework's process; a new one where a program ended it."""
        if self.by[framework].process.poll() is not None:
            self.by[framework] = Watcher(framework)
        return self.by[framework]


@contextmanager
def recorder(frameworks: Iterable[str] = FRAMEWORKS) -> Iterator[Recorder]:
    """A Recorder whose processes end with the block."""
    found = Recorder({name: Watcher(name) for name in frameworks})
    try:
        yield found
    finally:
        for each in found.by.values():
            each.close()


def plane(spec: Spec) -> np.ndarray | None:
    """The points (SIDE², 2) around the data of a network with two inputs, row by row from the top; None for others."""
    if spec.layer_sizes[0] != 2:
        return None
    x, y = (np.linspace(low, high, SIDE) for low, high in bounds(spec))
    return np.column_stack([np.tile(x, SIDE), np.repeat(y[::-1], SIDE)])


def bounds(spec: Spec) -> list[tuple[float, float]]:
    """From where to where the plane goes, along each input."""
    x = spec.dataset.x_train
    low, high = x.min(axis=0), x.max(axis=0)
    room = 0.2 * (high - low)
    return [(float(a), float(b)) for a, b in zip(low - room, high + room, strict=True)]


def run_of(written: Program, proof: Proof, seen: Observation) -> Run:
    """What the page needs of an observation."""
    native = written.form == "native" and written.framework != "numpy"
    sizes = effects(proof, seen) if native else {}
    surfaces = [np.asarray(seen.surfaces[step], float) for step in sorted(seen.surfaces)]
    return Run(written, proof, sizes, numbers_of(written, seen), seen.losses, surfaces, seen.printed.strip())


def numbers_of(written: Program, seen: Observation) -> Numbers:
    """What an observation with a look holds, by role; see roles.py."""
    found: Numbers = {name: [np.asarray(seen.data[name], float)] for name in ("x_train", "y_train")}
    found |= {f"first {name}": [start] for name, start in named(seen.start).items()}
    dropped = [i for i, rate in enumerate(written.spec.config.by_layer("dropout"), 1) if rate]
    for step in sorted(seen.values):
        (x, y), masks = seen.batches[step - 1], seen.masks[step - 1]
        here = {"x": x, "y": y} | {f"mask{i}": mask for i, mask in zip(dropped, masks, strict=False)}
        for name, value in (here | seen.values[step] | named(seen.params[step - 1])).items():
            found.setdefault(name, []).append(np.asarray(value, float))
    if seen.outputs is not None:
        found[f"test {'p' if ends_in_sigmoid(written) else 'z'}"] = [np.asarray(seen.outputs, float)]
    return found


def ends_in_sigmoid(written: Program) -> bool:
    """Whether the network itself gives probabilities: Keras' under the squared error of a sigmoid."""
    return written.framework == "keras" and written.spec.config.loss == "sigmoid_mse"


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
