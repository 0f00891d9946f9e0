"""Jobs for a pool: every one gets an event, whatever becomes of the workers."""

from __future__ import annotations

from collections import deque

import pytest

from compare.ledger.jobs import MOST_DEATHS, Asking, Job, answered, run_jobs
from compare.ledger.processes import Event


class FakePool:
    """A pool whose jobs end as their `work` says: "ok", "raised" or "killed"."""

    def __init__(self, *names: str):
        self.workers = dict.fromkeys(names)
        self.waiting: deque[Event | None] = deque()
        self.given: list[tuple[str, str]] = []

    @property
    def idle(self) -> list[str]:
        busy = {event.implementation for event in self.waiting if event and event.job}
        return [name for name in self.workers if name not in busy]

    def give(self, name: str, work: dict) -> None:
        self.given.append((name, work["label"]))
        self.waiting.append(Event(name, work, work["end"], work["label"]))

    def wait(self) -> Event | None:
        return self.waiting.popleft() if self.waiting else None

    def drop(self, name: str) -> None:
        del self.workers[name]


def job(name: str, label: str, after: str | None = None, end: str = "ok") -> Job:
    return Job(name, {"label": label, "end": end}, after)


def test_a_job_waits_for_the_one_before_it() -> None:
    pool = FakePool("a", "b")
    shown: list[tuple[int, int]] = []
    jobs = {"1": job("b", "1"), "2": job("a", "2", after="1"), "3": job("b", "3", after="2")}
    events = run_jobs(jobs, pool, lambda done, total: shown.append((done, total)))  # type: ignore[arg-type]
    assert [label for _, label in pool.given] == ["1", "2", "3"]
    assert {key: event.status for key, event in events.items()} == dict.fromkeys("123", "ok")
    assert shown[0] == (0, 3)
    assert shown[-1] == (3, 3)


def test_who_follows_a_failed_job_is_not_run_and_says_why() -> None:
    pool = FakePool("a")
    jobs = {"1": job("a", "1", end="raised"), "2": job("a", "2", after="1"), "3": job("a", "3", after="2"),
            "4": job("a", "4")}  # fmt: skip
    events = run_jobs(jobs, pool)  # type: ignore[arg-type]
    assert [label for _, label in pool.given] == ["1", "4"]
    assert [events[key].status for key in "1234"] == ["raised", "raised", "raised", "ok"]
    assert events["3"].message == "1"


@pytest.mark.parametrize("end", ["killed", "timed out"])
def test_an_implementation_that_keeps_dying_is_given_up(end: str) -> None:
    pool = FakePool("a", "b")
    jobs = {str(i): job("a", str(i), end=end) for i in range(MOST_DEATHS + 2)} | {"other": job("b", "other")}
    events = run_jobs(jobs, pool)  # type: ignore[arg-type]
    assert len([name for name, _ in pool.given if name == "a"]) == MOST_DEATHS
    assert events[str(MOST_DEATHS)].message == "a is not running"
    assert events["other"].status == "ok"


def asking(jobs: dict[str, Job], closed: list[str], name: str) -> Asking[list[tuple[str, str]]]:
    try:
        events = yield jobs
        return [(key, event.status) for key, event in events.items()]
    finally:
        closed.append(name)


def test_the_jobs_of_parts_are_done_together_and_each_gets_its_own_events() -> None:
    pool, closed = FakePool("a", "b"), list[str]()
    one = {"1": job("a", "one 1", end="raised"), "2": job("b", "one 2", after="1")}
    two = {"1": job("b", "two 1"), "2": job("a", "two 2", after="1")}
    found = answered([asking(one, closed, "one"), asking(two, closed, "two")], pool)  # type: ignore[arg-type]
    assert found == [[("1", "raised"), ("2", "raised")], [("1", "ok"), ("2", "ok")]]
    assert pool.given[:2] == [("a", "one 1"), ("b", "two 1")], "b does not wait for a's part"
    assert sorted(closed) == ["one", "two"]


def test_a_part_is_closed_whatever_becomes_of_the_others() -> None:
    def wrong() -> Asking[None]:
        raise ValueError("no such recipe")
        yield {}

    closed = list[str]()
    with pytest.raises(ValueError, match="no such recipe"):
        answered([asking({}, closed, "one"), wrong()], FakePool("a"))  # type: ignore[arg-type,list-item]
    assert closed == ["one"]


class LameWorkerPool(FakePool):
    """A pool whose worker "a" never gets ready."""

    @property
    def idle(self) -> list[str]:
        return [name for name in super().idle if name != "a"]


def test_an_implementation_that_does_not_start_costs_only_its_own_jobs() -> None:
    pool = LameWorkerPool("a", "b")
    pool.waiting.append(Event("a", None, "killed", "no such module"))
    events = run_jobs({"1": job("a", "1"), "2": job("b", "2")}, pool)  # type: ignore[arg-type]
    assert {key: event.status for key, event in events.items()} == {"1": "killed", "2": "ok"}
