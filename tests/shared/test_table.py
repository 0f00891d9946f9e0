"""The user's own table: tasks inferred, inputs encoded from the training rows, everything unclear refused."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shared.table
from shared.table import load_table

N = 40


def frame(**columns) -> pd.DataFrame:
    """A table of 40 rows: two columns of numbers, one of text, and those given instead or besides."""
    rng = np.random.default_rng(0)
    table = {
        "age": rng.integers(18, 80, N),
        "income": rng.normal(3000, 500, N),
        "city": np.resize(["Oslo", "Bergen", "Tromsø"], N),
        "target": np.resize(["yes", "no", "yes"], N),
    }
    return pd.DataFrame(table | columns)


def load(tmp_path, table: pd.DataFrame, target="target", suffix="csv", **options):
    """Write the table to a file and load it."""
    path = tmp_path / f"table.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return load_table(path, target, **options)


def refusal(tmp_path, table, target="target", suffix="csv", **options) -> str:
    """The message with which the table is refused: one line that begins with the file's name."""
    with pytest.raises(ValueError, match=r"expected|there are") as error:
        load(tmp_path, table, target, suffix, **options)
    message = str(error.value)
    assert "\n" not in message
    prefix = f"{tmp_path / 'table'}.{suffix}: "
    assert message.startswith(prefix)
    return message.removeprefix(prefix)


@pytest.fixture
def first_30_train(monkeypatch):
    """A split by position in place of the random one: 30 training rows, then 10 test rows."""
    monkeypatch.setattr(shared.table, "held_out", lambda *_: (np.arange(30), np.arange(30, N)))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_becomes_a_dataset(tmp_path, suffix):
    data = load(tmp_path, frame(), suffix=suffix)
    assert (data.name, data.task, data.classes) == ("table", "binary", ("no", "yes"))
    assert data.feature_names == ("age", "income", "city=Bergen", "city=Oslo", "city=Tromsø")
    assert (data.x_train.shape, data.x_test.shape) == ((30, 5), (10, 5))
    assert data.y_train.dtype == np.int64
    assert not data.x_train.flags.writeable
    assert data.split == "30 training and 10 test rows, drawn at random with seed 0, stratified by class"
    assert data.source == f"table.{suffix}"
    assert data.notes == (
        "task: binary, since the target 'target' holds text, 2 different ones",
        "classes: 0 is 'no', 1 is 'yes'",
        "columns of categories (how many): 'city' (3)",
    )


