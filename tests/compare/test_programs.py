"""The programs as texts: formatted, marked, short, and nothing of this project in them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from compare.programs.networks import runnable
from compare.programs.program import FORMS, FRAMEWORKS, MARK, SECTIONS, Program, program
from compare.programs.spec import named

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ("xor", "moons", "digits", "diabetes", "iris", "wine")  # no option but the network's own
MOST_LINES = {"numpy": 60, "torch": 40, "keras": 40, "jax": 60}  # of a plain network, data and imports included


@pytest.fixture(scope="module")
def programs() -> list[Program]:
    return [program(framework, spec, form) for spec in runnable() for framework in FRAMEWORKS for form in FORMS]


def test_every_program_is_formatted_and_without_a_fault_for_ruff(programs, tmp_path):
    for each in programs:
        (tmp_path / f"{each.framework}_{each.form}_{each.spec.name}.py".replace("-", "_")).write_text(each.text)
    for command in (["check", "-q"], ["format", "--check", "-q"]):
        found = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stdout


def test_a_program_knows_no_class_and_nothing_of_this_project(programs):
    for each in programs:
        for node in ast.walk(ast.parse(each.text)):
            assert not isinstance(node, ast.ClassDef)
            module = getattr(node, "module", None) if isinstance(node, ast.ImportFrom) else None
            assert (module or "").split(".")[0] not in ("impls", "shared", "compare")


def test_every_program_has_the_sections_in_one_order(programs):
    for each in programs:
        assert tuple(section.name for section in each.sections) == SECTIONS
        comments = [line.split(":")[0] for line in each.text.splitlines() if line.startswith("# ")]
        names = [section.name.title() for section in each.sections[1:] if section.lines]
        assert [comment[2:].split(",")[0] for comment in comments] == names


def length(each: Program) -> int:
    """Its lines of code and comment, without the docstring."""
    return sum(bool(row.strip()) for section in each.sections for row in section.rows) - 1


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_network_is_short_and_takes_few_lines_more_to_be_equal(name):
    for framework, most in MOST_LINES.items():
        native, equal = (program(framework, named(name), form) for form in FORMS)
        assert length(native) <= most
        assert length(equal) - length(native) <= 15
        assert len(equal.added) <= 15
        assert not native.added


def test_every_added_line_says_why(programs):
    for each in programs:
        assert all(line.reason for line in each.added)
        assert (each.form == "equal") or MARK not in each.text


def test_inputs_that_a_scenario_shifts_are_shifted_in_its_programs():
    spec = named("iris-norm-far")
    assert 299 < spec.dataset.x_train.mean() < 301
    for framework in FRAMEWORKS:
        assert "x_train, x_test = x_train + 300.0, x_test + 300.0" in program(framework, spec).text
    assert "300" not in program("numpy", named("iris")).text
