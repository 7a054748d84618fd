"""Tables that are out of order: every row once, in its place, with no more rows held than is said."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import table_order
from streams.table_batch import Batch
from streams.table_order import in_time_order


def reader(times: list[int], rows: int, readings: list[int]) -> Iterator[Batch]:
    readings.append(0)
    for start in range(0, len(times), rows):
        readings[-1] += 1
        part = list(range(start, min(start + rows, len(times))))
        broken = {place: b"%d" % row for place, row in enumerate(part) if row % 3 == 0}
        yield Batch(len(part), {"row": part}, broken)


@settings(deadline=None)
@given(
    times=st.lists(st.integers(0, 30), max_size=60),
    rows=st.integers(1, 9),
    out=st.integers(1, 9),
    held=st.integers(1, 70),
)
def test_rows_come_in_time_order_however_many_are_held(times: list[int], rows: int, out: int, held: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_order, "HELD", held)
        found = list(in_time_order(np.array(times, dtype=np.int64), lambda: reader(times, rows, []), out))
    expected = sorted(range(len(times)), key=times.__getitem__)
    assert [row for batch, _ in found for row in batch.column("row")] == expected
    assert [time for _, some in found for time in some.tolist()] == sorted(times)
    assert all(0 < batch.rows <= out for batch, _ in found)
    for batch, _ in found:
        chosen = batch.column("row")
        assert batch.broken == {place: b"%d" % row for place, row in enumerate(chosen) if row % 3 == 0}


def test_a_table_a_little_out_of_order_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_order, "HELD", 20)
    times = [row ^ 7 for row in range(1_000)]
    readings: list[int] = []
    list(in_time_order(np.array(times), lambda: reader(times, 10, readings), 10))
    assert readings == [100]


def test_a_table_in_no_order_is_read_as_often_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_order, "HELD", 300)
    times = [1_000 - row for row in range(1_000)]
    readings: list[int] = []
    list(in_time_order(np.array(times), lambda: reader(times, 10, readings), 10))
    assert len(readings) == 4
