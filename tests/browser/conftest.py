"""A real browser for the pages: Chromium through Playwright, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HEIGHTS = {390: 844, 768: 1024, 1440: 900}  # of a phone's, a tablet's and a desk's window, by its width
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A running Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests: pip install -e '.[test]'")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no browser tests: no Chromium on the path (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium) -> Iterator[Callable]:
    """Opens a page: open_page(file, address, width, dark, js, beside).

    At the end of the test no page may have written an error to the console, asked for anything but itself and the files
    `beside` it, or become wider than its window; `expects` are errors that are meant to come.
    """
    problems: list[str] = []
    expected: list[str] = []
    contexts, pages = [], []

    def opened(
        path: Path, address: str = "", width: int = 1440, dark: bool = False, js: bool = True, beside=(), expects=()
    ):
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=js,
            has_touch=width < 500,
        )
        contexts.append(context)
        context.set_default_timeout(20_000)  # Where the machine is busy with other things, too.
        page = context.new_page()
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        expected.extend(expects)
        own = path.resolve().as_uri()
        allowed = [own, *((path.resolve().parent / name).as_uri() for name in beside)]
        page.on("request", lambda asked: None if asked.url.split("#")[0] in allowed else problems.append(asked.url))
        page.goto(own + address)
        pages.append(page)
        return page

    yield opened
    wide = [page.url for page in pages if not page.is_closed() and page.evaluate(OVERFLOW) > 0]
    for context in contexts:
        context.close()
    assert [problem for problem in problems if problem not in expected] == []
    assert wide == []


@pytest.fixture(scope="session")
def violations() -> Callable:
    """What axe objects to in a page, a line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[test]'").Axe()

    def found(page) -> list[str]:
        response = axe.run(page).response
        return [
            f"{violation['id']}: {node['html'][:200]} ({node.get('failureSummary', '')[:300]})"
            for violation in response["violations"]
            for node in violation["nodes"]
        ]

    return found
