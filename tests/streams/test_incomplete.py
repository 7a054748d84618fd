"""What was lost is told to level 2 once, of the panes that were not sent yet, until they are."""

import msgspec

from streams.incomplete import EVER, Incomplete

from .world import HOUR, MINUTE, T0, spec_of

SPEC = spec_of()
M = SPEC.models["m"]
"""Panes of an hour, lateness 10 minutes (of feedback 30, as of the other model), horizon 6 h, maturity 3 h."""


def test_panes_that_were_sent_before_the_loss_are_whole() -> None:
    incomplete = Incomplete()
    incomplete.finish({"predictions": T0 + 5 * HOUR + MINUTE, "feedback": T0 + 5 * HOUR + 31 * MINUTE}, SPEC)
    incomplete.predictions_lost("m", M, T0 + 7 * HOUR + 5 * MINUTE)
    assert dict(incomplete.news(SPEC)) == {
        "m": {
            "traffic": (T0 + 4 * HOUR, T0 + 7 * HOUR),
            "cohort": (T0 + HOUR, T0 + 7 * HOUR),
            "label": (T0 + 4 * HOUR, T0 + 13 * HOUR),
        }
    }
    assert dict(incomplete.news(SPEC)) == {}, "it was told"
    incomplete.tell_again()
    assert "m" in dict(incomplete.news(SPEC))


def test_where_nothing_was_sent_yet_all_may_be_missing_something() -> None:
    incomplete = Incomplete()
    incomplete.feedback_lost("m", T0)
    assert dict(incomplete.news(SPEC)) == {"m": {"cohort": (EVER, T0), "label": (EVER, T0)}}


def test_a_loss_that_goes_on_is_one_and_what_is_over_is_forgotten() -> None:
    incomplete = Incomplete()
    times = {"predictions": T0 + 2 * HOUR, "feedback": T0 + 2 * HOUR}
    incomplete.finish(times, SPEC)
    incomplete.predictions_lost("r", SPEC.models["r"], T0 + 2 * HOUR)
    dict(incomplete.news(SPEC))
    for hour in (3, 4):
        incomplete.predictions_lost("r", SPEC.models["r"], T0 + hour * HOUR)
        assert dict(incomplete.news(SPEC))["r"]["traffic"] == (T0 + HOUR, T0 + hour * HOUR)
        incomplete.finish(dict.fromkeys(times, T0 + hour * HOUR), SPEC)
    incomplete.finish(dict.fromkeys(times, T0 + 50 * HOUR), SPEC)
    assert (incomplete.through, incomplete.since) == ({}, {})
    incomplete.predictions_lost("r", SPEC.models["r"], T0 + 60 * HOUR)
    assert dict(incomplete.news(SPEC))["r"]["traffic"] == (T0 + 49 * HOUR, T0 + 60 * HOUR)


def test_what_was_not_told_is_not_forgotten() -> None:
    incomplete = Incomplete()
    incomplete.feedback_lost("m", T0)
    incomplete.finish({"predictions": T0 + 50 * HOUR, "feedback": T0 + 50 * HOUR}, SPEC)
    assert incomplete.holds("m", "label", T0)
    assert list(incomplete.news(SPEC)) == [], "all was sent"


def test_a_model_that_left_the_monitor_file_is_left_out() -> None:
    incomplete = Incomplete()
    incomplete.feedback_lost("gone", T0)
    assert list(incomplete.news(SPEC)) == []


def test_a_record_of_before_there_were_messages_is_read() -> None:
    old = msgspec.json.encode({"through": {"m": {"traffic": T0}}})
    incomplete = msgspec.json.decode(old, type=Incomplete)
    assert incomplete.holds("m", "traffic", T0)
    incomplete.tell_again()
    assert dict(incomplete.news(SPEC)) == {"m": {"traffic": (EVER, T0)}}
    assert msgspec.json.decode(msgspec.json.encode(incomplete), type=Incomplete) == incomplete