def test_csv_and_parquet_give_the_same(tmp_path):
    csv, parquet = (load(tmp_path, frame(), suffix=suffix) for suffix in ("csv", "parquet"))
    np.testing.assert_allclose(csv.x_train, parquet.x_train, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(csv.y_test, parquet.y_test)


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (np.resize([True, False], N), "binary", ("False", "True")),
        (np.resize(["b", "a", "c"], N), "multiclass", ("a", "b", "c")),
        (np.resize([3, 10, 4], N), "multiclass", ("3", "4", "10")),
        (np.resize([0.0, 1.0], N), "binary", ("0", "1")),
        (np.resize(np.arange(20), N), "multiclass", tuple(map(str, range(20)))),
        (np.resize(np.arange(21), N), "regression", ()),
        (np.arange(N), "regression", ()),
        (np.linspace(0, 1, N), "regression", ()),
        (np.resize([0.5, 1.5], N), "regression", ()),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_task_is_inferred_and_said(tmp_path, target, task, classes, suffix):
    data = load(tmp_path, frame(target=target), suffix=suffix)
    assert (data.task, data.classes) == (task, classes)
    assert data.notes[0].startswith(f"task: {task}, since the target 'target' holds ")


def test_a_few_whole_numbers_that_hardly_repeat_are_a_quantity(tmp_path):
    few = pd.DataFrame({"x": np.arange(6.0), "y": [5, 1, 9, 4, 9, 7]})
    assert load(tmp_path, few, "y").task == "regression"


def test_categories_of_parquet_are_classes_and_inputs(tmp_path):
    table = frame(
        target=pd.Categorical(np.resize([2, 1], N), categories=[1, 2, 3]),
        city=pd.Categorical(np.resize(["a", "b"], N)),
    )
    data = load(tmp_path, table, suffix="parquet")
    assert (data.task, data.classes) == ("binary", ("1", "2"))
    assert data.feature_names[2:] == ("city=a", "city=b")


def test_the_task_can_be_given(tmp_path):
    table = frame(target=np.resize([1, 2, 3], N))
    as_given = load(tmp_path, table, task="regression")
    assert (as_given.task, as_given.classes) == ("regression", ())
    assert as_given.notes[0] == "task: regression, as given"
    assert load(tmp_path, frame(), task="multiclass").classes == ("no", "yes")


def test_class_ids_follow_the_classes(tmp_path):
    table = frame(target=np.resize(["x", "y"], N), age=np.resize([0, 1], N))
    data = load(tmp_path, table)
    for x, y in [(data.x_train, data.y_train), (data.x_test, data.y_test)]:
        np.testing.assert_array_equal(x[:, 0] > 0, y)


def test_numbers_are_standardised_on_the_training_rows(tmp_path, first_30_train):
    table = frame(target=np.linspace(5, 9, N), constant=np.full(N, 7))
    data = load(tmp_path, table)
    mean, deviation = table["income"][:30].mean(), table["income"][:30].std(ddof=0)
    np.testing.assert_allclose(data.x_train[:, 1], (table["income"][:30] - mean) / deviation)
    np.testing.assert_allclose(data.x_test[:, 1], (table["income"][30:] - mean) / deviation)
    assert not data.x_train[:, data.feature_names.index("constant")].any()
    assert data.y_train.std() == pytest.approx(1)
    assert "target standardised (training mean 6.48718, standard deviation" in data.scaling


def test_a_category_that_the_training_rows_lack_gives_zeros(tmp_path, first_30_train):
    city = np.r_[np.resize(["Oslo", "Bergen"], 30), ["Atlantis"] * 3, ["Oslo"] * 7]
    data = load(tmp_path, frame(city=city))
    assert data.feature_names[2:] == ("city=Bergen", "city=Oslo")
    np.testing.assert_array_equal(data.x_test[:, 2:], [[0, 0]] * 3 + [[0, 1]] * 7)


def with_gaps() -> pd.DataFrame:
    table = frame(age=np.r_[np.zeros(19), np.full(21, 5.0)])
    table.loc[[1, 5, 9], "age"] = np.nan
    table.loc[[2, 3], "city"] = None
    return table


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_missing_inputs_are_refused_with_column_and_count(tmp_path, suffix):
    message = refusal(tmp_path, with_gaps(), suffix=suffix)
    assert message.startswith("missing values in 'age' (3), 'city' (2), expected none")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_missing_inputs_are_filled_on_request_from_the_training_rows(tmp_path, suffix):
    table = with_gaps()
    data = load(tmp_path, table, suffix=suffix, impute=True)
    assert np.isfinite(data.x_train).all()
    np.testing.assert_array_equal(np.r_[data.x_train, data.x_test][:, 2:].sum(axis=1), 1)
    assert data.notes[-1].startswith("missing values filled: 'age' (3) with 5.0, 'city' (2) with ")


def test_fillings_are_the_training_rows_median_and_most_frequent_category(tmp_path, first_30_train):
    age = np.r_[np.nan, np.arange(1.0, 30), np.full(9, 1e6), np.nan]
    city = [None] + ["Oslo"] * 10 + ["Bergen"] * 19 + ["Oslo"] * 9 + [None]
    data = load(tmp_path, frame(age=age, city=city), impute=True)
    assert data.notes[-1] == "missing values filled: 'age' (2) with 15.0, 'city' (2) with Bergen"
    for filled in (data.x_train[0], data.x_test[-1]):
        np.testing.assert_array_equal(filled[[0, 2, 3]], [0, 1, 0])  # 15 is the mean as well


def test_a_column_without_any_value_cannot_be_filled(tmp_path):
    message = refusal(tmp_path, frame(empty=np.full(N, np.nan)), impute=True)
    assert message.startswith("column 'empty' has no value at all in the training rows")


def test_truth_values_with_gaps_and_mixed_columns_are_categories(tmp_path):
    member = pd.Series(np.resize([True, False, None], N), dtype=object)
    data = load(tmp_path, frame(member=member, code=np.resize(["1", "x"], N)), impute=True)
    assert data.feature_names[-4:] == ("member=False", "member=True", "code=1", "code=x")


@given(seed=st.integers(0, 2**32 - 1), fraction=st.floats(0.05, 0.9))
@settings(max_examples=30, deadline=None)
def test_the_seed_and_the_fraction_determine_the_split(tmp_path_factory, seed, fraction):
    folder = tmp_path_factory.mktemp("split")
    first, again = (load(folder, frame(), seed=seed, test_fraction=fraction) for _ in range(2))
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert len(first.x_test) == np.ceil(fraction * N)
    assert len(first.x_train) + len(first.x_test) == N


def test_a_split_by_class_where_possible_and_said_where_not(tmp_path):
    data = load(tmp_path, frame(target=np.repeat(["a", "b"], [36, 4])))
    assert np.bincount(data.y_test).tolist() == [9, 1]
    lonely = load(tmp_path, frame(target=np.repeat(["a", "b"], [39, 1])))
    assert lonely.split.endswith("not by class: some have too few rows")
    assert lonely.classes == ("a", "b")


TEXT = pd.Series([f"name {i}" for i in range(N)])
UNSUITABLE_TARGETS = [
    (np.full(N, "yes"), {}, "the target 'target' has one value only, 'yes', expected at least two"),
    (np.full(N, 1.5), {}, "the target 'target' has one value only, '1.5'"),
    (np.r_[np.arange(N - 2), np.nan, np.nan], {}, "the target 'target' lacks 2 of 40 values, expected all"),
    (TEXT.where(TEXT != "name 3"), {"impute": True}, "the target 'target' lacks 1 of 40 values"),
    (np.r_[np.arange(N - 1), np.inf], {}, "the target 'target' has infinite values, expected finite ones"),
    (TEXT, {"task": "regression"}, "the target 'target' holds text, expected numbers for a regression"),
    (TEXT, {"task": "binary"}, "the target 'target' has 40 different values, expected 2 for a binary task"),
    (np.linspace(0, 1e200, N), {}, "the target: values too large to be standardised, expected magnitudes"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "options", "message"), UNSUITABLE_TARGETS)
def test_unsuitable_targets_are_refused(tmp_path, target, options, message):
    assert refusal(tmp_path, frame(target=target), **options).startswith(message)


def test_too_many_classes_and_too_many_categories_are_refused(tmp_path):
    table = pd.DataFrame({"name": [f"name {i}" for i in range(101)], "y": np.arange(101) % 2})
    assert refusal(tmp_path, table, "name").startswith(
        "the target 'name' has 101 different values, expected at most 100 classes"
    )
    assert refusal(tmp_path, table, "y").startswith(
        "too many categories in 'name' (101), expected at most 100 in a column: drop the column or encode it"
    )


def test_infinite_inputs_are_refused_with_column_and_count(tmp_path):
    table = frame(ratio=np.r_[np.ones(N - 2), np.inf, -np.inf])
    assert refusal(tmp_path, table, impute=True).startswith("infinite values in 'ratio' (2), expected finite")


def test_an_unknown_target_names_the_nearest_column(tmp_path):
    message = refusal(tmp_path, frame(), "Target")
    assert message.startswith("unknown target column 'Target'; the nearest is 'target'; there are: age, income")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame()[["target"]], "there is no column beside the target 'target', expected at least one input"),
        (frame()[:3], "found 3 rows, expected at least 4"),
        (frame()[:0], "found 0 rows, expected at least 4"),
    ],
)
def test_tables_that_are_too_small_are_refused(tmp_path, table, message):
    assert refusal(tmp_path, table).startswith(message)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.date_range("2020-01-01", periods=N), "Timestamp"),
        ([datetime.date(2020, 1, 1)] * N, "date"),
        ([Decimal("1.5")] * N, "Decimal"),
        ([[1, 2]] * N, "ndarray"),
    ],
)
def test_columns_that_are_neither_numbers_nor_text_are_refused(tmp_path, values, kind):
    message = refusal(tmp_path, frame(odd=values), suffix="parquet")
    assert message.startswith(f"column 'odd' holds values of type {kind}, expected numbers or text")
    message = refusal(tmp_path, frame(target=values), suffix="parquet")
    assert message.startswith(f"the target 'target' holds values of type {kind}, expected numbers or text")


