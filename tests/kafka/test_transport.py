import asyncio
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faust.types import TP

from schemas.kafka_spec import KafkaSpec
from streams.chunks import Chunk, ChunkScheduler, Guard
from streams.errors import Stopped
from streams.faust_worker import SESSION_TIMEOUT, new_app
from streams.records import Record, RecordBatch
from streams.transport import ANSWER_MS, PRIVATE_SEAMS, ConsumerThread

from .broker import Broker, Kafka, Process, until

PARTITIONS = 3
WORKER = Path(__file__).with_name("copying_worker.py")
Start = Callable[..., Process]


def fetched(*offsets: int, size: int = 10) -> RecordBatch:
    return RecordBatch.of([Record(offset, 0, None, b"x" * size) for offset in offsets])


def copied(kafka: Kafka, group: str) -> set[str]:
    return set(kafka.read_by_id(f"{group}-alerts"))


def expected_ids(count: int, role: str, start: int = 0) -> set[str]:
    return {f"{role}-{p}-{offset}" for p in range(PARTITIONS) for offset in range(start, count)}


@pytest.fixture
def group(kafka: Kafka, unique: str) -> str:
    return create(kafka, unique)


def create(kafka: Kafka, group: str) -> str:
    for role in ("predictions", "feedback"):
        kafka.create(f"{group}-{role}", PARTITIONS)
    kafka.create(f"{group}-progress", PARTITIONS, cleanup_policy="compact")
    kafka.create(f"{group}-alerts")
    return group


def start_copier(start: Start, kafka: Kafka, group: str, data: Path, pause: float) -> Process:
    """Start a worker of a group of its own."""
    create(kafka, group)
    command = [sys.executable, str(WORKER), kafka.bootstrap, group, str(data), "", str(pause), "3600"]
    return start(command, group)


@pytest.fixture
def copier(start: Start, broker: str, group: str, tmp_path: Path) -> Start:
    def begin(name: str = "a", pause: float = 0.0, idle_after: float = 3600.0, instance: str = "") -> Process:
        data = str(tmp_path / f"data-{name}")
        return start([sys.executable, str(WORKER), broker, group, data, instance, str(pause), str(idle_after)], name)

    return begin


def fill(kafka: Kafka, group: str, count: int, roles: tuple[str, ...] = ("predictions", "feedback")) -> None:
    with kafka.producer() as producer:
        for role in roles:
            for partition in range(PARTITIONS):
                for number in range(count):
                    producer.send(f"{group}-{role}", b"%d" % number, partition=partition)


# The seams, without a broker


@pytest.mark.parametrize("seam", PRIVATE_SEAMS)
def test_the_private_seams_exist(seam: str) -> None:
    path = seam.split(".")
    for length in range(len(path) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(path[:length]))
        except ModuleNotFoundError:
            continue
        for name in path[length:]:
            found = getattr(found, name)
        assert callable(found)
        return
    pytest.fail(f"{seam} is gone")


def test_faust_still_seeks_through_our_method_when_partitions_are_assigned() -> None:
    from faust.tables.recovery import Recovery
    from faust.transport.consumer import Consumer

    assert "consumer.perform_seek()" in inspect.getsource(Recovery._resume_streams)
    assert "on_rebalance_complete.send()" in inspect.getsource(Recovery._resume_streams)
    assert "self.seek_to_committed()" in inspect.getsource(Consumer.perform_seek)
    assert "self.scheduler.iterate(" in inspect.getsource(Consumer.getmany)


def test_the_producer_tries_for_minutes_and_waits_for_one_answer_for_seconds(tmp_path: Path) -> None:
    async def new_producer() -> tuple[int, int]:
        kafka = KafkaSpec(bootstrap="127.0.0.1:1", group="g")
        made = new_app(kafka, tmp_path, tmp_path, None).producer._new_producer()
        return made.client._request_timeout_ms, made._request_timeout_ms

    assert asyncio.run(new_producer()) == (ANSWER_MS, 300_000)


def test_chunks_are_capped_and_partitions_take_turns() -> None:
    a, b = TP("t", 0), TP("t", 1)
    scheduler = ChunkScheduler(max_records=2, max_bytes=100)
    scheduler.position({a: 0, b: 5})
    order = [
        (tp.partition, [record.offset for record in carrier.value.records])
        for tp, carrier in scheduler.iterate({a: [fetched(*range(5))], b: [fetched(5), fetched(6, 7, size=200)]})
    ]
    assert order == [(0, [0, 1]), (1, [5]), (0, [2, 3]), (1, [6]), (0, [4]), (1, [7])]
    assert scheduler.next == scheduler.fetched == {a: 5, b: 8}


