"""Drift against the recent past: what has become usual is no change, what is new is one, in whatever place it began."""

import numpy as np
import pytest

from detectors.indicators import of_feature, of_prediction
from detectors.signals.recent_drift import RecentDrift, _folded, _unfolded, recent_drifts
from detectors.signals.signal import Finding
from detectors.state import decode, encode

from ..builders import DAY, START, TASKS, blank_pane, days, layout_of, model_spec, pane_of, panes_of, profile_of
from .test_drift import SPEC, histogram_pane, normal_profile

W = SPEC.recent


def watch(means: list[float], *, seed: int = 0, rows: int = 500, weight: float = 0.05) -> list[Finding]:
    layout, rng = layout_of(SPEC, normal_profile(20_000, seed)), np.random.default_rng(seed)
    signal = RecentDrift(layout, "income", weight)
    return [
        finding
        for day, mean in enumerate(means)
        for finding in signal.read(histogram_pane(layout, rng.normal(mean, 1, rows), day))
    ]


@pytest.mark.parametrize("level", [0.0, 1.5])
def test_what_stays_as_it_is_raises_nothing_however_far_from_the_reference(level: float) -> None:
    found = [finding for seed in range(3) for finding in watch([level] * 300, seed=seed, weight=1.0)]
    assert not [finding for finding in found if finding.firing]
    assert {finding.reading.status for finding in found[2 * W : 300]} == {"ok"}


def test_it_is_unknown_until_there_is_a_recent_past() -> None:
    found = watch([0.0] * (2 * W + 1))
    assert {finding.reading.status for finding in found[:-1]} == {"unknown"}
    assert found[3].reading.reason == f"the recent past, 2 x `recent` = {2 * W} panes, is not complete yet"
    assert found[-1].reading.status == "ok"
    assert found[-1].reading.other_n == W * 500
    assert set(found[-1].reading.effects or {}) == {"ks", "wasserstein", "jensen_shannon"}


def test_a_change_is_found_dated_and_over_once_it_is_usual() -> None:
    first = 60
    found = watch([1.0] * first + [1.5] * 100)
    fired = [day for day, finding in enumerate(found) if finding.firing]
    assert first <= fired[0] <= first + 2
    firing = found[fired[0]].firing
    assert firing is not None
    assert firing.severity == "notice"
    assert firing.since == START + first * DAY
    assert "against the recent past" in firing.what
    assert fired[-1] < first + 2 * W  # the panes since the change are what it is compared with by then
    recovered = [day for day, finding in enumerate(found) if finding.recovered]
    assert recovered == [fired[-1] + 2 * W]


def test_a_change_that_goes_back_is_over_at_once() -> None:
    found = watch([0.0] * 60 + [0.7] * 3 + [0.0] * 8)
    assert any(finding.firing for finding in found[60:63])
    assert any(finding.recovered for finding in found[63:67])


def test_an_outage_that_is_over_makes_nothing_after_it_look_changed() -> None:
    layout, rng = layout_of(SPEC, normal_profile(20_000, 0)), np.random.default_rng(2)
    signal, found = RecentDrift(layout, "income", 1.0), list[Finding]()
    for day in range(120):
        present = 40 if day in (60, 61) else 500
        pane = histogram_pane(layout, rng.normal(0, 1, present), day)
        pane.view("n")[0] = 500  # of which the others have no value
        found += signal.read(pane)
    assert not [finding for finding in found if finding.firing]
    assert {found[60].reading.n, found[62].reading.n} == {40, 500}


def test_the_past_ends_a_window_before_the_pane() -> None:
    layout, rng = layout_of(SPEC, normal_profile(5_000, 0)), np.random.default_rng(0)
    signal = RecentDrift(layout, "income", 0.1)
    panes = [histogram_pane(layout, rng.normal(0, 1, 100 + day), day) for day in range(3 * W)]
    found = [finding for pane in panes for finding in signal.read(pane)]
    for t in (2 * W, 2 * W + 5):
        assert found[t].reading.other_n == sum(pane.n for pane in panes[t - 2 * W : t - W])


def test_panes_with_a_problem_or_without_rows_are_no_past() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    signal = RecentDrift(layout, "income", 0.1)
    for day in range(2 * W + 5):
        (finding,) = signal.read(pane_of(layout, "traffic", days(SPEC, 1), START + day * DAY, mismatched=1))
        assert "1 source partitions" in (finding.reading.reason or "")
        (finding,) = signal.read(blank_pane(layout, "traffic", day))
        assert finding.reading.status == "unknown"
    (finding,) = signal.read(pane_of(layout, "traffic", days(SPEC, 1)))
    assert finding.reading.reason == f"the recent past, 2 x `recent` = {2 * W} panes, is not complete yet"


@pytest.mark.parametrize("task", TASKS)
def test_the_half_that_is_kept_tells_the_other_half(task: str) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    counts = pane_of(layout, "traffic", days(spec, 1)).counts
    for found in (of_prediction(layout, counts), of_feature(layout, counts, "region")):
        again = _unfolded(_folded(found))
        assert again.totals.tolist() == found.totals.tolist()
        assert again.n == found.n


@pytest.mark.parametrize("task", TASKS)
def test_features_and_predictions_share_one_weight_and_every_task_is_read(task: str) -> None:
    spec = model_spec(task, recent=2)
    layout = layout_of(spec, profile_of(spec))
    signals = recent_drifts(layout, 0.1)
    assert [signal._feature for signal in signals] == ["income", "region", "owner", None]
    assert sum(weight for signal in signals for _, weight in signal.stakes) == pytest.approx(0.1)
    assert recent_drifts(layout, 0.0) == []
    panes = [pane for pane in panes_of(layout, days(spec, 6)) if pane.key.family == "traffic"]
    for signal in signals:
        statuses = [finding.reading.status for pane in panes for finding in signal.read(pane)]
        assert statuses == ["unknown"] * 4 + ["ok"] * 2


def test_without_a_reference_it_is_unknown() -> None:
    layout = layout_of(SPEC, None)
    signal = RecentDrift(layout, "income", 1.0)
    reasons = {f.reading.reason for d in range(40) for f in signal.read(pane_of(layout, "traffic", days(SPEC, 1)))}
    assert reasons == {"no reference profile for version 1"}


def test_the_state_goes_on_exactly_and_is_small() -> None:
    layout, rng = layout_of(SPEC, normal_profile(5_000, 0)), np.random.default_rng(0)
    signal = RecentDrift(layout, "income", 0.1)
    panes = [histogram_pane(layout, rng.normal(0, 1, 500), day) for day in range(100)]
    for pane in panes[:60]:
        list(signal.read(pane))
    data = encode(signal)
    assert len(data) < 12_000
    again = decode(data)
    for pane in panes[60:]:
        assert list(again.read(pane)) == list(signal.read(pane))
