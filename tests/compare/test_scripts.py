"""A sample of the corpus in tests/scripts; `python -m compare.pairs.score tests/scripts` judges all of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compare.pairs.score import cases, in_words, judge, run, summary

SCRIPTS = Path(__file__).parents[1] / "scripts"
SAMPLE = (
    "iris_torch_functional", "regression_torch_flat", "regression_torch_sum", "regression_numpy", "xor_torch_rate",
    "lstm_torch_time_first", "words_torch_sigmoid", "wine_torch_per_step", "wine_torch_adamw", "alone_numpy_dict",
    "attention_torch_own", "adam_torch_split", "blocks_torch_dict", "penalty_torch_decay",
    "accumulate_torch_whole", "frozen_torch_pieces", "gan_torch_functions", "gpt_torch_flat", "vae_torch_logits",
    "mixer_torch_spelled", "plane_numpy_relu",
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


def test_a_folder_is_judged_in_processes_of_its_own(tmp_path: Path) -> None:
    for name in ("xor_numpy.py", "xor_torch_rate.py"):
        shutil.copy(SCRIPTS / name, tmp_path)
    source = (SCRIPTS / "xor_torch_rate.py").read_text()
    (tmp_path / "accused.py").write_text(source.replace("expect: learning-rate", "expect: equal"))
    shown = []
    table = run(tmp_path, lambda done, total, what: shown.append((done, total)))
    assert table["file"].tolist() == ["accused.py", "xor_torch_rate.py"]
    assert table["right"].tolist() == [False, True]
    assert table["accused"].tolist() == [True, False]
    assert table["found"].tolist() == ["learning-rate"] * 2
    assert shown == [(1, 2), (2, 2)]
    assert in_words(table).startswith("2 scripts as people write them: all differences named, and no other, in 1 of 1")
    assert "1 of 1 correct ones accused" in in_words(table)
