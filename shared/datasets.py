"""The datasets by name, behind one small interface: `names`, `describe` and `load`.

All but two are generated or come with scikit-learn, without a download; "mnist" and "fashion-mnist" are
read from their IDX files (shared/idx.py). Nothing heavy is imported before a dataset is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from shared.batches import require_seed
from shared.names import unknown_name

TEST_FRACTION = 0.25


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test set.

    The arrays are C-contiguous and read-only, so that no implementation can change another's data.
    """

    name: str
    task: str  # "regression", "binary" or "multiclass"
    x_train: np.ndarray  # (N, D) float64
    y_train: np.ndarray  # (N,) float64 for regression, otherwise int64 class ids
    x_test: np.ndarray  # (M, D) float64
    y_test: np.ndarray  # (M,) as y_train
    classes: tuple[str, ...]  # the name of every class id; () for regression
    feature_names: tuple[str, ...]  # one for every column of x
    split: str  # how training and test set were parted
    scaling: str  # what was done to the inputs, and to a regression's target
    licence: str
    source: str
    notes: tuple[str, ...] = ()  # sentences that a command should print, such as an inferred task

    def __post_init__(self) -> None:
        y_type = np.float64 if self.task == "regression" else np.int64
        types = {"x_train": np.float64, "y_train": y_type, "x_test": np.float64, "y_test": y_type}
        for name, dtype in types.items():
            view = np.ascontiguousarray(getattr(self, name), dtype=dtype).view()
            view.setflags(write=False)
            object.__setattr__(self, name, view)


@dataclass(frozen=True)
class Description:
    """What is known of a dataset without loading it."""

    name: str
    task: str  # "regression", "binary" or "multiclass"
    title: str
    inputs: int  # D, the number of columns of x
    classes: int  # 0 for regression
    licence: str
    source: str


class _Parts(NamedTuple):
    """What a reader returns: a dataset already split, not yet scaled."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    split: str


class _Entry(NamedTuple):
    description: Description
    read: Callable[[int], _Parts]  # from a seed
    divisor: float | None = None  # the inputs are divided by it; None: they are standardised


def names() -> tuple[str, ...]:
    """The names of all datasets."""
    return tuple(_CATALOGUE)


def describe(name: str) -> Description:
    """What is known of a dataset without loading it. Raises ValueError for an unknown name."""
    return _entry(name).description


def load(name: str, *, seed: int = 0, scale: bool = True) -> Dataset:
    """Load a dataset, split and scaled.

    The seed decides the split, and the points where they are generated. With scale=False the inputs stay as
    they are; the target of a regression is standardised all the same. Raises ValueError for an unknown
    name, a seed outside 0 … 2³² - 1, and for image files that cannot be had or are damaged.
    """
    entry = _entry(name)
    require_seed("seed", seed)
    parts = entry.read(seed)
    x_train, x_test, scaling = _scale_inputs(parts, entry.divisor if scale else 1.0)
    y_train, y_test = parts.y_train, parts.y_test
    about = entry.description
    if about.task == "regression":
        y_train, y_test, scaling = standardise_target(y_train, y_test, scaling)
    return Dataset(
        name=about.name,
        task=about.task,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=parts.classes,
        feature_names=parts.feature_names,
        split=parts.split,
        scaling=scaling,
        licence=about.licence,
        source=about.source,
    )


def held_out(
    count: int, labels: np.ndarray | None, seed: int, test_fraction: float = TEST_FRACTION
) -> tuple[np.ndarray, np.ndarray]:
    """Part the rows 0 … count - 1 at random into training and test rows, by label where labels are given."""
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(count), test_size=test_fraction, random_state=seed, stratify=labels)
    return train, test


def standardise(train: np.ndarray, test: np.ndarray, what: str = "the inputs") -> tuple[np.ndarray, np.ndarray]:
    """Subtract each column's training mean, divide by its training standard deviation; (N, D) and (M, D).

    A column that is constant in the training set is only shifted. Raises ValueError, naming `what`, when
    numbers are so large that their variance or the result is not finite.
    """
    from sklearn.preprocessing import StandardScaler

    with np.errstate(over="ignore", invalid="ignore"):  # reported in one line below
        scaler = StandardScaler().fit(train)
        scaled = scaler.transform(train), scaler.transform(test)
    if not all(np.isfinite(numbers).all() for numbers in (scaler.var_, *scaled)):
        raise ValueError(f"{what}: values too large to be standardised, expected magnitudes below 1e150")
    return scaled


def standardise_target(y_train: np.ndarray, y_test: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Standardise a regression's target, (N,) and (M,), and say so after the sentence on the inputs."""
    train, test = standardise(y_train[:, None], y_test[:, None], "the target")
    mean, deviation = y_train.mean(), y_train.std()
    said = f"target standardised (training mean {mean:.6g}, standard deviation {deviation:.6g})"
    return train[:, 0], test[:, 0], f"{scaling}; {said}"


