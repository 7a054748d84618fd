import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from faust.types import TP

from detectors.rollouts import RolloutsState
from detectors.state import StateError
from schemas.kafka_spec import Topics
from schemas.serving import Serving
from streams.beginning import BEGINNING, Beginning
from streams.errors import Stopped
from streams.framing import Reassembler, frames
from streams.monitor_level import MonitorLevel
from streams.records import Outgoing, Record, RecordBatch

TOPICS = Topics()
TP0 = TP(TOPICS.summaries, 0)
SIZE = 4
SERVED = Serving(
    id="s", number=6, model="m", version="1", time=datetime(2026, 1, 1, tzinfo=UTC), reason="Rolled back."
).model_dump_json()

NOTHING = Beginning()


class FakeMonitors:
    """Remembers values; its position is the one after the last record it was given."""

    late: ClassVar[dict[str, int]] = {}
    rollouts: ClassVar[dict[str, RolloutsState]] = {}

    def __init__(self) -> None:
        self.position: int | None = None
        self.values: list[bytes] = []
        self.changed = False
        self.beginning: Beginning | None = None

    def begin(self, beginning: Beginning) -> None:
        self.beginning = beginning

    def restore(self, model: str, snapshot: bytes) -> None:
        position, _, text = snapshot.partition(b" ")
        self.position = int(position)
        self.values = text.split(b",") if text else []

    def process(self, records: Sequence[Record]) -> list[Outgoing]:
        for record in records:
            self.values.append(record.value or b"")
            self.position = max(self.position or 0, record.offset + 1)
        self.changed = True
        return [Outgoing("alerts", b"m", b'{"model":"m","severity":"notice","signal":"s"}')]

    def snapshots(self) -> list[Outgoing]:
        if not self.changed:
            return []
        self.changed = False
        return [Outgoing("snapshots", b"m", b"%d %b" % (self.position, b",".join(self.values)))]


