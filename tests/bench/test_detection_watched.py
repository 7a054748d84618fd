"""What the scorecard runs is what the product runs."""

import random

import numpy as np
import pytest

from bench.detection.protocol import BUDGET, DAY, DRIFT_PANE, IID, OBSERVATION, generator
from bench.detection.streams import normal_histograms, stationary
from bench.detection.watched import WatchedFeature, alarms, error_reference
from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.row import Label, Row
from detectors.signals.loss import Loss
from schemas.spec import ModelSpec


def feature(rows: int = 5_000) -> WatchedFeature:
    values = generator("test, feature").normal(size=rows)
    return WatchedFeature(values, DRIFT_PANE, DRIFT_PANE * OBSERVATION, BUDGET)


def test_an_error_rate_has_the_bet_that_the_signal_makes_of_the_same_reference() -> None:
    values = stationary(generator("test, errors"), IID, 4_000)
    spec = ModelSpec.model_validate(
        {
            "task": "binary",
            "positive_label": "1",
            "features": {"x": "numeric"},
            "pane": "1d",
            "label_horizon": "1d",
            "false_alarms": "1 per 90d",
            "minimum_effect": {"error_rate": 0.0},
            "reference": "profile.json",
        }
    )
    rng = random.Random(0)
    rows = [
        (Row(number * DAY // 100, str(number), [rng.random()], label="1"), Label(number * DAY // 100, "01"[1 - error]))
        for number, error in enumerate(values.tolist())
    ]
    signal = Loss(Layout("m", "1", spec, build_profile("m", "1", spec, rows)), None, 0, 1.0)
    made = error_reference(values, IID.mean, pane=100).bet("UCB95", 90 * DAY)
    product = signal._bet
    assert product is not None
    assert made.detector.baselines == pytest.approx(product.detector.baselines)
    assert made.detector.dispersion == pytest.approx(product.detector.dispersion)
    assert (made.detector.weight, made.detector.budget) == (product.detector.weight, product.detector.budget)


def test_baselines_are_ordered_as_their_names_say() -> None:
    reference = error_reference(stationary(generator("test, errors"), IID, 10_000), IID.mean)
    bound = {
        baseline: float(reference.bet(baseline).detector.baselines[0])
        for baseline in ("UCB95", "UCB95, φ = 1", "known", "plug-in")
    }
    assert bound["known"] == IID.mean
    assert bound["plug-in"] == pytest.approx(reference.sums.sum() / 10_000)
    assert bound["plug-in"] < bound["UCB95, φ = 1"] <= bound["UCB95"]


def test_an_alarm_is_counted_in_rows_at_the_end_of_its_pane() -> None:
    reference = error_reference(stationary(generator("test, errors"), IID, 10_000), IID.mean)
    sums = np.concatenate([np.full(50, 2.0), np.full(50, 10.0)])
    first = next(alarms(reference.bet("UCB95"), sums, 10, 10 * OBSERVATION))
    assert 500 < first < 600
    assert first % 10 == 0


def test_the_drift_signal_finds_a_shift_and_is_quiet_without_one() -> None:
    watched, rng = feature(), generator("test, panes")
    clean = normal_histograms(rng, watched.edges, 0.0, DRIFT_PANE, 300)
    shifted = normal_histograms(rng, watched.edges, 0.5, DRIFT_PANE, 50)
    found = list(watched.alarms(np.concatenate([clean, shifted])))
    assert found
    assert min(found) > 30_000


def test_point_baselines_alarm_sooner() -> None:
    watched, rng = feature(), generator("test, panes")
    shifted = normal_histograms(rng, watched.edges, 0.5, DRIFT_PANE, 50)
    assert next(watched.point_alarms(shifted)) <= next(watched.alarms(shifted))


def test_a_signal_that_says_nothing_is_no_quiet_signal() -> None:
    watched = feature(rows=500)  # five panes
    with pytest.raises(ValueError, match="5 panes"):
        list(watched.alarms(normal_histograms(generator("test, panes"), watched.edges, 0.0, DRIFT_PANE, 1)))
