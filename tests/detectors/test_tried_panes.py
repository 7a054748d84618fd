"""What is gathered of a trial adds up to its panes, and takes little room however long it lasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.state import decode, encode
from detectors.tried_panes import KEPT, TriedPanes, packed, unpacked


def always(_: int) -> bool:
    return True


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_packed_counts_come_back(values: list[int]) -> None:
    counts = np.array(values, dtype=np.int64)
    assert unpacked(packed(counts), len(values)).tolist() == values


@pytest.mark.parametrize("panes", [1, KEPT, KEPT + 25])
def test_newest_and_older_panes_together_are_all_of_them(panes: int) -> None:
    rng, kept = np.random.default_rng(panes), TriedPanes(40)
    vectors = rng.poisson(3.0, (panes, 40)).astype(np.int64)
    for start, counts in enumerate(vectors):
        kept.add(start, counts, always)
    newest, (older, number) = kept.newest(always), kept.older
    assert list(newest) == kept.starts(always) == list(range(max(0, panes - KEPT), panes))
    assert number == max(0, panes - KEPT)
    assert (older + sum(newest.values())).tolist() == vectors.sum(axis=0).tolist()
    assert kept.first == 0


def test_a_pane_that_turns_out_to_be_broken_is_left_out_whether_it_is_old_or_new() -> None:
    kept = TriedPanes(1)
    for start in range(KEPT + 10):
        kept.add(start, np.array([1], dtype=np.int64), lambda start: start not in (3, 4))
    assert kept.older[1] == kept.older[0].item() == 8
    assert len(kept.newest(lambda start: start != 20)) == KEPT - 1


def test_it_does_not_grow_with_the_trial() -> None:
    rng, kept, sizes = np.random.default_rng(0), TriedPanes(900), []
    for start in range(3 * KEPT):
        kept.add(start, rng.poisson(3.0, 900).astype(np.int64), always)
        if start + 1 in (KEPT, 3 * KEPT):
            sizes.append(len(encode(kept)))
    assert sizes[1] < 1.05 * sizes[0]
    assert encode(decode(encode(kept))) == encode(kept)
