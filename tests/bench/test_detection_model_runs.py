"""What fires is counted, whether it is told or not; what the hard cases do to the rows is what they say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.detection.lines import hard_cases, monitor
from bench.detection.model_panes import closed_panes
from bench.detection.model_runs import Run, by_signal, independent, model_runs, spread_of
from bench.detection.population import Rows, model_spec
from bench.detection.protocol import (
    DAY,
    IID,
    LABEL_DELAY_DAYS,
    LATE_AFTER,
    MODEL_REFERENCE_DAYS,
    MODEL_ROWS,
    TARGETS,
    VALUES,
    Scale,
    generator,
)
from bench.detection.rates import bound_over_runs, poisson_bound
from bench.detection.watched_model import Fired, watched_model
from detectors.budget import spent
from detectors.signals.loss import Loss
from schemas.reading import Reading

FIRED = Reading(signal="error_rate", tier="performance", segment="c0=a", n=1, status="alarm")


def run(alarms: int, notices: int, quarters: int = 10, told: int = 1) -> Run:
    fired = [Fired(0, "cohort", "alarm", FIRED)] * alarms + [Fired(0, "label", "notice", FIRED)] * notices
    return Run(quarters, fired, Counter(alarm=told))


def wrong_in_the_second_half(rng: np.random.Generator, rows_a_day: Sequence[int], first_day: int) -> Rows:
    rows = independent(rng, rows_a_day, first_day)
    half = first_day + len(rows_a_day) // 2
    late = rows.times >= half * DAY
    return rows if first_day < MODEL_REFERENCE_DAYS else replace(rows, truth=rows.truth ^ late)


def test_a_gross_change_is_seen_and_counted_once_each_time_it_fires() -> None:
    (found,) = model_runs("test, gross", Scale(0.05), 1, 1, wrong_in_the_second_half, sampled=False)
    spread = spread_of([found], "alarm")
    assert spread["per 90 d"] >= 5  # the loss over all rows alone fires again and again
    assert 1 <= spread["told, per 90 d"] < spread["per 90 d"]
    first = min(one.time for one in found.fired if one.severity == "alarm")
    assert first > (MODEL_REFERENCE_DAYS + 45) * DAY
    assert "alarms of error_rate" in [row["what"] for row in by_signal([found])]


def test_every_signal_that_has_a_stake_is_judged() -> None:
    rng = generator("test, judged")
    watched = watched_model(independent(rng, [MODEL_ROWS] * MODEL_REFERENCE_DAYS, 0), model_spec())
    watched.watch(independent(rng, [MODEL_ROWS] * 40, MODEL_REFERENCE_DAYS))
    staked = spent(watched.signals("1"))
    assert staked["alarm"] > 0.9
    assert staked["notice"] > 0.9
    silent = [
        type(signal).__name__
        for signal in watched.signals("1")
        if getattr(signal, "stakes", ()) and getattr(signal, "_problem", None)
    ]
    assert not silent
    expected = {"error_rate", "rating", "calibration", "missing", "latency", "feature_drift", "joint_drift"}
    assert expected <= set(watched.judged)


def test_rates_are_those_of_all_quarters_and_bounds_are_above_them() -> None:
    spread = spread_of([run(0, 0), run(4, 2)], "alarm")
    assert spread["per 90 d"] == 0.2
    assert spread["worst reference"] == 0.4
    assert spread["told, per 90 d"] == 0.1
    assert spread["upper 95 % bound"] == pytest.approx(max(poisson_bound(4, 20), bound_over_runs([0.0, 0.4])))
    assert spread_of([run(4, 2)], "notice")["per 90 d"] == 0.2
    assert by_signal([run(4, 2)])[0] == {"what": "alarms of error_rate of a segment", "per 90 d": 0.4}


def test_bounds_are_the_published_ones() -> None:
    assert poisson_bound(0, 1.0) == pytest.approx(2.9957, abs=1e-4)
    assert poisson_bound(5, 10.0) == pytest.approx(1.0513, abs=1e-4)
    assert bound_over_runs([0.0, 1.0, 2.0]) == pytest.approx(1 + 2.91999 / 3**0.5, abs=1e-4)


def test_the_known_baseline_is_the_error_rate_at_the_declared_weight() -> None:
    layout = monitor.known_loss(Scale(0.05))
    bet = Loss(layout, None, 0, layout.spec.weights.performance)._bet
    assert bet is not None
    assert float(bet.detector.baselines[0]) == pytest.approx(IID.mean, abs=1e-4)
    assert float(bet.detector.dispersion[0]) == 1
    assert layout.spec.weights.performance == 0.25
    assert 50 < monitor._delay(Scale(0.05)) < 1_000


def test_figures_are_where_their_targets_look_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (monitor, hard_cases):
        monkeypatch.setattr(module, "model_runs", lambda *_, **__: [run(3, 5), run(0, 0)])
    monkeypatch.setattr(hard_cases, "_alerts", lambda *_: [])
    names = ("correlated", "autocorrelated", "biased_delay", "late_segment", "new_version", "short_reference")
    lines = {name: getattr(hard_cases, name)(Scale(0.05)) for name in names}
    lines["monitor"] = monitor.monitor(Scale(0.05))
    measured = {target.path: target.measured(lines) for target in TARGETS if target.path[0] in lines}
    assert all(value is not None for value in measured.values())
    assert measured["monitor", "rate"] == 0.15  # alarms
    assert measured["correlated", "rate"] == 0.25  # notices, too
    assert measured["biased_delay", "rate"] == 0.15  # alarms
    assert measured["short_reference", "judged"] == 0


def test_labels_of_wrong_predictions_come_sooner_and_all_in_time() -> None:
    rows = hard_cases._biased(generator("test, biased"), [MODEL_ROWS] * 14, 0)
    delay = rows.known - rows.times
    wrong = rows.said != rows.truth
    assert delay[wrong].mean() < delay[~wrong].mean() / 2
    assert delay.max() <= LABEL_DELAY_DAYS * DAY
    days = np.bincount(rows.times // DAY)
    assert days[5] < days[4] / 2


def test_the_late_value_is_late_and_nothing_else_changes() -> None:
    rows = hard_cases._late(generator("test, late"), [MODEL_ROWS] * 90, MODEL_REFERENCE_DAYS)
    late = rows.times >= (MODEL_REFERENCE_DAYS + LATE_AFTER) * DAY
    assert not (rows.categories[~late] == VALUES).any()
    assert (rows.categories[late, 0] == VALUES).mean() == pytest.approx(0.2, abs=0.02)
    assert (rows.categories[:, 1:] < VALUES).all()
    reference = hard_cases._late(generator("test, late"), [MODEL_ROWS] * 30, 0)
    assert (reference.categories < VALUES).all()


def test_both_versions_are_closed_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, int]] = []

    def noted(layout, rows, until, sampled):
        panes = list(closed_panes(layout, rows, until, sampled))
        seen.extend((pane.key.version, pane.key.family, pane.start // DAY) for pane in panes)
        return panes

    monkeypatch.setattr("bench.detection.watched_model.closed_panes", noted)
    for name, days in (("VERSION_BEFORE", 4), ("VERSION_CHANGED", 4), ("VERSION_AFTER", 4)):
        monkeypatch.setattr(hard_cases, name, days)
    hard_cases._alerts(Scale(0.05), 0, 0.0)
    cohorts = [(version, day - MODEL_REFERENCE_DAYS) for version, family, day in seen if family == "cohort"]
    assert cohorts == [("1", day) for day in range(8)] + [("2", day) for day in range(8, 12 - LABEL_DELAY_DAYS)]
