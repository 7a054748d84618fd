"""What users say: judged where the reference knows of it, in one share of the budget; else unknown with a reason."""

import random
from typing import Any

import numpy as np
import pytest

from detectors.build_profile import build_profile
from detectors.layout import FIXED, Layout
from detectors.outcomes import OUTCOMES
from detectors.row import Label, Row
from detectors.signals.outcomes import Outcome, outcomes
from detectors.signals.signal import Finding
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

from ..builders import DAY, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of

TEXT = model_spec("text")
BINARY = model_spec()
REFERENCE = 40  # days


def said(spec: ModelSpec, seed: int = 0, rows: int = 50, **shares: float) -> list[tuple[Row, Label]]:
    """Days of rows that are rated, or corrected, with what users say as likely as in `shares`."""
    rng, result = random.Random(seed), days(spec, REFERENCE, rows, seed=seed, first=-1_000)
    for _, label in result:
        if rng.random() < shares.get("rated", 0.0):
            label.rating = 0.0 if rng.random() < shares.get("complaints", 0.1) else 1.0
        if rng.random() < shares.get("corrected", 0.0):
            label.corrects = label.by_user = True
    return result


def known(spec: ModelSpec, **shares: float) -> ReferenceProfile:
    return build_profile("m", None, spec, said(spec, **shares))


def only(layout: Layout, name: str) -> Outcome:
    return next(signal for signal in outcomes(layout) if signal.name == name)


def rating_pane(layout: Layout, day: int, n: int, mean: float) -> Any:
    return blank_pane(layout, "label", day, n=max(n, 1), ratings=n, rating_sum=round(n * mean * FIXED))


def test_ratings_as_they_were_are_ok_and_a_fall_alarms() -> None:
    layout = layout_of(TEXT, profile_of(TEXT, rows=100))
    signal, rng = only(layout, "rating"), random.Random(0)
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
    assert finding.firing.baseline is not None
    assert finding.firing.reference is not None
    assert finding.firing.value < finding.firing.baseline < finding.firing.reference
    assert finding.firing.since == START + 60 * DAY


def test_better_ratings_are_no_alarm() -> None:
    layout = layout_of(TEXT, profile_of(TEXT, rows=100))
    signal = only(layout, "rating")
    assert not any(f.firing for day in range(50) for f in signal.read(rating_pane(layout, day, 100, 1.0)))


def test_a_model_that_nobody_rates_or_corrects_says_nothing() -> None:
    layout = layout_of(BINARY, profile_of(BINARY))
    pane = pane_of(layout, "label", days(BINARY, 1))
    assert [finding for signal in outcomes(layout) for finding in signal.read(pane)] == []


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
    (finding,) = only(layout, "rating").read(pane)
    assert finding.reading.status == "unknown"
    assert reason in (finding.reading.reason or "")
    assert finding.reading.value == pytest.approx(0.9, abs=0.05)


def test_where_all_corrections_differ_from_the_prediction_another_signal_is_named() -> None:
    rows = days(BINARY, REFERENCE, 50, first=-1_000)
    for row, label in rows:
        label.corrects = label.by_user = label.label != row.label
    layout = layout_of(BINARY, build_profile("m", None, BINARY, rows))
    (finding,) = only(layout, "override_rate").read(pane_of(layout, "label", rows[:50]))
    assert (finding.reading.status, finding.reading.reference) == ("unknown", 1.0)
    assert finding.reading.reason == (
        "every correction of the reference differs from the prediction: use correction_rate"
    )
    (finding,) = only(layout, "correction_rate").read(pane_of(layout, "label", rows[:50]))
    assert finding.reading.reason is None


def test_ratings_that_stop_are_unknown_and_not_ok() -> None:
    layout = layout_of(TEXT, profile_of(TEXT))
    (finding,) = only(layout, "rating").read(rating_pane(layout, 0, 0, 0.0))
    assert (finding.reading.status, finding.reading.reason) == ("unknown", "no ratings became known")


