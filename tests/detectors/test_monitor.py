"""Level 2 from panes to outputs: deterministic to the byte, quiet on clean data, and it ends in one trigger."""

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.monitor import COMMANDS, VERSIONS, Monitor, MonitorState, Output
from detectors.pane import ClosedPane
from detectors.state import decode, encode
from schemas.advice import Advice
from schemas.alert import Alert
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision
from schemas.event_time import from_micros, rfc3339
from schemas.label_request import LabelRequest
from schemas.pane_report import PaneReport
from schemas.trigger import RetrainingTrigger

from .builders import (
    DAY,
    START,
    TASKS,
    LabelledRow,
    Watched,
    days,
    layout_of,
    layouts_of,
    model_spec,
    panes_of,
    profile_of,
)
from .strategies import row_lists


def text(outputs: list[Output]) -> list[str]:
    return [type(output).__name__ + output.model_dump_json() for output in outputs]


def of_kind(outputs: list[Output], kind: type) -> list[Any]:
    return [output for output in outputs if isinstance(output, kind)]


def alarms(outputs: list[Output]) -> list[Alert]:
    return [alert for alert in of_kind(outputs, Alert) if alert.severity == "alarm"]


def changed(spec: Any, before: int = 20, after: int = 20, error: float = 0.4) -> list[LabelledRow]:
    return days(spec, before, seed=1) + days(spec, after, first=before, error=error)


def readings(watched: Watched) -> list[str]:
    return [r.model_dump_json() for report in of_kind(watched.outputs, PaneReport) for r in report.readings]


def command(kind: str, moment: int, number: int = 0, **fields: Any) -> Any:
    given = {"type": kind, "id": f"{kind} {number}", "model": "m", "timestamp": rfc3339(moment)}
    return CommandAdapter.validate_python(given | fields)


PERFORMANCE = {"policies": [{"type": "performance"}], "minimum_labels": 100, "answer_within": "90d"}
SPEC = model_spec(segments=["region"], retraining=PERFORMANCE)


# determinism


@pytest.mark.parametrize("task", TASKS)
def test_the_same_panes_give_the_same_bytes_of_outputs_and_of_state(task: str) -> None:
    spec = model_spec(task, segments=["region"], retraining={"minimum_labels": 100})
    panes = panes_of(layout_of(spec, profile_of(spec)), changed(spec))
    first, again = (Watched.of(spec, profile_of(spec)) for _ in range(2))
    first.close(panes)
    again.close(panes)
    assert alarms(first.outputs)
    assert of_kind(first.outputs, RetrainingTrigger)
    assert text(first.outputs) == text(again.outputs)
    assert encode(first.state) == encode(again.state)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("every", [1, 17])
def test_a_restart_from_the_snapshot_changes_nothing(task: str, every: int) -> None:
    spec = model_spec(task, segments=["region"], retraining={"minimum_labels": 100})
    panes = panes_of(layout_of(spec, profile_of(spec)), changed(spec, 12, 12))
    straight, restarted = (Watched.of(spec, profile_of(spec)) for _ in range(2))
    straight.close(panes)
    for number, pane in enumerate(panes):
        if number % every == 0:
            restarted.state = decode(encode(restarted.state))
            restarted.monitor = Monitor("m", layouts_of(spec, profile_of(spec)))
        restarted.close([pane])
    assert text(restarted.outputs) == text(straight.outputs)
    assert encode(restarted.state) == encode(straight.state)


def test_ids_are_never_shared() -> None:
    spec = SPEC
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), changed(spec)))
    ids = Counter(output.id for output in watched.outputs)
    assert max(ids.values()) == 1


# the whole way


@pytest.mark.parametrize("task", TASKS)
def test_clean_data_raises_neither_alarm_nor_notice(task: str) -> None:
    spec = model_spec(task, segments=["region"])
    profile = profile_of(spec, panes=60, rows=100)
    watched = Watched.of(spec, profile)
    watched.close(panes_of(layout_of(spec, profile), days(spec, 60, rows=60, seed=3)))
    assert of_kind(watched.outputs, Alert) == []
    assert of_kind(watched.outputs, RetrainingTrigger) == []


