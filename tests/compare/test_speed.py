"""The speed track: statistics on made-up rounds, the gate, the processes, and runs that go on. No time is asserted."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compare.report import render
from compare.report import results as stored
from compare.speed import arguments, baseline, campaign, contenders, gate, measure, statistics, tables
from compare.speed.work import SIZES, Work, of_size

WORK = of_size("digits")
RIVALS = {("torch", "fit"): 5.0, ("torch", "fast"): 2.0, ("keras", "fit"): 40.0, ("scikit-learn", "fit"): 2.5}


def turns(work: Work = WORK, noise: float = 0.004, rounds: int = 31, again: float = 1.0, delayed: float = 1.05, **more):
    """Rounds of all contenders: NumPy's 30 µs under a drift that all share, times each one's ratio, with noise."""
    random = np.random.default_rng(0)
    ratios = {("numpy", "fit"): 1.0, ("numpy", "again"): again, ("numpy", "delayed"): delayed}
    ratios |= {("numpy", "products"): 0.2, ("torch", "products"): 0.25} | RIVALS | more.pop("ratios", {})
    busy = {"cpu_per_second": 1.0, "waiting_cpu": 0.0, "elsewhere_cpu": 0.0, "turn_seconds": 0.1} | more
    return [
        {
            **work.labels,
            "implementation": implementation,
            "mode": mode,
            "round": number,
            "seconds_per_step": 3e-5 * ratio * (1 + number / rounds) * random.normal(1, noise),
            **busy,
        }
        for number in range(rounds)
        for (implementation, mode), ratio in ratios.items()
    ]


def summary(**arguments) -> pd.DataFrame:
    return statistics.summarise(pd.DataFrame(turns(**arguments))).set_index(["implementation", "mode"])


# Statistics -----------------------------------------------------------------------------------------------------------


def test_ratios_and_verdicts_of_a_calm_machine() -> None:
    found = summary(ratios={("keras", "fast"): 1.001})
    assert (found["objection"] == "").all()
    assert found.loc[("numpy", "fit"), "verdict"] == "reference"
    assert found.loc[("numpy", "again"), "verdict"] == "passed"
    assert found.loc[("numpy", "delayed"), "verdict"] == "passed"
    assert found.loc[("numpy", "delayed"), "ratio"] == pytest.approx(1.05, abs=0.01)
    for who, ratio in RIVALS.items():
        row = found.loc[who]
        assert row["verdict"] == "slower"
        assert row["low"] <= ratio * 1.01
        assert row["high"] >= ratio * 0.99
    assert found.loc[("keras", "fast"), "verdict"] == "tie"
    assert found["leads"][found["leads"]].index.tolist() == [("numpy", "fit"), ("keras", "fast")]


def test_the_share_of_the_floor_is_the_fastest_products() -> None:
    found = summary(noise=0.0)
    assert found.loc[("numpy", "fit"), "share"] == pytest.approx(0.2)
    assert found.loc[("torch", "products"), "share"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"again": 1.02}, "does not hold 1"),
        ({"again": 1.2}, "does not hold 1"),
        ({"noise": 0.2}, "wider than ± 3%"),
        ({"delayed": 1.0}, "a delay of 5 % was not seen"),
        ({"elsewhere_cpu": 1.0}, "other programs used 100% of a core"),
        ({"waiting_cpu": 0.5}, "those that waited used 50% of a core"),
        ({"again": np.nan}, "the control did not run"),
    ],
)
def test_nothing_is_ranked_where_a_control_fails(arguments: dict, reason: str) -> None:
    found = summary(**arguments)
    assert found["objection"].str.contains(reason, regex=False).all()
    rivals = [who for who in found.index if who[1] not in contenders.CONTROLS]
    assert set(found.loc[rivals, "verdict"]) == {""}
    assert not found["leads"].any()


def test_rounds_end_by_the_length_of_the_interval_and_not_by_where_it_lies() -> None:
    assert statistics.settled(turns())
    assert statistics.settled(turns(again=1.2))
    assert not statistics.settled(turns(noise=0.2))
    assert not statistics.settled(turns(again=np.nan))


def test_rounds_end_early_on_a_busy_machine() -> None:
    assert statistics.settled(turns(noise=0.2, elsewhere_cpu=1.0))


def test_a_few_long_turns_weigh_more_than_many_short_ones() -> None:
    """Processor time is read off a coarse clock: a short turn's share may be anything."""
    rows = [row | ({"elsewhere_cpu": 1.0, "turn_seconds": 0.01} if row["round"] % 2 else {}) for row in turns()]
    assert (statistics.summarise(pd.DataFrame(rows))["objection"] == "").all()


