"""The report: drawn from a synthetic run, whole, in both formats, whatever is missing or failing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.report import figures, render, sections, tables
from compare.report.__main__ import main
from compare.report.blocks import Hidden, Prose, Table, Terms
from compare.report.numbers import exact, microseconds, number, percent
from compare.report.page import escape_markdown
from compare.report.results import COLUMNS, file_of, load
from compare.report.sections import build
from tests.synthetic_run import PLANS, tamper, write_results, write_summary

NEEDED = [(title, needed) for entries in sections.VIEWS.values() for title, needed, _ in entries]


def pages(folder: Path) -> tuple[str, str]:
    """Render, and return (Markdown, HTML)."""
    render(folder)
    return (folder / "report.md").read_text("utf-8"), (folder / "index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> tuple[Path, str, str]:
    """A rendered run in which all is well: (folder, Markdown, HTML)."""
    folder = tmp_path_factory.mktemp("good")
    write_results(folder)
    return folder, *pages(folder)


class Reader(HTMLParser):
    """Collects ids, links and sources, and checks that every tag is closed."""

    VOID = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "xlink:href", "src"):
                self.targets.append(value)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(page: str) -> str:
    """HTML without its tags, white space folded."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def titles(folder: Path) -> list[str]:
    return [section.title for view in build(load(folder)) for section in view.sections]


# --- a run in which all is well ---


def test_both_pages_carry_the_verdict_every_scenario_and_every_section(good) -> None:
    folder, markdown, page = good
    for text in (markdown, text_of(page)):
        assert "All are the same network." in text
        for expected in [
            *PLANS,
            *titles(folder),
            "numpy \N{EN DASH} torch",
            "float32, against the float64 run",
            "3.15.0",
            "GiB",
        ]:
            assert expected in text
    assert "✗ " not in markdown.split("## How far")[0].replace("✗ different", "")
    assert "What did not finish" not in markdown


def test_the_first_table_shows_the_worst_cell_of_each_pair(good) -> None:
    folder, markdown, page = good
    cells = pd.read_csv(folder / "data" / "cells.csv")
    pair = cells[(cells.scenario == "digits-adam") & (cells.a == "torch") & (cells.b == "keras")]
    expected = number(pair.difference.max()), percent(pair.used.max())
    row = next(line for line in markdown.splitlines() if line.startswith("| ✓ digits-adam"))
    assert " · ".join(expected) in row
    assert '{} <span class="detail">{}</span>'.format(*expected) in page


def test_the_speed_table_shows_medians_and_quartiles_in_microseconds(good) -> None:
    folder, markdown, _ = good
    speed = pd.read_csv(folder / "data" / "speed.csv")
    times = speed[(speed.workload == "digits") & (speed.implementation == "torch")].seconds_per_step
    low, middle, high = (microseconds(times.quantile(q)) for q in (0.25, 0.5, 0.75))
    assert f"{middle} · {low} to {high}" in markdown
    assert "9 rounds, in microseconds" in markdown
    assert "training steps only, with the batches already in memory" in markdown


def test_modes_of_one_implementation_get_columns_of_their_own(tmp_path) -> None:
    write_results(tmp_path)
    tamper(
        tmp_path,
        "speed",
        lambda rows: pd.concat([rows, rows[rows.implementation == "torch"].assign(mode="compiled")]),
    )
    table = tables.speed(load(tmp_path), tables.with_contenders(load(tmp_path).tables["speed"]))
    assert [label for label in table.labels if "torch" in label] == [
        "torch, train_step (µs)",
        "torch, compiled (µs)",
    ]


def test_the_page_is_one_file(good) -> None:
    reader = Reader(good[2])
    assert reader.tags.isdisjoint({"link", "img", "iframe", "image"})
    assert len(reader.ids) == len(set(reader.ids))
    assert all(target.startswith("#") and target[1:] in reader.ids for target in reader.targets)
    assert len(good[2]) < 3e6
    assert "@import" not in good[2]
    used = set(re.findall(r"url\((.)", good[2]))
    assert used <= {"#"}


def test_every_colour_of_the_page_exists_in_light_and_dark(good) -> None:
    page = good[2]
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert not set(re.findall(r"(?<!href=\")#[0-9a-f]{6}\b", pictures))
    for name in set(re.findall(r"var\(--([\w-]+)\)", page)) - {"panel", "c", "w"}:
        assert page.count(f"--{name}: #") == 2


