"""IDX files: read, refused when damaged, found in their folders and downloaded; on small files made here.

No test reaches beyond this machine: downloads are served from 127.0.0.1.
"""

from __future__ import annotations

import gc
import gzip
import hashlib
import struct
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from shared import datasets, idx

TYPE_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
LABELS = {"train": np.arange(12) % 10, "t10k": np.arange(5)}
NAMES = [f"{part}-{kind}-ubyte" for part in LABELS for kind in ("images-idx3", "labels-idx1")]


def idx_bytes(array: np.ndarray) -> bytes:
    """The array as an IDX file."""
    kind = array.dtype.str[1:]
    header = bytes([0, 0, TYPE_CODES[kind], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(f">{kind}").tobytes()


def contents() -> dict[str, bytes]:
    """The four files, plain, by their standard names: 12 training and 5 test images."""
    rng = np.random.default_rng(0)
    files = {}
    for part, labels in LABELS.items():
        images = rng.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(images)
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes(labels.astype(np.uint8))
    return files


def write(folder, files, *, mark="-", zipped=False):
    """Put files into a folder, under one of the four spellings of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("-idx", f"{mark}idx")
        if zipped:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            path.write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, no folder in the environment, and a mirror that cannot be reached."""
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv(idx.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(idx, "_MIRRORS", {name: unreachable() for name in ("mnist", "fashion-mnist")})
    return tmp_path / "cache" / "mlp-rosetta" / "mnist"


def unreachable() -> idx._Mirror:
    return idx._Mirror("http://127.0.0.1:9/", dict.fromkeys(idx._FILES, "0" * 32))


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """The mirror of "mnist": the folder that a local server serves, and the paths that it was asked for."""
    folder = write(tmp_path / "mirror", contents(), zipped=True)
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
    md5 = {file: hashlib.md5((folder / idx._standard_name(file)).read_bytes()).hexdigest() for file in idx._FILES}
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setitem(idx._MIRRORS, "mnist", idx._Mirror(url, md5))
    yield folder, asked
    server.shutdown()
    server.server_close()


def refusal(call, *arguments) -> str:
    """The message of the ValueError that the call raises, which must be one line."""
    with pytest.raises(ValueError, match=r".") as error:
        call(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


@given(
    array=st.sampled_from(sorted(TYPE_CODES)).flatmap(
        lambda kind: arrays(np.dtype(kind), array_shapes(max_dims=4, max_side=5))
    ),
    zipped=st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, array, zipped):
    path = tmp_path_factory.mktemp("idx") / "array"
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    result = idx.read_idx(path)
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


INTACT = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))
DAMAGED = {
    "empty": (b"", "not an IDX file: it begins with the bytes (none), expected 00 00"),
    "magic": (b"\x89PNG" + INTACT[4:], "not an IDX file: it begins with the bytes 89 50 4e 47"),
    "type": (b"\0\0\x0a\x02" + INTACT[4:], "not an IDX file: it begins with the bytes 00 00 0a 02"),
    "dimensions": (b"\0\0\x08\x00" + INTACT[4:], "not an IDX file: it begins with the bytes 00 00 08 00"),
    "255 dimensions": (b"\0\0\x08\xff" + b"\xff" * 2000, "not an IDX file: it begins with the bytes 00 00 08 ff"),
    "header": (INTACT[:7], "truncated: found 7 bytes, expected a header of 12"),
    "truncated": (INTACT[:-1], "truncated: found 17 bytes, expected 18 for 2 x 3 values of 1 bytes"),
    "trailing": (INTACT + b"\0", "trailing bytes: found 19 bytes, expected 18"),
    "huge": (b"\0\0\x08\x03" + b"\xff" * 12, "truncated: found 16 bytes, expected"),
    "cut gzip": (gzip.compress(INTACT)[:-9], "damaged gzip file"),
    "bad gzip": (gzip.compress(INTACT)[:-8] + b"\0" * 8, "damaged gzip file (CRC check failed"),
    "no gzip": (b"\x1f\x8b\x08\x00 no deflate stream", "damaged gzip file"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_refused_by_name(tmp_path, damage):
    content, message = DAMAGED[damage]
    path = tmp_path / "file-idx3-ubyte"
    path.write_bytes(content)
    assert refusal(idx.read_idx, path).startswith(f"{path}: {message}")


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "file"
    for whole in (INTACT, gzip.compress(INTACT)):
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            assert str(path) in refusal(idx.read_idx, path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    assert "cannot be read: No such file" in refusal(idx.read_idx, tmp_path / "none")
    assert "cannot be read" in refusal(idx.read_idx, tmp_path)


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True])
def test_images_are_found_under_every_usual_name(tmp_path, mark, zipped):
    folder = write(tmp_path / "files", contents(), mark=mark, zipped=zipped)
    images = idx.load_images("mnist", folder)
    assert images.x_train.shape == (12, 28, 28)
    assert images.x_test.shape == (5, 28, 28)
    np.testing.assert_array_equal(images.y_train, LABELS["train"])
    np.testing.assert_array_equal(images.y_test, LABELS["t10k"])
    assert images.x_train.tobytes() == contents()["train-images-idx3-ubyte"][16:]
    assert idx.available("mnist", folder) is None


def test_the_environment_comes_before_the_cache(tmp_path, cache, monkeypatch):
    write(cache, contents())
    assert len(idx.load_images("mnist").x_train) == 12
    fewer = {**contents(), "train-images-idx3-ubyte": idx_bytes(np.zeros((1, 28, 28), np.uint8))}
    fewer["train-labels-idx1-ubyte"] = idx_bytes(np.zeros(1, np.uint8))
    write(tmp_path / "data" / "mnist", fewer)
    monkeypatch.setenv(idx.DATA_VARIABLE, str(tmp_path / "data"))
    assert len(idx.load_images("mnist").x_train) == 1
    assert idx.available("fashion-mnist") is not None


def test_an_environment_folder_without_any_of_the_files_leaves_the_cache(tmp_path, cache, monkeypatch):
    write(cache, contents())
    monkeypatch.setenv(idx.DATA_VARIABLE, str(tmp_path / "nothing"))
    assert idx.available("mnist") is None


def test_what_is_lacking_is_named_with_what_to_do(tmp_path, cache):
    folder = write(tmp_path / "files", contents())
    (folder / "t10k-labels-idx1-ubyte").unlink()
    for message in (idx.available("mnist", folder), refusal(idx.load_images, "mnist", folder)):
        assert f"{folder} lacks t10k-labels-idx1-ubyte.gz; put them there" in message
        assert idx.DATA_VARIABLE in message
        assert "train-images" not in message
    assert refusal(partial(idx.load_images, download=False), "mnist") == idx.available("mnist")
    assert all(f"{name}.gz" in idx.available("mnist") for name in NAMES)
    assert not cache.exists()


def test_a_folder_with_a_files_name_is_not_that_file(tmp_path):
    folder = write(tmp_path / "files", contents())
    (folder / "train-images-idx3-ubyte").unlink()
    (folder / "train-images-idx3-ubyte").mkdir()
    assert "lacks train-images-idx3-ubyte.gz" in idx.available("mnist", folder)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte", np.zeros(11, np.uint8), "holds 12 images but"),
        ("train-labels-idx1-ubyte", np.full(12, 10, np.uint8), "found the label 10, expected class ids"),
        ("train-labels-idx1-ubyte", np.zeros((12, 1), np.uint8), "found uint8 of shape (12, 1), expected"),
        ("t10k-labels-idx1-ubyte", np.zeros(5, np.int32), "found int32 of shape (5,), expected labels"),
        ("t10k-images-idx3-ubyte", np.zeros(5, np.uint8), "found uint8 of shape (5,), expected images"),
        ("t10k-images-idx3-ubyte", np.zeros((5, 8, 8), np.uint8), "found uint8 of shape (5, 8, 8), expected"),
        ("t10k-images-idx3-ubyte", np.zeros((0, 28, 28), np.uint8), "found uint8 of shape (0, 28, 28)"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_together_are_refused(tmp_path, name, array, message):
    folder = write(tmp_path / "files", {**contents(), name: idx_bytes(array)})
    refused = refusal(idx.load_images, "mnist", folder)
    assert message in refused
    assert str(folder / name) in refused


def test_a_dataset_is_made_of_the_files(cache):
    write(cache, contents(), zipped=True)
    data = datasets.load("mnist")
    assert data.x_train.shape == (12, 784)
    assert data.x_test.shape == (5, 784)
    assert (data.x_train.dtype, data.y_train.dtype) == (np.float64, np.int64)
    assert 0 <= data.x_train.min() < data.x_train.max() <= 1
    assert data.split == "the files' own: 12 training and 5 test images"


def test_missing_files_are_downloaded_once_with_progress(mirror, cache, capsys):
    folder, asked = mirror
    images = idx.load_images("mnist")
    assert (len(images.x_train), len(images.x_test)) == (12, 5)
    assert sorted(path.name for path in cache.iterdir()) == sorted(path.name for path in folder.iterdir())
    assert len(asked) == 4
    shown = capsys.readouterr().err
    assert all(f"mnist: {idx._standard_name(file)}" in shown for file in idx._FILES)
    idx.load_images("mnist")
    assert len(asked) == 4
    assert idx.available("mnist") is None


def test_files_put_there_by_hand_are_kept_and_only_the_rest_is_downloaded(mirror, cache):
    _, asked = mirror
    labels = np.full(12, 7, np.uint8)
    write(cache, {"train-labels-idx1-ubyte": idx_bytes(labels)})
    np.testing.assert_array_equal(idx.load_images("mnist").y_train, labels)
    assert len(asked) == 3


def test_nothing_is_downloaded_into_a_folder_that_the_user_named(mirror, tmp_path, monkeypatch):
    _, asked = mirror
    folder = write(tmp_path / "data" / "mnist", contents())
    (folder / "train-images-idx3-ubyte").unlink()
    assert "lacks train-images-idx3-ubyte.gz" in refusal(idx.load_images, "mnist", folder)
    monkeypatch.setenv(idx.DATA_VARIABLE, str(tmp_path / "data"))
    assert "lacks train-images-idx3-ubyte.gz" in refusal(idx.load_images, "mnist")
    assert asked == []


def test_a_download_with_the_wrong_checksum_leaves_nothing_behind(mirror, cache):
    folder, _ = mirror
    write(folder, {"t10k-images-idx3-ubyte": idx_bytes(np.zeros((5, 28, 28), np.uint8))}, zipped=True)
    message = refusal(idx.load_images, "mnist")
    assert "cannot download http://127.0.0.1" in message
    assert "hash" in message
    assert f"{cache} lacks t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz; put them there" in message
    assert sorted(path.name for path in cache.iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # pooch leaves the refused connection to the collector
def test_a_file_that_the_mirror_lacks(mirror, cache):
    folder, _ = mirror
    (folder / "train-images-idx3-ubyte.gz").unlink()
    assert "the server answered 404" in refusal(idx.load_images, "mnist")
    assert list(cache.iterdir()) == []
    gc.collect()


def test_without_a_network_the_message_says_where_to_put_the_files(cache):
    message = refusal(idx.load_images, "mnist")
    assert "no connection" in message
    assert f"{cache} lacks" in message
    assert all(f"{name}.gz" in message for name in NAMES)
    assert list(cache.iterdir()) == []


def test_an_interrupted_download_leaves_nothing_behind(mirror, cache, monkeypatch):
    def interrupt(self, n_bytes):
        raise KeyboardInterrupt

    monkeypatch.setattr(idx._DownloadBar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        idx.load_images("mnist")
    assert list(cache.iterdir()) == []


def test_unknown_names_are_refused():
    for call in (idx.load_images, idx.available):
        assert "unknown image dataset 'mnst'; the nearest is 'mnist'" in refusal(call, "mnst")


def test_the_command_downloads_and_says_where_the_files_are(mirror, cache, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["idx", "mnist"])
    assert idx.main() == 0
    assert capsys.readouterr().out == f"mnist: 12 training and 5 test images in {cache}\n"


def test_the_command_ends_with_2_when_it_cannot(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["idx", "fashion-mnist"])
    assert idx.main() == 2
    assert "fashion-mnist: cannot download" in capsys.readouterr().err


def test_the_checksums_have_the_form_of_md5():
    import importlib.util

    fresh = importlib.util.module_from_spec(spec := importlib.util.find_spec("shared.idx"))
    spec.loader.exec_module(fresh)
    for mirror in fresh._MIRRORS.values():
        assert list(mirror.md5) == list(fresh._FILES)
        assert all(len(digest) == 32 and int(digest, 16) for digest in mirror.md5.values())