def test_a_shared_drift_falls_out_of_the_ratios() -> None:
    times, drift = np.full(15, 2.0), np.linspace(1, 10, 15)
    found = statistics.paired(times * drift, drift)
    assert (found.ratio, found.low, found.high) == (2.0, 2.0, 2.0)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        a, b = random.normal(1.1, 0.03, 25), random.normal(1.0, 0.03, 25)
        found = statistics.paired(a, b)
        held += found.low <= 1.1 <= found.high
    assert held >= 176  # 95 % of 200, less four deviations


def test_the_same_rounds_give_the_same_intervals() -> None:
    frame = pd.DataFrame(turns())
    pd.testing.assert_frame_equal(statistics.summarise(frame), statistics.summarise(frame))


def test_nothing_measured_is_nothing_said() -> None:
    assert statistics.summarise(pd.DataFrame()).empty
    assert set(tables.tables(measure.Samples())) >= {"speed", "speed_ratios", "speed_gains"}


# The work -------------------------------------------------------------------------------------------------------------


def test_products_flops_and_bytes_are_counted_as_documented() -> None:
    work = Work("small", (3, 2, 1), 4)
    assert work.products == [(4, 3, 2), (3, 4, 2), (4, 2, 1), (2, 4, 1), (4, 1, 2)]
    assert work.flops == 2 * (24 + 24 + 8 + 8 + 8)
    moved = (12 + 6 + 8) + (12 + 8 + 6) + (8 + 2 + 4) + (8 + 4 + 2) + (4 + 2 + 8)
    assert work.bytes == 4 * (moved + 3 * (3 * 2 + 2 + 2 * 1 + 1))


@pytest.mark.parametrize("name", SIZES)
def test_data_fits_the_work(name: str) -> None:
    work = of_size(name)
    x, y = work.data()
    assert x.shape == (work.steps * work.batch_size, work.layer_sizes[0])
    assert set(y) == set(range(max(2, work.layer_sizes[-1])))
    assert Work.from_json(json.loads(json.dumps(work.as_json()))) == work


# Contenders and the gate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("implementation", ["numpy", "torch", "scikit-learn"])
def test_epochs_are_timed_one_by_one(implementation: str) -> None:
    runner = contenders.build(contenders.Contender(implementation, "fit", ""), Work("small", (4, 3, 2), 8))
    runner.epochs(1)
    times = runner.epochs(3)
    assert len(times) == 3
    assert all(seconds > 0 for seconds in times)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_floor_computes_the_products(library: str) -> None:
    runner = contenders.Products(Work("small", (4, 3, 2), 8), library)
    runner.epochs(1)
    for a, b, out in runner.operands:
        np.testing.assert_allclose(np.asarray(out), np.asarray(a) @ np.asarray(b), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("implementation", ["numpy", "torch", "keras", "scikit-learn"])
@pytest.mark.parametrize("name", ["tiny", "digits"])
def test_the_gate_lets_equal_modes_pass(implementation: str, name: str) -> None:
    assert gate.difference(implementation, "fit", of_size(name)) <= gate.BOUND


def test_the_gate_lets_the_fast_mode_pass() -> None:
    assert gate.difference("keras", "fast", of_size("digits", optimizer="adam")) <= gate.BOUND


def test_the_gate_stops_a_mode_that_trains_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    from impls import mlp_keras

    compiled = mlp_keras.MLP._epoch_in_tensorflow

    def in_another_order(self, batches):
        epoch = compiled(self, batches)
        return lambda samples, *data: epoch(samples[::-1], *data)

    monkeypatch.setattr(mlp_keras.MLP, "_epoch_in_tensorflow", in_another_order)
    assert gate.difference("keras", "fast", of_size("digits")) > 1e-3


def test_lines_of_code_count_no_comments_and_the_fast_form_apart() -> None:
    import ast

    source = 'def f():\n    """Text."""\n\n    # why\n    return (\n        1\n    )\n'
    assert len(contenders._code_lines(ast.parse(source))) == 4
    for name in ("torch", "keras"):
        plain, fast = (contenders.lines_of_code(contenders.Contender(name, mode, "")) for mode in ("fit", "fast"))
        assert 20 < fast - plain < 100
    assert contenders.lines_of_code(contenders.RIVALS[-1]) is None


# Processes ------------------------------------------------------------------------------------------------------------

TWO = [contenders.REFERENCE, contenders.AGAIN, contenders.DELAYED, contenders.PRODUCTS[0]]
SMALL = Work("small", (4, 3, 2), 8)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> measure.Samples:
    """A short measurement of NumPy and its controls, and of a contender that does not exist."""
    nobody = contenders.Contender("nobody", "fit", "nobody")
    with measure.Crew(1, tmp_path_factory.mktemp("crew"), [*TWO, nobody]) as crew:
        return measure.measure(SMALL, crew, measure.Amount(3, 3, 0.002))


def test_every_round_has_every_contender_once(measured: measure.Samples) -> None:
    seen = pd.DataFrame(measured.turns)
    counts = seen.groupby(["round", "implementation", "mode"]).size()
    assert len(counts) == 3 * len(TWO)
    assert (counts == 1).all()
    assert (seen["seconds_per_step"] > 0).all()


def test_rounds_end_early_where_the_control_is_known_and_a_slow_contender_sits_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "settled", lambda turns: max(row["round"] for row in turns) == 4)
    monkeypatch.setattr(measure, "_stride", lambda contender, *_: 3 if contender.mode == "products" else 1)
    with measure.Crew(1, tmp_path, TWO) as crew:
        found = pd.DataFrame(measure.measure(SMALL, crew, measure.Amount(2, 9, 0.001, inference=False)).turns)
    assert found[found["mode"] == "fit"]["round"].tolist() == [0, 1, 2, 3, 4]
    assert found[found["mode"] == "products"]["round"].tolist() == [0, 1, 3]


