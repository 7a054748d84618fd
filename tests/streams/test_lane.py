import asyncio
from collections.abc import Mapping
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.arrivals import STALLED_AFTER
from streams.chunks import Chunk
from streams.errors import Stopped
from streams.lane import CHECKPOINT_SECONDS, METRICS_SECONDS, URGENT_SECONDS, Lane
from streams.records import Record, RecordBatch

A, B = TP("t", 0), TP("t", 1)


class FakeLevel:
    name = "test"
    topics = ("t",)

    def __init__(self, positions: Mapping[TP, int | None]) -> None:
        self.positions = positions
        self.done: list[Any] = []
        self.urgent = False
        self.checkpoint_records = 50
        self.kept: frozenset[TP] = frozenset()
        self.broken = False

    async def open(self, owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:
        self.kept = kept
        return {tp: self.positions[tp] for tp in owned}

    def process(self, tp: TP, records: RecordBatch) -> None:
        if self.broken:
            raise ValueError("broken")
        self.done.append([record.offset for record in records])

    def idle(self, tp: TP) -> None:
        self.done.append(("idle", tp))

    def lost(self, tp: TP) -> None:
        self.done.append(("lost", tp))

    def prepare(self) -> None:
        self.done.append("checkpoint")

    async def flush(self) -> None: ...

    def publish_metrics(self) -> None: ...

    def close(self) -> None: ...


class FakeConsumer:
    def __init__(self, level: FakeLevel, begin: int = 0, end: int = 100) -> None:
        self.level, self.begin, self.end = level, begin, end
        self.commits = True
        self.marker_at_end = False
        self.in_vain = True

    async def bounds(self, tps: frozenset[TP]) -> dict[TP, tuple[int, int]]:
        return dict.fromkeys(tps, (self.begin, self.end))

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        self.level.done.append(("commit", dict(offsets)))
        return self.commits

    def fetched_in_vain(self, tp: TP) -> bool:
        return self.in_vain

    async def read_again(self, offsets: Mapping[TP, int]) -> None:
        self.level.done.append(("again", dict(offsets)))

    async def read_to_end(self, tp: TP, processed: int) -> bool:
        return processed >= self.end - self.marker_at_end

    def end_of_log(self, tp: TP) -> int:
        return self.end


def event(generation: int, start: int, end: int) -> Any:
    records = [Record(offset, 0, None, b"") for offset in range(start, end)]
    chunk = Chunk(start, end, RecordBatch.of(records))
    return SimpleNamespace(message=SimpleNamespace(tp=A, generation_id=generation), value=chunk)


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
    assert level.done == ["checkpoint", ("commit", {A: 0})]


def test_a_commit_that_did_not_stand_is_made_again_without_a_record() -> None:
    level, consumer, app, lane = worked({A: 3})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await feed(lane, app, event(1, 3, 6))
        for consumer.commits in (False, True, True):
            await lane.tick(consumer)
            await lane._flushed()
            lane._checkpointed_at = -CHECKPOINT_SECONDS

    lane._checkpointed_at = -CHECKPOINT_SECONDS
    asyncio.run(steps())
    commit = ("commit", {A: 6})
    assert level.done == [[3, 4, 5], "checkpoint", commit, "checkpoint", commit, "checkpoint"]


def test_what_the_worker_before_us_did_not_commit_is_committed() -> None:
    """It was killed after its state was durable. Nothing new need come for the group to show no lag."""
    level, consumer, _, lane = worked({A: 100}, end=100)

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        lane._checkpointed_at = -CHECKPOINT_SECONDS
        await lane.tick(consumer)

    asyncio.run(steps())
    assert level.done == ["checkpoint", ("commit", {A: 100})]


def test_a_partition_that_should_bring_something_and_does_not_is_fetched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    level, consumer, app, lane = worked({A: 0, B: 100}, end=100)
    clock = SimpleNamespace(now=1_000.0)
    for module in ("lane", "arrivals"):
        monkeypatch.setattr(f"streams.{module}.monotonic", lambda: clock.now)

    async def ticks(after: float) -> None:
        clock.now += after
        await lane.tick(consumer)

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A, B}), 1)
        await feed(lane, app, event(1, 0, 7))
        await ticks(STALLED_AFTER - 1)
        consumer.in_vain = False  # records of others are still being handed out
        await ticks(1)
        assert ("again", {A: 7}) not in level.done
        consumer.in_vain = True
        await ticks(METRICS_SECONDS)  # B is at its end
        assert level.done.count(("again", {A: 7})) == 1
        await ticks(STALLED_AFTER - 1)
        lane.excuse()  # no broker answers
        await ticks(STALLED_AFTER - 1)
        assert level.done.count(("again", {A: 7})) == 1
        await ticks(1)
        assert level.done.count(("again", {A: 7})) == 2

    asyncio.run(steps())


