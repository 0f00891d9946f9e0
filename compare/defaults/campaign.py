"""What defaults make of a training, from many seeds: the trainings, on whatever executor, and the tables of a run."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import pandas as pd

from compare.defaults.attribution import MEASURES, of_one_seed
from compare.defaults.gaps import ends, gaps

Show = Callable[[int, int, str], None]


def run(
    names: Iterable[str],
    pairs: Iterable[tuple[str, str]],
    seeds: int,
    executor: Executor | None = None,
    show: Show = lambda done, total, what: None,
) -> pd.DataFrame:
    """One row for each scenario, pair of frameworks, measure, seed and factor: columns a, b, share as numbers.

    The trainings go through `executor`, by default a process for every core; results do not depend on it. What is
    not yet begun when the caller is interrupted is not begun any more.
    """
    pairs = list(pairs)
    jobs = [(name, a, b, seed) for name in names for a, b in pairs for seed in range(seeds)]
    show(0, len(jobs), "starting the processes")
    with as_given(executor) if executor else processes() as pool:
        futures: dict[Future, int] = {pool.submit(of_one_seed, *job): i for i, job in enumerate(jobs)}
        found: dict[int, dict[str, Any]] = {}
        try:
            for future in as_completed(futures):
                place = futures[future]
                found[place] = future.result()
                show(len(found), len(jobs), "{}, {} and {}, seed {}".format(*jobs[place]))
        except BaseException:
            for future in futures if executor else ():  # Processes of our own are ended.
                future.cancel()
            raise
    return pd.DataFrame([row for place in range(len(jobs)) for row in _rows(found[place])])


def _rows(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    about = {key: found[key] for key in ("scenario", "seed")} | {"from": found["a"], "to": found["b"]}
    for measure in MEASURES:
        both = {"measure": measure, "a": found[f"{measure} a"], "b": found[f"{measure} b"]}
        for factor, share in found[measure].items():
            yield about | both | {"factor": factor, "share": share}


def tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of a run by their names in data/: every seed, the ends by framework, the gaps with their shares."""
    return {"default_seeds": rows, "default_ends": ends(rows), "default_gaps": gaps(rows)}


@contextmanager
def as_given(executor: Executor) -> Iterator[Executor]:
    """The caller's own executor, which stays open."""
    yield executor


@contextmanager
def processes() -> Iterator[Executor]:
    """A process for every core, which end with the block, at once where it raises, and with this process."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
    )
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown()


def _begin() -> None:
    """Networks this small gain nothing by threads; and a worker whose parent is killed ends."""
    import signal

    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
