"""The datasets: what each holds, how it is split and scaled, and that nobody can change it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared import datasets, idx

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("mnist", "fashion-mnist")
WITHOUT_FILES = tuple(name for name in datasets.names() if name not in IMAGES)
STANDARDISED = tuple(name for name in WITHOUT_FILES if name not in ("xor", "digits"))


@pytest.fixture(autouse=True)
def images(monkeypatch):
    """Twenty random images in place of the files of MNIST and Fashion-MNIST."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8), np.arange(20, dtype=np.uint8) % 10
    x[0, 0, 0] = 255
    monkeypatch.setattr(idx, "load_images", lambda name: idx.Images(x[:15], y[:15], x[15:], y[15:]))


def test_the_names():
    assert datasets.names() == (
        *("xor", "two-moons", "spirals", "iris", "wine", "breast-cancer", "digits", "diabetes"),
        *IMAGES,
    )


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; from shared import datasets; [datasets.describe(name) for name in datasets.names()];"
        "print(*{'sklearn', 'pandas', 'scipy', 'torch', 'tensorflow', 'pooch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", datasets.names())
def test_what_is_loaded_is_what_was_described(name):
    data, described = datasets.load(name), datasets.describe(name)
    assert (data.name, data.task) == (described.name, described.task) == (name, described.task)
    assert (data.licence, data.source) == (described.licence, described.source)
    assert data.x_train.shape[1] == data.x_test.shape[1] == described.inputs == len(data.feature_names)
    assert len(data.classes) == described.classes
    assert data.x_train.shape[:1] == data.y_train.shape
    assert data.x_test.shape[:1] == data.y_test.shape
    assert all(isinstance(text, str) for text in (*data.classes, *data.feature_names))
    assert all([data.split, data.scaling, data.licence, data.source, described.title])


@pytest.mark.parametrize("name", datasets.names())
def test_types_and_values(name):
    data = datasets.load(name)
    for x in (data.x_train, data.x_test):
        assert x.dtype == np.float64
        assert np.isfinite(x).all()
    for y in (data.y_train, data.y_test):
        assert y.dtype == (np.float64 if data.task == "regression" else np.int64)
    if data.task != "regression":
        assert len(data.classes) == 2 if data.task == "binary" else len(data.classes) > 2
        np.testing.assert_array_equal(np.unique(data.y_train), np.arange(len(data.classes)))
        assert set(data.y_test) <= set(range(len(data.classes)))


@pytest.mark.parametrize("name", datasets.names())
def test_arrays_are_contiguous_and_read_only(name):
    data = datasets.load(name)
    for array in (data.x_train, data.y_train, data.x_test, data.y_test):
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_dataset_leaves_the_array_it_is_made_from_writable():
    x, y = np.zeros((3, 2)), np.zeros(3)
    datasets.Dataset("mine", "regression", x, y, x, y, (), ("a", "b"), "", "", "", "")
    x[0, 0] = 1.0


@pytest.mark.parametrize("name", WITHOUT_FILES)
def test_the_seed_determines_the_split(name):
    first, again, other = (datasets.load(name, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.x_train, again.x_train)
    np.testing.assert_array_equal(first.y_test, again.y_test)
    assert (name == "xor") == np.array_equal(first.x_train, other.x_train)


@pytest.mark.parametrize("name", [name for name in WITHOUT_FILES if name != "xor"])
def test_a_quarter_is_held_out_by_class_and_no_row_is_in_both_parts(name):
    data = datasets.load(name, scale=False)
    n_train, n_test = len(data.x_train), len(data.x_test)
    assert n_test == np.ceil((n_train + n_test) / 4)
    if data.classes:
        shares = [np.bincount(y) / len(y) for y in (data.y_train, data.y_test)]
        np.testing.assert_allclose(*shares, atol=1 / n_test)
    if name not in ("iris", "digits"):  # iris has equal flowers
        assert not set(map(bytes, data.x_train)) & set(map(bytes, data.x_test))


@pytest.mark.parametrize("name", STANDARDISED)
def test_standardised_with_the_training_statistics_only(name):
    data, raw = datasets.load(name), datasets.load(name, scale=False)
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.x_train.std(axis=0), 1, rtol=1e-12)
    mean, deviation = raw.x_train.mean(axis=0), raw.x_train.std(axis=0)
    np.testing.assert_allclose(data.x_test, (raw.x_test - mean) / deviation, rtol=1e-9, atol=1e-9)
    assert "training" in data.scaling
    assert "left as they are" in raw.scaling


