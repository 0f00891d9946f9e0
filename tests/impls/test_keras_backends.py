"""The Keras template on Keras' other backends: equal to the NumPy one there too, in a process of its own for each."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

# Scenarios of each; JAX compiles for seconds where PyTorch begins at once.
BACKENDS = {
    "torch": ["cancer-dropout", "spirals-norm", "wine-gelu-adamw", "xor-mae", "iris"],
    "jax": ["cancer-by-layer", "xor-mae", "iris"],
}

TRAINED = """
import sys
import numpy as np
from dataclasses import replace
from compare.ledger.trace import record
from impls import mlp_keras, mlp_numpy
from shared import datasets, scenarios

for name in sys.argv[1:]:
    scenario = scenarios.SCENARIOS[name]
    whole = scenarios.plan(scenario, datasets.load(scenario.dataset, seed=scenario.seed))
    plan = replace(whole, steps=whole.steps[:3])
    numpy, keras = (m.MLP(m.Config(**plan.config, dtype="float64"), plan.params) for m in (mlp_numpy, mlp_keras))
    reference = record(numpy, plan)
    trace = record(keras, plan, reference)
    assert str(trace.params.dtype) == "float64", (name, trace.params.dtype)
    for what in ("logits", "losses", "gradients", "params", "outputs"):
        a, b = getattr(reference, what), getattr(trace, what)
        assert np.abs(a - b).max() <= 1e-12 * np.abs(a).max(), (name, what, np.abs(a - b).max())
    for slot in reference.states:
        a, b = reference.states[slot], trace.states[slot]
        assert np.abs(a - b).max() <= 1e-12 * np.abs(a).max(), (name, slot)

data = plan.dataset
models = [m.MLP(m.Config(**plan.config, dtype="float64"), plan.params) for m in (mlp_numpy, mlp_keras)]
histories = [m.fit(data.x_train, data.y_train, epochs=2, validation_data=(data.x_test, data.y_test), verbose=False)
             for m in models]
fast = mlp_keras.MLP(mlp_keras.Config(**plan.config, dtype="float64"), plan.params)
histories.append(fast.fit(data.x_train, data.y_train, epochs=2, validation_data=(data.x_test, data.y_test),
                          verbose=False, fast=True))
for history in histories[1:]:
    for key, values in histories[0].items():
        assert np.allclose(values, history[key], rtol=1e-12), key
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_template_is_equal_on_this_backend(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", TRAINED, *BACKENDS[backend]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
