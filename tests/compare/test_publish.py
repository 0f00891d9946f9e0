"""A report in its place: the earlier one or the new one, whatever happens on the way, and nobody else's files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compare.run import publish as p
from compare.run import scratch as s
from compare.usage import UsageError

ROOT = Path(__file__).resolve().parents[2]


def stage(folder: Path, mark: str, *tables: str) -> Path:
    """A complete report whose every file holds this mark."""
    for name in ("index.html", "report.md", *(f"data/{table}.csv" for table in tables), f"figures/{mark}.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(mark)
    (folder / "results.json").write_text(json.dumps({"format": "mlp-rosetta results 1", "mark": mark}))
    return folder


def marks(home: Path) -> set[str]:
    """The marks of all files of reports in a folder: one, unless they are a mixture."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name != p.CONTENTS]
    texts = [path.read_text() for path in files if path.name != "mine.txt"]
    return {json.loads(text)["mark"] if text.startswith("{") else text for text in texts}


def put(mark: str, home: Path, work: Path, *tables: str) -> None:
    with p.reserved(home):
        p.publish(stage(work / f"mlp-rosetta-{mark}" / "report", mark, *tables), home)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "reports" / "mine"


@pytest.mark.parametrize("way", ["in one step", "among other files", "without the system's exchange"])
def test_a_report_replaces_the_earlier_one_with_all_its_tables(
    way: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("one", home, tmp_path, "cells", "speed")
    if way == "without the system's exchange":
        monkeypatch.setattr(p, "_exchange", lambda one, other: False)
    other = [home / "mine.txt", home / "data" / "mine.txt"] if way == "among other files" else []
    for path in other:
        path.write_text("mine")
    before = home.stat().st_ino
    put("two", home, tmp_path, "cells")
    assert (home.stat().st_ino == before) == (way != "in one step")
    assert marks(home) == {"two"}
    assert not (home / "data" / "speed.csv").exists(), "that table was the earlier run's"
    assert all(path.read_text() == "mine" for path in other)
    assert home.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in home.parent.iterdir()] == ["mine"], "nothing is left beside it"
    assert not [path for path in home.rglob(".*") if path.name != p.CONTENTS]


