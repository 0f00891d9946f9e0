"""A short pass of the campaign of damaged files; `python tests/mutate.py` runs it at length."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("mutate", Path(__file__).with_name("mutate.py"))
mutate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutate)


@pytest.mark.parametrize(("kind", "count"), [("checkpoints", 400), ("tables", 200), ("images", 1000)])
def test_a_damaged_file_is_refused_in_one_line_or_changes_nothing(tmp_path, kind, count):
    outcomes = mutate.campaign(kind, count, 1, ("numpy", "torch"), tmp_path)
    assert outcomes.keys() <= mutate.FINE, outcomes
    assert outcomes["refused"] > count / 2


def test_what_is_not_refused_is_seen(tmp_path, monkeypatch):
    """A checkpoint reader without its hash lets other numbers in: the campaign must say so."""
    from impls import mlp_numpy

    monkeypatch.setattr(mlp_numpy, "digest", lambda metadata, tensors: "0" * 64)
    assert "other numbers, without a word" in mutate.campaign("checkpoints", 300, 0, ("numpy",), tmp_path)
