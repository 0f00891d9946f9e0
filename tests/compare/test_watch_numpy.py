"""Watching scripts without a framework: the loop, the weights, and that nothing of a training changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compare.watch.numpy_arrays import is_turned
from compare.watch.recording import Drive, Given
from compare.watch.supplied import Supply
from compare.watch.worker import Failure, Session

HEAD = """
import numpy as np
random = np.random.default_rng(0)
X = random.normal(size=(40, 3))
y = (X[:, :1] > 0).astype(float)
"""
FULL = """
W1, b1 = random.normal(size=(3, 5)), np.zeros(5)
W2, b2 = random.normal(size=(5, 1)), np.zeros(1)
losses = []
for epoch in range(30):
    h = np.tanh(X @ W1 + b1)
    out = h @ W2 + b2
    losses.append(((out - y) ** 2).mean())
    d = 2 * (out - y) / len(X)
    dh = d @ W2.T * (1 - h * h)
    dW1 = X.T @ dh
    W2 = W2 - 0.1 * h.T @ d
    b2 = b2 - 0.1 * d.sum(axis=0)
    W1 -= 0.1 * dW1
    b1 -= 0.1 * dh.sum(axis=0)
RESULT = [W1, b1, W2, b2]
"""
LAYERS = """
class Net:
    def __init__(self, sizes):
        self.weights = [random.normal(size=(m, n)) for m, n in zip(sizes[1:], sizes)]
        self.biases = [np.zeros((m, 1)) for m in sizes[1:]]
        self.velocity = [np.zeros_like(w) for w in self.weights]

    def update(self, x, t):
        activations = [x]
        for w, b in zip(self.weights, self.biases):
            activations.append(np.tanh(w @ activations[-1] + b))
        delta = (activations[-1] - t) * (1 - activations[-1] ** 2)
        for l in range(len(self.weights) - 1, -1, -1):
            before = delta
            delta = self.weights[l].T @ before * (1 - activations[l] ** 2)
            self.velocity[l] = 0.9 * self.velocity[l] + before @ activations[l].T
            self.weights[l] = self.weights[l] - 0.01 * self.velocity[l]
            self.biases[l] = self.biases[l] - 0.01 * before.sum(axis=1, keepdims=True)

    def fit(self, X, y):
        for epoch in range(10):
            order = random.permutation(len(X))
            for i in range(0, len(X), 16):
                x_batch = X[order[i : i + 16]].T
                y_batch = y[order[i : i + 16]].T
                self.update(x_batch, y_batch)

net = Net([3, 6, 1])
if __name__ == "__main__":
    net.fit(X, y)
RESULT = net.weights + net.biases
"""
CALLED = LAYERS.replace("x_batch = ", "rows = order[i : i + 16]  # ").replace(
    """y_batch = y[order[i : i + 16]].T
                self.update(x_batch, y_batch)""",
    "self.update(X[rows].T, y[rows].T)",
)
SUMMED = LAYERS.replace("before @ activations[l].T", "self.nabla(l, before, activations)").replace(
    "    def fit(",
    """    def nabla(self, l, before, activations):
        nabla_w = np.zeros_like(self.weights[l])
        for k in range(before.shape[1]):
            nabla_w = nabla_w + before[:, k : k + 1] @ activations[l][:, k : k + 1].T
        return nabla_w

    def fit(""",
)
BY_LAYER = ["self.weights[0]", "self.biases[0]", "self.weights[1]", "self.biases[1]"]
TAIL = "\nnp.savez({out!r}, *RESULT)\n"


def written(folder: Path, source: str) -> Path:
    path = folder / "script.py"
    path.write_text(HEAD + source + TAIL.format(out=str(folder / "out.npz")))
    return path


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (FULL, ["W1", "b1", "W2", "b2"]),
        (LAYERS, BY_LAYER),
        (CALLED, BY_LAYER),
        (SUMMED, BY_LAYER),
    ],
)
def test_the_weights_are_found_and_nothing_changes(source: str, names: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, source)
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "__main__"})
    alone = list(np.load(tmp_path / "out.npz").values())
    session = Session(path, Supply())
    recording = session.run(8, 10.0)
    assert recording.ended
    for a, b in zip(alone, np.load(tmp_path / "out.npz").values(), strict=True):
        assert np.array_equal(a, b)
    assert [p.name for p in recording.parameters] == names
    assert recording.parameters[0].shape == ((3, 5) if source is FULL else (3, 6))
    assert len(recording.steps) == 8
    assert {step.inputs[0].shape for step in recording.steps} == ({(40, 3)} if source is FULL else {(16, 3), (8, 3)})
    assert {step.targets[0].shape for step in recording.steps} == ({(40, 1)} if source is FULL else {(16, 1), (8, 1)})
    given = [Given(s.before, [*s.inputs], [*s.targets], []) for s in recording.steps]
    driven = session.run(8, 0.0, Drive(given))
    for a, b in zip(recording.steps, driven.steps, strict=True):
        for one, other in zip(a.after, b.after, strict=True):
            assert np.array_equal(one, other) if source is FULL else True
            assert one.shape == other.shape


def test_a_comment_names_the_weights(tmp_path: Path) -> None:
    source = FULL.replace("W1", "first").replace("W2", "second").replace("b1", "p").replace("b2", "q")
    recording = Session(written(tmp_path, "# weights: first, p, second, q\n" + source), Supply()).run(4, 0.0)
    assert [p.name for p in recording.parameters] == ["first", "p", "second", "q"]


def test_a_script_without_a_loop(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no loop changes arrays that look like weights"):
        Session(written(tmp_path, "RESULT = [X]\n"), Supply()).run(4, 0.0)


@pytest.mark.parametrize(
    ("shapes", "turned"),
    [([(3, 5), (5,), (5, 1), (1,)], False), ([(5, 3), (5, 1), (1, 5), (1, 1)], True), ([(4, 4), (4, 4)], False),
     ([(6, 3), (2, 6)], True)],
)  # fmt: skip
def test_the_layout_of_matrices(shapes: list[tuple[int, ...]], turned: bool) -> None:
    assert is_turned(shapes) == turned
