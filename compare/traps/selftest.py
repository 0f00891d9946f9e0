"""The checker checked: what it catches, and how often it cries wolf.

Five parts: every trap on the reference, in each precision (the kill matrix); bugs planted in the templates themselves;
clean comparisons of random correct pairs, of which none may be called different; and files as people write them, some
right and some with a mistake (the corpus); and pairs of training scripts, of which the one is a port of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from compare.ledger.jobs import Job, by_name, run_jobs
from compare.pairs import score
from compare.traps import corpus
from compare.traps import planted as broken

if TYPE_CHECKING:
    import pandas as pd

    from compare.ledger.processes import Pool

Show = Callable[[float, float, str], None]


@dataclass(frozen=True, eq=False)
class Findings:
    """The tables of a self-test, named as their files: kills, planted, clean, corpus, scripts, traps, defaults."""

    tables: dict[str, pd.DataFrame]

    @property
    def wrong(self) -> list[str]:
        """What the checker missed, misplaced or called different though it was not, a line each."""
        kills, planted, clean = (self.tables[name] for name in ("kills", "planted", "clean"))
        return [
            *(f"{r.trap} on {r.scenario} in {r.dtype} was not caught" for r in kills[kills.missed].itertuples()),
            *(f"bug in the {r.template} template ({r.instead}) was not placed" for r in _unplaced(planted)),
            *(f"false alarm: {r.kind}, {r.dtype}, number {r.number}" for r in clean.itertuples() if r.false_alarm),
            *(f"{r.file} is right and was called: {r.found}" for r in self._corpus.itertuples() if r.accused),
            *(f"{r.file} is a right port and was called: {r.found}" for r in self._scripts.itertuples() if r.accused),
        ]

    @property
    def _corpus(self) -> pd.DataFrame:
        """The corpus; no rows where it is not installed."""
        import pandas as pd

        return self.tables.get("corpus", pd.DataFrame({"accused": []}))

    @property
    def _scripts(self) -> pd.DataFrame:
        """The pairs of scripts; no rows where they are not installed."""
        import pandas as pd

        return self.tables.get("scripts", pd.DataFrame({"accused": []}))

    @property
    def summary(self) -> list[str]:
        """The rates in words, a line each."""
        kills, planted, clean = (self.tables[name] for name in ("kills", "planted", "clean"))
        lines = []
        for dtype, group in kills.groupby("dtype", sort=False):
            above = group[group.above_rounding]
            below = f", {len(group) - len(above)} are below rounding" if len(above) < len(group) else ""
            lines.append(f"{dtype}: {int(above.caught.sum())} of {len(above)} pairs of trap and scenario caught{below}")
        lines.append(
            f"planted in the templates: {int(planted.placed.sum())} of {len(planted)} caught in the right place"
        )
        alarms = int(clean.false_alarm.sum()) if len(clean) else 0
        lines.append(f"false alarms: {alarms} in {len(clean)} clean comparisons")
        lines += [corpus.summary(self._corpus)] if len(self._corpus) else []
        return [*lines, *([score.in_words(self._scripts)] if len(self._scripts) else [])]

    @property
    def lost(self) -> list[str]:
        """Planted bugs that could not be tried, a line each."""
        planted = self.tables["planted"]
        return [f"bug in the {r.template} template: {r.message}" for r in planted.itertuples() if r.message]


def _unplaced(planted: pd.DataFrame) -> Any:
    return planted[~planted.placed & (planted.message == "")].itertuples()


def run_self_test(pool: Pool, clean: int, show: Show = lambda done, total, what: None) -> Findings:
    """Run all parts; `clean` is the number of clean comparisons."""
    import pandas as pd

    from compare.traps.catalogue import CATALOGUE
    from compare.traps.clean import clean_comparisons
    from compare.traps.defaults import guide, live_defaults, sizes
    from compare.traps.kill import kill_matrix

    files = corpus.files()
    scripts = score.cases(score.FOLDER)
    total = float(len(CATALOGUE) + len(broken.PLANTED) + clean + len(files) + len(scripts))
    planted = planted_bugs(pool, lambda done, _: show(done, total, "bugs planted in the templates"))
    kills = []
    for number, trap in enumerate(CATALOGUE):
        show(len(broken.PLANTED) + number, total, trap)
        kills += [_kill_row(kill) for kill in kill_matrix([trap])]
    found = []
    for number, result in enumerate(clean_comparisons(clean)):
        show(len(broken.PLANTED) + len(CATALOGUE) + number, total, "clean comparisons")
        row = {"number": result.number, "kind": result.kind, "dtype": result.dtype, "used": result.used}
        found.append(row | {"false_alarm": result.false_alarm})
    tables = {"kills": pd.DataFrame(kills), "planted": planted, "clean": pd.DataFrame(found)}
    if files:
        done = total - len(files) - len(scripts)
        tables["corpus"] = corpus.run(files, lambda number, _, what: show(done + number, total, what))
    if scripts:
        tables["scripts"] = score.run(show=lambda number, _, what: show(total - len(scripts) + number, total, what))
    show(total, total, "the guide")
    return Findings(tables | {"traps": guide(sizes()), "defaults": live_defaults()})


def _kill_row(kill: Any) -> dict[str, Any]:
    row = asdict(kill)
    others = row.pop("others")
    return row | {"missed": kill.missed, "above_rounding": kill.above_rounding} | others


def planted_bugs(pool: Pool, show: Callable[[int, int], None] = lambda done, total: None) -> pd.DataFrame:
    """One row for each planted bug, found in the process of the framework that it is in."""
    import pandas as pd

    jobs = {
        number: Job(bug.template, {"do": by_name(broken.run), "scenario": bug.scenario, "number": number})
        for number, bug in enumerate(broken.PLANTED)
        if bug.template in pool.workers
    }
    rows = []
    for number, event in run_jobs(jobs, pool, show).items():
        empty = {
            "template": broken.PLANTED[number].template,
            "instead": broken.PLANTED[number].instead,
            "placed": False,
        }
        rows.append((event.result if event.status == "ok" else empty) | {"message": event.message})
    return pd.DataFrame(rows)
