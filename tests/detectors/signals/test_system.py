"""Volume and latency: told as they are, and an alarm when answers get slow."""

import random

import pytest

from detectors.signals.latency import Latency
from detectors.signals.volume import Volume

from ..builders import DAY, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec()


def slow_pane(layout, day: int, n: int, slow: int):
    latency = [0] * 300 + [n] + [0] * 211
    return blank_pane(layout, "traffic", day, n=n, latency=latency, slow=[slow, n])


def test_volume_and_undeclared_features_are_counted() -> None:
    layout = layout_of(SPEC, None)
    rows = days(SPEC, 1)
    for row, _ in rows[:10]:
        row.unexpected = True
    readings = {
        f.reading.signal: f.reading for f in Volume(layout_of(SPEC, None)).read(pane_of(layout, "traffic", rows))
    }
    assert readings["volume"].value == 50
    assert readings["throughput"].value == pytest.approx(50 / 86_400)
    assert readings["unexpected_features"].value == 0.2


def test_a_part_of_the_volume_is_not_the_volume() -> None:
    readings = [
        f.reading
        for f in Volume(layout_of(SPEC, None)).read(
            pane_of(layout_of(SPEC, None), "traffic", days(SPEC, 1), mismatched=1)
        )
    ]
    assert {reading.status for reading in readings} == {"unknown"}


def test_quantiles_are_in_milliseconds() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    rows = days(SPEC, 1, rows=200)
    for i, (row, _) in enumerate(rows):
        row.latency_ms = float(i + 1)
    readings = {
        f.reading.signal: f.reading.value
        for f in Latency(layout, layout.spec.weights.system).read(pane_of(layout, "traffic", rows))
    }
    for q in (50, 95, 99):
        assert readings[f"latency_p{q}"] == pytest.approx(2 * q, rel=0.02)


def test_a_rise_of_slow_answers_alarms_and_the_usual_share_does_not() -> None:
    layout = layout_of(SPEC, profile_of(SPEC, rows=200))
    signal, rng = Latency(layout, layout.spec.weights.system), random.Random(0)
    for day in range(100):
        finding = list(signal.read(slow_pane(layout, day, 200, rng.randint(4, 16))))[-1]
        assert finding.reading.status == "ok"
    fired = [f for day in range(100, 110) for f in signal.read(slow_pane(layout, day, 200, 60)) if f.firing]
    assert fired[0].firing.since == START + 100 * DAY
    assert fired[0].reading.tier == "system"
    assert "slower than" in fired[0].firing.what


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no reference", "no reference profile"),
        ("few panes", "5 panes"),
        ("untimed", "the reference has no latencies"),
        ("no weight", "weights.system is 0"),
        ("mismatched", "1 source partitions"),
    ],
)
def test_latencies_that_cannot_be_judged_are_unknown_with_the_reason(case: str, reason: str) -> None:
    spec = model_spec(weights={"system": 0}) if case == "no weight" else SPEC
    profile = {
        "no reference": None,
        "few panes": profile_of(spec, panes=5),
        "untimed": profile_of(spec).model_copy(update={"counts": {}, "slow_ms": None}),
    }.get(case, profile_of(spec))
    layout = layout_of(spec, profile)
    pane = pane_of(layout, "traffic", days(spec, 1), mismatched=int(case == "mismatched"))
    reading = list(Latency(layout, layout.spec.weights.system).read(pane))[-1].reading
    assert (reading.signal, reading.status) == ("latency", "unknown")
    assert reason in (reading.reason or "")


def test_latencies_that_stop_are_unknown_and_those_that_never_were_are_nothing() -> None:
    rows = days(SPEC, 1)
    for row, _ in rows:
        row.latency_ms = None
    timed, untimed = layout_of(SPEC, profile_of(SPEC)), layout_of(SPEC, None)
    (finding,) = Latency(timed, 0.1).read(pane_of(timed, "traffic", rows))
    assert finding.reading.status == "unknown"
    assert "how long" in (finding.reading.reason or "")
    assert list(Latency(untimed, 0.1).read(pane_of(untimed, "traffic", rows))) == []


def test_the_usual_volume_stands_beside_todays() -> None:
    layout = layout_of(SPEC, profile_of(SPEC, rows=200))
    readings = {f.reading.signal: f.reading for f in Volume(layout).read(blank_pane(layout, "traffic", n=10))}
    assert (readings["volume"].value, readings["volume"].reference) == (10, 200)
    assert readings["throughput"].reference == pytest.approx(200 / 86_400)
