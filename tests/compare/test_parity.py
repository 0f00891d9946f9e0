"""The comparison itself is compared: with tampered traces, in which it must find the very place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compare.ledger import adapters, parity, trace
from shared import scenarios
from shared.datasets import load


def ruler_of(name: str, **changed: Any) -> parity.Ruler:
    scenario = scenarios.get(name)
    plan = scenarios.plan(replace(scenario, **changed), load(scenario.dataset))

    def build(params: trace.Layers) -> trace.Implementation:
        return adapters.build("numpy", plan.config | {"dtype": "float64"}, params)

    return parity.Ruler(plan, trace.record(build(plan.params), plan), trace.amplification(build, plan))


@pytest.fixture(scope="module")
def ruler() -> parity.Ruler:
    """Moons: one hidden layer of relu, momentum, 12 steps."""
    return ruler_of("moons", epochs=2)


def tampered(ruler: parity.Ruler, name: str, index: tuple[int, ...], factor: float = 1 + 1e-9) -> trace.Trace:
    """The reference with one number changed."""
    holder = ruler.reference.states if name in ruler.reference.states else vars(ruler.reference)
    values = np.array(holder[name], dtype=np.float64)
    values[index] = values[index] * factor
    if name in ruler.reference.states:
        return replace(ruler.reference, states={**ruler.reference.states, name: values})
    return replace(ruler.reference, **{name: values})


PAIR = ("numpy", "other")


def test_a_trace_equals_itself(ruler: parity.Ruler) -> None:
    for compare in (parity.in_step, parity.on_its_own):
        found = compare(ruler, "float64", PAIR, ruler.reference, ruler.reference)
        assert found.equal
        assert all(gap.difference == 0 for gap in found.worst)


def test_float32_is_within_its_bounds_and_not_within_those_of_float64(ruler: parity.Ruler) -> None:
    plan = ruler.plan
    single = trace.record(
        adapters.build("numpy", plan.config | {"dtype": "float32"}, plan.params), plan, ruler.reference
    )
    assert parity.in_step(ruler, "float32", ("float64", "numpy"), ruler.reference, single).equal
    assert not parity.in_step(ruler, "float64", PAIR, ruler.reference, single).equal


@pytest.mark.parametrize(
    ("name", "index", "phase", "tensor", "place"),
    [
        ("logits", (3 * 32 + 5, 0), "forward", "logits", (5, 0)),
        ("losses", (3,), "loss", "loss", (0,)),
        ("gradients", (3, 17), "gradient", "gradient of layer 1 W", (1, 1)),
        ("velocity", (3, 33), "update", "velocity of layer 1 b", (1,)),
        ("params", (3, 64), "update", "weights of layer 2 b", (0,)),
    ],
)
def test_one_changed_number_is_found_where_it_is(
    ruler: parity.Ruler, name: str, index: tuple[int, ...], phase: str, tensor: str, place: tuple[int, ...]
) -> None:
    """A change by a billionth, in the last but one of the digits that float64 must agree in."""
    found = parity.in_step(ruler, "float64", PAIR, ruler.reference, tampered(ruler, name, index))
    assert found.first is not None
    assert (found.first.step, found.first.phase, found.first.tensor, found.first.index) == (3, phase, tensor, place)
    assert found.first.value_b == pytest.approx(found.first.value_a, rel=1e-8)
    assert found.first.difference > found.first.bound


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_a_difference(ruler: parity.Ruler, value: float) -> None:
    found = parity.in_step(ruler, "float64", PAIR, ruler.reference, tampered(ruler, "params", (2, 1), value))
    assert found.first is not None
    assert found.first.step == 2
    assert found.first.used == np.inf
    both = tampered(ruler, "params", (2, 1), np.nan)
    assert not parity.in_step(ruler, "float64", PAIR, both, both).equal


def test_a_permuted_tensor_is_a_difference(ruler: parity.Ruler) -> None:
    """Its mean, its norm and its largest entry are those of the reference."""
    params = np.array(ruler.reference.params)
    params[:, :32] = params[:, :32][:, ::-1]
    assert not parity.in_step(ruler, "float64", PAIR, ruler.reference, replace(ruler.reference, params=params)).equal


@pytest.mark.parametrize("cut", ["losses", "params"])
def test_a_missing_step_is_a_difference(ruler: parity.Ruler, cut: str) -> None:
    shorter = replace(ruler.reference, **{cut: getattr(ruler.reference, cut)[:-1]})
    for compare in (parity.in_step, parity.on_its_own):
        with pytest.raises(ValueError, match="steps"):
            compare(ruler, "float64", PAIR, ruler.reference, shorter)


def test_a_drift_of_the_loss_is_found_on_its_own(ruler: parity.Ruler) -> None:
    found = parity.on_its_own(ruler, "float64", PAIR, ruler.reference, tampered(ruler, "losses", (7,)))
    assert found.first is not None
    assert (found.first.phase, found.first.step) == ("loss", 7)


def test_a_training_that_forgets_its_first_steps_has_the_rounding_of_its_last() -> None:
    """Each step halves the weights and takes the output bias to the targets' mean: no change of the first is left."""
    options = {"loss": "mse", "activation": "relu", "optimizer": "sgd", "learning_rate": 0.5, "weight_decay": 1.0}
    ruler = ruler_of("xor", options=options, epochs=40)
    x, steps = ruler.plan.dataset.x_test, len(ruler.plan.steps)
    end, rounding = ruler.reference.params[-1], ruler.errors(steps - 1, "float32").params
    model = adapters.build("numpy", ruler.plan.config | {"dtype": "float64"}, ruler.plan.params)
    for share, equal in ((1, True), (1e4 * steps, False)):
        model.set_params(trace.unflatten(end + share * rounding, ruler.param_shapes))
        outputs = adapters.outputs(model, x)
        off = replace(ruler.reference, outputs=outputs, predictions=model.predict(x))
        assert np.abs(outputs - ruler.reference.outputs).max() > 0
        assert parity.on_its_own(ruler, "float32", PAIR, ruler.reference, off).equal == equal


