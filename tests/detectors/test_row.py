"""A prediction becomes the row that is counted."""

import math
from typing import Any

import pytest

from detectors.row import row_of, task_problem
from detectors.row_shape import RowShape
from schemas.prediction import FeatureValue, Prediction

from .builders import START, TASKS, model_spec


def prediction(output: dict[str, Any], **features: Any) -> Prediction:
    return Prediction.model_validate(
        {
            "prediction_id": "p",
            "model": "m",
            "timestamp": "2019-04-14T00:00:01Z",
            "features": features,
            "output": output,
        }
    )


def test_features_come_in_the_order_of_the_monitor_file() -> None:
    row = row_of(prediction({"label": "yes"}, region="north", income=3.5, owner=True), model_spec())
    assert (row.time, row.features, row.unexpected) == (START + 1_000_000, [3.5, "north", True, None], False)


def test_a_feature_that_nobody_declared_is_noted_and_left_out() -> None:
    row = row_of(prediction({"label": "yes"}, income=1, shoe_size=44), model_spec())
    assert (len(row.features), row.unexpected) == (4, True)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(7, 7.0), (2**63, 2.0**63), (-(10**400), math.inf), (-math.inf, math.inf), ("7", math.inf), (True, math.inf)],
)
def test_a_numeric_feature_is_a_float_and_what_is_none_is_infinite(value: FeatureValue, kept: float) -> None:
    row = row_of(prediction({"label": "yes"}).model_copy(update={"features": {"income": value}}), model_spec())
    assert row.features[0] == kept
    assert type(row.features[0]) is float


@pytest.mark.parametrize(("value", "kept"), [(2**63 - 1, 2**63 - 1), (2**63, math.inf), (-(10**400), -math.inf)])
def test_whole_numbers_of_more_than_64_bits_become_infinite(value: int, kept: float) -> None:
    row = row_of(prediction({"label": "yes"}).model_copy(update={"features": {"region": value}}), model_spec())
    assert row.features[1] == kept


def test_there_is_one_zero() -> None:
    event = prediction({"score": -0.0}, income=-0.0).model_copy(update={"latency_ms": -0.0})
    row = row_of(event, model_spec())
    assert [str(one) for one in (row.features[0], row.score, row.latency_ms)] == ["0.0"] * 3


@pytest.mark.parametrize("task", TASKS)
def test_a_row_holds_what_its_task_asks_for_and_comes_back_from_columns(task: str) -> None:
    said = {"label": "a", "score": 0.5, "value": 3, "text": "an answer", "probabilities": {"a": 0.25}}
    event, spec = prediction(said, income=None, region="north", owner=1), model_spec(task)
    row, shape = row_of(event, spec), RowShape(spec)
    kept = {"binary": ("a", 0.5), "multiclass": ("a", 0.25), "regression": (None, None), "text": (None, None)}
    assert (row.label, row.score) == kept[task]
    assert (row.value, row.text) == (3.0 if task == "regression" else None, "an answer" if task == "text" else None)
    columns = (shape.numbers(row), shape.values(row), shape.said(row))
    assert shape.row(row.id, row.time, *columns, row.unexpected) == row


@pytest.mark.parametrize(("score", "label"), [(0.5, "yes"), (0.49, "not yes")])
def test_a_score_alone_is_a_label_by_the_threshold(score: float, label: str) -> None:
    row = row_of(prediction({"score": score}), model_spec())
    assert (row.label, row.score) == (label, score)


def test_probabilities_give_the_class_and_its_confidence() -> None:
    spec = model_spec("multiclass")
    row = row_of(prediction({"probabilities": {"low": 0.2, "high": 0.5, "middle": 0.3}}), spec)
    assert (row.label, row.score) == ("high", 0.5)
    given = row_of(prediction({"label": "low", "probabilities": {"low": 0.2, "high": 0.8}}), spec)
    assert (given.label, given.score) == ("low", 0.2)


def test_equal_probabilities_give_the_same_class_in_any_order() -> None:
    spec = model_spec("multiclass")
    orders = [{"b": 0.5, "a": 0.5}, {"a": 0.5, "b": 0.5}]
    assert len({row_of(prediction({"probabilities": order}), spec).label for order in orders}) == 1


@pytest.mark.parametrize("task", TASKS)
def test_an_output_of_another_task_is_a_problem(task: str) -> None:
    fitting = {"binary": {"score": 0.1}, "multiclass": {"label": "a"}, "regression": {"value": 1}, "text": {"text": ""}}
    for kind, output in fitting.items():
        # a class alone suits both kinds of classification
        fits = kind == task or (kind, task) == ("multiclass", "binary")
        assert (task_problem(prediction(output), model_spec(task)) is None) == fits


def test_declared_scores_and_the_uncertainty_of_probabilities_are_kept() -> None:
    spec = model_spec("multiclass", scores={"toxicity": None, "length": None})
    shares = {"probabilities": {"low": 0.5, "high": 0.5}}
    event = prediction(shares).model_copy(update={"scores": {"length": math.inf, "unknown": 1.0, "toxicity": -0.0}})
    assert repr(row_of(event, spec).extras) == repr((0.0, math.inf, 1.0, 0.0))
    assert row_of(prediction(shares), spec).extras == (None, None, 1.0, 0.0)
    assert row_of(prediction({"label": "low"}), spec).extras == ()
    assert row_of(prediction({"label": "yes"}), model_spec(scores={"toxicity": None})).extras == ()


@pytest.mark.parametrize("extras", [(), (None, 0.5, None, None), (1.0, math.inf, 0.5, 0.25)])
def test_they_are_packed_with_the_row(extras: tuple[float | None, ...]) -> None:
    spec = model_spec("multiclass", scores={"toxicity": None, "length": None})
    row, shape = row_of(prediction({"label": "low"}), spec), RowShape(spec)
    row.extras = extras
    numbers = shape.numbers(row)
    assert len(numbers) == shape.width == 1 + 4 + 2
    assert shape.row(row.id, row.time, numbers, shape.values(row), shape.said(row), row.unexpected) == row
