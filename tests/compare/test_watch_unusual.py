"""Scripts that do what not every script does are watched all the same, or end in one line that says what to do."""

from __future__ import annotations

import importlib.util
import io
import warnings
from pathlib import Path

import numpy as np
import pytest

from compare.watch.process import ScriptProcess
from compare.watch.recording import Drive, Given, Recording
from compare.watch.supplied import Supply
from compare.watch.worker import Failure, Session

TORCH = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
X, y = torch.randn(48, 6), torch.randint(0, 2, (48,))
net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
"""
LOOP = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for xb, yb in DataLoader(TensorDataset(X, y), batch_size=16{more}):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(xb), yb).backward()
    optimizer.step()
"""
WORKERS = TORCH + LOOP.format(more=", num_workers=2")
COMPILED = TORCH + "net = torch.compile(net)\n" + LOOP.format(more="")
DECORATED = TORCH + LOOP.format(more="").replace(
    "for xb", "\n@torch.compile\ndef loss_of(x, y):\n    return nn.functional.cross_entropy(net(x), y)\n\nfor xb"
).replace("nn.functional.cross_entropy(net(xb), yb)", "loss_of(xb, yb)")  # fmt: skip
AUTOCAST = TORCH + LOOP.format(more="").replace(
    "    nn.functional.cross_entropy(net(xb), yb)",
    "    with torch.autocast('cpu', dtype=torch.bfloat16):\n        loss = nn.functional.cross_entropy(net(xb), yb)\n"
    "    loss",
)
TWO = TORCH + LOOP.format(more="") + "net = nn.Linear(6, 2)" + LOOP.format(more="")
AT_ONCE = (
    TORCH
    + """
other = nn.Linear(2, 1)
first, second = (torch.optim.Adam(m.parameters()) for m in (net, other))
for _ in range(4):
    first.zero_grad()
    other(net(X)).mean().backward()
    first.step()
    second.zero_grad()
    (other(net(X).detach()) ** 2).mean().backward()
    second.step()
"""
)
NO_GPU = TORCH + "net = net.to('cuda')\n" + LOOP.format(more="")
ONLY_EVALUATES = TORCH + "net.eval()\nwith torch.no_grad():\n    print(net(X).argmax(1))\n"
ARGUMENTS = """import argparse, torch
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, required=True); parser.parse_args()
"""
EXITS = TORCH + LOOP.format(more="") + "raise SystemExit(0)\n"


def watched(folder: Path, source: str, steps: int = 3, seconds: float = 0.5) -> Recording:
    path = folder / "train.py"
    path.write_text(source)
    return Session(path, Supply()).run(steps, seconds)


@pytest.mark.parametrize("source", [WORKERS, COMPILED, DECORATED, AUTOCAST, EXITS],
                         ids=["workers", "compile", "decorated", "autocast", "exit"])  # fmt: skip
