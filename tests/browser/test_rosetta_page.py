"""The Rosetta page in a real browser, of programs in all four frameworks that were run for it."""

from __future__ import annotations

import base64
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from compare.programs.networks import network
from compare.programs.record import SIDE, difference, plane, recorder
from compare.programs.roles import roles
from compare.programs.stored import current, stored
from compare.report.rosetta import fragment, html
from compare.report.rosetta_files import file_of, packed, read
from compare.report.rosetta_network import Shown

if not (find_spec("jax") and find_spec("optax")):
    pytest.skip("the page needs JAX's programs to be run: pip install -e '.[peers]'", allow_module_level=True)

RICH = "full-021"  # digits, with batch normalisation, dropout, class weights, smoothed labels and a schedule
NAMES = ("xor", RICH)


@pytest.fixture(scope="module")
def recorded():
    with recorder() as record:
        return {name: record(network(name)) for name in NAMES}


@pytest.fixture(scope="module")
def page_file(recorded, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rosetta")
    shown = [Shown(each.spec, json.loads(json.dumps(stored(each)))) for each in recorded.values()]
    (folder / "data").mkdir()
    for each in shown:
        file_of(folder, each.spec.name).write_text(packed(each.record, fragment(each)), encoding="ascii")
    page = folder / "index.html"
    page.write_text(html(shown), encoding="utf-8")
    return page


@pytest.mark.parametrize("name", NAMES)
def test_the_record_is_what_the_programs_computed(recorded, name: str) -> None:
    """In the equal form, every number that two frameworks both have."""
    runs = recorded[name].beside("equal")
    assert set(runs) == {"numpy", "torch", "keras", "jax"}
    for role in dict.fromkeys(role for run in runs.values() for role in run.numbers):
        by = {framework: run.numbers[role] for framework, run in runs.items() if role in run.numbers}
        first, *others = by.values()
        for other in others:
            for a, b in zip(first, other, strict=True):
                if (gap := difference(a, b)) is not None:
                    assert gap < 1e-11, (role, list(by))
        roles_wanted = {"x", "y", "loss", "dW1", "db1", "W1", "b1"}
        assert all(roles_wanted <= set(run.numbers) for run in runs.values())
    native = recorded[name].beside("native")
    assert difference(runs["torch"].numbers["W1"][0], native["torch"].numbers["W1"][0]) > 1e-3  # type: ignore


def test_a_step_s_numbers_go_into_one_another(recorded) -> None:
    runs = recorded["xor"].beside("equal")
    numbers = runs["numpy"].numbers
    z = numbers["z1"][1]
    assert difference(z, numbers["x"][1] @ numbers["W1"][0] + numbers["b1"][0]) == 0.0  # After step 1 is before step 2.
    grid = runs["numpy"].surfaces[0]
    W1, b1, W2, b2 = (numbers[name][0] for name in ("W1", "b1", "W2", "b2"))
    by_hand = 1 / (1 + np.exp(-(plane(recorded["xor"].spec) @ W1 + b1))) @ W2 + b2
    assert difference(by_hand, grid) < 1e-14  # type: ignore[operator]
    for run in runs.values():
        assert all(difference(a, b) < 1e-12 for a, b in zip(runs["numpy"].surfaces, run.surfaces, strict=True))  # type: ignore


def test_dropout_and_batch_normalisation_are_recorded_beside_their_lines(recorded) -> None:
    every = recorded[RICH]
    for form in ("equal", "native"):
        for framework, run in every.beside(form).items():
            numbers = run.numbers
            assert {"mask1", "mean1", "variance1", "g1", "dg1", "a1"} <= set(numbers), (form, framework)
            lit = {name for names in roles(run.program, numbers).values() for name in names}
            assert {"a1", "mean1", "variance1"} <= lit, (form, framework)
            kept = numbers["mask1"][0] > 0
            assert 0.5 < kept.mean() < 0.95
            assert not numbers["a1"][0][~kept].any()  # What is dropped is 0.
    torch = every.beside("native")["torch"].numbers
    z = (torch["u1"][1] - torch["u1"][1].mean(axis=0)) / np.sqrt(torch["u1"][1].var(axis=0) + 1e-5)
    assert difference(torch["z1"][1], z * torch["g1"][0] + torch["b1"][0]) < 1e-12  # type: ignore[operator]


def test_a_line_has_the_roles_of_what_it_assigns(recorded) -> None:
    run = recorded["xor"].beside("equal")["numpy"]
    sections = {section.name: section.rows for section in run.program.sections}
    found = {
        sections[section][line].strip(): names for (section, line), names in roles(run.program, run.numbers).items()
    }
    assert found["z1 = x @ W1 + b1"] == ["z1"]
    assert found["return a1, a1 @ W2 + b2"] == ["z2"]
    assert found["p -= 0.5 * g"] == ["W1", "W2", "b1", "b2"]


def test_a_record_is_used_again_only_while_it_is_that_of_the_program(recorded, tmp_path) -> None:
    each = recorded["xor"]
    record = stored(each)
    file = file_of(tmp_path, "xor")
    file.parent.mkdir()
    file.write_text(packed(record, "<p>"), encoding="ascii")
    again = read(file)
    assert again == json.loads(json.dumps(record))
    assert current(again, each.spec)
    again["forms"]["native"]["torch"]["text"] += "\n"
    assert not current(again, each.spec)
    file.write_text(file.read_text()[:-100], encoding="ascii")
    assert read(file) is None


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize(("dark", "form"), [(False, "equal"), (True, "native")])
def test_it_fits_and_is_accessible(page_file, open_page, violations, width: int, dark: bool, form: str) -> None:
    page = open_page(page_file, f"#xor?at=z1&form={form}&step=2", width=width, dark=dark)
    page.locator("#numbers").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1440])
