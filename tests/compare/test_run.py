"""The ledger's processes: one that raises, hangs or is killed never costs the others' results."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from compare import results
from compare.ledger import processes
from compare.ledger.processes import Pool
from compare.ledger.run import Ledger, run_ledger
from compare.ledger.trace import Trace
from shared import scenarios
from shared.datasets import load

ROOT = Path(__file__).resolve().parents[2]
# Another NumPy implementation in PyTorch's place: it starts fast, and a test can break it.
STAND_IN = "from impls.mlp_numpy import *\nfrom impls import mlp_numpy\n\n\nclass MLP(mlp_numpy.MLP):\n"
STEP = "    def train_step(self, x, y, masks=None):\n"
PASS_ON = "        return super().train_step(x, y, masks)\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a short ledger of NumPy and stand-ins in a copy of the project: `run(torch="code", keras="code")`."""
    copy = tmp_path / "project"
    for folder in ("impls", "shared", "compare"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(processes, "ROOT", copy)

    def run(
        names: tuple[str, ...] = ("numpy", "torch", "keras"),
        limit: float = 60.0,
        leftover: bool = False,
        several: int = 1,
        **code: str,
    ) -> Ledger:
        for name in ("torch", "keras"):
            (copy / "impls" / f"mlp_{name}.py").write_text(STAND_IN + code.get(name, "    pass\n"))
        if "numpy" in code:
            template = copy / "impls" / "mlp_numpy.py"
            template.write_text(template.read_text().replace(*code["numpy"].split(" -> ")))
        adapters = copy / "compare" / "ledger" / "adapters.py"
        adapters.write_text(adapters.read_text().replace('if name == "torch":', "if False:"))
        plans = []
        for name in ("xor", "moons"):
            scenario = replace(scenarios.get(name), epochs=2)
            plans.append(scenarios.plan(scenario, load(scenario.dataset)))
        work = tmp_path / "work"
        work.mkdir()
        seen: list[tuple[int, int]] = []
        with Pool(list(names), work, 1, limit, several={"torch": several}) as pool:
            ledger = run_ledger(
                plans, pool, ["float64", "float32"], work, lambda done, total, at: seen.append((done, total))
            )
        assert seen == sorted(seen)
        assert leftover or not list(work.glob("0*")), "the traces are gone once they are compared"
        return ledger

    return run


def pairs(ledger: Ledger, scenario: str) -> set[tuple[str, str, str]]:
    return {(c.a, c.b, c.dtype) for c in ledger.findings[scenario].comparisons}


def test_three_equal_ones(run) -> None:
    ledger = run()
    assert not ledger.failures
    assert results.verdict_of(ledger).status == "equal"
    wanted = {("numpy", "torch", "float64"), ("numpy", "keras", "float64"), ("torch", "keras", "float64")}
    wanted |= {("float64", name, "float32") for name in ("numpy", "torch", "keras")}
    for finding in ledger.findings.values():
        assert {(c.a, c.b, c.dtype) for c in finding.comparisons} == wanted
        assert {c.mode for c in finding.comparisons} == {"in step", "on its own"}
        assert all(c.equal for c in finding.comparisons)


def test_one_that_differs(run) -> None:
    ledger = run(keras=STEP + "        return 1.01 * super().train_step(x, y, masks)\n")
    verdict = results.verdict_of(ledger)
    assert (verdict.status, verdict.exit_code) == ("different", 1)
    wrong = {(c.a, c.b) for f in ledger.findings.values() for c in f.comparisons if not c.equal}
    assert wrong == {("numpy", "keras"), ("torch", "keras"), ("float64", "keras")}
    assert "step 1, loss" in verdict.sentence


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (STEP + "        raise RuntimeError('no more')\n", "raised", "RuntimeError: no more"),
        (STEP + "        import os; os._exit(7)\n", "killed", "exited with status 7"),
        (STEP + "        import os; os.kill(os.getpid(), 9)\n", "killed", "SIGKILL"),
        (STEP + "        import sys; sys.exit('enough')\n", "killed", "enough"),
    ],
)
@pytest.mark.parametrize("several", [1, 2])
def test_one_that_fails_is_reported_and_the_others_compared(
    run, code: str, status: str, said: str, several: int
) -> None:
    ledger = run(torch=code, several=several)
    assert {(f.implementation, f.status) for f in ledger.failures} == {("torch", status)}
    assert said in ledger.failures[0].message
    assert sorted(f.scenario for f in ledger.failures) == ["moons", "xor"]
    for scenario in ledger.findings:
        assert pairs(ledger, scenario) == {
            ("numpy", "keras", "float64"),
            ("float64", "numpy", "float32"),
            ("float64", "keras", "float32"),
        }
    verdict = results.verdict_of(ledger)
    assert (verdict.status, verdict.exit_code) == ("incomplete", 3)
    assert "torch" in verdict.sentence