def _entry(name: str) -> _Entry:
    if name not in _CATALOGUE:
        raise unknown_name("dataset", name, _CATALOGUE)
    return _CATALOGUE[name]


def _scale_inputs(parts: _Parts, divisor: float | None) -> tuple[np.ndarray, np.ndarray, str]:
    """The scaled inputs of both parts, and a sentence on what was done."""
    if divisor is None:
        said = "inputs standardised with the training set's mean and standard deviation of each column"
        return *standardise(parts.x_train, parts.x_test), said
    if divisor == 1.0:
        return parts.x_train, parts.x_test, "inputs left as they are"
    said = f"inputs divided by {divisor:g}, the largest value a pixel can have, so that they lie in [0, 1]"
    return parts.x_train / divisor, parts.x_test / divisor, said


def _split(x: np.ndarray, y: np.ndarray, classes: tuple[str, ...], feature_names: tuple[str, ...], seed: int) -> _Parts:
    """Hold out a quarter of the rows, stratified by class where there are classes."""
    train, test = held_out(len(x), y if classes else None, seed)
    by_class = ", stratified by class" if classes else ""
    split = f"{len(train)} training and {len(test)} test rows, drawn at random with seed {seed}{by_class}"
    return _Parts(x[train], y[train], x[test], y[test], classes, feature_names, split)


def _read_xor(seed: int) -> _Parts:
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    split = "the test set is the training set: XOR has only these four points"
    return _Parts(x, y, x, y, ("0", "1"), ("a", "b"), split)


def _read_two_moons(seed: int) -> _Parts:
    from sklearn.datasets import make_moons

    x, y = make_moons(n_samples=400, noise=0.2, random_state=seed)
    return _split(x, y, ("upper moon", "lower moon"), ("x", "y"), seed)


def _read_spirals(seed: int) -> _Parts:
    """Three arms, each 200 points along r = t, angle = arm·120° + 1.5·π·t + noise, for t from 0.1 to 1."""
    arms, points = 3, 200
    rng = np.random.default_rng(seed)
    t = np.tile(np.linspace(0.1, 1.0, points), arms)  # (600,)
    arm = np.repeat(np.arange(arms), points)  # (600,)
    angle = arm * 2 * np.pi / arms + 1.5 * np.pi * t + rng.normal(0.0, 0.15, arms * points)
    x = np.column_stack([t * np.cos(angle), t * np.sin(angle)])
    return _split(x, arm, ("arm 1", "arm 2", "arm 3"), ("x", "y"), seed)


def _read_bundled(loader: str, seed: int, **options: bool) -> _Parts:
    """One of the datasets that come with scikit-learn."""
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, loader)(**options)
    classes = tuple(map(str, bunch.get("target_names", ())))
    return _split(bunch.data, bunch.target, classes, tuple(map(str, bunch.feature_names)), seed)


def _read_images(name: str, classes: tuple[str, ...], seed: int) -> _Parts:
    from shared.idx import load_images

    images = load_images(name)
    split = f"the files' own: {len(images.x_train)} training and {len(images.x_test)} test images"
    pixels = tuple(f"pixel_{row}_{column}" for row in range(28) for column in range(28))
    x_train, x_test = images.x_train.reshape(-1, 28 * 28), images.x_test.reshape(-1, 28 * 28)
    return _Parts(x_train, images.y_train, x_test, images.y_test, classes, pixels, split)


