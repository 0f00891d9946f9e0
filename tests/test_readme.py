"""The README says what is so: its commands, its figures, its tree."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "reports" / "example"


def between(mark: str) -> str:
    """The README's text between two marks."""
    found = re.search(f"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", README, re.DOTALL)
    assert found, mark
    return found[1].strip()


def test_the_two_commands_are_those_that_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    run, test = re.findall(r"^python -m pip install .*$", README, re.MULTILINE)
    assert run.replace("install ", "install -q ") + " --quick" in ci.splitlines()
    assert test.replace("install ", "install -q ") in ci.splitlines()


def test_the_verdict_and_its_table_are_those_of_the_committed_run() -> None:
    """No number in the README is typed in by hand."""
    report = (EXAMPLE / "report.md").read_text(encoding="utf-8")
    lines = [line for line in between("verdict").splitlines() if line.strip()]
    assert sum(line.startswith("|") for line in lines) > 10
    for line in lines:
        assert line in report.splitlines(), line


def test_every_file_that_it_names_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    tree = README[README.index("## Where things are") :]
    named = {name for name in re.findall(r"[\w/]+\.py", tree)}
    known = {path.name for path in ROOT.rglob("*.py")}
    assert named <= known
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_option_of_the_command_is_in_it() -> None:
    files = ("run/arguments.py", "speed/arguments.py")
    source = "".join((ROOT / "compare" / file).read_text() for file in files)
    for option in re.findall(r'add_argument\(\s*"(--[\w-]+)"', source):
        assert option in README, option
