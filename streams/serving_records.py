"""`streamgauge serving`: which version of a model should answer, from the compacted topic or from a file."""

import sys
from collections.abc import Iterator
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from pydantic import ValidationError

from schemas.event_time import rfc3339, to_micros
from schemas.serving import Serving
from schemas.spec import MonitorSpec
from streams.client import consumer, partitions, reaching
from streams.errors import UserError
from streams.known_model import known_model
from streams.output_files import FILES
from streams.report_text import clean
from streams.routing import newer

POLL_MS = 500


def show_serving(
    spec: MonitorSpec,
    base: Path,
    model: str | None,
    *,
    follow: bool = False,
    as_json: bool = False,
    file: Path | None = None,
) -> None:
    """Say who serves each model, or `model` alone; with `follow`, say each change until interrupted.

    Parameters
    ----------
    file
        What a replay wrote, or the directory that it wrote it into; None is the topic.

    Raises
    ------
    UserError
        When the file has no such model, the topic is missing, the broker cannot be reached or `file` cannot be read.
    """
    if model is not None:
        known_model(spec, model)
    wanted = list(spec.models) if model is None else [model]
    if file is not None:
        _tell(newest(_of_file(file / FILES["serving"] if file.is_dir() else file)), wanted, as_json=as_json)
        return
    with reaching(spec.kafka), consumer(spec.kafka, base) as client:
        parts = _partitions(spec, base)
        client.assign(parts)
        client.seek_to_beginning(*parts)
        ends = client.end_offsets(parts)
        held = newest(_up_to(client, ends))
        _tell(held, wanted, as_json=as_json)
        while follow:
            for found in _poll(client):
                before = held.get(found.model)
                if before is None or found.number > before.number:
                    held[found.model] = found
                    if found.model in wanted:
                        _say(found, as_json=as_json)


def newest(records: Iterator[Serving]) -> dict[str, Serving]:
    """Return the record of each model that holds."""
    found: dict[str, Serving] = {}
    for record in records:
        found[record.model] = newer(found.get(record.model), record)
    return found


def _tell(known: dict[str, Serving], wanted: list[str], *, as_json: bool) -> None:
    for name in wanted:
        if name in known:
            _say(known[name], as_json=as_json)
        elif not as_json:
            sys.stdout.write(f"{clean(name)}: nobody has said which version serves; the one that predicts most does\n")
    sys.stdout.flush()


def _say(serving: Serving, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(serving.model_dump_json() + "\n")
        sys.stdout.flush()
        return
    tried = {
        "full": "",
        "shadow": f", version {serving.candidate} in shadow",
        "canary": f", version {serving.candidate} answers {serving.share:.0%}",
    }[serving.stage]
    before = "" if serving.previous is None else f" (before it {serving.previous})"
    text = f"{serving.model}: version {serving.version} serves{before}{tried}, since {rfc3339(to_micros(serving.time))}"
    sys.stdout.write(f"{clean(text)}\n  {clean(serving.reason)}\n")
    sys.stdout.flush()


def _of_file(path: Path) -> Iterator[Serving]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield Serving.model_validate_json(line)
        except ValidationError:
            raise UserError(f"{path}:{number}: not a record of who serves, as replay writes serving.jsonl") from None


def _partitions(spec: MonitorSpec, base: Path) -> list[TopicPartition]:
    topic = spec.kafka.topics.serving
    count = partitions(spec.kafka, base, [topic])[topic]
    if count is None:
        raise UserError(f"topic {topic} does not exist at {spec.kafka.bootstrap}: streamgauge topics create MONITOR")
    return [TopicPartition(topic, number) for number in range(count)]


def _up_to(client: KafkaConsumer, ends: dict[TopicPartition, int]) -> Iterator[Serving]:
    while any(client.position(part) < end for part, end in ends.items()):
        yield from _poll(client)


def _poll(client: KafkaConsumer) -> Iterator[Serving]:
    """Yield what has come; what is no record of ours is passed over: a stranger stops nobody."""
    for batch in client.poll(timeout_ms=POLL_MS).values():
        for record in batch:
            try:
                yield Serving.model_validate_json(record.value or b"null")
            except ValidationError:
                continue
