"""What training does, with one body for all three templates."""

from __future__ import annotations

import numpy as np
import pytest

BINARY = {"loss": "binary_cross_entropy", "optimizer": "adam", "learning_rate": 0.05}
SOFTMAX = {"loss": "softmax_cross_entropy", "optimizer": "momentum", "learning_rate": 0.05}
DTYPES = ("float32", "float64")


@pytest.fixture
def xor_like(template, make_data):
    """A binary config with its 22 samples."""
    config = template.Config((3, 5, 1), **BINARY)
    return config, *make_data(config, 22)


def drawn(template, make_params, config, seed: int = 0):
    return template.MLP(config, make_params(template, config, seed))


# fit and train_step are one path -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {**BINARY, "dtype": "float64", "clip_norm": 0.5, "schedule": "cosine"},
        {**SOFTMAX, "batch_norm": True, "class_weights": (1.0, 2.0, 0.5), "dropout": 0.4, "weight_decay": 0.01},
    ],
    ids=["binary", "softmax"],
)
def test_fit_is_the_same_train_steps(template, make_data, make_masks, same, options):
    outputs = 3 if options["loss"].startswith("softmax") else 1
    config = template.Config((4, 6, 5, outputs), **options)
    x, y = make_data(config, 23)  # Batches of 10, 10 and 3.
    masks = (lambda step, size: make_masks(config, size, step)) if config.dropout else None
    fitted, stepped = template.MLP(config), template.MLP(config)
    sizes, losses = [], []

    history = fitted.fit(x, y, epochs=3, batch_size=10, masks=masks, verbose=False)
    for epoch in range(3):
        order = template.batch_order(23, config.seed, epoch)
        for start in range(0, 23, 10):
            batch = order[start : start + 10]
            given = masks(len(losses), len(batch)) if masks else None
            losses.append(stepped.train_step(x[batch], y[batch], given))
            sizes.append(len(batch))

    assert same(fitted.params, stepped.params)
    assert same(fitted.state, stepped.state)
    assert fitted.state["step"] == 9
    assert sizes == [10, 10, 3] * 3
    # An epoch's loss weighs every sample alike, so a small last batch counts for less; Keras sums in config.dtype.
    weighted = np.average(np.reshape(losses, (3, 3)), axis=1, weights=[10, 10, 3])
    np.testing.assert_allclose(history["loss"], weighted, rtol=1e-6 if config.dtype == "float32" else 1e-14)


def test_fit_asks_for_each_order_once_and_follows_it(template, xor_like, same):
    config, x, y = xor_like
    orders = [np.arange(22)[::-1], np.roll(np.arange(22), 7)]
    orders[1].flags.writeable = False
    asked = []

    def order(epoch: int) -> np.ndarray:
        asked.append(epoch)
        return orders[epoch]

    fitted, stepped = template.MLP(config), template.MLP(config)
    fitted.fit(x, y, epochs=2, batch_size=22, order=order, verbose=False)
    for indices in orders:
        stepped.train_step(x[indices], y[indices])
    assert asked == [0, 1]
    assert same(fitted.params, stepped.params)


def test_the_order_is_a_pure_function_of_seed_and_epoch(template):
    orders = [template.batch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 6
    assert np.array_equal(template.batch_order(50, 1, 2), orders[-1])


def test_fit_follows_the_seeded_order_and_the_seed_matters(template, xor_like, same):
    config, x, y = xor_like
    start = template.init_params(config)

    def trained(seed: int, order=None):
        model = template.MLP(template.Config((3, 5, 1), **BINARY, seed=seed), start)
        model.fit(x, y, epochs=2, batch_size=5, order=order, verbose=False)
        return model.params

    assert same(trained(3), trained(4, lambda epoch: template.batch_order(22, 3, epoch)))
    assert not same(trained(3), trained(4))


def test_initial_weights_come_from_the_seed(template, same):
    first, again, other = (template.MLP(template.Config((3, 50, 2), seed=seed)) for seed in (1, 1, 2))
    assert same(first.params, again.params)
    assert not same(first.params, other.params)
    [(W, b), _] = template.MLP(template.Config((300, 200, 1))).params
    assert W.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)  # 60,000 draws: three errors of 0.3 %.
    assert not b.any()


def test_training_learns(template, make_data):
    config = template.Config((3, 16, 1), "tanh", **BINARY)
    x, _ = make_data(config, 60)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = template.MLP(config)
    history = model.fit(x, y, epochs=60, batch_size=20, verbose=False)
    assert history["loss"][-1] < history["loss"][0] / 3
    assert model.evaluate(x, y)["accuracy"] > 0.95


