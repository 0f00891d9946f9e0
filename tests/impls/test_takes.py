"""What people have is taken and means what plain Python means; what makes no sense is refused, by all three alike."""

from __future__ import annotations

import datetime
import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

TEMPLATES = [importlib.import_module(f"impls.mlp_{name}") for name in ("numpy", "torch", "keras")]
X, IDS = np.arange(24.0).reshape(8, 3) / 10, np.arange(8) % 3
PLAIN = {
    "layer_sizes": (3, 4, 3),
    "loss": "softmax_cross_entropy",
    "class_weights": (0.5, 1.5, 2.0),
    "optimizer": "adam",
    "learning_rate": 0.0625,
    "beta1": 0.90625,
    "beta2": 0.984375,
    "weight_decay": 0.03125,
    "clip_norm": 0.5,
    "schedule_steps": 7,
    "batch_norm": True,
    "dtype": "float32",
    "seed": 3,
}
WHOLE = [int, np.int64, np.int8, np.uint16, np.array, torch.tensor]
REAL = [float, np.float64, np.float32, np.array, lambda v: torch.tensor(v, requires_grad=True)]
SEVERAL = [tuple, list, np.array, pd.Series, torch.tensor, lambda v: [np.float32(n) if n % 1 else n for n in v]]
FORMS: dict[str, list] = {
    "layer_sizes": [tuple, list, np.array, pd.Series, torch.tensor, lambda v: [np.int64(n) for n in v]],
    "class_weights": SEVERAL,
    "batch_norm": [bool, np.bool_],
    "dtype": [str, np.str_, np.dtype, lambda v: getattr(np, v), lambda v: getattr(torch, v)],
    **dict.fromkeys(("schedule_steps", "seed"), WHOLE),
    **dict.fromkeys(("learning_rate", "beta1", "beta2", "weight_decay", "clip_norm"), REAL),
    **{name: [str, np.str_] for name in ("loss", "optimizer")},
}
TABLES = [
    *(np.asarray, np.float32, np.ma.array, torch.tensor, pd.DataFrame, list, lambda a: a.tolist()),
    *(lambda a: torch.tensor(a, requires_grad=True), lambda a: pd.DataFrame(a).astype(object), np.asfortranarray),
]
COLUMNS = [
    *(np.asarray, np.uint8, np.float64, torch.tensor, pd.Series, list, lambda a: a.tolist(), pd.Series(IDS).set_axis),
    *(lambda a: a[:, None], pd.DataFrame, lambda a: torch.tensor(a[:, None])),
]


def bits(model) -> list[bytes]:
    return [a.tobytes() for layer in model.params for a in layer]


@pytest.fixture(scope="module")
def plainly_trained() -> list:
    models = []
    for template in TEMPLATES:
        models.append(template.MLP(template.Config(**PLAIN)))
        models[-1].fit(np.float32(X), IDS, epochs=2, batch_size=4, verbose=False)
    return models


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_config_of_what_people_have_is_the_plain_one(data):
    fields = {name: data.draw(st.sampled_from(FORMS[name]))(value) for name, value in PLAIN.items()}
    for template in TEMPLATES:
        found, plain = template.Config(**fields), template.Config(**PLAIN)
        assert found == plain
        assert hash(found) == hash(plain)
        assert {type(value) for value in vars(found).values()} <= {int, float, str, bool, tuple, type(None)}
        assert {type(n) for n in (*found.layer_sizes, *found.class_weights)} == {int, float}


@pytest.mark.parametrize("form", range(2))
def test_training_with_it_gives_the_same_bits(plainly_trained, form):
    fields = {name: FORMS[name][-1 - form](value) for name, value in PLAIN.items()}
    for template, plain in zip(TEMPLATES, plainly_trained, strict=True):
        model = template.MLP(template.Config(**fields))
        given_x, given_y = TABLES[3 + form](np.float32(X)), COLUMNS[3 + 6 * form](IDS)
        counts = {"epochs": np.int64(2), "batch_size": torch.tensor(4), "patience": np.uint8(9)}
        held_out = [TABLES[4 - form](np.float32(X)), COLUMNS[9 - 5 * form](IDS)]
        model.fit(given_x, given_y, **counts, validation_data=held_out, order=None, verbose=False)
        plain_loss = plain.evaluate(np.float32(X), IDS)
        if form == 0:
            assert model.state["step"] in (2, 4)  # Under patience the model is the best epoch's.
        again = template.MLP(template.Config(**fields))
        again.fit(given_x, given_y, epochs=2, batch_size=4, verbose=False)
        assert bits(again) == bits(plain)
        assert again.evaluate(given_x, given_y) == plain_loss


