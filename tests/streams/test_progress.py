"""The progress record: from where another worker must read again, and no further back than that."""

import json

from schemas.event_time import Micros
from streams.event_clock import EventClock
from streams.incomplete import Incomplete
from streams.progress import MARKS, Mark, Progress, needed, oldest_needed, read_progress, worth_a_mark
from streams.records import Record

from .world import HOUR, MINUTE, MODEL, OTHER, T0, spec_of

SPEC = spec_of()


def clock(predictions: Micros, feedback: Micros) -> EventClock:
    return EventClock({"predictions": predictions, "feedback": feedback})


def mark(time: Micros, offset: int) -> Mark:
    return Mark({"predictions": offset, "feedback": offset}, {"predictions": time, "feedback": time})


def test_a_record_says_the_same_when_read_and_stands_in_its_partition() -> None:
    progress = Progress(
        {"models.m": "f"}, {"predictions": 5, "feedback": None}, {"predictions": {"read": 5}}, clock(1, 2), mark(1, 2)
    )
    outgoing = progress.outgoing(3)
    assert (outgoing.destination, outgoing.key, outgoing.partition) == ("progress", b"3", 3)
    assert read_progress(Record(0, 0, b"3", outgoing.value).value or b"") == progress


def test_what_is_missing_goes_along_and_older_records_know_of_nothing() -> None:
    incomplete = Incomplete()
    incomplete.predictions_lost("m", SPEC.models["m"], T0)
    incomplete.feedback_lost("r", T0 + HOUR)
    progress = Progress({}, {"predictions": 5, "feedback": 1}, {}, clock(1, 2), mark(1, 2), incomplete)
    value = progress.outgoing(0).value or b""
    assert read_progress(value).incomplete == incomplete
    older = {name: content for name, content in json.loads(value).items() if name != "incomplete"}
    read = read_progress(json.dumps(older).encode())
    assert read.incomplete == Incomplete()
    assert read.rebuild_from == mark(1, 2)


def test_all_may_be_needed_while_one_topic_has_said_nothing() -> None:
    assert oldest_needed(EventClock({"predictions": T0}), SPEC) is None
    assert needed([mark(0, 0)], EventClock({"predictions": T0}), SPEC) == (None, [mark(0, 0)])


def test_what_is_needed_reaches_back_over_every_row_that_is_kept_and_its_duplicates() -> None:
    spec = spec_of(m=MODEL)  # horizon 6 h, lateness 10 min
    now = T0 + 100 * HOUR
    oldest = oldest_needed(clock(now, now + HOUR), spec)
    complete = now - 10 * MINUTE
    assert oldest == complete - 3 * 6 * HOUR - 2 * 10 * MINUTE


def test_the_slower_topic_and_the_longest_model_decide() -> None:
    even, ahead = oldest_needed(clock(T0, T0), SPEC), oldest_needed(clock(T0 + HOUR, T0), SPEC)
    assert ahead == even, "predictions that are ahead of feedback change nothing"
    long = spec_of(m=MODEL, r={**OTHER, "label_horizon": "90d"})
    assert oldest_needed(clock(T0, T0), long) < even  # type: ignore[operator]


def test_panes_wider_than_horizons_are_needed_whole() -> None:
    spec = spec_of(m={**MODEL, "pane": "7d"})
    now = T0 + 1_000 * HOUR
    assert oldest_needed(clock(now, now), spec) <= now - 7 * 24 * HOUR - 3 * HOUR - 10 * MINUTE  # type: ignore[operator]


def test_the_newest_mark_before_what_is_needed_is_taken_and_older_ones_are_dropped() -> None:
    now = T0 + 100 * HOUR
    bound = oldest_needed(clock(now, now), SPEC)
    assert bound is not None
    marks = [mark(bound - 2, 1), mark(bound, 2), mark(bound + 1, 3), mark(now, 4)]
    assert needed(marks, clock(now, now), SPEC) == (marks[1], marks[1:])
    assert needed(marks[2:], clock(now, now), SPEC) == (None, marks[2:]), "none is early enough: the beginning"


def test_a_mark_of_which_one_topic_was_ahead_is_not_early_enough() -> None:
    now = T0 + 100 * HOUR
    bound = oldest_needed(clock(now, now), SPEC)
    assert bound is not None
    ahead = Mark({"predictions": 1, "feedback": 1}, {"predictions": bound + 1, "feedback": bound - 50 * HOUR})
    assert needed([ahead], clock(now, now), SPEC)[0] is None


def test_a_mark_is_worth_while_when_event_time_has_come_on_in_either_topic() -> None:
    spec = spec_of(m=MODEL)
    step = max(3 * 6 * HOUR // MARKS, HOUR)
    assert worth_a_mark([], clock(T0, T0), spec)
    assert not worth_a_mark([mark(T0, 0)], clock(T0 + step - 1, T0 + step - 1), spec)
    assert worth_a_mark([mark(T0, 0)], clock(T0, T0 + step), spec)
    only = Mark({"predictions": 1, "feedback": None}, {"predictions": T0})
    assert worth_a_mark([only], clock(T0, T0), spec), "the other topic's first event"
