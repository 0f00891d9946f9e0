"""Measuring: every contender alive in its own process, taking turns in rounds of shuffled order, one at a time.

So a drift of the machine hits all of them alike. While one works the others sleep on a pipe; how much processor time
they and everything else on the machine took meanwhile is recorded.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from compare.ledger.processes import Event, Pool, Worker
from compare.speed.contenders import (
    AGAIN,
    CONTENDERS,
    CONTROLS,
    DELAY,
    DELAYED,
    PLACES,
    REFERENCE,
    Contender,
    lines_of_code,
    module_of,
)
from compare.speed.gate import BOUND, REFUSED
from compare.speed.statistics import settled
from compare.speed.work import Work

LIMIT = 120.0  # seconds for a job before its process is given up, where the command says nothing else
CALM, MOST_CALMING = 0.03, 1.0  # seconds between turns: until threads that wait by spinning have gone to sleep
PAUSED = 2  # times as long a turn, where pauses are needed
PEER_BOUND = 1e-3  # MLPClassifier's Adam adds its epsilon to the root before the correction of v
INFERENCE_ROUNDS = 5
LATENCY, THROUGHPUT = 1, 1024  # samples of a batch in inference


@dataclass(frozen=True)
class Amount:
    """How long to measure: in rounds, which go on until the control is known well enough."""

    least: int
    most: int
    seconds: float  # of a turn; the slowest take one epoch, whatever its length
    inference: bool = True

    def with_pauses(self) -> Amount:
        """As much in fewer and longer turns, for several threads, which need a pause before every turn."""
        least, most = math.ceil(self.least / PAUSED), math.ceil(self.most / PAUSED)
        return Amount(least, most, PAUSED * self.seconds, self.inference)


class Lost(Exception):
    """A contender that cannot be timed, and why; where it crashed or gave no answer, that begins with FAILED."""


FAILED = "did not finish"
MOST_DEATHS = 3  # of a process, before its contenders are given up


@dataclass
class Samples:
    """What was measured: a row a turn, and a row a fact."""

    turns: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)  # contenders that were not timed, with the reason

    def extend(self, other: Samples) -> None:
        self.turns += other.turns
        self.facts += other.facts
        self.left_out += other.left_out

    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables by name, as reports/README.md documents them."""
        tables = {"speed": self.turns, "speed_facts": self.facts, "speed_left_out": self.left_out}
        return {name: pd.DataFrame(rows) for name, rows in tables.items()}


