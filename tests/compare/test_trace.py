"""Recording a training: each step's layers as a row, whatever their precision."""

from __future__ import annotations

import numpy as np
import pytest

from compare.ledger.trace import _Rows, flatten, layout, unflatten

SHAPES = [((2, 3), (3,)), ((3, 1), (1,))]


def layers(first: int, dtype: str = "float32") -> list:
    return unflatten(np.arange(first, first + 13, dtype=dtype), SHAPES)


def test_flat_rows_and_layers_are_the_same_numbers() -> None:
    flat = np.arange(13.0)
    np.testing.assert_array_equal(flatten(unflatten(flat, SHAPES)), flat)
    assert [tensor.name for tensor in layout(SHAPES)] == ["layer 1 W", "layer 1 b", "layer 2 W", "layer 2 b"]


def test_rows_come_in_the_order_of_the_steps() -> None:
    rows = _Rows("weights", SHAPES, 3)
    assert rows.rows.shape == (0,)
    for first in (0, 20):
        rows.append(layers(first))
    np.testing.assert_array_equal(rows.rows, [np.arange(13), np.arange(20, 33)])
    assert rows.rows.dtype == "float32"


def test_a_wider_row_is_kept_whole() -> None:
    rows = _Rows("weights", SHAPES, 2)
    rows.append(layers(0))
    rows.append(unflatten(np.full(13, 0.1), SHAPES))
    assert (rows.rows[1] == 0.1).all()
    np.testing.assert_array_equal(rows.rows[0], np.arange(13))


def test_layers_of_other_shapes_are_refused() -> None:
    rows = _Rows("gradients", SHAPES, 1)
    with pytest.raises(ValueError, match=r"gradients have the shapes .* expected"):
        rows.append([(np.zeros((3, 2)), np.zeros(3)), (np.zeros((3, 1)), np.zeros(1))])