def test_the_step_is_at_hand_wherever_one_reads(page_file, open_page, width: int) -> None:
    page = open_page(page_file, "#xor", width=width)
    page.locator('.form.open [data-framework="numpy"] [data-roles="z1"]').scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, 900)")
    forward = page.get_by_role("button", name="Step forward")
    box = forward.bounding_box()
    assert 0 <= box["y"] < 120
    forward.click()
    assert page.locator("#step").inner_text() == "2 of 50"
    assert page.evaluate("scrollY") > 900


@pytest.mark.parametrize("width", [390, 1440])
def test_without_its_script_all_programs_are_there(page_file, open_page, width: int) -> None:
    page = open_page(page_file, width=width, js=False)
    assert all(each.is_visible() for each in page.locator(".form").all())
    assert page.get_by_text("z1 = x @ W1 + b1").count() == 2
    assert page.get_by_text(RICH, exact=True).is_visible()


def test_the_numbers_on_screen_are_those_of_the_record(page_file, open_page, recorded) -> None:
    page = open_page(page_file, "#xor?at=z1&step=10")
    for name in ("numpy", "torch"):
        at = recorded["xor"].steps.index(10)
        a = recorded["xor"].beside("equal")[name].numbers["z1"][at]
        cells = page.locator(f'tr[data-of="z1 {name}"] td')
        cells.first.wait_for()
        texts = cells.all_inner_texts()
        assert texts[0] == "4 × 4"
        assert [float(v) for v in texts[1].removesuffix(", …").split(", ")] == pytest.approx(a.ravel()[:5], rel=1e-8)
        assert float(texts[2]) == pytest.approx(a.mean(), rel=1e-8)


