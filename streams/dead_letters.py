"""Dead letters: the original bytes and key, with headers that say where the record stood and why it was refused."""

import base64

from schemas.contract import deterministic_id
from schemas.dead_letter import DeadLetter, DeadLetterReason
from schemas.event_time import rfc3339
from streams.cloudevents import headers as cloudevent_headers
from streams.decode import Refusal
from streams.records import Outgoing, Record

# The names of KIP-1034, so that tools made for Kafka Streams' dead letters read ours.
EXCEPTION = "__streams.errors.exception"
MESSAGE = "__streams.errors.message"
TOPIC = "__streams.errors.topic"
PARTITION = "__streams.errors.partition"
OFFSET = "__streams.errors.offset"

_LATEST = 253_402_300_799_999  # milliseconds: the end of 9999. A producer may set any number as Kafka's timestamp


def dead_letter(refusal: Refusal, topic: str, partition: int, record: Record) -> Outgoing:
    """Return the dead letter of a record; its id depends on where the record stood alone."""
    id_ = deterministic_id("dead_letter", topic, partition, record.offset)
    time = rfc3339(min(max(record.timestamp, 0), _LATEST) * 1_000)
    ours = [
        *cloudevent_headers("dead_letter", id_, time, topic),
        (EXCEPTION, refusal.reason.encode()),
        (MESSAGE, refusal.message.encode(errors="replace")),
        (TOPIC, topic.encode()),
        (PARTITION, str(partition).encode()),
        (OFFSET, str(record.offset).encode()),
    ]
    names = {name for name, _ in ours}
    # the original's own attributes keep their values under another name; Kafka knows null values, we do not
    kept = [(f"original_{name}" if name in names else name, value or b"") for name, value in record.headers]
    return Outgoing("dead_letters", record.key or b"", record.value, [*kept, *ours])


def describe(letter: Outgoing) -> DeadLetter:
    """Return a dead letter as a contract, for a file of them."""
    headers = dict(letter.headers)
    reason: DeadLetterReason = headers[EXCEPTION].decode()  # type: ignore[assignment]  # we wrote it
    return DeadLetter(
        id=headers["ce_id"].decode(),
        topic=headers[TOPIC].decode(),
        partition=int(headers[PARTITION]),
        offset=int(headers[OFFSET]),
        reason=reason,
        message=headers[MESSAGE].decode(),
        key=base64.b64encode(letter.key).decode() if letter.key else None,
        value=None if letter.value is None else base64.b64encode(letter.value).decode(),
    )
