"""Watching Keras scripts: what is recorded, and that watching changes no bit of a training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compare.ledger.adapters import environment
from compare.watch.recording import Drive, Given
from compare.watch.supplied import Supply
from compare.watch.worker import Session

HEAD = """
import numpy as np
import keras
import tensorflow as tf
from keras import layers

keras.utils.set_random_seed(3)
random = np.random.default_rng(0)
X = random.normal(size=(44, 6)).astype("float32")
y = (X[:, 0] * X[:, 1] > 0).astype("int64")
"""
MODEL = """
model = keras.Sequential([
    keras.Input((6,)),
    layers.Dense(8, activation="relu"),
    layers.BatchNormalization(),
    layers.Dropout(0.3),
    layers.Dense(2),
])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
"""
SCRIPTS = {
    "fit": MODEL
    + """
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
model.fit(X, y, epochs=6, batch_size=16, verbose=0, validation_data=(X, y))
""",
    "batches": MODEL.replace("    keras.Input((6,)),\n", "")  # It is built by its first step.
    + """
model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0), loss=loss)
for epoch in range(6):
    order = random.permutation(44)
    for i in range(0, 44, 16):
        model.train_on_batch(X[order[i : i + 16]], y[order[i : i + 16]])
""",
    "tape": MODEL
    + """
optimizer = keras.optimizers.RMSprop(0.01)
data = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(44, seed=1).batch(16)
for epoch in range(6):
    for xb, yb in data:
        with tf.GradientTape() as tape:
            value = loss(yb, model(xb, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    model(X, training=False)
""",
    "own-step": """
class Mine(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="tanh")
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.cast(y, self.compute_dtype)[:, None] - self(x, training=True)))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}

model = Mine()
model.compile(optimizer="adam")
model.fit(X, y, epochs=6, batch_size=16, verbose=0)
""",
}
TAIL = """
np.savez({out!r}, *model.get_weights())
"""


def test_keras_scripts_are_watched_and_driven(tmp_path: Path) -> None:
    """All in one process, since TensorFlow takes seconds to import; unwatched, all run in another."""
    import keras

    keras.config.set_floatx("float32")  # As a process of its own has them: another test may have left others.
    keras.config.set_dtype_policy("float32")
    paths = {}
    for name, source in SCRIPTS.items():
        paths[name] = tmp_path / f"{name}.py"
        paths[name].write_text(HEAD + source + TAIL.format(out=str(tmp_path / f"{name}.npz")))
    runs = "\n".join(f"runpy.run_path({str(path)!r}, run_name='__main__')" for path in paths.values())
    subprocess.run([sys.executable, "-c", "import runpy\n" + runs], check=True, env=environment(1), capture_output=True)
    alone = {name: list(np.load(tmp_path / f"{name}.npz").values()) for name in paths}
    for name, path in paths.items():
        hold_watched(path, alone[name])


OPTIMIZERS = {"fit": "Adam", "batches": "SGD", "tape": "RMSprop", "own-step": "Adam"}


def hold_watched(
    path: Path, alone: list[np.ndarray], optimizers: dict[str, str] = OPTIMIZERS, first: str = "float32"
) -> None:
    """A script of 18 steps, watched, ends with the weights that it has alone; then it is driven."""
    name = path.stem
    session = Session(path, Supply())
    recording = session.run(9, 60.0)
    assert recording.ended
    watched = list(np.load(path.with_suffix(".npz")).values())
    for a, b in zip(alone, watched, strict=True):
        assert np.array_equal(a, b), name
    assert (len(recording.steps), len(recording.losses)) == (9, 18), name
    assert [len(step.inputs[0]) for step in recording.steps[:4]] == [16, 16, 12, 16]
    assert [len(step.targets[0]) for step in recording.steps[:4]] == [16, 16, 12, 16]
    for one, other in zip(recording.steps, recording.steps[1:], strict=False):
        for a, b in zip(one.after, other.before, strict=True):
            assert np.array_equal(a, b)
    assert recording.optimizer == optimizers[name]
    assert all(p.shape == a.shape for p, a in zip(recording.parameters, recording.steps[0].after, strict=True))
    kinds = [p.kind for p in recording.parameters]
    assert kinds == (["dense"] * 4 if name == "own-step" else ["dense"] * 2 + ["norm"] * 4 + ["dense"] * 2)
    _drive(session, recording, first)


def _drive(session: Session, recording, dtype: str) -> None:
    """Driven on its own steps, with gradients that a first drive shows, a script repeats itself."""
    given = [Given(s.before, [*s.inputs], [*s.targets], []) for s in recording.steps]
    first = session.run(9, 0.0, Drive(given, dtype))
    for step, seen in zip(given, first.steps, strict=True):
        step.gradients = seen.gradients
    double = session.run(9, 0.0, Drive(given, "float64"))
    for a, b in zip(first.steps, double.steps, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-5)
        assert a.values.keys() == b.values.keys()
        assert any(a.values)
        largest = max(np.abs(g).max() for g in b.gradients if g is not None)
        for p, one, other in zip(recording.parameters, a.gradients, b.gradients, strict=True):
            assert (one is None) == (other is None) == (not p.trained)
            if one is not None:
                assert np.abs(one - other).max() <= 1e-5 * largest
                assert other.dtype == np.float64
