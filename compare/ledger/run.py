"""Running the ledger: every plan through every implementation, compared as soon as all have done it."""

from __future__ import annotations

import itertools
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compare.ledger import adapters, parity, trace
from compare.ledger.alone import odd_one_out
from compare.ledger.jobs import by_name
from compare.ledger.processes import Event, Pool
from compare.ledger.serve import message_of
from compare.ledger.trace import Amplification, Trace
from shared.scenarios import Plan

READ_BACK = 2  # steps before which what was set is read again: the second has slots that are not 0
MOST_DEATHS = 3  # of an implementation's process, before its remaining jobs are given up


@dataclass(frozen=True)
class Failure:
    """An implementation that did not finish, or the comparison of a scenario."""

    implementation: str
    scenario: str | None  # None: it did not start, or was the comparison
    status: str  # "raised", "timed out" or "killed"
    message: str


@dataclass(frozen=True, eq=False)
class Suspect:
    """An implementation that differs from the reference, with the traces to find out why."""

    scenario: str
    implementation: str
    dtype: str
    plan: Plan
    reference: Trace
    stepped: Trace
    own: Trace


@dataclass(eq=False)
class Finding:
    """What is known of one scenario."""

    plan: Plan
    traces: dict[tuple[str, str], Trace] = field(default_factory=dict)  # (implementation, dtype) on its own
    comparisons: list[parity.Comparison] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    reference: str = ""  # the implementation in the reference's part; empty if all have failed
    ground: str = ""  # the one whose float64 run the float32 runs are held against

    @property
    def size(self) -> int:
        """Of the training: steps times parameters."""
        return len(self.plan.steps) * sum(np.size(a) for layer in self.plan.params for a in layer)


@dataclass(eq=False)
class Ledger:
    """All findings of a run, and what went wrong on the way."""

    findings: dict[str, Finding]
    failures: list[Failure]
    seconds: dict[str, float]  # each implementation's time in jobs

    @property
    def differing(self) -> list[parity.Comparison]:
        """The comparisons that failed; the first of them is the one to look at first, in every part of a report.

        In step before on its own, since a difference there is one in meaning; float64 before float32; then the smaller
        training before the larger.
        """
        wrong = [c for finding in self.findings.values() for c in finding.comparisons if not c.equal]
        return sorted(wrong, key=lambda c: (c.mode != "in step", c.dtype != "float64", self.findings[c.scenario].size))


class _Desk:
    """The jobs of one scenario: who is the reference, who has done what."""

    def __init__(self, plan: Plan, names: list[str], dtypes: list[str], folder: Path):
        self.finding, self.folder = Finding(plan), folder
        self.candidates = list(names)  # for the reference's part, the first that does not fail
        self.reference: str | None = None
        # The reference is always float64, also when only float32 is asked for.
        self.todo = {name: [d for d in dtypes if (name, d) != (names[0], "float64")] for name in names}
        self.dtypes, self.done = dtypes, set[tuple[str, str]]()
        self.under_way: list[str] = []  # who is at it, once for each job
        folder.mkdir()
        (folder / "plan.pickle").write_bytes(pickle.dumps(plan))

    def next_job(self, name: str) -> dict[str, Any] | None:
        """What this implementation can do now."""
        job: dict[str, Any] = {
            "do": by_name(record),
            "scenario": self.finding.plan.scenario.name,
            "folder": str(self.folder),
        }
        if self.reference is None:
            if self.under_way or self.candidates[:1] != [name]:
                return None
            job |= {"dtype": "float64", "reference": None}
        elif self.todo.get(name):
            reference = self.folder / f"{self.reference}-float64-own.npz"
            job |= {"dtype": self.todo[name].pop(0), "reference": str(reference)}
        else:
            return None
        self.under_way.append(name)
        return job

    def finish(self, job: dict[str, Any], name: str) -> None:
        self.under_way.remove(name)
        if job["reference"] is None:
            self.reference = self.finding.reference = name
            if "float64" in self.todo[name]:
                self.todo[name].remove("float64")
        self.done.add((name, job["dtype"]))

    def fail(self, name: str) -> bool:
        """Do without an implementation here; whether it had not been given up before."""
        if name in self.candidates:
            self.candidates.remove(name)
        return self.todo.pop(name, None) is not None

    @property
    def complete(self) -> bool:
        if self.under_way:  # Somebody else's job may still write there.
            return False
        if self.reference is None:
            return not self.candidates
        return all((name, d) in self.done for name in self.todo for d in self.dtypes)

    def trace(self, name: str, dtype: str, mode: str) -> Trace:
        return Trace.load(self.folder / f"{name}-{dtype}-{mode}.npz")

    def compare(self) -> None:
        """Fill the finding from the traces on disk, and delete them."""
        if self.reference is not None:
            reference = self.trace(self.reference, "float64", "own")
            with np.load(self.folder / "amplification.npz") as file:
                amplification = Amplification(file["losses"], file["params"], float(file["outputs"]))
            ruler = parity.Ruler(self.finding.plan, reference, amplification)
            for dtype in self.dtypes:  # float64 first
                self.finding.ground = self._ground()
                self._compare(ruler, reference, dtype)
        shutil.rmtree(self.folder)

    def _ground(self) -> str:
        """Whose float64 run float32 is held against: the reference's, unless that stands alone against two others."""
        assert self.reference
        alone = odd_one_out(self.finding.comparisons) == self.reference
        return next(name for name in self.todo if name != self.reference) if alone else self.reference

    def _compare(self, ruler: parity.Ruler, reference: Trace, dtype: str) -> None:
        names = [name for name in self.todo if (name, dtype) in self.done]
        ground = self.finding.ground

        def read(name: str, dtype: str, mode: str) -> Trace:
            return reference if (name, dtype) == (self.reference, "float64") else self.trace(name, dtype, mode)

        for mode, compare in (("step", parity.in_step), ("own", parity.on_its_own)):
            traces = {name: read(name, dtype, mode) for name in names}
            if mode == "own":
                self.finding.traces |= {(name, dtype): trace for name, trace in traces.items()}
            if dtype == "float64":
                pairs = [((a, b), traces[a], traces[b]) for a, b in itertools.combinations(names, 2)]
            else:
                exact = read(ground, "float64", mode)
                pairs = [(("float64", name), exact, traces[name]) for name in names]
            self.finding.comparisons += [compare(ruler, dtype, *pair) for pair in pairs]
        for name in names:
            if (name, dtype) != (self.reference, "float64") and self._differs(name, dtype):
                own, stepped = self.finding.traces[name, dtype], self.trace(name, dtype, "step")
                scenario = self.finding.plan.scenario.name
                self.finding.suspects.append(Suspect(scenario, name, dtype, self.finding.plan, reference, stepped, own))

    def _differs(self, name: str, dtype: str) -> bool:
        """Whether an implementation differs from the reference."""
        if dtype == "float32" and self.finding.ground != self.reference:
            return False  # What is known there is not the reference's difference from a candidate.
        against = self.reference if dtype == "float64" else "float64"
        return any(not c.equal and c.dtype == dtype and {c.a, c.b} == {against, name} for c in self.finding.comparisons)