def test_a_marker_at_the_end_of_a_log_is_no_lag() -> None:
    _, consumer, _, lane = worked({A: 99}, end=100)
    consumer.marker_at_end = True

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await lane.tick(consumer)

    asyncio.run(steps())
    assert lane.lag == {A: 0}


def test_a_lane_says_that_it_is_loading_and_not_ready_until_it_has() -> None:
    level, consumer, _, lane = worked({A: 0})
    seen: list[tuple[bool, bool]] = []
    load = level.open

    async def opening(owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:
        seen.append((lane.loading, lane.ready))
        return await load(owned, kept)

    level.open = opening
    asyncio.run(lane.assign(consumer, frozenset({A}), 1))
    assert seen == [(True, False)]
    assert (lane.loading, lane.ready) == (False, True)


def test_what_is_urgent_is_checkpointed_at_once() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        level.urgent = True
        lane._checkpointed_at = monotonic()
        await feed(lane, app, event(1, 0, 1))
        assert "checkpoint" not in level.done, "not so soon after the one before"
        lane._checkpointed_at -= URGENT_SECONDS
        await feed(lane, app, event(1, 1, 2))

    asyncio.run(steps())
    assert "checkpoint" in level.done


def test_in_a_backlog_nothing_is_urgent() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await lane.tick(consumer)  # finds out that the log has a hundred records
        level.done.clear()
        level.urgent = True
        lane._checkpointed_at = monotonic() - URGENT_SECONDS
        await feed(lane, app, event(1, 0, 49))
        assert "checkpoint" not in level.done
        await feed(lane, app, event(1, 49, 50))
        assert "checkpoint" in level.done, "it is as many records as a checkpoint is made for"
        lane._measured_at -= METRICS_SECONDS
        await lane.tick(consumer)  # what is left is no backlog
        level.done.clear()
        lane._checkpointed_at = monotonic() - URGENT_SECONDS
        await feed(lane, app, event(1, 50, 51))

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


def test_after_a_checkpoint_that_failed_no_chunk_begins_another() -> None:
    level, consumer, app, lane = worked({A: 0})

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await feed(lane, app, event(1, 0, 5))
        assert lane.unsaved
        lane.fail()
        level.urgent = True
        lane._checkpointed_at -= CHECKPOINT_SECONDS
        await feed(lane, app, event(1, 5, 99))
        await lane.drain(consumer)

    asyncio.run(steps())
    assert level.done == [[0, 1, 2, 3, 4]]
    assert lane.unsaved, "nobody may take what failed for saved"


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


def test_a_rebalance_that_is_cancelled_in_its_last_checkpoint_leaves_it_to_whoever_waits_next() -> None:
    """Faust cancels what it does in a rebalance when it is told to stop."""
    level, consumer, app, lane = worked({A: 0})
    begun, through = asyncio.Event(), asyncio.Event()

    async def flush() -> None:
        begun.set()
        await through.wait()

    level.flush = flush

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A}), 1)
        await feed(lane, app, event(1, 0, 3))
        rebalance = asyncio.create_task(lane.drain(consumer))
        await begun.wait()
        rebalance.cancel()
        await asyncio.gather(rebalance, return_exceptions=True)
        assert rebalance.cancelled()
        assert lane.unsaved
        through.set()
        await lane.drain(consumer)
        assert not lane.unsaved

    asyncio.run(steps())
    assert [one for one in level.done if one != "checkpoint"] == [[0, 1, 2], ("commit", {A: 3})]


def test_a_silent_topic_is_told_again_while_the_same_partition_of_the_other_one_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.arrivals.AGAIN", 0.0)
    other = TP("other", A.partition)
    level, consumer, app, lane = worked({A: 0, other: 100}, idle_after=0.0)

    def told() -> int:
        return level.done.count(("idle", other))

    async def steps() -> None:
        await lane.assign(consumer, frozenset({A, other}), 1)
        counts = []
        for start in range(0, 15, 5):
            await feed(lane, app, event(1, start, start + 5))
            await lane.tick(consumer)
            counts.append(told())
        assert counts == [1, 2, 3]
        await lane.tick(consumer)
        await lane.tick(consumer)
        assert told() == 3, "nothing has come since"

    asyncio.run(steps())
