"""What makes no sense is refused in one line that says what was expected, and the model stays as it was."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

NAN, INF = math.nan, math.inf
BINARY = "binary_cross_entropy"
SOFTMAX = "softmax_cross_entropy"


def refuses(pattern: str, call, *args, **kwargs) -> None:
    """The call raises ValueError with one line that matches."""
    with pytest.raises(ValueError, match=pattern) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250


BAD_CONFIGS = [
    ({"layer_sizes": 3}, "layer_sizes 3 must be a tuple of numbers, each a whole number from 1 on"),
    ({"layer_sizes": (2,)}, "layer_sizes (2,) must be two or more: inputs, hidden layers, outputs"),
    ({"layer_sizes": (2, 0, 1)}, "layer_sizes: (2, 0, 1) holds 0 must be a whole number from 1 on"),
    ({"layer_sizes": (2, 2.5, 1)}, "whole number from 1 on"),
    ({"layer_sizes": "281"}, "must be a tuple of numbers"),
    ({"activation": "rellu"}, "activation 'rellu' is unknown: choose one of relu, sigmoid"),
    ({"activation": ["relu", "tanh"]}, "activation ['relu', 'tanh'] has 2: expected 1, one a hidden layer"),
    ({"activation": ("magic",)}, "activation[0] 'magic' is unknown: choose one of relu, sigmoid"),
    ({"activation": ("relu", 3), "layer_sizes": (2, 4, 4, 1)}, "activation[1] 3 is unknown: choose one of"),
    ({"activation": [["relu"]]}, "activation[0] ['relu'] is unknown"),
    ({"loss": "l2"}, "loss 'l2' is unknown: choose one of mse"),
    ({"loss": None}, "loss None is unknown"),
    ({"loss": SOFTMAX}, "an output for each class, two at least"),
    ({"reduction": "none"}, "reduction 'none' is unknown: choose one of mean, sum"),
    ({"label_smoothing": 1.0, "loss": BINARY}, "label_smoothing 1.0 must be a number from 0 to below 1"),
    ({"label_smoothing": -0.1, "loss": BINARY}, "label_smoothing -0.1"),
    ({"label_smoothing": 0.1}, "label_smoothing belongs to a cross-entropy"),
    ({"class_weights": (1, 2)}, "class_weights need a cross-entropy"),
    ({"class_weights": (1, 2), "loss": BINARY, "layer_sizes": (2, 3)}, "with one class a sample"),
    ({"class_weights": (1, 2, 3), "loss": BINARY}, "class_weights has 3 numbers: expected 2, one a class"),
    ({"class_weights": (1, 2), "loss": SOFTMAX, "layer_sizes": (2, 3)}, "class_weights has 2 numbers: expected 3"),
    ({"class_weights": (1, 0), "loss": BINARY}, "above 0"),
    ({"class_weights": (1, NAN), "loss": BINARY}, "finite"),
    ({"class_weights": (1, "2"), "loss": BINARY}, "must be a number above 0, and finite"),
    ({"class_weights": 2.0, "loss": BINARY}, "class_weights 2.0 must be a tuple"),
    ({"class_weights": np.ones((2, 1)), "loss": BINARY}, "must be a tuple"),
    ({"optimizer": "Adam"}, "optimizer 'Adam' is unknown: choose one of sgd"),
    ({"learning_rate": 0}, "learning_rate 0 must be a number above 0"),
    ({"learning_rate": NAN}, "learning_rate nan must be a number above 0, and finite"),
    ({"learning_rate": INF}, "finite"),
    ({"learning_rate": None}, "learning_rate None"),
    ({"learning_rate": "0.1"}, "learning_rate '0.1' must be a number"),
    ({"momentum": 1.0}, "momentum 1.0 must be a number from 0 to below 1"),
    ({"momentum": 0.0, "optimizer": "momentum"}, "momentum 0 is sgd"),
    ({"momentum": 0.0, "optimizer": "nesterov"}, "momentum 0 is sgd"),
    ({"beta1": -0.1}, "beta1 -0.1"),
    ({"beta2": 1}, "beta2 1"),
    ({"epsilon": 0.0}, "epsilon 0.0 must be a number above 0"),
    ({"weight_decay": -1e-4}, "weight_decay -0.0001 must be a number from 0 on"),
    ({"weight_decay": INF}, "weight_decay inf"),
    ({"weight_decay": None}, "weight_decay None"),
    ({"clip_value": 0.0}, "clip_value 0.0 must be a number above 0"),
    ({"clip_norm": -1.0}, "clip_norm -1.0 must be a number above 0"),
    ({"clip_value": 1.0, "clip_norm": 1.0}, "are both set: keep one"),
    ({"schedule": "linear"}, "schedule 'linear' is unknown: choose one of constant"),
    ({"schedule_steps": 0}, "schedule_steps 0 must be a whole number from 1 on"),
    ({"schedule_steps": 2.5}, "schedule_steps 2.5"),
    ({"schedule_rate": 0.0}, "schedule_rate 0.0 must be a number above 0"),
    ({"schedule_rate": NAN}, "schedule_rate nan"),
    ({"dropout": 1.0}, "dropout 1.0 must be a number from 0 to below 1"),
    ({"dropout": NAN}, "dropout nan"),
    ({"dropout": (0.1, 0.2)}, "dropout (0.1, 0.2) has 2: expected 1, one a hidden layer"),
    ({"dropout": (0.1, 1.0), "layer_sizes": (2, 4, 4, 1)}, "dropout[1] 1.0 must be a number from 0 to below 1"),
    ({"dropout": np.zeros((1, 1))}, "dropout array([[0.]]) must be a number from 0 to below 1"),
    ({"batch_norm": "no"}, "batch_norm 'no' must be True or False"),
    ({"dtype": "float16"}, "dtype 'float16' is unknown: choose one of float32, float64"),
    ({"seed": -1}, "seed -1 must be a whole number from 0 on"),
    ({"seed": None}, "seed None"),
    ({"seed": 1.5}, "seed 1.5"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_CONFIGS, ids=lambda value: str(value)[:40])
def test_a_config_that_makes_no_sense(template, fields, message):
    refuses(re.escape(message), template.Config, **fields)


def test_every_field_has_a_bad_value_here(template):
    fields = {field.name for field in dataclasses.fields(template.Config)}
    assert {name for bad, _ in BAD_CONFIGS for name in bad} == fields


X, Y = np.arange(12.0).reshape(4, 3) / 10, np.array([0, 1, 1, 0])


def replaced(a: np.ndarray, value) -> np.ndarray:
    a = a.astype(object if isinstance(value, str) else float)
    a.flat[1] = value
    return a


BAD_DATA = [
    # loss, outputs, x, y, message
    ("mse", 1, X[:3], Y, "x holds 3 samples and y (4,): expected as many"),
    ("mse", 1, X, Y[:3], "x holds 4 samples and y (3,): expected as many"),
    ("mse", 1, X[:, :2], Y, "x has shape (4, 2): expected (N, 3)"),
    ("mse", 1, X[0], Y, "x has shape (3,): expected (N, 3)"),
    ("mse", 1, X[:0], Y[:0], "x holds 0 samples: expected 1 or more"),
    ("mse", 1, [], [], "x has shape (0,): expected (N, 3)"),
    ("mse", 1, replaced(X, NAN), Y, "x holds NaN or infinite values"),
    ("mse", 1, replaced(X, -INF), Y, "x holds NaN or infinite values"),
    ("mse", 1, replaced(X, "blue"), Y, "x must hold numbers"),
    ("mse", 1, [[1, 2, 3], [1, 2]], [0, 1], "x must hold numbers, in rows of one length"),
    ("mse", 1, None, Y, "x must hold numbers, and holds None"),
    ("mse", 1, X, replaced(Y, NAN), "y holds NaN or infinite values"),
    ("mse", 1, X, replaced(Y, INF), "y holds NaN or infinite values"),
    ("mse", 1, X, np.array(["a", "b", "a", "b"]), "y must hold numbers, and holds <U1"),
    ("mse", 2, X, [[1, 2], [1, 2], [1, 2], [1]], "y must hold numbers, in rows of one length"),
    ("mse", 1, X, Y[:, None, None], "y has shape (4, 1, 1): expected (4,)"),
    ("mse", 2, X, Y, "y has shape (4,): expected (4, 2)"),
    ("mse", 1, X, 1.0, "expected as many"),
    (BINARY, 1, X, Y[None], "x holds 4 samples and y (1, 4): expected as many"),
    (BINARY, 1, X, Y * 2, "y holds 0.0 to 2.0: expected 0 and 1 only"),
    (BINARY, 1, X, Y / 2, "expected 0 and 1 only"),
    (SOFTMAX, 3, X, Y + 2, "y holds 2 to 3: expected class ids, whole numbers from 0 to 2"),
    (SOFTMAX, 3, X, Y - 1, "y holds -1 to 0: expected class ids"),
    (SOFTMAX, 3, X, Y / 2, "whole numbers from 0 to 2"),
    (SOFTMAX, 3, X, np.eye(3)[Y], "y has shape (4, 3): expected (4,)"),
    (SOFTMAX, 3, X, replaced(Y, NAN), "y holds NaN or infinite values"),
]


@pytest.mark.parametrize(("loss", "outputs", "x", "y", "message"), BAD_DATA, ids=range(len(BAD_DATA)))
def test_data_that_do_not_fit(template, same, loss, outputs, x, y, message):
    model = template.MLP(template.Config((3, 2, outputs), loss=loss, optimizer="adam"))
    before = model.params, model.state
    for call in (model.loss, model.gradients, model.train_step, model.evaluate, model.fit):
        refuses(re.escape(message), call, x, y)
    if message.startswith(("x has", "x must", "x holds N", "x holds 0")):
        refuses(re.escape(message), model.predict, x)
    assert same((model.params, model.state), before)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ([], "masks has 0 layers: expected 1"),
        ([np.ones((4, 2))] * 2, "masks has 2 layers: expected 1"),
        ([np.ones((4, 3))], "expected ((4, 2),)"),
        ([np.ones(2)], "expected ((4, 2),)"),
        ([np.full((4, 2), NAN)], "holds NaN"),
        ([np.full((4, 2), "a")], "must hold numbers"),
    ],
    ids=range(6),
)
def test_masks_that_do_not_fit(template, same, masks, message):
    model = template.MLP(template.Config((3, 2, 1), dropout=0.5, batch_norm=True))
    before = model.params, model.state
    refuses(re.escape(message), model.gradients, X, Y, masks)
    refuses(re.escape(message), model.train_step, X, Y, masks)
    refuses(re.escape(message), model.fit, X, Y, masks=lambda step, size: masks, verbose=False)
    assert same((model.params, model.state), before)


def test_masks_without_dropout(template):
    model = template.MLP(template.Config((3, 2, 1)))
    refuses("masks are given and dropout is 0", model.train_step, X, Y, [np.ones((4, 2))])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs 0 must be a whole number from 1 on"),
        ({"epochs": 1.5}, "epochs 1.5"),
        ({"batch_size": 0}, "batch_size 0 must be a whole number from 1 on"),
        ({"batch_size": "32"}, "batch_size '32'"),
        ({"patience": 2}, "patience needs validation_data"),
        ({"patience": 0, "validation_data": (X, Y)}, "patience 0 must be a whole number from 1 on"),
        ({"validation_data": (X, Y[:2])}, "x holds 4 samples and y (2,)"),
        ({"validation_data": (X[:, :1], Y)}, "expected (N, 3)"),
        ({"validation_data": (X, replaced(Y, NAN))}, "y holds NaN or infinite values"),
        ({"validation_data": (X, Y, Y)}, "validation_data must be (x, y), and is (array("),
        ({"validation_data": ()}, "validation_data must be (x, y), and is ()"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_fit_with_arguments_that_make_no_sense(template, same, arguments, message):
    model = template.MLP(template.Config((3, 2, 1), optimizer="adam"))
    before = model.params, model.state
    refuses(re.escape(message), model.fit, X, Y, verbose=False, **arguments)
    assert same((model.params, model.state), before)


def test_batch_norm_with_a_batch_of_one(template, same):
    model = template.MLP(template.Config((3, 2, 1), batch_norm=True))
    before = model.params, model.state
    one = "x holds 1 samples: expected 2 or more for batch_norm"
    refuses(one, model.train_step, X[:1], Y[:1])
    refuses(one, model.gradients, X[:1], Y[:1])
    for samples, batch_size in ((4, 3), (4, 1), (1, 4)):
        last = "batch_norm cannot normalise a batch of one: change batch_size"
        refuses(last, model.fit, X[:samples], Y[:samples], batch_size=batch_size)
    assert same((model.params, model.state), before)
    assert model.predict(X[:1]).shape == (1,)  # In use one sample is enough.
    assert model.loss(X[:1], Y[:1]) > 0


def spoilt(layers: list, i: int, j: int, a) -> list:
    """The layers with array j of layer i replaced."""
    return [tuple(a if (i, j) == (m, n) else kept for n, kept in enumerate(layer)) for m, layer in enumerate(layers)]


BAD_LAYERS = [
    (lambda layers: layers[:1], "has 1 layers: expected 2"),
    (lambda layers: [*layers, layers[1]], "has 3 layers: expected 2"),
    (
        lambda layers: spoilt(layers, 1, 0, np.ones((3, 1))),
        "of layer 1 has shapes ((3, 1), (1,)): expected ((2, 1), (1,))",
    ),
    (lambda layers: spoilt(layers, 1, 0, layers[1][0].T), "expected ((2, 1), (1,))"),
    (lambda layers: spoilt(layers, 1, 1, np.float64(1)), "expected ((2, 1), (1,))"),
    (lambda layers: [layers[0], layers[1][:1]], "expected ((2, 1), (1,))"),
    (lambda layers: spoilt(layers, 1, 1, np.array([NAN])), "of layer 1 holds NaN"),
    (lambda layers: spoilt(layers, 1, 0, np.full((2, 1), INF)), "of layer 1 holds NaN or infinite values"),
    (lambda layers: spoilt(layers, 1, 1, np.array(["a"])), "of layer 1 must hold numbers"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_LAYERS, ids=range(len(BAD_LAYERS)))
def test_weights_and_state_that_do_not_fit(template, same, spoil, message):
    config = template.Config((3, 2, 1), optimizer="momentum")
    model = template.MLP(config)
    before = model.params, model.state
    new = [tuple(a + 1 for a in layer) for layer in model.params]  # A wrong second layer must not let in the first.
    refuses(re.escape(message), model.set_params, spoil(new))
    refuses(re.escape(message), template.MLP, config, spoil(new))
    refuses(re.escape(message), model.set_state, {"step": 3, "velocity": spoil(new)})
    assert same((model.params, model.state), before)


def test_state_that_does_not_fit(template, same):
    model = template.MLP(template.Config((3, 2, 1), optimizer="adam", batch_norm=True))
    state = model.state
    before = model.params, model.state
    refuses("expected .'first_moment', 'running', 'second_moment', 'step'.", model.set_state, {"step": 0})
    refuses("state has", model.set_state, state | {"velocity": state["first_moment"]})
    for step in (-1, 1.5, None, "3"):
        refuses("step .* must be a whole number from 0 on", model.set_state, state | {"step": step})
    refuses("running of layer 0", model.set_state, state | {"step": 4, "running": [(np.ones(3), np.ones(2))]})
    assert same((model.params, model.state), before)
