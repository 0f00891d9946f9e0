"""The user's own table, CSV or Parquet, as a dataset."""

from __future__ import annotations

import math
import os
from collections import Counter
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from shared.batches import require_seed
from shared.datasets import TEST_FRACTION, Dataset, held_out, standardise, standardise_target
from shared.names import unknown_name

TASKS = ("regression", "binary", "multiclass")
MIN_ROWS = 4
MAX_INFERRED_CLASSES = 20  # a target of whole numbers with more different values is taken for a quantity
MAX_CATEGORIES = 100  # more in one column, or as classes, are rather names or keys than categories

_READERS = {
    ".csv": lambda path: _read_csv(path),
    ".parquet": lambda path: _read_parquet(path),
}


class _Unfit(ValueError):
    """What a file that can be read is refused for."""


class _Target(NamedTuple):
    task: str
    values: np.ndarray  # (N,) float64 for regression, otherwise class ids
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def load_table(
    path: str | os.PathLike[str],
    target: str,
    *,
    task: str | None = None,
    impute: bool = False,
    seed: int = 0,
    test_fraction: float = TEST_FRACTION,
) -> Dataset:
    """Read a CSV or Parquet file; `target` is the column to predict, all others are inputs.

    The task is inferred unless it is given: text, truth values and categories are classes, and so are whole
    numbers of at most 20 different values that repeat; anything else is a regression. The dataset's notes
    say which and why. Columns of numbers are standardised; columns of text become one column of 0 and 1 for
    each category that the training rows hold, so that a category seen only in the test rows gives zeros.
    Missing inputs are refused, or with impute=True filled with the training rows' median or most frequent
    category. The split is drawn from the seed, by class where every class has the rows for it. All
    statistics are those of the training rows.

    Raises ValueError, in one line with the file's name, for a file that cannot be read, an unknown target
    or task, a target that does not fit the task, missing or infinite values, and columns that cannot be
    encoded.
    """
    require_seed("seed", seed)
    if task is not None and task not in TASKS:
        raise unknown_name("task", task, TASKS)
    try:
        return _dataset(_read(Path(path)), Path(path), target, task, impute, seed, test_fraction)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _dataset(
    table: pd.DataFrame,
    path: Path,
    target: str,
    task: str | None,
    impute: bool,
    seed: int,
    test_fraction: float,
) -> Dataset:
    _check_shape(table, target)
    words = _taken_for_missing(table.attrs.get("words", {}))
    y = _encode_target(table[target], task)
    inputs = _numbers_and_text(table.drop(columns=target))
    _check_values(inputs, impute, words)
    train, test, split = _split(y, seed, test_fraction)
    inputs, filled = _impute(inputs, train)
    x_train, x_test, feature_names = _encode(inputs, train, test)
    scaling = "numbers standardised with the training rows' mean and standard deviation, categories 0 or 1"
    y_train, y_test = y.values[train], y.values[test]
    if y.task == "regression":
        y_train, y_test, scaling = standardise_target(y_train, y_test, scaling)
    return Dataset(
        name=path.stem,
        task=y.task,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=y.classes,
        feature_names=feature_names,
        split=split,
        scaling=scaling,
        licence="the user's own data",
        source=path.name,
        notes=(
            *y.notes,
            *_encoded(inputs),
            *_constant(inputs, train),
            *filled,
            *words,
            *table.attrs.get("left out", ()),
        ),
    )