@pytest.mark.parametrize("task", TASKS)
def test_a_change_is_one_alarm_and_one_trigger_with_what_to_train_on(task: str) -> None:
    spec = model_spec(task, retraining=PERFORMANCE)
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), changed(spec)))
    told = alarms(watched.outputs)
    assert len(told) == 1  # the first word may be a notice of the same episode
    assert {alert.episode for alert in of_kind(watched.outputs, Alert)} == {told[0].episode}
    (trigger,) = of_kind(watched.outputs, RetrainingTrigger)
    change = from_micros(START + 20 * DAY)
    for since in (told[0].since, trigger.since, trigger.train_on.window.start):
        assert abs((since - change).total_seconds()) <= 2 * 86_400
    assert trigger.evidence[0].alert in {alert.id for alert in alarms(watched.outputs)}
    assert trigger.train_on.labelled_rows >= 100
    assert trigger.challenger is None if task == "text" else trigger.challenger is not None


def test_a_change_that_ends_is_recovered_and_the_next_one_is_told_again() -> None:
    spec = model_spec(retraining=PERFORMANCE)
    rows = changed(spec) + days(spec, 30, first=40) + days(spec, 20, first=70, error=0.4)
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    story = [
        (alert.severity, alert.episode, alert.since)
        for alert in of_kind(watched.outputs, Alert)
        if alert.signal == "error_rate" and alert.pane.family == "cohort"
    ]
    assert [severity for severity, *_ in story] == ["alarm", "recovered", "alarm"]
    assert story[0][1] == story[1][1] != story[2][1]
    assert abs((story[2][2] - from_micros(START + 70 * DAY)).total_seconds()) <= 2 * 86_400
    triggers = of_kind(watched.outputs, RetrainingTrigger)
    assert len(triggers) == 2
    assert triggers[1].train_on.window.start >= from_micros(START + 68 * DAY)


def test_every_pane_is_reported_first_with_all_that_was_read() -> None:
    watched = Watched.of(SPEC, profile_of(SPEC))
    panes = panes_of(layout_of(SPEC, profile_of(SPEC)), days(SPEC, 4))
    for pane in panes:
        outputs = watched.close([pane])
        assert isinstance(outputs[0], PaneReport)
        assert (outputs[0].n, outputs[0].pane.family) == (pane.n, pane.key.family)
        assert len(outputs[0].readings) > 0
        assert len({(r.signal, r.feature, r.segment, r.detector) for r in outputs[0].readings}) == len(
            outputs[0].readings
        )


def test_empty_panes_are_counted_and_judge_nothing() -> None:
    watched = Watched.of(SPEC, profile_of(SPEC))
    rows = days(SPEC, 2) + days(SPEC, 1, first=7)
    watched.close(panes_of(layout_of(SPEC, profile_of(SPEC)), rows))
    traffic = [report for report in of_kind(watched.outputs, PaneReport) if report.pane.family == "traffic"]
    assert [report.empty_before for report in traffic] == [0, 0, 5]


# broken data


def break_income(rows: list[LabelledRow]) -> list[LabelledRow]:
    for row, _ in rows:
        row.features[0] = None
    return rows


def test_broken_data_alarms_and_never_triggers() -> None:
    spec = model_spec(retraining=PERFORMANCE | {"minimum_labels": 50})
    rows = days(spec, 20) + break_income(days(spec, 25, first=20, error=0.5))
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    assert {alert.tier for alert in alarms(watched.outputs)} == {"quality", "performance"}
    assert of_kind(watched.outputs, RetrainingTrigger) == []


@pytest.mark.parametrize(("error", "triggers"), [(0.1, 0), (0.5, 1)])
def test_mended_data_triggers_only_if_clean_cohorts_are_bad_too(error: float, triggers: int) -> None:
    spec = model_spec(retraining=PERFORMANCE)
    rows = days(spec, 20) + break_income(days(spec, 6, first=20, error=0.5)) + days(spec, 30, first=26, error=error)
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    found = of_kind(watched.outputs, RetrainingTrigger)
    assert len(found) == triggers
    for trigger in found:
        assert trigger.train_on.window.start >= from_micros(START + 26 * DAY)


