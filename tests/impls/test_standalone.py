"""Each file copied alone into an empty folder runs: without this project and without safetensors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "impls"
# Runs a script as `python script.py` does, in a process in which these packages cannot be imported.
RUNNER = """
import runpy, sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("impls", "shared", "compare", "safetensors"):
            raise ImportError(f"a copied file must not need {name}")

sys.meta_path.insert(0, Guard())
sys.argv = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(script: Path) -> subprocess.CompletedProcess:
    """Run a script in its own folder, out of reach of this checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, "-P", "-c", RUNNER, script.name],
        cwd=script.parent,
        env=environment | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", ["numpy", "torch", "keras"])
def test_a_copied_file_learns_xor(name, tmp_path):
    script = shutil.copy(FOLDER / f"mlp_{name}.py", tmp_path)
    result = run(Path(script))
    assert result.returncode == 0, result.stderr
    *progress, learnt, advice = result.stdout.strip().splitlines()
    found = re.fullmatch(r"loss (\d\.\d{4}), predictions \[0, 1, 1, 0\] for \[0, 1, 1, 0\]", learnt)
    assert found, learnt
    assert float(found[1]) < 0.1
    assert advice == "For your own data: put it in x (N, features) and y, and change layer_sizes and loss to fit them."
    assert "epoch 200/200  loss 0." in progress[-1]
    assert os.listdir(tmp_path) == [f"mlp_{name}.py"]


@pytest.mark.parametrize("package", ["impls", "shared.weights", "compare", "safetensors.numpy"])
def test_the_guard_stops_what_a_copied_file_must_not_import(package, tmp_path):
    script = tmp_path / "copied.py"
    script.write_text(f"import {package}\nprint('imported')\n")
    result = run(script)
    assert result.returncode == 1
    assert "a copied file must not need" in result.stderr
    assert "imported" not in result.stdout