def test_a_report_of_an_earlier_version_is_replaced_with_its_tables_too(home: Path, tmp_path: Path) -> None:
    stage(home, "one", "cells", "speed")
    (home / "report.md").write_text("![a figure](figures/one.png)")
    (home / "data" / "mine.txt").write_text("mine")
    put("two", home, tmp_path, "cells")
    assert marks(home) == {"two"}
    assert (home / "data" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("alone", [True, False])
def test_a_full_disk_costs_nothing(alone: bool, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("one", home, tmp_path, "cells")
    if not alone:
        (home / "mine.txt").write_text("mine")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(p.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(p.shutil, "copytree", full)
    with pytest.raises(UsageError, match=r"No space left on device.*as it was.*complete in") as error:
        put("two", home, tmp_path)
    assert marks(home) == {"one"}
    assert marks(Path(str(error.value).rpartition(" ")[2])) == {"two"}
    assert not list(home.parent.glob(".mine*")) + list(home.glob(".new*"))


def test_what_has_come_into_its_way_meanwhile_costs_nothing(home: Path, tmp_path: Path) -> None:
    put("one", home, tmp_path)
    two = stage(tmp_path / "mlp-rosetta-two" / "report", "two")
    with p.reserved(home):
        (home / "index.html").unlink()
        (home / "index.html").mkdir()
        with pytest.raises(UsageError, match="in the way"):
            p.publish(two, home)
    assert marks(home) == {"one"}
    shutil.rmtree(Path(p.tempfile.gettempdir()) / "mlp-rosetta-report-two")


@pytest.mark.parametrize("count", range(9))
def test_a_kill_between_any_two_files_is_made_good_by_the_next_run(count: int, home: Path, tmp_path: Path) -> None:
    """Among other files a report comes file by file: after so many of them the process is gone."""
    put("one", home, tmp_path, "cells", "speed")
    (home / "mine.txt").write_text("mine")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom compare.run import publish as p\n"
        f"work, left, real = Path({str(tmp_path)!r}), [{count}], (os.replace, Path.rename)\n"
        "def moving(to):\n"
        "    def move(*given):\n"
        "        if not left[0]: os.kill(os.getpid(), 9)\n"
        "        left[0] -= 1\n"
        "        return to(*given)\n"
        "    return move\n"
        "os.replace, Path.rename = map(moving, real)\n"
        "with p.reserved(Path(sys.argv[1])): p.publish(work / 'new', Path(sys.argv[1]))\n"
    )
    stage(tmp_path / "new", "two", "cells")
    killed = subprocess.run([sys.executable, "-S", "-c", code, str(home)], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert killed.returncode in (-9, 0)
    with p.reserved(home):
        assert marks(home) == ({"two"} if count else {"one"})
    assert (home / "mine.txt").read_text() == "mine"
    assert not [path for path in home.rglob(".*") if path.name != p.CONTENTS]


def test_a_kill_at_random_leaves_one_report_or_the_other(home: Path, tmp_path: Path) -> None:
    put("one", home, tmp_path, *map(str, range(40)))
    code = (
        "import itertools, sys\nfrom pathlib import Path\nfrom compare.run import publish as p\n"
        "sys.path.insert(0, 'tests/compare')\nfrom test_publish import put\n"
        "for i in itertools.count():\n    put(f'{i}', Path(sys.argv[1]), Path(sys.argv[2]), *map(str, range(40)))\n"
        "    print(i, flush=True)\n"
    )
    for number in range(6):
        work = tmp_path / f"work{number}"
        arguments = [sys.executable, "-c", code, str(home), str(work)]
        with subprocess.Popen(arguments, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=-1) as process:
            process.stdout.readline()  # type: ignore[union-attr]
            time.sleep(0.007 * number)
            process.send_signal(signal.SIGKILL)
        assert len(marks(home)) == 1
        assert len(list(home.rglob("*.csv"))) == 40
    put("last", home, tmp_path)
    assert marks(home) == {"last"}
    assert [path.name for path in home.parent.iterdir()] == ["mine"]


def test_two_runs_do_not_write_into_one_folder(home: Path) -> None:
    with p.reserved(home):
        with (
            pytest.raises(UsageError, match=f"another run is writing here .process {os.getpid()} on "),
            p.reserved(home),
        ):
            pass
        (home / "kept").write_text("something, so that the folder stays")
    (home.parent / ".mine.lock").write_text("of one that was killed")
    with p.reserved(home):
        pass
    assert not (home.parent / ".mine.lock").exists()


def test_a_folder_that_was_made_in_vain_goes_again(home: Path) -> None:
    with p.reserved(home):
        assert home.is_dir()
    assert not home.parent.exists()


@pytest.mark.parametrize("name", ["index.html", "report.md", "results.json"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_another_program_s_page_is_refused(name: str, kind: str, home: Path) -> None:
    home.mkdir(parents=True)
    (home / name).mkdir() if kind == "folder" else (home / name).write_text("mine")
    with pytest.raises(UsageError, match=f"holds another program's {name}"), p.reserved(home):
        pass


def test_what_a_killed_command_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(s.tempfile, "tempdir", str(tmp_path))
    code = "import time; from compare.run.scratch import *\nwith scratch() as f: print(f, flush=True); time.sleep(60)"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-1, text=True) as alive:
        lives = Path(alive.stdout.readline().strip())  # type: ignore[union-attr]
        with s.scratch():
            assert lives.exists()
        alive.kill()
    (lives / "traces").write_text("90 MB")
    kept, fresh, old = (tmp_path / f"mlp-rosetta-{name}" for name in ("report-x", "fresh", "old"))
    for folder in (kept, fresh, old):
        folder.mkdir()
    (kept / "index.html").write_text("a report that could not be published")
    for folder in (kept, old):
        os.utime(folder, (0, 0))
    with s.scratch() as mine:
        assert mine.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"mlp-rosetta-report-x", "mlp-rosetta-fresh"}
