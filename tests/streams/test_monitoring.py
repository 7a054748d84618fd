"""Level 2 of one partition of the summaries topic: crashes, reading again, and who holds up whom."""

import json
import random
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from detectors.row import Row
from detectors.row_shape import RowShape
from detectors.sampled_row import SampledRow
from detectors.state_error import StateError
from detectors.summary import PaneKey, PaneSummary
from schemas.event_time import rfc3339
from streams import monitoring
from streams.messages import command_message, summary_message
from streams.monitoring import MonitorPartition
from streams.records import ROLES, Outgoing, Record

from ..detectors.builders import sample_of
from .join_oracle import tiny
from .world import (
    HOUR,
    MINUTE,
    MODEL,
    T0,
    Log,
    Logs,
    Told,
    busy_logs,
    layouts_of,
    log_of,
    open_source,
    prediction,
    read_on,
    spec_of,
    steps,
    summaries_log,
    watermark,
)

SPEC = spec_of()
LAYOUTS = layouts_of(SPEC)


def command(model: str, number: int, hours: float, type: str = "trigger", **more: Any) -> Outgoing:
    value = {"type": type, "id": f"c{number}", "model": model, "timestamp": rfc3339(T0 + int(hours * HOUR)), **more}
    return command_message(model, json.dumps(value).encode())


def two_partitions(path: Path, seed: int, hours: int = 16) -> Log:
    """Return a summaries log that two source partitions, and people with commands, have written in turns."""
    generator = random.Random(seed)
    sources = [open_source(SPEC, LAYOUTS, path / str(number), None, number, 2) for number in range(2)]
    logs = [busy_logs(seed * 2 + number, hours, per_hour=5, prefix=f"p{number}-") for number in range(2)]
    turns = [list(steps(generator, log, 15)) for log in logs]
    sent: list[Outgoing] = [command("r", 0, 0)]  # before anything is known of its model
    while any(turns):
        number = generator.choice([n for n in range(2) if turns[n]])
        role, size = turns[number].pop(0)
        read_on(sources[number], logs[number], role, size)
        sent += sources[number].checkpoint()
        sources[number].sent()
        if generator.random() < 0.1:
            sent.append(command(generator.choice("mr"), len(sent), hours / 2))
            sent += generator.choice([[], [sent[-1]]])  # some are sent twice
    return summaries_log(sent)


def by_id(outputs: Sequence[Outgoing]) -> dict[tuple[str, str], bytes]:
    """Return what a reader by id has seen; the same id must never come with other bytes."""
    seen: dict[tuple[str, str], bytes] = {}
    for one in outputs:
        value = one.value or b""
        key = (one.destination, json.loads(value)["id"])
        assert seen.setdefault(key, value) == value, f"{key} came with other bytes"
    return seen


def undisturbed(log: Log) -> list[Outgoing]:
    return MonitorPartition(SPEC, LAYOUTS).process(log)


@pytest.mark.parametrize("seed", range(5))
def test_killed_between_any_two_steps_it_publishes_the_same_bytes_by_id(tmp_path: Path, seed: int) -> None:
    log = two_partitions(tmp_path, seed)
    expected = undisturbed(log)
    assert len(by_id(expected)) == len(expected) > 100
    assert {one.destination for one in expected} >= {"pane_reports", "triggers"}

    generator = random.Random(seed)
    published: list[Outgoing] = []
    snapshots: dict[bytes, Outgoing] = {}
    told: int | None = None
    kills = 0
    monitors, next_ = MonitorPartition(SPEC, LAYOUTS), 0

    def killed(chance: float) -> bool:
        nonlocal monitors, next_, kills
        if generator.random() >= chance:
            return False
        kills += 1
        monitors = MonitorPartition(SPEC, LAYOUTS)
        for key, one in snapshots.items():
            monitors.restore(key.decode(), one.value or b"")
        next_ = told or 0
        return True

    while next_ < len(log):
        size = generator.randint(1, 40)
        outputs = monitors.process(log[next_ : next_ + size])
        next_ = min(next_ + size, len(log))
        if killed(0.05):
            continue
        published += outputs
        if killed(0.1):
            continue
        for one in monitors.snapshots():
            if killed(0.1):  # some models' snapshots are durable, others' are not
                break
            snapshots[one.key] = one
        else:
            needed = monitors.position
            if needed is not None and not killed(0.1):
                told = min(needed, next_)
    assert kills > 3
    assert by_id(published) == by_id(expected)


