"""Bets on the distribution function: clean data stays quiet however much of it there is, a shift is found soon."""

import math
import random

import numpy as np
import pytest

from detectors.build_profile import build_profile
from detectors.distances import population_stability_index
from detectors.e_detector import CERTAIN
from detectors.indicators import of_feature
from detectors.layout import UNSEEN_BUCKETS, Layout
from detectors.reference import vector
from detectors.row import Row
from detectors.signals.drift import Drift, drifts
from detectors.signals.signal import Finding
from detectors.simultaneous import upper_bounds_of_ordered
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

from ..builders import DAY, START, TASKS, blank_pane, days, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec(features={"income": "numeric"})


def normal_profile(n: int, seed: int) -> ReferenceProfile:
    values = np.random.default_rng(seed).normal(0, 1, n)
    rows = [(Row(START + i * 40 * DAY // n, str(i), [float(x)], label="yes"), None) for i, x in enumerate(values)]
    return build_profile("m", None, SPEC, rows)


def histogram_pane(layout: Layout, values: np.ndarray, day: int, missing: int = 0):
    counts = np.bincount(np.searchsorted(layout.edges["income"], values), minlength=len(layout.edges["income"]) + 1)
    quality = [missing, 0, 0, 0]
    return blank_pane(
        layout, "traffic", day, n=len(values) + missing, **{"histogram:income": counts, "quality:income": quality}
    )


@pytest.mark.parametrize("reference", [5_000, 20_000])
def test_clean_data_raises_nothing(reference: int) -> None:
    rng, firings = np.random.default_rng(reference), 0
    for seed in range(3):
        layout = layout_of(SPEC, normal_profile(reference, seed))
        signal = Drift(layout, "income", 1.0)
        for day in range(320):
            (finding,) = signal.read(histogram_pane(layout, rng.normal(0, 1, 1_000), day))
            firings += finding.firing is not None
            assert finding.reading.evidence is not None
    assert firings == 0


@pytest.mark.parametrize("reference", [5_000, 20_000])
def test_a_shift_of_a_quarter_of_a_standard_deviation_is_found_soon(reference: int) -> None:
    rng = np.random.default_rng(1)
    layout = layout_of(SPEC, normal_profile(reference, 0))
    signal = Drift(layout, "income", 1.0)
    for day in range(50):
        (finding,) = signal.read(histogram_pane(layout, rng.normal(0, 1, 500), day))
        assert finding.firing is None
    for day in range(50, 60):
        (finding,) = signal.read(histogram_pane(layout, rng.normal(0.25, 1, 500), day))
        if finding.firing is not None:
            break
    assert day < 57
    assert finding.firing is not None
    assert finding.firing.severity == "notice"
    assert abs(finding.firing.since - (START + 50 * DAY)) <= 2 * DAY
    assert finding.firing.what.startswith("share of income > ")


def test_all_bounds_of_the_reference_hold_at_once() -> None:
    layout = layout_of(SPEC, normal_profile(5_000, 0))
    signal, reference = Drift(layout, "income", 1.0), vector(layout, "traffic")
    totals, n = of_feature(layout, reference, "income")
    assert signal._bet is not None
    phi = signal._bet.detector.dispersion
    assert len(totals) == 2 * 19 + 1
    expected = upper_bounds_of_ordered(totals, n, phi)
    assert signal._bet.detector.baselines == pytest.approx(np.minimum(expected + 0.02, CERTAIN))


def test_less_than_the_tolerance_is_the_same_distribution() -> None:
    rng = np.random.default_rng(2)
    layout = layout_of(SPEC, normal_profile(20_000, 0))
    signal = Drift(layout, "income", 1.0)
    for day in range(200):  # 0.04 standard deviations: 1.6 points at most
        (finding,) = signal.read(histogram_pane(layout, rng.normal(0.04, 1, 1_000), day))
        assert finding.firing is None


def test_a_change_of_spread_alone_is_drift() -> None:
    rng = np.random.default_rng(3)
    layout = layout_of(SPEC, normal_profile(20_000, 0))
    signal = Drift(layout, "income", 1.0)
    assert any(
        finding.firing
        for day in range(15)
        for finding in signal.read(histogram_pane(layout, rng.normal(0, 1.5, 500), day))
    )


def test_values_that_begin_to_miss_are_drift() -> None:
    rng = np.random.default_rng(4)
    layout = layout_of(SPEC, normal_profile(5_000, 0))
    signal = Drift(layout, "income", 1.0)
    found = [
        f for day in range(10) for f in signal.read(histogram_pane(layout, rng.normal(0, 1, 450), day, missing=50))
    ]
    first = next(finding.firing for finding in found if finding.firing)
    assert first.what == "share of income missing or invalid"
    assert first.reference == 0.0
    assert first.value == pytest.approx(0.1)


def categorical(shares: list[float], unseen: float, count: int = 20) -> list[Finding]:
    spec = model_spec(features={"region": "categorical"})
    layout = layout_of(spec, profile_of(spec, rows=150))
    signal = Drift(layout, "region", 1.0)
    rng, found = np.random.default_rng(5), []
    for day in range(count):
        known = rng.multinomial(300, [*shares, unseen])
        buckets = rng.multinomial(known[-1], [1 / UNSEEN_BUCKETS] * UNSEEN_BUCKETS)
        pane = blank_pane(layout, "traffic", day, n=300, **{"histogram:region": [*known[:-1], *buckets]})
        found += signal.read(pane)
    return found


def test_categories_as_they_were_are_no_drift() -> None:
    assert not any(finding.firing for finding in categorical([1 / 3] * 3, 0.0, count=300))


def test_a_category_that_grows_is_drift_and_named() -> None:
    first = next(f.firing for f in categorical([0.6, 0.2, 0.2], 0.0) if f.firing)
    assert " = " in first.what or " other than " in first.what


def test_categories_that_nobody_knows_are_drift_and_named() -> None:
    first = next(f.firing for f in categorical([0.25, 0.25, 0.25], 0.25) if f.firing)
    assert first.what == "share of region = a value the reference does not have"


@pytest.mark.parametrize("task", TASKS)
def test_the_predictions_are_watched_too(task: str) -> None:
    spec = model_spec(task, features={"owner": "boolean"})
    layout = layout_of(spec, profile_of(spec, rows=100))

    def fires(change: bool) -> bool:
        signal = Drift(layout, None, 1.0)
        fired = False
        for day in range(40):
            rows = days(spec, 1, rows=100, first=day)
            for row, _ in rows if change else []:
                row.label = "low" if task == "multiclass" else row.label
                row.score = 0.999 if task == "binary" else row.score
                row.value = None if row.value is None else row.value + 5
                row.text_length *= 4
            fired |= any(f.firing for f in signal.read(pane_of(layout, "traffic", rows, START + day * DAY)))
        return fired

    assert not fires(change=False)
    assert fires(change=True)


def test_notices_share_a_budget_of_their_own() -> None:
    spec = model_spec(notices="1 per 30d", notice_weights={"features": 0.27, "predictions": 0.1})
    signals = drifts(layout_of(spec, profile_of(spec)))
    assert [signal._feature for signal in signals] == ["income", "region", "owner", None]
    assert [signal._weight for signal in signals] == pytest.approx([0.09, 0.09, 0.09, 0.1])
    assert all(s._bet is not None and s._bet.detector.budget == 30 * DAY for s in signals)


def test_what_no_notice_is_staked_on_is_not_watched() -> None:
    spec = model_spec(notice_weights={"features": 0.0})
    assert [signal._feature for signal in drifts(layout_of(spec, profile_of(spec)))] == [None]


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (None, "no reference profile"),
        (profile_of(SPEC, panes=10), "10 panes"),
        (profile_of(model_spec(pane="6h", features={"income": "numeric"})), "another pane width"),
        (profile_of(SPEC).model_copy(update={"counts": {}}), "no rows"),
    ],
    ids=["none", "few", "width", "empty"],
)
def test_without_a_reference_it_is_unknown(profile: ReferenceProfile | None, reason: str) -> None:
    layout = layout_of(SPEC, profile)
    (finding,) = Drift(layout, "income", 1.0).read(pane_of(layout, "traffic", days(SPEC, 1)))
    assert finding.reading.status == "unknown"
    assert reason in (finding.reading.reason or "")


def test_a_pane_counted_by_another_profile_is_unknown() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    (finding,) = Drift(layout, "income", 1.0).read(pane_of(layout, "traffic", days(SPEC, 1), mismatched=1))
    assert finding.reading.status == "unknown"
    assert "1 source partitions" in (finding.reading.reason or "")


def test_other_distances_stand_beside_psi() -> None:
    layout, rng = layout_of(SPEC, normal_profile(20_000, 0)), np.random.default_rng(0)
    (finding,) = Drift(layout, "income", 1.0).read(histogram_pane(layout, rng.normal(0.5, 1, 20_000), 0))
    effects = finding.reading.effects
    assert effects is not None
    assert effects["ks"] == pytest.approx(math.erf(0.25 / math.sqrt(2)), abs=0.02)
    assert effects["wasserstein"] == pytest.approx(0.5 / (2 * 1.645) * 0.87, abs=0.02)  # a part of it lies in the tails
    assert effects["jensen_shannon"] == pytest.approx(0.21, abs=0.02)


def test_psi_is_nothing_for_the_same_shares_and_grows_with_the_shift() -> None:
    reference = np.array([100, 100, 100, 100])
    assert population_stability_index(reference, reference) == 0
    shifts = [population_stability_index(reference, np.array([100 + d, 100, 100, 100 - d])) for d in (10, 30, 90)]
    assert 0 < shifts[0] < shifts[1] < shifts[2]
    assert population_stability_index(reference, np.zeros(4, dtype=np.int64)) is None


def test_psi_is_as_defined() -> None:
    p, q = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    expected = ((p - q) * np.log(p / q)).sum()
    found = population_stability_index(np.array([800_000, 200_000]), np.array([500_000, 500_000]))
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_pane_of_missing_values_alone_has_no_psi_and_counts_all_the_same() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    signal = Drift(layout, "income", 1.0)
    rng = random.Random(0)
    rows = [(Row(START + i, str(i), [rng.choice([None, float("nan"), "x"])], label="yes"), None) for i in range(100)]
    (finding,) = signal.read(pane_of(layout, "traffic", rows))
    assert finding.reading.value is None
    assert finding.firing is not None
    assert finding.firing.value == 1.0


def spec_of(kinds: str) -> ModelSpec:
    return model_spec(features={"x": kinds})


@pytest.mark.parametrize("kind", ["text", "datetime"])
def test_text_and_dates_are_not_watched(kind: str) -> None:
    spec = spec_of(kind)
    assert [signal._feature for signal in drifts(layout_of(spec, profile_of(spec)))] == [None]
