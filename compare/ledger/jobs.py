"""Jobs that are known beforehand, done by the workers of a pool, each when the one before it is done."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from compare.ledger.processes import Event, Pool

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

MOST_DEATHS = 3  # of an implementation's process, before its remaining jobs are given up


@dataclass(frozen=True)
class Job:
    """What one implementation has to do."""

    implementation: str
    work: dict[str, Any]  # what its worker gets; under "do" the function that it calls, as `by_name` has it
    after: Hashable | None = None  # the job that must have succeeded before


# Yields its jobs, once; is sent what became of each, under the job's key; and returns what it makes of that.
Asking = Generator[Mapping[Any, Job], dict[Any, Event], Result]


def by_name(function: Callable[..., Any]) -> str:
    """A function at the top of its module, in words that a worker understands: "compare.relay:run_stage".

    A worker calls it with the implementation's name and the job, and sends what it returns as JSON has it.
    """
    return f"{function.__module__}:{function.__qualname__}"


def run_jobs(
    jobs: Mapping[Key, Job], pool: Pool, show: Callable[[int, int], None] = lambda done, total: None
) -> dict[Key, Event]:
    """What became of every job, under the job's own key, in the order of `jobs`.

    A job whose forerunner failed, or whose implementation is gone from the pool, is not given to anybody: its event
    says so. `show(jobs done, jobs in all)` is called whenever something happened or time passed.
    """
    events: dict[Key, Event] = {}
    key_of = {id(job.work): key for key, job in jobs.items()}
    given: set[Key] = set()
    deaths: Counter[str] = Counter()
    while True:
        _give_up(jobs, events, pool)
        for name in pool.idle:
            ready = (key for key, job in jobs.items() if job.implementation == name and _is_ready(job, events))
            key = next((key for key in ready if key not in given), None)
            if key is not None:
                given.add(key)
                pool.give(name, jobs[key].work)
        show(len(events), len(jobs))
        if len(events) == len(jobs):
            return {key: events[key] for key in jobs}
        event = pool.wait()
        if event is None:
            continue
        if event.job is not None:
            events[key_of[id(event.job)]] = event
        deaths[event.implementation] += event.status not in ("ok", "raised")
        lost = event.job is None and event.status != "ok"  # Its process did not start.
        if lost or deaths[event.implementation] >= MOST_DEATHS:
            pool.drop(event.implementation)


def answered(
    parts: Sequence[Asking[Result]], pool: Pool, show: Callable[[int, int], None] = lambda done, total: None
) -> list[Result]:
    """What each part comes to. Their jobs are done together, so that no worker waits while another part has work."""
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.enter_context(contextlib.closing(part))
        asked = [next(part) for part in parts]
        jobs: dict[Hashable, Job] = {}
        for number, wanted in enumerate(asked):
            for key, job in wanted.items():
                jobs[number, key] = job if job.after is None else replace(job, after=(number, job.after))
        events = run_jobs(jobs, pool, show)
        return [_result(part, {key: events[number, key] for key in asked[number]}) for number, part in enumerate(parts)]


def _result(part: Asking[Result], events: dict[Any, Event]) -> Result:
    try:
        part.send(events)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a part asks for its jobs at once, and not again")


def _is_ready(job: Job, events: Mapping[Any, Event]) -> bool:
    return job.after is None or (job.after in events and events[job.after].status == "ok")


def _give_up(jobs: Mapping[Key, Job], events: dict[Key, Event], pool: Pool) -> None:
    """Add the events of all jobs that cannot be done any more; a forerunner stands before its followers in `jobs`."""
    for key, job in jobs.items():
        if key in events:
            continue
        before = events.get(job.after)  # type: ignore[arg-type]
        if before is not None and before.status != "ok":
            events[key] = Event(job.implementation, job.work, before.status, before.message)
        elif job.implementation not in pool.workers:
            events[key] = Event(job.implementation, job.work, "killed", f"{job.implementation} is not running")
