"""Bytes → events, or a refusal that says where, what was found and what is allowed."""

import json
from typing import Any

import pytest

from schemas.event_time import SECOND
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.watermark import Watermark
from streams.decode import Decoded, Refusal, decode
from streams.records import Headers, Record, Role

from .world import HOUR, T0, feedback, prediction, spec_of, watermark

SPEC = spec_of({"max_event_bytes": 2_000, "max_skew": "1h"})


def read(value: Any, role: Role = "predictions", timestamp: int = -1, headers: Headers = ()) -> Decoded | Refusal:
    data = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return decode(role, Record(7, timestamp, b"k", data, headers), SPEC)


def refused(value: Any, role: Role = "predictions", **record: Any) -> tuple[str, str]:
    refusal = read(value, role, **record)
    assert isinstance(refusal, Refusal), refusal
    return refusal.reason, refusal.message


def test_each_topic_has_its_contract_and_watermarks_stand_on_both() -> None:
    assert isinstance(read(prediction("a", T0)), Prediction)
    assert isinstance(read(feedback("a", T0), "feedback"), Feedback)
    assert isinstance(read(watermark(T0)), Watermark)
    assert isinstance(read(watermark(T0), "feedback"), Watermark)
    assert refused(feedback("a", T0))[0] == "contract"


def test_the_word_watermark_in_an_ordinary_event_is_only_a_word() -> None:
    assert isinstance(read(prediction("a", T0, tags={"type": "watermark"})), Prediction)
    assert isinstance(read(prediction("watermark", T0)), Prediction)


def test_a_broken_watermark_is_told_what_is_wrong_with_it() -> None:
    reason, message = refused({"type": "watermark", "timestamp": "yesterday"})
    assert reason == "contract"
    assert message.startswith("timestamp: 'yesterday' is not RFC 3339 with a time zone, such as 2026-01-31T12:00:00Z")


def test_a_tombstone_is_a_missing_value() -> None:
    assert refused(None) == ("missing_value", "the record has no value; events are JSON objects")


def test_an_event_may_have_as_many_bytes_as_the_limit_and_no_more() -> None:
    body = json.dumps(prediction("a", T0)).encode()
    assert isinstance(read(body + b" " * (2_000 - len(body))), Prediction)
    reason, message = refused(body + b" " * (2_001 - len(body)))
    assert (reason, message) == ("too_large", "2001 bytes; limits.max_event_bytes is 2000")


def test_a_time_may_be_ahead_of_the_record_by_the_skew_and_no_more() -> None:
    kafka = T0 // 1_000
    assert isinstance(read(prediction("a", T0 + HOUR), timestamp=kafka), Prediction)
    assert isinstance(read(prediction("a", T0 - 1_000 * HOUR), timestamp=kafka), Prediction), "old is not wrong"
    reason, message = refused(prediction("a", T0 + HOUR + SECOND), timestamp=kafka)
    assert reason == "future_timestamp"
    assert "2026-01-01T01:00:01" in message
    assert "3601 s ahead of the record's own time; limits.max_skew allows 3600 s" in message
    assert refused(watermark(T0 + 2 * HOUR), timestamp=kafka)[0] == "future_timestamp"
    assert refused(feedback("a", T0 + 2 * HOUR), "feedback", timestamp=kafka)[0] == "future_timestamp"


def test_a_record_without_a_kafka_timestamp_has_no_skew() -> None:
    assert isinstance(read(prediction("a", T0 + 10_000 * HOUR), timestamp=-1), Prediction)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("event", ["prediction", "watermark"])
def test_a_time_round_which_no_pane_has_a_date_is_refused(time: str, event: str) -> None:
    value = {**(prediction("a", T0) if event == "prediction" else watermark(T0)), "timestamp": time}
    reason, message = refused(value)
    assert reason == "contract"
    assert "is not between the years 1000 and 9000" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction_id": None}, "prediction_id: Input should be a valid string, found null"),
        ({"prediction_id": ""}, 'prediction_id: String should have at least 1 character, found ""'),
        ({"model": 5}, "model: Input should be a valid string, found 5"),
        ({"timestamp": 5}, "timestamp: a timestamp is RFC 3339 text with a time zone, such as 2026-01-31T12:00:00Z"),
        ({"timestamp": "2026-01-01T00:00:00"}, "timestamp: '2026-01-01T00:00:00' is not RFC 3339 with a time zone"),
        ({"features": [1]}, "features: Input should be an object, found [1]"),
        ({"features": {"x": [1]}}, "features.x: a feature is a number, text, a boolean or null, found [1]"),
        ({"features": {"a\n": 1}}, 'found the name "a\\n"'),
        ({"output": {"score": 1.5}}, "output.score: Input should be less than or equal to 1, found 1.5"),
        ({"output": {}}, "output: an output has at least one of label, score, probabilities, value and text, found {}"),
        ({"output": {"value": float("inf")}}, "output.value: Input should be a finite number, found Infinity"),
        ({"latency_ms": -1}, "latency_ms: Input should be greater than or equal to 0, found -1"),
    ],
)
def test_a_refusal_says_where_what_is_allowed_and_what_was_found(change: dict[str, Any], message: str) -> None:
    reason, told = refused({**prediction("a", T0), **change})
    assert reason == "contract"
    assert message in told


