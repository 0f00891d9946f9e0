"""One line of one template broken at a time: every one must turn the comparison, in the right place."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from compare.ledger import adapters, parity, trace
from compare.traps.broken_lines import CALLS, PLANTED, Planted
from compare.traps.planted import broken_template, is_placed, place_of, ruler_of

# Keras compiles each network anew: of its calls a few here, all of them in the self-test.
SLOW = [bug for bug in PLANTED if (bug.template, bug.scenario) == ("keras", CALLS)]


@pytest.mark.parametrize(
    "bug",
    [bug for bug in PLANTED if bug not in SLOW[3:]],
    ids=lambda bug: f"{bug.template}-{bug.scenario}-{bug.instead.strip()[:40]}",
)
def test_a_broken_line_turns_the_verdict(bug: Planted) -> None:
    place = place_of(bug)
    assert is_placed(bug, place), place


@pytest.mark.parametrize("bug", SLOW, ids=lambda bug: bug.instead.strip()[:40])
def test_every_other_line_is_there_to_be_broken(bug: Planted) -> None:
    broken_template(bug)


@pytest.mark.parametrize("name", adapters.IMPLEMENTATIONS)
def test_the_whole_template_is_equal(name: str) -> None:
    """So that the test above does not pass for another reason."""
    ruler = ruler_of("moons")
    plan = ruler.plan
    template = importlib.import_module(f"impls.mlp_{name}")
    model = template.MLP(template.Config(**plan.config, dtype="float64"), plan.params)
    found = parity.in_step(
        ruler, "float64", ("numpy", name), ruler.reference, trace.record(model, plan, ruler.reference)
    )
    assert found.equal


def test_a_transposed_square_matrix_is_found() -> None:
    """A square matrix fits either way, so that nothing but the numbers can tell."""
    ruler = ruler_of("spirals-deep")
    plan = ruler.plan
    params = [plan.params[0], (np.ascontiguousarray(plan.params[1][0].T), plan.params[1][1]), *plan.params[2:]]
    model = adapters.build("numpy", plan.config | {"dtype": "float64"}, params)
    model.set_params = (
        lambda params: type(model).set_params(  # type: ignore[method-assign]
            model, [params[0], (params[1][0].T, params[1][1]), *params[2:]]
        )
    )
    found = parity.in_step(
        ruler, "float64", ("numpy", "transposed"), ruler.reference, trace.record(model, plan, ruler.reference)
    )
    assert found.first is not None
    assert (found.first.step, found.first.phase) == (0, "forward")


def test_weights_that_were_not_copied_are_found() -> None:
    ruler = ruler_of("moons")
    plan = ruler.plan
    template = importlib.import_module("impls.mlp_numpy")
    model = template.MLP(template.Config(**plan.config, dtype="float64"))
    model.set_params = lambda params: None
    found = parity.in_step(
        ruler, "float64", ("numpy", "own weights"), ruler.reference, trace.record(model, plan, ruler.reference)
    )
    assert found.first is not None
    assert (found.first.step, found.first.phase) == (0, "forward")


@pytest.mark.parametrize("broken", ["gradients", "forward"])
def test_an_array_of_another_shape_is_refused(broken: str) -> None:
    ruler = ruler_of("moons")
    plan = ruler.plan
    model = adapters.build("numpy", plan.config | {"dtype": "float64"}, plan.params)
    if broken == "forward":
        model.forward = lambda x: np.zeros((len(x), 2))  # type: ignore[method-assign]
    else:
        model.gradients = lambda x, y, masks=None: (0.0, plan.params[:1])  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="expected"):
        trace.record(model, plan, ruler.reference)


def test_a_line_that_is_not_there_cannot_be_broken() -> None:
    """Else a template that changed would pass as a bug that was caught."""
    with pytest.raises(ValueError, match="no line"):
        broken_template(Planted("torch", "moons", "no such line", "", "forward", "logits"))
