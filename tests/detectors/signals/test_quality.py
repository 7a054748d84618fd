"""Broken values alarm, and are never taken for a change of the world."""

import random
from typing import Any

import pytest

from detectors.build_profile import build_profile
from detectors.layout import OUT_OF_RANGE, UNSEEN
from detectors.signals.quality import Quality, qualities
from detectors.signals.signal import Finding

from ..builders import DAY, START, LabelledRow, days, layout_of, model_spec, pane_of, panes_of, profile_of, read


def broken(spec: Any, day: int, feature: int, value: Any, share: float) -> list[LabelledRow]:
    rng, rows = random.Random(day), days(spec, 1, rows=100, first=day)
    for row, _ in rows:
        if rng.random() < share:
            row.features[feature] = value
    return [(row, None) for row, _ in rows]


def watch(spec: Any, feature: int, value: Any, share: float, count: int = 30) -> list[Finding]:
    layout = layout_of(spec, profile_of(spec, rows=100))
    signals = qualities(layout)
    found = []
    for day in range(count):
        pane = pane_of(layout, "traffic", broken(spec, day, feature, value, share), START + day * DAY)
        found += [finding for signal in signals for finding in signal.read(pane)]
    return found


def fired(findings: list[Finding]) -> set[tuple[str, str | None]]:
    return {(f.reading.signal, f.reading.feature) for f in findings if f.firing}


@pytest.mark.parametrize(
    ("feature", "value", "signal"),
    [
        ("income", None, "missing"),
        ("income", float("nan"), "invalid"),
        ("income", float("inf"), "invalid"),
        ("income", "12", "invalid"),
        ("income", True, "invalid"),
        ("income", 1e9, "out_of_range"),
        ("region", "west", "unseen"),
        ("region", None, "missing"),
        ("owner", "yes", "invalid"),
        ("note", 5.0, "invalid"),
    ],
)
def test_a_defect_alarms_under_its_own_name_and_no_other(feature: str, value: Any, signal: str) -> None:
    spec = model_spec()
    findings = watch(spec, list(spec.features).index(feature), value, share=0.2)
    assert fired(findings) == {(signal, feature)}
    assert all(f.firing.severity == "alarm" for f in findings if f.firing)


def test_an_alarm_of_new_values_names_some_of_them() -> None:
    layout = layout_of(model_spec(), profile_of(model_spec(), rows=100))
    signal = Quality(layout, "region", UNSEEN, weight=0.1)
    news = ["west", "west", "far west", "the \u202eend" + "!" * 60, "a", "b"]
    found: list[Finding] = []
    for day in range(30):
        rows = broken(model_spec(), day, 1, "west", share=0.2)
        for (row, _), value in zip(rows, news, strict=False):
            row.features[1] = value
        found += signal.read(pane_of(layout, "traffic", rows, START + day * DAY))
    what = next(one.firing.what for one in found if one.firing)
    assert "not allowed or not in the reference ('west', 'a', 'b' and others)" in what


def test_sound_data_never_alarms() -> None:
    findings = watch(model_spec(), 0, None, share=0.0, count=300)
    assert fired(findings) == set()
    assert {f.reading.status for f in findings} == {"ok"}


def test_less_than_the_minimum_effect_is_put_up_with() -> None:
    spec = model_spec(minimum_effect={"quality": 0.1})
    assert fired(watch(spec, 0, None, share=0.05, count=100)) == set()
    assert fired(watch(spec, 0, None, share=0.25, count=30)) == {("missing", "income")}


def test_a_reference_that_lacks_values_too_is_no_excuse_where_the_feature_is_not_nullable() -> None:
    for nullable, expected in ((True, set()), (False, {("missing", "income")})):
        spec = model_spec(features={"income": {"type": "numeric", "nullable": nullable}})
        profile = profile_of(spec, rows=100)
        counts = {**profile.counts["traffic"], "quality:income": [1_200, 0, 0, 0]}  # 30 %
        layout = layout_of(spec, profile.model_copy(update={"counts": {**profile.counts, "traffic": counts}}))
        signals = qualities(layout)
        findings = []
        for day in range(20):
            pane = pane_of(layout, "traffic", broken(spec, day, 0, None, 0.3), START + day * DAY)
            findings += [finding for signal in signals for finding in signal.read(pane)]
        assert fired(findings) == expected


def test_weights_are_shared_evenly_within_the_budget() -> None:
    spec = model_spec()
    signals = qualities(layout_of(spec, profile_of(spec)))
    assert len(signals) == 3 + 3 + 3 + 2
    assert sum(signal._weight for signal in signals) == pytest.approx(spec.weights.quality)
    assert qualities(layout_of(model_spec(weights={"quality": 0}), None)) == []


@pytest.mark.parametrize("panes", [0, 29])
def test_without_enough_of_a_reference_it_is_unknown(panes: int) -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec, panes=panes) if panes else None)
    pane = pane_of(layout, "traffic", broken(spec, 0, 0, None, 0.5))
    readings = [finding.reading for signal in qualities(layout) for finding in signal.read(pane)]
    assert {reading.status for reading in readings} == {"unknown"}
    assert all(reading.reason for reading in readings)
    assert next(r for r in readings if r.signal == "missing").value == pytest.approx(0.5, abs=0.15)