def test_a_long_epoch_makes_a_long_stride() -> None:
    slow, amount = contenders.RIVALS[0], measure.Amount(2, 9, 0.01)
    fact = slow.labels | {"quantity": "steady epoch", "value": 0.045}
    assert measure._stride(slow, [fact, fact | {"quantity": "build"}], amount) == 5
    assert measure._stride(contenders.REFERENCE, [], amount) == 1


def test_facts_are_measured_once_or_by_round(measured: measure.Samples) -> None:
    facts = pd.DataFrame(measured.facts).set_index(["implementation", "mode", "quantity"])["value"]
    for quantity in ("import", "build", "first epoch", "gate", "peak memory", "lines of code", "predict one"):
        assert ("numpy", "fit", quantity) in facts.index
    assert facts["numpy", "fit", "gate"].item() == 0.0
    assert facts["numpy", "fit", "peak memory"].item() > 2**20


def test_a_contender_that_cannot_run_is_left_out_with_the_reason(measured: measure.Samples) -> None:
    (row,) = measured.left_out
    assert row["implementation"] == "nobody"
    assert "ModuleNotFoundError" in row["reason"]


def test_a_mode_that_fails_the_gate_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "bound_of", lambda contender, work: -1.0)
    with measure.Crew(1, tmp_path, [contenders.REFERENCE]) as crew:
        found = measure.measure(SMALL, crew, measure.Amount(1, 1, 0.001))
    assert found.turns == []
    assert gate.REFUSED in found.left_out[0]["reason"]
    assert tables.equal(found) == ""
    (line,) = tables.different(found)
    assert line.startswith("numpy fit in small, sgd: not timed, since it does not train as the reference does")


def test_what_the_gate_has_shown_is_said_once_and_a_peer_may_differ() -> None:
    rows = [{**WORK.labels, "implementation": i, "mode": m} for i, m in [("numpy", "fit"), ("torch", "fit")]]
    facts = [row | {"quantity": "gate", "round": 0, "value": 0.0} for row in rows * 2]
    refused = rows[0] | {"implementation": "scikit-learn", "reason": f"not timed, since {gate.REFUSED}"}
    found = measure.Samples([], facts, [refused])
    assert tables.equal(found) == "what was timed trains as NumPy's fit does (torch fit)"
    assert tables.different(found) == []


