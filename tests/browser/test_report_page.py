"""The report in a real browser: every width, light and dark, with and without its script, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from compare.report import render
from compare.report.numbers import number, percent
from tests.synthetic_run import read, tamper, write_results, write_summary

# Rows of one kind say the same to axe, which takes seconds for the hundreds of them.
FEWER_ROWS = "document.querySelectorAll('tbody tr:nth-child(n+6), dl > :nth-child(n+9)').forEach(row => row.remove())"
PLACE = {"scenario": "diabetes-sgd", "dtype": "float64", "mode": "in step", "a": "torch", "b": "keras"}


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """A run in which all is well."""
    folder = tmp_path_factory.mktemp("report")
    write_results(folder)
    render(folder)
    return folder / "index.html"


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Path:
    """A run in which Keras differs from a step on, with a cause."""
    folder = tmp_path_factory.mktemp("broken")
    summary = write_results(folder)
    summary["verdict"] = {"status": "different", "exit_code": 1, "sentence": "Different: keras differs."}
    first = {"step": 7, "phase": "gradient", "tensor": "gradient of layer 1 W", "index": [1, 0], "value_a": 0.5,
             "value_b": 0.75, "difference": 0.25, "bound": 1e-12}  # fmt: skip
    summary["divergences"] = [PLACE | first]
    write_summary(folder, summary)

    def wrong(rows: pd.DataFrame) -> pd.DataFrame:
        here = (rows[list(PLACE)] == pd.Series(PLACE)).all(axis=1) & (rows.tensor == first["tensor"])
        rows.loc[here & (rows.step >= 7), ["value_a", "value_b", "difference", "used"]] = [0.5, 0.75, 0.25, 2.5e11]
        return rows

    tamper(folder, "map", wrong)
    row = {"scenario": "diabetes-sgd", "implementation": "keras", "dtype": "float64", "cause": "sign",
           "text": "The cause: sign\nIn Keras: turn it round"}  # fmt: skip
    tamper(folder, "causes", lambda rows: pd.DataFrame([row]))
    render(folder)
    return folder / "index.html"


def views(page) -> list[str]:
    return page.eval_on_selector_all("[data-view]", "all => all.map(view => view.id)")


def card(page) -> dict[str, str]:
    """What the explorer says of the chosen cell."""
    page.locator(".numbers [data-value=a]").wait_for()
    values = page.locator(".numbers dd[data-value]").all()
    return {value.get_attribute("data-value"): value.inner_text() for value in values}


def stored(folder: Path, place: dict, tensor: str, step: int) -> pd.Series:
    rows = read(folder, "map")
    here = (rows[list(place)] == pd.Series(place)).all(axis=1) & (rows.tensor == tensor) & (rows.step == step)
    (row,) = rows[here].itertuples()
    return row


# --- every page ---


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_every_view_fits_and_is_accessible(report, open_page, violations, width: int, dark: bool) -> None:
    page = open_page(report, width=width, dark=dark)
    for view in views(page):
        page.evaluate("view => { location.hash = view }", view)
        assert page.locator("[data-view].open").get_attribute("id") == view
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), view
    page.locator(".numbers [data-value=a]").wait_for(state="attached")
    page.evaluate(f"{FEWER_ROWS}; document.documentElement.classList.remove('js')")  # All views below each other.
    assert violations(page) == []


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)])
def test_a_run_that_differs_opens_there_with_cause_and_mend(broken, open_page, violations, width, dark) -> None:
    page = open_page(broken, width=width, dark=dark)
    assert page.get_by_role("heading", name="Where they first differ").is_visible()
    assert page.get_by_text("In Keras: turn it round").is_visible()
    assert violations(page) == []
    page.locator("[data-address] a:visible").first.click()
    assert card(page) == {"a": "0.5", "b": "0.75", "difference": "0.25", "bound": "1.0e-12", "used": "✗ 2.5e11 times"}
    assert page.get_by_text("Rounding cannot explain this difference.").is_visible()
    page.go_back()
    assert page.get_by_role("heading", name="Why they differ").is_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_without_its_script_everything_is_there(report, open_page, width: int) -> None:
    page = open_page(report, width=width, js=False)
    shown = page.locator("section")
    assert shown.count() > 10
    assert all(section.is_visible() for section in shown.all())
    assert page.locator("figure svg:visible").count() > 10


def test_printed_it_is_whole(report, open_page) -> None:
    page = open_page(report)
    page.emulate_media(media="print")
    assert all(section.is_visible() for section in page.locator("section").all())
    assert not page.locator(".tabs").is_visible()


# --- the state ---


def test_back_and_reload_restore_the_state(report, open_page) -> None:
    page = open_page(report)
    page.get_by_role("link", name="Answers", exact=True).click()
    page.get_by_role("searchbox").fill("digits")
    table = page.locator("#table-predictions-in-digits-adam")
    rows = table.locator("tbody tr:visible")
    before = rows.all_inner_texts()
    assert len(before) == 8
    for _ in range(2):
        table.get_by_role("button", name="sample").click()
    assert rows.all_inner_texts() == before[::-1]
    page.reload()
    assert rows.all_inner_texts() == before[::-1]
    page.go_back()
    page.go_back()
    assert rows.all_inner_texts() == before
    page.get_by_role("searchbox").fill("no such thing")
    assert rows.count() == 0
    page.go_back()
    assert page.locator("[data-view].open").get_attribute("id") == views(page)[0]


def test_the_explorer_s_state_is_its_address(report, open_page) -> None:
    page = open_page(report, "#every-number")
    page.locator("select").select_option("diabetes-sgd")
    page.get_by_role("button", name="torch – keras", exact=True).click()
    page.get_by_label("keras", exact=True).first.uncheck()
    shown = page.locator(".map svg.picture").bounding_box()
    page.mouse.click(shown["x"] + shown["width"] * 0.6, shown["y"] + 8 + 15 * 3 + 7)
    said, address = card(page), page.evaluate("location.hash")
    assert {"scenario=diabetes-sgd", "a=torch", "b=keras", "hide=keras"} <= set(re.split("[?&]", address))
    other = open_page(report, address, width=768)
    assert card(other) == said
    page.reload()
    assert card(page) == said
    assert not page.get_by_label("keras", exact=True).first.is_checked()
    page.get_by_role("button", name="float32").click()
    assert page.get_by_role("button", name="float32").get_attribute("aria-pressed") == "true"
    page.go_back()
    assert card(page) == said


def test_everything_goes_by_keyboard_alone(report, open_page) -> None:
    page = open_page(report)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Explore":
            break
    page.keyboard.press("Enter")
    map_ = page.locator(".map svg.picture")
    map_.wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if map_.evaluate("map => map === document.activeElement"):
            break
    for key in ("Home", "ArrowRight", "ArrowRight", *["ArrowUp"] * 5, "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    state = page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.split('?')[1]))")
    assert (state["step"], state["tensor"]) == ("3", "gradient of layer 1 W")
    page.locator("figure svg.picture:visible").first.focus()
    for key in ("Home", "ArrowRight", "+"):
        page.keyboard.press(key)
    page.wait_for_function("location.hash.includes('from=')")
    page.keyboard.press("0")
    page.wait_for_function("!location.hash.includes('from=')")
    page.go_back()
    assert "from=" in page.evaluate("location.hash")


# --- what is on screen is what is stored ---


CHANGES = {
    "losses": lambda rows: rows.assign(loss=rows.loss.where(rows.step != 5, 1.2345)),
    "cells": lambda rows: rows.assign(difference=rows.difference.where(rows.a != "torch", 7e-13),
                                      used=rows.used.where(rows.a != "torch", 0.7)),
    "map": lambda rows: rows.assign(value_b=rows.value_b.where(rows.step != 4, 0.123456789012345)),
}  # fmt: skip


def cells_are_stored(page, folder: Path) -> None:
    """The table of every scenario's worst difference says what cells.csv says."""
    page.evaluate("location.hash = 'are-they-equal'")
    cells = read(folder, "cells")
    labels = page.locator("#table-worst-difference-of-every-scenario tbody td").all()
    for label in labels:
        found = re.fullmatch(r"(float64: (\w+) – (\w+)|float32.*: (\w+))", label.get_attribute("data-label") or "")
        if not found:
            scenario = label.inner_text().removeprefix("✓ ")
            continue
        pair = (found[2], found[3]) if found[2] else ("float64", found[4])
        part = cells[(cells.scenario == scenario) & (cells.a == pair[0]) & (cells.b == pair[1])]
        worst = part.loc[part.used.idxmax()]
        assert label.inner_text().split(maxsplit=1) == [number(worst.difference), percent(worst.used)]


