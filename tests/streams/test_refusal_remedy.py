"""What is said of refused rows: the remedy at the error, and a warning where many rows are refused."""

import pytest

from schemas.spec import MonitorSpec
from streams.decode import Refusal, decode
from streams.records import Record, Role
from streams.refusal_remedy import much_refused, remedy
from streams.report_dead_letters import DeadLetters

MODEL = {
    "task": "binary",
    "positive_label": "1",
    "features": {"x": "numeric"},
    "pane": "1d",
    "label_horizon": "7d",
    "false_alarms": "1 per 90d",
    "reference": "m.json",
}
SPEC = MonitorSpec.model_validate({"models": {"m": MODEL}})
STARS = "; a rating is 0 to 1; map 1 to 5 stars with (r - 1) / 4"
PER_CENT = "; probabilities are 0 to 1; these look like per cent"
TOPICS: dict[Role, str] = {"predictions": "p", "feedback": "f"}


@pytest.mark.parametrize(
    ("role", "cells", "expected"),
    [
        ("feedback", '"rating": 4', STARS),
        ("feedback", '"rating": -1', ""),
        ("feedback", '"label": ""', ""),
        ("predictions", '"output": {"score": 87.5}', PER_CENT),
        ("predictions", '"output": {"score": 1.2}', ""),
        ("predictions", '"output": {"probabilities": {"a": 1.5, "b": 98.5}}', PER_CENT),
        ("predictions", '"output": {"score": -0.2}', ""),
    ],
)
def test_what_decoding_refuses_has_its_remedy(role: Role, cells: str, expected: str) -> None:
    whole = '{"prediction_id": "a", "model": "m", "timestamp": "2026-01-01T00:00:00Z", "features": {}, %s}'
    value = (whole if role == "predictions" else whole.replace('"features": {}, ', "")) % cells
    refusal = decode(role, Record(0, -1, None, value.encode()), SPEC)
    assert isinstance(refusal, Refusal)
    assert remedy(refusal.message) == expected


def counts(read: int, refused: int) -> dict[str, int]:
    return {"read": read + 1, "control": 1, "dead_lettered": refused}


def test_a_warning_names_the_share_and_the_most_frequent_reason_with_its_remedy() -> None:
    letters = [
        DeadLetters("f", "contract", 18, ["fb.csv, row 2: rating: Input should be less than or equal to 1, found 4.0"]),
        DeadLetters("f", "not_json", 2, ["fb.csv, row 9: the value is not JSON"]),
        DeadLetters("p", "contract", 90, ["of the other topic"]),
    ]
    (line,) = much_refused({"predictions": counts(9_000, 90), "feedback": counts(200, 20)}, TOPICS, letters)
    assert line.startswith("warning: 10.0 % of feedback was refused (20 of 200), such as fb.csv, row 2: rating: ")
    assert f"found 4.0{STARS}. What is left is no fair sample" in line


def test_no_more_than_one_in_a_hundred_is_no_warning() -> None:
    letters = [DeadLetters("p", "contract", 1, ["x"])]
    assert much_refused({"predictions": counts(100, 1), "feedback": counts(0, 0)}, TOPICS, letters) == []
    assert len(much_refused({"predictions": counts(99, 1), "feedback": counts(0, 0)}, TOPICS, letters)) == 1
