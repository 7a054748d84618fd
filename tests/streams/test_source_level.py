"""Level 1 whose archive is out of reach: it waits, and then says so, once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import pytest
from faust.types import TP

from schemas.kafka_spec import Topics
from streams import source_level
from streams.errors import Stopped, Unreachable
from streams.log_reader import Range
from streams.records import Outgoing, Record, Role
from streams.source_level import PAUSES, SourceLevel

TOPICS = Topics()


class SourceInMemory:
    """Cannot be written `failures` times; then it is, once."""

    urgent, versions = False, 1

    def __init__(self, failures: int) -> None:
        self.position: dict[Role, int | None] = {"predictions": 0, "feedback": 0}
        self.rebuild: dict[Role, tuple[int | None, int]] = {}
        self.times: dict[Role, int] = {}
        self.failures = failures
        self.done: list[str] = []

    def prepare(self) -> None:
        self.done.append("prepared")

    def write(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Unreachable("archive.url: s3://kept: a file cannot be written: no route")
        self.done.append("written")

    def outbox(self) -> list[Outgoing]:
        self.done.append("outbox")
        return []

    def sent(self) -> None:
        self.done.append("sent")

    def close(self) -> None: ...


class Nobody:
    async def send(self, outgoing: Iterable[Outgoing]) -> None:
        assert not list(outgoing)


async def read(topic: str, partitions: Sequence[int]) -> dict[int, list[Record]]:
    return {}


async def read_ranges(ranges: Mapping[TP, Range]) -> AsyncIterator[tuple[TP, list[Record]]]:
    assert not ranges
    return
    yield


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, by somebody who does not wait."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(source_level.asyncio, "sleep", sleep)
    return pauses


def flushed(*failures: int) -> list[SourceInMemory]:
    sources = [SourceInMemory(count) for count in failures]

    async def steps() -> None:
        publisher: Any = Nobody()
        level = SourceLevel(TOPICS, lambda number, _: sources[number], read, read_ranges, publisher, 60.0)
        owned = frozenset(TP(topic, number) for topic in level.topics for number in range(len(sources)))
        await level.open(owned, frozenset())
        level.prepare()
        await level.flush()

    asyncio.run(steps())
    return sources


def test_an_archive_that_comes_back_is_waited_for_and_only_then_anything_is_sent(
    paused: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streams.source_level")
    sources = flushed(0, 3)
    assert sources[1].done == ["prepared", "written", "outbox", "sent"]
    assert sources[0].done[-2:] == ["outbox", "sent"]
    assert paused == list(PAUSES[:3])
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith("archive.url: s3://kept: a file cannot be written: no route. Trying again")
    assert "the archive can be written again" in caplog.messages


def test_one_that_does_not_ends_the_worker_with_a_sentence(paused: list[float]) -> None:
    with pytest.raises(Stopped) as stopped:
        flushed(1_000)
    assert not isinstance(stopped.value, Unreachable)
    assert str(stopped.value) == (
        "archive.url: s3://kept: a file cannot be written: no route, tried for about a minute. Mend that and start the "
        "worker again: nothing is lost"
    )
    assert paused == list(PAUSES)
    assert 40 < sum(PAUSES) < 60
    assert list(PAUSES) == sorted(PAUSES)


def test_what_else_goes_wrong_is_not_tried_again(paused: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: SourceInMemory) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(SourceInMemory, "write", write)
    with pytest.raises(OSError, match="no space left"):
        flushed(0)
    assert paused == []
