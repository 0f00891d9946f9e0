"""The error for an unknown name says what there is, and what comes nearest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.names import unknown_name

ROOT = Path(__file__).resolve().parents[2]


def test_the_names_that_exist_are_listed_with_the_nearest():
    said = str(unknown_name("fruit", "aple", ["pear", "apple"]))
    assert said == "unknown fruit 'aple'; the nearest is 'apple'; there are: pear, apple"


def test_the_nearest_name_is_found_in_any_case():
    assert "the nearest is 'Y';" in str(unknown_name("column", "y", ["age", "Y"]))
    assert "nearest" not in str(unknown_name("column", "y", ["age", "city of birth"]))


def test_a_long_list_is_cut():
    said = str(unknown_name("column", "z", (f"c{number}" for number in range(33))))
    assert said.endswith("c28, c29 and 3 more")


@pytest.mark.parametrize("module", ["names", "idx", "batches"])
def test_what_the_datasets_build_on_does_not_import_them(module):
    code = f"import sys, shared.{module}; assert 'shared.datasets' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
