"""How far event time has come in the two topics of one source partition."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.event_clock import EventClock, complete
from streams.records import ROLES, Role

from .world import HOUR, MINUTE, T0, spec_of

SPEC = spec_of()  # lateness: m 10 min, r 30 min; of feedback the longer one


def test_event_time_never_goes_back() -> None:
    clock = EventClock()
    for time in (T0, T0 + 5, T0 + 3):
        clock.advance("predictions", time)
    assert clock.times == {"predictions": T0 + 5}
    assert clock.watermark("predictions", 2) == T0 + 3
    assert clock.watermark("feedback", 2) is None


def test_a_model_is_complete_as_far_as_the_slower_topic_less_its_lateness() -> None:
    clock = EventClock()
    clock.advance("predictions", T0 + 2 * HOUR)
    assert clock.complete(SPEC.models["m"], SPEC) is None
    clock.advance("feedback", T0 + HOUR)
    assert clock.complete(SPEC.models["m"], SPEC) == T0 + 30 * MINUTE, "feedback need not name its model"
    clock.advance("feedback", T0 + 3 * HOUR)
    assert clock.complete(SPEC.models["m"], SPEC) == T0 + 2 * HOUR - 10 * MINUTE
    assert clock.complete(SPEC.models["r"], SPEC) == T0 + 2 * HOUR - 30 * MINUTE
    assert complete(clock.times, SPEC.models["r"], SPEC) == clock.complete(SPEC.models["r"], SPEC)


def test_a_silent_topic_follows_as_often_as_that_is_said_until_it_speaks() -> None:
    clock = EventClock()
    clock.advance("predictions", T0)
    assert clock.silence("feedback")
    assert not clock.silence("feedback"), "it was already"
    assert clock.times["feedback"] == T0
    clock.advance("predictions", T0 + HOUR)
    assert clock.times["feedback"] == T0, "what comes with these predictions must not be late"
    assert clock.silence("feedback")
    assert clock.times["feedback"] == T0 + HOUR
    clock.speak("feedback")
    clock.advance("predictions", T0 + 2 * HOUR)
    assert clock.times["feedback"] == T0 + HOUR


def test_a_silent_topic_follows_to_where_the_other_was_when_its_silence_began() -> None:
    clock = EventClock()
    clock.advance("predictions", T0 + HOUR)
    assert clock.silence("feedback", {"predictions": T0})
    assert clock.times["feedback"] == T0
    assert not clock.silence("feedback", {"predictions": T0})
    assert not clock.silence("feedback", {}), "the other had not come then"
    assert clock.silence("feedback", {"predictions": T0 + MINUTE})
    assert clock.times == {"predictions": T0 + HOUR, "feedback": T0 + MINUTE}


def test_a_topic_that_is_ahead_of_the_one_it_follows_stays_ahead() -> None:
    clock = EventClock()
    clock.advance("feedback", T0 + HOUR)
    clock.advance("predictions", T0)
    clock.silence("feedback")
    assert clock.times["feedback"] == T0 + HOUR


def test_it_is_asleep_when_both_topics_are_silent() -> None:
    clock = EventClock()
    clock.silence("predictions")
    assert not clock.asleep
    clock.silence("feedback")
    assert clock.asleep
    assert clock.times == {}, "with nothing to follow"
    clock.speak("predictions")
    assert not clock.asleep


def test_it_goes_on_from_a_clock_that_knows_of_silences_and_never_back() -> None:
    clock, other = EventClock({"predictions": T0 + 5}), EventClock({"predictions": T0, "feedback": T0}, ["feedback"])
    idle = clock.idle
    clock.resume(other)
    assert clock.times == {"predictions": T0 + 5, "feedback": T0}
    assert clock.idle == ["feedback"]
    assert clock.idle is idle
    assert clock.idle is not other.idle


@pytest.mark.parametrize("codec", [msgspec.msgpack, msgspec.json])
def test_it_survives_being_written(codec: object) -> None:
    clock = EventClock({"predictions": -5, "feedback": T0}, ["feedback"])
    assert codec.decode(codec.encode(clock), type=EventClock) == clock  # type: ignore[attr-defined]


@settings(derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ROLES), st.sampled_from(["advance", "silence", "speak"]), st.integers(0, 100)),
        max_size=40,
    )
)
def test_no_watermark_ever_goes_back(steps: list[tuple[Role, str, int]]) -> None:
    clock, before = EventClock(), dict.fromkeys(ROLES, -1)
    for role, what, time in steps:
        if what == "advance":
            clock.speak(role)
            clock.advance(role, time)
        elif what == "silence":
            clock.silence(role)
        else:
            clock.speak(role)
        for one in ROLES:
            assert clock.times.get(one, -1) >= before[one]
            before[one] = clock.times.get(one, -1)
