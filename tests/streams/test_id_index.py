"""The index is a dict from an id to its newest live entry; drops cost nothing and rebuilds change nothing."""

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import column_log, id_index
from streams.column_log import ColumnLog, Numbers
from streams.id_index import NONE, Hashes, IdIndex

LIKE = {
    "first_hash": np.zeros(0, np.uint64),
    "second_hash": np.zeros(0, np.uint64),
    "previous": np.zeros(0, np.int64),
}


def pairs(ids: list[tuple[int, int]]) -> Hashes:
    return np.array(ids, dtype=np.uint64).reshape(-1, 2)


def append(log: ColumnLog, index: IdIndex, hashes: Hashes) -> Numbers:
    """Add one entry of each id, all different, as the logs do."""
    newest, slots = index.find(hashes)
    numbers = log.append(len(hashes), {"first_hash": hashes[:, 0], "second_hash": hashes[:, 1], "previous": newest})
    known = newest != NONE
    index.replace(slots[known], numbers[known])
    index.insert(hashes[~known], numbers[~known])
    return numbers


# Ids whose first hashes collide, in the slot or altogether, and some that fall in the last slot and go round.
IDS = [(first, second) for first in (0, 1, 2, 7, 8, 15, 2**63, 2**64 - 1) for second in (0, 1, 2**64 - 1)]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(IDS), unique=True, max_size=12), st.floats(0, 1), st.integers(0, 8)),
        max_size=40,
    )
)
def test_it_finds_the_newest_entry_of_each_id_that_is_not_dropped(
    steps: list[tuple[list[tuple[int, int]], float, int]],
) -> None:
    with (
        patch.object(id_index, "_SMALLEST", 8),
        patch.object(id_index, "_FARTHEST", 30),
        patch.object(column_log, "_SMALLEST", 4),
    ):
        log = ColumnLog(LIKE)
        index = IdIndex(log)
        newest: dict[tuple[int, int], int] = {}
        for ids, share, what in steps:
            if ids:
                numbers = append(log, index, pairs(ids))
                newest.update(zip(ids, numbers.tolist(), strict=True))
            if what < 3:
                log.drop(log.first + int(share * len(log)))
            elif what == 3:
                index.rebuild()
            found, _ = index.find(pairs(IDS))
            live = [newest.get(id, NONE) for id in IDS]
            assert found.tolist() == [number if number >= log.first else NONE for number in live]


def test_many_ids_are_found_again_and_no_others() -> None:
    log = ColumnLog(LIKE)
    index = IdIndex(log)
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**64, (40_000, 2), dtype=np.uint64)
    for start in range(0, len(hashes), 500):
        append(log, index, hashes[start : start + 500])
        log.drop(log.end - 10_000)
    found, _ = index.find(hashes)
    assert (found[:30_000] == NONE).all()
    assert found[30_000:].tolist() == list(range(30_000, 40_000))
    others = hashes[30_000:].copy()
    others[:, 1] ^= np.uint64(1)
    assert (index.find(others)[0] == NONE).all(), "the first hash alone is not the id"
    assert len(index._slots) <= 65_536, "it is as large as what is live"


def test_an_empty_chunk_finds_nothing() -> None:
    index = IdIndex(ColumnLog(LIKE))
    found, slots = index.find(pairs([]))
    assert len(found) == len(slots) == 0
    index.insert(pairs([]), np.zeros(0, np.int64))