def test_a_pane_counted_by_another_profile_is_unknown_and_earns_nothing() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    for signal in qualities(layout):
        for day in range(30):
            pane = pane_of(layout, "traffic", broken(spec, day, 0, None, 1.0), START + day * DAY, mismatched=2)
            (finding,) = signal.read(pane)
            assert (finding.reading.status, finding.firing) == ("unknown", None)
            assert "2 source partitions" in (finding.reading.reason or "")


def test_what_the_reference_never_had_sound_is_unknown() -> None:
    spec = model_spec(features={"income": "numeric"})
    profile = profile_of(spec)
    counts = {**profile.counts["traffic"], "quality:income": [2_000, 0, 0, 0]}
    layout = layout_of(spec, profile.model_copy(update={"counts": {**profile.counts, "traffic": counts}}))
    (finding,) = qualities(layout)[0].read(pane_of(layout, "traffic", broken(spec, 0, 0, None, 1.0)))
    assert finding.reading.status == "unknown"
    assert "near 1" in (finding.reading.reason or "")


RULES = [
    {"name": "no debt", "dimension": "validity", "rule": "income >= 50"},
    {"name": "southern owners", "dimension": "consistency", "rule": "region != 'south' or owner", "at_least": 0.5},
]


def test_a_broken_expectation_alarms_under_its_own_name() -> None:
    spec = model_spec(expectations=RULES, minimum_effect={"quality": 0.01})
    findings = watch(spec, 0, 20.0, share=0.1)
    assert ("expectation:no debt", None) in fired(findings)
    assert ("expectation:southern owners", None) not in fired(findings)
    firing = next(f.firing for f in findings if f.firing and f.reading.signal == "expectation:no debt")
    assert (firing.severity, firing.reference) == ("alarm", 0.0)
    assert "no debt (income >= 50)" in firing.what


def test_as_many_rows_may_break_a_rule_as_the_monitor_file_says() -> None:
    rule = {"name": "few", "dimension": "validity", "rule": "income >= 50"}
    for at_least, expected in ((0.8, set()), (0.95, {("expectation:few", None)})):
        spec = model_spec(
            features={"income": {"type": "numeric", "range": [0, 1e9]}}, expectations=[{**rule, "at_least": at_least}]
        )
        assert fired(watch(spec, 0, 20.0, share=0.15, count=60)) == expected


def test_a_rule_that_the_reference_has_not_counted_is_unknown_and_says_what_to_do() -> None:
    spec = model_spec(expectations=RULES)
    layout = layout_of(spec, profile_of(model_spec()))
    pane = pane_of(layout, "traffic", broken(spec, 0, 0, 20.0, 1.0))
    expected = [s for s in qualities(layout) if not isinstance(s, Quality)]
    for signal in expected:
        (finding,) = signal.read(pane)
        assert (finding.reading.status, finding.firing) == ("unknown", None)
        assert "build it again" in (finding.reading.reason or "")
    (value,) = (f.reading.value for f in expected[0].read(pane))
    assert value == 1.0


def test_expectations_share_the_weight() -> None:
    spec = model_spec(expectations=RULES)
    signals = qualities(layout_of(spec, profile_of(spec)))
    assert len({signal._weight for signal in signals}) == 1
    assert sum(signal._weight for signal in signals) == pytest.approx(spec.weights.quality)


@pytest.mark.parametrize(
    ("value", "cause"), [(None, "which no row has any more"), ("12", "which has changed its type")]
)
def test_an_alarm_of_all_rows_says_what_has_happened(value: Any, cause: str) -> None:
    firing = next(f.firing for f in watch(model_spec(), 0, value, share=1.0, count=3) if f.firing)
    assert cause in firing.what


def test_a_rule_that_all_rows_may_break_is_unknown() -> None:
    spec = model_spec(expectations=[{**RULES[0], "at_least": 0.0}])
    layout = layout_of(spec, profile_of(spec))
    (signal,) = [signal for signal in qualities(layout) if not isinstance(signal, Quality)]
    (finding,) = signal.read(pane_of(layout, "traffic", broken(spec, 0, 0, 20.0, 1.0)))
    assert (finding.reading.status, finding.reading.value) == ("unknown", 1.0)


def test_a_range_that_the_reference_gave_is_judged_with_the_dispersion_of_its_outermost_bins() -> None:
    """No row of the reference is outside, so that rows outside cannot show how they come together."""
    rng = random.Random(1)
    spec = model_spec(features={"income": "numeric"})

    def wandering(count: int, first: int) -> list[LabelledRow]:
        rows = days(spec, count, 50, first=first)
        level = [rng.gauss(0, 1) for _ in range(count)]
        for number, (row, _) in enumerate(rows):
            row.features[0] = 3 * level[number // 50] + rng.gauss(0, 1)
        return rows

    layout = layout_of(spec, build_profile("m", None, spec, wandering(60, -1_000)))
    signal = next(one for one in qualities(layout) if one._kind == OUT_OF_RANGE)
    fired = [finding for finding in read(signal, panes_of(layout, wandering(300, 0))) if finding.firing is not None]
    assert not fired
