"""What a run times, how long that will take, and how an interrupted one goes on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from compare.speed.contenders import CONTENDERS, EXTRAS, Contender
from compare.speed.measure import LIMIT, Amount, Crew, Samples, measure
from compare.speed.work import Work, of_size

QUICK = Amount(least=5, most=5, seconds=0.01, inference=False)
DEFAULT = Amount(least=15, most=60, seconds=0.01)
ALONE = Amount(least=30, most=240, seconds=0.01)
SPARSE = Amount(least=15, most=40, seconds=0.01, inference=False)  # for the many works of the curves and the map

MAP_WIDTHS, MAP_BATCHES, DEPTHS = (8, 32, 128, 512), (1, 8, 64, 512), (1, 2, 4)
FORMAT = "mlp-rosetta speed parts 1"


@dataclass(frozen=True)
class Block:
    """A work, how long to measure it, and in whom."""

    work: Work
    amount: Amount
    contenders: tuple[Contender, ...] = CONTENDERS

    @property
    def key(self) -> str:
        return json.dumps([self.work.labels, vars(self.amount), [c.labels for c in self.contenders]])


def sizes(
    names: Sequence[str],
    threads: Sequence[int],
    amount: Amount,
    contenders: tuple[Contender, ...] = CONTENDERS,
    **others: Any,
) -> list[Block]:
    """A block for each of the named sizes at each number of threads."""
    works = [of_size(name, threads=count, **others) for count in threads for name in names]
    return [Block(w, amount if w.threads == 1 else amount.with_pauses(), contenders) for w in works]


def crossover(threads: int = 1) -> list[Block]:
    """Two hidden layers of every width, at every batch size: which contender is the fastest where."""
    works = [Work("map", (64, w, w, 10), b, threads=threads) for w in MAP_WIDTHS for b in MAP_BATCHES]
    return [Block(work, SPARSE) for work in works]


def depths(threads: int = 1) -> list[Block]:
    """More and more hidden layers of 64 units."""
    works = [Work("depth", (64, *[64] * depth, 10), 32, threads=threads) for depth in DEPTHS]
    return [Block(work, SPARSE) for work in works]


def full(names: Sequence[str], threads: Sequence[int]) -> list[Block]:
    """The campaign: sizes under sgd and Adam, two of them in float64 too, depths, and the crossover map."""
    twice = [name for name in names if name in ("digits", "mnist")]
    blocks = [
        *sizes(names, threads, DEFAULT, (*CONTENDERS, *EXTRAS)),
        *sizes(names, threads, DEFAULT, optimizer="adam"),
        *sizes(twice, threads[:1], DEFAULT, dtype="float64"),
        *crossover(threads[0]),
        *depths(threads[0]),
    ]
    return sorted(blocks, key=lambda block: threads.index(block.work.threads))  # One crew after the other.


def estimate(blocks: Sequence[Block]) -> float:
    """Seconds that measuring takes, roughly: imports, then preparing and rounds of every block.

    A step is taken to cost 1.5 ms in plain Keras and 30 GFLOP/s of products in all, and half of the rounds above the
    least to be needed.
    """
    crews = {block.work.threads: {c.process for c in block.contenders} for block in blocks}
    seconds = sum(1.6 * len(processes) for processes in crews.values())
    for block in blocks:
        epoch = block.work.steps * block.work.flops / 3e10
        amount, count = block.amount, len(block.contenders)
        turn = max(1.5 * amount.seconds, epoch) + (0.005 if block.work.threads == 1 else 0.05)
        seconds += count * (0.4 + 8 * epoch)
        seconds += amount.least * (count * turn + block.work.steps * 1.5e-3)
        seconds += (amount.most - amount.least) / 2 * count * min(turn, 2 * amount.seconds)
    return seconds


def start(blocks: Sequence[Block], folder: Path, limit: float = LIMIT) -> Crew:
    """The processes that the first block needs, so that they import their frameworks while something else runs.

    `limit` is how many seconds one of them may take for a job.
    """
    threads = blocks[0].work.threads
    return Crew(threads, folder / f"threads-{threads}", blocks[0].contenders, limit)


def run(
    blocks: Sequence[Block],
    folder: Path,
    parts: Path | None = None,
    environment: dict[str, Any] | None = None,
    show: Callable[[float, float, str], None] = lambda done, total, what: None,
    crew: Crew | None = None,
    limit: float = LIMIT,
) -> Samples:
    """Measure every block; the processes' logs go into `folder`. `crew` is what `start` gave, if it was called.

    With `parts` each measured block is added to that file at once, and blocks that the file has from a run in the same
    `environment` are taken from it; a finished run removes it. `show(seconds done, seconds in all, what)` is called
    whenever something happened; both are estimates.
    """
    kept = Parts(parts, environment or {}) if parts else None
    found, samples = dict(kept.blocks) if kept else {}, Samples()
    total, done = estimate(blocks), 0.0
    for _, group in groupby(blocks, key=lambda block: block.work.threads):
        mine = list(group)
        if any(block.key not in found for block in mine):
            with crew or start(mine, folder, limit) as ready:
                for block in [block for block in mine if block.key not in found]:
                    label = f"{_name(block.work)}: "
                    before = done + sum(estimate([b]) for b in mine if b.key in found)
                    found[block.key] = measure(
                        block.work,
                        ready,
                        block.amount,
                        lambda what: show(before, total, label + what),  # noqa: B023
                    )
                    if kept:
                        kept.add(block.key, found[block.key])
        crew, done = None, done + estimate(mine)
        for block in mine:
            samples.extend(found[block.key])
    if kept:
        kept.remove()
    show(total, total, "timed")
    return samples


def _name(work: Work) -> str:
    threads = f"{work.threads} thread" + "s" * (work.threads > 1)
    return f"{work.name} ({work.labels['layer_sizes']}, batch {work.batch_size}, {work.optimizer}, {threads})"


class Parts:
    """The blocks that an interrupted run had measured, a JSON line each, after a line on where it ran."""

    def __init__(self, path: Path, environment: dict[str, Any]):
        self.path = path
        self.head = json.dumps({"format": FORMAT, "environment": environment}, sort_keys=True)
        self.blocks: dict[str, Samples] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            lines = []
        if lines[:1] != [self.head]:  # None, or of another machine or version.
            self._replace(self.head + "\n")
            return
        for line in lines[1:]:
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):  # Torn by the interruption.
                entry = json.loads(line)
                key = entry.pop("key")
                self.blocks[key] = Samples(**entry)

    def add(self, key: str, samples: Samples) -> None:
        """Keep a block."""
        self.blocks[key] = samples
        lines = [json.dumps({"key": key, **vars(samples)}) for key, samples in self.blocks.items()]
        self._replace("\n".join([self.head, *lines]) + "\n")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def _replace(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, self.path)