def test_it_is_watched(source: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recording = watched(tmp_path, source)
    assert [np.shape(s.inputs[0]) for s in recording.steps] == [(16, 6)] * 3
    assert len(recording.parameters) == 4
    assert ("torch.compile is left out" in " ".join(recording.notes)) == ("compile" in source)


def test_two_models_are_said(tmp_path: Path) -> None:
    recording = watched(tmp_path, AT_ONCE)
    assert "two optimizers make steps; those of the first are compared" in " ".join(recording.notes)
    one_after_the_other = watched(tmp_path, TWO)
    assert "two optimizers" in " ".join(one_after_the_other.notes)
    assert len(one_after_the_other.steps) == 3
    assert len(one_after_the_other.parameters) == 4


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (NO_GPU, r"line 9: it asks for a GPU that this machine has not .*torch.cuda.is_available"),
        (ARGUMENTS, r"it wants other arguments \(the following arguments are required: --rate\): .* after a --"),
        ("import torch\nepochs = int(input())\n", "line 2: it asks for input"),
        ("import torch\nget_ipython().magic('matplotlib inline')\n", "line 2: this line is a notebook's own"),
        (ONLY_EVALUATES, "it never trains"),
        (TORCH, "it never trains"),
    ],
)
def test_it_is_one_line(source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(Failure, match=said) as raised:
        watched(tmp_path, source)
    assert raised.value.status == 2
    assert "\n" not in str(raised.value)


LIGHTNING = """import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(1)
X = torch.randn(96, 6)
y = (X[:, 0] > X[:, 1]).long()


class Classifier(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_acc", (self(x).argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


data = TensorDataset(X, y)
model = Classifier()
trainer = L.Trainer(max_epochs=3, logger=False, accelerator="cpu",
                    enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
trainer.fit(model, DataLoader(data, batch_size=16), DataLoader(data, batch_size=32))
"""


def test_lightning_is_watched(tmp_path: Path) -> None:
    """In a process of its own: it sets signals and warnings as it likes."""
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    path = tmp_path / "train.py"
    path.write_text(LIGHTNING)
    with ScriptProcess(path, Supply(), 60.0, tmp_path) as process:
        process.watch(12, 20.0)
        recording = process.recording()
        assert [len(s.inputs[0]) for s in recording.steps] == [16] * 12
        assert (len(recording.losses), recording.optimizer, recording.ended) == (18, "Adam", True)
        assert [p.kind for p in recording.parameters] == ["dense"] * 4
        assert {p.training for p in recording.passes} == {False}
        assert recording.decisions["axis"][0] == -1
        process.drive(Drive([Given(s.before, [*s.inputs], [*s.targets]) for s in recording.steps], "float64"))
        driven = process.recording()
        assert np.allclose([s.loss for s in driven.steps], [s.loss for s in recording.steps], rtol=1e-5)


KERAS = """
import keras
import numpy as np

random = np.random.default_rng(0)
X = random.normal(size=(48, 6)).astype("float32")
y = (X[:, 0] > 0).astype("float32")
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
"""
JIT = (
    KERAS
    + """
model.compile("sgd", "mse", jit_compile=True)
model.fit(X, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
"""
)
FUNCTION = (
    KERAS
    + """
import tensorflow as tf

optimizer = keras.optimizers.SGD(0.1)

@tf.function
def step(x, t):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True)[:, 0] - t))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss

for i in range(0, 48, 16):
    step(X[i : i + 16], y[i : i + 16])
"""
)
SEVERAL = JIT.replace("jit_compile=True", "steps_per_execution=2")
TWO_KERAS = (
    JIT.replace(", jit_compile=True", "")
    + """
second = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
second.compile("adam", "mse")
second.fit(X, y, batch_size=16, verbose=0)
"""
)


def test_what_keras_scripts_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled in two ways, or of two models; and the backends that are not watched."""
    import keras

    for source in (JIT, FUNCTION, TWO_KERAS):
        recording = watched(tmp_path, source, 3, 5.0)
        assert [np.shape(s.inputs[0]) for s in recording.steps] == [(16, 6)] * 3
        assert [np.shape(s.targets[0]) for s in recording.steps] == [(16,)] * 3
        assert ("tf.function is left out" in " ".join(recording.notes)) == (source == FUNCTION)
        assert ("two models are trained" in " ".join(recording.notes)) == (source == TWO_KERAS)
        given = [Given(s.before, [*s.inputs], [*s.targets], []) for s in recording.steps]
        driven = Session(tmp_path / "train.py", Supply()).run(3, 0.0, Drive(given, "float64"))
        assert all(g is not None for g in driven.steps[0].gradients)
    with pytest.raises(Failure, match="steps_per_execution above 1 cannot be watched: leave it out"):
        watched(tmp_path, SEVERAL)
    beside = watched(tmp_path, "import keras\n" + TORCH + LOOP.format(more=""), 3)  # As where it has its data of Keras.
    assert (beside.framework, len(beside.steps)) == ("torch", 3)
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    with pytest.raises(Failure, match=r"Keras runs on openvino, .* run it with KERAS_BACKEND=tensorflow"):
        watched(tmp_path, JIT)
