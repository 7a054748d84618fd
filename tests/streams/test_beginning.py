"""A monitor that begins where another one has been: what it takes over, and what it does not do a second time."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from faust.types import TP

from detectors.state import StateError
from schemas.event_time import rfc3339
from schemas.kafka_spec import Topics
from schemas.serving import Serving
from streams.beginning import Beginning, find_beginning
from streams.messages import command_message
from streams.monitoring import MonitorPartition
from streams.records import Outgoing, Record

from .world import HOUR, T0, layouts_of, spec_of, summaries_log

SPEC = spec_of()
LAYOUTS = layouts_of(SPEC)
TOPICS = Topics()
COUNTS = dict.fromkeys(TOPICS.model_dump().values(), 2)


def serving(number: int, version: str, **more: Any) -> Serving:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return Serving(id=f"s{number}", number=number, model="m", version=version, time=time, reason="So.", **more)


def begun(record: Serving, commands: int) -> Beginning:
    return Beginning({"m": record.model_dump_json()}, {0: commands})


def command(offset: int, type: str, **more: Any) -> Outgoing:
    value = {"type": type, "id": f"c{offset}", "model": "m", "timestamp": rfc3339(T0 + offset * HOUR), **more}
    return command_message("m", json.dumps(value).encode(), 0, offset)


OLD = [
    command(0, "promote", version="2"),
    command(1, "trigger"),
    command(2, "retraining_finished", trigger="t", new_version="3", checks="passed"),
    command(3, "roll_back"),
]


def published(outputs: Sequence[Outgoing]) -> list[tuple[str, dict[str, Any]]]:
    return [(one.destination, json.loads(one.value or b"")) for one in outputs]


def after(beginning: Beginning, *commands: Outgoing) -> MonitorPartition:
    monitors = MonitorPartition(SPEC, LAYOUTS)
    monitors.begin(beginning)
    assert monitors.process(summaries_log(commands)) == []
    return monitors


def test_commands_of_the_monitor_before_are_not_carried_out_a_second_time() -> None:
    monitors = after(begun(serving(6, "1", previous="2"), 4), *OLD)
    assert monitors.rollouts["m"].rollout.serving == "1"
    assert monitors.refused == {"m": {}}


def test_numbers_go_on_from_the_newest_record_of_who_serves() -> None:
    monitors = after(begun(serving(6, "1", previous="2"), 4), *OLD)
    (told,) = monitors.process([record._replace(offset=4) for record in summaries_log([command(4, "roll_back")])])
    ((role, said),) = published([told])
    assert (role, said["number"], said["version"]) == ("serving", 7, "2")


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_who_is_tried_is_compared_on(stage: Any) -> None:
    share = 0.25 if stage == "canary" else 0.0
    held = serving(3, "1", candidate="2", stage=stage, share=share, trigger="t")
    rollout = after(begun(held, 4), *OLD).rollouts["m"].rollout
    assert (rollout.pair, rollout.stage, rollout.share, rollout.trigger) == (("2", "1"), stage, share, "t")
    assert rollout.announced == {"1": None, "2": "t"}


def test_after_a_crash_the_same_beginning_gives_the_same_bytes() -> None:
    beginning, log = begun(serving(6, "1", previous="2"), 4), summaries_log([*OLD, command(4, "roll_back")])
    whole = MonitorPartition(SPEC, LAYOUTS)
    whole.begin(beginning)
    expected = whole.process(log)
    assert len(expected) == 1
    for cut in range(len(log)):
        first, second = MonitorPartition(SPEC, LAYOUTS), MonitorPartition(SPEC, LAYOUTS)
        first.begin(beginning)
        first.process(log[:cut])
        second.begin(Beginning.of(beginning.encoded()))
        for snapshot in first.snapshots():
            second.restore("m", snapshot.value or b"")
        assert second.process(log[cut:]) == expected


def test_without_a_monitor_before_a_command_that_waits_is_carried_out() -> None:
    monitors = MonitorPartition(SPEC, LAYOUTS)
    monitors.begin(Beginning())
    assert {role for role, _ in published(monitors.process(summaries_log([command(0, "trigger")])))} >= {"triggers"}


class Broker:
    """Ends of topics by role, and records of who serves."""

    def __init__(self, ends: dict[str, int], *records: Serving | bytes) -> None:
        self.ends = {getattr(TOPICS, role): end for role, end in ends.items()}
        self.records = [one if isinstance(one, bytes) else one.model_dump_json().encode() for one in records]

    async def bounds(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        return {tp: (0, self.ends.get(tp.topic, 0) if tp.partition == 1 else 0) for tp in partitions}

    async def read(self, topic: str, partitions: Sequence[int]) -> dict[int, list[Record]]:
        assert (topic, list(partitions)) == (TOPICS.serving, [0, 1])
        return {1: [Record(offset, 0, b"m", value) for offset, value in enumerate(self.records)]}

    def found(self) -> Beginning:
        return asyncio.run(find_beginning(TOPICS, COUNTS, self.read, self.bounds))


def test_the_record_with_the_largest_number_holds_and_what_a_stranger_wrote_does_not() -> None:
    found = Broker({"commands": 4, "serving": 4}, serving(5, "2"), serving(6, "1"), serving(4, "1"), b"no").found()
    assert found == Beginning({"m": serving(6, "1").model_dump_json()}, {0: 0, 1: 4})
    assert [found.is_past(1, offset) for offset in (-1, 0, 3, 4)] == [False, True, True, False]
    assert not found.is_past(2, 0)


def test_where_nothing_was_published_there_was_no_monitor() -> None:
    assert Broker({"commands": 4, "predictions": 100}).found() == Beginning()
    assert Broker({"commands": 4, "pane_reports": 1}).found() == Beginning({}, {0: 0, 1: 4})


@pytest.mark.parametrize("value", [b"", b"{}x", b'{"serving": {"m": "{}"}}'])
def test_a_beginning_that_cannot_be_read_is_not_guessed_at(value: bytes) -> None:
    with pytest.raises(StateError):
        Beginning.of(value)