def test_reading_again_changes_nothing(tmp_path: Path) -> None:
    log = two_partitions(tmp_path, 7)
    monitors = MonitorPartition(SPEC, LAYOUTS)
    outputs = monitors.process(log)
    assert outputs
    assert monitors.snapshots()
    assert monitors.process(log) == []
    assert monitors.snapshots() == []
    assert set(monitors.late.values()) == {0}, "what is read again is not late"


def test_a_snapshot_at_any_place_and_reading_on_gives_the_rest(tmp_path: Path) -> None:
    log = two_partitions(tmp_path, 8)
    expected = undisturbed(log)
    for place in range(20, len(log), len(log) // 6):
        before = MonitorPartition(SPEC, LAYOUTS)
        first = before.process(log[:place])
        after = MonitorPartition(SPEC, LAYOUTS)
        for one in before.snapshots():
            after.restore(one.key.decode(), one.value or b"")
        assert before.position is not None
        assert before.position <= place
        assert after.process(log[before.position :]) == expected[len(first) :]


def log_by_hand(*sent: Outgoing | Sequence[Outgoing]) -> Log:
    return summaries_log([one for part in sent for one in ([part] if isinstance(part, Outgoing) else part)])


class Partition:
    """One of two source partitions, fed by hand."""

    def __init__(self, path: Path, number: int) -> None:
        self.source = open_source(SPEC, LAYOUTS, path / str(number), None, number, 2)
        self.read = dict.fromkeys(ROLES, 0)

    def sees(self, *events: dict[str, Any]) -> list[Outgoing]:
        """Return what it sends after predictions or watermarks; feedback follows."""
        for role in ROLES:
            mine = [one for one in events if role == "predictions" or one.get("type") == "watermark"]
            self.source.process(role, log_of(mine, start=self.read[role]))
            self.read[role] += len(mine)
        return self._checkpoint()

    def sleeps(self) -> list[Outgoing]:
        for role in ROLES:
            self.source.idle(role)
        return self._checkpoint()

    def _checkpoint(self) -> list[Outgoing]:
        sent = self.source.checkpoint()
        self.source.sent()
        return sent


def unknown(outputs: Sequence[Outgoing], family: str = "traffic") -> dict[str, bool]:
    """Return for each pane whether nothing was read from it."""
    found = {}
    for one in outputs:
        report = json.loads(one.value or b"")
        if one.destination == "pane_reports" and report["pane"]["family"] == family:
            found[report["pane"]["start"][11:16]] = {one["status"] for one in report["readings"]} == {"unknown"}
    return found


def reports(outputs: Sequence[Outgoing], family: str = "traffic") -> list[tuple[str, int]]:
    found = [json.loads(one.value or b"") for one in outputs if one.destination == "pane_reports"]
    return [(one["pane"]["start"][11:16], one["n"]) for one in found if one["pane"]["family"] == family]


def test_a_pane_closes_when_both_partitions_have_finished_it(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    monitors = MonitorPartition(SPEC, LAYOUTS)
    log = log_by_hand(a.sees(prediction("a", T0), watermark(T0 + 3 * HOUR)))
    assert reports(monitors.process(log)) == [], "of the other partition nothing is known"
    more = log_by_hand(b.sees(prediction("b", T0 + 1), prediction("c", T0 + HOUR), watermark(T0 + 3 * HOUR)))
    more = [record._replace(offset=record.offset + len(log)) for record in more]
    assert reports(monitors.process(more)) == [("00:00", 2), ("01:00", 1)]


def test_a_silent_partition_holds_nothing_up_and_its_rows_count(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(b.sees(prediction("b", T0)), b.sleeps(), a.sees(prediction("a", T0), watermark(T0 + 2 * HOUR)))
    assert reports(undisturbed(log)) == [("00:00", 2)]


def test_a_partition_that_has_woken_up_is_waited_for_again(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(
        b.sees(prediction("b", T0)),
        b.sleeps(),
        b.sees(prediction("b2", T0 + MINUTE)),
        a.sees(prediction("a", T0), watermark(T0 + 2 * HOUR)),
        b.sees(prediction("b3", T0 + 2 * MINUTE), watermark(T0 + 2 * HOUR)),
    )
    monitors = MonitorPartition(SPEC, LAYOUTS)
    assert reports(monitors.process(log)) == [("00:00", 4)]
    assert monitors.late == {"m": 0}


def test_a_summary_after_its_pane_was_closed_by_idleness_is_counted_as_late(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(
        b.sees(prediction("b", T0)),
        b.sleeps(),
        a.sees(prediction("a", T0), watermark(T0 + 2 * HOUR)),
        b.sees(prediction("b2", T0 + 5 * MINUTE), watermark(T0 + 2 * HOUR)),
    )
    monitors = MonitorPartition(SPEC, LAYOUTS)
    outputs = monitors.process(log)
    assert reports(outputs) == [("00:00", 2)]
    assert reports(outputs, "cohort") == []
    assert monitors.late["m"] == 1


def test_what_a_killed_worker_sends_again_is_not_late(tmp_path: Path) -> None:
    """Its outbox was sent and not yet marked as sent; the panes have closed meanwhile, and nothing is missing."""
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    twice = b.sees(prediction("b", T0), watermark(T0 + 2 * HOUR))
    log = log_by_hand(a.sees(prediction("a", T0), watermark(T0 + 2 * HOUR)), twice, twice)
    monitors = MonitorPartition(SPEC, LAYOUTS)
    assert reports(monitors.process(log)) == [("00:00", 2)]
    assert monitors.late == {"m": 0}
    before = MonitorPartition(SPEC, LAYOUTS)
    before.process(log[: -len(twice)])
    after = MonitorPartition(SPEC, LAYOUTS)
    for one in before.snapshots():
        after.restore(one.key.decode(), one.value or b"")
    after.process(log[-len(twice) :])
    assert after.late == {"m": 0}, "nor is it after a restart of level 2"


def test_when_all_are_silent_what_was_seen_is_complete(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(
        a.sees(prediction("a", T0)),
        b.sees(prediction("b", T0 + 3 * HOUR)),
        a.sleeps(),
        b.sleeps(),
    )
    assert reports(undisturbed(log)) == [("00:00", 1)]


def test_a_silence_told_after_the_newest_snapshot_is_not_forgotten_by_a_restart(tmp_path: Path) -> None:
    """Nothing closed when it was told, so nothing asked for a new snapshot; it is told only once."""
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(
        a.sees(prediction("a", T0), watermark(T0 + 5 * HOUR)), b.sees(prediction("b", T0), watermark(T0 + 5 * HOUR))
    )
    before = MonitorPartition(SPEC, LAYOUTS)
    before.process(log)
    snapshots = before.snapshots()
    silence = log_by_hand(b.sleeps())
    log += [record._replace(offset=record.offset + len(log)) for record in silence]
    before.process(log[-len(silence) :])
    assert before.snapshots() == []
    after = MonitorPartition(SPEC, LAYOUTS)
    for one in snapshots:
        after.restore(one.key.decode(), one.value or b"")
    assert before.position is not None
    after.process(log[before.position :])
    more = log_by_hand(a.sees(prediction("a2", T0 + 6 * HOUR), watermark(T0 + 8 * HOUR)))
    more = [record._replace(offset=record.offset + len(log)) for record in more]
    assert reports(after.process(more)) == reports(before.process(more)) == [("06:00", 1)]


def test_a_model_without_a_snapshot_learns_nothing_from_watermarks_that_came_after_its_first_summary(
    tmp_path: Path,
) -> None:
    """The kill came when m's snapshot was durable and that of r was not."""
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(
        a.sees(prediction("m", T0), prediction("r0", T0, "r"), watermark(T0 + 3 * HOUR)),
        b.sees(prediction("m2", T0), prediction("r1", T0, "r"), watermark(T0 + 3 * HOUR)),
    )
    expected = undisturbed(log)
    before = MonitorPartition(SPEC, LAYOUTS)
    before.process(log)
    (of_m,) = [one for one in before.snapshots() if one.key == b"m"]
    after = MonitorPartition(SPEC, LAYOUTS)
    after.restore("m", of_m.value or b"")
    again = after.process(log)
    assert again == [one for one in expected if one.key == b"r"]
    assert reports(again) == [("00:00", 2)]
    assert after.late["r"] == 0


def test_a_watermark_told_before_a_models_first_summary_counts_for_it(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    log = log_by_hand(
        b.sees(watermark(T0 + 5 * HOUR)),
        a.sees(prediction("a", T0), watermark(T0 + 5 * HOUR)),
    )
    assert reports(undisturbed(log)) == [("00:00", 1)]


def test_a_quiet_models_snapshot_is_renewed_so_that_reading_on_does_not_start_at_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "STALE_AFTER", 30)
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    sent = [*a.sees(prediction("a", T0)), *b.sees(prediction("b", T0))]
    for hour in range(1, 60):
        for one in (a, b):
            sent += one.sees(watermark(T0 + hour * HOUR))
    log, monitors = log_by_hand(sent), MonitorPartition(SPEC, LAYOUTS)
    renewed, saved = 0, None
    for record in log:
        monitors.process([record])
        for one in monitors.snapshots():
            renewed, saved = renewed + 1, one
        if monitors.position is not None:
            assert record.offset - monitors.position <= 31 + 20
    assert renewed >= 3
    after = MonitorPartition(SPEC, LAYOUTS)
    assert saved is not None
    after.restore("m", saved.value or b"")
    assert after.position == monitors.position


def with_offsets(log: Log, start: int) -> Log:
    return [record._replace(offset=start + number) for number, record in enumerate(log)]


@pytest.mark.parametrize("slow", [False, True])
def test_a_pane_of_which_a_partition_lost_all_is_unknown_though_it_sends_no_summary(tmp_path: Path, slow: bool) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    of_a = log_by_hand(
        a.sees(*(prediction(f"a{hour}", T0 + hour * HOUR) for hour in range(8)), watermark(T0 + 9 * HOUR))
    )
    sent = [*b.sees(prediction("b0", T0), watermark(T0 + HOUR + 30 * MINUTE))]  # the first pane is whole
    b.source.lost("predictions")
    sent += b.sees(prediction("b4", T0 + 4 * HOUR))
    sent += b.sees(prediction("b6", T0 + 6 * HOUR))
    sent += b.sees(watermark(T0 + 9 * HOUR))
    of_b = log_by_hand(sent)
    log = with_offsets([*of_b, *of_a] if slow else [*of_a, *of_b], 0)
    expected = undisturbed(log)
    found = unknown(expected)
    assert {pane for pane, is_unknown in found.items() if is_unknown} == {f"0{hour}:00" for hour in (1, 2, 3, 4)}
    assert sorted(found) == [f"0{hour}:00" for hour in range(8)]
    for place in range(len(log)):
        before, after = MonitorPartition(SPEC, LAYOUTS), MonitorPartition(SPEC, LAYOUTS)
        first = before.process(log[:place])
        for one in before.snapshots():
            after.restore(one.key.decode(), one.value or b"")
        assert after.process(log[before.position or 0 :]) == expected[len(first) :]


def test_what_a_sleeping_partition_loses_is_told_before_it_speaks_again(tmp_path: Path) -> None:
    spec = spec_of({"max_pending": 2}, m=MODEL)
    sources = [open_source(spec, LAYOUTS, tmp_path / str(number), None, number, 2) for number in range(2)]
    told = Told()
    with tiny(1, 2):
        sources[1].process("predictions", log_of([prediction(f"b{n}", T0 + n) for n in range(9)]))
        sources[1].process("feedback", log_of([watermark(T0)]))
        for role in ROLES:
            sources[1].idle(role)
        told.take(sources[1].checkpoint())  # rows are evicted in it
    for role in ROLES:
        more = [prediction("a", T0)] if role == "predictions" else []
        sources[0].process(role, log_of([*more, watermark(T0 + 9 * HOUR)]))
    told.take(sources[0].checkpoint())
    outputs = MonitorPartition(spec, LAYOUTS).process(summaries_log(told.sent))
    assert unknown(outputs, "cohort") == {"00:00": True}
    assert unknown(outputs) == {"00:00": False}


def flood(path: Path, versions: int) -> Log:
    """Return what two source partitions say of many versions of `m`, and one of `r`; the second one comes late."""
    sent: list[Outgoing] = []
    for number in range(2):
        one = Partition(path, number)
        for hour in range(4):
            time = T0 + hour * HOUR
            names = [f"{number}-{hour}-{n}" for n in range(versions)]
            many = [prediction(f"m{name}", time, version=f"v{n}") for n, name in enumerate(names)]
            sent += one.sees(*many, prediction(f"r{number}-{hour}", time, "r"))
        sent += one.sees(watermark(T0 + 20 * HOUR))
    return log_by_hand(sent)


def test_open_panes_are_bounded_and_those_dropped_are_reported_as_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = flood(tmp_path, versions=30)
    whole = undisturbed(log)
    assert not any(unknown(whole).values())
    monkeypatch.setattr(monitoring, "OPEN_BYTES", 400_000)
    monitors, most = MonitorPartition(SPEC, LAYOUTS), 0
    outputs: list[Outgoing] = []
    for record in log:
        outputs += monitors.process([record])
        held = sum(model.panes.size for model in monitors._models.values())
        assert held == monitors._held
        most = max(most, held)
    assert 300_000 < most <= 400_000
    assert monitors._held == 0
    assert (monitors.evicted["m"] > 50, monitors.evicted["r"], monitors.late["m"]) == (True, 0, 0)
    ids = [
        {json.loads(one.value or b"")["id"] for one in told if one.destination == "pane_reports"}
        for told in (whole, outputs)
    ]
    assert ids[0] == ids[1], "each pane has its report all the same"
    dropped = 0
    for one in outputs:
        report = json.loads(one.value or b"")
        reasons = {reading.get("reason") for reading in report.get("readings", [])}
        if "there was no room for it until all source partitions had finished it" in reasons:
            dropped += 1
            assert {reading["status"] for reading in report["readings"]} == {"unknown"}
    assert dropped == monitors.evicted["m"]
    for place in range(len(log) // 4, len(log), len(log) // 4):
        before, after = MonitorPartition(SPEC, LAYOUTS), MonitorPartition(SPEC, LAYOUTS)
        first = before.process(log[:place])
        for one in before.snapshots():
            after.restore(one.key.decode(), one.value or b"")
        assert after.process(log[before.position or 0 :]) == outputs[len(first) :]


@pytest.mark.parametrize(("rows", "features"), [(1_000, 12), (1_000, 1), (50, 12), (0, 1)])
def test_open_panes_take_the_memory_that_is_said(rows: int, features: int) -> None:
    sample = [SampledRow(i, Row(i, f"id-{i}", [i / 7] * features)) for i in range(rows)]
    model = {**MODEL, "features": {f"x{i}": "numeric" for i in range(features)}, "segments": []}
    shape = RowShape(spec_of(m=model).models["m"])
    key, counts = PaneKey("m", "1", "cohort", T0), np.arange(1_000, dtype=np.int64)
    message = summary_message(PaneSummary(key, "f", counts, sample_of(shape, 1_000, sample)), 0, {"predictions": 1})
    fields = msgspec.msgpack.decode(message.value or b"")
    monitors = MonitorPartition(SPEC, LAYOUTS)
    tracemalloc.start()
    try:
        for number in range(20):
            value = bytearray(msgspec.msgpack.encode({**fields, "partition": number}))
            monitors.process([Record(number, 0, b"m", bytes(value))])  # of its own length, as a client hands it over
        del value
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert monitors._held == pytest.approx(taken, rel=0.15)


def test_nothing_is_needed_of_the_log_before_a_model_is_known() -> None:
    assert MonitorPartition(SPEC, LAYOUTS).position is None


def test_a_command_is_carried_out_once_and_in_its_place(tmp_path: Path) -> None:
    log = log_by_hand(command("m", 1, 5), command("m", 1, 5), command("m", 2, 6))
    monitors = MonitorPartition(SPEC, LAYOUTS)
    outputs = monitors.process(log)
    assert [one.destination for one in outputs] == ["decisions", "triggers"] * 2
    triggers = [json.loads(one.value or b"") for one in outputs if one.destination == "triggers"]
    assert [one["policy"] for one in triggers] == ["ad_hoc", "ad_hoc"]
    after = MonitorPartition(SPEC, LAYOUTS)
    for one in monitors.snapshots():
        after.restore(one.key.decode(), one.value or b"")
    assert after.process(log) == []


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T00:00:00Z"])
def test_a_command_from_another_age_stops_nothing(time: str) -> None:
    sent = command_message("m", json.dumps({"type": "trigger", "id": "c", "model": "m", "timestamp": time}).encode())
    outputs = MonitorPartition(SPEC, LAYOUTS).process(log_by_hand(sent, command("m", 1, 5)))
    triggers = [one for one in outputs if one.destination == "triggers"]
    assert len(triggers) == (2 if time.startswith("1969") else 1), "left out, or carried out: it is of this age"


def test_what_somebody_else_writes_to_the_summaries_topic_is_left_out(tmp_path: Path) -> None:
    good = log_by_hand(command("m", 1, 5))[0]
    bad = [b"", b"{}", b"\x80", b"\xff" * 20, None, command_message("m", b"not json").value]
    bad += [command_message("x", b'{"type":"trigger","id":"1","model":"x","timestamp":"2026-01-01T00:00:00Z"}').value]
    log = [Record(number, -1, b"m", value) for number, value in enumerate(bad)]
    outputs = MonitorPartition(SPEC, LAYOUTS).process([*log, good._replace(offset=len(log))])
    assert [one.destination for one in outputs] == ["decisions", "triggers"]


def test_summaries_and_snapshots_of_a_model_that_left_the_monitor_file_are_left_alone(tmp_path: Path) -> None:
    a, b = Partition(tmp_path, 0), Partition(tmp_path, 1)
    both = prediction("a", T0), prediction("r", T0, "r"), watermark(T0 + 9 * HOUR)
    log = log_by_hand(a.sees(*both), b.sees(*both))
    old = MonitorPartition(SPEC, LAYOUTS)
    old.process(log)
    spec = spec_of(r={**SPEC.models["r"].model_dump(mode="json")})
    monitors = MonitorPartition(spec, LAYOUTS)
    for one in old.snapshots():
        monitors.restore(one.key.decode(), one.value or b"")
    assert list(monitors.late) == ["r"]
    fresh = MonitorPartition(spec, LAYOUTS)
    assert {one.key for one in fresh.process(log)} == {b"r"}


def test_a_damaged_snapshot_is_an_error_and_not_a_fresh_start(tmp_path: Path) -> None:
    log = two_partitions(tmp_path, 7, hours=4)
    monitors = MonitorPartition(SPEC, LAYOUTS)
    monitors.process(log)
    (one, *_) = monitors.snapshots()
    value = bytearray(one.value or b"")
    value[len(value) // 2] ^= 0xFF
    for damaged in (bytes(value), bytes(value[: len(value) // 2]), b"", b"\x80"):
        with pytest.raises(StateError):
            MonitorPartition(SPEC, LAYOUTS).restore(one.key.decode(), damaged)


def test_told_is_what_was_sent(tmp_path: Path) -> None:
    """Of the test's own tools: a summaries log holds all that level 1 sent, in order."""
    logs: Logs = {"predictions": log_of([prediction("a", T0), watermark(T0 + 9 * HOUR)]), "feedback": []}
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    read_on(source, logs, "predictions", 9)
    told.take(source.checkpoint())
    assert [one.value for one in told.to("summaries")] == [record.value for record in summaries_log(told.sent)]
