"""MNIST and Fashion-MNIST from their IDX files, gzip or plain, found in a folder or downloaded once.

The format: two zero bytes, a type code, the number of dimensions; the size of each dimension as a big-endian
32-bit number; then the values, big-endian, the last dimension running fastest. `python -m shared.idx mnist`
downloads a dataset's four files into the cache folder.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shared.names import unknown_name

if TYPE_CHECKING:
    from rich.progress import Progress

DATA_VARIABLE = "MLP_ROSETTA_DATA"  # names the folder that holds mnist/ and fashion-mnist/

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_FILES = {"train-images": 3, "train-labels": 1, "t10k-images": 3, "t10k-labels": 1}  # dimensions of each
_MOST_DIMENSIONS = 8  # more are a damaged byte, and sizes of hundreds of digits
_GZIP_MAGIC = b"\x1f\x8b"


class _Mirror(NamedTuple):
    url: str
    md5: dict[str, str]  # of the gzip files


_MIRRORS = {
    "mnist": _Mirror(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": _Mirror(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}


class Images(NamedTuple):
    """A training and a test set of images of 28x28 pixels and their class ids 0 to 9."""

    x_train: np.ndarray  # (N, 28, 28) uint8
    y_train: np.ndarray  # (N,) uint8
    x_test: np.ndarray  # (M, 28, 28) uint8
    y_test: np.ndarray  # (M,) uint8


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, gzip or plain (the content decides, not the name), in the machine's byte order.

    Raises ValueError, in one line with the file's name, for a file that cannot be read or unzipped, that
    does not begin as an IDX file does, or that holds fewer or more bytes than its header announces.
    """
    content = _read_bytes(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or not 0 < content[3] <= _MOST_DIMENSIONS:
        raise ValueError(
            f"{path}: not an IDX file: it begins with the bytes {content[:4].hex(' ') or '(none)'}, "
            f"expected 00 00, a type code (08, 09 or 0b to 0e) and the number of dimensions, 1 to {_MOST_DIMENSIONS}"
        )
    dtype, n_dimensions = np.dtype(_TYPES[content[2]]), content[3]
    n_header = 4 + 4 * n_dimensions
    if len(content) < n_header:
        raise ValueError(f"{path}: truncated: found {len(content)} bytes, expected a header of {n_header}")
    shape = struct.unpack(f">{n_dimensions}I", content[4:n_header])
    n_expected = n_header + math.prod(shape) * dtype.itemsize
    if len(content) != n_expected:
        problem = "truncated" if len(content) < n_expected else "trailing bytes"
        raise ValueError(
            f"{path}: {problem}: found {len(content)} bytes, expected {n_expected} "
            f"for {' x '.join(map(str, shape))} values of {dtype.itemsize} bytes and the header"
        )
    return np.frombuffer(content, dtype, offset=n_header).reshape(shape).astype(dtype.newbyteorder("="))


def load_images(name: str, folder: str | os.PathLike[str] | None = None, download: bool = True) -> Images:
    """Load "mnist" or "fashion-mnist".

    The four files are looked for in `folder`; or, when it is not given, in the folder of that name under
    the one in the environment variable MLP_ROSETTA_DATA, then in the cache folder. What the cache folder
    lacks is downloaded there, and must match its known checksum. Files put there by hand need not, so that
    a subset can be used.

    Raises ValueError, in one line, for an unknown name, for files that are missing and may not or cannot be
    downloaded, and for files that are damaged or do not fit together.
    """
    place, files = _look(name, folder)
    if len(files) < len(_FILES):
        if not download or place != cache_folder(name):
            raise ValueError(_missing(name, place, files))
        files = _download(name, place, files)
    x_train, y_train = _read_pair(files["train-images"], files["train-labels"])
    x_test, y_test = _read_pair(files["t10k-images"], files["t10k-labels"])
    return Images(x_train, y_train, x_test, y_test)


def available(name: str, folder: str | os.PathLike[str] | None = None) -> str | None:
    """None when the four files are there, otherwise the reason in one line.

    The files are not opened, and the network is not used. Raises ValueError for an unknown name.
    """
    place, files = _look(name, folder)
    return None if len(files) == len(_FILES) else _missing(name, place, files)


def cache_folder(name: str) -> Path:
    """The folder into which a dataset is downloaded; it need not exist yet."""
    import pooch

    return Path(pooch.os_cache("mlp-rosetta")) / name


def main(arguments: list[str] | None = None) -> int:
    """Download datasets into the cache folder, unless they are there already, and say where they are."""
    from compare.run.command import guarded  # Late: it is for commands, and this file is read by all.

    return guarded("shared.idx", lambda: _downloaded(arguments), "what was downloaded whole is kept")


def _downloaded(arguments: list[str] | None) -> int:
    from compare.usage import Parser, UsageError

    parser = Parser(prog="python -m shared.idx", description=main.__doc__)
    parser.add_argument("names", nargs="+", choices=list(_MIRRORS), metavar="NAME", help=" or ".join(_MIRRORS))
    for name in parser.parse_args(arguments).names:
        try:
            images = load_images(name)
        except ValueError as error:
            raise UsageError(str(error)) from None
        place, _ = _look(name, None)
        print(f"{name}: {len(images.x_train)} training and {len(images.x_test)} test images in {place}")
    return 0


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    """A file's content, unzipped if it is gzip."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: damaged gzip file ({error}), expected an intact one: delete it or fetch it anew"
        ) from error


def _read_pair(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) and labels (N,) that belong together."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or len(images) == 0:
        raise ValueError(f"{images_path}: found {_form(images)}, expected images: uint8 of shape (N, 28, 28)")
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(f"{labels_path}: found {_form(labels)}, expected labels: uint8 of shape (N,)")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} holds {len(images)} images but {labels_path} {len(labels)} labels, "
            "expected as many labels as images"
        )
    if labels.max() > 9:
        raise ValueError(f"{labels_path}: found the label {labels.max()}, expected class ids from 0 to 9")
    return images, labels


def _form(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _look(name: str, folder: str | os.PathLike[str] | None) -> tuple[Path, dict[str, Path]]:
    """The first place that holds any of the files, and those files; otherwise the last place."""
    if name not in _MIRRORS:
        raise unknown_name("image dataset", name, _MIRRORS)
    if folder is not None:
        return Path(folder), _files_in(Path(folder))
    if root := os.environ.get(DATA_VARIABLE):
        place = Path(root).expanduser() / name
        if files := _files_in(place):
            return place, files
    return cache_folder(name), _files_in(cache_folder(name))


def _files_in(folder: Path) -> dict[str, Path]:
    """Those of the four files that a folder holds, under any of their names."""
    found = {}
    for file, n_dimensions in _FILES.items():
        names = [f"{file}{mark}idx{n_dimensions}-ubyte{zipped}" for mark in "-." for zipped in ("", ".gz")]
        paths = [folder / name for name in names if os.path.isfile(folder / name)]
        if paths:
            found[file] = paths[0]
    return found


def _standard_name(file: str) -> str:
    return f"{file}-idx{_FILES[file]}-ubyte.gz"


def _missing(name: str, place: Path, files: Mapping[str, Path]) -> str:
    """Which files are not there, and what to do about it, in one line."""
    return f"{name}: {_advice(name, place, files)}, or download them with: python -m shared.idx {name}"


def _advice(name: str, place: Path, files: Mapping[str, Path]) -> str:
    lacking = ", ".join(_standard_name(file) for file in _FILES if file not in files)
    home = Path.home()
    shown = f"~/{place.relative_to(home).as_posix()}" if place.is_relative_to(home) else place  # Reports are shared.
    return (
        f"{shown} lacks {lacking}; put them there (.gz or unzipped), "
        f"or into {name}/ in a folder named by {DATA_VARIABLE}"
    )


def _download(name: str, folder: Path, files: Mapping[str, Path]) -> dict[str, Path]:
    """Download the files that are lacking; each gets its name once it is whole and its checksum right."""
    import pooch
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    mirror = _MIRRORS[name]
    files = dict(files)
    pooch.get_logger().setLevel("WARNING")  # the bars below say what is going on
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for file in [file for file in _FILES if file not in files]:
            url = mirror.url + _standard_name(file)
            bar = _DownloadBar(progress, f"{name}: {_standard_name(file)}")
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16)
            try:
                path = pooch.retrieve(
                    url, f"md5:{mirror.md5[file]}", _standard_name(file), folder, downloader=downloader
                )
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                advice = _advice(name, folder, files)
                raise ValueError(f"{name}: cannot download {url}: {_cause(error)}; {advice}") from error
            files[file] = Path(path)
    return files


class _DownloadBar:
    """A bar of rich with the members that pooch asks of a progress bar."""

    total: int | None = None  # bytes, set by pooch when the download begins

    def __init__(self, progress: Progress, description: str) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=None)

    def update(self, n_bytes: int) -> None:
        self._progress.update(self._task, total=self.total, advance=n_bytes)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.stop_task(self._task)


def _cause(error: Exception) -> str:
    """Why a download failed, in a few words."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error).splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
