"""The trainings with defaults on a real Dask cluster of two workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compare.run.cluster import cluster
from compare.usage import UsageError

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: Dask leaves threads and warnings behind that are no affair of the other tests.
CAMPAIGN = """
import os, signal
from concurrent.futures import ThreadPoolExecutor
from distributed import LocalCluster
from compare.defaults import attribution, programs
from compare.run.cluster import cluster
from compare.run.executors import Training, done

def main():
    told, killed = [], []
    parts = [range(i, i + 2) for i in range(0, 50, 2)]
    trainings = [Training(programs.run, ("numpy", "xor", part), "", 2) for part in parts]
    trainings += [Training(attribution.rows_of, ("xor", [("torch", "keras")], part), "", 2) for part in parts]
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local:
        def show(done, total, what):
            told.append(done)
            if done == 20 and not killed:
                killed.append(local.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)
        with cluster(local.scheduler_address) as executor:
            found = done(trainings, executor, show)
    assert killed and told == list(range(0, 101, 2)), (killed, told)
    assert repr(found) == repr(done(trainings, ThreadPoolExecutor(1)))  # NaN is not NaN.
    print("the same")

if __name__ == "__main__":
    main()
"""


def test_a_cluster_gives_the_same_numbers_also_where_a_worker_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    script = tmp_path / "campaign.py"
    script.write_text(CAMPAIGN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=240)
    assert done.stdout == "the same\n", done.stderr[-3000:]


def test_an_address_where_nobody_answers_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr("compare.run.cluster.PATIENCE", 1)
    for address in ("127.0.0.1:1", "nonsense://x", ""):
        with pytest.raises(UsageError, match="no Dask scheduler answers") as caught, cluster(address):
            pass
        assert "\n" not in str(caught.value)


def test_without_distributed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="cluster"), cluster("127.0.0.1:1"):
        pass
