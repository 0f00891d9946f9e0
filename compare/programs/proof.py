"""Proving a program: what it did in some steps, held against the reference trained in the same way."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from compare.ledger import adapters
from compare.ledger.contract import Layers
from compare.ledger.parity import GATE
from compare.programs.differences import FIRST_WEIGHTS, differences
from compare.programs.observe import Look, Observation
from compare.programs.program import Program
from compare.programs.reference import advance, expected_steps, generator, reference, targets
from compare.programs.spec import Spec
from compare.traps.catalogue import Hypothesis
from shared.batches import batches

STEPS = 50
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Proof:
    """Whether a program does what it is said to do."""

    program: Program
    steps: int
    difference: float  # the largest |program - reference| of a tensor, over its largest entry, in any step
    causes: tuple[Hypothesis, ...] = ()  # which the reference was trained with
    others: tuple[str, ...] = ()  # differences that are no trap, in words
    fault: str = ""  # what could not be shown; empty if all was

    def lines(self) -> list[str]:
        """What a program's docstring and the command say of it."""
        if self.fault:
            return [f"Not shown: {self.fault}."]
        size = f"{self.difference:.0e}".replace("e-0", "e-")
        over = f"{self.steps} {'step' if self.steps == 1 else 'steps'} in float64"
        if self.program.form == "equal" or not (self.causes or self.others):
            return [f"Equal to the reference to {size} over {over}."]
        named = [*self.others, *(cause.label for cause in self.causes)]
        return [
            f"With these differences, the reference does the same to {size} over {over}:",
            *(f"- {name}" for name in named),
        ]


class Watcher:
    """A process with one framework in it, which runs programs and says what they did."""

    def __init__(self, framework: str):
        command = [sys.executable, "-m", "compare.programs.observe", framework]
        path = {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=adapters.environment(1) | path, bufsize=-1,
        )  # fmt: skip

    def observe(self, program: Program, steps: int = STEPS, look: Look | None = None) -> Observation:
        """Run a program for some steps; `look` as in `compare.programs.observe.observe`."""
        assert self.process.stdin
        assert self.process.stdout
        sections = [(section.name, section.text) for section in program.sections if section.lines]
        try:
            pickle.dump((sections, steps, look), self.process.stdin)
            self.process.stdin.flush()
            return Observation(**pickle.load(self.process.stdout))
        except (EOFError, BrokenPipeError):
            return Observation(error=f"the process that ran it ended with status {self.process.wait()}")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def watcher(framework: str) -> Iterator[Watcher]:
    """A Watcher whose process ends with the block."""
    found = Watcher(framework)
    try:
        yield found
    finally:
        found.close()


def prove(program: Program, seen: Observation) -> Proof:
    """Hold what a program did against the reference; a Proof with a fault where it cannot be shown."""
    if seen.error:
        return Proof(program, 0, np.inf, fault=f"it does not run: {seen.error}")
    spec, equal = program.spec, program.form == "equal" or program.framework == "numpy"
    try:
        _check_data(spec, seen)
        start = _check_start(program, seen, equal)
        _check_batches(spec, seen, equal)
    except ValueError as error:
        return Proof(program, len(seen.params), np.inf, fault=str(error))
    causes = () if equal else tuple(differences(program.framework, spec))
    try:
        found, drift, outputs = _train(spec, start, causes, seen)
    except ValueError as error:
        return Proof(program, len(seen.params), np.inf, fault=str(error))
    others = () if equal else (FIRST_WEIGHTS[program.framework], *_own(program, seen))
    logits = not (program.framework == "keras" and spec.config.loss == "sigmoid_mse")  # There z is after the sigmoid.
    difference, allowed = _largest_difference(seen, found, drift, outputs, logits)
    proof = Proof(program, len(seen.params), difference, causes, others)
    if difference <= allowed:
        return proof
    what = "the reference" + (" with " + ", ".join(cause.label for cause in causes) if causes else "")
    return replace(proof, fault=f"{what} differs by {difference:.1e} within {proof.steps} steps")