@pytest.mark.parametrize(("name", "largest"), [("digits", 16), ("mnist", 255), ("fashion-mnist", 255)])
def test_pixels_are_divided_by_their_largest_possible_value(name, largest):
    data, raw = datasets.load(name), datasets.load(name, scale=False)
    assert raw.x_train.max() == largest
    np.testing.assert_array_equal(data.x_train, raw.x_train / largest)
    np.testing.assert_array_equal(data.x_test, raw.x_test / largest)


def test_a_regressions_target_is_standardised_and_the_sentence_says_how_to_undo_it():
    data = datasets.load("diabetes", seed=1)
    assert data.y_train.mean() == pytest.approx(0, abs=1e-12)
    assert data.y_train.std() == pytest.approx(1)
    assert "target standardised (training mean 15" in data.scaling


def test_diabetes_comes_in_its_original_units():
    raw = datasets.load("diabetes", scale=False)
    age = np.concatenate([raw.x_train, raw.x_test])[:, raw.feature_names.index("age")]
    assert (age.min(), age.max()) == (19, 79)


def test_xor_is_the_four_points_and_says_that_it_tests_on_them():
    data = datasets.load("xor")
    np.testing.assert_array_equal(data.y_train, np.logical_xor(*data.x_train.T))
    assert len(np.unique(data.x_train, axis=0)) == 4
    np.testing.assert_array_equal(data.x_test, data.x_train)
    assert "the test set is the training set" in data.split


def test_spirals_have_three_equal_arms_which_lie_apart():
    data = datasets.load("spirals", scale=False)
    x, y = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    np.testing.assert_array_equal(np.bincount(y), [200, 200, 200])
    radius = np.linalg.norm(x, axis=1)
    assert radius.min() == pytest.approx(0.1)
    assert radius.max() == pytest.approx(1.0)
    turned = np.angle((x[:, 0] + 1j * x[:, 1]) * np.exp(-1j * (1.5 * np.pi * radius + y * 2 * np.pi / 3)))
    assert turned.std() == pytest.approx(0.15, rel=0.1)


def test_an_unknown_name_lists_those_that_exist_and_the_nearest():
    for call in (datasets.load, datasets.describe):
        with pytest.raises(ValueError, match="unknown dataset 'two_moons'; the nearest is 'two-moons'") as error:
            call("two_moons")
        assert all(name in str(error.value) for name in datasets.names())


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=r"seed is .*, expected"):
        datasets.load("iris", seed=seed)


@given(
    train=arrays(np.float64, (6, 3), elements=st.floats(-1e100, 1e100)),
    test=arrays(np.float64, (4, 3), elements=st.floats(-1e100, 1e100)),
    constant=st.floats(-1e100, 1e100),
)
def test_standardising_never_gives_nan(train, test, constant):
    train[:, 0] = constant
    for part in datasets.standardise(train, test):
        assert np.isfinite(part).all()


def test_a_constant_column_becomes_zero():
    train, _ = datasets.standardise(np.full((7, 1), 0.1), np.full((2, 1), 0.3))
    np.testing.assert_allclose(train, 0, atol=1e-15)


@pytest.mark.parametrize("largest", [1e200, 1e308])
def test_values_too_large_to_standardise_are_refused(largest):
    with pytest.raises(ValueError, match="the inputs: values too large to be standardised"):
        datasets.standardise(np.array([[largest], [-largest]]), np.array([[0.0]]))
