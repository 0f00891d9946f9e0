"""The plain network that each file begins with is what its MLP does without options."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(5, 2)), RANDOM.normal(size=5)
LAYERS = [(RANDOM.normal(size=(2, 8)), RANDOM.normal(size=8)), (RANDOM.normal(size=(8, 1)), RANDOM.normal(size=1))]


def plain_text(template) -> tuple[str, str]:
    """The code of the module's docstring before its first use of MLP: what builds the network, and one step."""
    _, _, text = template.__doc__.partition("a step of gradient descent is this:\n")
    text, _, _ = text.partition("\nWith them")
    built, _, step = textwrap.dedent(text.strip("\n")).rpartition("\n\n")
    return built, step


def numpy_step(template) -> tuple[float, list]:
    (W1, b1), (W2, b2) = layers = [tuple(a.copy() for a in layer) for layer in LAYERS]
    names = {"np": np, "x": X, "y": Y[:, None], "W1": W1, "b1": b1, "W2": W2, "b2": b2}
    exec(plain_text(template)[1], names)
    return names["loss"], layers


def torch_step(template) -> tuple[float, list]:
    torch, before = template.torch, template.torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        names = vars(template) | {"x": torch.tensor(X), "y": torch.tensor(Y[:, None])}
        built, step = plain_text(template)
        exec(built, names)
        with torch.no_grad():
            for linear, (W, b) in zip(names["net"][::2], LAYERS, strict=True):
                linear.weight.copy_(torch.tensor(W.T))
                linear.bias.copy_(torch.tensor(b))
        exec(step, names)
    finally:
        torch.set_default_dtype(before)
    found = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in names["net"][::2]]
    return names["loss"].item(), found


def keras_step(template) -> tuple[float, list]:
    template.keras.config.set_floatx("float64")
    template.keras.config.set_dtype_policy("float64")
    names = vars(template) | {"x": X, "y": Y[:, None]}
    built, step = plain_text(template)
    exec(built, names)
    names["net"].set_weights([a for layer in LAYERS for a in layer])
    exec(step, names)
    weights = names["net"].get_weights()
    return float(names["loss"]), [tuple(weights[:2]), tuple(weights[2:])]


@pytest.mark.parametrize("step", [numpy_step, torch_step, keras_step], ids=["numpy", "torch", "keras"])
def test_the_plain_network_is_the_one_below(templates, step):
    template = templates[step.__name__.removesuffix("_step")]
    loss, layers = step(template)
    model = template.MLP(template.Config(dtype="float64"), LAYERS)
    assert model.train_step(X, Y) == pytest.approx(loss, rel=1e-14)
    for plain, found, start in zip(layers, model.params, LAYERS, strict=True):
        for a, b, before in zip(plain, found, start, strict=True):
            # Keras' own SGD keeps the learning rate in float32, so that its steps are off by up to 2**-24 of them.
            rounding = 2.0**-24 * np.abs(b - before).max() if step is keras_step else 0.0
            assert np.abs(a - b).max() <= 1e-14 + rounding


@pytest.mark.parametrize("name", ["numpy", "torch", "keras"])
def test_it_stands_in_the_first_screenful(templates, name):
    template = templates[name]
    head = Path(template.__file__).read_text(encoding="utf-8").splitlines()[:40]
    assert textwrap.indent(plain_text(template)[1], "    ") in "\n".join(head)
