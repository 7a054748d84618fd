"""Blocks on disk: found by number, the newest written again while it is small, dropped whole."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import blocks
from streams.blocks import LARGEST, SEALED, Blocks, cuts
from streams.store import Store


def loaded(store: Store, log: int = 0) -> tuple[Blocks, list[tuple[int, bytes]]]:
    found = Blocks(store, "rows", log)
    return found, list(found.load())


def test_a_block_is_found_by_any_number_in_it(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    written = Blocks(store, "rows")
    for first in (0, 10, 300, 70_000):
        written.put(first, b"from %d" % first)
    for commit in (False, True):
        if commit:
            store.commit()
        for number, first in [(0, 0), (9, 0), (10, 10), (299, 10), (300, 300), (69_999, 300), (70_000, 70_000)]:
            assert written.start_of(number) == first
            assert written.find(number) == (first, b"from %d" % first)
    again, all_ = loaded(store)
    assert all_ == [(first, b"from %d" % first) for first in (0, 10, 300, 70_000)]
    assert again.find(11) == (10, b"from 10")
    assert again.starts_of(np.array([5, 9, 299, 80_000])) == {0, 10, 70_000}
    assert [again.end_of(first, 70_005) for first in (0, 300, 70_000)] == [10, 70_000, 70_005]


def test_logs_and_tables_do_not_see_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    Blocks(store, "rows", 3).put(0, b"three")
    Blocks(store, "rows", 2**50).put(0, b"long")
    Blocks(store, "labels", 3).put(0, b"labels")
    dropped = Blocks(store, "rows", 3)
    store.commit()
    assert loaded(store, 3)[1] == [(0, b"three")]
    assert loaded(store, 2**50)[1] == [(0, b"long")]
    assert loaded(store, 4)[1] == []
    list(dropped.load())
    dropped.drop(7)
    store.commit()
    assert (loaded(store, 3)[0].first, loaded(store, 2**50)[0].first, Blocks(store, "labels", 3).first) == (7, 0, 0)


def test_the_newest_block_is_written_again_until_it_is_sealed(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    written = Blocks(store, "rows")
    assert written.unsealed(0) == 0
    written.put(0, b"")
    assert written.unsealed(SEALED - 1) == 0
    assert written.unsealed(SEALED) == SEALED
    written.put(SEALED, b"")
    assert written.unsealed(SEALED + 1) == SEALED


def test_a_dropped_block_is_gone_and_the_newest_stays_so_that_numbers_go_on(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    written = Blocks(store, "rows")
    for first in (0, 10, 20):
        written.put(first, b"from %d" % first)
    written.drop(10)
    store.commit()
    assert [first for first, _ in loaded(store)[1]] == [10, 20]
    written.drop(19)
    assert written.find(15) == (10, b"from 10"), "it holds an entry that is live"
    written.drop(500)
    store.commit()
    again, left = loaded(store)
    assert left == [(20, b"from 20")]
    assert again.first == 500


def test_where_the_log_begins_is_part_of_the_commit(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    written = Blocks(store, "rows")
    written.put(0, b"")
    written.drop(4)
    store.close()
    store = Store(tmp_path, durable=False)
    again, left = loaded(store)
    assert (again.first, left) == (0, [])


@given(st.integers(0, 10**6), st.integers(0, 20_000))
def test_cuts_cover_everything_once_in_blocks_of_which_only_the_last_is_small(first: int, count: int) -> None:
    found = list(cuts(first, first + count))
    assert [number for begin, end in found for number in (begin, end)] == (
        [first, *[n for begin, _ in found[1:] for n in (begin, begin)], first + count] if count else []
    )
    assert all(end - begin == LARGEST for begin, end in found[:-1])
    assert all(0 < end - begin <= LARGEST for begin, end in found)


@settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), max_size=25))
def test_a_log_kept_in_blocks_is_the_log(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float]]
) -> None:
    """Each block here is the numbers in it; a reader that starts anew sees what a log in memory holds."""
    store = Store(tmp_path_factory.mktemp("store"), durable=False)
    with patch.object(blocks, "SEALED", 5), patch.object(blocks, "LARGEST", 8):
        written, end, first = Blocks(store, "rows"), 0, 0
        for count, share in steps:
            if count:
                for begin, stop in cuts(written.unsealed(end), end + count):
                    written.put(begin, bytes(number % 256 for number in range(begin, stop)))
                end += count
            first += int(share * (end - first))
            written.drop(first)
            store.commit()
            again, all_ = loaded(store)
            numbers = [start + offset for start, block in all_ for offset in range(len(block))]
            assert numbers[-(end - first) :] == list(range(first, end)) if end > first else True
            assert (numbers[-1] + 1 if numbers else 0) == end
            assert [number % 256 for number in numbers] == [byte for _, block in all_ for byte in block]
            assert again.first == first
            assert len(all_) <= (end - first) // 5 + 3
    store.close()