# unknown


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("case", ["none", "few panes", "other width"])
def test_without_a_usable_reference_nothing_is_judged_and_nothing_fired(task: str, case: str) -> None:
    retraining = {"policies": [{"type": "performance"}, {"type": "drift", "features": 1}], "minimum_labels": 0}
    spec = model_spec(task, segments=["region"], retraining=retraining)
    profile = {
        "none": None,
        "few panes": profile_of(spec, panes=29),
        "other width": profile_of(model_spec(task, pane="2d", segments=["region"])),
    }[case]
    watched = Watched.of(spec, profile)
    watched.close(panes_of(layout_of(spec, profile), changed(spec, 10, 10, error=0.6)))
    assert alarms(watched.outputs) == []
    assert of_kind(watched.outputs, RetrainingTrigger) == []
    judged = {"error_rate", "absolute_error", "rating_loss", "missing", "invalid", "out_of_range", "unseen"}
    judged |= {"feature_drift", "prediction_drift", "latency", "rating"}
    readings = [r for report in of_kind(watched.outputs, PaneReport) for r in report.readings]
    found = [r for r in readings if r.signal in judged and r.detector != "adwin"]
    assert {reading.status for reading in found} == {"unknown"}
    assert all(reading.reason for reading in found)


def test_low_coverage_is_unknown_and_asks_for_labels() -> None:
    rows = [(row, label if i % 5 == 0 else None) for i, (row, label) in enumerate(changed(SPEC))]
    watched = Watched.of(SPEC, profile_of(SPEC))
    watched.close(panes_of(layout_of(SPEC, profile_of(SPEC)), rows))
    assert alarms(watched.outputs) == []
    requests = of_kind(watched.outputs, LabelRequest)
    assert len(requests) == 40 * 20
    known = {row.id for row, label in rows if label is not None}
    assert not known & {request.prediction_id for request in requests}


@pytest.mark.parametrize("task", TASKS)
def test_whatever_is_unknown_says_why_and_whatever_is_not_has_nothing_to_say(task: str) -> None:
    spec = model_spec(task, segments=["region"])
    rows = [(row, label if i % 3 else None) for i, (row, label) in enumerate(days(spec, 8))]
    for profile in (None, profile_of(spec)):
        watched = Watched.of(spec, profile)
        watched.close(panes_of(layout_of(spec, profile), rows))
        readings = [r for report in of_kind(watched.outputs, PaneReport) for r in report.readings]
        assert all((reading.status == "unknown") == (reading.reason is not None) for reading in readings)


# commands


def test_snoozed_alerts_are_told_afterwards_if_the_change_lasts() -> None:
    spec = model_spec(retraining=PERFORMANCE)
    panes = panes_of(layout_of(spec, profile_of(spec)), changed(spec))
    loud, quiet = (Watched.of(spec, profile_of(spec)) for _ in range(2))
    until = START + 34 * DAY
    quiet.state, _ = quiet.monitor.command(quiet.state, command("snooze", START, until=rfc3339(until)))
    loud.close(panes)
    quiet.close(panes)
    assert min(alert.time for alert in alarms(loud.outputs)) < from_micros(until)
    assert [alert.time >= from_micros(until) for alert in of_kind(quiet.outputs, Alert)].count(False) == 0
    assert [trigger.time >= from_micros(until) for trigger in of_kind(quiet.outputs, RetrainingTrigger)] == [True]
    assert [alert.signal for alert in alarms(quiet.outputs)] == ["error_rate"]
    # evidence goes on: readings are the same, snoozed or not
    assert readings(quiet) == readings(loud)


