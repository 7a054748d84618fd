"""What travels on the summaries topic: summaries, losses and watermarks from level 1, and commands, in one order."""

import msgspec
import numpy as np

from detectors.merge import Missing
from detectors.odd_features import OddRow
from detectors.sample import Sample
from detectors.summary import PaneKey, PaneSummary
from schemas.event_time import Micros
from schemas.reading import Family
from streams.records import ALL_PARTITIONS, Outgoing, Record, Role

HASH_BYTES = 8


class PickedMessage(msgspec.Struct, array_like=True, frozen=True):
    """A sample of rows that were picked out of all."""

    size: int
    rows: list[msgspec.Raw]
    hashes: bytes
    """Each as in `SummaryMessage`."""

    def __post_init__(self) -> None:
        if self.size < 1 or len(self.hashes) != HASH_BYTES * len(self.rows):
            raise ValueError("picked rows have no size, or another number of rows than of hashes")


class SummaryMessage(msgspec.Struct, tag="summary", frozen=True):
    """The cumulative summary of one pane by one source partition, having read through these offsets."""

    partition: int
    through: dict[Role, int]
    model: str
    version: str
    family: Family
    start: Micros
    fingerprint: str
    counts: bytes
    """Little-endian int64."""
    sample_size: int
    sample: list[msgspec.Raw]
    """Each a `detectors.sampled_row.PackedRow`, still packed."""
    hashes: bytes
    """First hashes of the ids in the sample, little-endian uint64."""
    offsets: dict[str, tuple[int, int]]
    incomplete: bool = False
    odd: list[OddRow] = []
    """See `detectors.odd_features`."""
    picked: dict[str, PickedMessage] = {}
    """See `detectors.curation.picking`."""
    chosen: bytes = b""
    """As `counts`: of the labels that curation chose; empty where there are none."""

    def __post_init__(self) -> None:
        if len(self.hashes) != HASH_BYTES * len(self.sample):
            raise ValueError("the sample has another number of rows than of hashes")
        if self.chosen and len(self.chosen) != len(self.counts):
            raise ValueError("the counts of chosen labels are not as many as those of all")


class IncompleteMessage(msgspec.Struct, tag="incomplete", frozen=True):
    """Which panes of a model one source partition misses events of: it may have none left to send a summary of."""

    partition: int
    model: str
    families: dict[Family, Missing]


class WatermarkMessage(msgspec.Struct, tag="watermark", frozen=True):
    """How far event time has come in one source partition: the largest event time of each of its topics."""

    partition: int
    partitions: int
    """How many source partitions there are."""
    times: dict[Role, Micros]
    idle: bool
    """Both topics have been read to their end and stay silent: the partition holds nothing up."""
    through: dict[Role, int]


class CommandMessage(msgspec.Struct, tag="command", frozen=True):
    """A record of the commands topic, as it stood there, and where."""

    value: bytes
    partition: int = -1
    offset: int = -1


Message = SummaryMessage | IncompleteMessage | WatermarkMessage | CommandMessage

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def summary_message(summary: PaneSummary, partition: int, through: dict[Role, int]) -> Outgoing:
    """Return the record that carries a summary to level 2."""
    key = summary.key
    packed, hashes = _packed(summary.sample)
    message = SummaryMessage(
        partition=partition,
        through=through,
        model=key.model,
        version=key.version,
        family=key.family,
        start=key.start,
        fingerprint=summary.fingerprint,
        counts=summary.counts.astype("<i8").tobytes(),
        sample_size=summary.sample.size,
        sample=packed,
        hashes=hashes,
        offsets=summary.offsets,
        incomplete=summary.incomplete,
        odd=summary.odd,
        picked={name: PickedMessage(rows.size, *_packed(rows)) for name, rows in sorted(summary.picked.items())},
        chosen=b"" if summary.chosen is None else summary.chosen.astype("<i8").tobytes(),
    )
    return Outgoing("summaries", key.model.encode(), _encode(message))


def summary_of(message: SummaryMessage) -> PaneSummary:
    """Return the summary that a message carries."""
    return PaneSummary(
        key=PaneKey(message.model, message.version, message.family, message.start),
        fingerprint=message.fingerprint,
        counts=np.frombuffer(message.counts, dtype="<i8").astype(np.int64),
        sample=_sample(message.sample_size, message.sample, message.hashes),
        offsets=dict(message.offsets),
        incomplete=message.incomplete,
        odd=message.odd,
        picked={name: _sample(one.size, one.rows, one.hashes) for name, one in message.picked.items()},
        chosen=np.frombuffer(message.chosen, dtype="<i8").astype(np.int64) if message.chosen else None,
    )


def _packed(sample: Sample) -> tuple[list[msgspec.Raw], bytes]:
    packed, hashes = sample.packed()
    return packed, hashes.astype("<u8", copy=False).tobytes()


def _sample(size: int, packed: list[msgspec.Raw], hashes: bytes) -> Sample:
    return Sample(size, packed, np.frombuffer(hashes, dtype="<u8").astype(np.uint64, copy=False))


def incomplete_message(message: IncompleteMessage) -> Outgoing:
    """Return the record that tells level 2 of a model what is missing."""
    return Outgoing("summaries", message.model.encode(), _encode(message))


def watermark_message(message: WatermarkMessage) -> Outgoing:
    """Return the record that tells every partition of the summaries topic."""
    return Outgoing("summaries", b"", _encode(message), partition=ALL_PARTITIONS)


def command_message(model: str, value: bytes, partition: int = -1, offset: int = -1) -> Outgoing:
    """Return the record that puts a command in order with the panes of its model; and where it stood, if it did."""
    return Outgoing("summaries", model.encode(), _encode(CommandMessage(value, partition, offset)))


def decode_message(record: Record) -> Message:
    """Return the message of a record of the summaries topic.

    Raises
    ------
    msgspec.DecodeError, msgspec.ValidationError
        When somebody else wrote to the topic.
    """
    message: Message = _decode(record.value or b"")
    return message
