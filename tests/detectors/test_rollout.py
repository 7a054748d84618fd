"""The state machine of a rollout: whatever comes, who serves is well-formed; and a restart changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.monitor import Monitor, Output
from detectors.pane import ClosedPane
from detectors.state import decode, encode
from schemas.alert import Alert
from schemas.command import CommandAdapter
from schemas.event_time import rfc3339, to_micros
from schemas.pane_report import PaneReport
from schemas.profile import ReferenceProfile
from schemas.reading import Reading
from schemas.serving import Serving
from schemas.spec import ModelSpec
from schemas.trigger_outcome import TriggerOutcome

from .builders import DAY, START, TASKS, Watched, days, layout_of, layouts_of, model_spec, panes_of, profile_of

ROWS = 60


def spec_of(task: str = "binary", **rollout: Any) -> ModelSpec:
    known = {"stage_labels": 120, "guard_labels": 400, "canary": [0.2]} | rollout
    retraining = {"policies": [{"type": "schedule", "cron": "0 0 1 1 *"}], "rollout": known, "minimum_labels": 50}
    return model_spec(task, false_alarms="1 per 20d", challenger=False, retraining=retraining)


@cache
def _panes(task: str, version: str, error: float, first: int, count: int, ids: str) -> tuple[ClosedPane, ...]:
    spec = spec_of(task)
    rows = days(spec, count, rows=ROWS, seed=int(version), first=first, error=error)
    for row, _ in rows:
        row.id = f"{ids}{row.id}"
    return tuple(panes_of(layout_of(spec, profile(task), version), rows, maturity_only=True))


@cache
def profile(task: str) -> ReferenceProfile:
    return profile_of(spec_of(task), rows=60)


def together(*parts: tuple[ClosedPane, ...]) -> list[ClosedPane]:
    panes = [pane for part in parts for pane in part]
    return sorted(panes, key=lambda pane: (pane.due, pane.key.family, pane.key.version, pane.key.start))


def command(kind: str, day: float, number: int = 0, **fields: Any) -> Any:
    given = {"type": kind, "id": f"{kind} {day} {number}", "model": "m", "timestamp": rfc3339(START + int(day * DAY))}
    return CommandAdapter.validate_python(given | fields)


def played(spec: ModelSpec, panes: list[ClosedPane], commands: list[Any], *, restart: bool = False) -> Watched:
    """Each command before the first pane that is due after it."""
    watched = Watched.of(spec, profile(spec.task))
    waiting = sorted(commands, key=lambda one: one.timestamp)
    layouts = layouts_of(spec, profile(spec.task))
    for number, pane in enumerate(panes):
        while waiting and to_micros(waiting[0].timestamp) < pane.due:
            tell(watched, waiting.pop(0))
        if restart and number % 4 == 0:
            watched.state = decode(encode(watched.state))
            watched.monitor = Monitor("m", layouts)
        watched.close([replace(pane, layout=layouts.of("m", pane.key.version))])
    for one in waiting:
        tell(watched, one)
    return watched


def tell(watched: Watched, one: Any) -> list[Output]:
    watched.state, outputs = watched.monitor.command(watched.state, one)
    watched.outputs += outputs
    return outputs


def of_kind(watched: Watched, kind: type) -> list[Any]:
    return [output for output in watched.outputs if isinstance(output, kind)]


def story(watched: Watched) -> list[tuple[str, str, str | None, float]]:
    return [(one.version, one.stage, one.candidate, one.share) for one in of_kind(watched, Serving)]


def differences(watched: Watched) -> Iterator[Reading]:
    for report in of_kind(watched, PaneReport):
        yield from (reading for reading in report.readings if reading.signal == "version_difference")


PASSED = {"trigger": "t", "new_version": "2", "checks": "passed"}
UP = [("1", "shadow", "2", 0.0), ("1", "canary", "2", 0.2), ("2", "full", None, 0.0)]


# the way up, and the way back


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_better_candidate_goes_all_the_way_by_itself(task: str) -> None:
    spec = spec_of(task, automatic=True)
    panes = together(_panes(task, "1", 0.4, 0, 60, ""), _panes(task, "2", 0.05, 10, 50, ""))
    watched = played(spec, panes, [command("retraining_finished", 10, **PASSED)])
    assert story(watched) == UP
    assert [one.number for one in of_kind(watched, Serving)] == [1, 2, 3]
    assert of_kind(watched, Serving)[-1].previous == "1"
    assert not any(alert.signal == "version_difference" for alert in of_kind(watched, Alert))
    assert any(reading.status == "ok" and reading.value is not None for reading in differences(watched))


def test_what_was_trained_for_no_trigger_of_ours_takes_no_trial_from_another() -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.4, 0, 60, ""), _panes("binary", "2", 0.05, 10, 50, ""))
    another = PASSED | {"trigger": "never raised", "new_version": "3"}
    finished = [command("retraining_finished", 10, **PASSED), command("retraining_finished", 12, **another)]
    assert story(played(spec, panes, finished)) == UP


@pytest.mark.parametrize("ids", ["", "other "])
def test_a_worse_candidate_is_rolled_back_paired_or_not(ids: str) -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.1, 0, 60, ""), _panes("binary", "2", 0.5, 10, 50, ids))
    watched = played(spec, panes, [command("retraining_finished", 10, **PASSED)])
    assert story(watched) == [("1", "shadow", "2", 0.0), ("1", "full", None, 0.0)]
    told = [alert for alert in of_kind(watched, Alert) if alert.signal == "version_difference"]
    assert [(alert.severity, alert.version) for alert in told] == [("notice", "2")]
    assert ("rows that both predicted" if ids == "" else "rows of the same panes") in told[0].summary
    assert told[0].weight == spec.weights.rollout


def test_a_stage_that_begins_before_any_credit_was_earned_is_guarded_all_the_same() -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.1, 0, 60, ""), _panes("binary", "2", 0.5, 1, 59, ""))
    first = min(pane.due for pane in panes if pane.key.family == "cohort")
    watched = played(spec, panes, [command("shadow", (first - START) / DAY, version="2")])
    assert story(watched) == [("1", "shadow", "2", 0.0), ("1", "full", None, 0.0)]


def test_a_promoted_version_that_turns_out_worse_is_rolled_back_on_guard_though_nobody_else_predicts() -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.1, 0, 30, ""), _panes("binary", "2", 0.6, 30, 20, ""))
    commands = [
        command("retraining_finished", 29, **(PASSED | {"checks": "unknown"})),
        command("promote", 30, version="2"),
    ]
    watched = played(spec, panes, commands)
    assert story(watched) == [("2", "full", None, 0.0), ("1", "full", None, 0.0)]
    (alert,) = [alert for alert in of_kind(watched, Alert) if alert.signal == "version_difference"]
    assert "before" in alert.summary


def test_after_the_guard_nothing_is_compared_any_more() -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.3, 0, 30, ""), _panes("binary", "2", 0.1, 30, 20, ""))
    watched = played(spec, panes, [command("shadow", 29, version="2"), command("promote", 30, version="2")])
    assert watched.state.rollouts.rollout.comparison is None
    assert not watched.state.rollouts.rollout.guarding
    assert watched.state.rollouts.rollout.previous == "1"  # for a roll-back by hand


def test_a_guard_with_nothing_to_hold_a_version_against_has_its_end() -> None:
    spec = spec_of(automatic=True)
    rows = [(row, None) for row, _ in days(spec, 10, rows=ROWS, seed=1)]
    unlabelled = tuple(panes_of(layout_of(spec, profile("binary"), "1"), rows, maturity_only=True))
    panes = together(unlabelled, _panes("binary", "2", 0.1, 10, 20, ""))
    commands = [command("shadow", 9, version="2"), command("promote", 10, version="2")]
    rollout = played(spec, panes, commands).state.rollouts.rollout
    assert (rollout.serving, rollout.previous, rollout.guarding) == ("2", "1", False)


@pytest.mark.parametrize(("stage", "severity"), [("shadow", "notice"), ("canary", "alarm")])
def test_without_automatic_people_are_told_once_and_when_it_is_over(stage: str, severity: str) -> None:
    spec = spec_of(automatic=False)
    panes = together(_panes("binary", "1", 0.1, 0, 50, ""), _panes("binary", "2", 0.5, 10, 40, ""))
    begin = command("shadow", 10, version="2")
    if stage == "canary":
        panes = together(_panes("binary", "1", 0.1, 0, 50, ""), _panes("binary", "2", 0.5, 10, 40, "other "))
        begin = command("promote", 13, version="2", share=0.2)
    watched = played(spec, panes, [begin, command("roll_back", 45)])
    told = [alert for alert in of_kind(watched, Alert) if alert.signal == "version_difference"]
    assert told[0].severity == severity
    assert story(watched)[-1] == ("1", "full", None, 0.0)
    # the version's own loss has raised an alarm, so that the comparison is another word on the same incident
    own = {alert.episode for alert in of_kind(watched, Alert) if alert.version == "2" and alert.signal == "error_rate"}
    assert len(told) == 1
    assert (told[0].episode in own) == (severity == "alarm")


def test_an_alarm_that_is_no_incident_of_its_own_is_over_with_the_rollout() -> None:
    spec = spec_of(automatic=False).model_copy(
        update={"weights": spec_of().weights.model_copy(update={"performance": 0})}
    )
    panes = together(_panes("binary", "1", 0.1, 0, 50, ""), _panes("binary", "2", 0.3, 10, 40, "other "))
    # the loss of all rows stakes nothing here, so that nobody else tells of it
    watched = played(spec, panes, [command("promote", 13, version="2", share=0.2), command("roll_back", 49)])
    told = [alert for alert in of_kind(watched, Alert) if alert.signal == "version_difference"]
    assert [alert.severity for alert in told] == ["alarm", "recovered"]
    assert told[0].episode == told[1].episode


def test_snoozed_it_is_rolled_back_in_silence() -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.1, 0, 60, ""), _panes("binary", "2", 0.5, 10, 50, ""))
    snooze = command("snooze", 9, until=rfc3339(START + 60 * DAY), signal="version_difference")
    watched = played(spec, panes, [snooze, command("retraining_finished", 10, **PASSED)])
    assert story(watched)[-1] == ("1", "full", None, 0.0)
    assert not any(alert.signal == "version_difference" for alert in of_kind(watched, Alert))


# what cannot be told


def test_a_silent_version_and_one_without_labels_are_unknown_with_the_reason() -> None:
    spec = spec_of(automatic=True)
    silent = played(spec, list(_panes("binary", "1", 0.1, 0, 30, "")), [command("shadow", 10, version="2")])
    reasons = {reading.reason for reading in differences(silent)}
    assert any("version 2 has no predictions in the pane of" in (reason or "") for reason in reasons)
    assert {reading.status for reading in differences(silent)} == {"unknown"}
    rows = [(row, None) for row, _ in days(spec, 20, rows=ROWS, seed=2, first=10)]
    unlabelled = tuple(panes_of(layout_of(spec, profile("binary"), "2"), rows, maturity_only=True))
    watched = played(
        spec, together(_panes("binary", "1", 0.1, 0, 30, ""), unlabelled), [command("shadow", 10, version="2")]
    )
    assert any("version 2: label coverage: 0 of" in (reading.reason or "") for reading in differences(watched))
    assert story(watched) == [("1", "shadow", "2", 0.0)]


def test_before_a_version_was_to_be_there_nobody_misses_it() -> None:
    spec = spec_of(automatic=True)
    panes = panes_of(layout_of(spec, profile("binary"), "1"), days(spec, 20, rows=ROWS, seed=2))
    silent = played(spec, panes, [command("shadow", 10, version="2")])  # cohorts are two days behind the traffic
    told = [(reading.reason or "").split("the pane of ")[1] for reading in differences(silent)]
    (began,) = {to_micros(serving.time) for serving in of_kind(silent, Serving)}
    assert began > START + 9 * DAY
    assert min(told) == rfc3339(began + -began % DAY)


def test_texts_in_shadow_share_their_ratings_and_are_unknown() -> None:
    spec = spec_of("text", automatic=True)
    rows = days(spec, 30, rows=ROWS, seed=1)
    panes = [panes_of(layout_of(spec, profile("text"), version), rows, maturity_only=True) for version in ("1", "2")]
    watched = played(spec, together(*map(tuple, panes)), [command("shadow", 5, version="2")])
    assert any("both versions have the same ratings" in (reading.reason or "") for reading in differences(watched))
    assert story(watched) == [("1", "shadow", "2", 0.0)]


def test_versions_of_different_volumes_are_compared() -> None:
    spec = spec_of(automatic=True)
    few = [(row, label) for row, label in days(spec, 50, rows=10, seed=2, first=10, error=0.6)]
    for row, _ in few:
        row.id = f"few {row.id}"
    panes = together(
        _panes("binary", "1", 0.05, 0, 60, ""),
        tuple(panes_of(layout_of(spec, profile("binary"), "2"), few, maturity_only=True)),
    )
    watched = played(spec, panes, [command("promote", 13, version="2", share=0.2)])
    assert story(watched) == [("1", "canary", "2", 0.2), ("1", "full", None, 0.0)]


# refused


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("promote", {"version": "9"}, "version 9 of m has never predicted"),
        ("promote", {"version": "9", "share": 0.1}, "version 9 of m has never predicted"),
        ("promote", {"version": "1", "share": 0.1}, "version 1 is the one that serves"),
        ("roll_back", {}, "no version of m is known to have served before 1"),
        ("roll_back", {"version": "9"}, "version 9 of m has never predicted"),
        ("roll_back", {"version": "1"}, "version 1 is the one that serves"),
        ("shadow", {"version": "1"}, "version 1 is the one that serves"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(kind: str, fields: dict[str, Any], reason: str) -> None:
    spec = spec_of()
    watched = played(spec, list(_panes("binary", "1", 0.1, 0, 6, "")), [])
    one = command(kind, 6, **fields)
    assert tell(watched, one) == []
    assert reason in watched.state.rollouts.refused[one.id]
    assert watched.state.rollouts.rollout.number == 0


def test_a_roll_back_that_names_the_version_that_is_tried_does_not_promote_it() -> None:
    panes = together(_panes("binary", "1", 0.1, 0, 20, ""), _panes("binary", "2", 0.1, 10, 10, ""))
    begin, back = command("shadow", 12, version="2"), command("roll_back", 14, version="2")
    watched = played(spec_of(), panes, [begin, back])
    assert set(story(watched)) == {("1", "shadow", "2", 0.0)}
    assert "version 2 is tried, and has not served" in watched.state.rollouts.refused[back.id]


def test_before_anybody_has_predicted_there_is_nobody_to_try_another_beside() -> None:
    watched = Watched.of(spec_of(), profile("binary"))
    for one in (command("shadow", 0, version="2"), command("roll_back", 0)):
        assert tell(watched, one) == []
        assert one.id in watched.state.rollouts.refused
    announced = command("retraining_finished", 0, trigger="t", new_version="1")
    assert tell(watched, announced) == []
    (serving,) = tell(watched, command("promote", 0, version="1"))
    assert isinstance(serving, Serving)
    assert (serving.version, serving.previous) == ("1", None)


def test_a_sender_whose_clock_is_ahead_does_not_put_the_stage_into_the_future() -> None:
    spec = spec_of(automatic=True)
    panes = together(_panes("binary", "1", 0.4, 0, 40, ""), _panes("binary", "2", 0.05, 10, 30, ""))
    ahead = command("retraining_finished", 3_000, **PASSED)
    early = [pane for pane in panes if pane.due <= START + 10 * DAY]
    watched = played(spec, early, [ahead])
    layouts = layouts_of(spec, profile("binary"))
    watched.close([replace(pane, layout=layouts.of("m", pane.key.version)) for pane in panes[len(early) :]])
    assert story(watched)[:2] == UP[:2]
    assert all(to_micros(one.time) < START + 60 * DAY for one in of_kind(watched, Serving))


# properties

VERSION = st.sampled_from(["1", "2", "3", "9"])
DAYS = st.integers(min_value=0, max_value=20)


@st.composite
def command_lists(draw: st.DrawFn) -> list[Any]:
    commands = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(
            st.sampled_from(["shadow", "promote", "promote", "roll_back", "retraining_finished", "retraining_failed"])
        )
        fields: dict[str, Any] = {}
        if kind in ("shadow", "promote"):
            fields["version"] = draw(VERSION)
        if kind == "promote":
            fields["share"] = draw(st.sampled_from([0.1, 0.5, 1.0]))
        if kind == "roll_back":
            fields["version"] = draw(st.none() | VERSION)
        if kind.startswith("retraining"):
            fields["trigger"] = draw(st.sampled_from(["t", "u"]))
        if kind == "retraining_finished":
            fields |= {
                "new_version": draw(VERSION),
                "checks": draw(st.sampled_from(["passed", "failed", "unknown", "not_run"])),
            }
        commands.append(command(kind, draw(DAYS), number, **fields))
    return commands


def text(watched: Watched) -> list[str]:
    return [type(output).__name__ + output.model_dump_json() for output in watched.outputs]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(command_lists(), st.booleans())
def test_whatever_comes_who_serves_is_well_formed_and_a_restart_changes_nothing(
    commands: list[Any], automatic: bool
) -> None:
    spec = spec_of(automatic=automatic, stage_labels=60, guard_labels=120)
    panes = together(
        _panes("binary", "1", 0.2, 0, 10, ""),
        _panes("binary", "2", 0.05, 3, 7, ""),
        _panes("binary", "3", 0.6, 5, 5, "other "),
    )
    watched = played(spec, panes, commands)
    known = {"1", "2", "3", *(getattr(one, "version", None) or getattr(one, "new_version", None) for one in commands)}
    before = 0
    times = [START - DAY]
    for one in of_kind(watched, Serving):
        assert one.number == before + 1
        before = one.number
        assert one.version in known
        assert one.candidate != one.version
        assert one.previous != one.version
        assert (one.candidate is None) == (one.stage == "full")
        assert (one.share > 0) == (one.stage == "canary")
        assert one.reason.endswith((".", "!", "?"))
        assert to_micros(one.time) >= times[-1]
        times.append(to_micros(one.time))
    ids = [output.id for output in watched.outputs if not isinstance(output, TriggerOutcome)]
    assert len(ids) == len(set(ids))
    again = played(spec, panes, commands, restart=True)
    assert text(again) == text(watched)
    assert encode(again.state) == encode(watched.state)


@pytest.mark.parametrize("task", TASKS)
def test_no_reading_and_no_record_without_a_rollout(task: str) -> None:
    watched = played(spec_of(task), list(_panes(task, "1", 0.1, 0, 4, "")), [])
    assert story(watched) == []
    assert list(differences(watched)) == []
