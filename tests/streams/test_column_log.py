"""A log in memory is a list of entries: whatever is appended and dropped, numbers keep what they stand for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.column_log import ColumnLog

LIKE = {"a": np.zeros(0, np.int64), "b": np.zeros(0, np.float64), "cells": np.zeros((0, 2), np.int32)}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 700), st.floats(0, 1.2), st.booleans()), max_size=25), st.sampled_from([0, 1234])
)
def test_it_is_a_list_whose_front_is_forgotten(steps: list[tuple[int, float, bool]], first: int) -> None:
    log = ColumnLog(LIKE, first)
    plain: dict[int, tuple[int, float, list[int]]] = {}
    begin = end = first
    for count, share, changes in steps:
        values = np.arange(count) * 3 + end
        cells = np.stack([values % 7, values % 5], axis=1)
        numbers = log.append(count, {"a": values, "b": values / 2, "cells": cells})
        assert numbers.tolist() == list(range(end, end + count))
        for number, value in zip(numbers.tolist(), values.tolist(), strict=True):
            plain[number] = (value, value / 2, [value % 7, value % 5])
        end += count
        if changes and end > begin:
            changed = np.arange(begin, end, 2)
            log.column("a")[changed - log.base] = -changed
            for number in changed.tolist():
                plain[number] = (-number, *plain[number][1:])
        to = begin + int(share * (end - begin))
        log.drop(to)
        begin = min(max(begin, to), end)
        assert (log.first, log.end, len(log)) == (begin, end, end - begin)
        live = range(begin, end)
        assert log.live("a").tolist() == [plain[number][0] for number in live]
        assert log.live("b").tolist() == [plain[number][1] for number in live]
        assert log.live("cells").tolist() == [plain[number][2] for number in live]
        chosen = np.arange(begin, end, 3)
        assert log.column("a")[chosen - log.base].tolist() == [plain[number][0] for number in chosen.tolist()]


def test_a_column_that_is_not_given_is_zero_also_where_a_dropped_entry_stood() -> None:
    log = ColumnLog(LIKE)
    for _ in range(40):
        numbers = log.append(100, {"a": 7, "b": np.full(100, 7.0), "cells": 7})
        log.drop(int(numbers[-1]) + 1)
        assert log.column("b")[log.append(100, {"a": 1}) - log.base].tolist() == [0.0] * 100
        assert not log.live("cells").any()
        log.drop(log.end)


def test_what_is_dropped_stays_dropped_and_nothing_beyond_the_end_is() -> None:
    log = ColumnLog(LIKE)
    log.append(10, {})
    log.drop(6)
    log.drop(3)
    assert log.first == 6
    log.drop(99)
    assert (log.first, log.end, len(log)) == (10, 10, 0)
    assert log.append(1, {}).tolist() == [10]


def test_memory_is_that_of_the_live_entries_however_long_it_runs() -> None:
    log = ColumnLog(LIKE)
    for _ in range(500):
        log.append(1_000, {"a": 1})
        log.drop(log.end - 3_000)
    assert len(log.column("a")) < 10_000
