"""Performance is estimated near what comes true while the calibration holds, and graded when it does."""

import math
import random

import numpy as np
import pytest

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals.calibration import calibrations
from detectors.signals.estimate import EstimatedPerformance
from detectors.signals.signal import Finding
from detectors.state import decode, encode

from ..builders import DAY, START, LabelledRow, days, layout_of, model_spec, pane_of, profile_of, read

SPEC = model_spec(features={"income": "numeric"})


def loans(count: int, rows: int, shift: float, seed: int, first: int = 0, flip: float = 0.0) -> list[LabelledRow]:
    """Scores like car_loan's: bimodal, overconfident, so that only a calibrated estimate is right."""
    rng, result = random.Random(seed), []
    for day in range(first, first + count):
        for i in range(rows):
            x = rng.gauss(shift, 2.5)
            truth = rng.random() < 1 / (1 + math.exp(-x))
            truth = not truth if rng.random() < flip else truth
            score = 1 / (1 + math.exp(-1.8 * x))
            row = Row(START + day * DAY + i, f"{day}-{i}", [x], label="yes" if score >= 0.5 else "no", score=score)
            result.append((row, Label(row.time + DAY, "yes" if truth else "no")))
    return result


def loan_layout() -> Layout:
    return layout_of(SPEC, build_profile("m", None, SPEC, loans(40, 500, 1.0, seed=0, first=-100)))


def estimate(signal: EstimatedPerformance, layout: Layout, rows: list[LabelledRow], start: int = START) -> float:
    found = read(signal, [pane_of(layout, "traffic", rows, start)])
    value = next(one.reading.value for one in found if one.reading.signal == "estimated_accuracy")
    assert value is not None
    return value


@pytest.mark.parametrize("shift", [1.0, 0.0, -1.0, 2.5])
def test_it_follows_the_accuracy_when_inputs_drift(shift: float) -> None:
    layout = loan_layout()
    rows = loans(1, 20_000, shift, seed=1)
    realised = np.mean([row.label == label.label for row, label in rows])
    # twice the standard error of what comes true, and what 100 bins and 20,000 reference rows cost
    assert estimate(EstimatedPerformance(layout), layout, rows) == pytest.approx(realised, abs=0.01)


def test_raw_scores_would_promise_too_much() -> None:
    layout, rows = loan_layout(), loans(1, 20_000, 0.0, seed=1)
    realised = np.mean([row.label == label.label for row, label in rows])
    raw = np.mean([max(row.score, 1 - row.score) for row, _ in rows])
    found = estimate(EstimatedPerformance(layout), layout, rows)
    assert abs(found - realised) < abs(raw - realised) / 4


def test_it_equals_the_mean_of_calibrated_scores() -> None:
    layout, rows = loan_layout(), loans(1, 300, 0.5, seed=2)
    assert layout.profile is not None
    calibrated = np.array(layout.profile.calibration)
    p = calibrated[np.searchsorted(layout.score_edges, [row.score for row, _ in rows])]
    right = np.where([row.label == "yes" for row, _ in rows], p, 1 - p)
    assert estimate(EstimatedPerformance(layout), layout, rows) == pytest.approx(right.mean())


def test_multiclass_confidence_is_calibrated_too() -> None:
    spec = model_spec("multiclass", features={"income": "numeric"})

    def rows(low: float, seed: int) -> list[LabelledRow]:
        rng, result = random.Random(seed), []
        for i in range(20_000):
            score = rng.uniform(low, 1)
            truth = "a" if rng.random() < score**2 else "b"
            row = Row(START + i * 2_000_000_000, str(i), [0.0], label="a", score=score)
            result.append((row, Label(row.time, truth)))
        return result

    layout = layout_of(spec, build_profile("m", None, spec, rows(0.3, 0)))
    drifted = rows(0.6, 1)
    realised = np.mean([row.label == label.label for row, label in drifted])
    assert estimate(EstimatedPerformance(layout), layout, drifted) == pytest.approx(realised, abs=0.01)


