"""Rows side by side: any choice of them is those rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.id_hash import id_hashes
from detectors.rows import Rows, stacked


def rows_of(count: int) -> Rows:
    ids = [f"p{n}" for n in range(count)]
    numbers = np.arange(count, dtype=np.int64)
    return Rows(
        groups=(numbers % 3).astype(np.int32),
        times=numbers * 1_000,
        offsets=numbers + 7,
        hashes=id_hashes(ids),
        ids=ids,
        numbers=np.arange(2 * count, dtype=np.float64).reshape(count, 2),
        values=[(n, None) for n in range(count)],
        said=[None if n % 2 else str(n) for n in range(count)],
        unexpected=numbers % 5 == 0,
    )


@given(st.integers(0, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, max(n - 1, 0)), max_size=n))))
def test_taking_some_takes_them_in_every_column(drawn: tuple[int, list[int]]) -> None:
    count, chosen = drawn
    rows = rows_of(count)
    taken = rows.take(np.array(chosen, dtype=np.int64))
    assert len(taken) == len(chosen)
    for name in Rows.__dataclass_fields__:
        column, whole = list(getattr(taken, name)), list(getattr(rows, name))
        np.testing.assert_array_equal(column, [whole[n] for n in chosen], err_msg=name)
    assert taken.hashes.shape == (len(chosen), 2)


def test_none_taken_is_none() -> None:
    assert len(rows_of(3).take(np.zeros(0, dtype=np.int64))) == 0
    assert len(rows_of(0)) == 0


def test_narrow_rows_stand_on_the_right() -> None:
    stack = stacked([np.array([[1.0, 2.0]]), np.empty((0, 5)), np.array([[3.0, 4.0, 5.0]])])
    np.testing.assert_array_equal(stack[:, -3:], [[np.nan, 1.0, 2.0], [3.0, 4.0, 5.0]])
    assert stack.shape == (2, 5)
    np.testing.assert_array_equal(stacked([np.array([[1.0]]), np.array([[2.0]])]), [[1.0], [2.0]])
