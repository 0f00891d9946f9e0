"""Data for a script whose own cannot be had: from a file that is named, or drawn in the right shapes and dtypes.

Only where it is asked for. What is replaced is the loading: `open`, NumPy's and pandas' readers for a file that is
missing, the downloads of Keras, torchvision and scikit-learn.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

# Samples of training and test, a sample's shape, and the number of classes; 0 for a number as the target.
KNOWN: dict[str, tuple[int, int, tuple[int, ...], int]] = {
    "mnist": (2000, 500, (28, 28), 10), "fashion_mnist": (2000, 500, (28, 28), 10),
    "cifar10": (1000, 250, (32, 32, 3), 10), "cifar100": (1000, 250, (32, 32, 3), 100),
    "boston_housing": (404, 102, (13,), 0), "california_housing": (2000, 500, (8,), 0),
}  # fmt: skip
TORCHVISION = {"MNIST": "mnist", "FashionMNIST": "fashion_mnist", "KMNIST": "mnist", "CIFAR10": "cifar10",
               "CIFAR100": "cifar100"}  # fmt: skip
READERS = {"numpy": ("loadtxt", "genfromtxt", "load"), "pandas": ("read_csv", "read_table", "read_parquet")}


@dataclass(frozen=True)
class Supply:
    """What a script is given besides itself."""

    arguments: list[str] = field(default_factory=list)
    weights: str = ""  # names of a NumPy script's weights, "W1,b1,W2,b2"
    data: str = ""  # a file to take where one is missing
    synthetic: str = ""  # "yes", or "768x9" for a table that is missing


class Unsupplied(Exception):
    """Why there are no data after all, in one line."""


@contextlib.contextmanager
def supplied(given: Supply, imports: set[str]) -> Iterator[None]:
    """Nothing where no data are asked for; else loading gives what is asked for where it would fail, or download."""
    kept: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        kept.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    with tempfile.TemporaryDirectory() as folder:
        try:
            if given.data or given.synthetic:
                _readers(given, imports, put, Path(folder))
                _downloads(given, imports, put)
            yield
        finally:
            for owner, name, value in reversed(kept):
                setattr(owner, name, value)


Put = Callable[[Any, str, Any], None]


def _readers(given: Supply, imports: set[str], put: Put, folder: Path) -> None:
    """`open` and the readers of tables, for a file that is not there."""
    place = Path(given.data).resolve() if given.data else None

    def reading(original: Callable, plain: bool) -> Callable:
        def read(file: Any, *arguments: Any, **named: Any) -> Any:
            if not isinstance(file, str | os.PathLike) or not _is_missing_file(str(file)):
                return original(file, *arguments, **named)
            mode = str(arguments[0] if arguments else named.get("mode", "r"))
            if plain and (set(mode) & set("wax+") or not _users(sys._getframe(1).f_code.co_filename)):
                return original(file, *arguments, **named)
            return original(place or _table(given, file, folder), *arguments, **named)

        return read

    put(builtins, "open", reading(builtins.open, True))
    for module, names in READERS.items():
        if module in imports:
            found = importlib.import_module(module)
            for name in names:
                put(found, name, reading(getattr(found, name), False))


def _users(file: str) -> bool:
    return "site-packages" not in file and not file.startswith((sys.prefix, sys.base_prefix, "<"))


def _is_missing_file(name: str) -> bool:
    return name.startswith(("http://", "https://")) or not Path(name).exists()


def _table(given: Supply, name: Any, folder: Path) -> Path:
    """A comma-separated table of random numbers, the last column of 0 and 1."""
    shape = re.fullmatch(r"(\d+)x(\d+)", given.synthetic)
    if not shape:
        raise Unsupplied(f"{name} has no shape to be drawn in: give rows and columns, as --synthetic 768x9")
    rows, columns = int(shape[1]), int(shape[2])
    random = np.random.default_rng(0)
    values = random.normal(size=(rows, columns)).round(4)
    lines = [",".join([*map(str, row[:-1]), str(int(row[-1] > 0))]) for row in values.tolist()]
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


# Downloads ------------------------------------------------------------------------------------------------------------


def arrays(given: Supply, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x_train, y_train, x_test, y_test of a public data set: from an .npz file with these names, or drawn."""
    if given.data:
        if not given.data.endswith(".npz"):
            raise Unsupplied(f"{name} needs an .npz file with x_train, y_train, x_test, y_test, not {given.data}")
        with np.load(given.data) as file:
            keys = ("x_train", "y_train", "x_test", "y_test")
            if absent := [key for key in keys if key not in file]:
                raise Unsupplied(f"{given.data} has no {absent[0]}: {name} needs {', '.join(keys)}")
            return file["x_train"], file["y_train"], file["x_test"], file["y_test"]
    train, test, shape, classes = KNOWN[name]
    random = np.random.default_rng(0)
    found: list[np.ndarray] = []
    for count in (train, test):
        if classes:
            y = random.integers(classes, size=count)
            bright = (127 * y // max(classes - 1, 1)).reshape(-1, *(1 for _ in shape))  # So that there is to learn.
            y = y.reshape(-1, 1) if name.startswith("cifar") else y
            found += [(random.integers(128, size=(count, *shape)) + bright).astype("uint8"), y.astype("uint8")]
        else:
            features = random.normal(size=(count, *shape))
            found += [features, features @ np.linspace(-1, 1, shape[0]) + 22.0]
    return found[0], found[1], found[2], found[3]


def _downloads(given: Supply, imports: set[str], put: Put) -> None:
    if imports & {"keras", "tensorflow"}:
        for module in _keras_datasets(imports):
            name = module.__name__.rpartition(".")[2]
            if name in KNOWN or given.data:
                put(module, "load_data", _load_data(given, name))
    if "torchvision" in imports:
        with contextlib.suppress(ImportError):
            datasets = importlib.import_module("torchvision.datasets")
            for kind, name in TORCHVISION.items():
                if hasattr(datasets, kind):
                    put(datasets, kind, _vision(given, name))
    if "sklearn" in imports:
        datasets = importlib.import_module("sklearn.datasets")
        put(datasets, "fetch_california_housing", _fetched(given, "california_housing"))
        put(datasets, "fetch_openml", _fetched(given, "mnist"))


def _keras_datasets(imports: set[str]) -> Iterator[Any]:
    """The modules from which a script may take Keras' data sets."""
    import keras

    owners = [keras.datasets]
    if "tensorflow" in imports:
        tensorflow = importlib.import_module("tensorflow")
        owners.append(tensorflow.keras.datasets)
    for owner in owners:
        for name in dir(owner):
            if hasattr(getattr(owner, name), "load_data"):
                yield getattr(owner, name)


def _load_data(given: Supply, name: str) -> Callable:
    def load_data(*_: Any, **__: Any) -> Any:
        x, y, x_test, y_test = arrays(given, name)
        return (x, y), (x_test, y_test)

    return load_data


def _fetched(given: Supply, name: str) -> Callable:
    """scikit-learn's fetch_...: all samples as one table."""

    def fetch(*_: Any, return_X_y: bool = False, **__: Any) -> Any:
        x, y, x_test, y_test = arrays(given, name)
        data = np.concatenate([x, x_test]).reshape(len(x) + len(x_test), -1).astype(float)
        target = np.concatenate([y, y_test])
        target = target.astype(str).astype(object) if name == "mnist" else target
        return (data, target) if return_X_y else SimpleNamespace(data=data, target=target)

    return fetch


def _vision(given: Supply, name: str) -> type:
    """A data set as torchvision's: images, with the transforms that a script gives."""

    class Images:
        def __init__(self, root: Any = None, train: bool = True, transform: Any = None, target_transform: Any = None,
                     download: bool = False):  # fmt: skip
            import torch

            x, y, x_test, y_test = arrays(given, name)
            images, labels = (x, y) if train else (x_test, y_test)
            self.data: Any = torch.from_numpy(images) if images.ndim == 3 else images
            self.targets: Any = torch.from_numpy(np.ravel(labels).astype("int64"))
            self.transform, self.target_transform = transform, target_transform

        def __len__(self) -> int:
            return len(self.data)

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            image, label = np.asarray(self.data[number]), int(self.targets[number])
            if self.transform is not None:
                from PIL import Image

                image = self.transform(Image.fromarray(image))
            return image, label if self.target_transform is None else self.target_transform(label)

    return Images
