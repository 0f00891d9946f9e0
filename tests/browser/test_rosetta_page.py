"""The Rosetta page in a real browser, of XOR's programs in all four frameworks, run for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from compare.programs.record import difference, record
from compare.report.rosetta import html

if not (find_spec("jax") and find_spec("optax")):
    pytest.skip("the page needs JAX's programs to be run: pip install -e '.[peers]'", allow_module_level=True)


@pytest.fixture(scope="module")
def runs():
    return record(["xor"])


@pytest.fixture(scope="module")
def page_file(runs, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rosetta") / "index.html"
    path.write_text(html(runs), encoding="utf-8")
    return path


def test_the_record_is_what_the_programs_computed(runs) -> None:
    numpy = runs["xor", "equal", "numpy"]
    for name in ("torch", "keras", "jax"):
        other = runs["xor", "equal", name].numbers
        for role in ("first W1", "x", "y", "a1", "z2", "loss", "dW1", "db2", "W1", "b2", "test z"):
            for a, b in zip(numpy.numbers[role], other[role], strict=True):
                gap = difference(a, b)
                assert gap is not None, (name, role)
                assert gap < 1e-14, (name, role)
    first, z = numpy.numbers, numpy.numbers["z1"][1]
    assert difference(z, first["x"][1] @ first["W1"][0] + first["b1"][0]) == 0.0  # After step 1 is before step 2.
    native = runs["xor", "native", "torch"].numbers
    gap = difference(first["z1"][0], native["z1"][0])
    assert gap is not None
    assert gap > 1e-3


def test_a_line_has_the_roles_of_what_it_assigns(runs) -> None:
    run = runs["xor", "equal", "numpy"]
    sections = {section.name: section.rows for section in run.program.sections}
    found = {sections[section][line].strip(): names for (section, line), names in run.roles.items()}
    assert found["z1 = x @ W1 + b1"] == ["z1"]
    assert found["return a1, a1 @ W2 + b2"] == ["z2"]
    assert found["p -= 0.5 * g"] == ["W1", "W2", "b1", "b2"]


@pytest.mark.parametrize(
    ("width", "dark", "form"), [(390, False, "equal"), (768, True, "native"), (1440, False, "native")]
)
def test_it_fits_and_is_accessible(page_file, open_page, violations, width: int, dark: bool, form: str) -> None:
    page = open_page(page_file, f"#xor?at=z1&form={form}&step=2", width=width, dark=dark)
    assert page.locator("#numbers").is_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1440])
def test_without_its_script_all_programs_are_there(page_file, open_page, width: int) -> None:
    page = open_page(page_file, width=width, js=False)
    assert all(each.is_visible() for each in page.locator(".form").all())
    assert page.get_by_text("z1 = x @ W1 + b1").count() == 2


def test_the_numbers_on_screen_are_those_of_the_record(page_file, open_page, runs) -> None:
    page = open_page(page_file, "#xor?at=z1&step=3")
    for name in ("numpy", "torch"):
        a = runs["xor", "equal", name].numbers["z1"][2]
        cells = page.locator(f'tr[data-of="z1 {name}"] td').all_inner_texts()
        assert cells[0] == "4 × 4"
        assert [float(v) for v in cells[1].removesuffix(", …").split(", ")] == pytest.approx(a.ravel()[:5], rel=1e-8)
        assert float(cells[2]) == pytest.approx(a.mean(), rel=1e-8)


def test_the_keyboard_reaches_counterparts_and_the_address_restores_all(page_file, open_page) -> None:
    page = open_page(page_file, "#xor")
    page.locator('.form.open [data-framework="numpy"] [data-roles="z1"]').click()
    lit = page.locator(".form.open .line.lit")
    assert lit.count() == 2
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.roles") == "z1,a1,z2"
    page.get_by_role("button", name="Step forward").click()
    page.get_by_role("button", name="native").click()
    page.go_back()
    assert page.locator("#step").inner_text() == "2 of 6"
    assert page.locator(".form.open").get_attribute("data-form") == "equal"
    before = page.locator("#numbers").inner_text()
    page.reload()
    assert page.locator("#numbers").inner_text() == before
    page.go_back()
    assert page.locator("#step").inner_text() == "1 of 6"


def test_a_legend_is_no_larger_than_its_words(page_file, open_page) -> None:
    page = open_page(page_file)
    assert page.locator(".form.open .legend").bounding_box()["height"] < 60
