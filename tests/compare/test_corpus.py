"""The corpus of files as people write them: a sample of it is checked here, all of it by the self-test."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from compare.report import trap_pages
from compare.report.results import COLUMNS, Results
from compare.traps import corpus
from compare.traps.catalogue import CATALOGUE

SAMPLE = {
    "torch": [
        "regression_column_targets", "bceloss_sigmoid", "raw_parameters", "dropout_after_relu", "backbone_frozen",
        "only_head_in_adam", "float32_only", "flattened_targets", "two_softmax_and_zero_grad", "cnn",
        "dropouts_at_two_rates",
    ],
    "keras": ["flatten_images", "own_train_step", "adam_stock", "logits_for_probabilities", "two_inputs",
        "adagrad_norm_and_l2", "dropouts_at_two_rates"],
    "numpy": ["two_layer_class", "samples_as_columns", "layer_objects", "book_network", "weights_inside_fit"],
    "sklearn": ["classifier_nesterov", "classifier_adam"],
}  # fmt: skip


def test_every_file_says_what_is_expected_of_it() -> None:
    found = corpus.files()
    wanted = [corpus.expected(path) for path in found]
    assert len(found) >= 120
    assert sum(w == "equal" for w in wanted) >= len(found) / 5
    for path, line in zip(found, wanted, strict=True):
        if line == "equal" or line.startswith("refused "):
            continue
        for option in line.split("|"):
            assert {name.strip() for name in option.split("+")} <= CATALOGUE.keys(), path


def test_a_sample_comes_out_as_expected() -> None:
    table = corpus.run([corpus.FOLDER / kind / f"{name}.py" for kind, names in SAMPLE.items() for name in names])
    assert table.loc[~table["right"], ["file", "expected", "found"]].to_dict("records") == []


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        ("equal", "equal", True),
        ("equal", "loss-factor", False),
        ("a + b", "b + a", True),
        ("a + b", "a", False),
        ("a | b", "b", True),
        ("refused Conv2d", "refused net.py, line 3: the model has a Conv2d (conv1)", True),
        ("refused Conv2d", "refused net.py: does not import", False),
        ("refused Conv2d", "failed RuntimeError: Conv2d", False),
        ("a", "differs", False),
    ],
)
def test_outcomes_are_judged(wanted: str, found: str, right: bool) -> None:
    assert corpus.is_right(wanted, found) is right


@pytest.mark.filterwarnings("ignore:os.fork")  # of JAX, where another test has imported it
def test_a_file_that_crashes_or_hangs_costs_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "numpy"
    folder.mkdir()
    good = (corpus.FOLDER / "numpy" / "two_layer_class.py").read_text()
    (folder / "a.py").write_text("# expect: equal\nimport os\nos._exit(3)\n")
    (folder / "b.py").write_text(good)
    (folder / "c.py").write_text("# expect: equal\ndef candidate():\n    return None\n")
    table = corpus.run(sorted(folder.glob("*.py"))).set_index("file")
    assert table.loc["numpy/a.py", "found"] == "failed: it ended without an answer"
    assert table.loc["numpy/b.py", "right"]
    assert table.loc["numpy/c.py", "accused"]
    assert "2 of 3 correct ones accused" in corpus.summary(table.reset_index())
    monkeypatch.setattr(corpus, "MOST_SECONDS", 0.2)
    assert corpus._forked(lambda: __import__("time").sleep(30) or "") == "failed: no answer within 0.2 s"


def test_a_first_line_that_says_nothing_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import torch\n")
    with pytest.raises(ValueError, match="expected `# expect:"):
        corpus.expected(path)


def test_the_report_shows_the_score() -> None:
    rows = [
        ("torch/a.py", "torch", "equal", "equal", True, False, 2.0),
        ("torch/b.py", "torch", "equal", "loss-factor", False, True, 3.0),
        ("torch/c.py", "torch", "frozen", "frozen", True, False, 4.0),
        ("torch/d.py", "torch", "refused Conv2d", "refused Conv2d", True, False, 1.0),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS["corpus"].split()).assign(right=lambda t: t["right"].astype(str))
    score, wrong = trap_pages.corpus(Results({"implementations": [], "scenarios": []}, {"corpus": table}))
    shown = score.frame.set_index("expected")  # type: ignore[union-attr]
    assert shown.loc["equal", "as expected"] == "1"
    assert shown.loc["a cause", "share"] == "100 %"
    assert wrong.failing.loc[0, "found"]  # type: ignore[union-attr]
