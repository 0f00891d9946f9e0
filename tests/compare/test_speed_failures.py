"""What crashes, hangs or is killed while it is timed: said, and nobody else's loss."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from compare.ledger import processes
from compare.speed import contenders, measure, tables
from compare.speed.work import Work, of_size

ROOT = Path(__file__).resolve().parents[2]
SMALL = Work("small", (4, 3, 2), 8)
STAND_IN = contenders.Contender("torch", "fit", "torch")
CROWD = [contenders.REFERENCE, contenders.AGAIN, STAND_IN, contenders.PRODUCTS[0]]
BREAKING = """
    fits = 0

    def fit(self, *given, **named):
        MLP.fits += 1
        if MLP.fits > {at}: {line}
        return super().fit(*given, **named)
"""


@pytest.fixture
def breakable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The PyTorch template of a copy of the project that the workers run; it is NumPy's, to be broken."""
    for folder in ("impls", "shared", "compare"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(processes, "ROOT", tmp_path)
    template = tmp_path / "impls" / "mlp_torch.py"
    template.write_text("from impls.mlp_numpy import *\nfrom impls import mlp_numpy\n\n\nclass MLP(mlp_numpy.MLP):\n")
    return template


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import os; os._exit(11)", "exited with status 11"),
        ("raise MemoryError('no more')", "MemoryError: no more"),
        ("import time; time.sleep(60)", "no answer within 5 s"),
    ],
)
@pytest.mark.parametrize("at", [0, 20])  # In its first fit; when it has been measured for a while.
def test_one_that_crashes_or_hangs_is_lost_and_said(
    breakable: Path, line: str, said: str, at: int, tmp_path: Path
) -> None:
    breakable.write_text(breakable.read_text() + BREAKING.format(at=at, line=line))
    with measure.Crew(1, tmp_path / "crew", CROWD, limit=5.0 if "sleep" in line else 60.0) as crew:
        found = measure.measure(SMALL, crew, measure.Amount(20, 20, 0.001, inference=False))
        again = measure.measure(of_size("tiny"), crew, measure.Amount(1, 1, 0.001)) if "sleep" in line else found
    rounds = pd.DataFrame(found.turns).groupby(["implementation", "mode"]).size()
    assert rounds["numpy", "fit"] == rounds["numpy", "again"] == rounds["numpy", "products"] == 20
    (lost,) = tables.lost(found)
    assert lost.startswith("torch fit, timed in small: ")
    assert said in lost
    assert tables.different(found) == []
    assert said in tables.lost(again)[0], "one that hung is not asked again"


def test_one_that_cannot_start_is_lost_and_said(breakable: Path, tmp_path: Path) -> None:
    (breakable.parents[1] / "compare" / "speed" / "worker.py").write_text("import nothing_of_that_name")
    with measure.Crew(1, tmp_path / "crew", CROWD) as crew:
        found = measure.measure(SMALL, crew, measure.Amount(1, 1, 0.001))
    assert found.turns == []
    assert len(tables.lost(found)) == len(CROWD)
    assert all("nothing_of_that_name" in line for line in tables.lost(found))


def test_one_that_is_killed_while_it_waits_is_loaded_again(tmp_path: Path) -> None:
    crowd = [contenders.REFERENCE, contenders.AGAIN, contenders.DELAYED]
    with measure.Crew(1, tmp_path, crowd) as crew:

        def kill(what: str) -> None:
            if what.startswith("round 3"):
                os.kill(crew.pool.workers["numpy again"][0].supervised.pid, signal.SIGKILL)
                while crew.pool.inbox.empty():
                    time.sleep(0.01)

        found = measure.measure(SMALL, crew, measure.Amount(6, 6, 0.001, inference=False), kill)
    assert found.left_out == []
    assert (pd.DataFrame(found.turns).groupby("mode").size() == 6).all()
