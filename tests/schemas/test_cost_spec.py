"""A cost matrix speaks of the classes of the model, and an error says where it does not."""

from typing import Any

import pytest
from pydantic import ValidationError

from ..detectors.builders import model_spec


@pytest.mark.parametrize(
    ("task", "matrix", "settings", "message"),
    [
        ("regression", {"a": {"b": 1}}, {}, "costs.matrix is for classes; this task is regression"),
        ("multiclass", {"a": {"b": 1}}, {}, "costs.matrix needs classes"),
        (
            "multiclass",
            {"a": {"x": 1}},
            {"classes": ["a", "b"]},
            "costs.matrix.a.x: 'x' is not a class; those are a, b",
        ),
        ("multiclass", {"x": {"a": 1}}, {"classes": ["a", "b"]}, "costs.matrix.x: 'x' is not a class; those are a, b"),
        ("binary", {"no": {"yes": 1}, "nay": {"yes": 1}}, {}, "one class beside 'yes', not nay, no"),
        ("binary", {"maybe": {"yes": 1}}, {"classes": ["yes", "no"]}, "costs.matrix.maybe"),
        ("binary", {"yes": {"no": 0}}, {}, "no mistake costs anything"),
        ("binary", {"yes": {"no": -1}}, {}, "costs.matrix.yes.no"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused_with_its_place(
    task: str, matrix: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model_spec(task, costs={"matrix": matrix}, **settings)
    (error,) = caught.value.errors()
    assert message in ".".join(map(str, error["loc"])) + ": " + error["msg"]


def test_classes_are_compared_as_text() -> None:
    spec = model_spec(positive_label=1, classes=[0, 1], costs={"matrix": {1: {0: 5}, 0: {1: 1}}})
    assert spec.costs.matrix == {"1": {"0": 5.0}, "0": {"1": 1.0}}


def test_a_minimum_effect_on_the_cost_needs_a_matrix() -> None:
    with pytest.raises(ValidationError, match=r"minimum_effect\.cost does nothing without costs\.matrix"):
        model_spec(minimum_effect={"cost": 1.0})
    model_spec(minimum_effect={"cost": 1.0}, costs={"matrix": {"yes": {"no": 5}}})
