"""Scripts whose data cannot be had, that take arguments, or whose weights are named from outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compare import check
from compare.usage import UsageError
from compare.watch.asked import given_to, split
from compare.watch.recording import Recording
from compare.watch.supplied import Supply
from compare.watch.worker import Failure, Session

TABLE = """
import numpy as np
import torch
from torch import nn

dataset = np.loadtxt("pima-indians-diabetes.csv", delimiter=",")
X = torch.tensor(dataset[:, :8], dtype=torch.float32)
y = torch.tensor(dataset[:, 8], dtype=torch.float32).reshape(-1, 1)
model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
for i in range(0, len(X), 10):
    loss = nn.functional.binary_cross_entropy(model(X[i : i + 10]), y[i : i + 10])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
PANDAS = TABLE.replace('np.loadtxt("pima-indians-diabetes.csv", delimiter=",")',
                       'pd.read_csv("https://example.invalid/a.csv", header=None).values').replace(
                           "import numpy as np", "import pandas as pd")  # fmt: skip
OPENED = TABLE.replace('np.loadtxt("pima-indians-diabetes.csv", delimiter=",")',
                       'np.array([[float(v) for v in line.split(",")] for line in open("data/a.csv")])')  # fmt: skip
IMAGES = """
import torch
from torch import nn
from torchvision import datasets

train = datasets.MNIST("data", train=True, download=True)
x, y = train.data.float().reshape(-1, 784) / 255, train.targets
net = nn.Linear(784, 10)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for i in range(0, 320, 64):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x[i : i + 64]), y[i : i + 64]).backward()
    optimizer.step()
"""
VISION = """
class MNIST:
    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        raise RuntimeError("Dataset not found. You can use download=True to download it")
"""
FETCHED = """
import torch
from sklearn.datasets import fetch_california_housing
from torch import nn

x, y = fetch_california_housing(return_X_y=True, data_home="nowhere/at/all")
x, y = torch.tensor(x[:64]).float(), torch.tensor(y[:64]).float()
net = nn.Linear(8, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
for _ in range(3):
    optimizer.zero_grad()
    ((net(x)[:, 0] - y) ** 2).mean().backward()
    optimizer.step()
"""
ARGUMENTS = """
import argparse
import torch

p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--steps", type=int, required=True)
args = p.parse_args()
w = torch.ones(3, 1, requires_grad=True)
x = torch.randn(8, 3)
optimizer = torch.optim.SGD([w], lr=args.lr)
for _ in range(args.steps):
    optimizer.zero_grad()
    ((x @ w) ** 2).mean().backward()
    optimizer.step()
"""
UNNAMED = """
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
alpha, omega = rng.normal(size=(3, 1)), np.zeros((1, 1))
noise = np.zeros((3, 1))
for _ in range(20):
    e = X @ alpha + omega - y
    noise = rng.normal(size=(3, 1))
    alpha = alpha - 0.01 * X.T @ e
    omega = omega - 0.01 * e.sum(0, keepdims=True)
"""


def watched(folder: Path, source: str, supply: Supply | None = None, steps: int = 3) -> Recording:
    path = folder / "train.py"
    path.write_text(source)
    return Session(path, supply or Supply()).run(steps, 0.0)


@pytest.mark.parametrize("source", [TABLE, PANDAS, OPENED], ids=["loadtxt", "read_csv", "open"])
def test_a_missing_table_is_one_line_and_can_be_supplied(source: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"its data cannot be had .*--data FILE.*--synthetic") as raised:
        watched(tmp_path, source)
    assert raised.value.status == 2
    assert str(raised.value).startswith("train.py, line 6: ")
    if source != OPENED:
        with pytest.raises(Failure, match=r"has no shape to be drawn in: .* --synthetic 768x9"):
            watched(tmp_path, source, Supply(synthetic="yes"))
    drawn = watched(tmp_path, source, Supply(synthetic="40x9"))
    assert [np.shape(s.inputs[0]) for s in drawn.steps] == [(10, 8)] * 3
    assert set(np.unique(drawn.steps[0].targets[0])) <= {0.0, 1.0}
    rows = np.arange(270.0).reshape(30, 9) / 270
    np.savetxt(tmp_path / "mine.csv", rows, delimiter=",")
    given = watched(tmp_path, source, Supply(data=str(tmp_path / "mine.csv")))
    assert np.allclose(given.steps[0].inputs[0], rows[:10, :8])
    assert open.__module__ in ("io", "_io")  # Everything is as it was.


def test_a_download_is_one_line_and_can_be_supplied(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(VISION)
    with pytest.raises(Failure, match=r"line 6: its data cannot be had .*download=True"):
        watched(tmp_path, IMAGES)
    drawn = watched(tmp_path, IMAGES, Supply(synthetic="yes"))
    assert np.shape(drawn.steps[0].inputs[0]) == (64, 784)
    assert drawn.steps[0].targets[0].dtype == np.int64
    x, y = np.full((400, 28, 28), 51, "uint8"), np.arange(400) % 10
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    given = watched(tmp_path, IMAGES, Supply(data=str(tmp_path / "mine.npz")))
    assert np.allclose(given.steps[0].inputs[0], 0.2)
    np.savez(tmp_path / "less.npz", x_train=x)
    with pytest.raises(Failure, match=r"less.npz has no y_train"):
        watched(tmp_path, IMAGES, Supply(data=str(tmp_path / "less.npz")))
    housing = watched(tmp_path, FETCHED, Supply(synthetic="yes"))
    assert np.shape(housing.steps[0].inputs[0]) == (64, 8)


def test_a_script_gets_its_arguments(tmp_path: Path) -> None:
    recording = watched(tmp_path, ARGUMENTS, Supply(["--steps", "2", "--lr", "0.25"]), steps=5)
    assert [s.rates for s in recording.steps] == [(0.25,), (0.25,)]
    with pytest.raises(Failure, match=r"required|SystemExit|sys\.exit"):
        watched(tmp_path, ARGUMENTS)


def test_the_command_tells_arguments_and_data_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    one.touch(), other.touch()
    argv = ["x.py", "y.py", "--data", str(one), "--data", str(other), "--weights", "W,b", "--", "--lr", "1", "--", "-v"]
    own, *scripts = split(argv)
    first, second = given_to(check.parser().parse_args(own), scripts)
    assert (first.arguments, second.arguments) == (["--lr", "1"], ["-v"])
    assert (Path(first.data).name, Path(second.data).name) == ("a.csv", "b.csv")
    assert first.weights == second.weights == "W,b"
    own, *scripts = split(["x.py", "y.py", "--synthetic", "--", "--lr", "1"])
    first, second = given_to(check.parser().parse_args(own), scripts)
    assert first == second == Supply(["--lr", "1"], synthetic="yes")
    for wrong, said in (
        (["x.py", "--", "-a", "--", "-b"], "stands 2 times, for one script"),
        (["x.py", "--data", "nowhere.csv"], "does not exist"),
        (["x.py", "--synthetic", "9"], "as 768x9"),
    ):
        own, *scripts = split(wrong)
        with pytest.raises(UsageError, match=said):
            given_to(check.parser().parse_args(own), scripts)


def test_weights_are_named_from_outside(tmp_path: Path) -> None:
    named = watched(tmp_path, UNNAMED, Supply(weights="alpha,omega"))
    assert [p.name for p in named.parameters] == ["alpha", "omega"]
