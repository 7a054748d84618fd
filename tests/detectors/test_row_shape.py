"""A row packed and unpacked is the row; columns of rows are the rows, turned."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.row import Row, row_of
from detectors.row_shape import LATENCY, OUTPUT, RowShape
from schemas.prediction import Prediction

from .builders import START, TASKS, labelled_row, model_spec

KINDS = {"a": "numeric", "b": "categorical", "c": "numeric", "d": "text", "e": "boolean", "f": "datetime"}
ODD: list[Any] = [None, 0, -0.0, 1, 2**62, -(2**70), 10**308, 1.5, 5e-324, True, False, "", "1", "ü", "nan"]
OUTPUTS: dict[str, list[dict[str, Any]]] = {
    "binary": [{"label": "yes"}, {"score": 0.5}, {"label": "no", "score": 0.0}],
    "multiclass": [{"label": "low"}, {"probabilities": {"low": 0.25, "high": 0.75}}],
    "regression": [{"value": 1.5}, {"value": -0.0}, {"value": 2**60}],
    "text": [{"text": ""}, {"text": "ü" * 3_000}],
}


@given(st.sampled_from(TASKS), st.data())
def test_a_row_is_read_back_as_it_was(task: str, data: st.DataObject) -> None:
    spec = model_spec(task, features=KINDS)
    event = {
        "prediction_id": data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)), "model": "m",
        "version": "1", "timestamp": "2026-01-01T00:00:00Z",
        "features": data.draw(st.dictionaries(st.sampled_from([*KINDS, "not declared"]), st.sampled_from(ODD))),
        "output": data.draw(st.sampled_from(OUTPUTS[task])),
        "latency_ms": data.draw(st.sampled_from([None, 0, 1.5])),
    }  # fmt: skip
    row, shape = row_of(Prediction.model_validate(event), spec), RowShape(spec)
    again = shape.row(row.id, row.time, shape.numbers(row), shape.values(row), shape.said(row), row.unexpected)
    assert again == row
    assert repr(again) == repr(row), "types, and the sign of zero"
    assert shape.numbers(again) == shape.numbers(row)


@pytest.mark.parametrize("task", TASKS)
def test_columns_are_the_rows_turned(task: str) -> None:
    spec, rng = model_spec(task, features=KINDS), random.Random(1)
    shape = RowShape(spec)
    rows = [labelled_row(spec, rng, START + n, str(n))[0] for n in range(30)]
    for n, row in enumerate(rows):
        row.unexpected = n % 3 == 0
        row.features[0] = [None, math.inf, 2.5][n % 3]
        row.latency_ms = None if n % 4 == 0 else 1.5
    columns = shape.columns_of(rows)
    assert len(columns) == 30
    width = 6 if task == "multiclass" else 4
    assert columns.numbers.shape == (30, shape.width) == (30, width)
    assert columns.times.tolist() == [row.time for row in rows]
    for n, row in enumerate(rows):
        numbers = [row.features[0], row.features[2], None, row.latency_ms]
        expected = [math.nan if number is None else number for number in numbers]
        np.testing.assert_array_equal(columns.numbers[n, [0, 1, LATENCY]], np.array(expected)[[0, 1, 3]])
        assert [values[n] for values in columns.values] == [row.features[position] for position in (1, 3, 4, 5)]
        assert columns.said[n] == (row.text if task == "text" else row.label)
        output = {"regression": row.value, "text": row.text_length}.get(task, row.score)
        np.testing.assert_array_equal(columns.numbers[n, OUTPUT], math.nan if output is None else output)
    assert columns.unexpected.tolist() == [n % 3 == 0 for n in range(30)]


def test_no_rows_have_all_columns() -> None:
    shape = RowShape(model_spec(features=KINDS))
    columns = shape.columns_of([])
    assert columns.numbers.shape == (0, 4)
    assert [len(values) for values in columns.values] == [0, 0, 0, 0]
    assert len(columns) == 0


def test_a_model_of_numbers_alone_has_no_other_columns() -> None:
    shape = RowShape(model_spec("regression", features={"x": "numeric"}))
    columns = shape.columns_of([Row(START, "a", [1.5], value=2.0), Row(START, "b", [None], value=3.0)])
    assert list(columns.values) == []
    np.testing.assert_array_equal(columns.numbers, [[1.5, 2.0, math.nan], [math.nan, 3.0, math.nan]])