@given(table=st.sampled_from(TABLES), column=st.sampled_from(COLUMNS))
@settings(max_examples=60, deadline=None)
def test_data_of_any_kind_are_the_same_arrays(table, column):
    for template in TEMPLATES:
        x, y = template.check_data(template.Config(**PLAIN), table(np.float32(X)), column(IDS))
        assert (x.dtype, y.dtype, y.shape) == (np.float32, np.int64, (8,))
        assert np.array_equal(x, np.float32(X))
        assert np.array_equal(y, IDS)


def test_a_column_of_targets_is_what_one_output_means():
    for template in TEMPLATES:
        model = template.MLP(template.Config((3, 2, 1), loss="binary_cross_entropy"))
        y = (IDS > 0).astype(float)
        assert model.evaluate(X, y[:, None]) == model.evaluate(X, y) == model.evaluate(X, pd.DataFrame(y))


# Refused --------------------------------------------------------------------------------------------------------------

NO_NUMBER: list[Any] = [
    *(None, True, np.True_, "1", b"1", 1j, np.complex64(1), [], {}, set(), object(), float("nan"), float("inf"), -1),
    *(np.datetime64("2020-01-01"), np.timedelta64(3, "s"), datetime.date(2020, 1, 1), np.ma.masked, [1], (1, 2)),
    *(np.array([1]), torch.tensor([1.0]), pd.Series([1]), 10**400, -(10**30), "1" * 5000, np.zeros((3, 3)), np.nan),
    *(pd.NA, pd.NaT, datetime.timedelta(1), slice(3), range(3), lambda: 1, type, "\n", [[[[[]]]]] * 9),
]
FIELDS = [name for name in TEMPLATES[0].Config.__dataclass_fields__ if name not in ("batch_norm",)]
BAD_TABLES: list[Any] = [
    *(None, True, 0.2, "x", b"x", {}, set(), object(), 1j, [], [[]], X[0], [*X.tolist()[:-1], [1, 2]], X.astype(str)),
    *(X.astype(complex), X.astype("S"), X.astype("M8[s]"), X.astype("m8[s]")),
    *(np.where(X > 2, np.nan, X), X * 1e300, X * 1e39, np.ma.array(X, mask=X > 2), pd.DataFrame(X).astype(str)),
    *(np.array([[None] * 3] * 8), [[datetime.date(2020, 1, 1)] * 3] * 8, np.zeros(8, "f4,f4,f4"), [[10**400] * 3] * 8),
    *(torch.tensor(X).to(torch.complex64), pd.DataFrame(X).assign(t=pd.Timestamp("2020"))),
]
BAD_ORDERS: list[Any] = [
    *(None, [], np.arange(9), np.arange(7), np.arange(8.0), np.arange(8) > 3, [0] * 8, np.arange(8) - 1, "01234567"),
    *(np.arange(1, 9), np.arange(8)[:, None], [0, 1, 2, 3, 4, 5, 6, 10**12], np.ma.array(range(8), mask=[1] + [0] * 7)),
]
BAD_FITS: list[dict] = [
    *({name: value} for name in ("epochs", "batch_size") for value in NO_NUMBER),
    *({"patience": value, "validation_data": (X, IDS)} for value in NO_NUMBER if value is not None),
    *({"validation_data": v} for v in (0.2, 0.25, True, "x", X, (X,), (X, None), (X, IDS, IDS), (None, IDS), {}, 8)),
    *({"order": (lambda epoch, value=value: value)} for value in BAD_ORDERS),
    *({"order": np.arange(8)}, {"masks": []}, {"masks": np.ones((8, 2))}, {"order": 3}),
]