def map_is_stored(page, folder: Path) -> None:
    """The explorer says of three cells what map.parquet says."""
    for tensor, step in [("logits", 2), ("gradient of layer 1 W", 4), ("weights of layer 1 b", 17)]:
        state = "&".join(f"{key}={value}" for key, value in PLACE.items())
        page.evaluate("hash => { location.hash = hash }", f"every-number?{state}&tensor={tensor}&step={step}")
        row = stored(folder, PLACE, tensor, step)
        if row.used == 0:
            page.get_by_text("Equal to the last bit in every entry").wait_for()
            continue
        said = card(page)
        assert (float(said["a"]), float(said["b"])) == (row.value_a, row.value_b)
        assert (said["difference"], said["used"]) == (number(row.difference), percent(row.used))


def losses_are_stored(page, folder: Path) -> None:
    """The curves' readout at a step says what losses.csv says."""
    losses = read(folder, "losses")
    here = losses[(losses.scenario == "diabetes-sgd") & (losses.dtype == "float64") & (losses.step == 5)]
    page.evaluate("hash => { location.hash = hash }", "every-number?scenario=diabetes-sgd&dtype=float64&step=5")
    said = page.locator("figure .readout:visible", has_text="numpy").first.inner_text()
    shown = {name: float(value) for name, value in re.findall(r"(\w+) ([\d.e-]+)(?: ·|$)", said.split(": ")[1])}
    assert shown == pytest.approx(dict(zip(here.implementation, here.loss, strict=True)), rel=1e-5)


