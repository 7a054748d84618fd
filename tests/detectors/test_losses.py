"""A label says how wrong a prediction was, or it does not say."""

import math
from typing import Any

import numpy as np
import pytest

from detectors.losses import NO_CLASS, class_keys, losses, losses_of
from detectors.row import Label, Row

from .builders import START, TASKS, model_spec


def loss(task: str, row: dict[str, Any], label: dict[str, Any]) -> float | None:
    (found,) = losses_of(model_spec(task), [(Row(START, "p", [], **row), Label(START, **label))]).tolist()
    return None if math.isnan(found) else found


@pytest.mark.parametrize(
    ("task", "row", "label", "expected"),
    [
        ("binary", {"label": "yes"}, {"label": "yes"}, 0.0),
        ("binary", {"label": "yes"}, {"label": "no"}, 1.0),
        ("binary", {"label": "not yes"}, {"label": "no"}, 0.0),
        ("binary", {"label": "no"}, {"label": "yes"}, 1.0),
        ("binary", {"label": "yes"}, {"rating": 0.5}, None),
        ("binary", {}, {"label": "yes"}, None),
        ("multiclass", {"label": "low"}, {"label": "low"}, 0.0),
        ("multiclass", {"label": "low"}, {"label": "high"}, 1.0),
        ("multiclass", {}, {"label": "high"}, None),
        ("multiclass", {"label": "low"}, {"value": 1.0}, None),
        ("regression", {"value": 5.0}, {"value": 7.5}, 2.5),
        ("regression", {"value": 5.0}, {"value": 5.0}, 0.0),
        ("regression", {"value": 1.7e308}, {"value": -1.7e308}, math.inf),
        ("regression", {}, {"value": 5.0}, None),
        ("regression", {"value": 5.0}, {"label": "5"}, None),
        ("text", {"text": "a"}, {"rating": 0.25}, 0.75),
        ("text", {"text": "a"}, {"rating": 0.25, "label": "b"}, 0.75),
        ("text", {"text": "a"}, {"label": "b"}, 1.0),
        ("text", {"text": "a"}, {"value": 1.0}, None),
    ],
)
def test_losses(task: str, row: dict[str, Any], label: dict[str, Any], expected: float | None) -> None:
    assert loss(task, row, label) == expected


@pytest.mark.parametrize("task", TASKS)
def test_no_rows_have_no_losses(task: str) -> None:
    assert losses_of(model_spec(task), []).shape == (0,)


def test_losses_of_arrays() -> None:
    keys, none = np.array([1, 0, NO_CLASS, 1]), np.full(4, np.nan)
    found = losses(model_spec(), keys, none, np.array([1, 1, 1, NO_CLASS]), none, none, np.array([True] * 3 + [False]))
    assert np.array_equal(found, [0.0, 1.0, np.nan, np.nan], equal_nan=True)
    assert found.dtype == np.float64


def test_keys_of_two_classes_are_their_codes() -> None:
    assert class_keys(model_spec(), ["yes", "no", "maybe", None]).tolist() == [1, 0, 0, NO_CLASS]


def test_keys_of_many_classes_are_the_same_for_ever() -> None:
    keys = class_keys(model_spec("multiclass"), ["low", "high", None, "\udc80", "low"])
    assert keys[0] == keys[4] == 3654337942797519685
    assert keys[2] == NO_CLASS
    assert len(set(keys.tolist())) == 4
    assert (keys[[0, 1, 3]] >= 0).all()