def test_the_plane_is_what_the_network_says_of_it(page_file, open_page, recorded) -> None:
    """A point's colour in the picture is that of the class that the recorded outputs name."""
    surfaces = np.array(recorded["xor"].beside("native")["torch"].surfaces).reshape(-1, SIDE, SIDE)
    second = surfaces > 0.5
    at = int(np.minimum(second.mean(axis=(1, 2)), 1 - second.mean(axis=(1, 2))).argmax())  # Where both classes are.
    page = open_page(page_file, f"#xor?step={recorded['xor'].steps[at]}&show=torch&form=native")
    page.locator(".form.open canvas").first.wait_for()
    pixels = page.evaluate(
        """side => {
            const canvas = document.querySelector(".form.open canvas"), s = canvas.width / side;
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const place = (i) => Math.floor((i + 0.5) * s);
            const at = (i) => 4 * (place(Math.floor(i / side)) * canvas.width + place(i % side));
            return Array.from({ length: side * side }, (_, i) => [...data.slice(at(i), at(i) + 3)]);
        }""",
        SIDE,
    )
    blue = np.array([pixel[2] > pixel[0] for pixel in pixels]).reshape(
        SIDE, SIDE
    )  # The first class; the second: orange.
    inside = np.ones_like(blue)
    for axis in (0, 1):  # Between two classes colours mix.
        for by in (-1, 1):
            inside &= second[at] == np.roll(second[at], by, axis)
    corners = np.zeros_like(blue)
    corners[:8, :8] = corners[:8, -8:] = corners[-8:, :8] = corners[-8:, -8:] = True  # There lie the samples.
    shown = inside & ~corners
    assert (blue == ~second[at])[shown].all()
    assert 0.01 < second[at][shown].mean() < 0.99
    record = read(file_of(page_file.parent, "xor"))
    assert record
    codes = np.frombuffer(base64.b64decode(record["surfaces"]["native"][at]["torch"]), np.uint8)
    assert ((codes // 16 == 1).reshape(SIDE, SIDE) == second[at]).all()


def test_other_networks_come_from_files_beside_the_page(page_file, open_page, violations) -> None:
    page = open_page(page_file, beside=[f"data/{RICH}.js"])
    page.get_by_label("Dataset").select_option("digits")
    page.locator(f"#{RICH} .form.open .digit").first.wait_for()
    assert page.locator(".network.open").count() == 1
    assert page.locator("#network").input_value() == RICH
    assert violations(page) == []
    assert "dataset=digits" in page.evaluate("location.hash")
    assert page.get_by_label("Activation").locator("option:not([disabled])").all_inner_texts() == [
        "any",
        "leaky_relu (1)",
    ]
    page.reload()
    page.locator(f"#{RICH}.open .digit").first.wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Next network").click()
    page.locator("#xor.open").wait_for()
    page.go_back()
    page.locator(f"#{RICH}.open").wait_for()


def test_the_pictures_are_those_that_went_in(page_file, open_page, recorded) -> None:
    page = open_page(page_file, f"#{RICH}?show=torch.keras&form=native&step=3", beside=[f"data/{RICH}.js"])
    page.locator(".form.open .digit").first.wait_for()
    read_off = """() => [...document.querySelectorAll('.form.open .digit canvas')].map(canvas =>
        [...canvas.getContext('2d').getImageData(0, 0, 8, 8).data].filter((_, i) => i % 4 === 0))"""
    shown, texts = np.array(page.evaluate(read_off), float), page.locator(".form.open .digit").all_inner_texts()
    runs = [recorded[RICH].beside("native")[name].numbers for name in ("torch", "keras")]
    wanted = np.concatenate([numbers["x"][2][:4] for numbers in runs])
    for picture, pixels in zip(shown, wanted, strict=True):  # On a light page ink is dark.
        assert np.corrcoef(picture, pixels)[0, 1] < -0.99
    said = np.concatenate([numbers["z4"][2][:4].argmax(axis=1) for numbers in runs])
    assert [int(text.split("→")[1]) for text in texts] == list(said)


def test_where_a_file_is_missing_the_page_says_so(page_file, open_page, tmp_path) -> None:
    alone = tmp_path / "index.html"
    alone.write_bytes(page_file.read_bytes())
    page = open_page(
        alone, "#xor", beside=[f"data/{RICH}.js"], expects=["Failed to load resource: net::ERR_FILE_NOT_FOUND"]
    )
    page.locator("#xor.open").wait_for()
    page.evaluate("name => { location.hash = name }", RICH)
    page.get_by_text(f"{RICH} cannot be shown: data/{RICH}.js is not beside this page").wait_for()
    page.go_back()
    page.locator("#xor.open").wait_for()
    assert not page.locator("#trouble").is_visible()


def test_copy_and_download_give_the_program(page_file, open_page, recorded) -> None:
    page = open_page(page_file, "#xor?form=native&show=torch")
    text = recorded["xor"].beside("native")["torch"].program.text
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the PyTorch program").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == text
    with page.expect_download() as got:
        page.get_by_role("button", name="Download the PyTorch program").click()
    assert got.value.suggested_filename == "torch_native.py"
    assert Path(got.value.path()).read_text(encoding="utf-8") == text


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
    assert page.locator("#step").inner_text() == "2 of 50"
    assert page.locator(".form.open").get_attribute("data-form") == "equal"
    before = page.locator("#numbers").inner_text()
    page.reload()
    page.locator("#numbers").wait_for()
    assert page.locator("#numbers").inner_text() == before
    page.go_back()
    assert page.locator("#step").inner_text() == "1 of 50"


def test_everything_goes_by_keyboard_alone(page_file, open_page) -> None:
    page = open_page(page_file, "#xor")
    page.locator(".form.open .line .value").first.wait_for()

    def reach(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"no Tab leads to {selector}")

    reach('[data-to-form="native"]')
    page.keyboard.press("Enter")
    reach('[aria-label="Step forward"]')
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.locator("#step").inner_text() == "3 of 50"
    reach("svg.picture")
    page.keyboard.press("End")
    assert page.locator("#step").inner_text() == "50 of 50"
    reach(".form.open .line[data-roles]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("#numbers").is_visible()
    reach(".form.open summary")
    page.keyboard.press("Enter")
    assert page.locator(".form.open details[open] .diff").is_visible()


def test_a_legend_is_no_larger_than_its_words(page_file, open_page) -> None:
    page = open_page(page_file)
    page.locator(".form.open .legend").wait_for()
    assert page.locator(".form.open .legend").bounding_box()["height"] < 60