def _check_data(spec: Spec, seen: Observation) -> None:
    """ValueError unless the program trains and tests on the data it is meant for."""
    for name, found in seen.data.items():
        expected = np.asarray(getattr(spec.dataset, name), float)
        if spec.order == "by_class" and name.endswith("train"):
            expected = expected[np.argsort(spec.dataset.y_train, kind="stable")]
        found = found.reshape(expected.shape) if found.size == expected.size else found
        if found.shape != expected.shape or np.abs(found - expected).max() > 1e-6 * np.abs(expected).max():
            raise ValueError(f"its {name} is not that of {spec.source.dataset or spec.source.path}")


def _check_start(program: Program, seen: Observation, equal: bool) -> Layers:
    """The first parameters, by layer; ValueError unless they were drawn as they are said to be."""
    spec, c = program.spec, program.spec.config
    parts = iter(seen.start)
    hidden = len(spec.layer_sizes) - 2
    counts = [3 if c.batch_norm and i < hidden else 2 for i in range(hidden + 1)]
    start: Layers = [tuple(np.asarray(next(parts), float) for _ in range(count)) for count in counts]
    expected = spec.draw(spec.layer_sizes, generator(spec))
    for (n, m), layer, drawn in zip(pairwise(spec.layer_sizes), start, expected, strict=True):
        W, b = layer[0], layer[1]
        if equal or (program.framework == "jax" and spec.draw.legacy):
            precise = np.float32 if spec.options.get("dtype") == "float32" else np.float64
            as_said = all(np.array_equal(a, d.astype(precise)) for a, d in zip(layer, drawn, strict=False))
        elif program.framework == "torch":
            as_said = max(abs(W).max(), abs(b).max()) <= 1 / np.sqrt(n) * (1 + 1e-6)
        elif program.framework == "keras":
            as_said = abs(W).max() <= np.sqrt(6 / (n + m)) * (1 + 1e-6) and not b.any()
        else:
            as_said = abs(np.log(W.std() / drawn[0].std())) < 5 / np.sqrt(W.size)
        if not as_said or (len(layer) == 3 and not (layer[2] == 1).all()):
            raise ValueError(f"the first parameters of its layer ({n}, {m}) are not drawn as they should be")
    return start


def _check_batches(spec: Spec, seen: Observation, equal: bool) -> None:
    """ValueError unless these are the batches and masks of its seed, or natively, an epoch takes every sample once."""
    x, y = seen.data["x_train"], seen.data["y_train"].reshape(spec.samples, -1)
    wrong = "its batches are not those it should train on"
    if equal:
        expected, masks = expected_steps(spec, len(seen.batches))
        for (xb, yb), batch, found, drawn in zip(seen.batches, expected, seen.masks, masks, strict=True):
            same = xb.shape == x[batch].shape and np.allclose(xb, x[batch], 1e-12, 0)
            if not same or not np.allclose(targets(spec, yb), y[batch], 1e-12, 0):
                raise ValueError(wrong)
            if not all(np.allclose(m, d, 1e-12, 0) for m, d in zip(found, drawn, strict=True)):
                raise ValueError("its dropout masks are not those drawn from its seed")
        return
    rows = np.column_stack([x, y])
    per = spec.steps_per_epoch
    sizes = [len(batch) for batch in batches(np.arange(spec.samples), spec.batch_size or spec.samples)]
    if [len(xb) for xb, _ in seen.batches] != [sizes[i % per] for i in range(len(seen.batches))]:
        raise ValueError(wrong)
    for first in range(0, len(seen.batches), per):
        epoch = [np.column_stack([xb, targets(spec, yb)]) for xb, yb in seen.batches[first : first + per]]
        taken, of = np.concatenate(epoch), rows
        if len(epoch) == per and spec.order == "shuffled":
            taken, of = (a[np.lexsort(a.T)] for a in (taken, of))
        elif spec.order == "shuffled":
            continue
        if not np.allclose(taken, of[: len(taken)], 1e-6, 1e-12):
            raise ValueError(wrong)