def test_a_snoozed_signal_neither_alerts_nor_triggers_and_others_do() -> None:
    spec = model_spec(retraining=PERFORMANCE, weights={"calibration": 0})
    rows = changed(spec)
    for row, _ in rows[1_000:]:
        row.features[1] = "west"
    watched = Watched.of(spec, profile_of(spec))
    snooze = command("snooze", START, until=rfc3339(START + 999 * DAY), signal="error_rate")
    watched.state, _ = watched.monitor.command(watched.state, snooze)
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    assert {alert.signal for alert in alarms(watched.outputs)} == {"unseen"}
    assert of_kind(watched.outputs, RetrainingTrigger) == []


def test_a_snoozed_performance_signal_does_not_trigger() -> None:
    spec = model_spec(retraining=PERFORMANCE, weights={"calibration": 0})
    watched = Watched.of(spec, profile_of(spec))
    snooze = command("snooze", START, until=rfc3339(START + 999 * DAY), signal="error_rate")
    watched.state, _ = watched.monitor.command(watched.state, snooze)
    watched.close(panes_of(layout_of(spec, profile_of(spec)), changed(spec)))
    assert of_kind(watched.outputs, RetrainingTrigger) == []


def test_an_acknowledged_episode_is_marked_and_goes_on() -> None:
    watched = Watched.of(SPEC, profile_of(SPEC))
    watched.close(panes_of(layout_of(SPEC, profile_of(SPEC)), changed(SPEC)))
    episode = alarms(watched.outputs)[0].episode
    watched.state, said = watched.monitor.command(watched.state, command("acknowledge", START, episode=episode))
    assert said == []
    (version,) = watched.state.versions.values()
    (incident,) = version.incidents
    assert incident.acknowledged
    assert len(incident.members) > 1
    assert {key for key, each in version.episodes.items() if each.acknowledged} == set(incident.members)


def test_a_command_is_carried_out_once() -> None:
    watched = Watched.of(SPEC, profile_of(SPEC))
    watched.close(panes_of(layout_of(SPEC, profile_of(SPEC)), days(SPEC, 5)))
    asked = command("trigger", START + 5 * DAY, reason="new data")
    watched.state, first = watched.monitor.command(watched.state, asked)
    watched.state, second = watched.monitor.command(watched.state, asked)
    watched.state, other = watched.monitor.command(watched.state, command("trigger", START + 5 * DAY, number=1))
    assert [type(output) for output in first] == [RetrainingDecision, RetrainingTrigger]
    assert second == []
    assert not {output.id for output in other} & {output.id for output in first}
    assert len(watched.state.commands) <= COMMANDS


def test_an_ad_hoc_trigger_before_the_first_pane_is_answered() -> None:
    watched = Watched.of(SPEC, None)
    watched.state, said = watched.monitor.command(watched.state, command("trigger", START, version="7"))
    decision, trigger = said
    assert (decision.verdict, decision.trigger) == ("trigger", trigger.id)
    assert (trigger.policy, trigger.version) == ("ad_hoc", "7")


def test_a_failed_retraining_fires_again_after_the_cooldown() -> None:
    spec = model_spec(retraining=PERFORMANCE | {"cooldown": "2d"})
    panes = panes_of(layout_of(spec, profile_of(spec)), changed(spec, after=30))
    watched = Watched.of(spec, profile_of(spec))
    for pane in panes:
        for trigger in of_kind(watched.close([pane]), RetrainingTrigger):
            answer = command("retraining_failed", pane.due, len(watched.outputs), trigger=trigger.id)
            watched.state, _ = watched.monitor.command(watched.state, answer)
    triggers = of_kind(watched.outputs, RetrainingTrigger)
    assert len(triggers) > 2
    assert len({trigger.id for trigger in triggers}) == len(triggers)
    assert all((b.time - a.time).days >= 2 for a, b in pairwise(triggers))