def _read(path: Path) -> pd.DataFrame:
    """The table as pandas reads it, its columns named by strings."""
    if path.suffix.lower() not in _READERS:
        raise ValueError(f"found the suffix {path.suffix!r}, expected {' or '.join(_READERS)}")
    if not os.path.isfile(path):
        raise ValueError("found no file there, expected a CSV or Parquet file")
    try:
        table = _READERS[path.suffix.lower()](path)
    except _Unfit:
        raise
    except (OSError, ValueError, ImportError) as error:  # pandas' and pyarrow's own errors are among these
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"cannot be read as {path.suffix[1:]}: {cause}") from error
    return table.rename(columns=str)


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV file. pandas alone would rename a repeated column, and take a first column without a name for row labels.

    `attrs["words"]` holds, for each column with missing values, the words that pandas takes for one, such as NA.
    """
    names = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0].tolist()
    _check_names(names)
    table = pd.read_csv(path, low_memory=False)
    if not isinstance(table.index, pd.RangeIndex):
        raise _Unfit(f"the rows hold more values than the {len(names)} column names, expected one for each column")
    lacking = list(table.columns[table.isna().any()])
    if lacking:
        texts = pd.read_csv(path, usecols=lacking, dtype=str, keep_default_na=False)
        words = {name: sorted(set(texts[name][table[name].isna()]) - {""}) for name in lacking}
        table.attrs["words"] = {name: found for name, found in words.items() if found}
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file. pandas keeps what was an index apart: with a name it is a column, without one it is left out."""
    table = pd.read_parquet(path)
    named = [name for name in table.index.names if name is not None]
    plain = named or isinstance(table.index, pd.RangeIndex)
    _check_names([*named, *table.columns])
    table = table.reset_index(level=named) if named else table
    table = table.reset_index(drop=True)
    table.attrs["left out"] = () if plain else ("left out: the row labels, which have no name",)
    return table


def _check_names(names: list) -> None:
    """Raise ValueError for a column name that occurs twice: a second copy of the target would be an input."""
    if repeated := sorted(str(name) for name, count in Counter(names).items() if count > 1):
        raise _Unfit(f"column names occur more than once: {_listed(repeated)}, expected each once")


def _check_shape(table: pd.DataFrame, target: str) -> None:
    """Raise ValueError unless there are enough rows, distinct columns, the target and something beside it."""
    columns = list(table.columns)
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        raise ValueError(f"found the one column {columns[0]!r}, expected columns separated by commas")
    if target not in columns:
        raise unknown_name("target column", target, columns)
    _check_names(columns)
    if len(columns) == 1:
        raise ValueError(f"there is no column beside the target {target!r}, expected at least one input")
    if len(table) < MIN_ROWS:
        raise ValueError(f"found {len(table)} rows, expected at least {MIN_ROWS}")


def _check_target(column: pd.Series) -> None:
    """Raise ValueError unless the target is numbers or text, complete, finite and not constant."""
    who = f"the target {column.name!r}"
    if missing := int(column.isna().sum()):
        raise ValueError(f"{who} lacks {missing} of {len(column)} values, expected all: remove those rows")
    if not _is_number(column) and not _is_category(column):
        raise ValueError(f"{who} holds {_kind(column)}, expected numbers or text")
    if _is_number(column) and np.isinf(_as_floats(column)).any():
        raise ValueError(f"{who} has infinite values, expected finite ones")
    if column.nunique() == 1:
        raise ValueError(f"{who} has one value only, {str(column.iloc[0])!r}, expected at least two")


def _encode_target(column: pd.Series, task: str | None) -> _Target:
    """The target as numbers or class ids, with the task and how it was found."""
    _check_target(column)
    who, n_values = f"the target {column.name!r}", column.nunique()
    inferred, reason = _infer_task(column)
    note = f"task: {task}, as given" if task else f"task: {inferred}, since {who} holds {reason}"
    task = task or inferred
    if task == "regression":
        if not _is_number(column):
            raise ValueError(f"{who} holds {_kind(column)}, expected numbers for a regression")
        return _Target(task, _as_floats(column), (), (note,))
    if task == "binary" and n_values != 2:
        raise ValueError(f"{who} has {n_values} different values, expected 2 for a binary task")
    if n_values > MAX_CATEGORIES:
        raise ValueError(f"{who} has {n_values} different values, expected at most {MAX_CATEGORIES} classes")
    ids, values = pd.factorize(column if _is_number(column) else column.astype(str), sort=True)
    classes = tuple(map(_class_name, values))
    coded = _listed([f"{i} is {name!r}" for i, name in enumerate(classes)])
    return _Target(task, ids, classes, (note, f"classes: {coded}"))