def refusal(call) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    return message


def alike(calls) -> None:
    words = [refusal(call) for call in calls]
    assert len({word.split(" object at ")[0] for word in words}) == 1, words


@pytest.fixture(scope="module")
def models() -> list:
    fields = {"layer_sizes": (3, 2, 3), "loss": "softmax_cross_entropy"}
    return [template.MLP(template.Config(**fields)) for template in TEMPLATES]


@given(name=st.sampled_from(FIELDS), value=st.sampled_from(NO_NUMBER))
@settings(max_examples=300, deadline=None)
def test_no_number_is_taken_for_one_in_a_config(name, value):
    default = TEMPLATES[0].Config.__dataclass_fields__[name].default
    if (value is None and default is None) or (name == "layer_sizes" and isinstance(value, tuple)):
        return
    alike(lambda template=template: template.Config(**{name: value}) for template in TEMPLATES)


@pytest.mark.parametrize("index", range(len(BAD_TABLES)))
def test_no_data_are_taken_for_data(models, index):
    bad = BAD_TABLES[index]
    before = [bits(model) for model in models]
    for name in ("fit", "train_step", "loss", "gradients", "evaluate"):
        alike(lambda model=model, name=name: getattr(model, name)(bad, IDS) for model in models)
        if name != "fit":
            alike(lambda model=model, name=name: getattr(model, name)(X, bad) for model in models)
    alike(lambda model=model: model.fit(X, bad, verbose=False) for model in models)
    alike(lambda model=model: model.predict(bad) for model in models)
    assert before == [bits(model) for model in models]


@pytest.mark.parametrize("index", range(len(BAD_FITS)))
def test_fit_is_refused_alike(models, index):
    before = [bits(model) for model in models]
    alike(lambda model=model: model.fit(X, IDS, verbose=False, **BAD_FITS[index]) for model in models)
    assert before == [bits(model) for model in models]


@pytest.mark.parametrize("bad", [None, 3, [], [None], [(None, None)] * 2, ["ab", "cd"], {"a": 1}], ids=str)
def test_no_parameters_are_taken_for_some(models, bad):
    alike(lambda model=model: model.set_params(bad) for model in models)
    alike(lambda model=model: model.set_state(bad) for model in models)


# Diverged -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 1e3), ("momentum", 1e30), ("adam", 1e30)])
def test_training_that_diverges_stops_and_leaves_finite_weights(optimizer, rate):
    words = []
    for template in TEMPLATES:
        config = template.Config((3, 8, 1), optimizer=optimizer, learning_rate=rate, dtype="float32")
        model = template.MLP(config)
        with pytest.raises(FloatingPointError, match="Try a learning_rate below") as caught:
            model.fit(X, X[:, 0], epochs=400, batch_size=2, verbose=False)
        words.append(str(caught.value))
        assert all(np.isfinite(a).all() for a in template.named(model.params, model.state).values())
    assert "\n" not in words[0]
    assert words[0].startswith("training diverged in epoch ")


@pytest.mark.parametrize("copies", [1, 25], ids=["as the loss rises", "every 200 steps"])
def test_it_goes_back_to_the_epoch_before(copies):
    """Short epochs are looked at each time once the loss has risen, long ones always."""
    x, y = np.tile(X, (copies, 1)), np.tile(X[:, 0], copies)
    for template in TEMPLATES:
        fields = {"layer_sizes": (3, 8, 1), "learning_rate": 0.05, "schedule": "exponential", "schedule_rate": 1e3}
        model, other = (template.MLP(template.Config(**fields)) for _ in range(2))
        with pytest.raises(FloatingPointError) as caught:
            model.fit(x, y, epochs=150, batch_size=1, verbose=False)
        kept = int(str(caught.value).rstrip(".").split()[-1])
        assert f"in epoch {kept + 1} of 150" in str(caught.value)
        assert copies > 1 or kept % 25  # which is how often 8 steps are looked at by themselves
        if kept:
            other.fit(x, y, epochs=kept, batch_size=1, verbose=False)
        assert bits(model) == bits(other)
