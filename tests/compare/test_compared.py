"""Two runs beside each other: what changed is said, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from compare.report.__main__ import main
from tests.synthetic_run import PLANS, read, tamper, write_results, write_summary

LABELS = {"layer_sizes": "64-32-10", "batch_size": 32, "optimizer": "sgd", "dtype": "float32", "threads": 1}


@pytest.fixture
def runs(tmp_path) -> tuple[Path, Path]:
    """The same run twice, with timings whose controls passed."""
    for name in ("a", "b"):
        write_results(tmp_path / name, plans={"digits-adam": PLANS["digits-adam"]}, steps=2)
        work = {"workload": "digits", **LABELS, "implementation": "numpy", "mode": "fit"}
        turns = [work | {"round": turn, "seconds_per_step": 1e-4 * (1 + 0.001 * (turn % 3))} for turn in range(9)]
        pd.DataFrame(turns).to_csv(tmp_path / name / "data" / "speed.csv", index=False)
        ratio = {"rounds": 9, "seconds_per_step": 1e-4, "samples_per_second": 3e5, "ratio": 1.0, "low": 1.0,
                 "high": 1.0, "verdict": "reference", "share": 0.2, "gflops_per_second": 1.0, "flops": 1, "bytes": 1,
                 "cpu_per_second": 1.0, "objection": "", "leads": True}  # fmt: skip
        pd.DataFrame([work | ratio]).to_csv(tmp_path / name / "data" / "speed_ratios.csv", index=False)
    return tmp_path / "a", tmp_path / "b"


def told(runs: tuple[Path, Path]) -> str:
    assert main([str(folder) for folder in runs]) == 0
    assert (runs[1] / "compared.html").stat().st_size < 3e6
    return (runs[1] / "compared.md").read_text(encoding="utf-8")


def test_the_same_run_twice_is_unchanged(runs) -> None:
    said = told(runs)
    assert (
        "**= Unchanged.** From the first run to the second: no verdict of a comparison changed; no speed moved" in said
    )
    assert "same versions, same machine" in said
    assert "6 comparisons came out the same." in said


def test_a_difference_a_slower_step_and_a_new_version_are_said(runs) -> None:
    summary = write_results(runs[1] / "other", plans={"digits-adam": PLANS["digits-adam"]}, steps=2)
    summary["environment"]["packages"]["keras"] = "9.9"
    write_summary(runs[1], summary)

    def differ(cells: pd.DataFrame) -> pd.DataFrame:
        cells.loc[(cells.a == "numpy") & (cells.b == "keras"), ["difference", "used", "equal"]] = [0.25, 2.5e11, False]
        return cells

    tamper(runs[1], "cells", differ)
    tamper(runs[1], "speed", lambda rows: rows.assign(seconds_per_step=rows.seconds_per_step * 1.5))
    said = told(runs)
    assert "**≠ Changed.**" in said
    assert "1 comparisons came out otherwise; 1 speeds moved beyond noise; 1 versions" in said
    assert "**✗ 0.25 · 2.5e11 times**" in said
    assert "| digits · 64-32-10, batch 32, sgd, float32, 1 thread | numpy, fit | 1.500 · " in said
    assert "| keras | 3.15.0 | 9.9 |" in said


def test_a_scenario_of_one_run_alone_is_no_change(runs) -> None:
    extra = read(runs[1], "cells").assign(scenario="xor")
    tamper(runs[1], "cells", lambda rows: pd.concat([rows, extra]))
    said = told(runs)
    assert "Unchanged" in said
    assert "6 comparisons were made in one of the runs only." in said


def test_a_folder_without_results_gives_one_line(runs, tmp_path, capsys) -> None:
    assert main([str(runs[0]), str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none/results.json does not exist" in error
