"""Numbers of rows of several widths, one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.open_numbers import OpenNumbers

CHUNKS = st.lists(st.lists(st.integers(2, 5), min_size=1, max_size=6), min_size=1, max_size=5)


@given(CHUNKS, st.data())
def test_each_row_comes_back_as_wide_as_it_was(chunks: list[list[int]], data: st.DataObject) -> None:
    open_, rows = OpenNumbers(), list[np.ndarray]()
    for widths in chunks:
        wide = np.full((len(widths), max(widths) + 1), np.nan)
        for place, width in enumerate(widths):
            rows.append(np.arange(width) + 100.0 * len(rows))
            wide[place, -width:] = rows[-1]
        open_.append(wide, np.array(widths))
        if rows and data.draw(st.booleans()):
            dropped = data.draw(st.integers(0, len(rows)))
            open_.drop(dropped)
            del rows[:dropped]
    begin = data.draw(st.integers(0, len(rows)))
    end = data.draw(st.integers(begin, len(rows)))
    assert open_.packed(begin, end) == b"".join(row.tobytes() for row in rows[begin:end])
    assert open_.each(np.arange(begin, end)) == [row.tobytes() for row in rows[begin:end]]
    for width in {len(row) for row in rows}:
        at = np.array([place for place, row in enumerate(rows) if len(row) == width])
        np.testing.assert_array_equal(open_.alike(at, width), [rows[place] for place in at])


def test_a_wide_row_makes_no_other_wide() -> None:
    open_ = OpenNumbers()
    open_.append(np.zeros((1_000, 2)), np.full(1_000, 2))
    open_.append(np.zeros((1, 1_000)), np.array([1_000]))
    assert len(open_.packed(0, 1_001)) == 8 * 3_000
