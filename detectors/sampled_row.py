"""`SampledRow`: a row of a sample with its label; and `PackedRow`, the form in which it travels.

Packed, it holds the numbers and the tail of the row as they are stored, so that level 1 sends what it reads back, and
only what level 2 keeps is ever unpacked.
"""

import struct
from collections.abc import Iterable
from itertools import starmap

import msgspec

from detectors.row import Label, Row
from detectors.row_shape import RowShape, pack_tail, unpack_tail
from detectors.state_classes import register
from schemas.event_time import Micros


@register
class SampledRow(msgspec.Struct, array_like=True, gc=False):
    """A row of the sample with its label, if there is one yet."""

    time: Micros
    """Time of the family: of the prediction (cohort), or of when the label became known (label)."""
    row: Row
    label: Label | None = None
    loss: float | None = None


class PackedRow(msgspec.Struct, array_like=True, gc=False):
    """The same, packed by the shape of its model."""

    time: Micros
    """As in `SampledRow`."""
    row_time: Micros
    unexpected: bool
    numbers: bytes
    """Little-endian."""
    tail: bytes
    """Id, what it said, and the features that are no numbers: `detectors.row_shape.pack_tail`."""
    label: Label | None
    loss: float | None


UNREADABLE = (msgspec.MsgspecError, struct.error, ValueError)
"""What `sampled_row` raises for bytes that `packed_row` did not make."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PackedRow).decode


def packed_rows(
    times: Iterable[Micros],
    row_times: Iterable[Micros],
    unexpected: Iterable[bool],
    numbers: Iterable[bytes],
    tails: Iterable[bytes],
    labels: Iterable[Label | None],
    losses: Iterable[float | None],
) -> list[msgspec.Raw]:
    """Return rows of the sample as they travel; each is given by the fields of `PackedRow`."""
    rows = zip(times, row_times, unexpected, numbers, tails, labels, losses, strict=True)
    return list(map(msgspec.Raw, map(_encode, starmap(PackedRow, rows))))


def packed_row(shape: RowShape, sampled: SampledRow) -> msgspec.Raw:
    """Return a row of the sample as it travels."""
    row = sampled.row
    numbers, tail = shape.pack(*shape.numbers(row)), pack_tail((row.id, shape.said(row), shape.values(row)))
    packed = PackedRow(sampled.time, row.time, row.unexpected, numbers, tail, sampled.label, sampled.loss)
    return msgspec.Raw(_encode(packed))


def sampled_row(shape: RowShape, raw: msgspec.Raw) -> SampledRow:
    """Return the row of the sample that `packed_row` was given."""
    packed = _decode(raw)
    id, said, values = unpack_tail(packed.tail)
    row = shape.row(id, packed.row_time, shape.unpack(packed.numbers), values, said, packed.unexpected)
    return SampledRow(packed.time, row, packed.label, packed.loss)


def id_and_time(raw: msgspec.Raw) -> tuple[str, Micros]:
    """Return the id and the time of the row: no two rows have both alike."""
    packed = _decode(raw)
    return unpack_tail(packed.tail)[0], packed.row_time
