"""Accuracy, precision and recall are those of the labelled rows."""

import numpy as np
import pytest

from detectors.row import Label, Row
from detectors.signals.confusion import Confusion
from schemas.reading import Reading

from ..builders import START, days, layout_of, model_spec, pane_of, profile_of


def readings(
    task: str, pairs: list[tuple[str, str | None]], profiled: bool = True, mismatched: int = 0
) -> dict[str, Reading]:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec) if profiled else None)
    rows = [
        (Row(START, str(i), [None] * 4, label=predicted), None if actual is None else Label(START, actual))
        for i, (predicted, actual) in enumerate(pairs)
    ]
    return {
        f.reading.signal: f.reading for f in Confusion().read(pane_of(layout, "cohort", rows, mismatched=mismatched))
    }


def test_binary_metrics_by_hand() -> None:
    pairs = (
        [("yes", "yes")] * 6 + [("yes", "no")] * 2 + [("no", "yes")] * 3 + [("no", "other")] * 9 + [("yes", None)] * 5
    )
    found = readings("binary", pairs)
    assert (found["accuracy"].value, found["accuracy"].n) == (15 / 20, 20)
    assert (found["precision"].value, found["precision"].n) == (6 / 8, 8)
    assert (found["recall"].value, found["recall"].n) == (6 / 9, 9)


def test_multiclass_accuracy_by_hand() -> None:
    pairs = [("low", "low")] * 5 + [("high", "middle")] * 3 + [("middle", "middle")] * 2
    assert readings("multiclass", pairs)["accuracy"].value == 0.7


def test_classes_that_nobody_named_are_right_when_they_are() -> None:
    pairs = [("new", "new")] * 3 + [("new", "newer")] * 1
    assert readings("multiclass", pairs)["accuracy"].value == 0.75


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_no_reference_is_needed(task: str) -> None:
    assert readings(task, [("yes", "yes"), ("yes", "no")], profiled=False)["accuracy"].value == 0.5


def test_nothing_to_take_it_of_is_unknown() -> None:
    found = readings("binary", [("no", "no")])
    assert found["accuracy"].status == "ok"
    assert {found["precision"].status, found["recall"].status} == {"unknown"}
    assert readings("binary", [("no", None)])["accuracy"].status == "unknown"


def test_a_part_of_the_cohort_is_unknown() -> None:
    assert {r.status for r in readings("binary", [("yes", "yes")], mismatched=1).values()} == {"unknown"}


def test_accuracy_is_what_the_error_rate_leaves() -> None:
    spec = model_spec()
    pane = pane_of(layout_of(spec, profile_of(spec)), "cohort", days(spec, 1, rows=333))
    accuracy = next(f.reading.value for f in Confusion().read(pane))
    assert accuracy == pytest.approx(1 - np.mean([row.loss for row in pane.sample]))
