"""The pages' small modules, each by itself in a real browser."""

from __future__ import annotations

import math

import pytest

from compare.report import assets
from compare.report.numbers import number, percent

VALUES = [0.0, 1.0, -1.0, 0.5, 3.14159e-16, 9.96e-5, 9.996, 99.5, 100.4, 1234.0, 12346.0, 1e-3, 9.99e-4, 5e-324,
          1.7e308, 0.1 + 0.2, 2.5e-5, 0.0995, 99.95, 995.0, math.inf, -math.inf, math.nan]  # fmt: skip


@pytest.fixture(scope="module")
def page(chromium):
    """An empty page with all modules in its scope."""
    page = chromium.new_page()
    names = "parseAddress, formatAddress, compact, exact, percent, sortable, unpacked"
    source = assets.script("numbers.js") + assets.script("packed.js") + assets.script("address.js")
    page.set_content(f"<script>{source}\nwindow.modules = {{ {names} }};</script>")
    yield page
    page.close()


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_numbers_are_written_as_in_the_static_page(page, digits: int) -> None:
    given = [{"text": repr(value).replace("inf", "Infinity").replace("nan", "NaN")} for value in VALUES]
    written = page.evaluate(
        "([given, digits]) => given.map(({text}) => [modules.compact(Number(text), digits),"
        " modules.percent(Number(text), digits)])",
        [given, digits],
    )
    assert written == [[number(value, digits), percent(value, digits)] for value in VALUES]


def test_a_cell_is_sorted_by_its_first_number(page) -> None:
    cells = {
        "3.1e-16 · 0.03 %": 3.1e-16, "✗ 0.25 · 2.5e11 times": 0.25, "39,900": 39900, "1.023 · 1.01 to 1.04": 1.023,
        "12 %": 12, "3.2 times": 320, "—": None, "-0.5": -0.5, "✗ NaN": math.inf, "<0.001 %": 0.001,
    }  # fmt: skip
    found = page.evaluate("cells => cells.map(cell => String(modules.sortable(cell)))", list(cells))
    numbers = [None if text == "null" else float(text.replace("Infinity", "inf")) for text in found]
    assert numbers == list(cells.values())


def test_an_address_holds_its_place_and_state(page) -> None:
    state = {"scenario": "xor & co.", "a": "numpy", "find": "50 % #1 = ü?"}
    there = page.evaluate("([place, state]) => modules.formatAddress(place, state)", ["the view", state])
    assert there.startswith("#the%20view?a=numpy&find=")
    assert page.evaluate("text => modules.parseAddress(text)", there) == {"place": "the view", "state": state}
    assert page.evaluate("modules.formatAddress('x', {a: '', b: null})") == "#x"
    assert page.evaluate("modules.parseAddress('')") == {"place": "", "state": {}}


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "u1", "u2"])
def test_packed_arrays_come_back(page, kind: str) -> None:
    values = {"f": [0, -1, 0.5, 1e-3, 100], "i": [0, -1, 300], "u": [0, 1, 2, 3, 100, 200]}[kind[0]]
    back = page.evaluate("([text, kind]) => [...modules.unpacked(text, kind)]", [assets.packed(values, kind), kind])
    assert back == pytest.approx(values, rel=1e-7)


def test_the_modules_of_a_page_come_once_each_and_in_order() -> None:
    text = assets.script("report.js")
    assert "import " not in text
    assert "export " not in text
    assert text.count("function parseAddress") == 1
    assert text.index("function parseAddress") < text.index("function followViews") < text.index("function start(")
    assert "</" not in text


def test_two_modules_with_one_name_are_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "one.js").write_text("export function same() {}\n")
    (tmp_path / "two.js").write_text('import { same } from "./one.js";\nconst same = 1;\n')
    monkeypatch.setattr(assets, "ASSETS", tmp_path)
    with pytest.raises(ValueError, match=r"two\.js and one\.js both declare same"):
        assets.script("two.js")


def test_an_island_cannot_end_its_element() -> None:
    assert assets.island({"a": "</script><b>", "n": [math.nan, 1.5]}) == (
        '{"a":"\\u003c/script>\\u003cb>","n":[null,1.5]}'
    )
