"""`PredictionFunction.outputs`: every part of an answer, and numbers that are none handed on for somebody to judge."""

import math
from pathlib import Path

import numpy as np
import pytest

from schemas.spec import ModelSpec
from streams.errors import UserError
from streams.prediction_function import PredictionFunction
from streams.trainer import ModelOutput


def model(task: str, answer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PredictionFunction:
    spec = {"task": task, "features": {"x": "numeric"}, "pane": "1d", "label_horizon": "7d"}
    spec |= {"false_alarms": "1 per 90d", "reference": "x.json"}
    if task == "binary":
        spec["positive_label"] = "1"
    (tmp_path / "answering.py").write_text("def predict(rows):\n    return [ANSWER for _ in rows]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib
    import sys

    sys.modules.pop("answering", None)
    found = PredictionFunction("answering:predict", ModelSpec.model_validate(spec), tmp_path, "--candidate")
    importlib.import_module("answering").ANSWER = answer  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    ("task", "answer", "expected"),
    [
        ("binary", 0.7, ModelOutput(score=0.7)),
        ("binary", np.float64(0.7), ModelOutput(score=0.7)),
        ("binary", True, ModelOutput(label="true")),
        ("binary", {"label": 1, "score": 0.2}, ModelOutput(label="1", score=0.2)),
        ("multiclass", "a", ModelOutput(label="a")),
        ("multiclass", 3, ModelOutput(label="3")),
        ("multiclass", {"probabilities": {1: 0.25, 2: 0.75}}, ModelOutput(probabilities={"1": 0.25, "2": 0.75})),
        ("regression", 3, ModelOutput(value=3.0)),
        ("regression", {"value": np.float32(0.5)}, ModelOutput(value=0.5)),
    ],
)
def test_each_form_of_an_answer_keeps_all_its_parts(
    task: str, answer: object, expected: ModelOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model(task, answer, tmp_path, monkeypatch).outputs([[1.0]]) == [expected]


def test_a_number_that_is_none_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = model("binary", math.nan, tmp_path, monkeypatch).outputs([[1.0]])[0].score
    assert score is not None
    assert math.isnan(score)


@pytest.mark.parametrize(("task", "answer"), [("binary", object()), ("regression", "much"), ("multiclass", {"a": 1})])
def test_what_is_no_answer_is_an_error_that_names_the_option(
    task: str, answer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="--candidate answering:predict"):
        model(task, answer, tmp_path, monkeypatch).outputs([[1.0]])