def test_repeated_column_names_are_refused(tmp_path, monkeypatch):
    twice = pd.concat([frame(), frame()[["age"]]], axis=1)
    monkeypatch.setitem(shared.table._READERS, ".parquet", lambda path: twice)
    message = refusal(tmp_path, frame(), suffix="parquet")
    assert message.startswith("column names occur more than once: age, expected each once")


def test_another_separator_is_named(tmp_path):
    path = tmp_path / "table.csv"
    frame().to_csv(path, sep=";", index=False)
    with pytest.raises(ValueError, match="found the one column 'age;income;city;target', expected columns separ"):
        load_table(path, "target")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.csv", b"", "cannot be read as csv: No columns to parse"),
        ("table.csv", b'a,b\n1,"2', "cannot be read as csv: "),
        ("table.csv", b"a,b\n1,2\n1,2,3\n", "cannot be read as csv: "),
        ("table.csv", b"a,\xff\xfe\n1,2\n", "cannot be read as csv: 'utf-8'"),
        ("table.parquet", b"no parquet", "cannot be read as parquet: "),
        ("table.xlsx", b"", "found the suffix '.xlsx', expected .csv or .parquet"),
        ("table", b"", "found the suffix '', expected .csv or .parquet"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r".") as error:
        load_table(path, "a")
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name in ("none.csv", "folder.csv"):
        with pytest.raises(ValueError, match=f"{name}: found no file there, expected a CSV or Parquet file"):
            load_table(tmp_path / name, "a")


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5, 0.99, float("nan")])
def test_fractions_that_leave_no_training_set_are_refused(tmp_path, fraction):
    message = refusal(tmp_path, frame(), test_fraction=fraction)
    assert message.startswith(f"the test fraction is {fraction}, expected one between 0 and 1")


