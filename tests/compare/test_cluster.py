"""The trainings with defaults on a real Dask cluster of two workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compare.defaults.cluster import cluster
from compare.usage import UsageError

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: Dask leaves threads and warnings behind that are no affair of the other tests.
CAMPAIGN = """
import os, signal
from concurrent.futures import ThreadPoolExecutor
from distributed import LocalCluster
from compare.defaults.campaign import run
from compare.defaults.cluster import cluster

def main():
    told, killed = [], []
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local:
        def show(done, total, what):
            told.append(done)
            if done == 20 and not killed:
                killed.append(local.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)
        with cluster(local.scheduler_address) as executor:
            rows = run(["xor"], [("torch", "keras")], 100, executor, show)
    assert killed and told == list(range(101)), (killed, told)
    assert rows.equals(run(["xor"], [("torch", "keras")], 100, ThreadPoolExecutor(1)))
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
    monkeypatch.setattr("compare.defaults.cluster.PATIENCE", 1)
    for address in ("127.0.0.1:1", "nonsense://x", ""):
        with pytest.raises(UsageError, match="no Dask scheduler answers") as caught, cluster(address):
            pass
        assert "\n" not in str(caught.value)


def test_without_distributed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="cluster"), cluster("127.0.0.1:1"):
        pass
