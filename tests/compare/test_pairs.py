"""Two scripts held against each other: a port in another style is equal, and every planted difference is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from compare import check
from compare.pairs import rules
from compare.pairs.samples import known
from compare.pairs.start import drawn
from compare.watch.recording import Parameter

ORIGINAL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X = torch.randn(150, 6)
y = (X[:, 0] * X[:, 1] > 0).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 16)
        self.bn = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.2)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x):
        return self.fc2(self.drop(torch.relu(self.bn(self.fc1(x)))))

net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(12):
    net.train()
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        print(epoch, loss_fn(net(X), y).item())
"""
PORT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
data = torch.randn(150, 6)
labels = (data[:, 0] * data[:, 1] > 0).long()
torch.manual_seed(11)
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(p=0.2), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(12):
    model.train()
    order = torch.randperm(len(data))
    for i in range(0, len(data), 32):
        rows = order[i : i + 32]
        log_p = F.log_softmax(model(data[rows]), dim=1)
        loss = -log_p[torch.arange(len(rows)), labels[rows]].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print((model(data).argmax(1) == labels).float().mean())
"""


def held(folder: Path, port: str, capsys: pytest.CaptureFixture, *accept: str) -> tuple[int, str, dict]:
    for name, source in (("original.py", ORIGINAL), ("port.py", port)):
        (folder / name).write_text(source)
    arguments = [folder / "original.py", folder / "port.py", "--steps", 20, "--json", folder / "answer.json"]
    status = check.main([str(a) for a in (*arguments, *(["--accept", *accept] if accept else []))])
    return status, capsys.readouterr().out, json.loads((folder / "answer.json").read_text())


def test_a_port_in_another_style_is_equal(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status, text, answer = held(tmp_path, PORT, capsys)
    assert status == 0, text
    assert answer["findings"] == []
    assert "12 steps from the same weights agree" in text


def test_many_differences_at_once_are_each_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    port = PORT
    for old, new in (
        ("nn.BatchNorm1d(16)", "nn.BatchNorm1d(16, momentum=0.01)"),
        ("nn.ReLU()", "nn.LeakyReLU()"),
        ("lr=1e-2", "lr=1e-2, eps=1e-4, weight_decay=1e-3"),
        ("        optimizer.zero_grad()\n", ""),
        ("    model.eval()\n", ""),
        (".mean()\n        loss.b", ".sum()\n        loss.b"),
    ):
        assert port.count(old) == 1
        port = port.replace(old, new)
    status, text, answer = held(tmp_path, port, capsys)
    assert status == 1
    found = {finding["name"]: finding for finding in answer["findings"]}
    assert set(found) == {
        *("norm-momentum", "activation", "optimizer-epsilon", "weight-decay", "gradients-not-zeroed"),
        *("evaluation-mode", "reduction"),
    }, text
    assert found["activation"]["lines"][1] == {"file": "port.py", "line": 10}
    assert "0.9 of the old value against 0.99" in found["norm-momentum"]["text"]
    assert "epsilon 1e-08 against 0.0001" in found["optimizer-epsilon"]["text"]


def test_a_convention_is_its_own_verdict_and_can_be_accepted(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    port = PORT.replace(
        "labels = (data[:, 0] * data[:, 1] > 0).long()", "labels = (data[:, 0] * data[:, 1] <= 0).long()"
    )
    status, text, answer = held(tmp_path, port, capsys)
    assert (status, answer["verdict"], answer["accepted"]) == (1, "equal but for conventions", False), text
    assert "Equal but for a convention. Nobody's mistake." in text
    assert [f["name"] for f in answer["findings"]] == ["label-encoding"]
    for name in ("conventions", "label-encoding"):
        status, text, answer = held(tmp_path, port, capsys, name)
        assert (status, answer["exit"], answer["accepted"]) == (0, 0, True)
        assert "Accepted: Equal but for a convention." in text
    assert held(tmp_path, port, capsys, "defaults")[0] == 1


def test_what_gives_no_recording(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status = None
    for name, source in (("original.py", ORIGINAL), ("port.py", "import torch\nprint(1)\n")):
        (tmp_path / name).write_text(source)
    status = check.main([str(tmp_path / "original.py"), str(tmp_path / "port.py")])
    captured = capsys.readouterr()
    assert (status, captured.out, captured.err.count("\n")) == (2, "", 1)
    assert "port.py: it never trains" in captured.err
    assert check.main([str(tmp_path / "original.py"), str(tmp_path / "nowhere.py")]) == 2


@pytest.mark.parametrize(
    "rule",
    [
        rules.Rule("sgd", {"rate": 0.1, "momentum": 0.0, "nesterov": False, "decay": 0.0}),
        rules.Rule("sgd", {"rate": 0.05, "momentum": 0.9, "nesterov": False, "decay": 0.0}),
        rules.Rule("adam", {"rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 0.0}),
        rules.Rule("adam", {"rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "decay": 0.0}, "keras"),
        rules.Rule("rmsprop", {"rate": 0.01, "beta2": 0.9, "epsilon": 1e-7, "momentum": 0.0}, "keras"),
        rules.Rule("adagrad", {"rate": 0.1, "epsilon": 1e-8, "initial": 0.0}),
    ],
)
def test_a_rule_is_told_by_its_updates(rule: rules.Rule) -> None:
    random = np.random.default_rng(0)
    gradients = [[10.0 ** random.uniform(-7, 0, (4, 3)) * random.choice([-1, 1], (4, 3)) for _ in range(8)]]
    weights, before = random.normal(size=(4, 3)), []
    moved = list(rules.updates(rule, gradients[0], [weights] * 8, [rule.settings["rate"]] * 8))
    for step in moved:
        before.append(weights)
        weights = weights + step
    found = rules.fit(rules.Course(gradients, [before], [moved], [1.0] * 8, [0]))
    assert found is not None
    assert found.name == rule.name
    for key, value in rule.settings.items():
        assert found.settings[key] == pytest.approx(value, rel=1e-3)
    wrong = [[m * random.uniform(0.5, 1.5, m.shape) for m in moved]]
    assert rules.fit(rules.Course(gradients, [before], wrong, [1.0] * 8, [0])) is None


def test_rows_are_known_again() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(300, 5))
    order = random.permutation(300)
    keys = known(rows, rows[order].astype(np.float32).astype(float))
    assert np.array_equal(keys[:300][order], keys[300:])
    assert len(np.unique(keys)) == 300


def test_laws_of_initial_weights() -> None:
    random = np.random.default_rng(2)
    uniform = Parameter("w", "dense", "kernel", random.uniform(-0.1, 0.1, (100, 30)))
    normal = Parameter("w", "dense", "kernel", random.normal(0, 0.02, (100, 30)))
    one, two = drawn(uniform), drawn(normal)
    assert (one.text, two.text) == ("uniform within ±1/√100, PyTorch's default", "normal with standard deviation 0.02")
    assert one.differs(two)
    for seed in range(200):  # Draws of one law are never called two.
        random = np.random.default_rng(seed)
        shape = (int(random.integers(3, 40)), int(random.integers(3, 40)))
        draw = random.normal if seed % 2 else random.uniform
        a, b = (drawn(Parameter("w", "dense", "kernel", draw(-1, 1, shape))) for _ in range(2))
        assert not a.differs(b)
