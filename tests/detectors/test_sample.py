"""The sample is the k rows with the smallest hashes: whatever the order and the parts, and as good as uniform."""

import random
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.id_hash import id_hash
from detectors.row import Label, Row
from detectors.row_shape import RowShape
from detectors.sample import Sample
from detectors.sampled_row import SampledRow, packed_row, sampled_row

from .builders import model_spec, sample_of

SHAPE = RowShape(model_spec(features={"x": "numeric", "c": "categorical", "n": "text"}))


def sampled(name: str, time: int = 0) -> SampledRow:
    return SampledRow(time, Row(time, name, [None, None, None]))


def sample(size: int, rows: Iterable[SampledRow] = ()) -> Sample:
    return sample_of(SHAPE, size, list(rows))


def ids(whole: Sample) -> list[str]:
    return sorted(one.row.id for one in whole.rows(SHAPE))


@given(st.sets(st.text(max_size=5), max_size=60), st.integers(1, 10), st.randoms(use_true_random=False))
def test_it_holds_the_smallest_hashes_whatever_the_order(names: set[str], size: int, rng: random.Random) -> None:
    order = sorted(names)
    rng.shuffle(order)
    whole = sample(size, map(sampled, order))
    assert ids(whole) == sorted(sorted(names, key=lambda name: (id_hash(name)[0], name))[:size])
    assert len(whole) == min(size, len(names))


@given(
    st.lists(st.sets(st.integers(0, 99), max_size=30), min_size=1, max_size=4),
    st.integers(1, 8),
)
def test_samples_of_parts_merge_to_the_sample_of_the_whole(parts: list[set[int]], size: int) -> None:
    whole = sample(size, (sampled(str(i)) for part in parts for i in part))
    merged = sample(size)
    for part in reversed(parts):
        merged.merge(sample(size, (sampled(str(i)) for i in part)))
    assert merged.rows(SHAPE) == whole.rows(SHAPE)


def test_it_never_holds_more_than_twice_its_size_meanwhile() -> None:
    whole = sample(10)
    for i in range(2_000):
        whole.merge(sample(10, [sampled(f"{i}-{j}") for j in range(i % 12)]))
        assert len(whole._packed) <= 20
    assert len(whole) == len(whole.rows(SHAPE)) == 10


SHARED = st.builds(  # few ids, times and hashes: the same row again, an id used again, and ids that collide
    lambda time, number, loss: SampledRow(time, Row(time // 2, f"id-{number}", [0.5, "x", None]), None, loss),
    st.integers(0, 3),
    st.integers(0, 11),
    st.floats(0, 1),
)


def plain(rows: Iterable[SampledRow], modulus: int) -> list[SampledRow]:
    """Return each row once, the last one offered, in the order of (hash, id, time)."""
    last = {(forced(row, modulus), row.row.id, row.row.time): row for row in rows}
    return [last[key] for key in sorted(last)]


def forced(row: SampledRow, modulus: int) -> int:
    return (int(row.row.id[3:]) * 7) % modulus


def packed(size: int, rows: list[SampledRow], modulus: int) -> Sample:
    raws = [packed_row(SHAPE, row) for row in rows]
    return Sample(size, raws, np.array([forced(row, modulus) for row in rows], dtype=np.uint64))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(SHARED, max_size=12), min_size=1, max_size=5),
    st.integers(1, 10),
    st.sampled_from([1, 3, 12]),
    st.randoms(use_true_random=False),
)
def test_packed_samples_merge_to_the_plain_bottom_k(
    parts: list[list[SampledRow]], size: int, modulus: int, rng: random.Random
) -> None:
    rng.shuffle(parts)
    samples = [packed(size, part, modulus) for part in parts]
    while len(samples) > 1:  # neighbours, in any order: what is offered later stays later
        at = rng.randrange(len(samples) - 1)
        samples[at].merge(samples.pop(at + 1))
    (merged,) = samples
    expected = plain((row for part in parts for row in part), modulus)[:size]
    raws, hashes = merged.packed()
    assert [sampled_row(SHAPE, raw) for raw in raws] == expected
    assert hashes.tolist() == [forced(row, modulus) for row in expected]
    assert merged.rows(SHAPE) == sorted(expected, key=lambda one: (one.time, one.row.id, one.row.time))
    assert len(merged) == len(expected)


@given(st.lists(SHARED, max_size=12, unique_by=lambda one: (one.row.id, one.row.time)), st.randoms())
def test_packed_rows_are_the_same_bytes_whatever_the_order(rows: list[SampledRow], rng: random.Random) -> None:
    before = sample(20, rows).packed()
    rng.shuffle(rows)
    after = sample(20, rows).packed()
    assert (before[0], before[1].tolist()) == (after[0], after[1].tolist())


def test_rows_come_by_the_time_of_the_family_then_id() -> None:
    whole = sample(10, [sampled("b", 2), sampled("a", 2), sampled("c", 1)])
    assert [one.row.id for one in whole.rows(SHAPE)] == ["c", "a", "b"]


def test_the_same_row_again_replaces_itself() -> None:
    first, again = sampled("a"), SampledRow(0, Row(0, "a", [None, None, None]), Label(5, "yes"), 1.0)
    assert sample(5, [first, again]).rows(SHAPE) == [again]
    merged = sample(5, [first, sampled("b")])
    merged.merge(sample(5, [again]))
    assert merged.rows(SHAPE) == [again, sampled("b")]
    assert len(sample(1, [first, first, again])) == 1


def test_an_id_that_is_used_again_is_another_row() -> None:
    rows = [sampled("a", 2), sampled("a", 1), sampled("b", 1)]
    assert sample(3, rows).rows(SHAPE) == [rows[1], rows[2], rows[0]]
    smaller = min(("a", "b"), key=id_hash)
    kept = sample(1, rows).rows(SHAPE)
    assert [(one.row.id, one.row.time) for one in kept] == [(smaller, 1)]  # of equal hashes, the earlier row


def test_merging_leaves_the_other_sample_alone() -> None:
    one, other = sample(3, [sampled("a")]), sample(3, [sampled("b")])
    one.merge(other)
    one.merge(sample(3, [sampled("c")]))
    assert ids(one) == ["a", "b", "c"]
    assert ids(other) == ["b"]


def test_it_is_uniform() -> None:
    kept = sample(2_000, (sampled(f"row-{i}") for i in range(20_000))).rows(SHAPE)
    for digit in range(10):  # a tenth of the rows each, 200 expected, standard deviation 13
        assert sum(one.row.id.endswith(str(digit)) for one in kept) == pytest.approx(200, abs=55)