_GENERATED = "none needed: the points are generated"
_UCI_LICENCE = "CC BY 4.0, as the UCI Machine Learning Repository states for the original"

_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_ENTRIES = (
    _Entry(
        Description(
            name="xor",
            task="binary",
            title="exclusive or, four points",
            inputs=2,
            classes=2,
            licence=_GENERATED,
            source="the definition of XOR",
        ),
        _read_xor,
        divisor=1.0,
    ),
    _Entry(
        Description(
            name="two-moons",
            task="binary",
            title="two interleaved half circles, with noise",
            inputs=2,
            classes=2,
            licence=_GENERATED,
            source="scikit-learn's make_moons, 400 points, noise 0.2",
        ),
        _read_two_moons,
    ),
    _Entry(
        Description(
            name="spirals",
            task="multiclass",
            title="three interleaved spiral arms, with noise",
            inputs=2,
            classes=3,
            licence=_GENERATED,
            source="this project's own generator, 200 points an arm",
        ),
        _read_spirals,
    ),
    _Entry(
        Description(
            name="iris",
            task="multiclass",
            title="species of iris, from four measurements of a flower",
            inputs=4,
            classes=3,
            licence="none stated for this copy; UCI's, which differs in two points, is CC BY 4.0",
            source="R. A. Fisher, 1936; the copy in scikit-learn, the same as R's",
        ),
        partial(_read_bundled, "load_iris"),
    ),
    _Entry(
        Description(
            name="wine",
            task="multiclass",
            title="cultivar of a wine, from thirteen chemical measurements",
            inputs=13,
            classes=3,
            licence=_UCI_LICENCE,
            source="M. Forina et al.; the copy in scikit-learn of the UCI dataset Wine",
        ),
        partial(_read_bundled, "load_wine"),
    ),
    _Entry(
        Description(
            name="breast-cancer",
            task="binary",
            title="malignant or benign, from thirty measurements of cell nuclei",
            inputs=30,
            classes=2,
            licence=_UCI_LICENCE,
            source="W. H. Wolberg, W. N. Street and O. L. Mangasarian, 1995; "
            "the copy in scikit-learn of the UCI dataset Breast Cancer Wisconsin (Diagnostic)",
        ),
        partial(_read_bundled, "load_breast_cancer"),
    ),
    _Entry(
        Description(
            name="digits",
            task="multiclass",
            title="handwritten digits, images of 8x8 pixels",
            inputs=64,
            classes=10,
            licence=_UCI_LICENCE,
            source="E. Alpaydin and C. Kaynak, 1998; the copy in scikit-learn of the test set of the "
            "UCI dataset Optical Recognition of Handwritten Digits",
        ),
        partial(_read_bundled, "load_digits"),
        divisor=16.0,
    ),
    _Entry(
        Description(
            name="diabetes",
            task="regression",
            title="progression of diabetes in a year, from ten measurements",
            inputs=10,
            classes=0,
            licence="none stated by its source",
            source="B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, 2004; the copy in scikit-learn, "
            "in its original units",
        ),
        # scikit-learn's scaled form uses the statistics of all rows, the test rows among them.
        partial(_read_bundled, "load_diabetes", scaled=False),
    ),
    _Entry(
        Description(
            name="mnist",
            task="multiclass",
            title="handwritten digits, images of 28x28 pixels",
            inputs=784,
            classes=10,
            licence="CC BY-SA 3.0, as Keras' documentation states; copyright Yann LeCun and Corinna Cortes",
            source="Y. LeCun, C. Cortes and C. J. C. Burges, the MNIST database (IDX files)",
        ),
        partial(_read_images, "mnist", tuple("0123456789")),
        divisor=255.0,
    ),
    _Entry(
        Description(
            name="fashion-mnist",
            task="multiclass",
            title="articles of clothing, images of 28x28 pixels",
            inputs=784,
            classes=10,
            licence="MIT, copyright Zalando SE",
            source="H. Xiao, K. Rasul and R. Vollgraf, 2017, Fashion-MNIST (IDX files)",
        ),
        partial(_read_images, "fashion-mnist", _CLOTHES),
        divisor=255.0,
    ),
)
_CATALOGUE = {entry.description.name: entry for entry in _ENTRIES}
