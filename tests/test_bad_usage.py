"""The commands on every kind of bad usage that ends before a worker starts; `tests/stress.py usage` has the others."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import bad_usage

from compare import check, run_all
from compare.report.__main__ import main as report
from compare.traps.__main__ import main as traps
from shared.idx import main as idx

MAIN = {"run_all": run_all.main, "check": check.main, "report": report, "traps": traps, "idx": idx}
KINDS = [kind for kind in bad_usage.kinds() if not (kind.command == "check" and kind.arguments[:1] in
                                                    [(name,) for name in bad_usage.CANDIDATES])]  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("usage") / "files"
    bad_usage.prepare(folder)
    return folder


def listing(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bad_usage_is_one_line_and_leaves_everything_as_it_was(
    kind: bad_usage.Kind, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(files)
    for name, value in kind.environment:
        monkeypatch.setenv(name, value)
    before, cache = listing(files), os.listdir(files)
    assert MAIN[kind.command](list(kind.arguments)) == kind.status
    said = capsys.readouterr()
    assert said.err.count("\n") == 1, said.err
    assert len(said.err) <= 600
    assert "; the details are in" not in said.err, said.err
    assert listing(files) == before
    assert os.listdir(files) == cache
