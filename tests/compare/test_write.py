"""The command that writes programs: what it says, what it refuses, and that its proof is one."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compare import write
from compare.programs import examples
from compare.programs.differences import FIRST_WEIGHTS, differences
from compare.programs.program import FORMS, FRAMEWORKS, Line, Section, program
from compare.programs.proof import prove, watcher
from compare.programs.spec import DRAWS, named, of_scenario
from shared import recipes
from shared.pairwise import generated

# A few networks that hold every option between them, and one recipe with an article's own draw.
SAMPLE = {"numpy": ("digits-norm-dropout", "xor-uniform-sum"), "torch": ("cancer-dropout",), "keras": ("iris-rmsprop",)}


@pytest.mark.parametrize("framework", SAMPLE)
def test_programs_do_what_the_reference_does_with_the_differences_they_name(framework):
    with watcher(framework) as by:
        for name in SAMPLE[framework]:
            for form in FORMS:
                written = program(framework, named(name), form)
                proof = prove(written, by.observe(written, 25))
                assert not proof.fault, (name, form)
                assert proof.steps == 25


def tampered(written, old, new):
    """The program with another text in one line."""
    sections = tuple(
        Section(part.name, tuple(Line(line.text.replace(old, new), line.reason) for line in part.lines))
        for part in written.sections
    )
    assert sections != written.sections
    return dataclasses.replace(written, sections=sections)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("iris", "axis=0)]", "axis=0) / 2]"),  # the gradient of the last bias
        ("breast-cancer", "1 - 0.999**step", "1 - 0.998**step"),
        ("wine", "velocity, strict", "params, strict"),
        ("wine", "np.sqrt(1 / 13)", "np.sqrt(2 / 13)"),  # the first weights
        ("wine", "random_state=0", "random_state=1"),  # the data
        ("wine", "rng.permutation(len(x_train))", "np.arange(len(x_train))"),  # the order
        ("wine", "z1 = x @ W1 + b1", "z1 = x @ W1 + b1 + c1"),  # does not run
    ],
)
def test_a_program_that_does_something_else_is_not_called_shown(name, old, new):
    with watcher("numpy") as by:
        wrong = tampered(program("numpy", named(name), "equal"), old, new)
        assert prove(wrong, by.observe(wrong, 20)).fault


def test_the_command_says_so_and_exits_1_where_a_program_cannot_be_shown(monkeypatch, capsys):
    good = write.proven

    def broken(*arguments):
        written, proof = good(*arguments)
        return written, dataclasses.replace(proof, fault="the reference differs by 1e-3 within 50 steps")

    monkeypatch.setattr(write, "proven", broken)
    assert write.main(["numpy", "--scenario", "xor"]) == 1
    assert "Not shown: the reference differs" in capsys.readouterr().err


def test_the_committed_programs_are_what_the_command_writes():
    for network in examples.NETWORKS:
        for framework in FRAMEWORKS:
            for form in FORMS:
                text = examples.path_of(network, framework, form).read_text(encoding="utf-8")
                docstring = text.split('"""')[1].splitlines()
                about = [line for line in docstring[2:] if line]
                assert program(framework, named(network), form, about).text == text
                causes = differences(framework, named(network)) if form == "native" else []
                assert all(f"- {cause.label}" in about for cause in causes)
                assert (f"- {FIRST_WEIGHTS.get(framework)}" in about) == (form == "native" and framework != "numpy")


def test_a_program_runs_alone_in_an_empty_folder(tmp_path):
    for framework in ("numpy", "torch"):
        (tmp_path / "program.py").write_text(program(framework, named("xor"), "equal").text, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, "program.py"], cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("test loss 0.")
        assert len(done.stdout.split()) == 3


@pytest.mark.parametrize("name", ["xor-small-normal", "xor-uniform-sum", "xor-he-bce", "softmax-unscaled"])
def test_an_articles_own_draw_is_drawn_to_the_bit(name):
    spec = named(name)
    expected = recipes.get(name).draw(spec.layer_sizes, spec.seed)
    found = spec.draw(spec.layer_sizes, np.random.RandomState(spec.seed))
    for a, b in zip(expected, found, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_every_scheme_of_the_scenarios_has_its_draw():
    assert {scenario.initial for scenario in generated()} <= DRAWS.keys()


def own_table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'red' if a > b else 'blue'},{int(a + b > 0)}" for a, b in random.normal(0, 1, (80, 2))]
    rows[3] = rows[3].replace(rows[3].split(",")[1], "", 1)
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["a,b,colour,y", *rows]) + "\n", encoding="utf-8")
    return path


def test_own_data_with_categories_and_gaps(tmp_path, capsys):
    arguments = ["numpy", "--data", str(own_table(tmp_path)), "--target", "y", "--impute", "--dropout", "0.2"]
    assert write.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "Equal to the reference" in capsys.readouterr().err
    assert "OneHotEncoder" in (tmp_path / "out" / "numpy_native.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tensorflow", "--scenario", "xor"], "unknown framework 'tensorflow'"),
        (["sklearn", "--scenario", "xor"], "scikit-learn"),
        (["numpy", "--scenario", "xorr"], "the nearest is 'xor'"),
        (["numpy"], "name a network"),
        (["--scenario", "xor"], "--out DIR"),
        (["numpy", "--data", "nowhere.csv", "--target", "y"], "nowhere.csv"),
        (["numpy", "--data", "own.csv"], "go together"),
        (["numpy", "--scenario", "xor", "--optimizer", "adamax"], "optimizer 'adamax' is unknown"),
        (["numpy", "--scenario", "xor", "--dropout", "2"], "dropout 2 must be"),
        (["numpy", "--scenario", "xor", "--activation", "tanh", "relu"], "has 2: expected 1, one a hidden layer"),
        (["numpy", "--scenario", "cancer-by-layer", "--dropout", "0.1", "0", "1"], "dropout[2] 1 must be"),
        (["numpy", "--scenario", "xor", "--loss", "mse", "mae"], "--loss takes one value, found 2"),
        (["numpy", "--scenario", "wine", "--loss", "mse"], "several classes"),
        (["numpy", "--scenario", "wine", "--layers", "12", "3"], "expected 13"),
        (["numpy", "--scenario", "wine", "--epochs", "0"], "--epochs 0"),
        (["numpy", "--scenario", "wine", "--initial", "zeros"], "unknown initial weights"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(arguments, said, capsys):
    assert write.main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_layers_that_are_not_alike_under_the_absolute_error(capsys):
    given = "numpy --scenario diabetes --layers 10 9 8 1 --activation tanh relu --dropout 0.2 0 --loss mae --epochs 2"
    assert write.main([*given.split(), "--optimizer", "sgd"]) == 0
    text, said = capsys.readouterr()
    assert "Equal to the reference" in said
    assert "a1 = h1 * mask1" in text
    assert "a2 = np.maximum(z2, 0)\n" in text
    assert "mask2" not in text
    assert "np.sign(z - y)" in text


def test_without_arguments_it_shows_what_there_is(capsys):
    assert write.main([]) == 0
    shown = capsys.readouterr().out
    assert "xor-he-bce" in shown
    assert "--label-smoothing" in shown


def test_the_pairwise_covering_can_be_written_in_every_framework_and_form():
    for scenario in generated()[::20]:
        for framework in FRAMEWORKS:
            for form in FORMS:
                assert program(framework, of_scenario(scenario), form).text
