"""The events of the benchmarks keep our contract, and are the same every time."""

import json

import pytest

from bench.events import (
    CATEGORICAL,
    NUMERIC,
    STEP_MS,
    feedback,
    prediction_id,
    predictions,
    time_of,
    timestamp,
    watermark,
)
from schemas.event_time import to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.watermark import Watermark


def test_predictions_keep_the_contract_and_hold_ten_features() -> None:
    for number, (key, value) in enumerate(predictions(100, 400, models=3), start=100):
        event = Prediction.model_validate_json(value, strict=False)
        assert key.decode() == event.prediction_id == prediction_id(number)
        assert list(event.features) == [*NUMERIC, *CATEGORICAL]
        assert event.model == f"m-{number % 3:03d}"
        assert event.timestamp == time_of(number)
        assert set(json.loads(value)) <= set(Prediction.model_fields)


def test_a_prediction_is_about_as_large_as_those_of_earlier_measurements() -> None:
    sizes = [len(value) for _, value in predictions(0, 1_000)]
    assert sum(sizes) / len(sizes) == pytest.approx(448, abs=8)


def test_feedback_keeps_the_contract_and_follows_its_prediction() -> None:
    for number, (key, value) in enumerate(feedback(5, 50, delay_ms=60_000, models=2), start=5):
        event = Feedback.model_validate_json(value)
        assert key.decode() == event.prediction_id == prediction_id(number)
        assert to_micros(event.timestamp) - to_micros(time_of(number)) == 60_000_000


def test_nine_labels_in_ten_are_as_predicted() -> None:
    pairs = zip(predictions(0, 2_000), feedback(0, 2_000, 1), strict=True)
    right = sum(json.loads(p)["output"]["label"] == json.loads(f)["label"] for (_, p), (_, f) in pairs)
    assert right == pytest.approx(1_800, abs=10)


def test_events_are_the_same_every_time_and_in_any_part() -> None:
    whole = list(predictions(0, 200))
    assert list(predictions(150, 200)) == whole[150:]
    assert list(predictions(0, 200, stride=50)) == whole[::50]


def test_a_watermark_keeps_the_contract() -> None:
    event = Watermark.model_validate_json(watermark(10 * STEP_MS))
    assert event.timestamp == time_of(10)


def test_timestamps_pass_midnight() -> None:
    assert timestamp(86_400_000 + 61_234) == "2026-01-02T00:01:01.234Z"
