"""Commands that name nothing are answered, what is acknowledged is marked, and data that is right counts."""

from typing import Any

import pytest

from detectors.monitor import Monitor, Output
from detectors.state import decode, encode
from schemas.alert import Alert
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision
from schemas.event_time import rfc3339
from schemas.trigger import RetrainingTrigger

from .builders import (
    DAY,
    FEATURES,
    START,
    LabelledRow,
    Watched,
    days,
    layout_of,
    layouts_of,
    model_spec,
    panes_of,
    profile_of,
)

RETRAINING = {"minimum_labels": 100, "answer_within": "90d"}
COST: dict[str, Any] = {"costs": {"loss": 1.0, "retraining": 100.0}, "challenger": False}
SPEC = model_spec(retraining=RETRAINING, **COST)
SILENT = model_spec(retraining=RETRAINING, weights={"quality": 0}, **COST)
"""The same, without any alarm of data quality."""


def alerts(outputs: list[Output], severity: str = "alarm", tier: str | None = None) -> list[Alert]:
    found = [output for output in outputs if isinstance(output, Alert) and output.severity == severity]
    return [alert for alert in found if tier in (None, alert.tier)]


def triggers(outputs: list[Output]) -> list[RetrainingTrigger]:
    return [output for output in outputs if isinstance(output, RetrainingTrigger)]


def decisions(outputs: list[Output]) -> list[RetrainingDecision]:
    return [output for output in outputs if isinstance(output, RetrainingDecision)]


def refusal(watched: Watched, kind: str, moment: int = START + 40 * DAY, **fields: Any) -> str | None:
    """Send a command; return why it was not carried out."""
    id_ = f"command {len(watched.state.commands)}"
    given = {"type": kind, "id": id_, "model": "m", "timestamp": rfc3339(moment)} | fields
    watched.state, outputs = watched.monitor.command(watched.state, CommandAdapter.validate_python(given))
    watched.outputs += outputs
    return watched.state.rollouts.refused.get(id_)


def without_income(rows: list[LabelledRow]) -> list[LabelledRow]:
    for row, _ in rows:
        row.features[0] = None
    return rows


def shifted(error: float = 0.4, after: int = 25, before: int = 20) -> list[LabelledRow]:
    """From one day on, no row has an income any more, and the model errs more often."""
    return days(SPEC, before, seed=1) + without_income(days(SPEC, after, first=before, seed=2, error=error))


def watched_of(rows: list[LabelledRow], spec: Any = SPEC) -> Watched:
    watched = Watched.of(spec, profile_of(spec))
    watched.close(panes_of(layout_of(spec, profile_of(spec)), rows))
    return watched


@pytest.fixture(scope="module")
def changed() -> bytes:
    """State of a monitor after a shift that raised alarms of quality and of performance."""
    return encode(watched_of(shifted()).state)


def restored(state: bytes) -> Watched:
    return Watched(Monitor("m", layouts_of(SPEC, profile_of(SPEC))), decode(state), [])


def missing(watched: Watched) -> bool:
    """Whether an episode of missing incomes is open; data is broken just as long."""
    (version,) = watched.state.versions.values()
    is_open = any(key[:2] == ("missing", "income") for key in version.episodes)
    assert is_open == any(one.until is None for one in version.broken)
    return is_open


def quality_episode(watched: Watched) -> str:
    (version,) = watched.state.versions.values()
    return next(one.id for one in version.incidents if any(m.tier == "quality" for m in one.members.values()))


# what names nothing


def test_an_episode_that_is_not_open_is_answered_with_those_that_are(changed: bytes) -> None:
    watched = restored(changed)
    told = refusal(watched, "acknowledge", episode="0000000000")
    assert told is not None
    assert told.startswith("no episode '0000000000' is open; open ")
    assert quality_episode(watched)[:12] in told
    assert refusal(Watched.of(SPEC, None), "acknowledge", episode="x") == "no episode 'x' is open; none is"


def test_a_beginning_of_six_characters_is_enough_if_no_other_begins_so(changed: bytes) -> None:
    watched = restored(changed)
    (version,) = watched.state.versions.values()
    id_ = quality_episode(watched)
    assert refusal(watched, "acknowledge", episode=id_[:5]) is not None
    assert not any(incident.acknowledged for incident in version.incidents)
    assert refusal(watched, "acknowledge", episode=id_[:6]) is None
    assert [one.id for one in version.incidents if one.acknowledged] == [id_]
    version.incidents[0].id = "abcdefgh1"
    next(iter(version.episodes.values())).id = "abcdefgh2"
    told = refusal(watched, "acknowledge", episode="abcdefgh") or ""
    assert "begins the ids of 2 open episodes, abcdefgh1, abcdefgh2" in told


