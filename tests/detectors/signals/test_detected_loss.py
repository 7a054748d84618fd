"""A detector over label panes is River's over the sorted stream, index for index."""

import random
from dataclasses import replace
from typing import get_args

import pytest
from river.drift import ADWIN

from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals.detected_loss import DetectedLoss, detected_losses
from detectors.signals.signal import Finding
from detectors.state import decode, encode
from detectors.stream_detector import stream_detector
from schemas.alert import Alert
from schemas.detector_spec import AdwinSpec, DetectorName
from schemas.event_time import to_micros
from schemas.pane_report import PaneReport

from ..builders import (
    DAY,
    START,
    LabelledRow,
    Watched,
    days,
    layout_of,
    model_spec,
    pane_of,
    panes_of,
    profile_of,
    read,
)

ADWIN_SPEC = AdwinSpec(type="adwin")


def stream(seed: int, n: int = 3_000, changes: tuple[int, ...] = (1_200,), tie: bool = False) -> list[LabelledRow]:
    """Rows whose labels come in another order than they; the error rate jumps at each change."""
    rng, rows, rates = random.Random(seed), [], [0.1, 0.45, 0.1, 0.5]
    for i in range(n):
        time = START + i * (30 * DAY // n)
        known = time + (DAY // 4 * rng.randrange(8) if tie else rng.randrange(2 * DAY))
        known = known // (DAY // 4) * (DAY // 4) if tie else known
        rate = rates[sum(i >= change for change in changes)]
        truth = "no" if rng.random() < rate else "yes"
        features = [1.0, rng.choice(["north", "south"]), True, ""]
        rows.append((Row(time, f"{rng.randrange(10**9):09}", features, label="yes"), Label(known, truth)))
    return rows


def by_hand(rows: list[LabelledRow]) -> list[int]:
    """River itself over the file, sorted by when labels became known, then id."""
    ordered = sorted(rows, key=lambda pair: (max(pair[0].time, pair[1].time), pair[0].id))
    adwin, alarms = ADWIN(), []
    for position, (row, label) in enumerate(ordered):
        adwin.update(float(row.label != label.label))
        if adwin.drift_detected:
            alarms.append(position)
    return alarms


def label_panes(rows: list[LabelledRow], **changes: object) -> list[ClosedPane]:
    spec = model_spec(**changes)
    return [pane for pane in panes_of(layout_of(spec, None), rows) if pane.key.family == "label"]


def positions(findings: list[Finding]) -> list[int]:
    return [position for finding in findings for position in finding.reading.positions or []]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tie", [False, True])
def test_alarms_are_those_of_river_by_hand(seed: int, tie: bool) -> None:
    rows = stream(seed, changes=(1_000, 2_000), tie=tie)
    findings = read(DetectedLoss(ADWIN_SPEC, None, 0), label_panes(rows))
    expected = by_hand(rows)
    assert len(expected) >= 2
    assert positions(findings) == expected
    assert not any(finding.reading.sampled for finding in findings)


@pytest.mark.parametrize("name", get_args(DetectorName))
def test_each_detector_of_the_monitor_file_sees_the_sorted_stream(name: str) -> None:
    rows = stream(2, n=1_500, changes=(700,))
    panes = label_panes(rows, detectors=[name])
    (signal,) = detected_losses(panes[0].layout)
    findings = read(signal, panes)
    ordered = sorted(rows, key=lambda pair: (max(pair[0].time, pair[1].time), pair[0].id))
    alone = stream_detector(panes[0].layout.spec.detectors[0])
    expected = [i for i, (row, label) in enumerate(ordered) if alone.update(float(row.label != label.label))]
    assert positions(findings) == expected != []
    assert {finding.reading.detector for finding in findings} == {name}
    assert all(finding.reading.status == ("alarm" if finding.reading.positions else "ok") for finding in findings)


def test_each_detector_has_a_reading_of_its_own() -> None:
    settings = {"detectors": ["adwin", "ddm", "hddm_w"], "challenger": False}
    watched = Watched.of(model_spec(**settings), None)
    watched.close([label_panes(stream(2), **settings)[0]])
    (report,) = [output for output in watched.outputs if isinstance(output, PaneReport)]
    ours, *rivers = [r.detector for r in report.readings if r.signal == "error_rate"]
    assert ours is None, "without a reference nothing of ours judges"
    assert rivers == ["adwin", "ddm", "hddm_w"]


@pytest.mark.parametrize("name", get_args(DetectorName))
def test_restored_amid_a_notice_it_goes_on_as_the_original(name: str) -> None:
    panes = label_panes(stream(4, n=3_000, changes=(1_000, 2_000)), detectors=[name])
    (signal,) = detected_losses(panes[0].layout)
    read(signal, panes[:18])
    restored = decode(encode(signal))
    assert read(restored, panes[18:]) == read(signal, panes[18:])
    assert encode(restored) == encode(signal)


def test_no_detector_is_no_reading() -> None:
    assert detected_losses(layout_of(model_spec(), None)) == []


def test_absolute_errors_are_watched_in_their_own_unit() -> None:
    spec = model_spec("regression", detectors=["page_hinkley", "kswin"])
    rows = days(spec, 20) + days(spec, 10, first=20, error=0.4)
    panes = [pane for pane in panes_of(layout_of(spec, None), rows) if pane.key.family == "label"]
    for signal in detected_losses(panes[0].layout):
        firings = [finding.firing for finding in read(signal, panes) if finding.firing]
        assert firings[0].reference == pytest.approx(1.6, abs=0.4)  # the mean of |N(0, 2)|
        assert firings[0].value == pytest.approx(6.4, abs=2)
        assert abs(firings[0].since - (START + 21 * DAY)) <= 2 * DAY


@pytest.mark.parametrize("name", ["ddm", "fhddm", "hddm_a", "hddm_w"])
def test_where_only_rises_are_seen_a_notice_is_over_when_the_newest_losses_say_so(name: str) -> None:
    watched = Watched.of(model_spec(detectors=[name], challenger=False), None)
    rows = stream(4, n=6_000, changes=(2_000, 4_000))  # .1, .45, .1
    watched.close(label_panes(rows, detectors=[name]))
    alerts = [output for output in watched.outputs if isinstance(output, Alert)]
    real = [alert for alert in alerts if to_micros(alert.since) > START + 7 * DAY]
    assert [alert.severity for alert in real] == ["notice", "recovered"]
    assert [alert.detector for alert in real] == [name] * 2
    over = to_micros(real[1].time)
    assert START + 20 * DAY < over <= START + 25 * DAY


def test_a_notice_is_not_over_before_there_are_enough_rows() -> None:
    spec = model_spec(detectors=["hddm_w"])
    layout, (signal,) = layout_of(spec, None), detected_losses(layout_of(spec, None))

    def day(number: int, n: int, errors: int) -> Finding:
        rows = [
            (
                Row(START + number * DAY + i, f"{number}-{i:04}", [1.0] * 4, label="yes"),
                Label(START + number * DAY + i, t),
            )
            for i in range(n)
            for t in ["no" if i * errors // n < (i + 1) * errors // n else "yes"]
        ]
        (finding,) = signal.read(pane_of(layout, "label", rows, START + number * DAY))
        return finding

    assert not any(day(number, 200, 10).firing for number in range(10))
    assert day(10, 200, 120).firing
    assert [day(number, 100, 2).recovered for number in range(11, 15)] == [False, True, False, False]


def test_a_segment_is_the_stream_of_its_rows() -> None:
    spec = model_spec(segments=["region"])
    layout = layout_of(spec, profile_of(spec))
    rows = stream(5)
    panes = [pane for pane in panes_of(layout, rows) if pane.key.family == "label"]
    for value in ("north", "south"):
        cell = layout.segment_values("region").index(value)
        findings = read(DetectedLoss(ADWIN_SPEC, "region", cell), panes)
        assert positions(findings) == by_hand([pair for pair in rows if pair[0].features[1] == value])
        assert {finding.reading.segment for finding in findings} == {f"region={value}"}
    assert read(DetectedLoss(ADWIN_SPEC, "region", 3), panes) == []  # nobody is elsewhere


def test_every_cell_of_every_segment_has_its_own() -> None:
    spec = model_spec(segments=["region", "owner"], detectors=["adwin"])
    assert len(detected_losses(layout_of(spec, profile_of(spec)))) == 1 + 4 + 3


def test_above_the_cap_it_sees_a_sample_and_says_so() -> None:
    rows = stream(6)
    findings = read(DetectedLoss(ADWIN_SPEC, None, 0), label_panes(rows, sample=30))
    assert all(finding.reading.sampled for finding in findings[1:-2])
    assert max(finding.reading.n for finding in findings) == 30
    assert positions(findings) != []


def test_a_rise_is_a_notice_with_the_start_of_the_change() -> None:
    rows = stream(7)
    findings = read(DetectedLoss(ADWIN_SPEC, None, 0), label_panes(rows))
    first = next(finding.firing for finding in findings if finding.firing)
    truth = START + 12 * DAY  # rows 1,200 of 3,000 in 30 days
    assert first.severity == "notice"
    assert abs(first.since - truth) <= 2 * DAY
    assert first.reference == pytest.approx(0.1, abs=0.05)
    assert first.value == pytest.approx(0.45, abs=0.1)


def test_a_fall_is_no_notice_but_the_end_of_one() -> None:
    rows = stream(8, changes=(0, 1_500))  # .45, then .1
    findings = read(DetectedLoss(ADWIN_SPEC, None, 0), label_panes(rows))
    assert positions(findings) != []
    assert not any(finding.firing for finding in findings)
    assert any(finding.recovered for finding in findings)


def test_a_rise_below_the_minimum_effect_is_no_notice() -> None:
    findings = read(DetectedLoss(ADWIN_SPEC, None, 0), label_panes(stream(9), minimum_effect={"error_rate": 0.6}))
    assert positions(findings) == by_hand(stream(9))
    assert not any(finding.firing for finding in findings)


@pytest.mark.parametrize("broken", [1.7e308, 1e150])
def test_a_loss_beyond_all_numbers_does_not_silence_it(broken: float) -> None:
    spec = model_spec("regression", features={"income": "numeric"})
    layout = layout_of(spec, None)
    rng, signal, found = random.Random(0), DetectedLoss(ADWIN_SPEC, None, 0), []
    for day in range(20):
        rows = []
        for i in range(100):
            value = broken if (day, i) == (2, 50) else 0.0
            truth = -broken if value else rng.gauss(0, 1 if day < 10 else 5)
            row = Row(START + day * DAY + i, f"{day}-{i:03}", [1.0], value=value)
            rows.append((row, Label(row.time, value=truth)))
        found += signal.read(pane_of(layout, "label", rows, START + day * DAY))
    first = next(finding.firing for finding in found if finding.firing)
    assert abs(first.since - (START + 10 * DAY)) <= DAY
    assert first.reference == pytest.approx(0.8, abs=0.2)


def test_a_pane_without_losses_is_unknown() -> None:
    layout = layout_of(model_spec("text"), None)
    row = Row(START, "a", [None] * 4)
    (finding,) = DetectedLoss(ADWIN_SPEC, None, 0).read(pane_of(layout, "label", [(row, Label(START))]))
    assert (finding.reading.status, finding.reading.reason) == ("unknown", "no labels became known")
    (short,) = DetectedLoss(ADWIN_SPEC, None, 0).read(
        pane_of(layout, "label", [(row, Label(START, rating=1.0))], mismatched=1)
    )
    assert short.reading.status == "unknown"
    assert "another reference profile" in (short.reading.reason or "")


def test_panes_that_miss_events_are_not_fed() -> None:
    layout = layout_of(model_spec(), None)
    panes = [pane for pane in panes_of(layout, stream(0)) if pane.key.family == "label"]
    signal = DetectedLoss(ADWIN_SPEC, None, 0)
    for finding in read(signal, [replace(pane, incomplete=1) for pane in panes]):
        assert (finding.reading.status, finding.reading.positions, finding.firing) == ("unknown", [], None)
    assert any(finding.firing for finding in read(signal, panes))
