"""Watching PyTorch scripts: what is recorded, and that watching changes no bit of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from compare.watch.recording import Drive, Given, Recording
from compare.watch.supplied import Supply
from compare.watch.worker import Failure, Session

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
X = torch.randn(44, 6)
y = (X[:, 0] * X[:, 1] > 0).long()
"""
TAIL = """
torch.save([p.detach() for p in {parameters}], "{out}")
"""
MODULE = """
net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
"""
SCRIPTS = {
    "loader": (
        MODULE
        + """
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss()
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
for epoch in range(6):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss_fn(net(xb), yb).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
    scheduler.step()
    net.eval()
    with torch.no_grad():
        net(X)
    net.train()
""",
        "net.parameters()",
    ),
    "closure": (
        MODULE
        + """
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(6):
    order = torch.randperm(44)
    for i in range(0, 44, 16):
        rows = order[i : i + 16]
        def closure():
            optimizer.zero_grad()
            loss = F.mse_loss(net(X[rows])[:, 0], y[rows].float())
            loss.backward()
            return loss
        optimizer.step(closure)
""",
        "net.parameters()",
    ),
    "own": (
        """
W1 = nn.Parameter(torch.randn(6, 8) * 0.1)
b1 = torch.zeros(8, requires_grad=True)
W2 = torch.randn(8, 1, requires_grad=True)
b2 = torch.zeros(1, requires_grad=True)
for epoch in range(18):
    h = torch.tanh(X @ W1 + b1)
    p = torch.sigmoid(h @ W2 + b2)
    t = y.float().view(-1, 1)
    loss = -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()
    loss.backward()
    with torch.no_grad():
        for w in (W1, b1, W2, b2):
            w -= 0.5 * w.grad
            w.grad.zero_()
""",
        "(W1, b1, W2, b2)",
    ),
    "lstm": (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, ids):
        return self.head(self.lstm(self.embed(ids))[0][:, -1])


net = Net()
ids = (X * 2 + 5).long().clamp(0, 9)
optimizer = torch.optim.AdamW(net.parameters())
for epoch in range(18):
    optimizer.zero_grad()
    F.cross_entropy(net(ids), y).backward()
    optimizer.step()
""",
        "net.parameters()",
    ),
}


def written(folder: Path, name: str, body: str = "") -> Path:
    source, parameters = SCRIPTS.get(name, (body, "[]"))
    path = folder / f"{name}.py"
    path.write_text(HEAD + source + TAIL.format(parameters=parameters, out=folder / "out.pt"))
    return path


def plainly(path: Path) -> list[torch.Tensor]:
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "__main__"})
    return torch.load(path.parent / "out.pt")


def watched(path: Path, steps: int = 12, seconds: float = 20.0) -> Recording:
    return Session(path, Supply()).run(steps, seconds)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_watched_script_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, name)
    alone = plainly(path)
    recording = watched(path)
    assert recording.ended
    assert (len(recording.steps), len(recording.losses)) == (12, 18)
    for a, b in zip(alone, torch.load(tmp_path / "out.pt"), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_recorded(name: str, tmp_path: Path) -> None:
    recording = watched(written(tmp_path, name), seconds=0)
    first, last = recording.steps[0], recording.steps[-1]
    batch = 44 if name in ("own", "lstm") else 16
    assert [len(a) for a in first.inputs] == [batch]
    assert {len(a) for a in first.targets} == {batch}
    if batch == 16:
        assert [len(step.inputs[0]) for step in recording.steps[:4]] == [16, 16, 12, 16]
        assert (first.masks, first.training) == (1, True)
    for step in recording.steps:
        assert len(step.before) == len(step.after) == len(step.gradients) == len(recording.parameters)
    for one, other in zip(recording.steps, recording.steps[1:], strict=False):
        assert all(np.array_equal(a, b) for a, b in zip(one.after, other.before, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(last.before, last.after, strict=True))
    assert set(recording.lines) >= {"model", "backward"}
    kinds = [(p.kind, p.role) for p in recording.parameters]
    if name == "lstm":
        assert kinds == [("embedding", "table"), ("lstm", "kernel"), ("lstm", "recurrent kernel"), ("lstm", "bias"),
                         ("dense", "kernel"), ("dense", "bias")]  # fmt: skip
        assert [p.shape for p in recording.parameters[1:4]] == [(4, 20), (5, 20), (20,)]
    if name == "own":
        assert [p.name for p in recording.parameters] == ["W1", "b1", "W2", "b2"]
        assert [op.parameters for op in recording.ops if op.parameters] == [(0, 1), (2, 3)]
    if name == "loader":
        assert recording.loader["shuffled"]
        assert [step.epoch for step in recording.steps[:4]] == [1, 1, 1, 2]
        assert [step.rates for step in recording.steps[5:7]] == [(0.01,), (0.005,)]
        norm = np.sqrt(sum(float((g**2).sum()) for g in first.applied if g is not None))
        assert norm <= 0.5 + 1e-6


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_driven_by_its_own_recording_repeats_itself(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, name)
    session = Session(path, Supply())
    own = session.run(6, 0)
    given = [Given(s.before, s.inputs, s.targets, s.gradients) for s in own.steps]
    single = session.run(6, 0, Drive(given, "float32"))
    double = session.run(6, 0, Drive(given, "float64"))
    for a, b in zip(single.steps, double.steps, strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-5)
        largest = max(np.abs(g).max() for g in b.gradients if g is not None)
        for one, other in zip(a.gradients, b.gradients, strict=True):
            if one is not None:
                assert other is not None
                assert other.dtype == np.float64
                assert np.abs(one - other).max() <= 1e-5 * largest
        for one, other in zip(a.after, b.after, strict=True):
            assert np.abs(one - other).max() <= 1e-5 * max(np.abs(other).max(), 1e-3)
    if name == "own":  # Nothing random, nothing summed: the driven steps are the script's own.
        for a, b in zip(own.steps, single.steps, strict=True):
            assert a.loss == b.loss
            assert all(np.array_equal(one, other) for one, other in zip(a.after, b.after, strict=True))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('done')\n", "it never trains"),
        ("net = nn.Linear(6, 2)\nraise KeyError('x')\n", "KeyError: 'x'"),
        ("open('no-such-file.csv')\n", "its data cannot be had .*no-such-file.csv.*--data FILE.*--synthetic"),
    ],
)
def test_a_script_without_a_training(source: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=said) as raised:
        watched(written(tmp_path, "short", source))
    assert str(raised.value).startswith("short.py")
