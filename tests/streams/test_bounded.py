"""Memory is bounded whatever producers send; what is evicted or deleted unread is counted, and its panes are unknown.

What is bounded is asked of the parts that hold it; that it does not show in what is published, of what was published.
"""

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from detectors.layouts import Layouts
from schemas.event_time import Micros, to_micros
from schemas.spec import MonitorSpec
from streams import groups as groups_module
from streams import labelling, rebuild
from streams.accounting import adds_up
from streams.join import MOST_FEEDBACK
from streams.messages import IncompleteMessage, Message, decode_message
from streams.monitoring import MonitorPartition
from streams.partition import SourcePartition
from streams.progress import read_progress
from streams.records import ROLES, Outgoing, Record, Role
from streams.row_log import GONE

from .join_oracle import tiny
from .level_one import LAYOUTS, ONE
from .world import (
    HOUR,
    MINUTE,
    MODEL,
    OTHER,
    T0,
    Logs,
    Told,
    busy_logs,
    feedback,
    layouts_of,
    log_of,
    open_source,
    prediction,
    run,
    spec_of,
    steps,
    summaries_log,
    watermark,
)

Pane = tuple[str, int]
"""Family, and hours after T0."""


class Stream:
    """A source partition that is fed event by event; keeps what was sent."""

    def __init__(self, path: Path, spec: MonitorSpec = ONE, layouts: Layouts = LAYOUTS) -> None:
        self.spec, self.layouts, self.path = spec, layouts, path
        self.source = open_source(spec, layouts, path)
        self.told = Told()
        self.logs: Logs = {role: [] for role in ROLES}

    def sends(self, role: Role, events: Iterable[dict[str, Any] | bytes]) -> None:
        chunk = log_of(events, start=len(self.logs[role]))
        self.logs[role] += chunk
        self.source.process(role, chunk)

    def checkpoint(self) -> None:
        self.told.take(self.source.checkpoint())
        self.source.sent()
        for role in ROLES:
            assert adds_up(self.source.counts()[role])

    def passes(self, time: Micros) -> None:
        """Let event time of both topics come to `time`, and make that durable."""
        for role in ROLES:
            self.sends(role, [watermark(time)])
        self.checkpoint()

    def restarts(self) -> None:
        self.source.close()
        self.source = open_source(self.spec, self.layouts, self.path)

    def moves(self, path: Path, begin: dict[Role, int] | None = None) -> None:
        """Let another worker without a store take over; `begin` is where the logs begin by now."""
        self.source.close()
        self.path = path
        self.source = open_source(self.spec, self.layouts, path, self.told.progress())
        for role, (first, end) in self.source.rebuild.items():
            start = max(first or 0, (begin or {}).get(role, 0))
            for at in range(start, end, 50):
                self.source.process(role, self.logs[role][at : min(at + 50, end)])
        if self.source.rebuild:
            self.source.rebuilt()

    def count(self, role: Role, name: str) -> int:
        return self.source.counts()[role][name]

    def incomplete(self) -> set[Pane]:
        """Return the panes whose last word is that something is missing from them."""
        last = {(one.family, one.version, one.start): one.incomplete for one in self.told.summaries()}
        return {(family, (start - T0) // HOUR) for (family, _, start), missing in last.items() if missing}


def decoded(outgoing: Outgoing) -> Message | None:
    """Return a message to level 2."""
    return decode_message(Record(0, 0, None, outgoing.value)) if outgoing.destination == "summaries" else None


def judged(sent: Iterable[Outgoing], spec: MonitorSpec = ONE, layouts: Layouts = LAYOUTS) -> dict[Pane, bool]:
    """Return what level 2 says of each pane: whether it misses events, and then no reading of it is anything else."""
    found: dict[Pane, bool] = {}
    for one in MonitorPartition(spec, layouts).process(summaries_log(sent)):
        if one.destination != "pane_reports":
            continue
        report = json.loads(one.value or b"")
        missing = {"miss events" in (reading.get("reason") or "") for reading in report["readings"]}
        if True in missing:
            known = {reading["signal"] for reading in report["readings"] if reading["status"] != "unknown"}
            assert not known, (report["pane"], known)
        start = to_micros(datetime.fromisoformat(report["pane"]["start"]))
        found[report["pane"]["family"], (start - T0) // HOUR] = True in missing
    return found


def sizes(source: SourcePartition) -> dict[str, int]:
    """Return how much each part of a source partition holds."""
    join, decoder = source._join, source._decoder
    return {
        "rows": sum(len(log.rows) for log in join.logs),
        "room for rows": sum(log.rows.columns._capacity for log in join.logs),
        "rows not sealed": sum(len(log.rows._ids) for log in join.logs),
        "blocks of rows": sum(len(log.rows._blocks._starts) for log in join.logs),
        "labels not sealed": sum(len(log.labels._labels) for log in join.logs),
        "blocks of labels": sum(len(log.labels._spans) for log in join.logs),
        "waiting feedback": len(join._waiting),
        "labels of waiting feedback": len(join._waiting._labels),
        "room for feedback": join._waiting.columns._capacity,
        "keys of labels": len(join._labelling._keys),
        "versions": len(source.groups._codes),
        "open panes": len(source._panes._panes),
        "names": len(decoder._predictions._names._known),
        "outbox": len(source._outbox._waiting),
        "marks": len(source._marks),
        "progress record": len(source._store.get("meta", b"partition") or b""),
        "disk": (source._store._path / "data.mdb").stat().st_size,
    }


def largest(found: list[dict[str, int]]) -> dict[str, int]:
    return {name: max(one[name] for one in found) for name in found[0]}


def assert_flat(found: list[dict[str, int]], more: float = 1.1) -> None:
    """Check that nothing grew after the first half; a block that fills up, and is sealed, is no growth."""
    before, after = largest(found[: len(found) // 2]), largest(found[len(found) // 2 :])
    grown = {name: (before[name], after[name]) for name in before if after[name] > more * before[name] + 40}
    assert not grown


@contextmanager
def most_groups(most: int) -> Iterator[None]:
    with patch.object(groups_module, "MOST_GROUPS", most):
        yield


def test_nothing_grows_with_the_number_of_distinct_things_that_come(tmp_path: Path) -> None:
    """Every event has an id, a category, a version, a model or a label that nobody has seen before and will again."""
    stream = Stream(tmp_path, spec := spec_of({"max_pending": 300}, m=MODEL, r=OTHER), layouts_of(spec))
    found, number = [], 0
    with tiny(20, 40), most_groups(50), patch.object(labelling, "_MOST_KEYS", 300):
        for hour in range(60):
            predictions: list[dict[str, Any] | bytes] = []
            labels: list[dict[str, Any] | bytes] = []
            for _ in range(120):
                number += 1
                time = T0 + hour * HOUR + number % 120 * 30 * 1_000_000
                event = prediction(f"p{number}", time, version=f"v{number}" if number % 3 == 0 else "1")
                event["features"]["c"] = f"category {number}"
                if number % 5 == 0:
                    event["model"] = f"model {number}"
                predictions.append(event)
                labels.append(feedback(f"p{number}", time, label="1"))
                labels.append(feedback(f"nobody {number}", time, model="r", value=1.0, label=f"label {number}"))
            stream.sends("predictions", predictions)
            stream.sends("feedback", labels)
            stream.checkpoint()
            found.append(sizes(stream.source))
    assert_flat(found)
    top = largest(found)
    assert top["rows"] <= 300 + 40
    assert top["waiting feedback"] <= 300
    assert top["versions"] <= 50
    assert 200 < top["keys of labels"] <= 300
    assert top["names"] <= 1_000
    assert stream.count("predictions", "dead_lettered") == 60 * 24, "unknown models"
    assert stream.count("predictions", "evicted") > 0, "versions there was no room for"
    assert stream.count("predictions", "forgotten") == 0, "all had their labels when they went"
    assert stream.count("feedback", "orphaned") + stream.count("feedback", "evicted") > 0


def test_one_key_for_ever_costs_no_more_than_many(tmp_path: Path) -> None:
    """One client repeats a prediction, one its feedback, one sends the same id with other versions."""
    stream = Stream(tmp_path)
    found = []
    with tiny(20, 40):
        for hour in range(60):
            times = [T0 + hour * HOUR + minute * MINUTE for minute in range(60)]
            again = [prediction("same", time) for time in times for _ in range(3)]
            other = [prediction("shadow", time, version=str(n)) for n, time in enumerate(times)]
            said = [feedback("same", time, label=str(n % 2)) for n, time in enumerate(times) for _ in range(3)]
            nobody = [feedback("nobody", time, label=str(n % 2)) for n, time in enumerate(times)]
            stream.sends("predictions", sorted(again + other, key=lambda one: one["timestamp"]))
            stream.sends("feedback", sorted(said + nobody, key=lambda one: one["timestamp"]))
            assert len(stream.source._join._waiting) <= 2 * MOST_FEEDBACK, "of two ids"
            stream.checkpoint()
            found.append(sizes(stream.source))
    assert_flat(found)
    top = largest(found)
    horizons = 60 // 6 + 1
    assert stream.count("predictions", "summarised") <= horizons * (1 + 60), "an id is used again after the horizon"
    assert top["rows"] <= 3 * 61 + 40, "those of two horizons"
    assert not stream.incomplete()


def test_a_producer_that_numbers_its_versions_goes_on_for_ever(tmp_path: Path) -> None:
    """Codes of versions whose rows are gone are free again: after a restart too, and where a block has some of both."""
    stream = Stream(tmp_path)
    with tiny(5, 8), most_groups(40):
        for step in range(300):
            time = T0 + step * 30 * MINUTE
            stream.sends("predictions", [prediction(f"p{step}", time, version=f"v{step}")])
            stream.sends("feedback", [feedback(f"p{step}", time, label="1")])
            stream.checkpoint()
            assert len(stream.source.groups._codes) <= 40 + 8
            if step % 37 == 36:
                stream.restarts()
        for log in stream.source._join.logs:
            assert not (log.rows.columns.live("time") == GONE).any()
        stream.passes(T0 + 400 * HOUR)
    assert stream.count("predictions", "evicted") == 0
    assert stream.count("predictions", "summarised") == stream.count("feedback", "summarised") == 300
    assert not stream.incomplete()
    seen = {(one.version, one.family) for one in stream.told.summaries()}
    assert seen == {(f"v{step}", family) for step in range(300) for family in ("traffic", "cohort", "label")}


def test_no_row_is_taken_for_one_of_a_model_that_is_gone_though_its_block_is_of_many_versions(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    with tiny(5, 8), most_groups(10):
        for step in range(60):
            time = T0 + step * 90 * MINUTE
            stream.sends("predictions", [prediction(f"p{step}", time, version=f"v{step}")])
            stream.sends("feedback", [watermark(time)])
            stream.checkpoint()
            stream.restarts()
            for log in stream.source._join.logs:
                assert not (log.rows.columns.live("time") == GONE).any()
    assert stream.count("predictions", "summarised") == 60


def test_versions_for_which_there_is_no_room_are_counted_and_time_goes_on_until_there_is(tmp_path: Path) -> None:
    """Were event time not to move on with what is evicted, no row would ever go and the topic would stand still."""
    stream = Stream(tmp_path)
    with tiny(5, 8), most_groups(10):
        for step in range(100):
            time = T0 + step * 30 * MINUTE
            stream.sends("predictions", [prediction(f"p{step}", time, version=f"v{step}")])
            stream.sends("feedback", [feedback(f"p{step}", time, label="1")])
            stream.checkpoint()
        flooded = stream.count("predictions", "evicted")
        assert 30 < flooded < 90
        assert stream.count("predictions", "summarised") == 100 - flooded
        newest = {one.version for one in stream.told.summaries()}
        assert any(f"v{step}" in newest for step in range(60, 90)), "some had room later"
        for hour in range(50, 80):  # it is over, and one version is left
            stream.sends("predictions", [prediction(f"q{hour}", T0 + hour * HOUR, version="1")])
            stream.sends("feedback", [watermark(T0 + hour * HOUR)])
            stream.checkpoint()
        stream.passes(T0 + 200 * HOUR)
    assert stream.count("predictions", "evicted") < flooded + 13, "room for it once the rows before it are gone"
    missing = judged(stream.told.sent)
    last = max(hour for (family, hour), lost in missing.items() if family == "traffic" and lost)
    assert 40 <= last < 65
    after = {pane: lost for pane, lost in missing.items() if pane[1] > last + 6}
    assert {family for family, _ in after} >= {"traffic", "cohort"}
    assert not any(after.values())


def test_versions_with_open_panes_count_though_their_rows_were_evicted(tmp_path: Path) -> None:
    """Else every version there ever was within a horizon could have a pane open at once."""
    stream = Stream(tmp_path, spec_of({"max_pending": 10}, m=MODEL))
    open_versions = []
    with tiny(2, 4), most_groups(20):
        for step in range(200):
            time = T0 + step * MINUTE
            stream.sends("predictions", [prediction(f"p{step}", time, version=f"v{step}")])
            stream.sends("feedback", [watermark(time)])
            stream.checkpoint()
            open_versions.append(len({key.version for key in stream.source._panes.keys}))
            if step == 100:
                stream.restarts()
    assert max(open_versions) == 20
    assert stream.count("predictions", "evicted") == 180


def self_contained(step: int, time: Micros) -> dict[str, Any]:
    inside = prediction(f"own{step}", time, version=f"v{step}")
    return feedback(f"own{step}", time + MINUTE, label="1", prediction=inside)


def test_feedback_with_predictions_of_too_many_versions_inside_is_counted_and_its_panes_unknown(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    with most_groups(3):
        stream.sends("feedback", [self_contained(step, T0 + step * MINUTE) for step in range(3)])
        stream.sends("feedback", [self_contained(9, T0 + HOUR)])
        stream.passes(T0 + 100 * HOUR)
    assert (stream.count("feedback", "evicted"), stream.count("feedback", "summarised")) == (1, 3)
    assert ("cohort", 0) in stream.incomplete()


def unlabelled(stream: Stream, hours: Iterable[int], each: int, labels: bool = False) -> None:
    for hour in hours:
        times = [T0 + hour * HOUR + n * HOUR // each for n in range(each)]
        stream.sends("predictions", [prediction(f"p{time}", time) for time in times])
        said = [feedback(f"p{time}", time + 1, label="1") for time in times]
        stream.sends("feedback", said if labels else [watermark(times[-1])])
        stream.checkpoint()


def test_predictions_beyond_max_pending_make_their_cohorts_and_labels_unknown_and_no_others(tmp_path: Path) -> None:
    stream = Stream(tmp_path, spec := spec_of({"max_pending": 60}, m=MODEL))
    with tiny(2, 4):
        unlabelled(stream, range(4), each=5)
        unlabelled(stream, range(4, 7), each=40)  # too many
        unlabelled(stream, range(7, 8), each=5)
        stream.restarts()
        unlabelled(stream, range(8, 40), each=5, labels=True)
        assert sizes(stream.source)["rows"] <= 60 + 4
        stream.passes(T0 + 100 * HOUR)
    assert 60 < stream.count("predictions", "forgotten") < 145
    missing = judged(stream.told.sent, spec)
    lost = {pane for pane, is_lost in missing.items() if is_lost}
    cohorts = {hour for family, hour in lost if family == "cohort"}
    assert cohorts == set(range(min(cohorts), max(cohorts) + 1)), "those before were judged by then"
    assert max(cohorts) in (5, 6), "of which some predictions went before their labels could come"
    assert not {hour for family, hour in lost if family == "traffic"}, "predictions were all counted when they came"
    labels = {hour for family, hour in lost if family == "label"}
    assert labels
    assert max(labels) <= 6 + 6, "within the horizon of what was evicted"
    assert not any(is_lost for (_, hour), is_lost in missing.items() if hour > 12)
    assert {hour for family, hour in missing if family == "cohort" and hour > 12} == set(range(13, 40))


def told_again(path: Path, role: Role, before: list[dict[str, Any]], then: dict[str, Any]) -> Stream:
    """Let the first event come again after so many others that it was evicted."""
    stream = Stream(path, spec_of({"max_pending": 5}, m=MODEL))
    with tiny(1, 4):
        for event in before:
            stream.sends(role, [event])
            stream.checkpoint()
        stream.sends(role, [then])
        stream.passes(T0 + 100 * HOUR)
    return stream


@pytest.mark.parametrize(("minutes", "late"), [(1, False), (3, True)])
def test_a_prediction_that_comes_again_after_it_was_evicted_is_late_or_its_panes_are_unknown(
    tmp_path: Path, minutes: int, late: bool
) -> None:
    """The lateness is ten minutes."""
    before = [prediction(f"p{n}", T0 + n * minutes * MINUTE) for n in range(10)]
    unbounded = Stream(tmp_path / "unbounded")
    unbounded.sends("predictions", [*before, before[0]])
    assert unbounded.count("predictions", "duplicate") == 1 - late
    stream = told_again(tmp_path / "bounded", "predictions", before, before[0])
    assert stream.count("predictions", "summarised") == 11 - late, "nobody knows that it is a repetition"
    assert stream.count("predictions", "late") == late
    assert (("traffic", 0) in stream.incomplete()) != late


@pytest.mark.parametrize(("minutes", "late"), [(1, False), (3, True)])
def test_self_contained_feedback_that_comes_again_after_it_was_evicted_is_late_or_its_panes_are_unknown(
    tmp_path: Path, minutes: int, late: bool
) -> None:
    times = [T0 + n * minutes * MINUTE for n in range(10)]
    before = [feedback(f"p{time}", time, label="1", prediction=prediction(f"p{time}", T0)) for time in times]
    stream = told_again(tmp_path, "feedback", before, before[0])
    assert stream.count("feedback", "summarised") == 11 - late
    assert stream.count("feedback", "late") == late
    assert stream.incomplete() == (set() if late else {("cohort", 0), ("label", 0)})


def test_waiting_feedback_beyond_max_pending_is_counted_and_its_panes_unknown(tmp_path: Path) -> None:
    stream = Stream(tmp_path, spec := spec_of({"max_pending": 50}, m=MODEL))
    for hour in range(20):
        time = T0 + hour * HOUR
        stream.sends("predictions", [prediction(f"p{hour}", time)])
        many = 200 if hour in (5, 6) else 10
        waits = [feedback(f"nobody{hour}-{n}", time + n) for n in range(many)]
        stream.sends("feedback", [feedback(f"p{hour}", time, label="1"), *waits])
        stream.checkpoint()
        assert len(stream.source._join._waiting) <= 50
        if hour == 5:
            stream.restarts()
    stream.passes(T0 + 100 * HOUR)
    assert stream.count("feedback", "evicted") >= 2 * (200 - 50)
    assert stream.count("feedback", "orphaned") + stream.count("feedback", "evicted") == 18 * 10 + 400
    assert stream.count("feedback", "waiting") == 0
    missing = judged(stream.told.sent, spec)
    assert missing["cohort", 6]
    assert missing["label", 6]
    assert not any(lost for (family, hour), lost in missing.items() if hour > 6 or family == "traffic")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("restart", [False, True])
def test_records_deleted_before_they_were_read_make_the_panes_of_that_time_unknown(
    tmp_path: Path, role: Role, restart: bool
) -> None:
    stream = Stream(tmp_path)
    unlabelled(stream, range(5), each=4, labels=True)
    stream.source.lost(role)
    if restart:  # refused records say nothing about event time: what was lost is still to be told
        stream.sends(role, [b"{"])
        stream.checkpoint()
        stream.restarts()
    unlabelled(stream, range(9, 30), each=4, labels=True)  # from five to nine there was nothing
    stream.passes(T0 + 100 * HOUR)
    missing = judged(stream.told.sent)
    lost = {pane for pane, is_lost in missing.items() if is_lost}
    assert {("cohort", 9), ("label", 9)} <= lost
    assert (("traffic", 9) in lost) == (role == "predictions")
    assert max(hour for family, hour in lost if family != "label") == 9
    assert not any(is_lost for (_, hour), is_lost in missing.items() if hour > 9 + 6)


@pytest.mark.parametrize("role", ROLES)
def test_records_lost_before_a_silence_make_unknown_what_is_closed_in_it(tmp_path: Path, role: Role) -> None:
    stream = Stream(tmp_path)
    unlabelled(stream, range(5), each=4, labels=True)
    stream.source.lost(role)
    for silent in ROLES:
        stream.source.idle(silent)
    stream.checkpoint()
    assert {("cohort", 4), ("label", 4)} <= stream.incomplete()
    assert (("traffic", 4) in stream.incomplete()) == (role == "predictions")
    assert any(isinstance(decoded(one), IncompleteMessage) for one in stream.told.sent)


def test_a_new_owner_knows_of_what_was_evicted_before(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "first")
    unlabelled(stream, range(5), each=4, labels=True)
    stream.source.lost("predictions")
    unlabelled(stream, range(9, 10), each=4, labels=True)
    held = stream.source._incomplete
    assert held.through
    progress = stream.told.progress()
    assert progress is not None
    assert read_progress(progress).incomplete == held
    stream.moves(tmp_path / "second")
    assert stream.source._incomplete == held
    unlabelled(stream, range(10, 30), each=4, labels=True)
    stream.passes(T0 + 100 * HOUR)
    missing = judged(stream.told.sent)
    assert missing["cohort", 9]
    assert missing["traffic", 9]
    assert not any(is_lost for (_, hour), is_lost in missing.items() if hour > 9 + 6)


def test_a_new_owner_for_whom_the_log_no_longer_goes_back_far_enough_says_so(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "first")
    unlabelled(stream, range(10), each=4, labels=True)
    stream.moves(tmp_path / "second", begin={"predictions": 8 * 4})
    stream.checkpoint()
    (told,) = [one for one in map(decoded, stream.told.sent) if isinstance(one, IncompleteMessage)]
    assert told.families["cohort"] == (T0 + 6 * HOUR, T0 + 8 * HOUR), "those before were sent whole"
    assert "traffic" not in told.families, "as all were that anything was lost of"
    unlabelled(stream, range(10, 30), each=4, labels=True)
    stream.passes(T0 + 100 * HOUR)
    missing = judged(stream.told.sent)
    assert missing["cohort", 8], "what was counted in it is gone"
    assert not any(is_lost for (family, hour), is_lost in missing.items() if hour > 8 and family != "label")
    assert not any(is_lost for (_, hour), is_lost in missing.items() if hour > 8 + 6)


def test_a_new_owner_for_whom_nothing_is_left_says_so(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "first")
    unlabelled(stream, range(10), each=4, labels=True)
    stream.moves(tmp_path / "second", begin=dict.fromkeys(ROLES, 10_000))
    stream.sends("predictions", [prediction("one more", T0 + 9 * HOUR + 50 * MINUTE)])
    unlabelled(stream, range(10, 30), each=4, labels=True)
    stream.passes(T0 + 100 * HOUR)
    missing = judged(stream.told.sent)
    assert not any(is_lost for (_, hour), is_lost in missing.items() if hour > 10 + 6)
    assert missing["traffic", 9], "one of five"
    assert not missing["traffic", 15]


@pytest.mark.parametrize("seed", range(3))
def test_a_rebuild_lets_go_of_what_it_has_read_and_is_the_same(tmp_path: Path, seed: int) -> None:
    spec = spec_of(m=MODEL, r=OTHER)
    layouts = layouts_of(spec)
    logs = busy_logs(seed, hours=40, per_hour=6, end=False)
    cut = {role: len(logs[role]) * 3 // 4 for role in ROLES}
    expected = run(spec, layouts, ended(logs), tmp_path / "undisturbed", steps(random.Random(seed), ended(logs)))
    stream = Stream(tmp_path / "first", spec, layouts)
    for role, size in steps(random.Random(seed), {role: logs[role][: cut[role]] for role in ROLES}):
        at = stream.source.position[role] or 0
        stream.source.process(role, logs[role][at : at + size])
        stream.checkpoint()
    stream.logs = {role: list(logs[role]) for role in ROLES}
    with tiny(), patch.object(rebuild, "REST_EVERY", 60):
        broken = open_source(spec, layouts, tmp_path / "second", stream.told.progress())
        for role, (first, end) in broken.rebuild.items():
            for at in range(first or 0, end, 20):
                broken.process(role, logs[role][at : min(at + 20, end)])
        held = sizes(broken)
        broken.close()  # killed, after it had written something
        stream.moves(tmp_path / "second")
        for role in ROLES:
            stream.source.process(role, ended(logs)[role][cut[role] :])
        stream.checkpoint()
    assert held["rows not sealed"] <= 20 + 8 < held["rows"]
    assert stream.told.finals() == expected.finals()
    assert stream.source.counts() == expected.counts


def ended(logs: Logs) -> Logs:
    return {role: [*log, *log_of([watermark(T0 + 200 * HOUR)], start=len(log))] for role, log in logs.items()}