MOVED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # by signal: 100 pieces of feedback as they were, and worse
    "rating": ({"ratings": 100, "rating_sum": 90 * FIXED}, {"ratings": 100, "rating_sum": 60 * FIXED}),
    "complaint_rate": ({"ratings": 100, "complaints": 10}, {"ratings": 100, "complaints": 40}),
    "acceptance_rate": ({"accepted": [90, 100, 0, 0]}, {"accepted": [60, 100, 0, 0]}),
    "correction_rate": ({"corrections": [30, 100]}, {"corrections": [60, 100]}),
    "override_rate": ({"accepted": [0, 0, 90, 100]}, {"accepted": [0, 0, 60, 100]}),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_alarms_when_it_gets_worse_and_not_before_and_not_when_it_gets_better(name: str) -> None:
    layout = layout_of(BINARY, known(BINARY, rated=1.0, corrected=0.3))
    good, bad = MOVED[name]
    better = {section: np.array(values) for section, values in good.items()}
    if name in ("complaint_rate", "correction_rate"):
        better[next(section for section in better if section != "ratings")] = np.array(
            [0, 100] if name == "correction_rate" else 0
        )
    signal, fired = only(layout, name), None
    for day in range(100):
        (finding,) = signal.read(blank_pane(layout, "label", day, **(good if day < 50 else better)))
        assert (finding.reading.status, finding.reading.reason) == ("ok", None)
    for day in range(100, 130):
        (finding,) = signal.read(blank_pane(layout, "label", day, **bad))
        fired = fired or finding.firing
    assert fired is not None
    assert (fired.severity, fired.since) == ("alarm", START + 100 * DAY)
    assert fired.minimum_effect == (0.0 if name == "rating" else 0.02)
    falls = name in ("rating", "acceptance_rate")
    assert fired.reference is not None and fired.baseline is not None  # noqa: PT018
    assert (fired.value < fired.baseline < fired.reference) == falls
    assert (fired.value > fired.baseline > fired.reference) == (not falls)


@pytest.mark.parametrize(
    ("shares", "staked"),
    [
        ({}, set()),
        ({"rated": 1.0}, {"rating", "complaint_rate", "acceptance_rate"}),
        ({"corrected": 0.3}, {"correction_rate", "override_rate"}),
        ({"rated": 0.5, "corrected": 0.3}, set(OUTCOMES)),
    ],
    ids=["nothing", "ratings", "corrections", "both"],
)
def test_those_that_the_reference_knows_share_the_weight_evenly_and_no_more(
    shares: dict[str, float], staked: set[str]
) -> None:
    layout = layout_of(BINARY, known(BINARY, **shares))
    weights = {signal.name: signal.weight for signal in outcomes(layout)}
    assert {name for name, weight in weights.items() if weight} == staked
    assert len({weight for weight in weights.values() if weight}) <= 1
    assert sum(weights.values()) == pytest.approx(BINARY.weights.outcomes if staked else 0)


def feedback_of(findings: list[Finding]) -> dict[str, tuple[str, str]]:
    return {f.reading.signal: (f.reading.status, f.reading.reason or "") for f in findings}


def test_corrections_that_the_reference_has_none_of_are_unknown_and_it_says_how_to_get_them() -> None:
    layout = layout_of(BINARY, profile_of(BINARY))
    rows = days(BINARY, 1)
    for _, label in rows[:5]:
        label.corrects = label.by_user = True
    found = feedback_of([f for signal in outcomes(layout) for f in signal.read(pane_of(layout, "label", rows))])
    assert set(found) == {"correction_rate", "override_rate", "acceptance_rate"}
    assert all(status == "unknown" for status, _ in found.values())
    assert "name a column for correction in files.reference" in found["correction_rate"][1]


def test_acceptance_goes_by_what_the_reference_knows_so_that_corrections_alone_are_no_fall() -> None:
    """Corrections hardly ever agree: a stream that has them, where the reference had ratings, is no worse for it."""
    layout = layout_of(BINARY, known(BINARY, rated=1.0))
    signal = only(layout, "acceptance_rate")
    for day in range(60):
        (finding,) = signal.read(blank_pane(layout, "label", day, accepted=[90, 100, 0, 100]))
        assert (finding.reading.value, finding.reading.n, finding.firing) == (0.9, 100, None)


def test_a_minimum_effect_keeps_a_small_rise_from_alarming() -> None:
    strict, lax = (model_spec(minimum_effect={"outcomes": effect}) for effect in (0.0, 0.2))
    fired = []
    for spec in (strict, lax):
        layout = layout_of(spec, known(spec, rated=1.0))
        signal = only(layout, "complaint_rate")
        panes = [blank_pane(layout, "label", day, ratings=100, complaints=22) for day in range(60)]
        fired.append(any(f.firing for pane in panes for f in signal.read(pane)))
    assert fired == [True, False]


def test_where_a_complaint_begins_is_declared() -> None:
    rows = [(Row(START + i, str(i), [None] * 4, label="yes"), Label(START, rating=i / 10)) for i in range(11)]
    for declared, complaints in ((0.25, 3), (0.3, 4), (0.0, 1), (1.0, 11)):
        layout = layout_of(model_spec(complaint_rating=declared), None)
        pane = pane_of(layout, "label", rows)
        assert (pane.view("complaints").tolist(), pane.view("ratings").tolist()) == ([complaints], [11])