def test_a_missing_field_is_called_missing_and_the_event_is_not_repeated() -> None:
    assert refused({"model": "m"}) == (
        "contract",
        "prediction_id: is missing; timestamp: is missing; output: is missing",
    )


def test_the_features_inside_self_contained_feedback_are_worded_alike() -> None:
    inside = prediction("a", T0, features={"x": {}})
    _, told = refused(feedback("a", T0, prediction=inside), "feedback")
    assert told == "prediction.features.x: a feature is a number, text, a boolean or null, found {}"


def test_a_name_of_a_feature_is_what_is_wrong_with_it_and_not_its_value() -> None:
    _, told = refused({**prediction("a", T0), "features": {"": 1}})
    assert "a feature is" not in told
    assert told.startswith("features: ")


def test_what_was_found_is_cut() -> None:
    _, told = refused({**prediction("a", T0), "features": ["long"] * 100})
    assert told.endswith("…")
    assert len(told) < 200


def test_a_thousand_problems_make_one_bounded_message() -> None:
    spec = spec_of()
    data = json.dumps({**prediction("a", T0), "features": {f"f{i}": [] for i in range(1_000)}}).encode()
    refusal = decode("predictions", Record(0, -1, None, data), spec)
    assert isinstance(refusal, Refusal)
    assert 1_000 < len(refusal.message) <= 2_000


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "the value is not JSON: EOF while parsing"),
        (b"{", "the value is not JSON: EOF while parsing"),
        (b'{"a":1}{', "the value is not JSON: trailing characters"),
        (b"\xff\xfe", "the value is not JSON: "),
        (b'{"prediction_id":"\\ud800"}', "the value is not JSON: "),
        (b'{"prediction_id":"\xed\xa0\x80"}', "the value "),
        (b"[" * 1_900, "the value is not JSON: recursion limit exceeded"),
    ],
)
def test_what_is_not_json_is_told_where_it_stops_being_json(value: bytes, message: str) -> None:
    reason, told = refused(value)
    assert reason == "not_json"
    assert told.startswith(message)


@pytest.mark.parametrize("value", [b"null", b"5", b'"text"', b"[]", b"NaN"])
def test_json_that_is_no_object_breaks_the_contract(value: bytes) -> None:
    reason, told = refused(value)
    assert reason == "contract"
    assert told.startswith("event: Input should be an object")


def test_nan_and_infinity_are_features_and_never_outcomes() -> None:
    event = read(prediction("a", T0, features={"x": float("nan"), "y": float("-inf")}))
    assert isinstance(event, Prediction)
    assert event.features["y"] == float("-inf")
    assert refused(feedback("a", T0, value=float("nan")), "feedback")[0] == "contract"


def test_an_integer_of_any_length_is_an_event_or_refused() -> None:
    for digits in (19, 400, 1_500):
        huge = int("9" * digits)
        assert isinstance(read(prediction("a", T0, features={"x": huge})), Prediction)
        assert refused(prediction("a", T0, latency_ms="x" * digits))[0] == "contract"
    told = refused(feedback("a", T0, value=int("9" * 400)), "feedback")
    assert told[0] == "contract"


BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"s"), ("ce_type", b"t")]


def test_cloudevents_are_read_in_both_modes() -> None:
    body = prediction("a", T0)
    plain = read(body)
    assert read(body, headers=[*BINARY, ("content-type", b"application/json")]) == plain
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": body}
    assert read(envelope) == plain
    assert read(envelope, headers=[("content-type", b"application/cloudevents+json")]) == plain


def test_a_cloudevent_that_cannot_be_opened_says_why() -> None:
    reason, message = refused(prediction("a", T0), headers=[("ce_specversion", b"0.3")])
    assert (reason, message) == ("contract", "CloudEvents specversion '0.3' is not read; send 1.0")
    reason, message = refused(prediction("a", T0), headers=[*BINARY, ("content-type", b"application/avro")])
    assert (reason, message) == ("contract", "content-type application/avro is not read; send application/json")