def test_a_chunk_covers_the_holes_before_it() -> None:
    tp = TP("t", 0)
    scheduler = ChunkScheduler()
    scheduler.position({tp: 3})
    ((_, carrier),) = scheduler.iterate({tp: [fetched(5, 9)]})
    assert (carrier.value.start, carrier.value.end, carrier.value.holes) == (3, 10, 5)
    assert carrier.offset == 9


def test_a_seek_while_chunks_are_handed_out_does_not_hide_a_hole() -> None:
    """Those that come after it still say where they start, so the guard sees what was left out."""
    tp = TP("t", 0)
    scheduler = ChunkScheduler(max_records=2)
    scheduler.position({tp: 0})
    handed_out = scheduler.iterate({tp: [fetched(*range(6))]})
    next(handed_out)
    scheduler.position({tp: 0})
    assert [(carrier.value.start, carrier.value.end) for _, carrier in handed_out] == [(2, 4), (4, 6)]
    ((_, carrier),) = scheduler.iterate({tp: [fetched(0)]})
    assert carrier.value.start == 0


def test_fetches_that_bring_nothing_of_a_partition_are_counted() -> None:
    a, b = TP("t", 0), TP("t", 1)
    scheduler = ChunkScheduler()
    scheduler.position({a: 0, b: 0})
    for offset in range(3):
        list(scheduler.iterate({b: [fetched(offset)]}))
    assert (scheduler.rounds_without(a), scheduler.rounds_without(b)) == (3, 0)
    scheduler.position({a: 0})
    assert scheduler.rounds_without(a) == 0


def chunk(start: int, end: int) -> Chunk:
    return Chunk(start, end, RecordBatch.of([Record(offset, 0, None, b"") for offset in range(start, end)]))


def test_the_guard_stops_when_a_chunk_was_lost_on_the_way() -> None:
    tp, guard = TP("t", 0), Guard()
    guard.position({tp: 0})
    guard.admit(tp, chunk(0, 5))
    with pytest.raises(Stopped, match="offsets 5 to 9 were fetched and did not arrive"):
        guard.admit(tp, chunk(10, 12))


def test_the_guard_drops_what_was_seen_and_what_is_not_ours() -> None:
    tp, guard = TP("t", 0), Guard()
    guard.position({tp: 3})
    assert [record.offset for record in guard.admit(tp, chunk(0, 5)) or ()] == [3, 4]
    assert guard.admit(tp, chunk(0, 5)) is None
    assert guard.admit(TP("t", 1), chunk(0, 5)) is None


def test_a_commit_of_nothing_but_revoked_partitions_is_no_crash() -> None:
    class Revoked(ConsumerThread):
        def __init__(self) -> None: ...

        def assignment(self) -> set[TP]:
            return {TP("t", 1)}

    assert asyncio.run(Revoked()._commit({TP("t", 0): 5})) is False


# The seams, on Apache Kafka


def test_a_quiet_topic_flows_at_once(kafka: Kafka, group: str, copier: Start) -> None:
    copier()
    fill(kafka, group, 1)
    until(lambda: copied(kafka, group) >= expected_ids(1, "predictions"), "single records to come through")


def test_every_record_comes_through_kill_9(kafka: Kafka, group: str, copier: Start) -> None:
    count = 20_000
    fill(kafka, group, count, ("predictions",))
    fill(kafka, group, 500, ("feedback",))
    wanted = expected_ids(count, "predictions") | expected_ids(500, "feedback")
    for cut in (0.1, 0.4, 0.7):
        process = copier(pause=0.2, instance="one")
        until(
            lambda cut=cut: sum(kafka.committed(group).values()) > cut * len(wanted),
            f"{cut:.0%} to be done",
            60,
        )
        process.kill()
    process = copier(instance="one")
    until(lambda: "generation" in process.tail(), "the last of them to be assigned", 60)
    until(lambda: sum(kafka.committed(group).values()) == len(wanted), "everything to be committed", 60)
    assert copied(kafka, group) == wanted
    assert process.stop() == 0, process.tail()


