"""What defaults make of a training: shares that add up, and trainings that are the programs' own."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from compare.defaults import programs, trainings
from compare.defaults.__main__ import SCENARIOS, main
from compare.defaults.attribution import mixtures, rows_of, shapley
from compare.defaults.campaign import run
from compare.defaults.factors import BIASES, ORDER, WEIGHTS, settings
from compare.defaults.gaps import check_said, checks, sentences
from compare.defaults.trainings import first_parameters, train
from compare.ledger.run import Ledger
from compare.programs.program import program
from compare.programs.spec import named
from compare.report import render
from compare.results import Part, write
from compare.run.executors import Training, done, opened
from compare.usage import UsageError


def test_shares_add_up_and_split_what_two_factors_do_together():
    worth = {(): 0.0, ("a",): 1.0, ("b",): 0.0, ("a", "b"): 3.0}
    assert shapley(worth.__getitem__, ["a", "b"]) == {"a": 2.0, "b": 1.0}


def test_a_factor_without_effect_has_no_share():
    worth = {part: float("b" in part) for part in [(), ("a",), ("b",), ("a", "b")]}
    assert shapley(worth.__getitem__, ["a", "b"]) == {"a": 0.0, "b": 1.0}


def test_the_frameworks_settings_are_their_programs_differences():
    assert settings("numpy", named("wine")) == {}
    assert settings("torch", named("wine")).keys() == {WEIGHTS, BIASES}
    assert settings("keras", named("digits")).keys() == {WEIGHTS, ORDER, "Adam's epsilon"}


def test_first_parameters_change_one_by_one():
    spec = named("wine")
    torch, plain = settings("torch", spec), first_parameters(spec, {}, 3)
    drawn = first_parameters(spec, {BIASES: torch[BIASES]}, 3)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(plain, drawn, strict=True))
    assert all(b.any() and abs(b).max() <= 1 / np.sqrt(len(W)) for W, b in drawn)


def test_the_shares_of_a_seed_add_up_to_its_gap():
    rows = [row for row in rows_of("xor", [("torch", "keras")], [0, 1]) if row["measure"] == "loss"]
    for seed in (0, 1):
        own = [row for row in rows if row["seed"] == seed]
        assert sum(row["share"] for row in own) == pytest.approx(own[0]["b"] - own[0]["a"], abs=1e-12)
        spec = named("xor")
        assert own[0]["b"] == train(spec, settings("keras", spec), [seed])[0, 0]


@pytest.mark.parametrize("name", SCENARIOS)
def test_trained_as_a_stack_every_seed_ends_as_it_does_alone(name, monkeypatch):
    spec = dataclasses.replace(named(name), epochs=2)
    for framework in ("torch", "keras"):
        chosen = settings(framework, spec)
        together = train(spec, chosen, range(3))
        with monkeypatch.context() as alone:
            alone.setattr(trainings, "stackable", lambda rules: False)
            np.testing.assert_allclose(train(spec, chosen, range(3)), together, rtol=1e-11)


def test_what_a_stack_cannot_follow_is_trained_alone():
    """Dropout, and a trap that changes the class."""
    for name in ("cancer-dropout", "diabetes-huber"):
        spec = dataclasses.replace(named(name), epochs=1)
        found = train(spec, settings("keras", spec), [0, 1])
        assert np.isfinite(found[:, 0]).all()
        assert found[0, 0] != found[1, 0]


def test_a_program_is_run_as_it_stands_from_the_seed_it_is_given():
    spec = named("iris")
    rows = programs.run("numpy", "iris", [0, 5])
    lines: list[str] = []
    exec(program("numpy", dataclasses.replace(spec, seed=5)).text, {"__name__": "__main__", "print": lines.append})
    assert [row["seed"] for row in rows] == [0, 0, 5, 5]
    assert f"test loss {rows[2]['value']:.6f}, accuracy {1 - rows[3]['value']:.4f}" == lines[0]
    assert rows[0]["value"] != rows[2]["value"]


def test_programs_of_one_process_do_not_change_each_other():
    first, again = (programs.run("torch", "xor", [3]) for _ in range(2))
    keras = programs.run("keras", "xor", [3, 4])
    assert first == again == programs.run("torch", "xor", [3])
    assert keras[0]["value"] != keras[1]["value"]


def test_a_program_that_ends_elsewhere_than_the_reference_is_told():
    shares = run_of(("iris",), 20).shares
    same = run_of(("iris",), 20).programs
    assert "none of 4 distributions" in check_said(checks(shares, same))
    other = same.assign(value=same["value"].where(same["framework"] != "torch", same["value"] + 0.5))
    assert "PyTorch on iris, test loss; PyTorch on iris, test error." in check_said(checks(shares, other))


def test_every_mixture_of_two_frameworks_is_there():
    mixed = mixtures(named("digits"), "torch", "keras")
    assert len(mixed) == 16
    assert mixed[()].keys() == {WEIGHTS, BIASES}


@lru_cache
def run_of(names, seeds):
    return run(names, [("numpy", "torch")], seeds, ThreadPoolExecutor(1))


def test_another_executor_gives_the_same_numbers_and_a_sentence_is_said():
    found, again = run_of(("xor",), 2), run(["xor"], [("numpy", "torch")], 2, ThreadPoolExecutor(2))
    assert found.shares.equals(again.shares)
    assert found.programs.equals(again.programs)
    assert sentences(found.shares)[0].startswith("xor: ")


def test_a_sentence_tells_the_gap_and_what_makes_most_of_it():
    rows = pd.DataFrame(rows_of("xor", [("numpy", "torch")], [0, 1])).assign(a=0.2, b=[0.4, 0.5] * 4)
    said = sentences(rows.assign(share=[0.2] * 2 + [0.05] * 6))
    assert said[0] == (
        "xor: of the 0.25 (± 0.098) by which the test loss is higher in PyTorch than in NumPy, 0.2 (± 0) are the "
        "initial biases"
    )
    assert "of the 0.2 (1 seed) by which" in sentences(rows[rows["seed"] == 0].assign(share=0.1))[0]


def test_a_gap_within_its_interval_is_called_chance():
    table = run_of(("xor",), 2).shares
    table = table.assign(a=0.0, b=[(-1.0) ** seed for seed in table["seed"]])
    assert all(line.endswith("no more than chance makes") for line in sentences(table))


def test_bad_usage_is_one_line(capsys):
    assert main(["winee"]) == 2
    assert main(["wine", "--seeds", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert len(SCENARIOS) == 8


def rendered(found, tmp_path):
    about = {"started": "", "seconds": 1.0, "command": "", "selection": ""}
    write(tmp_path, Ledger({}, [], {}), about, [Part(found.tables)])
    render(tmp_path)
    return (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_run_becomes_tables_and_a_section_of_the_report(tmp_path):
    found = run_of(("xor", "iris"), 3)
    ends, gaps = found.tables["default_ends"], found.tables["default_gaps"]
    assert set(ends["framework"]) == {"numpy", "torch"}
    assert (ends["seeds"] == 3).all()
    assert not len(ends[(ends["scenario"] == "xor") & (ends["measure"] == "error")])  # It predicts no class.
    sums = gaps.groupby(["scenario", "measure", "from", "to"])["share"].sum()
    whole = gaps.drop_duplicates(["scenario", "measure", "from", "to"]).set_index(sums.index.names)["gap"]
    np.testing.assert_allclose(sums, whole.loc[sums.index], atol=1e-12)
    page = rendered(found, tmp_path)
    assert "What the defaults make of it" in page
    assert all((tmp_path / "figures" / f"defaults-{name}.png").exists() for name in ("loss", "error", "ends-loss"))
    assert all(said.split("; ")[-1] in page for said in gaps["said"])


def test_one_seed_has_no_interval(tmp_path):
    page = rendered(run_of(("iris",), 1), tmp_path)
    assert "1 seed" in page
    assert "± nan" not in page.lower()


def test_progress_is_told_and_what_is_interrupted_ends():
    told = []

    def show(done, total, what):
        told.append((done, total))
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["xor"], [("numpy", "torch")], 500, show=show)
    assert told[0] == (0, 1500)  # the programs of both, and the mixtures
    assert told[1:3] == [(25, 1500), (50, 1500)]
    assert not multiprocessing.active_children()


def test_a_killed_process_is_one_line():
    with pytest.raises(UsageError, match="was ended from outside"), opened(None) as pool:
        done([Training(os._exit, (1,), "")], pool)
