"""Calibration alarms where like scores no longer mean the same, up or down, and not where traffic alone moves."""

import math
import random

import numpy as np
import pytest

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.reliability import groups_of, hits_of
from detectors.row import Label, Row
from detectors.signals.calibration import Calibration, CalibrationError, calibrations
from detectors.signals.signal import Finding

from ..builders import DAY, START, LabelledRow, days, layout_of, model_spec, pane_of, profile_of, read

SPEC = model_spec(features={"income": "numeric"})


def scored(count: int, first: int = 0, rows: int = 300, centre: float = 0.0, turn: float = 0.0) -> list[LabelledRow]:
    """Scores whose log odds are right, but for `turn` that is added to the true ones."""
    rng, result = random.Random(first), []
    for day in range(first, first + count):
        for i in range(rows):
            x = rng.gauss(centre, 2)
            score, truth = 1 / (1 + math.exp(-x)), rng.random() < 1 / (1 + math.exp(-x - turn))
            row = Row(START + day * DAY + i, f"{day}-{i}", [x], label="yes" if x > 0 else "no", score=score)
            result.append((row, Label(row.time + DAY, "yes" if truth else "no")))
    return result


def calibrated() -> Layout:
    return layout_of(SPEC, build_profile("m", None, SPEC, scored(60, first=-100)))


def cohorts(layout: Layout, rows: list[LabelledRow]) -> list[ClosedPane]:
    days_of: dict[int, list[LabelledRow]] = {}
    for row, label in rows:
        days_of.setdefault(row.time - row.time % DAY, []).append((row, label))
    return [pane_of(layout, "cohort", members, start) for start, members in sorted(days_of.items())]


def findings(layout: Layout, panes: list[ClosedPane]) -> list[Finding]:
    return [one for signal in calibrations(layout, 0.05) for one in read(signal, panes)]


def test_groups_cover_all_bins_once_and_promise_about_the_same() -> None:
    layout = calibrated()
    groups = groups_of(layout)
    assert [bin_ for one in groups for bin_ in range(one.start, one.end)] == list(range(len(layout.score_edges) + 1))
    assert 5 <= len(groups) <= 10
    assert max(one.most - one.least for one in groups) < 0.157  # sin² of half a cell to either side of the middle
    reference = vector(layout, "cohort")
    assert sum(hits_of(layout, reference, one)[1] for one in groups) == 60 * 300


@pytest.mark.parametrize(("turn", "bet"), [(0.9, "rose"), (-0.9, "fell")])
def test_scores_that_mean_something_else_alarm_and_the_group_is_named(turn: float, bet: str) -> None:
    layout = calibrated()
    firing = next(one for one in findings(layout, cohorts(layout, scored(40, turn=turn))) if one.firing)
    assert firing.firing is not None
    assert firing.firing.severity == "alarm"
    assert (firing.firing.value > firing.firing.baseline) == (bet == "rose")
    assert (firing.firing.baseline > firing.firing.reference) == (bet == "rose")
    assert (firing.reading.segment or "").startswith("score=")
    assert "outcome yes at score" in firing.firing.what


@pytest.mark.parametrize("centre", [0.0, 1.5, -1.0])
def test_traffic_that_moves_is_no_change_of_the_calibration(centre: float) -> None:
    layout = calibrated()
    assert not any(one.firing for one in findings(layout, cohorts(layout, scored(80, centre=centre))))


def test_a_change_below_the_minimum_effect_is_none() -> None:
    spec = model_spec(features={"income": "numeric"}, minimum_effect={"calibration": 0.3})
    layout = layout_of(spec, calibrated().profile)
    assert not any(one.firing for one in findings(layout, cohorts(layout, scored(40, turn=0.9))))


def test_groups_share_the_weight() -> None:
    layout = calibrated()
    stakes = [weight for one in calibrations(layout, 0.05) for _, weight in one.stakes]
    assert len(stakes) > 4
    assert sum(stakes) == pytest.approx(0.05)


def test_multiclass_asks_whether_the_prediction_was_right() -> None:
    spec = model_spec("multiclass")
    layout = layout_of(spec, profile_of(spec))
    found = findings(layout, [pane_of(layout, "cohort", days(spec, 1, rows=200))])
    assert found
    assert all((one.reading.segment or "").startswith("confidence=") for one in found)


def test_too_few_labels_or_rows_are_unknown() -> None:
    layout = calibrated()
    rows = [(row, label if i % 4 == 0 else None) for i, (row, label) in enumerate(scored(1))]
    (pane,) = cohorts(layout, rows)
    found = findings(layout, [pane])
    assert {one.reading.status for one in found} == {"unknown"}
    assert "label_coverage" in (found[0].reading.reason or "")
    short = layout_of(SPEC, build_profile("m", None, SPEC, scored(10, first=-100)))
    group = groups_of(short)[0]
    (one,) = read(Calibration(short, group, 1, 0.05), cohorts(short, scored(1)))
    assert "30 are needed" in (one.reading.reason or "")


def test_the_error_is_the_mean_distance_of_scores_from_what_came_true() -> None:
    layout = calibrated()
    rows = scored(1, rows=2_000)
    (finding,) = read(CalibrationError(layout), cohorts(layout, rows))
    scores = np.array([row.score for row, _ in rows])
    hits = np.array([label.label == "yes" for _, label in rows if label])
    bins = np.searchsorted(layout.score_edges, scores, side="left")
    expected = sum(
        abs((hits - scores)[(bins >= one.start) & (bins < one.end)].sum()) for one in groups_of(layout)
    ) / len(rows)
    assert finding.reading.value == pytest.approx(expected, abs=1e-6)
    (turned,) = read(CalibrationError(layout), cohorts(layout, scored(1, rows=2_000, turn=2.0)))
    assert turned.reading.value > 0.1 > finding.reading.value


def test_without_a_calibrated_reference_there_is_nothing_to_bet_on() -> None:
    layout = layout_of(SPEC, None)
    assert calibrations(layout, 0.05) == []
    (finding,) = read(CalibrationError(layout), cohorts(layout, scored(1)))
    assert (finding.reading.status, finding.reading.value) == ("unknown", None)