def test_promotion_says_which_version_serves() -> None:
    profile = profile_of(SPEC)
    watched = Watched.of(SPEC, profile)
    for name, size in (("2", 9), ("3", 2)):
        watched.close(panes_of(layout_of(SPEC, profile, name), days(SPEC, size)))
    watched.state, said = watched.monitor.command(watched.state, command("trigger", START, id="first"))
    assert said[0].version == "2"  # more predictions
    watched.state, _ = watched.monitor.command(watched.state, command("promote", START, version="3"))
    watched.state, said = watched.monitor.command(watched.state, command("trigger", START, id="second"))
    assert said[0].version == "3"
    watched.state, said = watched.monitor.command(watched.state, command("trigger", START, id="third", version="9"))
    assert said == []  # nobody has seen it
    watched.state, _ = watched.monitor.command(watched.state, command("roll_back", START, version="2"))
    assert watched.state.rollouts.rollout.serving == "2"


# versions


def test_versions_are_watched_apart() -> None:
    profile = profile_of(SPEC)
    good = panes_of(layout_of(SPEC, profile, "1"), days(SPEC, 30))
    bad = panes_of(layout_of(SPEC, profile, "2"), days(SPEC, 30, error=0.4))
    order = sorted([*good, *bad], key=lambda p: (p.due, p.key.family, p.key.version))
    watched = Watched.of(SPEC, profile)
    watched.close(order)
    assert {alert.version for alert in alarms(watched.outputs)} == {"2"}
    alone = Watched.of(SPEC, profile)
    alone.close(good)
    mine = [output for output in watched.outputs if output.version == "1"]
    assert text(mine) == text(alone.outputs)


def test_nobody_is_called_at_night_for_a_version_in_shadow() -> None:
    profile = profile_of(SPEC)
    good = panes_of(layout_of(SPEC, profile, "1"), days(SPEC, 30))
    bad = panes_of(layout_of(SPEC, profile, "2"), days(SPEC, 30, error=0.4))
    order = sorted([*good, *bad], key=lambda p: (p.due, p.key.family, p.key.version))
    told = {}
    for shadow in (False, True):
        watched = Watched.of(SPEC, profile)
        watched.close(order[:1])
        if shadow:
            watched.state, _ = watched.monitor.command(watched.state, command("promote", START, 1, version="1"))
            watched.state, _ = watched.monitor.command(watched.state, command("shadow", START, 2, version="2"))
        watched.close(order[1:])
        told[shadow] = [alert for alert in of_kind(watched.outputs, Alert) if alert.signal == "error_rate"]
    assert "alarm" in {alert.severity for alert in told[False]}
    assert {alert.severity for alert in told[True]} <= {"notice", "recovered"}
    assert {alert.version for alert in told[True]} == {"2"}


def test_versions_without_end_make_room_for_each_other() -> None:
    spec = model_spec(features={"owner": "boolean"}, challenger=False)
    watched = Watched.of(spec, None)
    for number in range(VERSIONS + 5):
        watched.close(panes_of(layout_of(spec, None, str(number)), days(spec, 1, rows=1)))
    assert len(watched.state.versions) == VERSIONS
    assert watched.state.evicted == 5
    assert list(watched.state.versions)[-1] == str(VERSIONS + 4)


# any pane


@st.composite
def any_panes(draw: st.DrawFn) -> tuple[Any, Any, list[ClosedPane]]:
    """Panes of broken, absent and extreme values, with or without a reference, zero-row parts and all."""
    task = draw(st.sampled_from(TASKS))
    spec = model_spec(
        task,
        segments=["region", "owner"],
        sample=draw(st.sampled_from([3, 2_000])),
        label_coverage=draw(st.sampled_from([0, 0.5])),
        retraining={"minimum_labels": 0, "policies": [{"type": "performance"}, {"type": "drift", "features": 1}]},
        minimum_effect={"absolute_error": 1e9} if draw(st.booleans()) and task == "regression" else {},
        weights=dict.fromkeys(("performance", "outcomes", "system"), 0) if draw(st.booleans()) else {},
    )
    sizes: dict[str, int] | None = draw(st.sampled_from([None, {}, {"panes": 3}, {"rows": 1}]))
    profile = None if sizes is None else profile_of(spec, **sizes)
    layout = layout_of(spec, profile)
    rows = [row for day in range(3) for row in draw(row_lists(spec, day, max_size=6))]
    panes = panes_of(layout, rows)
    if draw(st.booleans()):
        panes = [ClosedPane(p.key, layout, p.counts, p.sample, p.complete, 1, p.offsets) for p in panes]
    return spec, profile, panes


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_panes())
def test_no_pane_whatever_breaks_a_signal(case: tuple[Any, Any, list[ClosedPane]]) -> None:
    spec, profile, panes = case
    watched = Watched.of(spec, profile)
    watched.close(panes)
    for output in watched.outputs:
        type(output).model_validate_json(output.model_dump_json())
    again = decode(encode(watched.state))
    assert encode(again) == encode(watched.state)
    reports = of_kind(watched.outputs, PaneReport)
    assert len(reports) == len(panes)
    for reading in (r for report in reports for r in report.readings):
        assert (reading.status == "unknown") == (reading.reason is not None)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("profiled", [True, False])