# What fit reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy"])
def test_history(template, make_data, loss):
    config = template.Config((3, 4, 1), loss=loss)
    x, y = make_data(config, 12)
    model = template.MLP(config)
    history = model.fit(x, y, epochs=3, validation_data=(x[:7], y[:7]), verbose=False)
    metrics = ["val_loss", "val_accuracy"] if loss.endswith("cross_entropy") else ["val_loss"]
    assert list(history) == ["loss", *metrics]
    assert all(len(values) == 3 for values in history.values())
    assert all(type(value) is float for values in history.values() for value in values)
    found = {name: values[-1] for name, values in history.items()}
    assert {f"val_{name}": value for name, value in model.evaluate(x[:7], y[:7]).items()}.items() <= found.items()
    assert list(model.fit(x, y, epochs=1, verbose=False)) == ["loss"]


def test_fit_prints_progress_or_nothing(template, xor_like, capsys):
    config, x, y = xor_like
    model = template.MLP(config)
    model.fit(x, y, epochs=2, verbose=False)
    assert capsys.readouterr() == ("", "")
    history = model.fit(x, y, epochs=30, validation_data=(x, y))
    out = capsys.readouterr().out
    assert out.count("\r") == 30  # Up to some forty epochs every one is shown.
    values = "  ".join(f"{name} {history[name][-1]:.4f}" for name in ("loss", "val_loss", "val_accuracy"))
    assert out.endswith(f"\repoch 30/30  {values}".ljust(80) + "\n")


def test_progress_is_shown_some_twenty_times_and_hides_a_longer_line(template, capsys):
    model = template.MLP(template.Config((3, 2, 1)))
    watch = template.Watch(model, 4, 1000, 4, None, None, None, None, verbose=True)
    for epoch in range(1000):
        watch.stops(10000.0 / (epoch + 1))
    lines = capsys.readouterr().out.split("\r")[1:]
    assert 20 <= len(lines) <= 22
    assert lines[-1].rstrip() == "epoch 1000/1000  loss 10.0000"
    assert lines[0].startswith("epoch 1/1000  loss 10000.0000 ")
    assert {len(line) for line in lines} == {79}


# Stopping early ----------------------------------------------------------------------------------------------------


def overfit(template, verbose: bool = False, **options):
    """A model on noise whose validation loss falls, and then rises."""
    random = np.random.default_rng(4)
    config = template.Config((5, 30, 1), "tanh", **{**BINARY, "dtype": "float64", **options})
    x, y = random.normal(size=(40, 5)), random.integers(0, 2, 40)
    y[:25] = x[:25, 0] > 0
    model = template.MLP(config)
    validation = (random.normal(size=(30, 5)), None)
    validation = (validation[0], (validation[0][:, 0] > 0).astype(int))
    history = model.fit(x, y, epochs=40, batch_size=16, validation_data=validation, patience=3, verbose=verbose)
    return model, history, validation


@pytest.mark.parametrize("batch_norm", [False, True])
def test_patience_stops_and_keeps_the_best_weights(template, batch_norm, capsys):
    model, history, validation = overfit(template, verbose=True, batch_norm=batch_norm)
    losses = history["val_loss"]
    best = int(np.argmin(losses))
    assert 0 < best < len(losses) - 1 < 39
    assert len(losses) == best + 1 + 3
    assert model.evaluate(*validation)["loss"] == losses[best]
    assert capsys.readouterr().out.endswith("\n")


def test_all_three_stop_at_the_same_epoch(templates):
    lengths = {name: len(overfit(template)[1]["loss"]) for name, template in templates.items()}
    assert len(set(lengths.values())) == 1, lengths


def test_patience_keeps_the_best_weights_even_if_it_never_stops(template, make_data):
    config = template.Config((3, 4, 1), learning_rate=1.0)  # Diverges: the first epoch is the best.
    x, y = make_data(config, 8)
    model = template.MLP(config)
    history = model.fit(x, y, epochs=3, validation_data=(x, y), patience=9, verbose=False)
    assert len(history["loss"]) == 3
    assert model.evaluate(x, y)["loss"] == min(history["val_loss"])


