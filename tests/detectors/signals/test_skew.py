"""Skew between versions: only what served in the same window, with the same bins, is compared."""

import numpy as np
import pytest

from detectors.distances import population_stability_index
from detectors.layouts import Layouts
from detectors.monitor import Monitor, MonitorState
from detectors.pane import ClosedPane
from detectors.signals.skew import NewestTraffic
from detectors.state import decode, encode
from schemas.pane_report import PaneReport
from schemas.reading import Reading

from ..builders import DAY, START, days, model_spec, pane_of, profile_of

SPEC = model_spec()
PROFILE = profile_of(SPEC)
LAYOUTS = Layouts({"m": SPEC}, {"m": {None: PROFILE, "other": profile_of(SPEC, seed=1)}})
BARE = Layouts({"m": SPEC}, {})


def traffic(version: str, day: int = 0, *, rows: int = 50, shift: float = 0.0, mismatched: int = 0) -> ClosedPane:
    members = days(SPEC, 1, rows, seed=day, first=day, shift=shift)
    layouts = BARE if version == "bare" else LAYOUTS
    return pane_of(layouts.of("m", version), "traffic", members, START + day * DAY, mismatched)


def readings(newest: NewestTraffic, pane: ClosedPane) -> list[Reading]:
    return [finding.reading for finding in newest.read(pane)]


def test_a_pair_is_told_once_with_the_rows_of_both() -> None:
    newest = NewestTraffic()
    first, second = traffic("1", rows=80), traffic("2", rows=40, shift=1.0)
    assert readings(newest, first) == []
    found = {reading.feature: reading for reading in readings(newest, second)}
    assert list(found) == ["income", "region", "owner", None]
    income = found["income"]
    assert (income.signal, income.status, income.other_version) == ("version_skew", "ok", "1")
    assert (income.n, income.other_n) == (40, 80)
    histograms = [pane.view("histogram:income") for pane in (first, second)]
    assert income.value == population_stability_index(*histograms)
    gaps = np.cumsum(histograms[1] / 40 - histograms[0] / 80)
    assert (income.effects or {})["ks"] == pytest.approx(np.abs(gaps).max(), abs=1e-4)
    assert (income.effects or {})["ks"] > 0.3 > (found["region"].effects or {})["total_variation"]


def test_the_largest_of_the_others_is_taken() -> None:
    newest = NewestTraffic()
    for version, rows in (("1", 30), ("2", 90), ("3", 60)):
        last = readings(newest, traffic(version, rows=rows))
    assert {reading.other_version for reading in last} == {"2"}
    assert {reading.other_version for reading in readings(newest, traffic("4"))} == {"2"}


def test_another_window_is_another_matter() -> None:
    newest = NewestTraffic()
    readings(newest, traffic("1", 0))
    assert readings(newest, traffic("2", 1)) == []
    assert readings(newest, traffic("3", 1))[0].other_version == "2"


def test_other_bins_are_not_compared() -> None:
    newest = NewestTraffic()
    readings(newest, traffic("1"))
    found = readings(newest, traffic("other"))
    assert {reading.status for reading in found} == {"unknown"}
    assert {reading.reason for reading in found} == {"the other versions have reference profiles with other bins"}
    assert {reading.other_version for reading in readings(newest, traffic("2"))} == {"1"}


def test_a_pane_with_a_problem_is_unknown_and_nothing_to_compare_with() -> None:
    newest = NewestTraffic()
    readings(newest, traffic("1", mismatched=1))
    assert readings(newest, traffic("2")) == []
    found = readings(newest, traffic("3", mismatched=1))
    assert {reading.status for reading in found} == {"unknown"}
    assert "1 source partitions" in (found[0].reason or "")


def test_versions_without_a_profile_have_no_bins() -> None:
    newest = NewestTraffic()
    assert readings(newest, traffic("bare")) == []
    readings(newest, traffic("1"))
    assert {reading.reason for reading in readings(newest, traffic("bare"))} == {
        "no reference profile for version bare"
    }


def test_the_monitor_reports_it_and_its_state_goes_on_exactly() -> None:
    monitor, state = Monitor("m", LAYOUTS), MonitorState()
    state, _ = monitor.close(state, traffic("1"))
    again: MonitorState = decode(encode(state))
    _, outputs = monitor.close(state, traffic("2", shift=1.0))
    _, same = monitor.close(again, traffic("2", shift=1.0))
    report = outputs[0]
    assert isinstance(report, PaneReport)
    assert [r.feature for r in report.readings if r.signal == "version_skew"] == ["income", "region", "owner", None]
    assert [one.model_dump_json() for one in outputs] == [one.model_dump_json() for one in same]
