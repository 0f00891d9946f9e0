"""Watching Keras scripts on Keras' other backends, each in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from compare.ledger.adapters import environment

SCRIPTS = {
    "torch": {
        "tape": """
import torch
optimizer = keras.optimizers.RMSprop(0.01)
data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
for epoch in range(6):
    for xb, yb in torch.utils.data.DataLoader(data, batch_size=16, shuffle=True):
        value = loss(yb, model(xb, training=True))
        model.zero_grad()
        value.backward()
        gradients = [v.value.grad for v in model.trainable_weights]
        with torch.no_grad():
            optimizer.apply(gradients, model.trainable_weights)
    model(X, training=False)
""",
        "modules": """
import torch
optimizer = torch.optim.NAdam(model.parameters(), lr=0.01)
for epoch in range(6):
    for i in range(0, 44, 16):
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(model(X[i : i + 16], training=True), torch.from_numpy(y[i : i + 16]))
        value.backward()
        optimizer.step()
""",
        "own-step": """
import torch

class Mine(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="tanh")
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = torch.mean((y.to(torch.get_default_dtype())[:, None] - self(x, training=True)) ** 2)
        loss.backward()
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in self.trainable_weights], self.trainable_weights)
        return {"loss": loss}

model = Mine()
model.compile(optimizer="adam")
model.fit(X, y, epochs=6, batch_size=16, verbose=0)
""",
    },
    "jax": {},  # Its operations are compiled one by one as they are met: the common one of these has to do.
}
COMMON_ONES = {"torch": ("fit", "batches"), "jax": ("fit",)}
OPTIMIZERS = {"fit": "Adam", "batches": "SGD", "tape": "RMSprop", "modules": "NAdam", "own-step": "Adam"}
BACKEND = """
import os
os.environ["KERAS_BACKEND"] = "{}"
"""


@pytest.mark.parametrize("backend", SCRIPTS)
def test_scripts_on_this_backend_are_watched_and_driven(backend: str, tmp_path: Path) -> None:
    """All in one process, which has to be another: a backend is chosen once in a process."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    given = environment(1)
    given["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), given.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, __file__, backend, str(tmp_path)], env=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]


def main(backend: str, folder: Path) -> None:
    """Every script alone, then watched, then driven."""
    import numpy as np
    from test_watch_keras import HEAD, MODEL, TAIL, hold_watched
    from test_watch_keras import SCRIPTS as COMMON

    from compare.watch import keras_backend
    from compare.watch.supplied import Supply
    from compare.watch.worker import Session

    head = BACKEND.format(backend) + HEAD.replace("import tensorflow as tf\n", "")
    sources = {name: COMMON[name] for name in COMMON_ONES[backend]}
    sources |= {name: ("" if name == "own-step" else MODEL) + source for name, source in SCRIPTS[backend].items()}
    for name, source in sources.items():
        path = folder / f"{name}.py"
        path.write_text(head + source + TAIL.format(out=str(path.with_suffix(".npz"))))
        if "keras" not in sys.modules:  # The script's own choice is found before Keras is imported.
            session = Session(path, Supply())
            keras_backend.choose(path, lambda scout, session=session: session._once(scout, 0.0))
            assert os.environ["KERAS_BACKEND"] == backend
            assert "keras" not in sys.modules
        runpy.run_path(str(path), run_name="__main__")
        hold_watched(
            path,
            list(np.load(path.with_suffix(".npz")).values()),
            OPTIMIZERS,
            "float64" if backend == "jax" else "float32",
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