def test_what_is_over_says_that_it_was_acknowledged() -> None:
    rows = days(SPEC, 20, seed=1) + without_income(days(SPEC, 6, first=20, seed=2)) + days(SPEC, 30, first=26, seed=3)
    panes = panes_of(layout_of(SPEC, profile_of(SPEC)), rows)
    watched = Watched.of(SPEC, profile_of(SPEC))
    for pane in panes:
        for alert in alerts(watched.close([pane]), tier="quality"):
            assert refusal(watched, "acknowledge", pane.due, episode=alert.episode) is None
    (over,) = alerts(watched.outputs, "recovered", "quality")
    assert over.summary.endswith("Somebody had acknowledged it.")


@pytest.mark.parametrize("until", [39, 40])
def test_a_snooze_that_is_over_before_it_begins_is_refused(changed: bytes, until: int) -> None:
    watched = restored(changed)
    told = refusal(watched, "snooze", until=rfc3339(START + until * DAY))
    assert told is not None
    assert "it would end at" in told
    assert watched.state.snoozed == {}


def test_a_snooze_of_no_signal_is_refused_and_names_the_near_one(changed: bytes) -> None:
    watched = restored(changed)
    until = rfc3339(START + 60 * DAY)
    assert "(did you mean 'missing'?)" in (refusal(watched, "snooze", until=until, signal="mising") or "")
    assert watched.state.snoozed == {}
    assert refusal(watched, "snooze", until=until, signal="missing") is None
    assert refusal(watched, "snooze", until=until, signal="version_difference") is None
    assert list(watched.state.snoozed) == ["missing", "version_difference"]


@pytest.mark.parametrize("kind", ["started", "failed", "finished"])
def test_an_answer_to_a_trigger_that_was_never_raised_is_told(changed: bytes, kind: str) -> None:
    fields = {"new_version": "2"} if kind == "finished" else {}
    watched = restored(changed)
    told = refusal(watched, f"retraining_{kind}", trigger="never", **fields)
    assert (told or "").startswith("no trigger 'never': none by that id was raised here")
    assert refusal(watched, "trigger", reason="now") is None
    (raised,) = triggers(watched.outputs)
    assert refusal(watched, f"retraining_{kind}", trigger=raised.id, **fields) is None


def test_a_version_that_came_of_no_trigger_of_ours_can_be_tried_all_the_same(changed: bytes) -> None:
    watched = restored(changed)
    told = refusal(watched, "retraining_finished", trigger="never", new_version="2", checks="passed")
    assert (told or "").endswith("and tried if its checks passed and no other is in a trial")
    assert refusal(watched, "shadow", version="2") is None


# data that is right


def test_while_an_alarm_of_quality_keeps_cohorts_out_the_decision_says_so_and_names_the_way_out() -> None:
    watched = watched_of(shifted(error=0.1))
    newest = decisions(watched.outputs)[-1]
    assert newest.verdict == "unknown"
    assert "judged cohorts since" in newest.reason
    assert "are left out: an alarm of data quality is open (missing of income" in newest.reason
    episode = quality_episode(watched)
    way_out = f"streamgauge acknowledge MONITOR m {episode[:12]} --data-is-right"
    assert way_out in newest.reason
    (alert,) = alerts(watched.outputs, tier="quality")
    assert alert.episode == episode
    assert way_out in alert.action


