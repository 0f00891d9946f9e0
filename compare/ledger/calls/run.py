"""The calls held against what they must give, in every implementation."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.ledger.calls.cases import rows
from compare.ledger.calls.expected import HISTORY, Standard, Values, standard
from compare.ledger.calls.observed import Observed
from compare.ledger.jobs import Asking, Job, by_name

if TYPE_CHECKING:
    import pandas as pd

# How many cases each implementation does. The first seven hold every option; Keras compiles each network anew.
MOST_ROWS = {"numpy": 14, "torch": 14, "keras": 7}
QUICK_ROWS = {"numpy": 3, "torch": 3, "keras": 1}


def judged(template: ModuleType, against: Standard, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each phase of a case: its worst place, or why it did not finish; nothing comes after an error."""
    observed = Observed(template, against.case, folder)
    about = {"case": against.case.name}
    try:
        for phase, found, known in observed.phases():
            wanted = against.values[phase] if known is None else known
            allowed = against.allowed[phase] if known is None else dict.fromkeys(wanted, 0.0)
            yield about | {"call": phase, "message": ""} | _worst(found, wanted, allowed)
    except Exception as error:
        nothing = {"what": "", "found": "", "wanted": "", "difference": np.nan, "used": np.inf, "equal": False}
        text = " ".join(str(error).split())[:200]
        yield about | {"call": observed.at, "message": f"{type(error).__name__}: {text}"} | nothing


def _worst(found: Values, wanted: Values, allowed: Values) -> dict[str, Any]:
    """The first thing that is not as it must be, otherwise the one nearest to its bound."""
    places = [_place(name, found.get(name), wanted.get(name), allowed.get(name, 0.0)) for name in {**wanted, **found}]
    wrong = [place for place in places if not place["equal"]]
    return wrong[0] if wrong else max(places, key=lambda place: place["used"])


def _place(name: str, found: Any, wanted: Any, allowed: float) -> dict[str, Any]:
    if found is None or wanted is None or isinstance(wanted, str):
        return _row(name, found, wanted, np.inf if found != wanted else 0.0, np.inf if found != wanted else 0.0)
    a, b = np.asarray(found, float), np.asarray(wanted, float)
    if name.startswith(HISTORY):
        return _epochs(name, a, b, allowed)
    if a.shape != b.shape:
        return _row(name, f"shape {a.shape}", f"shape {b.shape}", np.inf, np.inf)
    distance = _distance(a, b)
    worst = np.unravel_index(int(distance.argmax()), distance.shape)
    return _at(name + (f" {[int(i) for i in worst]}" if worst else ""), a, b, worst, allowed)


def _epochs(name: str, a: np.ndarray, b: np.ndarray, allowed: float) -> dict[str, Any]:
    """The first epoch of a history that is wrong, otherwise its length, otherwise the epoch nearest to its bound."""
    both = min(len(a), len(b))
    distance = _distance(a[:both], b[:both])
    wrong = np.flatnonzero(distance > allowed)
    if not len(wrong) and len(a) != len(b):
        return _row(f"{name}, epochs", len(a), len(b), np.inf, np.inf)
    epoch = int(wrong[0] if len(wrong) else distance.argmax())
    return _at(f"{name} of epoch {epoch + 1}", a[:both], b[:both], (epoch,), allowed)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    distance = np.abs(a - b)
    return np.where(np.isfinite(distance), distance, np.inf)


def _at(what: str, a: np.ndarray, b: np.ndarray, index: tuple, allowed: float) -> dict[str, Any]:
    distance, scale = float(_distance(a, b)[index]), float(np.abs(b).max())
    used = 0.0 if distance == 0 else distance / allowed if allowed else np.inf
    return _row(what, f"{a[index]:.12g}", f"{b[index]:.12g}", distance / scale if scale else distance, used)


def _row(what: str, found: Any, wanted: Any, difference: float, used: float) -> dict[str, Any]:
    said = {"found": "nothing" if found is None else str(found), "wanted": "nothing" if wanted is None else str(wanted)}
    return {"what": what, **said, "difference": difference, "used": used, "equal": used <= 1}


@lru_cache
def standard_of(number: int) -> Standard:
    """The standard of the case of this number."""
    return standard(rows()[number], number)


def first_wrong(template: ModuleType, folder: Path, most: int) -> dict[str, Any] | None:
    """The first row of as many cases that is not as it must be; None if all are."""
    for number in range(most):
        for row in judged(template, standard_of(number), folder):
            if not row["equal"]:
                return row
    return None


def run(implementation: str, job: dict[str, Any]) -> list[dict[str, Any]]:
    """A worker's part: case `job["number"]` in one implementation; a row for each phase."""
    template = importlib.import_module(f"impls.mlp_{implementation}")
    with tempfile.TemporaryDirectory() as folder:
        return [*judged(template, standard_of(job["number"]), Path(folder))]


def run_calls(names: Sequence[str], most: dict[str, int] = MOST_ROWS) -> Asking[pd.DataFrame]:
    """Every call in every implementation; `most` limits the cases of those that it names.

    Columns: implementation, case, call, what, found, wanted, difference (max|a - b| / max|wanted|), used (of its
    bound), equal, message (why it did not finish).
    """
    import pandas as pd  # Late: the workers, who need none, import this file too.

    work = {"do": by_name(run), "scenario": "the calls"}
    jobs = {
        (name, number): Job(name, work | {"number": number})
        for name in names
        for number in range(len(rows()))[: most.get(name)]
    }
    found: list[dict[str, Any]] = []
    for (name, _), event in (yield jobs).items():
        if event.status == "ok":
            found += [{"implementation": name, **row} for row in event.result]
        else:
            row = dict.fromkeys(COLUMNS, "") | {"difference": np.nan, "used": np.inf, "equal": False}
            found.append(row | {"implementation": name, "message": event.message})
    return pd.DataFrame(found, columns=COLUMNS)


COLUMNS = ["implementation", "case", "call", "what", "found", "wanted", "difference", "used", "equal", "message"]


def lost(table: pd.DataFrame) -> list[str]:
    """The calls that did not finish, a line each."""
    lines = []
    for r in table[table["message"] != ""].itertuples():
        call = f"{r.call} ({r.case})" if r.call else "calls"
        lines.append(f"{r.implementation}'s {call}: {r.message}")
    return [*dict.fromkeys(lines)]


def different(table: pd.DataFrame) -> list[str]:
    """The calls that gave something else, a line for each implementation and call, with its first case."""
    wrong = table[~table["equal"].astype(bool) & (table["message"] == "")]
    lines = []
    for (name, call), group in wrong.groupby(["implementation", "call"], sort=False):
        first = group.iloc[0]
        more = f", and in {len(group) - 1} more" if len(group) > 1 else ""
        said = f"{first.what}: {first.found} for {first.wanted}" + " (did not take the state)" * (call == "set")
        lines.append(f"{name}'s {call}, {said} ({first.case}{more})")
    return lines
