"""The report in a real browser: every width, light and dark, with and without its script, by mouse and by keyboard."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compare.report import render

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The committed run's page, drawn anew."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(ROOT / "reports" / "example" / "data", folder / "data")
    shutil.copy(ROOT / "reports" / "example" / "results.json", folder)
    render(folder)
    return folder / "index.html"


def views(page) -> list[str]:
    return page.eval_on_selector_all("[data-view]", "all => all.map(view => view.id)")


# Rows of one kind say the same to axe, which takes seconds for the hundreds of them.
FEWER_ROWS = "document.querySelectorAll('tbody tr:nth-child(n+6), dl > :nth-child(n+9)').forEach(row => row.remove())"


@pytest.mark.parametrize(("width", "dark"), [(390, False), (768, True), (1440, False)])
def test_every_view_fits_and_is_accessible(report, open_page, violations, width: int, dark: bool) -> None:
    page = open_page(report, width=width, dark=dark)
    for view in views(page):
        page.evaluate("view => { location.hash = view }", view)
        assert page.locator("[data-view].open").get_attribute("id") == view
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), view
    page.evaluate(f"{FEWER_ROWS}; document.documentElement.classList.remove('js')")  # All views below each other.
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1440])
def test_without_its_script_everything_is_there(report, open_page, width: int) -> None:
    page = open_page(report, width=width, js=False)
    shown = page.locator("section")
    assert shown.count() > 10
    assert all(section.is_visible() for section in shown.all())


def test_back_and_reload_restore_the_state(report, open_page) -> None:
    page = open_page(report)
    page.get_by_role("link", name="Speed", exact=True).click()
    page.get_by_role("searchbox").fill("digits")
    table = page.locator("table", has_text="floor's share").first
    rows = table.locator("tbody tr:not(.group):visible")
    before = rows.all_inner_texts()
    assert 0 < len(before) < table.locator("tbody tr:not(.group)").count()
    table.get_by_role("button", name="µs a step").click()
    table.get_by_role("button", name="µs a step").click()
    down = rows.all_inner_texts()
    assert sorted(down) == sorted(before)
    page.reload()
    assert rows.all_inner_texts() == down
    page.go_back()
    page.go_back()
    assert rows.all_inner_texts() == before
    page.go_back()
    assert page.locator("[data-view].open").get_attribute("id") == views(page)[0]