def test_one_that_fails_in_one_scenario_does_the_others(run) -> None:
    code = STEP + "        if len(self.params[0][0]) == 2 and len(x) == 4: raise ValueError('not xor')\n" + PASS_ON
    ledger = run(torch=code)
    assert [(f.scenario, f.status) for f in ledger.failures] == [("xor", "raised")]
    assert ("numpy", "torch", "float64") in pairs(ledger, "moons")


def test_two_processes_of_one_do_what_one_does(run) -> None:
    ledger = run(several=2)
    assert results.verdict_of(ledger).status == "equal"
    assert all(("float64", "torch", "float32") in pairs(ledger, scenario) for scenario in ledger.findings)


@pytest.mark.parametrize("several", [1, 2])
def test_one_that_hangs(run, several: int) -> None:
    ledger = run(torch=STEP + "        import time; time.sleep(600)\n", limit=4.0, several=several)
    assert {(f.implementation, f.status) for f in ledger.failures} == {("torch", "timed out")}
    assert "4 s" in ledger.failures[0].message
    assert ("numpy", "keras", "float64") in pairs(ledger, "moons")


def test_one_that_cannot_be_imported(run) -> None:
    ledger = run(torch="    pass\n\nimport a_framework_that_is_not_there\n")
    (failure,) = ledger.failures
    assert (failure.implementation, failure.scenario, failure.status) == ("torch", None, "raised")
    assert "a_framework_that_is_not_there" in failure.message
    assert ("numpy", "keras", "float64") in pairs(ledger, "moons")


def test_the_reference_fails_and_the_next_takes_its_part(run) -> None:
    """The stand-ins inherit NumPy's break here, but for the method that they bring themselves."""
    whole = STEP + "        return self._train_step(*check_data(self.config, x, y, training=True), masks)\n"
    broken = 'Make one update, and return the training loss of the batch before it."""\n'
    ledger = run(numpy=f"{broken} -> {broken}        raise RuntimeError('broken')\n", torch=whole, keras=whole)
    assert {f.implementation for f in ledger.failures} == {"numpy"}
    for finding in ledger.findings.values():
        assert {(c.a, c.b) for c in finding.comparisons if c.dtype == "float64"} == {("torch", "keras")}
        assert all(c.equal for c in finding.comparisons)


def test_an_error_of_ours_is_never_a_difference(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace that somebody removed costs its own scenario, and the run is incomplete."""
    load_trace = Trace.load

    def gone(path: Path) -> Trace:
        if "000" in path.parts and path.name == "torch-float32-own.npz":
            path.unlink()
        return load_trace(path)

    monkeypatch.setattr(Trace, "load", gone)
    ledger = run(leftover=True)
    (failure,) = ledger.failures
    assert (failure.implementation, failure.status) == ("the comparison of xor", "raised")
    assert "FileNotFoundError" in failure.message
    assert all(c.equal for c in ledger.findings["moons"].comparisons)
    verdict = results.verdict_of(ledger)
    assert (verdict.status, verdict.exit_code) == ("incomplete", 3)


def test_what_a_library_prints_disturbs_nothing(run) -> None:
    ledger = run(torch=STEP + '        print(\'{"event": "done"}\', flush=True)\n' + PASS_ON)
    assert results.verdict_of(ledger).status == "equal"


def test_the_workers_are_pinned() -> None:
    """Every library's threads, in the environment and as the libraries themselves see them."""
    from compare.ledger.adapters import environment

    code = "import numpy, threadpoolctl; print({p['num_threads'] for p in threadpoolctl.threadpool_info()})"
    done = subprocess.run([sys.executable, "-c", code], env=environment(1), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}"
    assert "CUDA_VISIBLE_DEVICES" in environment(1)
    assert os.environ.keys() <= environment(1).keys()