@pytest.mark.parametrize("restarts", [False, True])
def test_data_that_is_right_counts_and_is_trained_on_from_its_start(restarts: bool) -> None:
    panes = panes_of(layout_of(SPEC, profile_of(SPEC)), shifted(after=30))
    watched, silent = Watched.of(SPEC, profile_of(SPEC)), Watched.of(SILENT, profile_of(SILENT))
    said = START + 40 * DAY
    before = [pane for pane in panes if pane.due <= said]
    watched.close(before)
    assert triggers(watched.outputs) == []
    assert refusal(watched, "acknowledge", said, episode=quality_episode(watched), data_is_right=True) is None
    for pane in panes[len(before) :]:
        if restarts:
            watched = Watched(
                Monitor("m", layouts_of(SPEC, profile_of(SPEC))), decode(encode(watched.state)), watched.outputs
            )
        watched.close([pane])
    silent.close(panes_of(layout_of(SILENT, profile_of(SILENT)), shifted(after=30)))
    (trigger,) = triggers(watched.outputs)
    (sooner,) = triggers(silent.outputs)
    assert trigger.time > sooner.time
    assert trigger.since == sooner.since
    assert trigger.train_on.exclude == []
    assert trigger.train_on.window.start == sooner.train_on.window.start
    # as though nobody had ever doubted the data
    numbers = [decisions(one.outputs)[-1].policies[0].numbers for one in (watched, silent)]
    assert {name: value for name, value in numbers[0].items() if name != "back_off"} == {
        name: value for name, value in numbers[1].items() if name != "back_off"
    }


def test_of_two_defects_the_other_one_still_holds_back() -> None:
    spec = model_spec(retraining=RETRAINING, **COST)
    rows = days(spec, 20, seed=1) + without_income(days(spec, 25, first=20, seed=2, error=0.4))
    for row, _ in rows[25 * 50 :]:
        row.features[1] = "west"  # five days after the first
    watched = watched_of(rows, spec)
    (version,) = watched.state.versions.values()
    missing = next(e.id for key, e in version.episodes.items() if key[:2] == ("missing", "income"))
    assert refusal(watched, "acknowledge", episode=missing, data_is_right=True) is None
    kept = [one.what for one in version.broken]
    assert "missing of income" not in kept
    assert "unseen of region" in kept


def test_there_must_be_an_alarm_of_quality_to_call_its_data_right() -> None:
    watched = watched_of(days(SPEC, 20, seed=1) + days(SPEC, 25, first=20, seed=2, error=0.4))
    (alert, *_) = alerts(watched.outputs)
    told = refusal(watched, "acknowledge", episode=alert.episode, data_is_right=True)
    assert (told or "").startswith("no alarm of data quality is open in episode ")
    (version,) = watched.state.versions.values()
    assert not any(incident.acknowledged for incident in version.incidents)


# settings that change while an episode is open


def test_an_alarm_that_a_larger_minimum_effect_ends_is_recovered_and_holds_nothing_back_any_more() -> None:
    rows = days(SPEC, 20, seed=1)
    late = days(SPEC, 40, first=20, seed=2)
    for number, (row, _) in enumerate(late):
        if number % 5 == 0:
            row.features[0] = None
    watched = Watched.of(SPEC, profile_of(SPEC))
    panes = panes_of(layout_of(SPEC, profile_of(SPEC)), rows + late)
    middle = START + 35 * DAY
    watched.close([pane for pane in panes if pane.due <= middle])
    assert missing(watched)
    looser = model_spec(retraining=RETRAINING, minimum_effect={"quality": 0.5}, **COST)
    watched = Watched(Monitor("m", layouts_of(looser, profile_of(looser))), decode(encode(watched.state)), [])
    layout = layout_of(looser, profile_of(looser))
    watched.close([pane for pane in panes_of(layout, rows + late) if pane.due > middle])
    assert not missing(watched)
    assert "left out" not in decisions(watched.outputs)[-1].reason


def test_the_alarm_of_a_feature_that_left_the_monitor_file_is_over_at_once() -> None:
    rows = days(SPEC, 45, seed=1)
    for number, (row, _) in enumerate(rows):
        if number % 8 == 0 and number >= 20 * 50:  # too few for any other signal
            row.features[0] = None
    watched = watched_of(rows)
    (alert,) = alerts(watched.outputs)
    assert missing(watched)
    rest = {name: kind for name, kind in FEATURES.items() if name != "income"}
    spec = model_spec(features=rest, retraining=RETRAINING, **COST)
    watched = Watched(Monitor("m", layouts_of(spec, profile_of(spec))), decode(encode(watched.state)), [])
    watched.close(panes_of(layout_of(spec, profile_of(spec)), days(spec, 4, first=45, seed=3)))
    assert not missing(watched)
    (over,) = alerts(watched.outputs, "recovered")
    assert over.episode == alert.episode
    assert over.summary.startswith("Missing of income is back: nothing reads it any more")
