"""Drift of what comes true: a notice when a share moves by more than τ, up or down, and plain outcome rates."""

import random

import numpy as np
import pytest
from msgspec.structs import replace

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals.label_drift import MOST_CLASSES, LabelDrift, label_drift
from detectors.signals.signal import Finding

from ..builders import DAY, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of

BINARY, REGRESSION = model_spec(), model_spec("regression")


def of(layout: Layout) -> LabelDrift:
    (signal,) = label_drift(layout, 0.05)
    return signal


def drift(findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if finding.reading.signal == "label_drift")


def shares(layout: Layout, day: int, *counts: int) -> ClosedPane:
    return blank_pane(layout, "label", day, n=sum(counts), outcomes=counts)


@pytest.mark.parametrize(("positive", "what"), [(90, "outcome = yes"), (10, "outcome other than yes")])
def test_the_positive_class_becoming_more_or_less_frequent_is_a_notice(positive: int, what: str) -> None:
    layout = layout_of(BINARY, profile_of(BINARY, rows=200))
    signal, rng = of(layout), np.random.default_rng(1)
    for day in range(100):
        hits = int(rng.binomial(100, 0.5))
        assert drift(list(signal.read(shares(layout, day, 100 - hits, hits, 0)))).firing is None
    fired = None
    for day in range(100, 130):
        finding = drift(list(signal.read(shares(layout, day, 100 - positive, positive, 0))))
        fired = fired or finding.firing
    assert fired is not None
    assert (fired.severity, fired.what, fired.weight) == ("notice", f"share of {what}", 0.05)
    assert fired.since == START + 100 * DAY
    assert fired.value == pytest.approx(0.9, abs=0.01)


def test_outcome_rates_are_told_beside_those_of_the_reference() -> None:
    layout = layout_of(BINARY, profile_of(BINARY))
    (rate, _) = of(layout).read(shares(layout, 0, 70, 30, 0))
    assert (rate.reading.signal, rate.reading.tier, rate.reading.value) == ("outcome_rate", "outcomes", 0.3)
    assert rate.reading.reference == pytest.approx(0.5, abs=0.05)
    assert rate.reading.effect == pytest.approx(0.3 - (rate.reading.reference or 0))


def test_each_class_has_a_rate_and_those_beyond_the_most_frequent_ones_have_none() -> None:
    spec = model_spec("multiclass")
    layout = layout_of(spec, profile_of(spec))
    rates = [f.reading for f in of(layout).read(shares(layout, 0, 10, 20, 60, 10)) if f.reading.tier == "outcomes"]
    assert {one.signal: one.value for one in rates} == {
        "outcome_rate:high": 0.1,
        "outcome_rate:low": 0.2,
        "outcome_rate:middle": 0.6,
    }
    many = model_spec("multiclass", classes=[str(n) for n in range(MOST_CLASSES + 5)])
    wide = layout_of(many, None)
    assert len(list(of(wide).read(blank_pane(wide, "label", outcomes=1)))) == MOST_CLASSES + 1


def test_a_class_that_vanishes_is_named() -> None:
    spec = model_spec("multiclass")
    layout = layout_of(spec, profile_of(spec, rows=200))
    signal, fired = of(layout), None
    for day in range(40):
        fired = fired or drift(list(signal.read(shares(layout, day, 50, 0, 50, 0)))).firing
    assert fired is not None
    assert fired.what in ("share of outcome other than low", "share of outcome = high", "share of outcome = middle")


def test_true_numbers_that_shift_are_a_notice_and_their_mean_is_told() -> None:
    layout = layout_of(REGRESSION, profile_of(REGRESSION, rows=100))
    signal = of(layout)
    for day in range(30):
        finding = drift(list(signal.read(pane_of(layout, "label", days(REGRESSION, 1, 100, seed=9, first=day)))))
        assert (finding.reading.status, finding.firing) == ("ok", None)
    fired = None
    for day in range(30, 45):
        rows = days(REGRESSION, 1, 100, seed=9, first=day)
        for _, label in rows:
            label.value = (label.value or 0) + 5
        findings = list(signal.read(pane_of(layout, "label", rows)))
        fired = fired or drift(findings).firing
    assert fired is not None
    assert fired.what.startswith("share of outcome >")
    mean = findings[0].reading
    assert (mean.signal, mean.n) == ("outcome_mean", 100)
    assert mean.value == pytest.approx(np.mean([label.value for _, label in rows]), abs=1e-6)
    assert mean.reference == pytest.approx(50, abs=0.5)


