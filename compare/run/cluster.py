"""A Dask cluster as an executor for trainings."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from compare.usage import UsageError, one_line

PATIENCE = 10  # seconds for the scheduler to answer


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The executor of the cluster at this address; a task whose worker dies goes to another.

    Raises UsageError where there is no `distributed`, or no scheduler that answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError('--cluster needs dask.distributed: pip install -e ".[cluster]"') from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except Exception as error:
        raise UsageError(
            f"--cluster {address}: no Dask scheduler answers ({one_line(error)}): expected host:port"
        ) from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)  # What is not done is taken back.
            raise