def test_markdown_tables_are_even_and_its_pictures_exist(good) -> None:
    folder, markdown, _ = good
    for block in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
        assert block.count("\n") > 2
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", markdown)
    assert {"figures/losses.png", "figures/drift-float64.png", "figures/speed.png"} <= set(pictures)
    assert all((folder / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_rendering_again_changes_neither_raw_results_nor_pages(good) -> None:
    folder, _, page = good
    raw = [folder / "results.json", *sorted((folder / "data").iterdir())]
    before = [path.read_bytes() for path in raw]
    assert main([str(folder)]) == 0
    assert [path.read_bytes() for path in raw] == before
    assert (folder / "index.html").read_text("utf-8") == page
    assert not list(folder.rglob("*.new"))


# --- runs in which something is wrong ---


def test_a_difference_and_a_nan_are_marked_and_placed(tmp_path) -> None:
    summary = write_results(tmp_path)
    summary["verdict"] = {"status": "different", "exit_code": 1, "sentence": "keras differs."}
    summary["divergences"] = [
        {"scenario": "digits-adam", "dtype": "float64", "mode": "in step", "a": "numpy", "b": "keras",
         "step": 7, "phase": "gradient", "tensor": "W1", "index": [3, 1],
         "value_a": 0.1 + 0.2, "value_b": None,
         "difference": None, "bound": 1e-12}
    ]  # fmt: skip
    write_summary(tmp_path, summary)

    def differ(cells: pd.DataFrame) -> pd.DataFrame:
        keras = (cells["dtype"] == "float64") & (cells.b == "keras") & (cells.phase == "gradient")
        cells.loc[keras & (cells.scenario == "digits-adam"), ["difference", "used"]] = np.nan  # still "equal"
        cells.loc[keras & (cells.scenario == "diabetes-sgd"), ["difference", "used", "equal"]] = [
            0.25,
            2.5e11,
            False,
        ]
        return cells

    tamper(tmp_path, "cells", differ)
    tamper(tmp_path, "drift", lambda rows: rows.assign(difference=rows.difference.where(rows.b != "keras")))
    tamper(tmp_path, "losses", lambda rows: rows.assign(loss=rows.loss.where(rows.scenario != "digits-adam")))
    markdown, page = pages(tmp_path)
    Reader(page)
    for text in (markdown, text_of(page)):
        assert "✗ Different" in text
        assert "0.30000000000000004" in text
        assert "step 7, gradient, W1" in text
        assert "Different, with no first place stored: " in text
    assert "| **✗ digits-adam** |" in markdown
    assert "**✗ NaN**" in markdown
    assert "**✗ 0.25 · 2.5e11 times**" in markdown
    assert "✓ cancer-momentum" in markdown
    assert re.search(r'<td class="failing"[^>]*><span>✗ NaN</span></td>', page)


def test_a_run_that_compared_nothing_is_not_called_equal(tmp_path) -> None:
    summary = write_results(tmp_path)
    sentence = "Measured: what each framework's defaults make of 8 networks from 3 seeds; nothing was compared."
    summary["verdict"] = {"status": "measured", "exit_code": 0, "sentence": sentence}
    write_summary(tmp_path, summary)
    markdown, page = pages(tmp_path)
    assert "✓ Measured" in text_of(page)
    assert "Equal" not in text_of(page).partition("Overview")[0]
    assert "what each framework's defaults make of 8 networks from 3 seeds; nothing was compared." in markdown


def test_a_crashed_implementation_is_named_and_its_message_shown_as_it_is(tmp_path) -> None:
    summary = write_results(tmp_path)
    summary["verdict"] = {"status": "incomplete", "exit_code": 3, "sentence": "torch raised an error."}
    message = "Traceback:\n  File <model>\nRuntimeError: 2 * 3 | `x` & <b>bold</b>"
    summary["implementations"][1] |= {"status": "raised", "message": message, "scenario": "diabetes-sgd"}
    write_summary(tmp_path, summary)
    gone = ["diabetes-sgd", "cancer-momentum"]
    tamper(tmp_path, "cells", lambda f: f[~(f.scenario.isin(gone) & ((f.a == "torch") | (f.b == "torch")))])
    tamper(tmp_path, "losses", lambda f: f[~(f.scenario.isin(gone) & (f.implementation == "torch"))])
    markdown, page = pages(tmp_path)
    Reader(page)
    assert "! Incomplete" in text_of(page)
    assert "torch raised an error in the scenario diabetes-sgd" in markdown
    assert "    RuntimeError: 2 * 3 | `x` & <b>bold</b>" in markdown
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "| ! diabetes-sgd | not run |" in markdown
    assert "| ✓ digits-adam |" in markdown


def test_implementations_that_count_differently_get_confusion_matrices_of_their_own(tmp_path) -> None:
    write_results(tmp_path)

    def miscount(rows: pd.DataFrame) -> pd.DataFrame:
        place = rows.index[(rows.scenario == "cancer-momentum") & (rows.implementation == "keras")][0]
        rows.loc[place, "count"] += 1
        return rows

    tamper(tmp_path, "confusion", miscount)
    results = load(tmp_path)
    shown = [panel.title for panel in figures.confusion(results, results.tables["confusion"], "float64").panels]
    assert shown == [
        "cancer-momentum: numpy = torch",
        "cancer-momentum: keras",
        "digits-adam: numpy = torch = keras",
    ]


def test_a_skipped_scenario_gives_its_reason(tmp_path) -> None:
    summary = write_results(tmp_path)
    summary["scenarios"].append(summary["scenarios"][0] | {"name": "mnist-sgd", "skipped": "the files are missing"})
    write_summary(tmp_path, summary)
    results = load(tmp_path)
    hidden = [block for block in sections.equality(results) if isinstance(block, Hidden)]
    assert hidden == [Hidden("1 scenario skipped: mnist-sgd.", [Terms({"mnist-sgd": "the files are missing"})])]
    assert not any("mnist-sgd" in row[0].text for row in tables.equality(results, results.tables["cells"]).rows)


def test_the_machine_s_table_says_the_threads_of_each_part(tmp_path) -> None:
    write_results(tmp_path)
    rows = {row[0].text: row[1].text for row in tables.environment(load(tmp_path)).rows}
    assert rows["threads each while compared"] == "1"
    assert rows["threads each while timed"] == "1 and 2"
    assert rows["numpy"] == "2.4.6"


# --- runs with less in them ---


def test_two_implementations_and_one_precision_without_speed(tmp_path) -> None:
    write_results(tmp_path, implementations=("numpy", "torch"), dtypes=("float32",))
    (tmp_path / "data" / "speed.csv").unlink()
    markdown, page = pages(tmp_path)
    Reader(page)
    assert "Missing or empty: How long does a step take? (data/speed.csv)" in markdown
    assert "## How long does a step take?" not in markdown
    assert "keras" not in text_of(page).split("Machine and versions")[0]
    assert "float64 numpy" not in markdown
    assert not (tmp_path / "figures" / "speed.png").exists()


@pytest.mark.parametrize(  # An equal run has no causes, and what is derived from speed.csv is missing with it.
    "name", [name for name in COLUMNS if name not in ("causes", "map") and not name.startswith(("speed_", "default_"))]
)
@pytest.mark.parametrize("content", [None, "", "header"])
def test_a_missing_or_empty_table_costs_one_line(tmp_path, name: str, content: str | None) -> None:
    write_results(tmp_path, plans={"digits-adam": PLANS["digits-adam"]}, steps=2)
    path = tmp_path / file_of(name)
    if content is None:
        path.unlink()
    else:
        path.write_text(",".join(COLUMNS[name].split()) + "\n" if content else "", encoding="utf-8")
    sections = [section for view in build(load(tmp_path)) for section in view.sections]
    blocks = [block for section in sections for block in section.blocks]
    (line,) = [block.text for block in blocks if isinstance(block, Prose) and "Missing or empty" in block.text]
    assert f"data/{name}.csv" in line
    assert line.count(".csv") == sum(name in (needed or "").split() for _, needed in NEEDED)


def test_nothing_but_a_summary_still_makes_a_page(tmp_path) -> None:
    write_results(tmp_path, plans={})
    for path in (tmp_path / "data").iterdir():
        path.unlink()
    markdown, page = pages(tmp_path)
    Reader(page)
    assert markdown.count("Missing or empty") == 1
    assert all(file_of(name) in markdown for _, needed in NEEDED for name in (needed or "").split())


# --- bad input ---


def test_unreadable_results_give_one_line_and_leave_the_earlier_report(tmp_path, capsys) -> None:
    summary = write_results(tmp_path, plans={"digits-adam": PLANS["digits-adam"]}, steps=2)
    (tmp_path / "index.html").write_text("earlier", encoding="utf-8")

    def refused(expected: str) -> None:
        assert main([str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
        assert (tmp_path / "index.html").read_text("utf-8") == "earlier"

    for text, expected in [
        (json.dumps(summary | {"format": "other 9"}), "'other 9', expected 'mlp-rosetta results 1'"),
        (json.dumps({key: value for key, value in summary.items() if key != "gates"}), "lacks gates"),
        (json.dumps(summary | {"divergences": [{"scenario": "x"}]}), "lacks divergences[0].dtype"),
        ("[1, 2", "not a JSON file"),
        ("[1, 2]", "format None"),
    ]:
        (tmp_path / "results.json").write_text(text, encoding="utf-8")
        refused(expected)
    write_summary(tmp_path, summary)
    tamper(tmp_path, "cells", lambda rows: rows.drop(columns="bound"))
    refused("cells.csv: lacks the column bound")
    write_results(tmp_path, plans={"digits-adam": PLANS["digits-adam"]}, steps=2)
    tamper(tmp_path, "losses", lambda rows: rows.assign(loss="high"))
    refused("losses.csv: could not convert string to float: 'high'")
    (tmp_path / "results.json").unlink()
    refused("results.json does not exist; name a folder")


# --- tables ---


def test_rows_of_one_group_stand_under_its_name() -> None:
    frame = pd.DataFrame({"work": ["a", "a", "b"], "who": ["x", "y", "x"], "time": ["1", "2", "3"]})
    table = Table("T", frame, words=frozenset({"work", "who"}), by="work")
    assert table.labels == ["who", "time"]
    assert [(name, [[cell.text for cell in row] for row in rows]) for name, rows in table.bodies] == [
        ("a", [["x", "1"], ["y", "2"]]),
        ("b", [["x", "3"]]),
    ]
    two = Table(
        "T", frame.set_axis(pd.MultiIndex.from_tuples([("", "work"), ("", "who"), ("f", "time")]), axis=1), by="work"
    )
    assert (two.labels, two.full_labels, two.groups) == (["who", "time"], ["who", "f: time"], [("", 1), ("f", 1)])
    assert [[cell.text for cell in row] for row in table.rows_flat] == [
        ["a", "x", "1"],
        ["", "y", "2"],
        ["b", "x", "3"],
    ]


# --- numbers ---


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_compact_number_is_short_and_right(value: float) -> None:
    text = number(value)
    assert len(text) <= 9
    assert float(text) == pytest.approx(value, rel=0.051, abs=1e-320)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_an_exact_number_loses_nothing(value: float) -> None:
    assert float(exact(value)) == value


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        (number, 3.14e-16, "3.1e-16"),
        (number, 0.0, "0"),
        (number, float("nan"), "NaN"),
        (number, None, "NaN"),
        (number, float("-inf"), "-∞"),
        (number, 150, "150"),
        (percent, 0.0003, "0.030 %"),
        (percent, 1.0, "100 %"),
        (percent, 1e-9, "<0.001 %"),
        (percent, 0.0, "0 %"),
        (percent, 3.2e9, "3.2e9 times"),
        (number, 99.96, "100"),
        (percent, float("nan"), "NaN"),
        (microseconds, 33.14e-6, "33.1"),
        (microseconds, 0.0398761, "39,900"),
        (microseconds, 9.996e-6, "10.0"),
        (microseconds, 5e-7, "0.500"),
    ],
)
def test_numbers_as_they_are_written(write, value: float | None, expected: str) -> None:
    assert write(value) == expected


@given(st.text())
def test_escaped_markdown_says_the_same(text: str) -> None:
    escaped = escape_markdown(text)
    assert re.sub(r"\\([\\`*<>|\[\]~_])", r"\1", escaped) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<*`]", escaped)
