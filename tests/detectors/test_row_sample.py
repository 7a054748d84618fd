"""Level 1's sample of row numbers is the sample of the rows: whatever the order, the cuts and the ties."""

import random
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.id_hash import id_hashes
from detectors.row import Row
from detectors.row_sample import RowSample
from detectors.row_shape import RowShape
from detectors.sampled_row import SampledRow

from .builders import model_spec, sample_of


def offered(hashes: list[int], order: list[int], cuts: list[int], size: int) -> RowSample:
    sample = RowSample(size)
    for a, b in pairwise([0, *sorted(cuts), len(order)]):
        numbers = order[a:b]
        sample.offer(np.array([hashes[i] for i in numbers], dtype=np.uint64), np.array(numbers, dtype=np.int64))
    return sample


@given(
    st.lists(st.integers(0, 9) | st.integers(0, 2**64 - 1), max_size=80),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
    st.data(),
)
def test_it_holds_the_smallest_hashes_and_all_that_equal_the_last(
    hashes: list[int], size: int, rng: random.Random, data: st.DataObject
) -> None:
    order = list(range(len(hashes)))
    rng.shuffle(order)
    sample = offered(hashes, order, data.draw(st.lists(st.integers(0, len(order)), max_size=6)), size)
    bound = sorted(hashes)[size - 1] if len(hashes) >= size else 2**64
    expected = [number for number, hash_ in enumerate(hashes) if hash_ <= bound]
    may = sample.holds(np.array(hashes, dtype=np.uint64))
    assert may[expected].all()
    assert sample.numbers().tolist() == expected
    assert len(sample) == len(expected)


@given(st.sets(st.integers(0, 500), max_size=80), st.integers(1, 10), st.lists(st.integers(0, 80), max_size=4))
def test_its_members_make_the_sample_of_all_rows(names: set[int], size: int, cuts: list[int]) -> None:
    rows = [SampledRow(number, Row(number, str(name), [None] * 4)) for number, name in enumerate(sorted(names))]
    hashes = id_hashes([one.row.id for one in rows])[:, 0].tolist()
    order = list(range(len(rows)))
    numbers = offered(hashes, order, [min(cut, len(rows)) for cut in cuts], size).numbers()
    shape = RowShape(model_spec())
    assert sample_of(shape, size, [rows[i] for i in numbers]).rows(shape) == sample_of(shape, size, rows).rows(shape)


def test_a_row_whose_hash_equals_the_last_of_them_is_kept_whenever_it_comes() -> None:
    hashes = [9, 5, 5, 8, 7, 5, 5, 3, 6, 2]
    assert offered(hashes[:6], list(range(6)), [1, 5], 2).numbers().tolist() == [1, 2, 5]
    assert offered(hashes[:8], list(range(8)), [5, 6], 2).numbers().tolist() == [1, 2, 5, 6, 7]
    assert offered(hashes, list(range(10)), [5, 6], 2).numbers().tolist() == [7, 9]


def test_it_holds_little_meanwhile() -> None:
    sample, rng = RowSample(50), np.random.default_rng(0)
    for start in range(0, 100_000, 1_000):
        sample.offer(rng.integers(0, 2**64, 1_000, dtype=np.uint64), np.arange(start, start + 1_000))
        assert len(sample._hashes) <= 100
    assert len(sample) == len(sample.numbers()) == 50


def test_a_row_that_cannot_be_in_it_any_more_is_known() -> None:
    sample = RowSample(2)
    hashes = np.arange(10, dtype=np.uint64)
    assert sample.holds(hashes).all()
    sample.offer(hashes, np.arange(10))
    assert sample.holds(hashes).tolist() == [True, True, *[False] * 8]


def test_what_was_offered_may_change_afterwards() -> None:
    sample = RowSample(5)
    hashes, numbers = np.array([1, 2], dtype=np.uint64), np.array([7, 8])
    sample.offer(hashes, numbers)
    hashes[:], numbers[:] = 0, 0
    assert sample.numbers().tolist() == [7, 8]


def test_an_empty_offer_is_none() -> None:
    sample = RowSample(1)
    sample.offer(np.array([], dtype=np.uint64), np.array([], dtype=np.int64))
    assert len(sample) == 0
    assert sample.numbers().tolist() == []
