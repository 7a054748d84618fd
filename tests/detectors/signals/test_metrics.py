"""Metrics are those of the labelled rows."""

import math

import numpy as np
import pytest

from detectors.build_profile import build_profile
from detectors.metric_counting import LARGEST_LOG_LOSS
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals.metrics import Metrics
from schemas.reading import Reading

from ..builders import (
    DAY,
    START,
    TASKS,
    LabelledRow,
    days,
    key_of,
    layout_of,
    model_spec,
    pane_of,
    profile_of,
    summary_of,
)


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
        f.reading.signal: f.reading
        for f in Metrics(layout).read(pane_of(layout, "cohort", rows, mismatched=mismatched))
    }


def test_binary_metrics_by_hand() -> None:
    pairs = (
        [("yes", "yes")] * 6 + [("yes", "no")] * 2 + [("no", "yes")] * 3 + [("no", "other")] * 9 + [("yes", None)] * 5
    )
    found = readings("binary", pairs)
    assert (found["accuracy"].value, found["accuracy"].n) == (15 / 20, 20)
    assert (found["precision"].value, found["precision"].n) == (6 / 8, 8)
    assert (found["recall"].value, found["recall"].n) == (6 / 9, 9)


def test_what_few_labels_say_is_told_and_unknown() -> None:
    found = readings("binary", [("yes", "yes")] * 6 + [("yes", "no")] * 2 + [("yes", None)] * 12)["accuracy"]
    assert (found.value, found.status) == (6 / 8, "unknown")
    assert found.reason == "label coverage: 8 of 20 rows; label_coverage asks for 0.5"


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
    accuracy = next(f.reading.value for f in Metrics(pane.layout).read(pane))
    assert accuracy == pytest.approx(1 - np.mean([row.loss for row in pane.sample]))


def test_binary_confusion_metrics_by_hand() -> None:
    found = readings("binary", [("yes", "yes")] * 6 + [("yes", "no")] * 2 + [("no", "yes")] * 3 + [("no", "no")] * 9)
    assert found["specificity"].value == 9 / 11
    assert found["f1"].value == 12 / 17
    assert found["balanced_accuracy"].value == (6 / 9 + 9 / 11) / 2
    assert found["matthews_correlation"].value == pytest.approx((6 * 9 - 2 * 3) / math.sqrt(8 * 9 * 11 * 12))
    assert (found["recall"].low, found["recall"].high) == pytest.approx((0.3542, 0.8794), abs=1e-4)  # Wilson


def test_macro_metrics_are_means_over_the_classes_that_occur() -> None:
    pairs = [("low", "low")] * 4 + [("low", "high")] * 2 + [("high", "high")] * 3 + [("high", "low")] * 1
    found = readings("multiclass", pairs)
    assert found["macro_precision"].value == pytest.approx((4 / 6 + 3 / 4) / 2)
    assert found["macro_recall"].value == pytest.approx((4 / 5 + 3 / 5) / 2)
    assert found["macro_f1"].value == pytest.approx((8 / 11 + 6 / 9) / 2)
    assert found["balanced_accuracy"].value == found["macro_recall"].value
    never_true = readings("multiclass", [("low", "low"), ("middle", "low")])
    assert never_true["macro_recall"].value == pytest.approx((1 / 2 + 0) / 2)
    assert never_true["balanced_accuracy"].value == 1 / 2


def scored_pane(task: str) -> tuple[ClosedPane, list[LabelledRow]]:
    spec = model_spec(task)
    rows = days(spec, 1, rows=500, seed=3)
    return pane_of(layout_of(spec, profile_of(spec)), "cohort", rows), rows


def test_scores_against_outcomes_are_those_of_the_rows() -> None:
    pane, rows = scored_pane("binary")
    found = {f.reading.signal: f.reading for f in Metrics(pane.layout).read(pane)}
    scores = np.array([row.score for row, _ in rows])
    truth = np.array([label.label == "yes" for _, label in rows if label])
    assert found["brier_score"].value == pytest.approx(((scores - truth) ** 2).mean(), abs=1e-8)
    p = np.where(truth, scores, 1 - scores)
    assert found["log_loss"].value == pytest.approx(-np.log(np.maximum(p, 2.0**-30)).mean(), abs=1e-6)
    bins = np.searchsorted(pane.layout.score_edges, scores, side="left")
    difference = bins[truth][:, None] - bins[~truth][None, :]
    area = ((difference > 0) + 0.5 * (difference == 0)).mean()
    assert found["roc_auc"].value == pytest.approx(area)
    assert found["roc_auc"].low < area < found["roc_auc"].high
    assert found["roc_auc"].reference == pytest.approx(area, abs=0.1)
    assert 0.5 < found["average_precision"].value < 1