# Precision ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("built", [DTYPES, DTYPES[::-1]], ids=["float64-last", "float32-last"])
def test_both_precisions_are_real_and_live_side_by_side(template, built, make_data, make_params, same):
    def config(dtype):
        return template.Config((3, 4, 3), "gelu", **{**SOFTMAX, "learning_rate": 0.1}, dtype=dtype)

    x, y = make_data(config("float64"), 9)
    alone = {}
    for dtype in DTYPES:
        model = drawn(template, make_params, config(dtype))
        alone[dtype] = ([model.train_step(x, y) for _ in range(3)], model.params, model.state)

    models = {dtype: drawn(template, make_params, config(dtype)) for dtype in built}
    losses = {dtype: [] for dtype in DTYPES}
    for _ in range(3):
        for dtype, model in models.items():  # In turn, so that a setting of the whole process would show.
            losses[dtype].append(model.train_step(x, y))
    for dtype, model in models.items():
        _, gradients = model.gradients(x, y)
        for layers in (model.params, model.state["velocity"], gradients):
            assert {a.dtype for layer in layers for a in layer} == {np.dtype(dtype)}
        assert same([losses[dtype], model.params, model.state], list(alone[dtype]))
        assert model.predict(x).dtype == np.int64
    # float32 rounds by about 1e-7, float64 does not: the two runs differ, and not by much.
    for a, b in zip(alone["float32"][1][0], alone["float64"][1][0], strict=True):
        assert 1e-9 < np.abs(a - b).max() < 1e-5


def test_float64_survives_inside(template, make_data, make_params):
    """A change of 1e-12 in the data reaches the loss, which a float32 anywhere on the way would swallow."""
    config = template.Config((3, 4, 1), "tanh", dtype="float64")
    x, y = make_data(config, 5)
    model = drawn(template, make_params, config)
    before = model.gradients(x, y)
    after = model.gradients(x * (1 + 1e-12), y)
    assert 0 < abs(after[0] - before[0]) < 1e-10
    assert 0 < np.abs(after[1][0][0] - before[1][0][0]).max() < 1e-10


@pytest.mark.parametrize("schedule", ["step", "warmup"])
def test_a_schedule_keeps_float32(template, make_data, make_params, same, schedule):
    """At its first step with a length of one step either schedule gives the plain learning rate, to the last bit."""
    x, y = make_data(template.Config((3, 40, 1)), 9)
    models = [
        drawn(template, make_params, template.Config((3, 40, 1), schedule=name, schedule_steps=1, learning_rate=0.1))
        for name in ("constant", schedule)
    ]
    for model in models:
        model.train_step(x, y)
    assert same(models[0].params, models[1].params)


def test_masks_are_taken_in_the_models_precision(template, make_data, make_params, make_masks, same):
    config = template.Config((3, 40, 1), dropout=0.3)
    x, y = make_data(config, 9)
    model = drawn(template, make_params, config)
    wide = make_masks(config, 9)
    narrow = [mask.astype(np.float32) for mask in wide]
    for mask in narrow:
        mask.flags.writeable = False
    assert same(model.gradients(x, y, wide), model.gradients(x, y, narrow))


# Gradients ---------------------------------------------------------------------------------------------------------


def test_gradients_change_nothing_and_come_in_the_layout_of_params(template, make_data, make_params, make_masks, same):
    config = template.Config((3, 4, 3), **SOFTMAX, batch_norm=True, dropout=0.5, weight_decay=0.1, dtype="float64")
    x, y = make_data(config, 8)
    model = drawn(template, make_params, config)
    masks = make_masks(config, 8)
    model.train_step(x, y, masks)
    before = model.params, model.state
    loss, gradients = model.gradients(x, y, masks)
    assert same((model.params, model.state), before)
    assert [[a.shape for a in layer] for layer in gradients] == [[a.shape for a in layer] for layer in before[0]]
    assert same(model.gradients(x, y, masks), (loss, gradients))
    assert model.train_step(x, y, masks) == pytest.approx(loss, rel=1e-14)
    # What they are: W moves by momentum and the decay of W on top of them.
    velocity = 0.9 * before[1]["velocity"][0][0] + gradients[0][0] + 0.1 * before[0][0][0]
    np.testing.assert_allclose(model.params[0][0], before[0][0][0] - 0.05 * velocity, rtol=1e-12)


def test_gradients_are_a_copy(template, xor_like, same):
    config, x, y = xor_like
    model = template.MLP(config)
    _, gradients = model.gradients(x, y)
    kept = [tuple(a.copy() for a in layer) for layer in gradients]
    model.gradients(x + 1, y)
    model.train_step(x + 1, y)
    assert same(gradients, kept)