def test_a_pane_without_rows_breaks_nothing(task: str, profiled: bool) -> None:
    from .builders import blank_pane

    spec = model_spec(task, segments=["region"])
    profile = profile_of(spec) if profiled else None
    watched = Watched.of(spec, profile)
    panes = [
        blank_pane(layout_of(spec, profile), family, day)
        for day in range(3)
        for family in ("traffic", "label", "cohort")
    ]
    watched.close(panes)
    assert alarms(watched.outputs) == []
    assert len(of_kind(watched.outputs, PaneReport)) == 9


def test_a_long_run_of_broken_rows_is_survived() -> None:
    rng, spec = random.Random(0), SPEC
    values = [None, float("nan"), float("inf"), -float("inf"), "x", "", True, 2**62, 1e308, "north", 7]
    rows = changed(spec)
    for row, _ in rows:
        row.features = [rng.choice(values) for _ in row.features]
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    assert {alert.tier for alert in alarms(watched.outputs)} >= {"quality"}
    assert of_kind(watched.outputs, RetrainingTrigger) == []
    assert encode(decode(encode(watched.state))) == encode(watched.state)
    assert isinstance(watched.state, MonitorState)


# decisions and advice


def test_each_judged_cohort_has_its_decision_after_the_report_and_before_the_trigger() -> None:
    spec = model_spec(retraining=PERFORMANCE)
    watched = Watched.of(spec, profile_of(spec))
    fired = 0
    for pane in panes_of(layout_of(spec, profile_of(spec)), changed(spec)):
        said = watched.close([pane])
        decided = of_kind(said, RetrainingDecision)
        triggers = of_kind(said, RetrainingTrigger)
        assert len(decided) == 1 if pane.key.family == "cohort" or triggers else len(decided) <= 1
        for trigger in triggers:
            fired += 1
            assert said.index(decided[0]) < said.index(trigger)
            assert (decided[0].trigger, trigger.decision) == (trigger.id, decided[0].id)
    assert fired == 1


def test_a_costly_change_advises_what_to_do_before_anything_is_retrained() -> None:
    fallback = {"times": 2.0, "rule": "ask a person", "prefer": ["rule"]}
    spec = model_spec(retraining=PERFORMANCE | {"minimum_labels": 600, "fallback": fallback})
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), changed(spec, after=40)))
    (advice,) = of_kind(watched.outputs, Advice)
    (trigger,) = of_kind(watched.outputs, RetrainingTrigger)
    assert advice.time < trigger.time
    assert (advice.fallback, advice.rule, advice.version) == ("rule", "ask a person", "1")
    assert advice.loss >= 2 * advice.reference


def test_the_challenger_is_compared_on_label_panes_and_the_cost_policy_adds_it_up() -> None:
    watched = Watched.of(model_spec(), profile_of(model_spec()))
    watched.close(panes_of(layout_of(model_spec(), profile_of(model_spec())), days(model_spec(), 12)))
    (version,) = watched.state.versions.values()
    assert len(version.history.compared) >= 11
    decision = of_kind(watched.outputs, RetrainingDecision)[-1]
    assert decision.policies[0].policy == "cost"
    assert decision.policies[0].numbers["challenger_excess"] == 0.0  # it cannot know what is random
