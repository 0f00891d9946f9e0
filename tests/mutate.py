"""Damaged checkpoints, CSV and IDX files by the thousand: each is refused in one line, or gives the same numbers.

    python tests/mutate.py [checkpoints | tables | images ...] [--count 10000] [--seed 0] [--impl numpy torch keras]

A file is sound at first; then bytes are flipped, removed, put in, exchanged or repeated, or it is cut. A checkpoint
that still loads must hold the very arrays, config and step that were saved. A table or an image file has no hash: there
the reader may find other numbers, but finite ones in a dataset of the right form. Exit status 1 if anything else
happens.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shared import idx
from shared.table import load_table

Outcome = str  # "refused", "the same", "other data", or what went wrong


def mutated(whole: bytes, random: np.random.Generator) -> bytes:
    """The bytes with one to three faults."""
    data = bytearray(whole)
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(0, len(data) + 1))
        if random.random() < 0.4:  # Most of a checkpoint's and a table's meaning is at its beginning.
            at = int(random.integers(0, min(len(data), 700) + 1))
        size = int(random.choice([1, 1, 2, 8, 40]))
        part, kind = data[at : at + size], random.integers(0, 7)
        if kind == 0 and part:
            data[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 1:
            data[at : at + size] = random.bytes(size)
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            data[at:at] = random.bytes(size)
        elif kind == 4:
            data[at:at] = part
        elif kind == 5:
            data[at : at + size] = b'0,-"[{}]1e9\n:.9 '[: len(part)]
        elif random.random() < 0.3:
            del data[at:]
    return bytes(data)


def judged(call: Callable[[], Outcome]) -> Outcome:
    """What `call` says, or how it was refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return call()
    except ValueError as error:
        text = str(error)
        return "refused" if "\n" not in text and len(text) < 500 else f"a long message: {text[:200]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]!r}"


def checkpoint_case(name: str, folder: Path) -> tuple[bytes, Callable[[bytes], Outcome]]:
    """A sound checkpoint of this template, and what becomes of a damaged one."""
    template = importlib.import_module(f"impls.mlp_{name}")
    model = template.MLP(template.Config((3, 4, 2), loss="huber", optimizer="adam", batch_norm=True))
    model.train_step(np.arange(12.0).reshape(4, 3) / 10, np.ones((4, 2)))
    path = folder / f"{name}.safetensors"
    model.save(path)
    whole = path.read_bytes()
    expected = template.named(model.params, model.state)

    def load(data: bytes) -> Outcome:
        path.write_bytes(data)
        config, params, state = template.read_checkpoint(path)
        template.MLP.load(path)
        found = template.named(params, state)
        same = config == model.config and state["step"] == 1 and found.keys() == expected.keys()
        same = same and all(np.array_equal(found[key], expected[key]) for key in expected)
        return "the same" if same else "other numbers, without a word"

    return whole, load


def table_case(folder: Path) -> tuple[bytes, Callable[[bytes], Outcome]]:
    """A sound CSV file, and what becomes of a damaged one."""
    random = np.random.default_rng(1)
    rows = [f"{random.normal():.6g},{random.integers(0, 90)},{c},{i % 2}" for i, c in enumerate("abc" * 12)]
    path = folder / "table.csv"

    def load(data: bytes) -> Outcome:
        path.write_bytes(data)
        made = load_table(path, "y")
        finite = all(np.isfinite(a).all() for a in (made.x_train, made.x_test, made.y_train, made.y_test))
        fits = made.x_train.shape[1] == len(made.feature_names) and len(made.x_train) == len(made.y_train)
        return "other data" if finite and fits else "a dataset that is none"

    return "\n".join(["height,age,kind,y", *rows, ""]).encode(), load


def image_case(folder: Path, zipped: bool) -> tuple[bytes, Callable[[bytes], Outcome]]:
    """A sound IDX file, and what becomes of a damaged one."""
    array = np.random.default_rng(2).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    whole = bytes([0, 0, 8, 3]) + struct.pack(">3I", *array.shape) + array.tobytes()
    path = folder / "images-idx3-ubyte"

    def load(data: bytes) -> Outcome:
        path.write_bytes(data)
        found = idx.read_idx(path)
        if zipped:
            return "the same" if np.array_equal(found, array) else "other numbers, without a word"
        return "other data" if found.nbytes < len(data) else "an array larger than its file"

    return gzip.compress(whole) if zipped else whole, load


def campaign(kind: str, count: int, seed: int, implementations: tuple[str, ...], folder: Path) -> Counter:
    """How often each outcome came of `count` damaged files of a kind."""
    if kind == "checkpoints":
        cases = [checkpoint_case(name, folder) for name in implementations]
    else:
        cases = [table_case(folder)] if kind == "tables" else [image_case(folder, False), image_case(folder, True)]
    random, outcomes = np.random.default_rng(seed), Counter()
    for i in range(count):
        whole, load = cases[i % len(cases)]
        data = mutated(whole, random)
        outcomes["untouched" if data == whole else judged(lambda load=load, data=data: load(data))] += 1
    return outcomes


FINE = {"refused", "the same", "other data", "untouched"}
KINDS = ("checkpoints", "tables", "images")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS), default=list(KINDS))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--impl", nargs="+", default=["numpy", "torch", "keras"])
    given = parser.parse_args()
    bad = False
    for kind in given.kinds:
        with tempfile.TemporaryDirectory() as folder:
            outcomes = campaign(kind, given.count, given.seed, tuple(given.impl), Path(folder))
        for outcome, times in outcomes.most_common():
            print(f"{'✓' if outcome in FINE else '✗'} {kind}: {times} {outcome}")
        bad |= not outcomes.keys() <= FINE
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
