"""How late labels are, how many there are, and what users say."""

import random

import pytest

from detectors.layout import FIXED
from detectors.row import Label, Row
from detectors.signals.labels import Coverage, LabelDelay, Rating

from ..builders import DAY, HOUR, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of

TEXT = model_spec("text")


def rating_pane(layout, day: int, n: int, mean: float):
    return blank_pane(layout, "label", day, n=max(n, 1), ratings=n, rating_sum=round(n * mean * FIXED))


def test_delays_are_told_in_seconds() -> None:
    layout = layout_of(model_spec(), None)
    rows = [(Row(START + i, str(i), [None] * 4, label="yes"), Label(START + i + HOUR, "yes")) for i in range(99)]
    rows.append((Row(START, "late", [None] * 4, label="yes"), Label(START + 20 * HOUR, "yes")))
    readings = {f.reading.signal: f.reading for f in LabelDelay().read(pane_of(layout, "label", rows))}
    assert readings["label_delay_p50"].value == pytest.approx(3_600, rel=0.02)
    assert readings["label_delay_p95"].value == pytest.approx(3_600, rel=0.02)
    assert readings["label_delay_p50"].n == 100


@pytest.mark.parametrize(("known", "status"), [(50, "ok"), (25, "ok"), (24, "unknown"), (0, "unknown")])
def test_coverage_below_the_floor_is_unknown(known: int, status: str) -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    rows = [(row, label if i < known else None) for i, (row, label) in enumerate(days(spec, 1))]
    (finding,) = Coverage().read(pane_of(layout, "cohort", rows))
    assert (finding.reading.value, finding.reading.status) == (known / 50, status)
    assert (finding.reading.reason is None) == (status == "ok")


def test_coverage_without_a_scale_of_the_loss_is_unknown_and_not_zero() -> None:
    spec = model_spec("regression")
    (finding,) = Coverage().read(pane_of(layout_of(spec, None), "cohort", days(spec, 1)))
    assert (finding.reading.value, finding.reading.status) == (None, "unknown")
    assert "no reference profile" in (finding.reading.reason or "")


def test_ratings_as_they_were_are_ok_and_a_fall_alarms() -> None:
    layout = layout_of(TEXT, profile_of(TEXT, rows=100))
    signal, rng = Rating(layout), random.Random(0)
    for day in range(60):
        (finding,) = signal.read(rating_pane(layout, day, 100, rng.uniform(0.88, 0.92)))
        assert finding.reading.status == "ok"
    for day in range(60, 80):
        (finding,) = signal.read(rating_pane(layout, day, 100, 0.6))
        if finding.firing:
            break
    assert finding.firing is not None
    assert finding.reading.tier == "outcomes"
    assert finding.firing.value == pytest.approx(0.6, abs=0.05)
    assert finding.firing.value < finding.firing.baseline < finding.firing.reference
    assert finding.firing.since == START + 60 * DAY


def test_better_ratings_are_no_alarm() -> None:
    layout = layout_of(TEXT, profile_of(TEXT, rows=100))
    signal = Rating(layout)
    assert not any(f.firing for day in range(50) for f in signal.read(rating_pane(layout, day, 100, 1.0)))


def test_a_model_that_nobody_rates_says_nothing() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    assert list(Rating(layout).read(pane_of(layout, "label", days(spec, 1)))) == []


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no reference", "no reference profile"),
        ("few panes", "10 panes"),
        ("unrated", "the reference has no ratings"),
        ("no weight", "weights.outcomes is 0"),
        ("mismatched", "1 source partitions"),
        ("hopeless", "near 1"),
    ],
)
def test_ratings_that_cannot_be_judged_are_unknown_with_the_reason(case: str, reason: str) -> None:
    spec = model_spec("text", weights={"outcomes": 0}) if case == "no weight" else TEXT
    profile = {
        "no reference": None,
        "few panes": profile_of(spec, panes=10),
        "unrated": profile_of(spec).model_copy(update={"counts": {}}),
        "hopeless": profile_of(spec, rows=1, error=1.0),
    }.get(case, profile_of(spec))
    layout = layout_of(spec, profile)
    pane = pane_of(layout, "label", days(spec, 1), mismatched=int(case == "mismatched"))
    (finding,) = Rating(layout).read(pane)
    assert finding.reading.status == "unknown"
    assert reason in (finding.reading.reason or "")
    assert finding.reading.value == pytest.approx(0.9, abs=0.05)


def test_ratings_that_stop_are_unknown_and_not_ok() -> None:
    layout = layout_of(TEXT, profile_of(TEXT))
    (finding,) = Rating(layout).read(rating_pane(layout, 0, 0, 0.0))
    assert (finding.reading.status, finding.reading.reason) == ("unknown", "no ratings became known")
