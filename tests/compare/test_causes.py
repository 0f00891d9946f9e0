"""Who is said to be at fault, and what of it, when one of three is broken: also when it is the reference itself."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator

import pytest

from compare import results
from compare.ledger import parity
from compare.ledger.run import Finding, Ledger, Suspect
from compare.ledger.trace import Trace, record
from compare.traps import scenarios
from compare.traps.catalogue import CATALOGUE, Hypothesis, record_trapped, trap
from compare.traps.causes import find_causes
from compare.traps.scenarios import SCENARIOS, Case, case
from impls import mlp_numpy

SCENARIO = SCENARIOS["trap-adam"]
INSIDE = Hypothesis(CATALOGUE["adam-epsilon-place"], "added under the root")


@pytest.fixture
def break_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Put other code into the reference that every trap is built on: break_numpy(old, new)."""
    source = inspect.getsource(mlp_numpy)

    def break_numpy(old: str, new: str) -> None:
        assert old in source
        monkeypatch.setattr(scenarios, "_cases", {})  # What is kept there was trained by the whole one.
        monkeypatch.setattr(trap.inspect, "getsource", lambda module: source.replace(old, new))
        trap._code.cache_clear()

    yield break_numpy
    trap._code.cache_clear()


def clean(reference: Trace | None = None) -> Trace:
    """The whole template's trace, whatever was done to the copy that traps are built on."""
    plan = case(SCENARIO).plan
    return record(mlp_numpy.MLP(mlp_numpy.Config(**plan.config, dtype="float64"), plan.params), plan, reference)


def ledger_of(stepped: dict[str, Trace], own: dict[str, Trace]) -> Ledger:
    """A ledger of one scenario in float64, whose reference is the first of these implementations."""
    plan, names = case(SCENARIO).plan, list(stepped)
    reference = own[names[0]]
    ground = Case(plan, reference)
    finding = Finding(plan, reference=names[0])
    for compare, traces in ((parity.in_step, stepped), (parity.on_its_own, own)):
        for a, b in itertools.combinations(names, 2):
            finding.comparisons.append(compare(ground.ruler, "float64", (a, b), traces[a], traces[b]))
    for name in names[1:]:
        if not all(c.equal for c in finding.comparisons if {c.a, c.b} == {names[0], name}):
            suspect = Suspect(SCENARIO.name, name, "float64", plan, reference, stepped[name], own[name])
            finding.suspects.append(suspect)
    return Ledger({SCENARIO.name: finding}, [], dict.fromkeys(names, 0.0))


def broken_reference(*others: str) -> Ledger:
    """The broken reference under the name numpy, and whole implementations under other names."""
    reference = record_trapped((), case(SCENARIO).plan, "float64")
    stepped, own = clean(reference), clean()
    names = {"numpy": reference}
    return ledger_of(names | dict.fromkeys(others, stepped), names | dict.fromkeys(others, own))


def test_a_broken_reference_is_the_suspect_and_the_others_are_not_accused(break_numpy) -> None:
    break_numpy("(np.sqrt(v / (1 - c.beta2**t)) + c.epsilon)", "np.sqrt(v / (1 - c.beta2**t) + c.epsilon)")
    (row,) = find_causes(broken_reference("torch", "keras")).to_dict("records")
    assert (row["implementation"], row["cause"]) == ("numpy", "")
    assert row["text"].startswith("Who differs: numpy stands alone, torch and keras agree, though")
    assert "The suspect is the reference itself, numpy." in row["text"]
    assert "No trap put into numpy makes it train as torch does." in row["text"]
    assert "in the reference, " in row["text"]
    assert "in torch; off by" in row["text"]
    assert "The cause:" not in row["text"]


def test_the_verdict_names_the_one_that_stands_alone(break_numpy) -> None:
    break_numpy("    return config.learning_rate\n", "    return 2 * config.learning_rate\n")
    three, two = (results.verdict_of(broken_reference(*others)) for others in (("torch", "keras"), ("torch",)))
    assert "; numpy stands alone, torch and keras agree, though" in three.sentence
    assert two.sentence.endswith("; with two implementations it cannot be told which is right.")


def test_what_puts_a_broken_reference_right_is_named(break_numpy) -> None:
    break_numpy("    return config.learning_rate\n", "    return 2 * config.learning_rate\n")
    (row,) = find_causes(broken_reference("torch", "keras")).to_dict("records")
    assert (row["implementation"], row["cause"]) == ("numpy", "")
    assert "What puts it right: learning-rate (half)" in row["text"]
    assert "Look in numpy for its opposite." in row["text"]


def test_with_two_it_is_said_that_either_may_be_wrong(break_numpy) -> None:
    break_numpy("(np.sqrt(v / (1 - c.beta2**t)) + c.epsilon)", "np.sqrt(v / (1 - c.beta2**t) + c.epsilon)")
    (row,) = find_causes(broken_reference("torch")).to_dict("records")
    assert row["implementation"] == "torch"
    assert row["text"].startswith("Who differs: with two implementations it cannot be told which is right;")


def test_one_of_the_others_that_is_broken_is_named_with_its_cause() -> None:
    ground = case(SCENARIO)
    stepped = record_trapped((INSIDE,), ground.plan, "float64", ground.reference)
    own = record_trapped((INSIDE,), ground.plan, "float64")
    whole = {"numpy": ground.reference, "torch": ground.reference}
    (row,) = find_causes(ledger_of(whole | {"keras": stepped}, whole | {"keras": own})).to_dict("records")
    assert (row["implementation"], row["cause"]) == ("keras", "adam-epsilon-place")
    assert row["text"].startswith("Who differs: keras stands alone, numpy and torch agree, though")
    assert "The cause: adam-epsilon-place (added under the root)" in row["text"]