def test_it_is_graded_by_the_cohort_and_sees_no_change_of_the_concept() -> None:
    layout = loan_layout()
    signal = EstimatedPerformance(layout)
    sound, turned = loans(1, 5_000, 1.0, seed=3), loans(1, 5_000, 1.0, seed=4, first=1, flip=0.2)
    guesses = [estimate(signal, layout, rows, START + day * DAY) for day, rows in enumerate((sound, turned))]
    assert guesses[0] == pytest.approx(guesses[1], abs=0.02)
    errors = []
    for day, rows in enumerate((sound, turned)):
        finding, grade = read(signal, [pane_of(layout, "cohort", rows, START + day * DAY)])
        realised = np.mean([row.label == label.label for row, label in rows])
        assert finding.reading.signal == "estimate_error"
        assert grade.reading.signal == "estimate_grade"
        assert finding.reading.value == pytest.approx(guesses[day] - realised, abs=1e-6)
        errors.append(finding.reading.value)
    assert abs(errors[0]) < 0.02
    assert errors[1] > 0.05


def test_a_cohort_that_nobody_estimated_or_labelled_is_not_graded() -> None:
    layout, rows = loan_layout(), loans(1, 100, 1.0, seed=5)
    signal = EstimatedPerformance(layout)
    assert list(signal.read(pane_of(layout, "cohort", rows))) == []
    estimate(signal, layout, rows)
    few = [(row, label if i < 49 else None) for i, (row, label) in enumerate(rows)]
    assert list(signal.read(pane_of(layout, "cohort", few))) == []


def test_estimates_that_wait_for_their_cohort_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.signals.estimate.WAITING", 3)
    layout, rows = loan_layout(), loans(1, 10, 1.0, seed=6)
    signal = EstimatedPerformance(layout)
    for day in range(10):
        estimate(signal, layout, rows, START + day * DAY)
    assert sorted(signal._waiting) == [START + day * DAY for day in (7, 8, 9)]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no reference", "no reference profile"),
        ("uncalibrated", "no rows with both a score and a label"),
        ("no scores", "no prediction in the pane has a score"),
        ("mismatched", "1 source partitions"),
    ],
)
def test_what_cannot_be_estimated_is_unknown_with_the_reason(case: str, reason: str) -> None:
    profile = {
        "no reference": None,
        "uncalibrated": profile_of(SPEC).model_copy(update={"calibration": []}),
    }.get(case, profile_of(SPEC))
    layout = layout_of(SPEC, profile)
    rows = days(SPEC, 1)
    for row, _ in rows:
        row.score = None if case == "no scores" else row.score
    pane = pane_of(layout, "traffic", rows, mismatched=int(case == "mismatched"))
    for finding in read(EstimatedPerformance(layout), [pane]):
        assert (finding.reading.status, finding.reading.value) == ("unknown", None)
        assert reason in (finding.reading.reason or "")


@pytest.mark.parametrize(
    ("weight", "panes", "reason"),
    [(0.05, 10, "the reference has 10 panes"), (0.0, 40, "its weights are 0: nothing is staked on it")],
)
def test_an_estimate_that_nothing_judges_is_told_and_unknown(weight: float, panes: int, reason: str) -> None:
    spec = model_spec(weights={"estimates": weight}, notice_weights={"estimates": weight})
    layout = layout_of(spec, profile_of(spec, panes=panes))
    found = read(EstimatedPerformance(layout), [pane_of(layout, "traffic", days(spec, 1))])[0].reading
    assert found.status == "unknown"
    assert reason in (found.reason or "")
    assert found.value == pytest.approx(0.9, abs=0.1)


