"""What the monitor file says of texts and attached scores, and what it may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.prediction import Prediction
from schemas.proxy_spec import REFUSALS

from ..detectors.builders import model_spec


def test_what_is_left_out_has_its_defaults() -> None:
    spec = model_spec("text", text={}, scores={"toxicity": None, "length": {"range": [0, 10]}})
    assert spec.text is not None
    assert (spec.text.max_length, spec.text.words) == (None, [])
    assert spec.text.refusals == list(REFUSALS)
    assert spec.scores["toxicity"].range is None
    assert spec.scores["length"].range == (0, 10)
    assert (model_spec().text, model_spec().scores) == (None, {})


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        ("binary", {"text": {}}, "text is for models that generate text; this task is binary"),
        ("text", {"text": {"max_length": 0}}, "greater than 0"),
        ("text", {"text": {"words": ["two words"]}}, "'two words' is not one word"),
        ("text", {"text": {"words": ["don't"]}}, "not one word of letters and digits"),
        ("text", {"text": {"refusals": [""]}}, "at least 1 character"),
        ("binary", {"scores": {"toxicity": {"range": [1, 0]}}}, "minimum 1.0 is above maximum 0.0"),
        ("binary", {"scores": {"x" * 123: None}}, "122 characters fit"),
        ("binary", {"scores": {"a": None}, "features": {"score:a": "numeric"}}, "rename one"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_is_wrong(task: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model_spec(task, **changes)


def test_scores_of_a_prediction_are_numbers_or_null() -> None:
    event = {"prediction_id": "a", "model": "m", "timestamp": "2026-01-01T00:00:00Z", "output": {"label": "1"}}
    read = Prediction.model_validate({**event, "scores": {"toxicity": 1, "other": None}})
    assert read.scores == {"toxicity": 1.0, "other": None}
    assert Prediction.model_validate(event).scores == {}
    for scores in (None, {"toxicity": "high"}, {"": 1}, [1]):
        with pytest.raises(ValidationError):
            Prediction.model_validate({**event, "scores": scores})