def record(implementation: str, job: dict[str, Any]) -> None:
    """A worker's part: record a plan's training on its own and, given a reference's trace, in step with it.

    Without a reference this implementation is the reference: its float64 training is also held against copies with
    slightly changed weights.
    """
    folder = Path(job["folder"])
    plan: Plan = pickle.loads((folder / "plan.pickle").read_bytes())
    config = plan.config | {"dtype": job["dtype"]}
    model = adapters.build(implementation, config, plan.params)
    stem = f"{implementation}-{job['dtype']}"
    trace.record(model, plan, whole=job["reference"] is None, read_back=READ_BACK).save(folder / f"{stem}-own.npz")
    if job["reference"]:
        reference = trace.Trace.load(Path(job["reference"]))
        trace.record(model, plan, reference, read_back=READ_BACK).save(folder / f"{stem}-step.npz")
    else:
        amplification = trace.amplification(lambda params: adapters.build(implementation, config, params), plan)
        np.savez(folder / "amplification.npz", **asdict(amplification))


def run_ledger(
    plans: list[Plan],
    pool: Pool,
    dtypes: list[str],
    folder: Path,
    show: Callable[[int, int, dict[str, str]], None],
) -> Ledger:
    """Record and compare every plan in every implementation of the pool.

    `show(jobs done, jobs in all, what each implementation is at)` is called whenever something happened or time passed.
    """
    names = list(pool.workers)
    desks = {
        plan.scenario.name: _Desk(plan, names, dtypes, folder / f"{number:03}") for number, plan in enumerate(plans)
    }
    ledger = Ledger({name: desk.finding for name, desk in desks.items()}, [], dict.fromkeys(names, 0.0))
    deaths = dict.fromkeys(names, 0)
    open_desks, done = dict(desks), 0
    total = sum(1 + sum(len(jobs) for jobs in desk.todo.values()) for desk in desks.values())

    def lose(event: Event) -> None:
        name, scenario = event.implementation, event.job["scenario"] if event.job else None
        if scenario:
            desks[scenario].under_way.remove(name)
        if scenario is None or desks[scenario].fail(name):  # Once, also if it fails in both precisions at a time.
            ledger.failures.append(Failure(name, scenario, event.status, event.message))
        deaths[name] += event.status != "raised"
        if scenario is None or deaths[name] >= MOST_DEATHS:
            pool.drop(name)
            for desk in open_desks.values():
                desk.fail(name)
                desk.under_way = [who for who in desk.under_way if who != name]

    while open_desks:
        for name in pool.idle:
            job = next((job for desk in open_desks.values() if (job := desk.next_job(name))), None)
            if job:
                pool.give(name, job)
        for scenario in [scenario for scenario, desk in open_desks.items() if desk.complete]:
            try:
                open_desks.pop(scenario).compare()
            except (
                Exception
            ) as error:  # Ours, or a file that is gone: never a difference, and it costs no other scenario.
                ledger.failures.append(Failure(f"the comparison of {scenario}", None, "raised", message_of(error)))
        at = {
            name: ", ".join(dict.fromkeys(worker.job["scenario"] for worker in workers if worker.job))
            for name, workers in pool.workers.items()
        }
        show(done, total, at)
        event = pool.wait() if open_desks else None
        if event is None:
            continue
        if event.status != "ok":
            lose(event)
        elif event.job:
            done += 1
            ledger.seconds[event.implementation] += event.seconds
            desks[event.job["scenario"]].finish(event.job, event.implementation)
    return ledger
