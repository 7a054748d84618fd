"""Batches as producers write them; what is expected of a client is what aiokafka's own class makes of them."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

from streams.fetched_records import FetchedRecords, by_column
from streams.records import Headers, Record, RecordBatch

PRODUCER = 7
LZ4 = 3


def batch(
    *offsets: int, headers: Headers = (), transactional: bool = False, size: int | None = None, codec: int = 0
) -> bytes:
    """Return a batch that has records at these offsets and covers `size` of them."""
    builder = DefaultRecordBatchBuilder(2, codec, transactional, PRODUCER, 0, 0, 1 << 20)
    for offset in offsets:
        value = None if offset % 5 == 3 else b"value %d" % offset
        builder.append(offset - offsets[0], 1000 + offset, b"key %d" % offset, value, list(headers))
    made = bytearray(builder.build())
    struct.pack_into(">q", made, 0, offsets[0])
    if size is not None:
        _attribute(made, 23, ">i", size - 1)
    return bytes(made)


def marker(offset: int, *, abort: bool) -> bytes:
    """Return the control batch that ends a transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, True, PRODUCER, 0, 0, 1 << 20)
    builder.append(0, 0, struct.pack(">hh", 0, 0 if abort else 1), b"", [])
    made = bytearray(builder.build())
    struct.pack_into(">q", made, 0, offset)
    _attribute(made, 21, ">h", 0x30)
    return bytes(made)


def _attribute(made: bytearray, at: int, form: str, value: int) -> None:
    """Change a field of a batch's header, and the checksum with it."""
    from aiokafka.record.util import calc_crc32c

    struct.pack_into(form, made, at, value)
    struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))


def legacy(*offsets: int) -> bytes:
    """Return records as brokers kept them before Kafka 0.11."""
    builder = LegacyRecordBatchBuilder(1, 0, 1 << 20)
    for offset in offsets:
        builder.append(offset, 1000 + offset, b"key %d" % offset, b"value %d" % offset)
    return bytes(builder.build())


class Assignment:
    """A client's idea of where it is."""

    active = True
    paused = False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, _: TP) -> "Assignment":
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def result_of(kind: Callable[..., Any], log: Sequence[bytes], assignment: Assignment, deserializer: Any = None) -> Any:
    begin = assignment.position
    records = kind(TP("t", 0), MemoryRecords(b"".join(log)), (), begin, None, deserializer, True, READ_COMMITTED)
    return FetchResult(TP("t", 0), assignment=assignment, partition_records=records, backoff=0)


def read(
    kind: Callable[..., Any],
    log: Sequence[bytes],
    begin: int = 0,
    aborted: Sequence[tuple[int, int]] = (),
    isolation: int = READ_COMMITTED,
    deserializer: Any = None,
) -> tuple[list[Any], int]:
    """Return what a client gets of one fetch, and where it stands then."""
    tp, assignment = TP("t", 0), Assignment(begin)
    made = kind(tp, MemoryRecords(b"".join(log)), aborted, begin, None, deserializer, True, isolation)
    result = FetchResult(tp, assignment=assignment, partition_records=made, backoff=0)
    return result.getall(), assignment.position


CASES: dict[str, tuple[list[bytes], dict[str, Any]]] = {
    "batches one after the other": ([batch(0, 1, 2), batch(3, 4)], {}),
    "compressed": ([batch(0, 1, 2, codec=LZ4), batch(3, 4, codec=LZ4)], {}),
    "begins before where we asked": ([batch(0, 1, 2, 3), batch(4, 5)], {"begin": 2}),
    "a hole in a batch": ([batch(0, 1, 4, size=7), batch(7, 8)], {}),
    "a hole between batches": ([batch(0, 1), batch(9, 10)], {}),
    "compacted to its last offset": ([batch(0, 1, size=5)], {}),
    "headers in the first": ([batch(0, 1, headers=[("a", b"1")]), batch(2)], {}),
    "headers in the second": ([batch(0, 1), batch(2, headers=[("a", b"1")]), batch(3)], {}),
    "a transaction that stands": ([batch(0, 1, transactional=True), marker(2, abort=False), batch(3)], {}),
    "a transaction taken back": (
        [batch(0, 1, transactional=True), marker(2, abort=True), batch(3, transactional=True)],
        {"aborted": [(PRODUCER, 0)]},
    ),
    "taken back, and read all the same": (
        [batch(0, 1, transactional=True), marker(2, abort=True), batch(3)],
        {"aborted": [(PRODUCER, 0)], "isolation": READ_UNCOMMITTED},
    ),
    "nothing but what was taken back": (
        [batch(0, 1, transactional=True), marker(2, abort=True)],
        {"aborted": [(PRODUCER, 0)]},
    ),
    "an old format": ([legacy(0, 1, 2), legacy(3)], {"begin": 1}),
}


@pytest.mark.parametrize(("log", "settings"), CASES.values(), ids=CASES.keys())
def test_a_client_gets_what_aiokafka_would_give_it(log: list[bytes], settings: dict[str, Any]) -> None:
    theirs, position = read(PartitionRecords, log, **settings)
    wanted = [Record(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in theirs]

    records, reached = read(FetchedRecords, log, **settings)
    assert [Record(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in records] == wanted
    assert reached == position

    batches, reached = read(FetchedRecords, log, deserializer=by_column, **settings)
    assert [one._replace(headers=tuple(one.headers)) for part in batches for one in part] == wanted
    assert reached == position
    for part in batches:
        assert isinstance(part, RecordBatch)
        assert len(part.offsets) == len(part.timestamps) == len(part.keys) == len(part.values) > 0
        assert (part.headers is not None) == any(one.headers for one in wanted)
        assert part.headers is None or len(part.headers) == len(part)


def test_a_fetch_is_one_batch_however_many_the_broker_made_of_it() -> None:
    batches, _ = read(FetchedRecords, [batch(0, 1), batch(2), batch(3, 4)], deserializer=by_column)
    assert [part.offsets.tolist() for part in batches] == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("most", [1, 3, 4, 7])
def test_a_client_that_takes_so_many_at_a_time_stands_after_the_last_that_it_took(most: int) -> None:
    log = [batch(0, 1, 2, 3), batch(4, 5, 9, size=8), batch(12)]
    found: list[list[tuple[list[int], int]]] = []
    for kind in (PartitionRecords, FetchedRecords):
        assignment = Assignment(0)
        result, steps = result_of(kind, log, assignment), []
        while result.has_more():
            records = result.getall(most)
            steps.append(([one.offset for one in records], assignment.position))
        found.append(steps)
    assert found[1] == found[0]
    assert [offset for offsets, _ in found[1] for offset in offsets] == [0, 1, 2, 3, 4, 5, 9, 12]


def test_a_wrong_checksum_is_told_once_what_stands_before_it_is_handed_out() -> None:
    broken = bytearray(batch(2, 3))
    broken[-1] ^= 1
    assignment = Assignment(0)
    result = result_of(FetchedRecords, [batch(0, 1), bytes(broken)], assignment, by_column)
    assert [part.offsets.tolist() for part in result.getall()] == [[0, 1]]
    assert assignment.position == 2
    result = result_of(FetchedRecords, [bytes(broken)], Assignment(2), by_column)
    with pytest.raises(CorruptRecordException, match="wrong checksum"):
        result.getall()
