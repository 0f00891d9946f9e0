"""The command as a user meets it: its arguments, its exit status, its report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--scenario", "xor", "--impl", "numpy", "torch")


def command(*arguments: str, root: Path = ROOT, **options) -> subprocess.CompletedProcess[str]:
    """Run compare/run_all.py as a user would, from another directory."""
    return subprocess.run(
        [sys.executable, str(root / "compare" / "run_all.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=options.pop("cwd", "/"),
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        **options,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A short run, and the folder that it wrote."""
    folder = tmp_path_factory.mktemp("report")
    return command(*SHORT, "--out", str(folder)), folder


def test_an_equal_run_exits_0_and_its_verdict_is_the_last_line(done) -> None:
    result, folder = done
    assert result.returncode == 0, result.stderr
    lines = result.stdout.strip().splitlines()
    assert lines[-1].startswith("Equal: numpy, torch are the same network")
    assert str(folder / "index.html") in lines[-2]
    assert all(len(line) <= 100 for line in lines[:-2])


def test_the_report_is_whole(done) -> None:
    _, folder = done
    assert not list(folder.rglob("*.part"))
    summary = json.loads((folder / "results.json").read_text())
    assert summary["verdict"]["status"] == "equal"
    assert summary["environment"]["packages"].keys() >= {"numpy", "torch", "keras"}
    assert summary["environment"]["threads"] == {"compared": [1]}, "nothing was timed"
    assert [s["name"] for s in summary["scenarios"]] == ["xor"]
    assert "Equal" in (folder / "index.html").read_text()
    assert "Equal" in (folder / "report.md").read_text()


def test_the_tables_hold_every_comparison(done) -> None:
    _, folder = done
    cells = pd.read_csv(folder / "data" / "cells.csv")
    assert cells.equal.all()
    assert set(cells.phase) == {"forward", "loss", "gradient", "update", "outcome"}
    assert set(zip(cells.dtype, cells.a, cells.b, strict=True)) == {
        ("float64", "numpy", "torch"),
        ("float32", "float64", "numpy"),
        ("float32", "float64", "torch"),
    }
    drift = pd.read_csv(folder / "data" / "drift.csv")
    assert (drift.difference <= drift.bound).all()
    assert len(drift) == 3 * 2 * 2 * 60  # pairs, modes, quantities, steps
    losses = pd.read_csv(folder / "data" / "losses.csv")
    assert set(losses.implementation) == {"numpy", "torch"}
    assert not (folder / "data" / "speed.csv").exists(), "chosen scenarios are compared and not timed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "digit"], ["'digit'", "'digits'", "moons"]),
        (["--impl", "tourch", "numpy"], ["'tourch'", "'torch'", "keras"]),
        (["--impl", "numpy"], ["two"]),
        (["--dtype", "float16"], ["'float16'", "float32", "float64"]),
        (["--colour"], ["--colour", "--help"]),
        (["--limit", "0"], ["--limit", "above 0"]),
        (["--limit", "soon"], ["soon"]),
        (["--limit", "1e400"], ["--limit 1e400", "above 0"]),
        (["--out", ""], ["--out", "an empty one"]),
        (["--self-test", "1" + 30 * "0"], ["--self-test", "at most"]),
        (["--only", "recipes", "--scenario", "xor"], ["--scenario says something about ledger", "recipes"]),
        (["--recipe", "xor-he-bce", "--only", "ledger"], ["--recipe says something about recipes", "ledger"]),
        (["--self-test", "--only", "ledger"], ["--self-test says something about self-test"]),
        (["--scenario", "xor", "--threads", "1"], ["--threads says something about speed"]),
        (["--scenario", "xor", "--seeds", "5"], ["--seeds says something about defaults"]),
        (["--only", "defaults", "--seeds", "0"], ["--seeds 0", "1 or more"]),
        (["--out", "/proc/no/such"], ["/proc/no/such", "cannot be written"]),
        (["--out", "/etc/hostname"], ["/etc/hostname", "cannot be written"]),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(arguments: list[str], said: list[str]) -> None:
    result = command(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert all(words in result.stderr for words in said), result.stderr


def test_bad_usage_leaves_an_earlier_report_as_it_was(done, tmp_path: Path) -> None:
    _, folder = done
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert command("--scenario", "no-such", "--out", str(folder)).returncode == 2
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "threads"),
    [
        ("--quick", "{'compared': [1], 'timed': [1]}"),
        ("--only speed --threads 1", "{'timed': [1]}"),
        ("--scenario xor", "{'compared': [1]}"),
    ],
)
def test_threads_are_those_of_the_parts_that_run(words: str, threads: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = ['x', {str(ROOT)!r}]; from compare import run_all as r\n"
        "print(r.threads_of(r.choices(r.parser().parse_args(sys.argv[1:]))))"
    )
    given = [*words.split(), "--out", str(tmp_path)]
    assert subprocess.check_output([sys.executable, "-c", code, *given], text=True).strip() == threads