HELD = {"cells": cells_are_stored, "map": map_is_stored, "losses": losses_are_stored}


def test_the_values_on_screen_are_the_stored_ones(tmp_path, open_page) -> None:
    """Wrong numbers in the results are seen wrong; and a page that shows others than the stored ones is found out."""
    write_results(tmp_path)
    render(tmp_path)
    page = open_page(tmp_path / "index.html")
    for held in HELD.values():
        held(page, tmp_path)
    for name, change in CHANGES.items():
        tamper(tmp_path, name, change)
        with pytest.raises(AssertionError):
            HELD[name](page, tmp_path)
    render(tmp_path)
    page.reload()
    for held in HELD.values():
        held(page, tmp_path)


def test_wrong_numbers_in_the_summary_are_seen_wrong(tmp_path, open_page) -> None:
    summary = write_results(tmp_path)
    summary["run"]["seconds"] = 98765.0
    summary["environment"] |= {"cores": 4321, "memory_gib": 76.54}
    summary["environment"]["packages"]["numpy"] = "9.87.65"
    summary["implementations"][1]["seconds"] = 54321.5
    summary["scenarios"][0] |= {"learning_rate": 0.03579, "epochs": 24680, "steps": 13579, "n_train": 86420,
                                "n_test": 97531, "batch_size": 75319, "layer_sizes": [64, 7777, 10]}  # fmt: skip
    write_summary(tmp_path, summary)
    render(tmp_path)
    page = open_page(tmp_path / "index.html", "#view-this-run")
    shown = page.locator("[data-view].open").inner_text()
    for text in ("98765", "4321", "76.54", "9.87.65", "54321.5", "0.03579", "24680", "13579", "86420", "97531", "75319",
                 "64-7777-10"):  # fmt: skip
        assert text in shown
