"""Where trainings by the hundred go: any `concurrent.futures.Executor`, by default a process for every core."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

from compare.usage import UsageError, one_line

Show = Callable[[int, int, str], None]  # trainings done, trainings in all, the last one in words


class Training(NamedTuple):
    """Something to do elsewhere: a function at the top of its module, with arguments that can be sent."""

    do: Callable[..., Any]
    arguments: tuple[Any, ...]
    said: str  # what it is, in words
    trained: int = 1  # trainings that it stands for


class UnderWay:
    """Trainings that were given to an executor."""

    def __init__(self, trainings: Sequence[Training], executor: Executor):
        self.trainings = trainings
        self.futures: dict[Future, int] = {executor.submit(t.do, *t.arguments): i for i, t in enumerate(trainings)}

    def results(self, show: Show = lambda *_: None) -> list[Any]:
        """Wait; what each came to, in their order.

        What is not yet begun when the caller is interrupted is not begun any more. UsageError where the executor's
        processes were ended from outside.
        """
        total, so_far = sum(each.trained for each in self.trainings), 0
        show(0, total, "starting the processes")
        found: dict[int, Any] = {}
        try:
            for future in as_completed(self.futures):
                place = self.futures[future]
                found[place] = future.result()
                so_far += self.trainings[place].trained
                show(so_far, total, self.trainings[place].said)
        except BrokenExecutor as error:
            raise UsageError(f"a process that trains was ended from outside ({one_line(error)}): start again") from None
        except BaseException:
            for future in self.futures:
                future.cancel()
            raise
        return [found[place] for place in range(len(self.trainings))]


def done(trainings: Sequence[Training], executor: Executor, show: Show = lambda *_: None) -> list[Any]:
    """What each comes to, in their order, on whatever executor: results do not depend on it."""
    return UnderWay(trainings, executor).results(show)


@contextlib.contextmanager
def opened(executor: Executor | None) -> Iterator[Executor]:
    """The caller's own executor, which stays open; without one, processes that end with the block."""
    with contextlib.nullcontext(executor) if executor else processes() as found:
        yield found


@contextlib.contextmanager
def processes(count: int | None = None) -> Iterator[Executor]:
    """A process for every core, which end with the block, at once where it raises, and with this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        count or cores,
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
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Networks this small gain nothing by threads; and a worker whose parent is killed ends."""
    import signal

    from threadpoolctl import threadpool_limits

    from compare.ledger.adapters import environment

    os.environ.update(environment(1))  # for what is not imported yet
    threadpool_limits(1)  # for what is
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # What frameworks say as they start; an error is told by the result.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