def test_listing_imports_no_framework_and_names_everything() -> None:
    code = (
        f"import sys; sys.argv = ['run_all.py', '--list']; sys.path.insert(0, 'x')\n"
        f"import runpy\ntry:\n    runpy.run_path({str(ROOT / 'compare' / 'run_all.py')!r}, run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'torch', 'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules), 'a heavy import'\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert result.returncode == 0, result.stderr
    for name in ("xor", "digits", "spirals-deep", "numpy", "torch", "keras"):
        assert name in result.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project in another folder, to be broken."""
    for folder in ("impls", "shared", "compare"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_difference_exits_1_and_names_its_place(copy: Path) -> None:
    template = copy / "impls" / "mlp_torch.py"
    template.write_text(
        template.read_text()
        .replace("torch.sigmoid(z)", "z")
        .replace('"sigmoid": nn.Sigmoid', '"sigmoid": nn.Hardsigmoid')
    )
    result = command(*SHORT, "--dtype", "float64", root=copy)
    assert result.returncode == 1, result.stderr
    last = result.stdout.strip().splitlines()[-1]
    assert last.startswith("Different:")
    assert "The cause:" in result.stdout or "No trap in the catalogue explains it" in result.stdout
    assert "What differs first" in (copy / "reports" / "latest" / "index.html").read_text()
    assert "numpy and torch in xor (float64, in step): step 1, forward, logits at" in last
    first = json.loads((copy / "reports" / "latest" / "results.json").read_text())["divergences"][0]
    assert (first["step"], first["phase"], first["tensor"]) == (1, "forward", "logits")
    assert first["value_a"] != first["value_b"]


def test_a_known_bug_is_named(copy: Path) -> None:
    template = copy / "impls" / "mlp_torch.py"
    adam = "torch.optim.Adam(p, c.learning_rate, (c.beta1, c.beta2), c.epsilon)"
    template.write_text(template.read_text().replace(adam, adam.replace("c.epsilon", "1e-7")))
    arguments = ("--scenario", "spirals-deep", "--impl", "numpy", "torch", "--dtype", "float64")
    result = command(*arguments, root=copy)
    assert result.returncode == 1, result.stderr
    assert "epsilon-value (1e-7" in result.stdout
    assert "epsilon-value" in (copy / "reports" / "latest" / "index.html").read_text()


def test_a_crash_exits_3_with_its_message_and_a_report(copy: Path) -> None:
    template = copy / "impls" / "mlp_torch.py"
    template.write_text(
        template.read_text().replace("        self.train()\n", "        raise OSError('disk on fire')\n")
    )
    result = command(*SHORT, root=copy)
    assert result.returncode == 3, result.stderr
    assert "OSError: disk on fire" in result.stdout
    assert result.stdout.strip().splitlines()[-1].startswith("Incomplete: torch did not finish")
    assert "disk on fire" in (copy / "reports" / "latest" / "index.html").read_text()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table of the user's own: two numbers and a text column, three kinds of fruit."""
    path = tmp_path_factory.mktemp("data") / "fruit.csv"
    rows = [
        f"{i % 7},{(i * i) % 11},{'red' if i % 2 else 'green'},{['apple', 'pear', 'plum'][i % 3]}" for i in range(90)
    ]
    path.write_text("\n".join(["weight,size,colour,kind", *rows]) + "\n")
    return path


def test_data_of_ones_own(table: Path, tmp_path: Path) -> None:
    result = command(
        "--data",
        str(table),
        "--target",
        "kind",
        "--impl",
        "numpy",
        "torch",
        "--dtype",
        "float64",
        "--out",
        str(tmp_path),
    )
    assert result.returncode == 0, result.stderr
    assert "multiclass" in result.stdout
    (scenario,) = json.loads((tmp_path / "results.json").read_text())["scenarios"]
    assert scenario["name"] == "fruit"
    assert scenario["layer_sizes"] == [4, 32, 16, 3]
    assert scenario["classes"] == ["apple", "pear", "plum"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "no-such.csv", "--target", "kind"], ["no-such.csv"]),
        (["--data", "TABLE", "--target", "kinds"], ["'kinds'", "kind"]),
        (["--data", "TABLE"], ["--target"]),
        (["--target", "kind"], ["--data"]),
        (["--data", "TABLE", "--target", "kind", "--task", "ranking"], ["'ranking'", "regression"]),
        (["--data", "TABLE", "--quick"], ["not allowed with"]),
        (["--scenario", "mnist"], ["mnist cannot be run"]),
    ],
)
def test_data_that_cannot_be_used_is_one_line_and_exit_2(table: Path, arguments: list[str], said: list[str]) -> None:
    result = command(*[str(table) if a == "TABLE" else a for a in arguments])
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert all(words in result.stderr for words in said), result.stderr


def test_missing_values_are_refused_by_column_and_filled_in_on_request(table: Path, tmp_path: Path) -> None:
    holes = tmp_path / "holes.csv"
    holes.write_text(table.read_text().replace("3,9,red,", ",9,red,"))
    refused = command("--data", str(holes), "--target", "kind")
    assert refused.returncode == 2
    assert "weight" in refused.stderr
    arguments = ("--impl", "numpy", "torch", "--dtype", "float64", "--out", str(tmp_path / "report"))
    assert command("--data", str(holes), "--target", "kind", "--impute", *arguments).returncode == 0


def test_images_that_are_not_there_are_skipped_with_the_reason(copy: Path) -> None:
    result = command("--scenario", "xor", "mnist", "--impl", "numpy", "torch", "--dtype", "float64", root=copy)
    assert result.returncode == 0, result.stderr
    assert "mnist skipped:" in result.stdout
    rows = json.loads((copy / "reports" / "latest" / "results.json").read_text())["scenarios"]
    assert [bool(row["skipped"]) for row in rows] == [False, True]