def _infer_task(column: pd.Series) -> tuple[str, str]:
    """The task that suits a target without missing values, and why."""
    n_values = column.nunique()
    classification = "binary" if n_values == 2 else "multiclass"
    if types.is_bool_dtype(column) or not _is_number(column):
        return classification, f"{_kind(column)}, {n_values} different ones"
    values = _as_floats(column)
    if not np.array_equal(values, np.round(values)):
        return "regression", "numbers that are not whole"
    if n_values <= MAX_INFERRED_CLASSES and n_values <= len(column) / 2:
        return classification, f"whole numbers, {n_values} different ones"
    return "regression", f"whole numbers, {n_values} different ones in {len(column)} rows"


def _numbers_and_text(inputs: pd.DataFrame) -> pd.DataFrame:
    """The inputs with just two kinds of column: float64, and objects that are str; missing values are NaN."""
    converted = {}
    for name, column in inputs.items():
        if _is_number(column):
            converted[name] = pd.Series(_as_floats(column))
        elif _is_category(column):
            values = [str(value) if given else np.nan for value, given in zip(column, column.notna(), strict=True)]
            converted[name] = pd.Series(values, dtype=object)
        else:
            raise ValueError(f"column {name!r} holds {_kind(column)}, expected numbers or text: convert or drop it")
    return pd.DataFrame(converted)


def _taken_for_missing(words: dict[str, list[str]]) -> tuple[str, ...]:
    """A note on the words that stand in the file where a value is missing; "NA" may be meant as a category."""
    written = [f"{word!r} in {name!r}" for name, found in words.items() for word in found]
    return (f"words taken for missing: {_listed(written)}",) if written else ()


def _check_values(inputs: pd.DataFrame, impute: bool, words: tuple[str, ...]) -> None:
    """Raise ValueError for infinite values, too many categories, and missing values not to be filled."""
    infinite = np.isinf(inputs.select_dtypes(float)).sum()
    if infinite.any():
        raise ValueError(f"infinite values in {_counted(infinite)}, expected finite ones: remove those rows")
    categories = inputs.select_dtypes(object).nunique()
    if (categories > MAX_CATEGORIES).any():
        raise ValueError(
            f"too many categories in {_counted(categories[categories > MAX_CATEGORIES])}, expected at most "
            f"{MAX_CATEGORIES} in a column: drop the column or encode it as numbers"
        )
    missing = inputs.isna().sum()
    if missing.any() and not impute:
        raise ValueError(
            f"missing values in {_counted(missing)}, expected none: remove those rows or columns, "
            f"or ask for imputation{''.join(f' ({note})' for note in words)}"
        )