def test_unknown_tasks_and_seeds_out_of_range_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown task 'multi-class'; the nearest is 'multiclass'"):
        load(tmp_path, frame(), task="multi-class")
    with pytest.raises(ValueError, match="seed is -1, expected at least 0"):
        load(tmp_path, frame(), seed=-1)


def test_four_rows_are_enough(tmp_path):
    data = load(tmp_path, pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]}), "y")
    assert (len(data.x_train), len(data.x_test), data.task) == (3, 1, "binary")


def test_a_column_that_occurs_twice_is_refused_in_csv_too(tmp_path):
    """pandas would call the second one target.1, and the network would be given what it has to find."""
    path = tmp_path / "table.csv"
    path.write_text("x,target,target\n" + "1,0,0\n2,1,1\n" * 10)
    with pytest.raises(ValueError, match="column names occur more than once: target, expected each once"):
        load_table(path, "target")
    path.write_text("x,y\n" + "9,1,0\n8,2,1\n" * 10)
    with pytest.raises(ValueError, match="the rows hold more values than the 2 column names, expected one for each"):
        load_table(path, "y")


def test_the_index_of_a_parquet_file_is_a_column_if_it_has_a_name(tmp_path):
    table = frame()
    data = load(tmp_path, table.set_index("age"), suffix="parquet")
    assert data.feature_names[0] == "age"
    assert "left out" not in " ".join(data.notes)
    unnamed = load(tmp_path, table[table["age"] > 30], suffix="parquet")
    assert unnamed.notes[-1] == "left out: the row labels, which have no name"
    twice = refusal(tmp_path, table.set_index(pd.Index(table["age"], name="age")), suffix="parquet")
    assert twice.startswith("column names occur more than once: age")


def test_constant_columns_are_named(tmp_path):
    assert load(tmp_path, frame(same=np.full(N, 3.0))).notes[-1] == (
        "columns with one value only in the training rows: 'same'"
    )


def test_words_that_are_read_as_missing_are_said(tmp_path):
    country = np.resize(["NA", "DE", "None", ""], N)
    message = refusal(tmp_path, frame(country=country))
    assert message.endswith("(words taken for missing: 'NA' in 'country', 'None' in 'country')")
    data = load(tmp_path, frame(country=country), impute=True)
    assert data.notes[-1] == "words taken for missing: 'NA' in 'country', 'None' in 'country'"
    assert refusal(tmp_path, frame(target=np.resize(["NA", "DE", "AT"], N))).startswith("the target 'target' lacks 14")


def test_many_columns_are_standardised_as_one_at_a_time(tmp_path):
    wide = pd.DataFrame(np.random.default_rng(0).normal(5, 3, (N, 300)), columns=[f"c{i}" for i in range(300)])
    data = load(tmp_path, wide.assign(y=np.resize([0, 1], N)), "y")
    single = load(tmp_path, wide[["c7"]].assign(y=np.resize([0, 1], N)), "y")
    np.testing.assert_array_equal(data.x_train[:, 7], single.x_train[:, 0])
    huge = wide.assign(c9=np.linspace(0, 1e200, N), y=np.resize([0, 1], N))
    assert refusal(tmp_path, huge, "y").startswith("column 'c9': values too large to be standardised")