def test_the_mean_clips_what_lies_far_from_all_that_came_true() -> None:
    layout = layout_of(REGRESSION, profile_of(REGRESSION))
    assert layout.truth_scale is not None
    rows = [(Row(START, "a", [None] * 4, value=50.0), Label(START, value=1e300))]
    mean, _ = of(layout).read(pane_of(layout, "label", rows))
    assert mean.reading.value == pytest.approx(sum(layout.truth_scale))


def test_a_reference_without_outcomes_still_lets_their_mean_be_told() -> None:
    profile = build_profile("m", None, REGRESSION, [(row, None) for row, _ in days(REGRESSION, 40, 50, seed=3)])
    rows = days(REGRESSION, 1, 100, seed=9)
    mean, _ = of(layout_of(REGRESSION, profile)).read(pane_of(layout_of(REGRESSION, profile), "label", rows))
    assert mean.reading.value == pytest.approx(np.mean([label.value for _, label in rows]), abs=1e-5)
    assert mean.reading.reference is None


def test_a_model_that_always_answers_the_same_has_no_drift_of_outcomes() -> None:
    rows = [(replace(row, value=5.0), label) for row, label in days(REGRESSION, 40, 20)]
    assert label_drift(layout_of(REGRESSION, build_profile("m", None, REGRESSION, rows)), 0.05) == []


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("few panes", "10 panes"),
        ("few labelled panes", "5 panes with rows of it"),
        ("no weight", "notice_weights.labels is 0"),
        ("mismatched", "1 source partitions"),
        ("none", "no outcomes became known"),
    ],
)
def test_what_cannot_be_judged_is_unknown_with_the_reason(case: str, reason: str) -> None:
    profile = profile_of(BINARY, panes=10) if case == "few panes" else profile_of(BINARY)
    if case == "few labelled panes":
        profile = profile.model_copy(update={"few_panes": {"label": 5}})
    layout = layout_of(BINARY, profile)
    signal = LabelDrift(layout, 0.0 if case == "no weight" else 0.05)
    rows = [] if case == "none" else days(BINARY, 1)
    finding = drift(list(signal.read(pane_of(layout, "label", rows, mismatched=int(case == "mismatched")))))
    assert finding.reading.status == "unknown"
    assert reason in (finding.reading.reason or "")


def test_texts_have_no_outcomes_and_where_nobody_says_any_there_is_no_reading() -> None:
    text = model_spec("text")
    assert label_drift(layout_of(text, profile_of(text)), 0.05) == []
    assert label_drift(layout_of(REGRESSION, None), 0.05) == []
    layout = layout_of(BINARY, None)
    assert list(of(layout).read(pane_of(layout, "label", []))) == []
    rate, unknown = of(layout).read(pane_of(layout, "label", days(BINARY, 1)))
    assert (rate.reading.status, rate.reading.reference, unknown.reading.status) == ("ok", None, "unknown")
    assert "no reference profile" in (unknown.reading.reason or "")


def test_a_later_correction_is_no_outcome() -> None:
    layout = layout_of(BINARY, profile_of(BINARY))
    row = Row(START, "a", [None] * 4, label="yes")
    rows = [(row, Label(START, "yes")), (row, Label(START + 1, "no", corrects=True, by_user=True, later=True))]
    pane = pane_of(layout, "label", rows)
    assert pane.view("outcomes").tolist() == [0, 1, 0]
    assert pane.view("losses").tolist() == [1]
    assert pane.view("corrections").tolist() == [1, 2]
    assert pane.view("accepted").tolist() == [0, 0, 0, 1]


def test_as_many_outcomes_as_before_stay_quiet_within_the_tolerance() -> None:
    layout = layout_of(BINARY, profile_of(BINARY, rows=200))
    signal, rng = of(layout), random.Random(3)
    panes = [shares(layout, day, 490 + (up := rng.randrange(-15, 15)), 510 - up, 0) for day in range(300)]
    assert not any(drift(list(signal.read(pane))).firing for pane in panes)
