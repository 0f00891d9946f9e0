"""What each difference does to the final loss: the same as where the script itself is edited, and run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from compare.pairs.hold import Verdict, hold
from compare.pairs.text import effect, gap_told
from compare.pairs.way import again, ranked
from compare.watch.process import Here
from compare.watch.recording import Parameter

ORIGINAL = """
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(90, 5)
y = (X @ torch.randn(5, 3)).argmax(1)
net = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    for i in range(0, 90, 30):
        optimizer.zero_grad()
        loss = loss_fn(net(X[i:i + 30]), y[i:i + 30])
        loss.backward()
        optimizer.step()
"""
EDITS = {
    "learning-rate": ("lr=0.1", "lr=0.05"),
    "momentum": ("momentum=0.9", "momentum=0.5"),
    "weight-decay": ("momentum=0.9", "momentum=0.9, weight_decay=0.03"),
    "reduction": ("CrossEntropyLoss()", "CrossEntropyLoss(reduction='sum')"),
    "activation": ("nn.Tanh()", "nn.ReLU()"),
    "optimizer-dampening": ("momentum=0.9", "momentum=0.9, dampening=0.5"),
    "gradients-not-zeroed": ("        optimizer.zero_grad()\n", ""),
    "clipping": (
        "        optimizer.step()",
        "        nn.utils.clip_grad_norm_(net.parameters(), 0.1)\n        optimizer.step()",
    ),
    "label-smoothing": ("CrossEntropyLoss()", "CrossEntropyLoss(label_smoothing=0.2)"),
}


def held(folder: Path, port: str) -> Verdict:
    for name, source in (("original.py", ORIGINAL), ("port.py", port)):
        (folder / name).write_text(source)
    return hold(folder / "original.py", folder / "port.py", 30, 60.0, 0.0, Here, measured=4.0)


def ended(source: str) -> float:
    """The loss at the end of a script, of the original's mean over all its samples."""
    space: dict = {}
    exec(compile(source, "script", "exec"), space)
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(space["net"](space["X"]), space["y"]))


@pytest.mark.parametrize("name", EDITS)
def test_a_difference_does_what_the_edit_of_the_script_does(name: str, tmp_path: Path) -> None:
    verdict = held(tmp_path, ORIGINAL.replace(*EDITS[name]))
    assert [f.name for f in verdict.findings] == [name]
    found, gap = verdict.findings[0].effect, verdict.gap
    assert found is not None
    assert gap is not None, verdict.no_gap
    assert not found.why
    plain, edited = ended(ORIGINAL), ended(ORIGINAL.replace(*EDITS[name]))
    assert gap.own[0] == pytest.approx(plain, rel=1e-3)
    assert gap.own[0] + found.changes[0] == pytest.approx(edited, rel=2e-3, abs=2e-4)
    assert len(gap.own) >= 3
    assert f"Alone it changes the loss after {gap.steps} steps by" in effect(found)


def test_two_differences_are_told_apart_the_largest_first(tmp_path: Path) -> None:
    port = ORIGINAL.replace("lr=0.1", "lr=0.01, weight_decay=1e-4")
    verdict = held(tmp_path, port)
    assert [f.name for f in verdict.findings] == ["learning-rate", "weight-decay"]
    rate, decay = (f.effect for f in verdict.findings)
    assert rate is not None
    assert decay is not None
    assert verdict.gap is not None
    assert verdict.gap.other[0] == pytest.approx(ended(port), rel=1e-3)
    assert min(rate.shares) > 0.9
    assert max(map(abs, decay.shares)) < 0.1
    assert "of the gap" in effect(rate)
    assert f"from {len(verdict.gap.own)} starts" in gap_told(verdict)
    assert verdict.as_json()["findings"][0]["effect"]["shares"] == rate.shares


def test_the_batch_and_the_initial_weights_are_switched(tmp_path: Path) -> None:
    port = ORIGINAL.replace("0, 90, 30", "0, 90, 45").replace("i + 30", "i + 45")
    port = port.replace("loss_fn =", "nn.init.normal_(net[0].weight, std=2.0)\nloss_fn =")
    verdict = held(tmp_path, port)
    found = {f.name: f.effect for f in verdict.findings}
    assert set(found) == {"batch-size", "initialisation"}
    sizes = ORIGINAL.replace("0, 90, 30", "0, 90, 45").replace("i + 30", "i + 45")
    assert verdict.gap is not None
    change = found["batch-size"]
    assert change is not None
    assert verdict.gap.own[0] + change.changes[0] == pytest.approx(ended(sizes), rel=1e-3)


def test_what_cannot_be_switched_says_why(tmp_path: Path) -> None:
    port = ORIGINAL.replace("SGD(net.parameters(), lr=0.1, momentum=0.9)", "NAdam(net.parameters())")
    verdict = held(tmp_path, port)
    assert {f.name: f.effect.why for f in verdict.findings if f.effect and f.effect.why}
    assert "was not measured" in " ".join(effect(f.effect) for f in verdict.findings if f.effect)
    wider = ORIGINAL.replace("12", "14")
    verdict = held(tmp_path, wider)
    assert verdict.gap is None
    assert all(f.effect is None or f.effect.why for f in verdict.findings)


def test_a_start_is_drawn_again_from_its_own_law() -> None:
    random = np.random.default_rng(0)
    value = random.uniform(-0.3, 0.3, (6, 8))
    drawn = again(Parameter("w", "dense", "kernel", value), np.random.default_rng(1))
    assert np.array_equal(np.sort(np.abs(drawn.ravel())), np.sort(np.abs(value.ravel())))
    assert not np.array_equal(drawn, value)
    ones = np.ones(7)
    assert np.array_equal(again(Parameter("g", "norm", "scale", ones), random), ones)
    square, _ = np.linalg.qr(random.normal(size=(8, 8)))
    turned = again(Parameter("r", "lstm", "recurrent kernel", square), random)
    assert np.allclose(turned @ turned.T, np.eye(8))
    other = random.normal(size=(6, 8))
    put = ranked(value, other)
    assert np.array_equal(np.sort(put.ravel()), np.sort(other.ravel()))
    assert np.array_equal(np.argsort(put.ravel()), np.argsort(value.ravel()))