def _split(y: _Target, seed: int, test_fraction: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Training rows, test rows and a sentence on how they were parted."""
    n_rows, n_classes = len(y.values), len(y.classes)
    n_test = math.ceil(test_fraction * n_rows) if 0 < test_fraction < 1 else n_rows
    if n_rows - n_test < 2:
        raise ValueError(
            f"the test fraction is {test_fraction}, expected one between 0 and 1 "
            f"that leaves at least 2 of the {n_rows} rows for training"
        )
    stratify = bool(y.classes) and min(n_test, n_rows - n_test) >= n_classes and min(np.bincount(y.values)) > 1
    train, test = held_out(n_rows, y.values if stratify else None, seed, test_fraction)
    sentence = f"{len(train)} training and {len(test)} test rows, drawn at random with seed {seed}"
    if y.classes:
        sentence += ", stratified by class" if stratify else ", not by class: some have too few rows"
    return train, test, sentence


def _impute(inputs: pd.DataFrame, train: np.ndarray) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Fill missing values from the training rows: median, or most frequent category (the first if tied)."""
    missing = inputs.isna().sum()
    if not missing.any():
        return inputs, ()
    fillings = {}
    for name in missing[missing > 0].index:
        given = inputs[name].iloc[train].dropna()
        if given.empty:
            raise ValueError(f"column {name!r} has no value at all in the training rows, expected some: drop it")
        fillings[name] = given.mode()[0] if given.dtype == object else given.median()
    filled = ", ".join(f"{name!r} ({missing[name]}) with {value}" for name, value in fillings.items())
    return inputs.fillna(fillings), (f"missing values filled: {filled}",)


def _encode(
    inputs: pd.DataFrame, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """x_train, x_test, feature names: standardised numbers, one-hot categories, in the columns' order."""
    from sklearn.preprocessing import OneHotEncoder

    numbers = inputs.select_dtypes(float)
    scaled = _standardised(numbers, train, test) if len(numbers.columns) else (np.empty((0, 0)),) * 2
    place = {name: i for i, name in enumerate(numbers)}
    parts_train, parts_test, feature_names = [], [], []
    for name in inputs:
        if name in place:
            column = slice(place[name], place[name] + 1)
            x_train, x_test = scaled[0][:, column], scaled[1][:, column]
            feature_names.append(str(name))
        else:
            text = inputs[[name]].to_numpy()
            encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(text[train])
            x_train, x_test = encoder.transform(text[train]), encoder.transform(text[test])
            feature_names += [f"{name}={category}" for category in encoder.categories_[0]]
        parts_train.append(x_train)
        parts_test.append(x_test)
    return np.hstack(parts_train), np.hstack(parts_test), tuple(feature_names)


def _standardised(numbers: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All columns at once; one by one only to name the one that cannot be."""
    values = numbers.to_numpy()
    try:
        return standardise(values[train], values[test])
    except ValueError:
        for i, name in enumerate(numbers):
            standardise(values[train, i : i + 1], values[test, i : i + 1], f"column {name!r}")
        raise


def _constant(inputs: pd.DataFrame, train: np.ndarray) -> tuple[str, ...]:
    """A note that names the columns from which nothing can be learnt."""
    values = inputs.iloc[train].nunique()
    same = [repr(name) for name in values[values <= 1].index]
    return (f"columns with one value only in the training rows: {_listed(same)}",) if same else ()


def _encoded(inputs: pd.DataFrame) -> tuple[str, ...]:
    """A note that names the columns taken for categories; a number typed with a letter shows up here."""
    categories = inputs.select_dtypes(object).nunique()
    return (f"columns of categories (how many): {_counted(categories)}",) if len(categories) else ()


def _is_number(column: pd.Series) -> bool:
    """Numbers and truth values; not complex numbers."""
    return types.is_numeric_dtype(column) and not types.is_complex_dtype(column)


def _is_category(column: pd.Series) -> bool:
    """Text, or objects that are each text, a truth value or a number."""
    return all(isinstance(value, str | Real | np.bool_) for value in column.dropna())


def _kind(column: pd.Series) -> str:
    """What a column that is not empty holds, in words."""
    if types.is_bool_dtype(column):
        return "truth values"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categories"
    if types.is_string_dtype(column):
        return "text"
    return f"values of type {type(column.dropna().iloc[0]).__name__}"


def _as_floats(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _class_name(value: object) -> str:
    """A class as text; a whole number without its decimal point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _counted(counts: pd.Series) -> str:
    """The columns whose count is not 0, each with it."""
    return _listed([f"{name!r} ({count})" for name, count in counts[counts > 0].items()])


def _listed(items: list[str]) -> str:
    return ", ".join(items[:20]) + (f" and {len(items) - 20} more" if len(items) > 20 else "")