class FakePublisher:
    """Keeps what was sent, framed small; a snapshots partition can be read back."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, outgoing: Iterable[Outgoing], slot: str | None = None) -> None:
        for one in outgoing:
            self.sent += frames(one, slot, SIZE) if one.destination == "snapshots" else [one]

    def compacted(self) -> list[Record]:
        written = [one for one in self.sent if one.destination == "snapshots"]
        newest = {one.key: (offset, one) for offset, one in enumerate(written)}
        records = [
            Record(offset, 0, one.key, one.value, one.headers)
            for offset, one in sorted(newest.values(), key=lambda e: e[0])
        ]
        return Reassembler().add(records)


def level(publisher: FakePublisher, beginning: Beginning = NOTHING) -> tuple[MonitorLevel, list[FakeMonitors]]:
    made: list[FakeMonitors] = []

    def new() -> FakeMonitors:
        made.append(FakeMonitors())
        return made[-1]

    async def read(topic: str, partitions: Sequence[int]) -> dict[int, list[Record]]:
        assert topic == TOPICS.snapshots
        return {partition: publisher.compacted() for partition in partitions}

    async def begin() -> Beginning:
        return beginning

    return MonitorLevel(TOPICS, new, read, publisher, begin, snapshot_seconds=0.0), made  # type: ignore[arg-type]


def checkpoint(level: MonitorLevel) -> None:
    level.prepare()
    asyncio.run(level.flush())


def framed(value: bytes, start: int) -> list[Record]:
    sent = frames(Outgoing("summaries", b"m", value), None, SIZE)
    return [Record(start + index, 0, one.key, one.value, list(one.headers)) for index, one in enumerate(sent)]


def test_outputs_are_sent_before_snapshots() -> None:
    publisher = FakePublisher()
    subject, _ = level(publisher)

    async def steps() -> None:
        assert await subject.open(frozenset({TP0}), frozenset()) == {TP0: None}
        subject.process(TP0, RecordBatch.of([Record(0, 0, b"m", b"one")]))
        assert subject.urgent
        subject.prepare()
        await subject.flush()
        assert not subject.urgent

    asyncio.run(steps())
    sent = [one for one in publisher.sent if not one.key.startswith(BEGINNING)]
    assert [one.destination for one in sent[:2]] == ["alerts", "snapshots"]
    assert all(one.partition == 0 for one in publisher.sent if one.destination == "snapshots")


def test_a_new_owner_reads_on_where_no_frame_is_missed() -> None:
    publisher = FakePublisher()
    subject, _ = level(publisher)
    whole = framed(b"a long summary", 1)
    log = [Record(0, 0, b"m", b"one"), *whole[:2], Record(3, 0, b"m", b"two"), *whole[2:]]
    log = [record._replace(offset=offset) for offset, record in enumerate(log)]

    async def first_owner() -> None:
        await subject.open(frozenset({TP0}), frozenset())
        subject.process(TP0, RecordBatch.of(log[:4]))
        subject.prepare()
        await subject.flush()

    async def second_owner() -> list[FakeMonitors]:
        other, made = level(publisher)
        (start,) = (await other.open(frozenset({TP0}), frozenset())).values()
        assert start == 1, "the first frame of the summary that was still coming"
        other.process(TP0, RecordBatch.of(log[start:]))
        return made

    asyncio.run(first_owner())
    (monitors,) = asyncio.run(second_owner())
    assert monitors.values == [b"one", b"two", b"two", b"a long summary"]


def test_what_it_began_with_is_sent_before_any_output_and_holds_after_a_crash() -> None:
    publisher = FakePublisher()
    began, later = Beginning({"m": SERVED}, {0: 3}), Beginning({"m": SERVED}, {0: 5})

    async def steps() -> tuple[Any, Any]:
        subject, first = level(publisher, began)
        await subject.open(frozenset({TP0}), frozenset())
        subject.process(TP0, RecordBatch.of([Record(0, 0, b"m", b"one")]))
        subject.prepare()
        await subject.flush()
        kinds = [one.destination for one in publisher.sent]
        del publisher.sent[kinds.index("alerts") :]  # killed before a snapshot of any model was durable
        assert publisher.sent
        other, second = level(publisher, later)
        assert await other.open(frozenset({TP0}), frozenset()) == {TP0: None}
        return first[0].beginning, second[0].beginning

    assert asyncio.run(steps()) == (began, began)


def test_a_partition_with_a_state_does_not_begin() -> None:
    publisher = FakePublisher()
    publisher.sent = [Outgoing("snapshots", b"m", b"2 one", partition=0)]  # of a version that kept no beginning
    subject, made = level(publisher, Beginning({"m": SERVED}, {0: 3}))
    asyncio.run(subject.open(frozenset({TP0}), frozenset()))
    assert made[0].beginning is None


def test_a_snapshot_broken_off_leaves_the_last_one_whole() -> None:
    publisher = FakePublisher()
    subject, _ = level(publisher)

    async def steps() -> Any:
        await subject.open(frozenset({TP0}), frozenset())
        for offset, value in enumerate([b"one", b"two", b"three"]):
            subject.process(TP0, RecordBatch.of([Record(offset, 0, b"m", value)]))
            subject.prepare()
            await subject.flush()
        del publisher.sent[-2:]  # the last frame and the position
        other, made = level(publisher)
        position = await other.open(frozenset({TP0}), frozenset())
        return position, made[0].values

    position, values = asyncio.run(steps())
    assert position == {TP0: 2}
    assert values == [b"one", b"two"]


def test_a_model_without_a_snapshot_is_read_again_from_its_first_summary() -> None:
    """The others' snapshots are ahead of it; the position is not."""
    publisher = FakePublisher()
    subject, made = level(publisher)

    async def steps() -> Any:
        await subject.open(frozenset({TP0}), frozenset())
        subject.process(TP0, RecordBatch.of([Record(offset, 0, b"m", b"x") for offset in range(10)]))
        made[0].position = 4  # what a second model, not yet in any snapshot, needs
        subject.prepare()
        await subject.flush()
        other, restored = level(publisher)
        first = await other.open(frozenset({TP0}), frozenset())
        restored[0].position = 10  # of the model that has a snapshot
        other.process(TP0, RecordBatch.of([Record(offset, 0, b"m", b"x") for offset in range(4, 6)]))
        restored[0].position = 10
        other.prepare()
        await other.flush()
        third, _ = level(publisher)
        return first, await third.open(frozenset({TP0}), frozenset())

    first, second = asyncio.run(steps())
    assert first == {TP0: 4}
    assert second == {TP0: 6}, "not beyond what was read"


def test_what_is_kept_reads_on_from_its_last_record() -> None:
    publisher = FakePublisher()
    subject, made = level(publisher)

    async def steps() -> Any:
        await subject.open(frozenset({TP0}), frozenset())
        subject.process(TP0, RecordBatch.of([Record(0, 0, b"m", b"one"), *framed(b"long value", 1)[:1]]))
        return await subject.open(frozenset({TP0}), frozenset({TP0}))

    assert asyncio.run(steps()) == {TP0: 2}
    assert len(made) == 1


def test_a_snapshot_of_another_version_stops_the_worker_and_says_what_to_do() -> None:
    publisher = FakePublisher()
    publisher.sent = [Outgoing("snapshots", b"m", b"", partition=0)]
    subject, _ = level(publisher)

    def restore(self: FakeMonitors, model: str, snapshot: bytes) -> None:
        raise StateError("it is of another version")

    with patch.object(FakeMonitors, "restore", restore), pytest.raises(Stopped) as stopped:
        asyncio.run(subject.open(frozenset({TP0}), frozenset()))
    said = str(stopped.value)
    assert said.startswith(f"topic {TOPICS.snapshots} partition 0: the state of model m cannot be read: it is of")
    assert "new kafka.group and new summaries, progress and snapshots topics" in said
