"""The Rosetta page: a network's programs side by side, each line with the numbers that it computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from compare.programs.examples import NETWORKS
from compare.programs.networks import downloads, network, networks
from compare.programs.program import FRAMEWORKS
from compare.programs.record import recorder
from compare.programs.stored import current, stored
from compare.report import assets
from compare.report.figures import styles_of
from compare.report.page import inline_svg, page_environment, swatch, write_whole
from compare.report.rosetta_files import file_of, packed, read
from compare.report.rosetta_network import Shown, about, kinds, viewed

FOLDER = Path(__file__).resolve().parents[2] / "reports" / "rosetta"


def write_rosetta(names: Iterable[str] = (), folder: Path = FOLDER, say: Callable[[str], None] = print) -> Path:
    """Run the programs of these networks, all by default, where no record of them is current; write the page.

    What was recorded before stays, so that a run that was ended goes on where it was; the page then has what there is.
    """
    wanted = list(names) or [name for name in networks() if not downloads(name)]
    there = {shown.spec.name: shown for shown in recorded(wanted, folder)}
    stale = [name for name in wanted if name not in there or not current(there[name].record, there[name].spec)]
    try:
        with recorder() as run:
            for place, name in enumerate(stale, 1):
                found = run(network(name))
                _write(folder, Shown(found.spec, stored(found)))
                faults = "".join(f"; not shown: {form} {of}, {why}" for (form, of), why in found.faults.items())
                say(f"{place} of {len(stale)}: {name}{faults}")
    finally:
        page = write_page(wanted, folder)
    return page


def recorded(names: Iterable[str], folder: Path = FOLDER) -> list[Shown]:
    """Those of these networks of which there is a record of the programs as they are now."""
    found = []
    for name in names:
        record = read(file_of(folder, name))
        if record and (shown := Shown(network(name), record)).of_now:
            found.append(shown)
    return found


def write_page(names: list[str], folder: Path = FOLDER) -> Path:
    """Write the page of what is recorded of these networks."""
    shown = recorded(names, folder)
    for each in shown:
        _write(folder, each)
    page = folder / "index.html"
    if shown:
        write_whole(page, html(shown, len(names)).encode())
    return page


def _write(folder: Path, shown: Shown) -> None:
    """Write a network's file, if it is another than the one there."""
    path, content = file_of(folder, shown.spec.name), packed(shown.record, fragment(shown)).encode("ascii")
    if not path.exists() or path.read_bytes() != content:
        write_whole(path, content)


def fragment(shown: Shown) -> str:
    """A network's part of the page."""
    return _environment().get_template("rosetta_network.html.j2").module.network(viewed(shown), False)


def html(every: list[Shown], of: int = 0) -> str:
    """The page of these networks, of so many that there could be: the examples in it, the others in files beside it."""
    groups = networks()
    inside = [shown for shown in every if shown.spec.name in NETWORKS] or every[:1]
    listed = [
        {"name": shown.spec.name, "title": shown.spec.title, "about": about(shown.spec)}
        | {"kinds": kinds(shown.spec, groups[shown.spec.name])}
        for shown in every
    ]
    known: dict[str, Any] = {
        "frameworks": FRAMEWORKS,
        "styles": {name: vars(style) for name, style in styles_of(list(FRAMEWORKS.values())).items()},
        "networks": listed,
    }
    return (
        _environment()
        .get_template("rosetta.html.j2")
        .render(
            css=assets.style("page.css", "tables.css", "figures.css", "rosetta.css"),
            js=assets.script("rosetta.js"),
            known=assets.island(known),
            packed=[packed(shown.record, "").replace("</", "<\\/") for shown in inside],
            inside=[viewed(shown) for shown in inside],
            outside=[each for each in listed if each["name"] not in {shown.spec.name for shown in inside}],
            waiting=max(of - len(every), 0),
            left_out=[name for name in groups if downloads(name)],
            programs=sum(
                "text" in run for each in every for form in each.record["forms"].values() for run in form.values()
            ),
            frameworks=FRAMEWORKS,
        )
    )


def _environment() -> Any:
    environment = page_environment()
    environment.globals |= {"svg": inline_svg, "swatch": swatch, "frameworks": FRAMEWORKS}
    environment.globals |= {"island": lambda _: "", "figure_data": lambda _: {}}
    return environment
