"""Entropy and margin are the same to the last bit, whoever computes them and beside whatever other rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.uncertainty import uncertainty

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("shares", "entropy", "margin"),
    [
        ([0.25, 0.25, 0.25, 0.25], 1.0, 0.0),
        ([1.0, 0.0], 0.0, 1.0),
        ([0.5, 0.5, 0.0], math.log(2) / math.log(3), 0.0),
        ([0.9, 0.1], 0.4689955935892812, 0.8),
        ([0.3, 0.1], 0.8112781244591328, 0.5),  # taken as 0.75 and 0.25
    ],
)
def test_what_they_are(shares: list[float], entropy: float, margin: float) -> None:
    assert uncertainty(np.array([shares])).tolist() == [pytest.approx([entropy, margin])]


def test_one_class_and_nothing_but_zeros_say_nothing() -> None:
    for shares in ([[0.7]], [[0.0, 0.0]], [[]]):
        assert np.isnan(uncertainty(np.array(shares))).all()
    assert uncertainty(np.empty((0, 3))).shape == (0, 2)


@given(st.integers(2, 12).flatmap(lambda k: st.lists(st.lists(SHARES, min_size=k, max_size=k), min_size=1)), st.data())
def test_neither_the_other_rows_nor_the_order_of_classes_make_a_difference(
    rows: list[list[float]], data: st.DataObject
) -> None:
    together = uncertainty(np.array(rows))
    for row, found in zip(rows, together, strict=True):
        alone = uncertainty(np.array([data.draw(st.permutations(row))]))
        assert alone.tobytes() == found.tobytes()
        assert np.isnan(found).all() or ((found >= 0) & (found <= 1)).all()
