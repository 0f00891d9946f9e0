"""The option `fast` of `fit`: the same training, in every optimizer and option that it takes its own way for."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from impls import mlp_keras, mlp_numpy, mlp_torch

MIXED = {
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "clip_norm": 0.5,
    "schedule": "cosine",
    "loss": "softmax_cross_entropy",
    "layer_sizes": (5, 7, 3),
    "class_weights": (1.0, 2.0, 3.0),
    "label_smoothing": 0.1,
    "reduction": "sum",
}
CASES = {
    **{name: {"optimizer": name} for name in mlp_numpy.OPTIMIZERS},
    "mixed": MIXED,
    "decay": {"optimizer": "momentum", "weight_decay": 0.1, "clip_value": 0.05},
    "batch_norm": {"batch_norm": True},
    "by layer": {"layer_sizes": (5, 7, 6, 1), "activation": ("gelu", "softplus"), "loss": "mae"},
}
FIT = {"batch_size": 4, "verbose": False, "patience": 3}


def flat(layers: list) -> np.ndarray:
    return np.concatenate([np.ravel(a) for layer in layers for a in layer])


def trained(module, options: dict, samples: int = 43, **arguments) -> tuple[dict, object]:
    """The history and the model after a `fit` of three epochs; of 43 samples the last batch is a partial one."""
    fields = {"layer_sizes": (5, 7, 1), "activation": "tanh", "learning_rate": 0.05, "epsilon": 1e-3} | options
    config = module.Config(**fields, dtype="float64")
    random = np.random.default_rng(0)
    x, classes = random.standard_normal((samples, 5)), config.loss == "softmax_cross_entropy"
    y = random.integers(0, 3, samples) if classes else random.standard_normal(samples)
    model = module.MLP(config)
    return model.fit(x, y, epochs=3, validation_data=(x, y), **FIT, **arguments), model


def assert_same(module, options: dict, samples: int = 43) -> None:
    expected, reference = trained(mlp_numpy, options, samples)
    found, model = trained(module, options, samples, fast=True)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-11)
    np.testing.assert_allclose(flat(model.params), flat(reference.params), rtol=1e-11, atol=1e-12)
    state = model.state
    for name, value in reference.state.items():
        if name == "step":
            assert state[name] == value
        else:
            np.testing.assert_allclose(flat(state[name]), flat(value), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_keras_trains_the_same(case):
    assert_same(mlp_keras, CASES[case])


@pytest.mark.parametrize("samples", [40, 43])
@pytest.mark.parametrize(("module", "batch_norm"), [(mlp_torch, False), (mlp_keras, True)])
def test_the_dropout_masks_are_those_of_fit(module, batch_norm, samples, monkeypatch):
    monkeypatch.setattr(mlp_torch.torch, "compile", lambda function, **_: function)
    layers = {"layer_sizes": (5, 7, 6, 1), "activation": ("relu", "tanh"), "dropout": (0.0, 0.3)}
    options = {"batch_norm": batch_norm, "optimizer": "adam", **layers}
    (expected, plain), (found, fast) = (trained(module, options, samples, fast=fast) for fast in (False, True))
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-11)
    np.testing.assert_allclose(flat(fast.params), flat(plain.params), rtol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_torch_trains_the_same(case, monkeypatch):
    """Uncompiled: what torch.compile makes of a function is held against the reference before it is ever timed."""
    monkeypatch.setattr(mlp_torch.torch, "compile", lambda function, **_: function)
    assert_same(mlp_torch, CASES[case])


@pytest.mark.parametrize("samples", [3, 16, 32, 40])
@pytest.mark.parametrize("module", [mlp_torch, mlp_keras])
def test_any_number_of_batches_trains_the_same(module, samples, monkeypatch):
    """Fewer than are taken at once, as many, and with some or none left over."""
    monkeypatch.setattr(mlp_torch.torch, "compile", lambda function, **_: function)
    assert_same(module, {"optimizer": "adam"}, samples)


def test_numpy_takes_the_word_too():
    assert trained(mlp_numpy, {}, fast=True)[0] == trained(mlp_numpy, {})[0]


@pytest.mark.parametrize("module", [mlp_torch, mlp_keras])
def test_given_masks_are_kept(module):
    """Steps are made one by one where the masks are given."""
    masks = [np.array([[2.0, 0, 2, 0, 2, 0, 2]]).repeat(4, axis=0)]
    arguments = {"masks": lambda step, size: [masks[0][:size]]}
    options = {"dropout": 0.5}
    expected, found = trained(mlp_numpy, options, **arguments), trained(module, options, fast=True, **arguments)
    np.testing.assert_allclose(flat(found[1].params), flat(expected[1].params), rtol=1e-11)


def test_a_missing_compiler_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"fast needs a C\+\+ compiler for torch.compile: install g\+\+ or clang\+\+"):
        trained(mlp_torch, {}, fast=True)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_torch_trains_the_same(monkeypatch):
    """The one case that is compiled, which takes seconds."""
    monkeypatch.setattr(mlp_torch, "_STEPS_AT_ONCE", 2)
    assert_same(mlp_torch, {})
