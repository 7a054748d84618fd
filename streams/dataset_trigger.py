"""Finds a trigger by its id: in a file that `replay` wrote, or on the triggers topic."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kafka import TopicPartition
from pydantic import ValidationError

from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.client import consumer, partitions, reaching
from streams.errors import UserError
from streams.spec_errors import word_problems

FILE = "triggers.jsonl"
SHOWN = 5  # ids in a message
SHORTEST = 6  # characters of a beginning that stands for an id


def trigger_of(found: Iterable[RetrainingTrigger], id: str, where: str) -> RetrainingTrigger:
    """Return the trigger with this id, or the only one whose id begins like it.

    Raises
    ------
    UserError
        When there is none, or several begin so.
    """
    by_id = {trigger.id: trigger for trigger in found}
    if id in by_id:
        return by_id[id]
    close = [known for known in by_id if len(id) >= SHORTEST and known.startswith(id)]
    if len(close) == 1:
        return by_id[close[0]]
    if close:
        raise UserError(
            f"{where}: the ids of {len(close)} triggers begin with {id!r}: {', '.join(sorted(close)[:SHOWN])}"
        )
    if len(id) < SHORTEST and (begin := [known for known in by_id if known.startswith(id)]):
        raise UserError(
            f"{where}: {id!r} is too short for the beginning of an id: {SHORTEST} characters or more; "
            f"{', '.join(sorted(begin)[:SHOWN])} {'begins' if len(begin) == 1 else 'begin'} so"
        )
    newest = [f"{each.id} ({each.model})" for each in list(by_id.values())[-SHOWN:]]
    there = f"; the newest are {', '.join(newest)}" if newest else ", nor any other"
    raise UserError(f"{where}: no trigger {id!r} there{there}")


def triggers_file(place: Path) -> Path:
    """Return the file of triggers that a path names: the file, or the directory that `replay` wrote it into."""
    return place / FILE if place.is_dir() else place


def triggers_in(place: Path) -> list[RetrainingTrigger]:
    """Return the triggers of a file, or of a directory that `replay` wrote, in its order.

    Raises
    ------
    UserError
        When it is missing, or a line of it is no trigger.
    """
    path = triggers_file(place)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); write it with: streamgauge replay MONITOR"
        ) from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(RetrainingTrigger.model_validate_json(line))
        except ValidationError as error:
            problem = word_problems(error, RetrainingTrigger, None)[0]
            raise UserError(f"{path}, line {number}: not a trigger: {problem}") from None
    return found


def triggers_on_topic(spec: MonitorSpec, base: Path) -> Iterator[RetrainingTrigger]:
    """Yield the triggers on the topic, from its beginning to what is its end now; what is none is passed over.

    Raises
    ------
    UserError
        When there is no such topic, or no broker answers.
    """
    topic = spec.kafka.topics.triggers
    with reaching(spec.kafka):
        count = partitions(spec.kafka, base, [topic])[topic]
        if count is None:
            raise UserError(
                f"topic {topic} does not exist at {spec.kafka.bootstrap}: streamgauge topics create MONITOR"
            )
        with consumer(spec.kafka, base) as client:
            parts = [TopicPartition(topic, number) for number in range(count)]
            client.assign(parts)
            ends = client.end_offsets(parts)
            client.seek_to_beginning(*parts)
            while any(client.position(part) < end for part, end in ends.items()):
                for records in client.poll(timeout_ms=500).values():
                    for record in records:
                        try:
                            yield RetrainingTrigger.model_validate_json(record.value or b"")
                        except ValidationError:
                            continue  # a stranger's record; workers write nothing else here
