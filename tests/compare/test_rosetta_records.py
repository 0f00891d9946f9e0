"""The committed Rosetta page: its files are whole, small, and of the programs as they are written now."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from compare.programs.networks import downloads, network, networks
from compare.programs.program import FORMS, FRAMEWORKS
from compare.report.rosetta import FOLDER, fragment
from compare.report.rosetta_files import file_of, packed, read
from compare.report.rosetta_network import Shown, kinds, viewed

HERE = sorted(path.stem for path in (FOLDER / "data").glob("*.js"))
ANEW = "python -m compare.report --rosetta runs what is not as it was"


def test_the_page_lists_the_files_beside_it_and_keeps_its_size() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    known = re.search(r'<script type="application/json" id="known">(.*?)</script>', page, re.DOTALL)
    assert known
    listed = [each["name"] for each in json.loads(known[1])["networks"]]
    assert sorted(listed) == HERE, ANEW
    assert set(listed) <= {name for name in networks() if not downloads(name)}
    assert len(page.encode()) < 3e6
    assert sum(file_of(FOLDER, name).stat().st_size for name in HERE) < 15e6


@pytest.mark.parametrize("name", HERE[::9])
def test_a_committed_record_is_of_the_programs_as_they_are_now(name: str) -> None:
    record = read(file_of(FOLDER, name))
    assert record
    shown = Shown(network(name), record)
    assert shown.of_now, ANEW
    for form in FORMS:
        assert set(record["forms"][form]) == set(FRAMEWORKS)
        for role, by in record["numbers"][form].items():
            steps = {len(each) for each in by.values()}
            assert steps <= {1, len(record["steps"])}, role
    weights = [gaps for role, gaps in record["gaps"]["equal"].items() if re.fullmatch(r"[Wbg]\d+", role)]
    assert max(gap for gaps in weights for step in gaps for gap in step.values() if gap is not None) < 1e-9
    forms = viewed(shown)["forms"]
    for framework, named in forms["native"]["named"].items():
        assert (framework == "numpy") == (not named)
    assert kinds(shown.spec, "covering")["optimizer"] == shown.spec.config.optimizer


def test_a_network_that_a_framework_cannot_express_is_said_in_a_line() -> None:
    record = read(file_of(FOLDER, "xor"))
    assert record
    record["forms"]["native"]["jax"] = {"fault": "it does not run: no such thing"}
    for role in list(record["numbers"]["native"]):
        record["numbers"]["native"][role].pop("jax", None)
    shown = Shown(network("xor"), record)
    native = viewed(shown)["forms"]["native"]
    assert native["faults"] == {"jax": "it does not run: no such thing"}
    assert all("jax" not in row["cells"] for row in native["rows"])
    assert "<strong>JAX</strong> is not shown here: it does not run: no such thing." in fragment(shown)


def test_a_file_that_is_not_whole_is_none(tmp_path) -> None:
    file = tmp_path / "xor.js"
    text = packed({"name": "xor", "a": [1.5, np.nan]}, "<p>")
    file.write_text(text)
    assert read(file) == {"name": "xor", "a": [1.5, None]}
    for broken in (text[:-20], text.replace("H4s", "H4t"), "network(", ""):
        file.write_text(broken)
        assert read(file) is None
    assert read(tmp_path / "none.js") is None
