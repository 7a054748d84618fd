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

from ..builders import blank_pane, days, layout_of, model_spec, panes_of, profile_of, read

TASKS = ("binary", "multiclass", "regression", "text")
EVERYTHING: dict[str, Any] = {"segments": ["region"], "detectors": ["adwin"]}


def layout(task: str, reference: int | None = 40) -> Layout:
    spec = model_spec(task, **EVERYTHING)
    return layout_of(spec, None if reference is None else profile_of(spec, panes=reference))


def panes(of: Layout, count: int = 4, shift: float = 0.0) -> list[ClosedPane]:
    return panes_of(of, days(of.spec, count, 60, seed=3, shift=shift))


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


@pytest.mark.parametrize("task", TASKS)
def test_with_fewer_than_thirty_reference_panes_nothing_fires(task: str) -> None:
    of = layout(task, 10)
    fired = {f.reading.signal for f in findings(signals_of(of), panes(of, 6, shift=50.0)) if f.firing is not None}
    assert not fired


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
