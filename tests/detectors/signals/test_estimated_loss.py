"""A regression's error is estimated before labels come, graded when they do, and judged once the grades allow."""

import math
import random

import pytest

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals.catalogue import signals_of
from detectors.signals.estimated_loss import EstimatedLoss
from detectors.signals.signal import Finding
from detectors.state import decode, encode

from ..builders import DAY, START, LabelledRow, layout_of, model_spec, pane_of, read

SPEC = model_spec("regression", features={"x": "numeric"})


def rows_of(day: int, shift: float = 0.0, scale: float = 1.0, rows: int = 150) -> list[LabelledRow]:
    """Errors grow with the feature; `scale` is what the feature does not tell."""
    rng, result = random.Random(day), []
    for i in range(rows):
        x = rng.gauss(shift, 1)
        row = Row(START + day * DAY + i, f"{day}-{i}", [x], value=10 * x)
        result.append((row, Label(row.time + DAY, value=10 * x + rng.gauss(0, scale * math.exp(x / 2)))))
    return result


def layout_with(reference_days: int = 40) -> Layout:
    reference = [one for day in range(-100, reference_days - 100) for one in rows_of(day)]
    return layout_of(SPEC, build_profile("m", None, SPEC, reference))


def panes(layout: Layout, first: int, count: int, **rows: float) -> list[ClosedPane]:
    found = []
    for day in range(first, first + count):
        members = rows_of(day, **rows)
        found += [pane_of(layout, family, members, START + day * DAY) for family in ("traffic", "cohort")]
        found.append(pane_of(layout, "label", members, START + (day + 1) * DAY))
    return sorted(found, key=lambda pane: (pane.due, pane.key.family))


def named(findings: list[Finding], signal: str) -> list[Finding]:
    return [one for one in findings if one.reading.signal == signal]


def test_it_is_unknown_until_enough_was_learnt_and_near_the_truth_then() -> None:
    layout = layout_with()
    found = read(EstimatedLoss(layout), panes(layout, 0, 30))
    estimates = named(found, "estimated_absolute_error")
    assert "1000 are needed" in (estimates[0].reading.reason or "")
    last = estimates[-1].reading
    assert last.status == "ok"
    assert last.value == pytest.approx(last.reference, rel=0.15)
    errors = [one.reading.value for one in named(found, "loss_estimate_error")]
    assert abs(sum(errors) / len(errors)) < 0.1
    assert named(found, "loss_estimate_grade")[-1].reading.high is not None
    assert not any(one.firing for one in found)


def test_predictions_that_are_hard_raise_a_notice_before_their_labels_come() -> None:
    layout = layout_with()
    signal = EstimatedLoss(layout)
    read(signal, panes(layout, 0, 30))
    drifted = read(signal, [pane for pane in panes(layout, 30, 12, shift=1.5) if pane.key.family == "traffic"])
    firing = next(one.firing for one in drifted if one.firing)
    assert firing.severity == "notice"
    assert firing.weight == SPEC.notice_weights.estimates
    assert firing.value > firing.baseline > firing.reference


def test_nothing_is_judged_before_ten_panes_are_graded() -> None:
    layout = layout_with()
    signal = EstimatedLoss(layout)
    read(signal, [pane for pane in panes(layout, 0, 20) if pane.key.family == "label"])
    drifted = read(signal, [pane for pane in panes(layout, 20, 20, shift=2.0) if pane.key.family == "traffic"])
    assert {one.reading.status for one in drifted} == {"ok"}
    assert all(one.reading.evidence is None for one in drifted)


def test_errors_that_the_features_do_not_tell_make_it_unknown_until_they_are_learnt() -> None:
    layout = layout_with()
    signal = EstimatedLoss(layout)
    read(signal, panes(layout, 0, 25))
    turned = named(read(signal, panes(layout, 25, 20, scale=2.0)), "estimated_absolute_error")
    assert "unknown" in {one.reading.status for one in turned}
    assert "by more than chance" in next(one.reading.reason for one in turned if one.reading.reason)
    later = named(read(signal, panes(layout, 45, 40, scale=2.0)), "estimated_absolute_error")
    assert later[-1].reading.status != "unknown"


def test_without_a_reference_it_is_unknown_and_without_the_challenger_it_is_not_there() -> None:
    bare = layout_of(SPEC, None)
    found = read(EstimatedLoss(bare), panes(bare, 0, 2))
    assert {(one.reading.status, one.reading.reason) for one in found} == {
        ("unknown", "no reference profile for version 1")
    }
    off = layout_of(model_spec("regression", challenger=False), None)
    assert not any(isinstance(one, EstimatedLoss) for one in signals_of(off))
    assert any(isinstance(one, EstimatedLoss) for one in signals_of(bare))


def test_a_snapshot_goes_on_as_the_original() -> None:
    layout = layout_with()
    signal = EstimatedLoss(layout)
    read(signal, panes(layout, 0, 15))
    again = decode(encode(signal))
    rest = panes(layout, 15, 10)
    assert [one.reading for one in read(again, rest)] == [one.reading for one in read(signal, rest)]
