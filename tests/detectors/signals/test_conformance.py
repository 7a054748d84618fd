"""What every signal of every task keeps: it never raises, says `unknown` with a reason, and its state can be stored."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.signals.catalogue import signals_of
from detectors.signals.signal import Finding, Signal
from detectors.state import decode, encode
from schemas.reading import Reading

from ..builders import blank_pane, days, layout_of, model_spec, panes_of, profile_of, read

TASKS = ("binary", "multiclass", "regression", "text")
EVERYTHING: dict[str, Any] = {
    "segments": ["region"],
    "detectors": ["adwin"],
    "recent": 1,
    "scores": {"toxicity": {}},
    "expectations": [{"name": "paid", "dimension": "validity", "rule": "income > 0"}],
}
UNABLE = [
    ({"reference_max_age": "30d"}, 40, "the reference is stale"),
    ({}, 10, "30 are needed to know how much they vary"),
    ({}, None, "reference"),
]


Place = tuple[str, str, str | None, str | None]
"""Family, signal, feature and segment of a reading."""


def layout(task: str, reference: int | None = 40, **changes: Any) -> Layout:
    costs = {"matrix": {"yes": {"no": 1.0}, "no": {"yes": 1.0}}} if task == "binary" else {}
    spec = model_spec(task, **EVERYTHING, costs=costs, **changes)
    return layout_of(spec, None if reference is None else profile_of(spec, panes=reference))


def panes(of: Layout, count: int = 4, shift: float = 0.0) -> list[ClosedPane]:
    return panes_of(of, days(of.spec, count, 60, seed=3, shift=shift))


def placed(of: Layout, closed: list[ClosedPane]) -> list[tuple[Place, Reading]]:
    """Readings of the panes with where they stand."""
    signals = signals_of(of)
    return [
        ((pane.key.family, finding.reading.signal, finding.reading.feature, finding.reading.segment), finding.reading)
        for pane in closed
        for signal in signals
        if pane.key.family in signal.families
        for finding in signal.read(pane)
    ]


def findings(signals: list[Signal], of: list[ClosedPane]) -> list[Finding]:
    return [finding for signal in signals for finding in read(signal, of)]


@pytest.mark.parametrize("reference", [None, 10, 40], ids=["no reference", "short reference", "reference"])
@pytest.mark.parametrize("task", TASKS)
def test_it_reads_any_pane_and_says_why_where_it_does_not_know(task: str, reference: int | None) -> None:
    of = layout(task, reference)
    blank = [blank_pane(of, family, day) for day, family in enumerate(("traffic", "label", "cohort"))]
    for finding in findings(signals_of(of), [*blank, *panes(of), *blank, *panes(of, 2, shift=50.0)]):
        reading = finding.reading
        assert (reading.status == "unknown") == (reading.reason is not None), reading
        assert reading.value is None or np.isfinite(reading.value), reading
        assert reading.model_validate_json(reading.model_dump_json()) == reading
        if reading.low is not None and reading.high is not None:
            assert reading.low <= reading.high, reading
        if finding.firing is not None:
            assert reading.status == "alarm", reading


@pytest.mark.parametrize(("changes", "reference", "why"), UNABLE, ids=["stale", "short", "none"])
@pytest.mark.parametrize("task", TASKS)
def test_what_a_good_reference_judges_is_unknown_without_one(
    task: str, changes: dict[str, Any], reference: int | None, why: str
) -> None:
    good, bad = layout(task), layout(task, reference, **changes)
    judged = {
        place
        for place, reading in placed(good, panes(good, 6))
        if reading.evidence is not None  # of an e-detector
    }
    assert len(judged) > 15
    found = [
        reading
        for place, reading in placed(bad, panes(bad, 6, shift=50.0))
        if place in judged and reading.detector != "adwin"  # which knows no reference
    ]
    assert len(found) > 15
    for reading in found:
        assert reading.status == "unknown", reading
        assert why in (reading.reason or ""), reading


@pytest.mark.parametrize(("changes", "reference", "why"), UNABLE, ids=["stale", "short", "none"])
@pytest.mark.parametrize("task", TASKS)
def test_nothing_fires_that_rests_on_a_reference_that_is_none(
    task: str, changes: dict[str, Any], reference: int | None, why: str
) -> None:
    of = layout(task, reference, **changes)
    fired = [f.reading for f in findings(signals_of(of), panes(of, 6, shift=50.0)) if f.firing is not None]
    assert not fired


@pytest.mark.parametrize("task", TASKS)
def test_a_cohort_with_few_labels_says_nothing_of_performance(task: str) -> None:
    of = layout(task)
    rows = [(row, label if number % 6 == 0 else None) for number, (row, label) in enumerate(days(of.spec, 3, 60))]
    cohorts = [pane for pane in panes_of(of, rows) if pane.key.family == "cohort"]
    found = [f.reading for f in findings(signals_of(of), cohorts) if f.reading.tier == "performance"]
    assert found
    for reading in found:
        assert reading.status == "unknown", reading
        assert reading.value is None or "label coverage" in (reading.reason or ""), reading


@pytest.mark.parametrize("lost", [{"incomplete": 1}, {"dropped": True}, {"mismatched": 1}], ids=str)
@pytest.mark.parametrize("task", TASKS)
def test_a_pane_that_misses_events_is_unknown_to_all(task: str, lost: dict[str, Any]) -> None:
    of = layout(task)
    signals = signals_of(of)
    findings(signals, panes(of))
    known = {
        f.reading.signal
        for f in findings(signals, [replace(pane, **lost) for pane in panes(of)])
        if f.reading.status != "unknown"
    }
    assert not known


@pytest.mark.parametrize("task", TASKS)
def test_its_state_comes_back_from_a_snapshot_and_goes_on_alike(task: str) -> None:
    of = layout(task)
    straight, stored = signals_of(of), signals_of(of)
    for pane in panes(of, 5, shift=1.0):
        expected = [
            finding for signal in straight if pane.key.family in signal.families for finding in signal.read(pane)
        ]
        stored = decode(encode(stored))
        found = [finding for signal in stored if pane.key.family in signal.families for finding in signal.read(pane)]
        assert [each.reading for each in found] == [each.reading for each in expected]
