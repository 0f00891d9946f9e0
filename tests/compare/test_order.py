"""Inputs and targets that a step takes apart: found from what the model and the loss are given."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.candidates import order
from compare.candidates.hold import hold
from compare.traps.corpus import Here

FILE = """
import torch
from torch import nn

def step(model, loss, optimizer, x, y):
    {change}
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value

def candidate():
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), {drop}nn.Linear(6, 3))
    return {{"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(net.parameters(), 0.01),
             "step": step}}
"""


@pytest.fixture
def here(float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may be a candidate's for a while: what that makes of the frameworks' settings is undone."""
    monkeypatch.setattr(torch, "set_default_dtype", torch.set_default_dtype)
    monkeypatch.delitem(sys.modules, "keras", raising=False)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(0, 10**6))
def test_an_order_is_that_of_the_rows(samples: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, moved = random.integers(3, size=(samples, 2)).astype(float), random.permutation(samples)  # some rows twice
    found = order.order_of(rows, rows[moved])
    assert found is not None
    assert sorted(found) == list(range(samples))
    assert np.array_equal(rows[found], rows[moved])
    assert order.order_of(rows, rows + 1) is None


def test_a_batch_whose_pairs_stay_together_is_not_apart() -> None:
    x, y, moved = np.arange(8.0).reshape(4, 2), np.array([[0.0], [1], [0], [1]]), np.array([2, 0, 3, 1])
    assert not order.Batch(x, y, x[moved], y[moved]).apart
    assert order.Batch(x, y, x[moved], y).apart
    assert not order.Batch(x, y, x[[2, 1, 0, 3]], y).apart  # Both have class 0.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("change", "drop", "said"),
    [
        ("x = x[torch.randperm(len(x))]", "", "x shuffled, y not"),
        ("y = y[torch.randperm(len(y))]", "nn.Dropout(0.25), ", "y shuffled, x not"),
        ("x, y = x.flip(0), y.roll(3)", "", "x and y in orders of their own"),
        ("x = x.roll(-2, 0)", "", "x shifted by -2, y not"),
    ],
)
def test_the_order_is_the_cause(tmp_path: Path, change: str, drop: str, said: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FILE.format(change=change, drop=drop))
    answer = hold(path, None, "float64", 12, 60, process=Here)
    assert answer.diagnosis
    assert answer.diagnosis.explanations[0].label == f"targets-disordered-in-batch ({said})"
    assert answer.diagnosis.explanations[0].until is None


@pytest.mark.usefixtures("here")
def test_a_step_that_shuffles_both_alike_is_equal(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FILE.format(change="p = torch.randperm(len(x)); x, y = x[p], y[p]", drop=""))
    assert hold(path, None, "float64", 12, 60, process=Here).exit == 0
