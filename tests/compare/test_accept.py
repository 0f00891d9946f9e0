"""Faults, defaults and conventions are told apart, and what is no fault can be accepted by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compare import check

KERAS = (check.STARTS / "my_torch_model.py").read_text()
HALF = "def half(z, y):\n    return nn.functional.mse_loss(z, y.reshape(z.shape)) / 2\n\n\n"


def convention(folder: Path, more: str = "") -> Path:
    """A PyTorch regression whose loss is half the squared error, with something more."""
    source = (
        KERAS.replace("(16, 3)", "(16, 1)")
        .replace("nn.CrossEntropyLoss()", "half")
        .replace("def step", HALF + "def step")
    )
    source = source.replace('# "config": {"activation": "relu"},', '"config": {"loss": "mse"},')
    path = folder / "mine.py"
    path.write_text(source.replace("    value.backward()\n", f"    value.backward()\n{more}"))
    return path


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str]:
    status = check.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_a_convention_is_its_own_verdict_and_can_be_accepted(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path, told = convention(tmp_path), tmp_path / "answer.json"
    status, text = run(capsys, path, "--steps", 4, "--json", told)
    assert status == 1, text
    assert "Equal but for a convention: loss-factor (both halved)." in text
    assert json.loads(told.read_text())["verdict"] == "equal but for conventions"
    for names in (["conventions"], ["loss-factor"], ["defaults", "loss-factor"]):
        status, text = run(capsys, path, "--steps", 4, "--accept", *names)
        assert status == 0, text
        assert "Accepted: Equal but for a convention" in text
    assert run(capsys, path, "--steps", 4, "--accept", "defaults")[0] == 1


def test_a_fault_beside_it_is_not_accepted_with_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = convention(tmp_path, "    optimizer.step()\n")
    status, text = run(capsys, path, "--steps", 4, "--accept", "conventions", "defaults")
    assert status == 1, text
    assert "Equal but for" not in text
    assert "loss-factor (both halved) together with two-updates" in text
    assert run(capsys, path, "--steps", 4, "--accept", "conventions", "two-updates")[0] == 0


def test_an_unknown_name_says_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status, text = run(capsys, convention(tmp_path), "--accept", "convention")
    assert (status, text.count("\n")) == (2, 1)
    assert "the nearest is 'conventions'" in text
