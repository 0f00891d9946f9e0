"""What a model's own initial weights were, and what became of those that it was given."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from compare import check
from compare.candidates import initial

SIZES = (13, 24, 16, 3)
RANDOM = np.random.default_rng(5)


def drawn(weight, bias=lambda n, m: np.zeros(m)):  # type: ignore[no-untyped-def]
    return [(weight(n, m), bias(n, m)) for n, m in itertools.pairwise(SIZES)]


def uniform(limit):  # type: ignore[no-untyped-def]
    return lambda n, m: RANDOM.uniform(-limit(n, m), limit(n, m), (n, m))


def normal(scale):  # type: ignore[no-untyped-def]
    return lambda n, m: RANDOM.normal(0, scale(n, m), (n, m))


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (drawn(uniform(lambda n, m: n**-0.5), lambda n, m: RANDOM.uniform(-1, 1, m) * n**-0.5), "nn.Linear's own"),
        (drawn(uniform(lambda n, m: math.sqrt(6 / (n + m)))), "Glorot's uniform, biases 0"),
        (drawn(uniform(lambda n, m: math.sqrt(6 / n))), "He's uniform, biases 0"),
        (drawn(normal(lambda n, m: math.sqrt(2 / n))), "He's normal, biases 0"),
        (drawn(normal(lambda n, m: 0.01)), "normal with deviation 0.01, biases 0"),
        (drawn(normal(lambda n, m: 0.07)), ""),
        (drawn(lambda n, m: np.zeros((n, m))), "zeros"),
        (drawn(lambda n, m: np.full((n, m), 0.5)), "one number throughout"),
    ],
)
def test_an_initialisation_is_known_by_its_numbers(layers: list, said: str) -> None:
    found = initial.distribution(layers)
    assert found.startswith(said)
    assert bool(found) == bool(said)


@pytest.mark.parametrize("law", ["He's normal", "Glorot's normal", "LeCun's normal"])
def test_of_few_numbers_no_other_law_is_named_alone(law: str) -> None:
    scale = {
        "He's normal": lambda n, m: math.sqrt(2 / n),
        "Glorot's normal": lambda n, m: math.sqrt(2 / (n + m)),
        "LeCun's normal": lambda n, m: math.sqrt(1 / n),
    }[law]
    random, told = np.random.default_rng(7), 0
    for _ in range(200):
        layers = [(random.normal(0, scale(n, m), (n, m)), np.zeros(m)) for n, m in itertools.pairwise((5, 12, 7, 1))]
        found = initial.distribution(layers)
        told += law in found
        assert not found or law in found, found
    assert told > 190


def test_what_became_of_parameters_is_told_exactly() -> None:
    given = [(RANDOM.normal(size=(4, 4)), RANDOM.normal(size=4)) for _ in range(3)]
    assert initial.miscopied(given, given) == ([], False)
    (W1, b1), _, (W3, b3) = given
    found = [(W1.T, b1), (W3, np.zeros(4)), (W3, b3 + 1)]
    wrong, none = initial.miscopied(found, given)
    assert not none
    assert wrong == [
        "layer 1 W is the transpose of what was given",
        "layer 2 W is what was given for layer 3",
        "layer 2 b is 0 throughout",
        "layer 3 b is not what was given",
    ]
    assert initial.miscopied([(W1 + 1, b1 + 1)], [(W1, b1)])[1]


def test_parameters_that_were_not_all_copied_are_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from impls.mlp_numpy import MLP, Config\n\n\ndef candidate(config, params):\n"
        "    return MLP(config, [(W, b * 0) for W, b, *_ in params])\n"
    )
    assert check.main([str(path), "--steps", "3"]) == 1
    said = capsys.readouterr().out
    assert "layer 1 b is 0 throughout; layer 2 b is 0 throughout" in said
    path.write_text(path.read_text().replace("b * 0", "b"))
    assert check.main([str(path), "--steps", "3", "--scenario", "trap-sgd"]) == 0
