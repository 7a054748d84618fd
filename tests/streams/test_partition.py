"""Level 1 of one source partition: crashes, rebuilding, idleness, and what it refuses."""

import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.layouts import Layouts
from schemas.spec import MonitorSpec
from streams import partition_state
from streams.accounting import adds_up
from streams.errors import Stopped
from streams.messages import summary_of
from streams.partition import SourcePartition
from streams.progress import MARKS, read_progress
from streams.records import ALL_PARTITIONS, ROLES, Outgoing, Record, Role

from .level_one import END, LAYOUTS, SPEC
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
    read_on,
    run,
    spec_of,
    steps,
    watermark,
)


def in_sending_order(outgoing: list[Outgoing]) -> list[Outgoing]:
    """Return an outbox as the worker sends it: progress records after everything else."""
    return sorted(outgoing, key=lambda one: one.destination == "progress")


def run_with_accidents(logs: Logs, path: Path, generator: random.Random, lose_disk: bool) -> tuple[Told, int, int]:
    """Read both logs to their ends with kills between any two steps; return what was sent, kills, and rebuilds.

    A kill is what `close` leaves: everything since the last commit is gone. Then the store is opened again, or it is
    lost and the newest progress record that was sent has to do.
    """
    told, kills, rebuilds = Told(), 0, 0
    source = open_source(SPEC, LAYOUTS, path / "0")

    def kill() -> SourcePartition:
        nonlocal kills, rebuilds
        source.close()
        kills += 1
        if not lose_disk or generator.random() < 0.5:
            return open_source(SPEC, LAYOUTS, path / str(rebuilds))
        shutil.rmtree(path / str(rebuilds))
        rebuilds += 1
        return taken_over(logs, path / str(rebuilds), told.progress(), generator)

    while True:
        left = [role for role in ROLES if (source.position[role] or 0) < len(logs[role])]
        if not left and told.counts:
            return told, kills, rebuilds
        if left:
            read_on(source, logs, generator.choice(left), generator.randint(1, 20))
            if generator.random() < 0.1:
                source = kill()
        if left and generator.random() > 0.3:
            continue
        sending = in_sending_order(source.checkpoint())
        if left and generator.random() < 0.2:
            told.take(sending[: generator.randint(0, len(sending))])  # none, some or all of it
            source = kill()
            continue
        told.take(sending)
        source.sent()
        told.counts = {} if left else source.counts()


def taken_over(
    logs: Logs, path: Path, progress: bytes | None, generator: random.Random, spec: MonitorSpec = SPEC
) -> SourcePartition:
    """Return a source partition without a store, rebuilt as the worker does it."""
    source = open_source(spec, LAYOUTS, path, progress)
    ranges = {role: [first or 0, end] for role, (first, end) in source.rebuild.items()}
    while ranges:
        role = generator.choice(list(ranges))
        first, end = ranges[role]
        size = generator.randint(1, 50)
        source.process(role, logs[role][first : min(first + size, end)])
        ranges[role][0] = first + size
        if first + size >= end:
            del ranges[role]
    if source.rebuild:
        source.rebuilt()
    return source


def assert_same(told: Told, undisturbed: Told) -> None:
    assert told.counts == undisturbed.counts
    assert told.letters() == undisturbed.letters()
    assert told.finals() == undisturbed.finals()
    assert told.watermarks()[-1].times == undisturbed.watermarks()[-1].times


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_killed_between_any_two_steps_it_sends_what_an_undisturbed_run_sends(seed: int) -> None:
    generator, logs = random.Random(seed), busy_logs(seed, hours=15)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        told, kills, _ = run_with_accidents(logs, path / "killed", generator, lose_disk=False)
        assert kills > 0
        assert_same(told, run(SPEC, LAYOUTS, logs, path / "undisturbed", steps(generator, logs)))