# Runs that go on ------------------------------------------------------------------------------------------------------


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> tuple[list[campaign.Block], list[str]]:
    """Three blocks without processes, and the names of those that were measured."""
    done: list[str] = []

    class NoCrew:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> NoCrew:
            return self

        def __exit__(self, *_: object) -> None: ...

    def measured(work: Work, *_: object) -> measure.Samples:
        if len(done) == 2 and "stop" in done:
            raise KeyboardInterrupt
        done.append(work.name)
        return measure.Samples(turns(work, rounds=2))

    monkeypatch.setattr(campaign, "Crew", NoCrew)
    monkeypatch.setattr(campaign, "measure", measured)
    return campaign.sizes(["tiny", "digits", "mnist"], [1], campaign.QUICK), done


def test_an_interrupted_run_goes_on_where_it_was(blocks, tmp_path: Path) -> None:
    plan, done = blocks
    parts = tmp_path / "data" / "parts.jsonl"
    done.append("stop")
    with pytest.raises(KeyboardInterrupt):
        campaign.run(plan, tmp_path, parts, {"cpu": "one"})
    assert done == ["stop", "tiny"]
    done.remove("stop")
    found = campaign.run(plan, tmp_path, parts, {"cpu": "one"})
    assert done == ["tiny", "digits", "mnist"]
    assert {row["workload"] for row in found.turns} == {"tiny", "digits", "mnist"}
    assert not parts.exists()


def test_another_machine_starts_afresh_and_a_torn_line_is_measured_again(tmp_path: Path) -> None:
    parts = tmp_path / "parts.jsonl"
    campaign.Parts(parts, {"cpu": "one"}).add("a", measure.Samples(turns(rounds=1)))
    assert list(campaign.Parts(parts, {"cpu": "one"}).blocks) == ["a"]
    parts.write_text(parts.read_text() + '{"key": "b", "tur')
    assert list(campaign.Parts(parts, {"cpu": "one"}).blocks) == ["a"]
    assert list(campaign.Parts(parts, {"cpu": "two"}).blocks) == []


def test_estimates_keep_to_the_budgets() -> None:
    quick, default = (arguments.chosen(parsed(), quick).blocks for quick in (True, False))
    assert campaign.estimate(quick) <= 25
    assert campaign.estimate(default) <= 60
    assert campaign.estimate(campaign.full(list(SIZES), [1, 2])) <= 20 * 60


# Arguments and baselines ----------------------------------------------------------------------------------------------


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+")
    arguments.add_arguments(parser)
    return parser.parse_args(words)


def test_arguments_choose_blocks() -> None:
    default = arguments.chosen(parsed())
    assert [block.work.name for block in default.blocks] == ["tiny", "digits", "mnist"]
    assert contenders.RIVALS[1] not in default.blocks[0].contenders
    assert {c.mode for c in arguments.chosen(parsed(), quick=True).blocks[0].contenders} >= {"fit", "again"}
    alone = arguments.chosen(parsed("--only", "speed", "--speed-sizes", "wide", "--threads", "1"))
    assert [(block.work.name, block.work.threads) for block in alone.blocks] == [("wide", 1)]
    assert contenders.RIVALS[1] in alone.blocks[0].contenders
    everything = arguments.chosen(parsed("--speed-full", "--threads", "1"))
    assert everything.resumable
    assert {block.work.name for block in everything.blocks} == {*SIZES, "map", "depth"}
    assert {block.work.optimizer for block in everything.blocks} == {"sgd", "adam"}
    assert {block.work.dtype for block in everything.blocks} == {"float32", "float64"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--threads", "0"], "--threads 0 must be a whole number from 1 to"),
        (["--threads", "1000"], "--threads 1000 must be a whole number from 1 to"),
        (["--threads", "two"], "--threads two must be a whole number"),
        (["--speed-sizes", "digit"], "the nearest is 'digits'"),
        (["--baseline", "no/such/results.json"], "does not exist"),
        (["--baseline", "pyproject.toml"], "is not a results.json"),
    ],
)
def test_bad_arguments_are_one_line(words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        arguments.chosen(parsed(*words))
    assert "\n" not in str(error.value)


def test_a_results_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"format": "something else"}')
    with pytest.raises(ValueError, match="something else"):
        baseline.read(tmp_path / "results.json")


