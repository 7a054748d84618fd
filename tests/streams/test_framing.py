import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.framing import FORGET_AFTER, Reassembler, frames, slot_of
from streams.records import Outgoing, Record

KEYS = st.binary(max_size=12)
VALUES = st.binary(max_size=200)
SIZES = st.integers(1, 64)


def records(outgoing: list[Outgoing], start: int = 0, timestamp: int = 0) -> list[Record]:
    return [Record(start + i, timestamp, o.key, o.value, list(o.headers)) for i, o in enumerate(outgoing)]


def split(key: bytes, value: bytes | None, size: int, slot: str | None = None) -> list[Outgoing]:
    return list(frames(Outgoing("summaries", key, value, [("ce_id", b"1")]), slot, size))


@given(KEYS, VALUES, SIZES, st.sampled_from([None, "a", "b"]))
def test_what_is_split_comes_back_whole(key: bytes, value: bytes, size: int, slot: str | None) -> None:
    sent = split(key, value, size, slot)
    assert all(len(one.value or b"") <= size for one in sent)
    reassembler = Reassembler()
    (whole,) = reassembler.add(records(sent, 7))
    assert (whole.key, whole.value, whole.offset) == (key, value, 7)
    assert ("ce_id", b"1") in whole.headers
    assert slot_of(whole) == (slot if len(sent) > 1 else None)
    assert reassembler.oldest_open is None


@given(KEYS, VALUES, SIZES)
def test_the_same_value_gives_the_same_frames(key: bytes, value: bytes, size: int) -> None:
    assert split(key, value, size) == split(key, value, size)


@given(st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=5, unique=True), SIZES, st.data())
def test_senders_may_interleave_be_interrupted_and_send_again(
    values: list[tuple[bytes, bytes]], size: int, data: st.DataObject
) -> None:
    """Each sender sends its value, perhaps breaks off, and sends it again from the first frame."""
    queues = []
    for key, value in values:
        whole = split(key, value, size)
        broken = data.draw(st.integers(0, len(whole)))
        queues.append(whole[:broken] + whole)
    log: list[Outgoing] = []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        log.append(queue.pop(0))
    reassembler = Reassembler()
    found = reassembler.add(records(log))
    assert {(record.key, record.value) for record in found} == set(values)


@given(st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=4, unique=True), SIZES, st.data())
def test_reading_on_from_the_oldest_open_frame_misses_nothing(
    values: list[tuple[bytes, bytes]], size: int, data: st.DataObject
) -> None:
    queues = [split(key, value, size) for key, value in values]
    log: list[Outgoing] = []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        log.append(queue.pop(0))
    written = records(log)
    stop = data.draw(st.integers(0, len(written)))
    before = Reassembler()
    found = before.add(written[:stop])
    resume = stop if before.oldest_open is None else before.oldest_open
    found += Reassembler().add(written[resume:])
    assert {(record.key, record.value) for record in found} == set(values)


def test_frames_on_a_compacted_topic_have_keys_of_their_own() -> None:
    sent = split(b"model", b"x" * 10, 4, "b")
    assert [one.key for one in sent] == [b"model#b#1", b"model#b#2", b"model#b#3"]


def test_half_a_new_value_displaces_nothing_of_the_last_whole_one() -> None:
    old, new = split(b"model", b"old" * 5, 4, "a"), split(b"model", b"new" * 5, 4, "b")
    newest_by_key = {one.key: one for one in old + new[:2]}
    (whole,) = Reassembler().add(records(list(newest_by_key.values())))
    assert whole.value == b"old" * 5


def test_a_group_that_stopped_growing_is_given_up() -> None:
    sent = split(b"k", b"x" * 10, 4)
    reassembler = Reassembler()
    reassembler.add(records(sent[:1], timestamp=0))
    reassembler.add([Record(5, FORGET_AFTER, b"k", b"small")])
    assert reassembler.oldest_open == 0
    reassembler.add(records(split(b"j", b"y" * 10, 4)[:1], 6, FORGET_AFTER + 1))
    assert reassembler.oldest_open == 6


@pytest.mark.parametrize("place", [b"", b"1", b"0/2", b"3/2", b"-1/2", b"1/9999999999", b"x/y"])
def test_headers_that_make_no_sense_are_for_the_reader(place: bytes) -> None:
    record = Record(0, 0, b"k", b"v", [("frame", place), ("frame_id", b"i"), ("frame_key", b"k")])
    assert Reassembler().add([record]) == [record]


def test_a_deletion_passes() -> None:
    assert split(b"k", None, 4)[0].value is None
    record = Record(0, 0, b"k", None)
    assert Reassembler().add([record]) == [record]