def test_another_prediction_is_found_unless_the_reference_is_at_a_tie(ruler: parity.Ruler) -> None:
    predictions = 1 - np.array(ruler.reference.predictions)
    flipped = replace(ruler.reference, predictions=predictions)
    assert not parity.on_its_own(ruler, "float64", PAIR, ruler.reference, flipped).equal
    at_a_tie = replace(ruler.reference, outputs=np.zeros_like(ruler.reference.outputs))
    tied = parity.Ruler(ruler.plan, at_a_tie, ruler.amplification)
    assert parity.on_its_own(tied, "float64", PAIR, at_a_tie, replace(at_a_tie, predictions=predictions)).equal


def test_what_a_model_does_not_take_is_the_finding(ruler: parity.Ruler, tmp_path: Path) -> None:
    """Not what comes of it. It is kept with the trace."""
    plan = ruler.plan
    model: Any = adapters.build("numpy", plan.config | {"dtype": "float64"}, plan.params)
    trace.record(model, plan, whole=False)
    set_state = model.set_state
    model.set_state = lambda state: set_state(state | {"step": model.step})
    found = trace.record(model, plan, ruler.reference, read_back=2)
    found.save(tmp_path / "trace.npz")
    for kept in (found, trace.Trace.load(tmp_path / "trace.npz")):
        assert kept.untaken[0] == trace.Untaken(0, "step count", (), 0.0, float(len(plan.steps)))
        first = parity.in_step(ruler, "float64", PAIR, ruler.reference, kept).first
        assert first is not None
        assert (first.phase, first.tensor, first.number) == ("start", "step count", 1)
        assert (first.value_a, first.value_b, first.used) == (0.0, len(plan.steps), np.inf)
    model.set_params = lambda params: None
    tensors = {u.tensor for u in trace.record(model, plan, ruler.reference, read_back=2).untaken}
    assert tensors == {"step count", *(f"weights of layer {n} {part}" for n in (1, 2) for part in "Wb")}
    single = adapters.build("numpy", plan.config | {"dtype": "float32"}, plan.params)
    assert trace.record(single, plan, ruler.reference, read_back=2).untaken == ()


def test_a_sum_that_cancels_is_judged_by_what_was_summed() -> None:
    """Two points with opposite residuals: the bias gradient is the rounding of zero, and differs by all of itself."""
    ruler = ruler_of("xor")
    column = ruler.reference.gradients.shape[1] - 1  # the output bias
    step = int(np.abs(ruler.reference.gradients[:, column]).argmin())
    value = abs(ruler.reference.gradients[step, column])
    for change, equal in ((5e-17, True), (1e-12, False)):
        assert change > parity.GATE["float64"] * value  # so that the gate alone would call it a difference
        gradients = np.array(ruler.reference.gradients)
        gradients[step, column] += change
        changed = replace(ruler.reference, gradients=gradients)
        assert parity.in_step(ruler, "float64", PAIR, ruler.reference, changed).equal == equal
