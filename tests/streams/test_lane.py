import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.errors import Stopped
from streams.lane import Lane
from streams.records import Record
from streams.transport import Chunk

A, B = TP("t", 0), TP("t", 1)


class FakeLevel:
    name = "test"
    topics = ("t",)

    def __init__(self, positions: Mapping[TP, int | None]) -> None:
        self.positions = positions
        self.done: list[Any] = []
        self.urgent = False
        self.kept: frozenset[TP] = frozenset()
        self.broken = False

    async def open(self, owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:
        self.kept = kept
        return {tp: self.positions[tp] for tp in owned}

    def process(self, tp: TP, records: Sequence[Record]) -> None:
        if self.broken:
            raise ValueError("broken")
        self.done.append([record.offset for record in records])

    def idle(self, tp: TP) -> None:
        self.done.append(("idle", tp))

    async def checkpoint(self) -> None:
        self.done.append("checkpoint")

    def publish_metrics(self) -> None: ...

    def close(self) -> None: ...


class FakeConsumer:
    def __init__(self, level: FakeLevel, begin: int = 0, end: int = 100) -> None:
        self.level, self.begin, self.end = level, begin, end

    async def bounds(self, tps: frozenset[TP]) -> dict[TP, tuple[int, int]]:
        return dict.fromkeys(tps, (self.begin, self.end))

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        self.level.done.append(("commit", dict(offsets)))

    async def read_to_end(self, tp: TP, processed: int) -> bool:
        return processed >= self.end

    def end_of_log(self, tp: TP) -> int:
        return self.end


def event(generation: int, start: int, end: int) -> Any:
    records = [Record(offset, 0, None, b"") for offset in range(start, end)]
    return SimpleNamespace(message=SimpleNamespace(tp=A, generation_id=generation), value=Chunk(start, end, records))


async def feed(lane: Lane, app: Any, *events: Any) -> None:
    async def stream() -> Any:
        for one in events:
            yield one

    await lane.run(app, stream())


def worked(positions: Mapping[TP, int | None], idle_after: float = 3600.0, **bounds: int) -> tuple[Any, Any, Any, Any]:
    level = FakeLevel(positions)
    consumer = FakeConsumer(level, **bounds)
    app = SimpleNamespace(consumer_generation_id=1, consumer=consumer)
    return level, consumer, app, Lane(level, idle_after)


def test_commits_come_after_the_checkpoint() -> None:
    level, consumer, app, lane = worked({A: 3})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await feed(lane, app, event(1, 3, 6))
        await lane.drain(consumer)

    asyncio.run(steps())
    assert level.done == [[3, 4, 5], "checkpoint", ("commit", {A: 6})]


def test_after_draining_nothing_is_taken_until_partitions_are_assigned() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await lane.drain(consumer)
        await feed(lane, app, event(1, 0, 5))
        await lane.tick(consumer)

    asyncio.run(steps())
    assert level.done == ["checkpoint"]


def test_what_is_urgent_is_checkpointed_at_once() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        level.urgent = True
        await feed(lane, app, event(1, 0, 1))

    asyncio.run(steps())
    assert "checkpoint" in level.done


def test_after_an_error_nothing_is_checkpointed_any_more() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        level.broken = True
        with pytest.raises(ValueError, match="broken"):
            await feed(lane, app, event(1, 0, 5))
        await lane.drain(consumer)
        await lane.tick(consumer)

    asyncio.run(steps())
    assert level.done == []


def test_chunks_of_an_assignment_that_is_over_are_left() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await feed(lane, app, event(0, 0, 5), event(1, 0, 2))

    asyncio.run(steps())
    assert level.done == [[0, 1]]


@pytest.mark.parametrize(("generation", "kept"), [(2, {A}), (3, set()), (1, set())])
def test_state_is_kept_only_from_one_generation_to_the_next(generation: int, kept: set[TP]) -> None:
    level, consumer, _, lane = worked({A: 0, B: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await lane.assign(consumer, frozenset({A, B}), generation)

    asyncio.run(steps())
    assert level.kept == kept


def test_positions_are_held_against_the_log() -> None:
    _, consumer, _, lane = worked({A: None, B: 2}, begin=5, end=10)
    asyncio.run(lane.assign(consumer, frozenset({A, B}), 1))
    assert lane.guard.expected == {A: 5, B: 5}

    _, consumer, _, lane = worked({A: 11}, end=10)
    with pytest.raises(Stopped, match="ends at offset 10, but our state has read it up to 11"):
        asyncio.run(lane.assign(consumer, frozenset({A}), 1))


def test_silence_at_the_end_is_told_once_and_again_after_a_record() -> None:
    level, consumer, app, lane = worked({A: 0}, idle_after=0.0, end=1)

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await lane.tick(consumer)  # not at the end
        await feed(lane, app, event(1, 0, 1))
        await lane.tick(consumer)
        await lane.tick(consumer)
        consumer.end = 2
        await feed(lane, app, event(1, 1, 2))
        await lane.tick(consumer)

    asyncio.run(steps())
    assert [one for one in level.done if one != "checkpoint"] == [[0], ("idle", A), [1], ("idle", A)]