# Use ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "outputs", "shape", "values"),
    [
        ("mse", 1, (6,), None),
        ("mse", 3, (6, 3), None),
        ("huber", 1, (6,), None),
        ("sigmoid_mse", 2, (6, 2), None),
        ("binary_cross_entropy", 1, (6,), {0, 1}),
        ("binary_cross_entropy", 2, (6, 2), {0, 1}),
        ("softmax_cross_entropy", 3, (6,), {0, 1, 2}),
    ],
)
def test_predict_and_evaluate(template, make_data, make_params, loss, outputs, shape, values):
    config = template.Config((3, 8, outputs), loss=loss)
    x, y = make_data(config, 6)
    model = drawn(template, make_params, config)
    found = model.predict(x)
    assert found.shape == shape
    result = model.evaluate(x, y)
    assert all(type(value) is float for value in result.values())
    assert result["loss"] == model.loss(x, y)
    if values:
        assert found.dtype == np.int64
        assert set(found.ravel()) <= values
        assert result == {"loss": result["loss"], "accuracy": np.mean(found == y)}
        assert model.evaluate(x, found)["accuracy"] == 1.0
    else:
        assert found.dtype == np.float32
        assert result.keys() == {"loss"}
        assert result["loss"] > 0
        assert model.evaluate(x, found)["loss"] < 1e-10


def test_predictions_are_the_likeliest_class_and_the_sigmoid(template):
    softmax = template.MLP(template.Config((1, 3), loss="softmax_cross_entropy"), [(np.zeros((1, 3)), [1.0, 3.0, 2.0])])
    assert softmax.predict([[0.0]]).tolist() == [1]
    labels = template.MLP(template.Config((1, 3), loss="binary_cross_entropy"), [(np.zeros((1, 3)), [-1.0, 0.1, 0.0])])
    assert labels.predict([[0.0]]).tolist() == [[0, 1, 0]]
    share = template.MLP(template.Config((1, 1), loss="sigmoid_mse"), [(np.zeros((1, 1)), [np.log(3)])])
    assert share.predict([[0.0]]) == pytest.approx([0.75])


def test_lists_views_and_read_only_arrays_are_data_too(template, make_params, same):
    config = template.Config((2, 3, 1), **BINARY)
    x, y = np.float32([[0, 1], [2, 3], [4, 5], [6, 8]]), np.array([0, 1, 1, 0])
    expected = drawn(template, make_params, config)
    expected.train_step(x[::-1].copy(), y[::-1].copy())
    frozen_x, frozen_y = x[::-1].copy(), y[::-1].copy()
    frozen_x.flags.writeable = frozen_y.flags.writeable = False
    for given in ((x[::-1], y[::-1]), (frozen_x, frozen_y), (frozen_x.tolist(), frozen_y.tolist())):
        model = drawn(template, make_params, config)
        model.train_step(*given)
        assert same(model.params, expected.params)


# Dropout and batch normalisation ------------------------------------------------------------------------------------


def test_dropout_draws_anew_each_step_and_not_in_evaluation(template, make_data, make_params):
    config = template.Config((3, 64, 64, 1), "tanh", dropout=0.5, learning_rate=1e-30)  # No step moves a weight.
    x, y = make_data(config, 16)
    model = drawn(template, make_params, config)
    assert len({model.train_step(x, y) for _ in range(3)}) == 3
    assert len({model.loss(x, y) for _ in range(3)}) == 1
    assert np.array_equal(model.predict(x), model.predict(x))


def test_dropout_comes_from_the_seed(template, make_data, make_params, same):
    def trained(seed):
        config = template.Config((3, 16, 16, 1), dropout=0.5, seed=seed)
        x, y = make_data(config, 10)
        model = drawn(template, make_params, config)
        model.fit(x, y, epochs=2, batch_size=5, order=lambda epoch: np.arange(10), verbose=False)
        return model.params

    assert same(trained(1), trained(1))
    assert not same(trained(1), trained(2))


def test_layers_of_one_width_have_different_masks(template):
    """Two layers that pass their input on: a unit survives both with one chance in four, under one mask in two."""
    eye, zero = np.eye(400), np.zeros(400)
    config = template.Config((400, 400, 400, 1), dropout=0.5, dtype="float64")
    model = template.MLP(config, [(eye, zero), (eye, zero), (np.full((400, 1), 1e-3), np.zeros(1))])
    _, gradients = model.gradients(np.ones((2, 400)), [5.0, 5.0])
    share = np.mean(gradients[2][0] != 0)  # Units that survive in either of the two samples: 1 - (3/4)**2 = 0.44.
    assert 0.34 < share < 0.54  # Four standard errors; one mask for both layers would give 0.75.