def test_confidence_is_scored_by_whether_the_prediction_was_right() -> None:
    pane, rows = scored_pane("multiclass")
    found = {f.reading.signal: f.reading for f in Metrics(pane.layout).read(pane)}
    expected = np.mean([(row.score - (row.label == label.label)) ** 2 for row, label in rows if label])
    assert found["brier_score"].value == pytest.approx(expected, abs=1e-8)


def test_regression_metrics_are_those_of_the_rows() -> None:
    pane, rows = scored_pane("regression")
    found = {f.reading.signal: f.reading for f in Metrics(pane.layout).read(pane)}
    truth = np.array([label.value for _, label in rows if label])
    errors = np.array([row.value for row, _ in rows]) - truth
    assert found["mean_absolute_error"].value == pytest.approx(np.abs(errors).mean(), rel=1e-6)
    assert found["root_mean_squared_error"].value == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-6)
    assert found["mean_error"].value == pytest.approx(errors.mean(), rel=1e-5)
    assert found["r_squared"].value == pytest.approx(1 - (errors**2).sum() / ((truth - truth.mean()) ** 2).sum())
    scale = pane.layout.loss_scale
    assert scale is not None
    assert found["median_absolute_error"].value == pytest.approx(np.median(np.abs(errors)), abs=scale / 20)
    assert found["mean_error"].low < errors.mean() < found["mean_error"].high


def test_a_large_offset_of_the_numbers_does_not_blur_r_squared() -> None:
    spec = model_spec("regression")
    rows = days(spec, 40, rows=50, first=-100)
    for row, label in rows:
        assert row.value is not None
        assert label is not None
        assert label.value is not None
        row.value, label.value = row.value + 1e9, label.value + 1e9
    layout = layout_of(spec, build_profile("m", None, spec, rows))
    pane = pane_of(layout, "cohort", rows[:50], rows[0][0].time - rows[0][0].time % DAY)
    found = {f.reading.signal: f.reading for f in Metrics(layout).read(pane)}
    truth = np.array([label.value for _, label in rows[:50]])
    errors = np.array([row.value for row, _ in rows[:50]]) - truth
    expected = 1 - (errors**2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert found["r_squared"].value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_metrics_do_not_depend_on_how_labels_are_cut_into_chunks(task: str) -> None:
    spec = model_spec(task)
    layout, rows = layout_of(spec, profile_of(spec)), days(spec, 1, rows=101)
    whole = summary_of(layout, key_of("cohort"), rows)
    parts = summary_of(layout, key_of("cohort"), rows[::-1], chunk=7)
    assert (whole.counts == parts.counts).all()


@pytest.mark.parametrize("task", TASKS)
def test_an_empty_pane_is_unknown_and_never_raises(task: str) -> None:
    spec = model_spec(task)
    for profile in (None, profile_of(spec)):
        layout = layout_of(spec, profile)
        found = list(Metrics(layout).read(pane_of(layout, "cohort", [])))
        assert {f.reading.status for f in found} <= {"unknown"}
        assert all(f.reading.reason for f in found)


def test_scores_out_of_reach_are_clipped() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    rows = [
        (Row(START, str(i), [None] * 4, label="yes", score=s), Label(START, "no")) for i, s in enumerate((1.0, 7.0))
    ]
    found = {f.reading.signal: f.reading.value for f in Metrics(layout).read(pane_of(layout, "cohort", rows))}
    assert found["brier_score"] == 1.0
    assert found["log_loss"] == pytest.approx(LARGEST_LOG_LOSS)


def test_precision_and_recall_are_told_by_segment_for_values_with_labels() -> None:
    spec = model_spec(segments=["region"])
    layout = layout_of(spec, profile_of(spec))
    rows = [one for one in days(spec, 1, rows=300) if one[0].features[1] != "east"]
    found = {
        (f.reading.segment, f.reading.signal): f.reading for f in Metrics(layout).read(pane_of(layout, "cohort", rows))
    }
    assert {segment for segment, _ in found} == {None, "region=north", "region=south"}
    north = [(row.label, label.label) for row, label in rows if row.features[1] == "north" and label]
    hits = north.count(("yes", "yes"))
    assert found["region=north", "precision"].value == hits / sum(said == "yes" for said, _ in north)
    assert found["region=north", "recall"].value == hits / sum(truth == "yes" for _, truth in north)
    assert found["region=north", "recall"].reference == pytest.approx(0.9, abs=0.05)