def report_folder(folder: Path, samples: measure.Samples, earlier: baseline.Baseline | None = None) -> Path:
    """A folder of stored results without a ledger, with these samples."""
    folder.mkdir(exist_ok=True)
    head: dict = {key: {name: "" for name in fields.split()} for key, fields in stored.FIELDS.items()}
    head |= {"format": stored.FORMAT, "implementations": [], "scenarios": [], "divergences": [], "gates": {}}
    head["verdict"] |= {"status": "equal", "exit_code": 0}
    head["run"] |= {"seconds": 1.0}
    head["environment"] = {"cpu": "one", "packages": {"numpy": "2.4"}}
    (folder / "results.json").write_text(json.dumps(head))
    tables.write(folder, tables.tables(samples, earlier))
    return folder


def test_a_baseline_says_faster_slower_or_the_same(tmp_path: Path) -> None:
    then = report_folder(tmp_path / "then", measure.Samples(turns()))
    earlier = baseline.read(then / "results.json")
    now = pd.DataFrame(turns(ratios={("torch", "fit"): 2.5, ("keras", "fit"): 80.0, ("torch", "fast"): 2.0 * 1.0295}))
    found = baseline.compare(now, statistics.summarise(now), earlier).set_index(["implementation", "mode"])
    assert found.loc[("torch", "fit"), "verdict"] == "faster"
    assert found.loc[("keras", "fit"), "verdict"] == "slower"
    assert found.loc[("numpy", "fit"), "verdict"] == "same"
    assert found.loc[("torch", "fast"), "high"] > 1.03  # Not within 3 %, and not surely beyond.
    assert found.loc[("torch", "fast"), "verdict"] == "same"
    busy = pd.DataFrame(turns(elsewhere_cpu=1.0))
    assert set(baseline.compare(busy, statistics.summarise(busy), earlier)["verdict"]) == {""}
    notes = tables.notes(measure.Samples(turns()), earlier, {"cpu": "two", "packages": {"numpy": "2.5"}})
    assert any("cpu two (then one); numpy 2.5 (then 2.4)" in line for line in notes)
    assert any("same" in line for line in notes)


# The report -----------------------------------------------------------------------------------------------------------


def all_samples() -> measure.Samples:
    """A digits work, a crossover map and depths."""
    map_and_depth = [*campaign.crossover(), *campaign.depths()]
    samples = measure.Samples(turns() + turns(of_size("tiny"), elsewhere_cpu=1.0))
    for block in map_and_depth:
        samples.turns += turns(block.work, rounds=5)
    samples.facts = [
        {**WORK.labels, "implementation": "numpy", "mode": "fit", "quantity": name, "round": 0, "value": value}
        for name, value in {"import": 0.1, "build": 0.002, "first epoch": 0.004, "peak memory": 4e7}.items()
    ]
    samples.left_out = [{**WORK.labels, "implementation": "keras", "mode": "fast", "reason": "not timed, since so"}]
    return samples


def test_the_report_shows_times_controls_map_and_curves(tmp_path: Path) -> None:
    earlier = baseline.read(report_folder(tmp_path / "then", measure.Samples(turns())) / "results.json")
    folder = report_folder(tmp_path / "now", all_samples(), earlier)
    render(folder)
    text = (folder / "report.md").read_text()
    for words in (
        "No ranking in 1 of",
        "other programs used 100% of a core",
        "NumPy against itself",
        "NumPy delayed by 5 %",
        "The limit of this machine",
        "Not timed: keras, fast: not timed, since so.",
        "What fast buys",
        "Start, memory, inference",
        "Which is the fastest where",
        "Compared with an earlier run",
    ):
        assert words in text, words
    assert "torch, fit" in text
    assert "slower" in text
    (products,) = [line for line in text.splitlines() if line.startswith("| digits") and "| numpy |" in line]
    assert products.endswith("| 20% |")
    for name in ("crossover", "scaling", "speed"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 1000
    rows = [line for line in text.splitlines() if "torch, fit" in line]  # A workload is named on its first row alone.
    assert any("not judged" in line for line in rows)


def test_a_run_without_derived_tables_still_shows_its_rounds(tmp_path: Path) -> None:
    folder = report_folder(tmp_path / "old", measure.Samples(turns()))
    for name in ("speed_ratios", "speed_gains"):
        (folder / "data" / f"{name}.csv").unlink()
    render(folder)
    assert "Time per training step" in (folder / "report.md").read_text()
