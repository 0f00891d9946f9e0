"""A sample of the corpus in tests/scripts; `python -m compare.pairs.score tests/scripts` judges all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.pairs.score import cases, judge, summary

SCRIPTS = Path(__file__).parents[1] / "scripts"
SAMPLE = (
    "iris_torch_functional", "regression_torch_flat", "regression_torch_sum", "regression_numpy", "xor_torch_rate",
    "lstm_torch_time_first", "words_torch_sigmoid", "wine_torch_per_step", "wine_torch_adamw", "alone_numpy_dict",
)  # fmt: skip


@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.filterwarnings("default")
def test_a_script_is_judged_right(name: str) -> None:
    judged = judge(SCRIPTS / f"{name}.py")
    assert judged.right, str(judged)
    assert summary([judged]).startswith("1 of 1 scripts judged right")


def test_the_corpus_is_whole() -> None:
    found = cases(SCRIPTS)
    assert len(list(SCRIPTS.glob("*.py"))) >= 40
    assert sum("port of" in path.read_text().splitlines()[0] for path in found) >= 20