def test_binary_metrics_are_what_nannyml_defines() -> None:
    layout, rows = loan_layout(), loans(1, 4_000, 0.5, seed=7)
    assert layout.profile is not None
    scores = np.array([row.score for row, _ in rows])
    p = np.array(layout.profile.calibration)[np.searchsorted(layout.score_edges, scores)]
    said = scores >= 0.5
    tp, fp, fn = p[said].sum(), (1 - p)[said].sum(), p[~said].sum()
    found = {
        one.reading.signal: one.reading
        for one in read(EstimatedPerformance(layout), [pane_of(layout, "traffic", rows)])
    }
    assert found["estimated_precision"].value == pytest.approx(tp / (tp + fp))
    assert found["estimated_recall"].value == pytest.approx(tp / (tp + fn))
    assert found["estimated_f1"].value == pytest.approx(2 * tp / (2 * tp + fp + fn))
    order = np.argsort(scores)[::-1]
    tps, fps = np.cumsum(p[order]), np.cumsum(1 - p[order])  # row by row, as NannyML does
    area = np.trapezoid(np.r_[0, tps] / tps[-1], np.r_[0, fps] / fps[-1])
    assert found["estimated_roc_auc"].value == pytest.approx(area, abs=1e-4)
    assert found["estimated_roc_auc"].reference == pytest.approx(0.9, abs=0.1)


def days_of(layout: Layout, count: int, shift: float, first: int = 0, flip: float = 0.0) -> list[ClosedPane]:
    """Traffic and cohort of each day, the cohort two days later."""
    panes = []
    for day in range(first, first + count):
        rows = loans(1, 400, shift, seed=1_000 + day, first=day, flip=flip)
        panes += [pane_of(layout, family, rows, START + day * DAY) for family in ("traffic", "cohort")]
    return sorted(panes, key=lambda pane: (pane.due, pane.key.family))


def statuses(findings: list[Finding]) -> list[str]:
    return [one.reading.status for one in findings if one.reading.signal == "estimated_accuracy"]


def test_scores_that_turn_uncertain_are_a_notice_and_calm_ones_are_not() -> None:
    layout = loan_layout()
    signal = EstimatedPerformance(layout)
    assert set(statuses(read(signal, days_of(layout, 30, 1.0)))) == {"ok"}
    firings = [one.firing for one in read(signal, days_of(layout, 10, -0.3, first=30)) if one.firing]
    assert {one.severity for one in firings} == {"notice"}
    assert firings[0].weight == SPEC.notice_weights.estimates
    assert firings[0].value < firings[0].baseline < firings[0].reference  # accuracies


@pytest.mark.parametrize(("effect", "severities"), [(0.0, {"notice"}), (0.03, {"notice", "alarm"})])
def test_only_an_estimate_that_is_graded_below_the_minimum_effect_alarms(effect: float, severities: set[str]) -> None:
    spec = model_spec(features={"income": "numeric"}, minimum_effect={"error_rate": effect})
    layout = layout_of(spec, build_profile("m", None, spec, loans(40, 500, 2.5, seed=0, first=-100)))
    signal = EstimatedPerformance(layout)
    read(signal, days_of(layout, 20, 2.5))
    fallen = read(signal, days_of(layout, 15, 0.0, first=20))
    assert {one.firing.severity for one in fallen if one.firing} == severities


def test_an_estimate_that_the_grades_contradict_is_unknown_and_says_why() -> None:
    layout = loan_layout()
    signal = EstimatedPerformance(layout)
    read(signal, days_of(layout, 10, 1.0))
    turned = read(signal, days_of(layout, 10, 1.0, first=10, flip=0.25))
    last = [one.reading for one in turned if one.reading.signal == "estimated_accuracy"][-1]
    assert (last.status, last.value) == ("unknown", None)
    assert "CBPE cannot see a change of the concept" in (last.reason or "")
    assert not any(one.firing for one in turned)
    back = read(signal, days_of(layout, 20, 1.0, first=20))
    assert statuses(back)[-1] == "ok"


def test_an_open_change_of_the_calibration_makes_the_estimate_unknown() -> None:
    layout = loan_layout()
    groups = calibrations(layout, 0.05)
    signal = EstimatedPerformance(layout, groups)
    turned = days_of(layout, 20, 1.0, flip=0.25)
    for pane in turned:
        if pane.key.family == "cohort":
            for group in groups:
                list(group.read(pane))
    assert any(group.open for group in groups)
    (first, *_) = read(signal, turned[:1])
    assert first.reading.status == "unknown"
    assert "calibration is open" in (first.reading.reason or "")
    again = decode(encode([*groups, signal]))
    assert statuses(read(again[-1], turned[:1])) == ["unknown"]  # a snapshot keeps what refers to what
