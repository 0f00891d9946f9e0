"""What defaults make of a training: shares that add up, and trainings that are the programs' own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from compare.defaults.__main__ import SCENARIOS, main
from compare.defaults.attribution import first_parameters, mixtures, of_one_seed, shapley, train
from compare.defaults.campaign import run, tables
from compare.defaults.factors import BIASES, ORDER, WEIGHTS, settings
from compare.defaults.gaps import sentences
from compare.ledger.run import Ledger
from compare.programs.spec import named
from compare.report import render
from compare.results import Part, write


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
    found = of_one_seed("xor", "torch", "keras", 0)
    assert sum(found["loss"].values()) == pytest.approx(found["loss b"] - found["loss a"], abs=1e-12)
    spec = named("xor")
    assert found["loss b"] == train(spec, settings("keras", spec), 0)[0]


def test_every_mixture_of_two_frameworks_is_there():
    mixed = mixtures(named("digits"), "torch", "keras")
    assert len(mixed) == 16
    assert mixed[()].keys() == {WEIGHTS, BIASES}


def test_another_executor_gives_the_same_numbers_and_a_sentence_is_said():
    table = run(["xor"], [("numpy", "keras")], 2, ThreadPoolExecutor(2))
    again = run(["xor"], [("numpy", "keras")], 2, ThreadPoolExecutor(1))
    assert table.equals(again)
    assert sentences(table)[0].startswith("xor, test loss: from numpy to keras")


def test_a_gap_within_its_interval_is_called_chance():
    table = run(["xor"], [("numpy", "keras")], 2, ThreadPoolExecutor(1)).assign(a=[0.0] * 4, b=[1.0, 1.0, -1.0, -1.0])
    assert all(line.endswith("no more than chance makes") for line in sentences(table))


def test_bad_usage_is_one_line(capsys):
    assert main(["winee"]) == 2
    assert main(["wine", "--seeds", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert len(SCENARIOS) == 8


def test_a_run_becomes_tables_and_a_section_of_the_report(tmp_path):
    rows = run(["xor", "iris"], [("torch", "keras"), ("numpy", "torch")], 3, ThreadPoolExecutor(1))
    found = tables(rows)
    ends, gaps = found["default_ends"], found["default_gaps"]
    assert set(ends["framework"]) == {"numpy", "torch", "keras"}
    assert (ends["seeds"] == 3).all()
    sums = gaps.groupby(["scenario", "measure", "from", "to"])["share"].sum()
    whole = gaps.drop_duplicates(["scenario", "measure", "from", "to"]).set_index(sums.index.names)["gap"]
    np.testing.assert_allclose(sums, whole.loc[sums.index], atol=1e-12)
    write(tmp_path, Ledger({}, [], {}), {"started": "", "seconds": 1.0, "command": "", "selection": ""}, [Part(found)])
    render(tmp_path)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "What the defaults make of it" in page
    assert (tmp_path / "figures" / "defaults-loss.png").exists()
    assert all(said.split("; ")[-1] in page for said in gaps["said"])


def test_progress_is_told_and_what_is_interrupted_ends():
    told = []

    def show(done, total, what):
        told.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["xor"], [("numpy", "keras")], 500, show=show)
    assert told[:3] == [(0, 500), (1, 500), (2, 500)]
    assert not multiprocessing.active_children()