@pytest.mark.parametrize("seed", range(12))
def test_a_lost_store_is_rebuilt_and_the_run_goes_on_as_if_nothing_had_been(tmp_path: Path, seed: int) -> None:
    generator, logs = random.Random(seed), busy_logs(seed, hours=60, per_hour=6)
    told, _, rebuilds = run_with_accidents(logs, tmp_path / "killed", generator, lose_disk=True)
    assert rebuilds > 1
    marks = [read_progress(one.value or b"").rebuild_from for one in told.to("progress")]
    assert sum(mark is not None for mark in marks) > 5, "from somewhere after the beginning"
    assert_same(told, run(SPEC, LAYOUTS, logs, tmp_path / "undisturbed", steps(generator, logs)))


def test_what_leaves_the_outbox_is_gone_after_the_next_transaction_and_not_before(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.process("predictions", log_of([b"bad"]))
    first = [one.destination for one in source.checkpoint()]
    assert first == ["dead_letters", "summaries", "progress"]
    source.sent()
    assert source.checkpoint() == [], "nothing happened since"
    source.close()
    source = open_source(SPEC, LAYOUTS, tmp_path)
    assert [one.destination for one in source.checkpoint()] == first, "sent twice, not lost"
    source.sent()
    source.process("predictions", log_of([prediction("a", T0)], start=1))
    source.checkpoint()
    source.close()
    again = open_source(SPEC, LAYOUTS, tmp_path).checkpoint()
    assert "dead_letters" not in {one.destination for one in again}


def test_it_is_urgent_from_the_first_thing_to_send_until_a_checkpoint(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    assert not source.urgent
    source.process("predictions", log_of([prediction("a", T0)]))
    source.checkpoint()
    assert not source.urgent
    source.process("predictions", log_of([b"bad"], start=1))
    assert source.urgent
    source.checkpoint()
    assert not source.urgent


def half_way(path: Path, hours: int = 60) -> tuple[Logs, Told, SourcePartition]:
    """Return logs without an end, and a source partition that has read them."""
    logs = busy_logs(9, hours=hours, end=False)
    source, told = open_source(SPEC, LAYOUTS, path), Told()
    for role, size in steps(random.Random(1), logs):
        read_on(source, logs, role, size)
    told.take(source.checkpoint())
    source.sent()
    return logs, told, source


def test_rebuilding_begins_where_events_begin_to_matter_and_not_at_the_beginning(tmp_path: Path) -> None:
    logs, told, _ = half_way(tmp_path / "lost")
    taken = open_source(SPEC, LAYOUTS, tmp_path / "new", told.progress())
    for role in ROLES:
        first, end = taken.rebuild[role]
        assert first is not None
        assert end == len(logs[role])
        assert 0.3 < first / len(logs[role]) < 0.9, "two and a half days, of which not one day is needed"


def test_a_rebuilt_partition_sends_nothing_again_and_counts_as_before(tmp_path: Path) -> None:
    logs, told, lost = half_way(tmp_path / "lost")
    taken = taken_over(logs, tmp_path / "new", told.progress(), random.Random(2))
    assert taken.rebuild == {}
    assert taken.counts() == lost.counts()
    assert taken.position == lost.position
    (progress,) = taken.checkpoint()
    assert progress.destination == "progress"
    assert read_progress(progress.value or b"").position == lost.position


def test_a_rebuilt_partition_that_is_lost_again_is_rebuilt_again(tmp_path: Path) -> None:
    logs, told, lost = half_way(tmp_path / "lost")
    first = taken_over(logs, tmp_path / "first", told.progress(), random.Random(2))
    (progress,) = first.checkpoint()
    second = taken_over(logs, tmp_path / "second", progress.value, random.Random(3))
    end = log_of([watermark(END)], start=10_000)
    finals = []
    for source in (lost, first, second):
        told = Told()
        for role in ROLES:
            source.process(role, end)
        told.take(source.checkpoint())
        finals.append((told.finals(), source.counts()))
    assert len(finals[0][0]) > 10
    assert finals[1] == finals[0]
    assert finals[2] == finals[0]


def test_a_rebuilt_partition_knows_a_duplicate_for_one_though_the_first_is_over_two_horizons_old(
    tmp_path: Path,
) -> None:
    """Feedback that comes now is orphaned: the prediction is too old, and its repetition five hours later never was."""
    first, repeated, now = T0 + 5 * MINUTE, T0 + 5 * HOUR, T0 + 14 * HOUR + 45 * MINUTE
    moments = range(T0, now, 5 * MINUTE)
    at = {first: "a", repeated: "a"}
    logs: Logs = {
        "predictions": log_of([prediction(at.get(time, f"p{time}"), time) for time in moments]),
        "feedback": log_of([feedback(f"p{time}", time) for time in moments]),
    }
    lost, told = open_source(SPEC, LAYOUTS, tmp_path / "lost"), Told()
    for _ in moments:
        for role in ROLES:
            read_on(lost, logs, role, 1)
    told.take(lost.checkpoint())
    taken = taken_over(logs, tmp_path / "new", told.progress(), random.Random(1))
    end = [feedback("a", now), watermark(END)]
    for source in (lost, taken):
        source.process("feedback", log_of(end, start=1_000))
        source.process("predictions", log_of(end[1:], start=1_000))
        source.checkpoint()
        counts = source.counts()["feedback"]
        assert (counts["orphaned"], counts["expired"]) == (3, 0), "those of the two moments of a, and the last"


def test_a_rebuild_that_was_broken_off_begins_anew(tmp_path: Path) -> None:
    logs, told, lost = half_way(tmp_path / "lost")
    source = open_source(SPEC, LAYOUTS, tmp_path / "new", told.progress())
    first, _ = source.rebuild["predictions"]
    source.process("predictions", logs["predictions"][first : (first or 0) + 20])
    source.close()
    taken = taken_over(logs, tmp_path / "new", told.progress(), random.Random(2))
    assert taken.counts() == lost.counts()


def test_a_partition_rebuilt_after_a_silence_closes_what_was_closed_then_and_sends_it_no_more(tmp_path: Path) -> None:
    """Feedback was silent, so it followed predictions and panes closed; the log knows nothing of the silence."""
    source, told = open_source(SPEC, LAYOUTS, tmp_path / "lost"), Told()
    logs: Logs = {
        "predictions": log_of([prediction(f"p{hour}", T0 + hour * HOUR) for hour in range(10)]),
        "feedback": log_of([feedback("p0", T0 + MINUTE)]),
    }
    source.process("feedback", logs["feedback"])
    source.process("predictions", logs["predictions"])
    source.idle("feedback")
    told.take(source.checkpoint())
    assert sum(one.family == "cohort" for one in told.summaries()) == 5
    taken = taken_over(logs, tmp_path / "new", told.progress(), random.Random(1))
    assert {one.destination for one in taken.checkpoint()} == {"progress"}
    taken.sent()
    more = log_of([prediction("last", T0 + 11 * HOUR)], start=10)
    ends = []
    for one in (source, taken):
        one.sent()
        one.process("predictions", more)
        one.idle("feedback")
        after = Told()
        after.take(one.checkpoint())
        ends.append(after.finals())
    assert ends[0] == ends[1]
    assert sum(key[3] == "cohort" for key in ends[0]) == 2


def test_marks_stay_bounded_however_long_the_stream(tmp_path: Path) -> None:
    spec = spec_of(m={**MODEL, "pane": "1m", "label_horizon": "6h"})
    source = open_source(spec, layouts_of(spec), tmp_path)
    most = 0
    for number in range(1_500):  # five days and more
        time = T0 + number * 5 * MINUTE
        for role in ROLES:
            source.process(role, log_of([watermark(time)], start=number))
        source.checkpoint()
        source.sent()
        most = max(most, len(source._marks))
    assert MARKS <= most <= MARKS + 8
    progress = Told(source._outbox.sending())
    assert progress.sent == []


def test_another_monitor_file_stops_it_and_says_what_to_do(tmp_path: Path) -> None:
    _, told, source = half_way(tmp_path / "store", hours=2)
    source.close()
    other = spec_of(m={**MODEL, "pane": "2h"}, r=OTHER)
    said = (
        r"partition 0: its state was made with another monitor file or profile: "
        r"models.m.pane, models.m.reference \(all versions\) differ. Restore that, or"
    )
    with pytest.raises(Stopped, match=said):
        open_source(other, layouts_of(other), tmp_path / "store")
    with pytest.raises(Stopped, match=said):
        open_source(other, layouts_of(other), tmp_path / "new", told.progress())


def test_another_reference_profile_stops_it(tmp_path: Path) -> None:
    _, _, source = half_way(tmp_path, hours=2)
    source.close()
    with pytest.raises(Stopped, match="reference"):
        open_source(SPEC, layouts_of(SPEC, seed=2), tmp_path)


def test_settings_that_shape_no_state_may_change(tmp_path: Path) -> None:
    _, told, source = half_way(tmp_path, hours=2)
    source.close()
    other = spec_of({"max_bad_share": 0.2}, m={**MODEL, "false_alarms": "1 per 7d"}, r=OTHER)
    again = open_source(other, Layouts(dict(other.models), LAYOUTS._profiles), tmp_path)
    assert again.position == read_progress(told.progress() or b"").position


# Refusals


def letters_of(source: SourcePartition) -> list[dict[str, bytes]]:
    return [dict(one.headers) for one in source.checkpoint() if one.destination == "dead_letters"]


def test_an_unknown_model_is_dead_lettered_with_those_that_are_known(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.process("predictions", log_of([prediction("a", T0, "x")]))
    source.process(
        "feedback", log_of([feedback("a", T0, model="y"), feedback("a", T0, prediction=prediction("a", T0, "z"))])
    )
    reasons = [(one["__streams.errors.exception"], one["__streams.errors.message"]) for one in letters_of(source)]
    assert reasons == [
        (b"unknown_model", f"model: '{name}' is not in the monitor file; those are m, r".encode()) for name in "xyz"
    ]


@pytest.mark.parametrize(
    ("task", "output", "message"),
    [
        ("binary", {"value": 1.0}, "output: a binary task needs label or score"),
        ("multiclass", {"score": 0.5}, "output: a multiclass task needs label or probabilities"),
        ("regression", {"label": "1"}, "output: a regression task needs value"),
        ("text", {"label": "1"}, "output: a text task needs text"),
    ],
)
def test_an_output_that_does_not_fit_the_task_is_dead_lettered(
    tmp_path: Path, task: str, output: dict[str, Any], message: str
) -> None:
    spec = spec_of(m={**MODEL, "task": task, "positive_label": "1" if task == "binary" else None})
    source = open_source(spec, Layouts(dict(spec.models), {}), tmp_path)
    event = prediction("a", T0, output=output)
    source.process("predictions", log_of([event]))
    source.process("feedback", log_of([feedback("a", T0, prediction=event)]))
    for one in letters_of(source):
        assert (one["__streams.errors.exception"], one["__streams.errors.message"]) == (b"task", message.encode())
    assert source.counts()["predictions"]["dead_lettered"] == source.counts()["feedback"]["dead_lettered"] == 1


def test_one_wrong_clock_makes_nothing_late(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    events = [prediction("a", T0), prediction("b", T0 + 50_000 * HOUR), prediction("c", T0)]
    source.process("predictions", log_of(events, timestamp=T0 // 1_000))
    assert source.counts()["predictions"]["summarised"] == 2
    assert source.counts()["predictions"]["late"] == 0
    assert [one["__streams.errors.exception"] for one in letters_of(source)] == [b"future_timestamp"]


def guarded(window: int = 10, share: float = 0.5) -> MonitorSpec:
    return spec_of({"max_bad_share": share, "max_bad_window": window})


def test_too_many_bad_records_stop_it_and_nothing_of_their_chunk_is_kept(tmp_path: Path) -> None:
    source = open_source(guarded(), LAYOUTS, tmp_path)
    source.process("predictions", log_of([prediction(f"p{n}", T0) for n in range(5)]))
    before = json.dumps(source.counts())
    source.checkpoint()
    chunk = log_of([prediction("good", T0), *[b"bad"] * 9], start=5)
    with pytest.raises(Stopped) as stopped:
        source.process("predictions", chunk)
    assert str(stopped.value) == (
        "topic predictions, partition 0, offset 11: 6 of the last 10 records were refused, more than "
        "limits.max_bad_share allows (0.5). The newest: the value is not JSON: expected value at line 1 column 1. "
        "Mend the producer or the monitor file and start again, or raise limits.max_bad_share to dead-letter them"
    )
    source.close()
    again = open_source(guarded(), LAYOUTS, tmp_path)
    assert json.dumps(again.counts()) == before
    assert again.position["predictions"] == 5
    assert "dead_letters" not in {one.destination for one in again.checkpoint()}
    again.process("predictions", [chunk[0]])
    assert again.counts()["predictions"]["summarised"] == 6, "it was not counted before"


def test_a_share_that_is_just_allowed_goes_on_and_each_topic_has_its_own(tmp_path: Path) -> None:
    source = open_source(guarded(), LAYOUTS, tmp_path)
    events = [one for n in range(20) for one in (prediction(f"p{n}", T0), b"bad")]
    source.process("predictions", log_of(events))
    assert source.counts()["predictions"]["dead_lettered"] == 20
    source.process("feedback", log_of([b"bad"] * 5 + [feedback("p1", T0 + n) for n in range(15)]))
    assert source.counts()["feedback"]["dead_lettered"] == 5


def test_a_few_bad_records_at_the_very_beginning_stop_nothing(tmp_path: Path) -> None:
    source = open_source(guarded(window=10), LAYOUTS, tmp_path)
    source.process("predictions", log_of([b"bad"] * 9))
    with pytest.raises(Stopped):
        source.process("predictions", log_of([b"bad"], start=9))


def test_starting_again_and_again_does_not_dead_letter_everything_in_the_end(tmp_path: Path) -> None:
    """A supervisor restarts the worker for ever; what it had seen to be bad before, it still knows."""
    log = log_of([*(prediction(f"p{n}", T0) for n in range(10)), *[b"bad"] * 50])
    read = 0
    for _ in range(20):
        source = open_source(guarded(window=10), LAYOUTS, tmp_path)
        read = source.position["predictions"] or 0
        try:
            for start in range(read, len(log), 4):
                source.process("predictions", log[start : start + 4])
                source.checkpoint()
                source.sent()
        except Stopped:
            pass
        source.close()
    assert read == 12, "up to the chunk with the sixth bad record"
    spec = guarded(share=1.0)
    source = open_source(spec, LAYOUTS, tmp_path)
    source.process("predictions", log[read:])
    assert source.counts()["predictions"]["dead_lettered"] == 50, "whoever raises the share has them dead-lettered"


# Event time


def test_a_watermark_event_closes_panes_without_a_row(tmp_path: Path) -> None:
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    source.process("predictions", log_of([prediction("a", T0), watermark(T0 + 70 * MINUTE - 1)]))
    told.take(source.checkpoint())
    source.sent()
    assert told.summaries() == []
    source.process("predictions", log_of([watermark(T0 + 70 * MINUTE)], start=2))
    told.take(source.checkpoint())
    assert [one.family for one in told.summaries()] == ["traffic"], "the others wait for the feedback topic too"


def test_watermark_records_go_to_every_partition_after_the_summaries_they_speak_of(tmp_path: Path) -> None:
    told = run(SPEC, LAYOUTS, busy_logs(1, hours=5), tmp_path)
    kinds = [one.partition for one in told.to("summaries")]
    assert kinds[-1] == ALL_PARTITIONS
    assert None in kinds
    assert told.watermarks()[-1].partitions == 1


def test_no_summary_of_a_pane_comes_after_a_watermark_that_says_it_is_complete(tmp_path: Path) -> None:
    logs = busy_logs(4, hours=30)
    told = run(SPEC, LAYOUTS, logs, tmp_path, steps(random.Random(4), logs))
    complete = dict.fromkeys(SPEC.models)
    checked = 0
    for message in told._messages():
        if hasattr(message, "times"):
            for name, model in SPEC.models.items():
                if len(message.times) == 2:
                    times = message.times
                    feedback_mark = times["feedback"] - SPEC.feedback_lateness
                    complete[name] = min(times["predictions"] - model.lateness, feedback_mark)
        elif complete[message.model] is not None:
            checked += 1
            assert summary_of(message).key.due(SPEC.models[message.model]) > complete[message.model]
    assert checked > 100


def test_a_silent_topic_follows_the_other_one(tmp_path: Path) -> None:
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    source.process("predictions", log_of([prediction("a", T0), watermark(T0 + 10 * HOUR)]))
    told.take(source.checkpoint())
    source.sent()
    assert {one.family for one in told.summaries()} == {"traffic"}
    source.idle("feedback")
    told.take(source.checkpoint())
    source.sent()
    assert {one.family for one in told.summaries()} == {"traffic", "cohort"}
    assert told.watermarks()[-1].times == {"predictions": T0 + 10 * HOUR, "feedback": T0 + 10 * HOUR}
    assert not told.watermarks()[-1].idle, "the other topic is awake"
    source.process("predictions", log_of([prediction("b", T0 + 20 * HOUR)], start=2))
    told.take(source.checkpoint())
    source.sent()
    assert source.times["feedback"] == T0 + 10 * HOUR, "until it is known to be silent still"
    source.idle("feedback")
    told.take(source.checkpoint())
    assert told.watermarks()[-1].times["feedback"] == T0 + 20 * HOUR


def test_what_comes_in_both_topics_after_a_silence_of_both_is_late_in_neither(tmp_path: Path) -> None:
    """Also after a restart: how far a silent topic follows is never more than was heard when it began to be silent."""
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.process("predictions", log_of([prediction("a", T0)]))
    source.process("feedback", log_of([feedback("a", T0)]))
    for role in ROLES:
        source.idle(role)
    source.checkpoint()
    source.close()
    source = open_source(SPEC, LAYOUTS, tmp_path)
    heard = dict(source.times)
    burst = [prediction(f"b{hour}", T0 + hour * HOUR) for hour in range(1, 30)]
    source.process("feedback", log_of([feedback("a", T0 + 29 * HOUR)], start=1))
    source.idle("predictions", heard)
    source.process("predictions", log_of(burst, start=1))
    assert source.counts()["predictions"]["late"] == 0
    source.idle("feedback", heard)
    source.process("feedback", log_of([feedback("b1", T0 + 29 * HOUR)], start=2))
    assert source.counts()["feedback"]["late"] == 0


def test_feedback_that_comes_when_its_topic_wakes_up_is_judged_by_the_time_it_had_followed_to(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.process("predictions", log_of([prediction("a", T0), prediction("b", T0 + 3 * HOUR)]))
    source.idle("feedback")
    source.process("feedback", log_of([feedback("a", T0 + HOUR), feedback("b", T0 + 3 * HOUR - 30 * MINUTE)]))
    counts = source.counts()["feedback"]
    assert (counts["late"], counts["summarised"]) == (1, 1)
    source.process("predictions", log_of([prediction("c", T0 + 9 * HOUR)], start=2))
    source.process("feedback", log_of([feedback("b", T0 + 3 * HOUR)], start=2))
    assert source.counts()["feedback"]["late"] == 1, "awake, it follows no more"


def test_a_partition_with_both_topics_silent_tells_what_it_has_and_holds_nothing_up(tmp_path: Path) -> None:
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    source.process("predictions", log_of([prediction("a", T0)]))
    source.idle("predictions")
    assert source.checkpoint()[-1].destination == "progress"
    source.sent()
    source.idle("feedback")
    told.take(source.checkpoint())
    source.sent()
    assert sorted(one.family for one in told.summaries()) == ["cohort", "traffic"]
    assert told.watermarks()[-1].idle
    source.idle("feedback")
    source.idle("predictions")
    assert source.checkpoint() == [], "said once"


def test_a_partition_that_wakes_up_says_so_at_once_and_its_last_word_replaces_the_provisional_one(
    tmp_path: Path,
) -> None:
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    source.process("predictions", log_of([prediction("a", T0)]))
    for role in ROLES:
        source.idle(role)
    told.take(source.checkpoint())
    source.sent()
    source.process("predictions", log_of([prediction("b", T0 + 1)], start=1))
    told.take(source.checkpoint())
    source.sent()
    assert not told.watermarks()[-1].idle, "though no pane's end has passed"
    source.process("predictions", log_of([watermark(T0 + 9 * HOUR)], start=2))
    told.take(source.checkpoint())
    sizes = [int(summary_of(one).counts[0]) for one in told.summaries() if one.family == "traffic"]
    assert sizes == [1, 2]
    first, last = [one.through for one in told.summaries() if one.family == "traffic"]
    assert first["predictions"] < last["predictions"]


def test_a_restart_remembers_the_silence(tmp_path: Path) -> None:
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    source.process("predictions", log_of([prediction("a", T0)]))
    for role in ROLES:
        source.idle(role)
    source.checkpoint()
    source.close()
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.checkpoint()
    source.sent()
    source.idle("predictions")
    assert source.checkpoint() == []
    source.process("feedback", log_of([feedback("a", T0)]))
    told.take(source.checkpoint())
    assert not told.watermarks()[-1].idle


def test_a_partition_that_never_saw_an_event_may_be_silent_too(tmp_path: Path) -> None:
    source, told = open_source(SPEC, LAYOUTS, tmp_path), Told()
    for role in ROLES:
        source.idle(role)
    told.take(source.checkpoint())
    assert (told.watermarks()[-1].idle, told.watermarks()[-1].times) == (True, {})


def test_an_empty_chunk_is_nothing(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.process("predictions", [])
    assert source.checkpoint() == []


def test_holes_in_the_offsets_are_read_over(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    chunk = [
        record._replace(offset=record.offset * 10 + 3) for record in log_of([prediction("a", T0), prediction("b", T0)])
    ]
    source.process("predictions", chunk)
    assert source.position["predictions"] == 14
    assert adds_up(source.counts()["predictions"])


def test_a_broken_record_with_a_header_without_a_value_survives_a_restart(tmp_path: Path) -> None:
    headers: Any = [("trace", None), ("x", b"1")]
    source = open_source(SPEC, LAYOUTS, tmp_path)
    source.process("predictions", [Record(0, 2**62, None, b"bad", headers)])
    source.checkpoint()
    source.close()
    (headers_again,) = letters_of(open_source(SPEC, LAYOUTS, tmp_path))
    assert headers_again["trace"] == b""


def test_each_role_reads_on_from_its_own_position(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    assert source.position == dict.fromkeys(ROLES)
    role: Role = "feedback"
    source.process(role, log_of([feedback("a", T0)] * 3))
    assert source.position == {"predictions": None, "feedback": 3}


def test_a_new_model_leaves_the_state_of_the_others_alone(tmp_path: Path) -> None:
    _, told, source = half_way(tmp_path, hours=2)
    source.close()
    other = spec_of(m=MODEL, r=OTHER, new={**MODEL, "pane": "2h"})
    again = open_source(other, Layouts(dict(other.models), LAYOUTS._profiles), tmp_path)
    assert again.position == read_progress(told.progress() or b"").position


def test_a_store_of_another_format_gives_way_to_the_progress_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(partition_state, "FORMAT", b"1")
        _, told, source = half_way(tmp_path, hours=6)
        source.close()
    again = open_source(SPEC, LAYOUTS, tmp_path, told.progress())
    assert "another version" in caplog.text
    assert {role: end for role, (_, end) in again.rebuild.items()} == read_progress(told.progress() or b"").position


def test_an_old_disk_gives_way_to_a_newer_progress_record(tmp_path: Path) -> None:
    _, _, source = half_way(tmp_path / "old", hours=2)
    source.close()
    _, told, source = half_way(tmp_path / "new", hours=6)
    source.close()
    again = open_source(SPEC, LAYOUTS, tmp_path / "old", told.progress())
    assert {role: end for role, (_, end) in again.rebuild.items()} == read_progress(told.progress() or b"").position
