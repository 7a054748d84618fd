"""Values too large for one record travel in frames: split on the way out, put together again on the way in.

A frame has the headers `frame` (`i/n`, i from 1) and `frame_id` (a hash of key and value), so that the same value gives
the same frames however often it is sent. A sender that was interrupted sends the whole value again, from the first
frame; frames that come twice are the same frames. Values that fit into one record travel as they are.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from streams.records import Headers, Outgoing, Record

FRAME_BYTES = 512 * 1024
"""Half of what a broker takes by default (1 MiB), so that headers and batch never matter."""
MAX_FRAMES = 4_096
FORGET_AFTER = 10 * 60 * 1_000
"""Milliseconds of Kafka time after which a group that stopped growing is given up.

A sender gives up a send after less, and then sends the value again from its first frame.
"""


def frames(outgoing: Outgoing, slot: str | None = None, size: int = FRAME_BYTES) -> Iterator[Outgoing]:
    """Yield the records that carry `outgoing`: itself, or its frames in order.

    Parameters
    ----------
    slot
        For compacted topics. Each frame then has a key of its own, `key#slot#i`, or compaction would leave only the
        last frame. A sender alternates between slots: half a new value displaces no frame of the last whole one.
    """
    value = outgoing.value
    if value is None or len(value) <= size:
        yield outgoing
        return
    count = -(-len(value) // size)
    if count > MAX_FRAMES:
        raise ValueError(f"a value of {len(value)} bytes is more than {MAX_FRAMES} frames of {size}")
    identifier = frame_id(outgoing.key, value)
    for index in range(count):
        yield replace(
            outgoing,
            key=outgoing.key if slot is None else b"%b#%b#%d" % (outgoing.key, slot.encode(), index + 1),
            value=value[index * size : (index + 1) * size],
            headers=[
                *outgoing.headers,
                ("frame", b"%d/%d" % (index + 1, count)),
                ("frame_id", identifier),
                ("frame_key", outgoing.key),
                *([] if slot is None else [("frame_slot", slot.encode())]),
            ],
        )


def frame_id(key: bytes, value: bytes) -> bytes:
    """Return the identity of a framed value."""
    digest = hashlib.blake2b(len(key).to_bytes(8, "big"), digest_size=16)
    digest.update(key)
    digest.update(value)
    return digest.hexdigest().encode()


@dataclass(slots=True)
class _Group:
    first: int
    """Offset of the first frame seen."""
    newest: int
    """Kafka timestamp of the newest frame seen."""
    count: int
    parts: dict[int, bytes] = field(default_factory=dict)


class Reassembler:
    """Puts the frames of one topic-partition together again, in the order in which their last frames arrive.

    A reassembled record has the offset of its *first* frame, the timestamp of its last, and neither frame headers nor
    frame key. `oldest_open` tells how far back one has to start reading in order to meet all frames of what is not
    complete yet.
    """

    def __init__(self) -> None:
        self._groups: dict[bytes, _Group] = {}

    @property
    def oldest_open(self) -> int | None:
        """Offset of the oldest frame that waits for the rest of its value; None when nothing waits."""
        return min((group.first for group in self._groups.values()), default=None)

    def add(self, records: Iterable[Record]) -> list[Record]:
        """Return what is complete now: records that are no frames as they are, and values whose last frame came.

        A record whose frame headers make no sense is handed on as it is: its reader will refuse it.
        """
        complete: list[Record] = []
        for record in records:
            frame = _frame(record.headers) if record.headers else None
            if frame is None or record.value is None:
                complete.append(record)
                continue
            index, count, identifier = frame
            group = self._groups.get(identifier)
            if group is None or group.count != count:
                group = self._groups[identifier] = _Group(record.offset, record.timestamp, count)
            group.parts[index] = record.value
            group.newest = max(group.newest, record.timestamp)
            if len(group.parts) == count:
                del self._groups[identifier]
                complete.append(_whole(record, group))
            self._forget(record.timestamp)
        return complete

    def _forget(self, now: int) -> None:
        for identifier in [key for key, group in self._groups.items() if now - group.newest > FORGET_AFTER]:
            del self._groups[identifier]


def slot_of(record: Record) -> str | None:
    """Return the slot a reassembled record of a compacted topic came in; None where it came whole."""
    slot = dict(record.headers).get("frame_slot")
    return None if slot is None else slot.decode()


def _whole(last: Record, group: _Group) -> Record:
    headers = dict(last.headers)
    return Record(
        group.first,
        last.timestamp,
        headers["frame_key"],
        b"".join(part for _, part in sorted(group.parts.items())),
        [(name, value) for name, value in last.headers if name not in ("frame", "frame_id", "frame_key")],
    )


def _frame(headers: Headers) -> tuple[int, int, bytes] | None:
    """Return index, count and identity, or None where the record is not a frame."""
    found = dict(headers)
    place, identifier = found.get("frame"), found.get("frame_id")
    if place is None or identifier is None or "frame_key" not in found:
        return None
    left, _, right = place.partition(b"/")
    if not (left.isdigit() and right.isdigit()):
        return None
    index, count = int(left), int(right)
    return (index, count, identifier) if 1 <= index <= count <= MAX_FRAMES else None
