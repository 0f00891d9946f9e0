"""The mend of each difference of a native program, for every network."""

from __future__ import annotations

import pytest

from compare.programs.differences import FIRST_WEIGHTS, differences
from compare.programs.mends import MASKS, ORDER, OTHER, PRECISION, RATES, REASONS, mended_by, mends
from compare.programs.networks import runnable
from compare.programs.program import FORMS, program
from compare.programs.spec import Spec


@pytest.fixture(scope="module")
def specs() -> list[Spec]:
    return runnable()


def named(framework: str, spec: Spec) -> list[str]:
    """The differences that its proof can name."""
    found = [FIRST_WEIGHTS[framework]]
    if spec.batch_size is not None and spec.batch_size < spec.samples and spec.order == "shuffled":
        found.append(ORDER + " of the samples")
    if spec.config.dropout:
        found.append(MASKS)
    if spec.config.schedule != "constant" and framework in ("keras", "jax"):
        found.append(RATES)
    return found + [cause.label for cause in differences(framework, spec)]


@pytest.mark.parametrize("framework", ["torch", "keras", "jax"])
def test_every_difference_has_its_lines_and_every_line_its_difference(specs, framework: str) -> None:
    used = set()
    for spec in specs:
        native, equal = (program(framework, spec, form) for form in FORMS)
        names = named(framework, spec)
        found = mends(native, equal, names)
        bare = [name for name in names if name not in found]
        unneeded = [ORDER] if framework == "jax" else []  # JAX' order is NumPy's, from another state of the generator.
        if framework == "jax" and spec.draw.legacy:
            unneeded += [FIRST_WEIGHTS["jax"]]
        assert not [name for name in bare if not name.startswith(tuple(unneeded) or "-")], (spec.name, bare)
        for line in equal.added:
            used |= set(line.reason.split("; "))
            assert all(reason in REASONS for reason in line.reason.split("; ")), (spec.name, line)
        told = {text[1:].strip() for lines in found.values() for text in lines if text.startswith("+")}
        code = {line.text.partition("  # equal: ")[0].strip() for line in equal.added}
        shared = {text.strip() for section in native.sections for text in section.rows}
        assert code <= told | shared, spec.name
    assert used


def test_no_reason_is_listed_that_no_program_gives(specs) -> None:
    given = {
        reason
        for spec in specs
        for framework in ("torch", "keras", "jax")
        for line in program(framework, spec, "equal").added
        for reason in line.reason.split("; ")
    }
    assert given == set(REASONS) - {"a sum over outputs too"}  # Which no network here has: several outputs, summed.


def test_the_diff_of_one_difference_has_no_other_s_lines(specs) -> None:
    spec = next(spec for spec in specs if spec.name == "wine-gelu-adamw")
    native, equal = (program("torch", spec, form) for form in FORMS)
    found = mends(native, equal, [FIRST_WEIGHTS["torch"], "decay-on-biases", "clip-epsilon"])
    assert [line for line in found["clip-epsilon"] if line[0] == "-"] == [
        "-        nn.utils.clip_grad_norm_(net.parameters(), 1.0)"
    ]
    assert any("get_total_norm" in line for line in found["clip-epsilon"])
    assert not any("matrices" in line for line in found["clip-epsilon"])
    assert any(line.startswith("+matrices = ") for line in found["decay-on-biases"])
    assert list(found)[:3] == [FIRST_WEIGHTS["torch"], "decay-on-biases", "clip-epsilon"]
    assert set(found) <= {FIRST_WEIGHTS["torch"], "decay-on-biases", "clip-epsilon", PRECISION, OTHER}
    assert mended_by(equal.added[0], [PRECISION]) == [PRECISION]