def test_workers_come_and_go(kafka: Kafka, group: str, copier: Start) -> None:
    """A second worker joins, is killed, the first ends on SIGTERM and a third takes over: nothing is missing."""
    count = 20_000
    fill(kafka, group, count, ("predictions",))
    wanted = expected_ids(count, "predictions")
    first = copier("a", pause=0.4)
    until(lambda: "reading on" in first.tail() or "generation" in first.tail(), "the first worker to be assigned")
    second = copier("b", pause=0.4)
    until(lambda: "generation" in second.tail(), "the second worker to be assigned")
    until(lambda: re.search(r"generation .*predictions\[\d", second.tail()), "the second worker to own a partition")
    second.kill()
    third = copier("c")
    until(lambda: "generation" in third.tail(), "the third worker to be assigned", 40)
    assert first.stop() == 0, first.tail()
    until(lambda: sum(kafka.committed(group).values()) == len(wanted), "everything to be committed", 60)
    assert copied(kafka, group) == wanted


def test_a_broker_that_is_away_is_waited_for(
    stoppable: Broker, kafka: Kafka, group: str, copier: Start, start: Start, tmp_path: Path
) -> None:
    """The worker says so, is alive, not ready, and goes on by itself; nothing is missing.

    Told to end meanwhile, one with nothing to save ends in order, and another without a last checkpoint: both soon.
    """
    count = 20_000
    fill(kafka, group, count, ("predictions",))
    wanted = expected_ids(count, "predictions")
    process = copier(pause=0.2)
    calm, busy = (start_copier(start, kafka, f"{group}{name}", tmp_path / name, 0.2) for name in ("calm", "busy"))
    fill(kafka, f"{group}busy", count, ("predictions",))
    for one in (group, f"{group}busy"):
        until(lambda one=one: sum(kafka.committed(one).values()) > 0, "the workers to have begun", 60)
    until(lambda: calm.get("readyz") == (200, "ok\n"), "the worker with nothing to do to be ready")
    with stoppable.away():
        until(lambda: busy.metric("broker_away_seconds") > 0, "the busy worker to miss the broker", 60)
        until(lambda: calm.metric("broker_away_seconds") > 0, "the calm worker to miss the broker", 60)
        assert calm.stop(7) == 0, calm.tail()
        assert "stopped; everything read is checkpointed" in calm.tail()
        assert busy.stop(9) == 1, busy.tail()
        assert "ended without a last checkpoint of level 1" in busy.tail()
        until(lambda: process.metric("broker_away_seconds") > SESSION_TIMEOUT, "the worker to miss the broker", 60)
        assert "no broker answers at 127.0.0.1" in process.log.read_text()
        assert process.get("livez") == (200, "ok, waiting for a broker: none answers\n")
        assert process.get("readyz") == (503, "not ready: no broker answers\n")
    until(lambda: process.metric("broker_away_seconds") == 0, "the broker to be noticed")
    until(lambda: sum(kafka.committed(group).values()) == len(wanted), "everything to be committed", 60)
    assert copied(kafka, group) == wanted
    assert re.search(r"answers again after \d\ds", process.log.read_text())
    assert process.get("readyz") == (200, "ok\n")
    assert process.stop() == 0, process.tail()


def test_sigterm_in_a_backlog_ends_soon_and_leaves_nothing_to_repeat(kafka: Kafka, group: str, copier: Start) -> None:
    count = 12_000
    fill(kafka, group, count)
    process = copier(pause=0.5)
    until(lambda: sum(kafka.committed(group).values()) > 0, "the worker to have begun", 60)
    assert process.stop(10) == 0, process.tail()
    done = sum(kafka.committed(group).values())
    rest = 2 * PARTITIONS * count - done
    assert rest > 0
    process = copier()
    wanted = expected_ids(count, "predictions") | expected_ids(count, "feedback")
    until(lambda: sum(kafka.committed(group).values()) == len(wanted), "everything to be committed", 60)
    assert copied(kafka, group) == wanted
    until(lambda: process.metric("events") >= rest, "the rest to be counted")
    assert process.metric("events") == rest


