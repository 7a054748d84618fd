"""What a block keeps of whole numbers is those numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streams.narrow import narrow, widen


@given(arrays.arrays(np.int64, st.integers(0, 50)))
def test_what_was_narrowed_is_widened_again(values: np.ndarray) -> None:
    np.testing.assert_array_equal(widen(narrow(values), len(values)), values)


@pytest.mark.parametrize(
    ("span", "size"), [(0, 0), (1, 1), (255, 1), (256, 2), (65_536, 4), (2**32, 8), (2**64 - 1, 8)]
)
def test_it_takes_no_more_bytes_than_the_span_needs(span: int, size: int) -> None:
    values = np.array([-(2**63), -(2**63) + span])
    assert len(narrow(values)) == 9 + size * len(values)
    np.testing.assert_array_equal(widen(narrow(values), 2), values)


def test_smaller_kinds_and_shapes_are_taken_too() -> None:
    values = np.array([[-1, 3], [2, 0]], dtype=np.int32)
    np.testing.assert_array_equal(widen(narrow(values), 4), values.ravel())