class Crew:
    """The contenders' processes, all with the same number of threads; they start at once, and are ready on entry.

    A process that dies is replaced, and what it had loaded is loaded again; one that gives no answer within the limit,
    or dies MOST_DEATHS times, is given up.
    """

    def __init__(self, threads: int, folder: Path, contenders: Sequence[Contender] = CONTENDERS, limit: float = LIMIT):
        self.threads, self.contenders = threads, list(contenders)
        names = list(dict.fromkeys(contender.process for contender in contenders))
        folder.mkdir(parents=True, exist_ok=True)
        self.pool = Pool(names, folder, threads, limit, "compare.speed.worker")
        self.gates: dict[tuple, float] = {}  # what the gate found, for the length of the run
        self.gone: dict[str, str] = {}  # processes that were given up, and why
        self.deaths: Counter[str] = Counter()
        self.loaded: dict[tuple[str, str], Worker] = {}  # by process and mode, who has it ready to be timed

    def __enter__(self) -> Crew:
        for name in list(self.pool.workers):
            with contextlib.suppress(Lost):  # It says so when it is asked.
                self._ready(name)
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.__exit__(*error)

    def ask(self, process: str, **job: Any) -> Any:
        """A job's result; Lost if there is none."""
        self._ready(process)
        self.pool.give(process, job)
        while True:
            event = self._next()
            if event is None or event.implementation != process or event.job is None:
                continue
            if event.status == "ok":
                return event.result
            self.deaths[process] += event.status != "raised"
            if event.status == "timed out" or self.deaths[process] >= MOST_DEATHS:
                self._give_up(process, event.message)
            raise Lost(f"{FAILED}: {event.message}")

    def _ready(self, process: str) -> None:
        """Wait until a process can take a job; Lost if it is gone."""
        while process not in self.gone and (process not in self.pool.idle or not self.pool.inbox.empty()):
            self._next()
        if process in self.gone:
            raise Lost(f"{FAILED}: {self.gone[process]}")

    def _next(self) -> Event | None:
        """The pool's next event; a process that did not start is given up."""
        event = self.pool.wait()
        if event is not None and event.job is None and event.status != "ok":
            self._give_up(event.implementation, event.message)
        return event

    def _give_up(self, process: str, why: str) -> None:
        self.gone[process] = why
        self.pool.drop(process)

    def prepare(self, process: str, job: dict[str, Any], fresh: bool) -> dict[str, float]:
        """Load job["implementation"] in job["mode"] there and run its first epoch."""
        module = module_of(job["implementation"])
        return self.ask(process, do="load", module=module, fresh=fresh, **job)

    def warm(self, process: str, job: dict[str, Any]) -> dict[str, float]:
        """Run epochs of what is loaded until they are steady."""
        facts = self.ask(process, do="warm", **job)
        self.loaded[process, job["mode"]] = self._worker(process)
        return facts

    def ensure(self, process: str, job: dict[str, Any]) -> None:
        """Load again what a process had loaded when it died."""
        self._ready(process)
        if self.loaded.get((process, job["mode"])) is not self._worker(process):
            self.prepare(process, job, fresh=False)
            self.warm(process, job)

    def _worker(self, process: str) -> Worker:
        return self.pool.workers[process][0]

    def processor_seconds(self, working: str | None = None) -> tuple[float, float]:
        """The processor time used so far by the processes that wait, and by all others on the machine."""
        times = psutil.cpu_times()
        busy = sum(times) - times.idle - getattr(times, "iowait", 0) - getattr(times, "guest", 0)
        own = {worker.name: _seconds(worker.supervised.pid) for worker in self.pool.all}
        waiting = sum(seconds for name, seconds in own.items() if name != working)
        return waiting, busy - sum(own.values()) - time.process_time()


def _seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def bound_of(contender: Contender, work: Work) -> float:
    """How far a contender's training may be from the reference's, to be timed."""
    return PEER_BOUND if contender.implementation == "scikit-learn" and work.optimizer != "sgd" else BOUND


def measure(work: Work, crew: Crew, amount: Amount, show: Callable[[str], None] = lambda what: None) -> Samples:
    """Time a work: gate, build and first epoch one after the other, warm-up, then the rounds."""
    samples, ready, touched = Samples(), list[Contender](), set[str]()
    crew.loaded.clear()  # That was another work.
    for contender in crew.contenders:
        show(f"{contender.implementation} {contender.mode}: preparing")
        try:
            facts = _prepare(contender, work, crew, contender.process not in touched)
            ready.append(contender)
        except Lost as lost:
            samples.left_out.append({**work.labels, **contender.labels, "reason": str(lost)})
            continue
        touched.add(contender.process)
        samples.facts += [_fact(work, contender, name, value) for name, value in facts.items()]
    order = random.Random(0)
    strides = {contender: _stride(contender, samples.facts, amount) for contender in ready}
    for number in range(amount.most):
        show(f"round {number + 1} of {amount.least} to {amount.most}")
        order.shuffle(ready)
        for contender in [c for c in ready if number < amount.least or number % strides[c] == 0]:
            try:
                samples.turns.append(_turn(contender, work, crew, amount, number))
                if amount.inference and number < INFERENCE_ROUNDS and contender.mode not in CONTROLS:
                    samples.facts += _inference(contender, work, crew, amount, number)
            except Lost as lost:
                ready.remove(contender)
                samples.left_out.append({**work.labels, **contender.labels, "reason": str(lost)})
        if not ready or (number + 1 >= amount.least and settled(samples.turns)):
            break
    for contender in [c for c in ready if c.mode not in CONTROLS]:
        try:
            samples.facts.append(_fact(work, contender, "peak memory", crew.ask(contender.process, do="memory")))
        except Lost as lost:
            samples.left_out.append({**work.labels, **contender.labels, "reason": str(lost)})
    return samples


