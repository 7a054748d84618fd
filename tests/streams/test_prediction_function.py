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
        ("binary", {"probabilities": {0: 0.6, 1: 0.4}}, ModelOutput(score=0.4, probabilities={"0": 0.6, "1": 0.4})),
        ("binary", {"label": 0, "probabilities": {"0": 1.0}}, ModelOutput("0", probabilities={"0": 1.0})),
        ("multiclass", {"probabilities": {1: 0.25, 2: 0.75}}, ModelOutput("2", 0.75, None, {"1": 0.25, "2": 0.75})),
        ("multiclass", {"label": 1, "probabilities": {1: 0.25}}, ModelOutput("1", 0.25, None, {"1": 0.25})),
        ("regression", 3, ModelOutput(value=3.0)),
        ("regression", {"value": np.float32(0.5)}, ModelOutput(value=0.5)),
    ],
)
def test_each_form_of_an_answer_keeps_all_its_parts(
    task: str, answer: object, expected: ModelOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model(task, answer, tmp_path, monkeypatch).outputs([[1.0]]) == [expected]


@pytest.mark.parametrize(
    ("task", "answer", "said"),
    [
        ("binary", 0.5, "1"),
        ("binary", 0.4, "not 1"),
        ("binary", {"probabilities": {"0": 0.6, "1": 0.4}}, "not 1"),
        ("multiclass", {"probabilities": {"a": 0.5, "b": 0.5}}, "a"),
        ("regression", {"value": 2}, 2.0),
    ],
)
def test_called_it_says_the_class_or_the_number(
    task: str, answer: object, said: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model(task, answer, tmp_path, monkeypatch)([[1.0]]) == [said]


def test_an_answer_that_settles_no_class_is_an_error_where_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="says no class"):
        model("binary", math.nan, tmp_path, monkeypatch)([[1.0]])


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