def _train(
    spec: Spec, start: Layers, causes: tuple[Hypothesis, ...], seen: Observation
) -> tuple[list[list[np.ndarray]], np.ndarray, tuple[np.ndarray, float]]:
    """The reference's parameters after every step, how far a change of 1 at the start has grown by then, its outputs.

    As in `compare.ledger.trace.amplification`, a copy shows what training makes of such a change: its first weights and
    every number of its inputs are changed by 1e-9, as rounding changes each product of the two.
    """
    random = np.random.default_rng(0)

    def rounded(x: np.ndarray) -> np.ndarray:
        return x * (1 + 1e-9 * random.uniform(-1, 1, x.shape))

    size = 1e-9 * max(np.abs(a).max() for layer in start for a in layer)
    changed = [tuple(a + size * random.uniform(-1, 1, a.shape) for a in layer) for layer in start]
    rates = [] if spec.config.schedule == "constant" else seen.rates
    models = [reference(spec, causes, params, rates) for params in (start, changed)]
    found, drift = [], np.ones(len(seen.batches))
    with np.errstate(all="ignore"):
        for step, ((x, y), masks) in enumerate(zip(seen.batches, seen.masks, strict=True)):
            advance(spec, models[0], x, y, masks)
            advance(spec, models[1], rounded(x), y, masks)
            found.append([a for layer in models[0].params for a in layer])
            other = [a for layer in models[1].params for a in layer]
            grown = max(np.abs(a - b).max() for a, b in zip(found[-1], other, strict=True)) / size
            drift[step] = max(grown, drift[step - 1] if step else 1.0)
        x_test = seen.data["x_test"]
        z, moved = adapters.outputs(models[0], x_test), adapters.outputs(models[1], rounded(x_test))
    return found, drift, (z, float(np.abs(z - moved).max()) / size)


def _own(program: Program, seen: Observation) -> list[str]:
    """Differences that are no trap but what a framework draws or rounds by itself."""
    spec, found = program.spec, []
    batched = spec.batch_size is not None and spec.batch_size < spec.samples
    if batched and spec.order == "shuffled":
        found.append("its own order of the samples")
        per = spec.steps_per_epoch
        if len(seen.batches) >= 2 * per and all(
            np.array_equal(seen.batches[i][0], seen.batches[i + per][0]) for i in range(per)
        ):
            found[-1] += ", the same in every epoch"
    if spec.config.dropout and len(spec.layer_sizes) > 2:
        found.append("its own dropout masks")
    if seen.rates and spec.config.schedule != "constant":
        found.append("learning rates computed in float32")
    return found


def _largest_difference(
    seen: Observation,
    found: list[list[np.ndarray]],
    drift: np.ndarray,
    outputs: tuple[np.ndarray, float],
    logits: bool,
) -> tuple[float, float]:
    """The step's difference that is largest against what is allowed there: both."""
    worst, at = 0.0, GATE["float64"]
    for step, (ours, theirs) in enumerate(zip(seen.params, found, strict=True)):
        scale = max(np.abs(b).max() for b in theirs)
        with np.errstate(all="ignore"):
            gap = max(_gap(a, b) for a, b in zip(ours, theirs, strict=True)) / scale
        allowed = GATE["float64"] * drift[step]
        if gap / allowed > worst / at:
            worst, at = gap, allowed
    z, moved = outputs
    if seen.outputs is not None and logits:
        scale = max(float(np.abs(z).max()), 1.0)
        gap = _gap(seen.outputs.reshape(z.shape), z) / scale
        allowed = GATE["float64"] * max(moved / scale, 1.0)
        if gap / allowed > worst / at:
            worst, at = gap, allowed
    return worst, at


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a - b|; 0 where both are not finite in the same way."""
    if a.shape != b.shape:
        return np.inf
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gap = np.where(same, 0.0, np.abs(a - b))
    return float(np.nan_to_num(gap, nan=np.inf).max())