def test_given_masks_do_not_outlive_their_step(template, make_data, make_params):
    """With every hidden output dropped the first layer cannot move; in a `fit` without masks afterwards it does."""
    config = template.Config((3, 8, 1), dropout=0.5, learning_rate=0.1)
    x, y = make_data(config, 10)
    model = drawn(template, make_params, config)
    start = model.params[0][0]
    model.train_step(x, y, [np.zeros((10, 8))])
    assert np.array_equal(model.params[0][0], start)
    model.fit(x, y, epochs=1, batch_size=10, verbose=False)
    assert not np.array_equal(model.params[0][0], start)
    moved = model.params[0][0]
    model.train_step(x[:4], y[:4], [np.zeros((4, 8))])  # A smaller batch, and again a given mask.
    assert np.array_equal(model.params[0][0], moved)


def test_batch_norm_uses_the_batch_in_training_and_running_statistics_after(template, make_data, make_params):
    config = template.Config((3, 6, 1), batch_norm=True, dtype="float64", learning_rate=0.01)
    x, y = make_data(config, 12)
    model = drawn(template, make_params, config)
    [(mean, variance)] = model.state["running"]
    assert mean.tolist() == [0] * 6
    assert variance.tolist() == [1] * 6
    W = model.params[0][0]
    model.train_step(x, y)
    [(mean, variance)] = model.state["running"]
    np.testing.assert_allclose(mean, 0.1 * (x @ W).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * (x @ W).var(axis=0, ddof=1), rtol=1e-12)
    state = model.state
    whole = model.predict(x)
    np.testing.assert_allclose([model.predict(x[i : i + 1])[0] for i in range(12)], whole, rtol=1e-12)
    assert np.array_equal(model.state["running"][0][0], state["running"][0][0])


# Parameters and state in and out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"])
def test_params_and_state_round_trip(template, make_params, same, optimizer):
    config = template.Config((3, 4, 2), optimizer=optimizer, batch_norm=True, dtype="float64")
    source = make_params(template, config, 5)
    shapes = template.state_shapes(config)
    random = np.random.default_rng(6)
    state = {"step": 7} | {
        name: [tuple(random.uniform(size=shape) for shape in layer) for layer in layers]
        for name, layers in shapes.items()
    }
    model = template.MLP(config)
    assert set(model.state) == {"step", *shapes}
    model.set_params(source)
    model.set_state(state)
    assert same(model.params, source)
    assert same(model.state, state)


def test_nothing_that_went_in_or_came_out_is_shared(template, make_data, make_params, same):
    config = template.Config((3, 4, 1), **BINARY, batch_norm=True, dtype="float64")
    x, y = make_data(config, 8)
    params, model = make_params(template, config), template.MLP(config)
    model.set_params(params)
    model.train_step(x, y)
    model.set_state(state := model.state)
    before = [tuple(a.copy() for a in layer) for layer in model.params], model.state

    def spoil(layers: list) -> None:
        for layer in layers:
            for a in layer:
                a[...] = 99.0

    out = model.params
    spoil(params)
    spoil(out)
    for name in ("first_moment", "second_moment", "running"):
        spoil(state[name])
        spoil(model.state[name])
    assert same((model.params, model.state), before)
    out, held = model.params, model.state
    kept = [tuple(a.copy() for a in layer) for layer in out]
    model.train_step(x, y)
    assert same(out, kept)
    assert same(held, before[1])


def test_read_only_and_reversed_arrays_are_accepted(template, make_params, same):
    config = template.Config((3, 4, 1), optimizer="adam", batch_norm=True)
    params = make_params(template, config)
    frozen = [tuple(np.flip(np.flip(a).copy()) for a in layer) for layer in params]
    for layer in frozen:
        for a in layer:
            a.flags.writeable = False
    model = template.MLP(config, frozen)
    plain = template.MLP(config, params)
    assert same(model.params, plain.params)
    state = {"step": 1, "first_moment": frozen, "second_moment": frozen, "running": [frozen[0][1:]]}
    model.set_state(state)
    plain.set_state({"step": 1, "first_moment": params, "second_moment": params, "running": [params[0][1:]]})
    assert same(model.state, plain.state)
