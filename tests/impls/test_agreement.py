"""The three templates agree to 1e-12 over twelve steps, under many combinations of options.

An exact 0 before a kinked activation would make the three differ by whole slopes where the others round to ±1e-17: so
all inputs, biases and scales are drawn from continuous distributions, and a dropped unit still meets a bias.
"""

from __future__ import annotations

import numpy as np
import pytest

from impls import mlp_numpy
from impls.mlp_numpy import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES

CASES, STEPS = 24, 12
CHOICES = {
    "activation": (*ACTIVATIONS, "by layer", "by layer"),
    "loss": tuple(LOSSES),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": SCHEDULES,
    "weight_decay": (0.0, 0.02),
    "clipping": ({}, {"clip_value": 0.05}, {"clip_norm": 0.3}),
    "dropout": (0.0, 0.3, "by layer"),
    "batch_norm": (False, True),
    "label_smoothing": (0.0, 0.1),
    "class_weights": (False, True),
    "reduction": ("mean", "sum"),
    "layer_sizes": ((4, 6), (4, 5, 5), (3, 5, 4, 4)),  # The outputs are added.
}


def columns() -> dict[str, list]:
    """For each option a shuffled column of CASES values, in which each occurs as often as the others."""
    random = np.random.default_rng(1)
    return {name: [values[i % len(values)] for i in random.permutation(CASES)] for name, values in CHOICES.items()}


def options(row: dict) -> dict:
    """The fields of a Config; what does not fit a loss is left out."""
    softmax, entropy = row["loss"].startswith("softmax"), row["loss"].endswith("cross_entropy")
    outputs = 3 if softmax or row["loss"] == "huber" else 1
    fields = {name: value for name, value in row.items() if name not in ("clipping", "class_weights")}
    fields["layer_sizes"] = (*row["layer_sizes"], outputs)
    hidden = len(row["layer_sizes"]) - 1
    if row["activation"] == "by layer":
        fields["activation"] = ("tanh", "relu", "gelu")[:hidden]
    if row["dropout"] == "by layer":
        fields["dropout"] = (0.2, 0.0, 0.5)[:hidden]
    fields["label_smoothing"] = row["label_smoothing"] if entropy else 0.0
    if row["class_weights"] and entropy:
        fields["class_weights"] = (0.5, 1.5, 3.0)[: max(outputs, 2)]
    return {**fields, **row["clipping"], "learning_rate": 0.02, "schedule_steps": 5, "dtype": "float64"}


ROWS = [options(dict(zip(CHOICES, values, strict=True))) for values in zip(*columns().values(), strict=True)]


def test_every_value_of_every_option_occurs():
    for name in ("loss", "optimizer", "schedule"):
        assert {row[name] for row in ROWS} == set(CHOICES[name])
    assert {row["activation"] for row in ROWS} >= {*ACTIVATIONS, ("tanh", "relu"), ("tanh", "relu", "gelu")}
    assert {row["dropout"] for row in ROWS} >= {0.0, 0.3, (0.2, 0.0), (0.2, 0.0, 0.5)}
    for name in ("weight_decay", "batch_norm", "label_smoothing", "reduction"):
        assert len({row[name] for row in ROWS}) == 2
    for name in ("clip_value", "clip_norm", "class_weights"):
        assert sum(name in row for row in ROWS) >= 2
    assert any("class_weights" in row and row["label_smoothing"] for row in ROWS)


@pytest.mark.parametrize("index", range(CASES))
def test_all_three_agree(index, templates, make_data, make_params, make_masks, assert_close):
    row = ROWS[index]
    config = mlp_numpy.Config(**row)
    params = make_params(mlp_numpy, config, index)
    x, y = make_data(config, 8 * STEPS, index)
    batches = [slice(8 * step, 8 * step + 8) for step in range(STEPS)]
    masks = [make_masks(config, 8, step) if config.dropout else None for step in range(STEPS)]
    results = {}
    for name, template in templates.items():
        model = template.MLP(template.Config(**row), params)
        results[name] = {
            "gradients": model.gradients(x[:8], y[:8], masks[0]) if index % 4 == 0 else (),
            "losses": [model.train_step(x[batch], y[batch], mask) for batch, mask in zip(batches, masks, strict=True)],
            "params": model.params,
            "state": model.state,
            "predictions": model.predict(x),
            "evaluation": model.evaluate(x, y),
        }
    for name in ("torch", "keras"):
        for key, expected in results["numpy"].items():
            assert_close(results[name][key], expected, f"{key} of {name} and NumPy")


def outputs(model, x: np.ndarray) -> np.ndarray:
    """`forward` as a NumPy array; PyTorch's gives a tensor with its graph."""
    z = model.forward(x)
    return z.detach().numpy() if hasattr(z, "detach") else z


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_agree_over_their_whole_range(activation, templates, assert_close):
    """Through a network that passes one number on; just above 20 PyTorch's own softplus turns into a line."""
    fields = {"layer_sizes": (1, 1, 1), "activation": activation, "dtype": "float64"}
    one = (np.ones((1, 1)), np.zeros(1))
    x = np.array([[-700.0], [-20.5], [-3.0], [-1e-3], [0.0], [1e-9], [0.7], [5.0], [20.5]])
    found = {name: outputs(t.MLP(t.Config(**fields), [one, one]), x) for name, t in templates.items()}
    for name in ("torch", "keras"):
        assert_close(found[name], found["numpy"], name)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_of_huge_numbers_are_their_limits(template, activation, dtype):
    """In float32 exp overflows above 88, which a softplus or SiLU written without care turns into infinity."""
    config = template.Config((1, 1, 1), activation, dtype=dtype)
    one = (np.ones((1, 1)), np.zeros(1))
    low = {"leaky_relu": -10.0, "elu": -1.0, "tanh": -1.0}.get(activation, 0.0)
    x = np.array([[-1000.0], [100.0], [1000.0]])
    high = np.ones((2, 1)) if activation in ("sigmoid", "tanh") else x[1:]
    found = outputs(template.MLP(config, [one, one]), x)
    np.testing.assert_allclose(found, [[low], *high], rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_logits_and_losses_agree_far_out(loss, templates, make_params, assert_close):
    """Outputs in the hundreds, where a naive exponential overflows or a clipped logarithm flattens."""
    width = 3 if loss.startswith("softmax") else 1
    fields = {"layer_sizes": (2, 4, width), "loss": loss, "activation": "softplus", "dtype": "float64"}
    config = mlp_numpy.Config(**fields)
    params = [tuple(300 * a for a in layer) for layer in make_params(mlp_numpy, config)]
    x, y = np.array([[1.0, -0.5], [-2.0, 0.3], [0.4, 2.0]]), np.array([0, 1, 1])
    expected = mlp_numpy.MLP(config, params)
    assert np.abs(expected.forward(x)).max() > 100
    for name in ("torch", "keras"):
        model = templates[name].MLP(templates[name].Config(**fields), params)
        assert_close(model.loss(x, y), expected.loss(x, y), name)
        assert_close(outputs(model, x), expected.forward(x), name)
