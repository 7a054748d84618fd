"""Curation as the monitor runs it: in its outputs, its reports, its snapshots and its triggers."""

from typing import Any

import pytest

from detectors.monitor import Monitor
from detectors.state import decode, encode
from schemas.event_time import to_micros
from schemas.label_request import LabelRequest
from schemas.pane_report import PaneReport
from schemas.trigger import RetrainingTrigger

from ..builders import TASKS, LabelledRow, Watched, days, layout_of, layouts_of, model_spec, panes_of, profile_of


def spec_of(task: str = "binary", **changes: Any):  # type: ignore[no-untyped-def]
    strategies = ["errors", "drifted"] if task == "text" else ["uncertainty", "disagreement", "errors"]
    requests = {"per_pane": 8, "strategies": strategies, "rules": [{"name": "high", "when": "income > 118"}]}
    return model_spec(task, label_requests=requests, **changes)


def rows_of(spec: Any, count: int = 20) -> list[LabelledRow]:
    rows = days(spec, count // 2) + days(spec, count - count // 2, first=count // 2, error=0.5)
    return [(row, label if i % 4 else None) for i, (row, label) in enumerate(rows)]


def requests_of(watched: Watched) -> list[LabelRequest]:
    return [output for output in watched.outputs if isinstance(output, LabelRequest)]


@pytest.mark.parametrize("task", TASKS)
def test_a_restart_changes_neither_requests_nor_reports(task: str) -> None:
    spec = spec_of(task)
    layouts, panes = layouts_of(spec, profile_of(spec)), panes_of(layout_of(spec, profile_of(spec)), rows_of(spec, 10))
    straight, restarted = (Watched.of(spec, profile_of(spec)) for _ in range(2))
    straight.close(panes)
    for pane in panes:
        restarted.state = decode(encode(restarted.state))
        restarted.monitor = Monitor("m", layouts)
        restarted.close([pane])
    assert [one.model_dump_json() for one in restarted.outputs] == [one.model_dump_json() for one in straight.outputs]
    requests = requests_of(straight)
    assert {one.reason for one in requests} >= {"random", "rule", "errors"}
    assert len({one.id for one in requests}) == len(requests)


def test_the_report_of_a_pane_says_which_strategy_had_nothing_to_go_by() -> None:
    spec = spec_of()
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows_of(spec)))
    reports = [one for one in watched.outputs if isinstance(one, PaneReport)]
    idle = [report.idle_strategies for report in reports if report.pane.family == "traffic"]
    assert idle[0] == {
        "disagreement": "the challenger has learnt from fewer than 200 labelled rows",
        "errors": "nobody complained, and fewer than 200 rows have a label to tell from which rows go wrong",
    }
    assert idle[-1] == {}
    assert all(report.idle_strategies == {} for report in reports if report.pane.family != "traffic")


def test_a_trigger_names_rows_of_its_window_that_were_asked_for_and_have_no_label() -> None:
    spec = spec_of(retraining={"policies": [{"type": "performance"}], "minimum_labels": 100})
    rows = rows_of(spec, 24)
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    (trigger,) = [one for one in watched.outputs if isinstance(one, RetrainingTrigger)]
    window = trigger.train_on.window
    unlabelled = {row.id for row, label in rows if label is None}
    asked = {
        one.prediction_id
        for one in requests_of(watched)
        if window.start <= one.prediction_time < window.end and one.time <= trigger.time
    }
    assert trigger.train_on.wanted_labels
    assert set(trigger.train_on.wanted_labels) == asked & unlabelled
    times = {row.id: row.time for row, _ in rows}
    moments = [times[id] for id in trigger.train_on.wanted_labels]
    assert moments == sorted(moments, reverse=True)
    assert min(moments) >= to_micros(window.start)


def test_of_two_versions_that_predict_the_same_rows_one_asks() -> None:
    spec = spec_of()
    layouts = layouts_of(spec, profile_of(spec))
    rows = [(row, None) for row, _ in days(spec, 3)]
    panes = [pane for version in ("1", "2") for pane in panes_of(layouts.of("m", version), rows)]
    watched = Watched(Monitor("m", layouts), Watched.of(spec, None).state, [])
    watched.close(sorted(panes, key=lambda pane: (pane.due, pane.key.family, pane.key.version)))
    requests = requests_of(watched)
    assert len({one.prediction_id for one in requests}) == len(requests) > 0
    traffic = {one.version for one in requests if one.inclusion_probability is not None and one.reason != "coverage"}
    assert traffic == {"1"}