def test_what_was_not_committed_is_with_nothing_new_to_read(kafka: Kafka, group: str, copier: Start) -> None:
    """As after a kill between the state and the commit: the state stands at the end, the group does not."""
    fill(kafka, group, 50)
    first = copier()
    until(lambda: sum(kafka.committed(group).values()) == 2 * PARTITIONS * 50, "everything to be committed")
    assert first.stop() == 0
    kafka.commit(group, f"{group}-predictions", dict.fromkeys(range(PARTITIONS), 10))
    copier()
    until(lambda: sum(kafka.committed(group).values()) == 2 * PARTITIONS * 50, "it to be committed again")


def test_the_state_and_not_the_commit_says_where_to_read_on(kafka: Kafka, group: str, copier: Start) -> None:
    fill(kafka, group, 100, ("predictions",))
    for partition in range(PARTITIONS):
        with kafka.producer() as producer:
            producer.send(
                f"{group}-progress",
                b'{"predictions": 40, "feedback": null}',
                key=b"%d" % partition,
                partition=partition,
            )
    kafka.commit(group, f"{group}-predictions", dict.fromkeys(range(PARTITIONS), 70))
    copier()
    until(lambda: copied(kafka, group) == expected_ids(100, "predictions", 40), "records from offset 40 on")


def test_a_state_ahead_of_the_log_stops_the_worker(kafka: Kafka, group: str, copier: Start) -> None:
    with kafka.producer() as producer:
        producer.send(f"{group}-progress", b'{"predictions": 40, "feedback": 0}', key=b"0", partition=0)
    process = copier()
    assert process.ended() != 0
    assert "ends at offset 0, but our state has read it up to 40" in process.log.read_text()
    assert "CRITICAL" not in process.log.read_text()


def test_an_error_ends_the_process_and_repeats_nothing_half_done(kafka: Kafka, group: str, copier: Start) -> None:
    fill(kafka, group, 10, ("predictions",))
    with kafka.producer() as producer:
        producer.send(f"{group}-predictions", b"boom", partition=0)
    for _ in range(2):
        process = copier()
        assert process.ended() != 0
        assert "ValueError: a record that breaks us" in process.log.read_text()
    assert not any(name.startswith("predictions-0-10") for name in copied(kafka, group))


def test_a_topic_read_to_its_end_and_silent_is_told_once(kafka: Kafka, group: str, copier: Start) -> None:
    fill(kafka, group, 3, ("predictions",))
    process = copier(idle_after=1.0)
    idle = {f"predictions-{p}-idle-3" for p in range(PARTITIONS)}
    idle |= {f"feedback-{p}-idle-None" for p in range(PARTITIONS)}
    until(lambda: copied(kafka, group) >= expected_ids(3, "predictions") | idle, "idleness to be told")
    assert copied(kafka, group) == expected_ids(3, "predictions") | idle
    assert process.stop() == 0


def test_what_a_transaction_took_back_is_not_read(kafka: Kafka, group: str, copier: Start) -> None:
    with kafka.producer(transactional_id=group) as producer:
        producer.init_transactions()
        for number in range(4):
            producer.begin_transaction()
            for partition in range(PARTITIONS):
                producer.send(f"{group}-predictions", b"%d" % number, partition=partition)
            producer.flush()
            if number % 2:
                producer.abort_transaction()
            else:
                producer.commit_transaction()
    process = copier(idle_after=1.0)
    # Each transaction takes two offsets: the record's and the marker's. The log ends in a marker.
    wanted = {f"predictions-{p}-{offset}" for p in range(PARTITIONS) for offset in (0, 4, "idle-5")}
    until(lambda: copied(kafka, group) >= wanted, "committed records, and idleness after the last marker")
    assert {one for one in copied(kafka, group) if one.startswith("predictions")} == wanted
    assert process.stop() == 0


def test_health_and_metrics(kafka: Kafka, group: str, copier: Start) -> None:
    fill(kafka, group, 50, ("predictions",))
    process = copier()
    get = process.get
    until(lambda: get("readyz") == (200, "ok\n"), "the worker to be ready")
    assert get("livez") == (200, "ok\n")
    series = f'streamgauge_lag{{partition="0",topic="{group}-predictions"}} 0.0'
    until(lambda: series in get("metrics")[1], "the lag to be nothing")
    text = get("metrics")[1]
    assert f'streamgauge_position{{partition="0",topic="{group}-predictions"}} 50.0' in text
    assert f'streamgauge_events{{bin="summarised",partition="0",topic="{group}-predictions"}} 50.0' in text
    until(lambda: 'streamgauge_checkpoints_total{level="1"}' in get("metrics")[1], "a checkpoint to be counted")
