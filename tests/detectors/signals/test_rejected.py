"""Predictions that are in no other count have a share of their own, and its rise is an alarm."""

from typing import Any

import pytest

from detectors.layout import Layout
from detectors.signals.rejected import Rejected
from detectors.signals.system import systems

from ..builders import START, blank_pane, layout_of, model_spec, profile_of, read

SPEC = model_spec()


def pane(layout: Layout, day: int, rejected: int) -> Any:
    return blank_pane(layout, "traffic", day, n=1_000, rejected=[rejected, 0, 0])


def test_all_that_were_rejected_count_alike() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    (finding,) = Rejected(layout, 0.1).read(blank_pane(layout, "traffic", n=90, rejected=[5, 3, 2]))
    assert (finding.reading.value, finding.reading.n) == (0.1, 100)
    assert (finding.reading.signal, finding.reading.tier) == ("rejected", "system")


def test_a_rise_alarms_and_what_is_below_the_minimum_effect_does_not() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    signal = Rejected(layout, 0.1)
    calm = read(signal, [pane(layout, day, 10) for day in range(300)])
    assert {finding.reading.status for finding in calm} == {"ok"}
    fired = [f for f in read(signal, [pane(layout, 300 + day, 60) for day in range(10)]) if f.firing]
    assert fired[0].firing is not None
    assert fired[0].firing.severity == "alarm"
    assert fired[0].firing.since == START + 300 * 86_400_000_000


def test_even_if_everything_is_rejected_it_is_told() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    (finding,) = Rejected(layout, 0.1).read(blank_pane(layout, "traffic", rejected=[0, 0, 40]))
    assert finding.reading.value == 1.0


@pytest.mark.parametrize(
    ("profiled", "weight", "reason"), [(False, 0.1, "no reference"), (True, 0.0, "weights.system")]
)
def test_what_cannot_be_judged_is_unknown_with_the_reason(profiled: bool, weight: float, reason: str) -> None:
    layout = layout_of(SPEC, profile_of(SPEC) if profiled else None)
    (finding,) = Rejected(layout, weight).read(pane(layout, 0, 100))
    assert finding.reading.status == "unknown"
    assert reason in (finding.reading.reason or "")
    assert finding.reading.value == pytest.approx(100 / 1_100)


def test_latency_and_rejections_share_the_weight_where_there_are_latencies() -> None:
    profile = profile_of(SPEC)
    untimed = profile.model_copy(update={"counts": {**profile.counts, "traffic": {"n": [2_000]}}})
    for known, share in ((profile, 0.05), (untimed, 0.1)):
        signals = systems(layout_of(SPEC, known), 0.1)
        bets = [signal._bet for signal in signals if getattr(signal, "_bet", None) is not None]  # type: ignore[attr-defined]
        assert [bet.detector.weight for bet in bets] == [share] * round(0.1 / share)