def _prepare(contender: Contender, work: Work, crew: Crew, fresh: bool) -> dict[str, float]:
    """Load a contender, hold it against the reference, and warm it up; Lost if it differs."""
    if contender == DELAYED:
        return {}  # It is the control that has just been prepared, slowed down.
    job = _job(contender, work)
    facts = crew.prepare(contender.process, job, fresh)
    if contender.mode not in CONTROLS:
        found, bound = _gate(contender, work, crew, job), bound_of(contender, work)
        if not found <= bound:
            raise Lost(f"not timed, since {REFUSED}: {found:.1e}, at most {bound:.0e}")
        facts["gate"] = found
        if (lines := lines_of_code(contender)) is not None:
            facts["lines of code"] = float(lines)
    return facts | crew.warm(contender.process, job)


def _job(contender: Contender, work: Work) -> dict[str, Any]:
    return {**contender.labels, "mode": _runs(contender), "work": work.as_json()}


def _stride(contender: Contender, facts: list[dict[str, Any]], amount: Amount) -> int:
    """Of how many rounds beyond the least a contender joins one, so that a slow one does not take all the time."""
    if contender in (REFERENCE, AGAIN, DELAYED):
        return 1
    of = contender.labels | {"quantity": "steady epoch"}
    (epoch,) = (fact["value"] for fact in facts if of.items() <= fact.items())
    return math.ceil(epoch / amount.seconds)


def _runs(contender: Contender) -> str:
    """The mode of the runner that is at work for the contender: the reference's own, for its controls."""
    return REFERENCE.mode if contender in (AGAIN, DELAYED) else contender.mode


def _gate(contender: Contender, work: Work, crew: Crew, job: dict[str, Any]) -> float:
    key = (contender, len(work.layer_sizes), work.loss, work.optimizer)
    if key not in crew.gates:
        crew.gates[key] = crew.ask(contender.process, do="gate", **job)
    return crew.gates[key]


def _turn(contender: Contender, work: Work, crew: Crew, amount: Amount, number: int) -> dict[str, Any]:
    """One contender's turn, as a row."""
    process = contender.process
    if number % 2 and contender in (REFERENCE, AGAIN, DELAYED):
        process = PLACES[process]
    delay = DELAY if contender == DELAYED else 0.0
    crew.ensure(process, _job(contender, work))
    if crew.threads > 1:
        _calm(crew, process)
    waiting, elsewhere = crew.processor_seconds(process)
    start = time.monotonic()
    result = crew.ask(process, do="turn", mode=_runs(contender), seconds=amount.seconds, delay=delay)
    took = time.monotonic() - start
    waiting_after, elsewhere_after = crew.processor_seconds(process)
    return {
        **work.labels,
        **contender.labels,
        "round": number,
        **result,
        "waiting_cpu": (waiting_after - waiting) / took,
        "elsewhere_cpu": (elsewhere_after - elsewhere) / took,
        "turn_seconds": took,
    }


def _calm(crew: Crew, working: str) -> None:
    """Wait until those that wait use no processor time any more: several threads spin for a while after their work."""
    before, end = crew.processor_seconds(working)[0], time.monotonic() + MOST_CALMING
    while True:
        time.sleep(CALM)
        now = crew.processor_seconds(working)[0]
        if now <= before or time.monotonic() > end:
            return
        before = now


def _inference(contender: Contender, work: Work, crew: Crew, amount: Amount, number: int) -> list[dict[str, Any]]:
    """The seconds of `predict` for one sample, and for a large batch."""
    job = {"do": "infer", "mode": contender.mode, "seconds": amount.seconds / 5}
    one, many = (crew.ask(contender.process, samples=n, **job) for n in (LATENCY, THROUGHPUT))
    return [
        _fact(work, contender, "predict one", one, number),
        _fact(work, contender, "predict 1024", many, number),
    ]


def _fact(work: Work, contender: Contender, quantity: str, value: float, number: int = 0) -> dict[str, Any]:
    return {**work.labels, **contender.labels, "quantity": quantity, "round": number, "value": value}
