"""What a new version suffers from as the old one does is known; what is another change, or graver, is told."""

from dataclasses import replace
from typing import Any

import pytest

from detectors.episodes import Change, Episode, EpisodeKey, update
from detectors.history import History
from detectors.incidents import take
from detectors.known_changes import known_changes, split
from detectors.monitor_state import MonitorState, VersionState
from detectors.pane import ClosedPane
from detectors.rollout import RolloutState
from detectors.rollouts import RolloutsState
from detectors.signals.signal import Finding, Firing
from detectors.version_comparison import VersionComparison
from schemas.event_time import Micros
from schemas.reading import Reading

from .builders import DAY, START, blank_pane, layout_of, model_spec
from .trials import profile

SPEC = model_spec(features={"owner": "boolean"})
FIRST = 30
"""The day of the new version's first pane."""


def at(day: float) -> Micros:
    return START + int(day * DAY)


def fires(
    signal: str = "error_rate",
    since: float = FIRST,
    value: float = 0.3,
    *,
    severity: Any = "alarm",
    tier: Any = "performance",
    sure: float = 1,
    **names: str,
) -> Finding:
    """A signal that fires for a change on a day, `sure` to so many days."""
    reading = Reading(signal=signal, tier=tier, detector="e_detector", value=value, n=10, status="alarm", **names)
    ends = {"since_low": at(since - sure), "since_high": at(since + sure)}
    return Finding(reading, Firing(severity, at(since), signal, value, 100, reference=0.1, **ends))


def changes_of(version: str, day: int, *findings: Finding) -> tuple[list[Change], ClosedPane]:
    pane = blank_pane(layout_of(SPEC, None, version), "cohort", day)
    episodes: dict[EpisodeKey, Episode] = {}
    found = [update(episodes, one, pane) for one in findings]
    return [one for one in found if one is not None], pane


def known_of(*findings: Finding) -> VersionState:
    """The old version, which fired on day 21."""
    changes, pane = changes_of("1", 21, *findings)
    old = VersionState(signals=[], settings="", began=at(0), episodes={one.key: one.episode for one in changes})
    take(old.incidents, changes, pane, History())
    return old


def is_known(finding: Finding, *old: Finding, day: int = FIRST + 5) -> bool:
    changes, pane = changes_of("2", day, finding)
    told, known = split(changes, known_of(*old), pane, at(FIRST))
    assert len(told) + len(known) == 1
    return bool(known)


OLD = fires(since=20)


@pytest.mark.parametrize(
    ("finding", "known"),
    [
        (fires(), True),
        (fires(value=0.39), True),  # luck
        (fires(value=0.9), False),
        (fires(since=20.5, value=0.39), True),
        (fires(since=20.5, value=0.9), False),
        (fires(since=FIRST + 20, value=0.25), True),
        (fires(since=FIRST + 20, value=0.35), False),
        (fires(since=FIRST + 20, value=0.05), False),  # it fell
        (fires("estimated_error_rate", severity="notice"), True),
        (fires(segment="owner=true"), True),
        (fires(segment="owner=true", since=FIRST + 20, value=0.2), False),  # of a part, the whole says less
        (fires("recall"), False),
        (fires("missing", tier="quality", feature="owner"), False),
    ],
)
def test_the_same_signal_is_known_where_it_is_the_same_change(finding: Finding, known: bool) -> None:
    assert is_known(finding, OLD, day=FIRST + 25) == known


def test_an_alarm_is_not_known_by_a_notice() -> None:
    notice = fires(since=20, severity="notice")
    assert not is_known(fires(), notice)
    assert is_known(fires(severity="notice"), notice)


def test_any_distribution_that_was_so_from_the_first_pane_is_known_while_one_has_drifted() -> None:
    drift = fires("feature_drift", since=20, severity="notice", tier="drift", feature="owner")
    joint = fires("joint_drift", severity="notice", tier="drift", sure=1)
    later = fires("joint_drift", since=FIRST + 10, severity="notice", tier="drift")
    assert is_known(joint, drift)
    assert not is_known(joint, OLD)
    assert not is_known(later, drift, day=FIRST + 12)


def test_what_is_over_in_the_old_version_is_told() -> None:
    old = known_of(OLD, fires("cost", since=20))
    members = old.incidents[0].members
    members[next(key for key in members if key[0] == "error_rate")].over = True
    changes, pane = changes_of("2", FIRST + 5, fires())
    assert split(changes, old, pane, at(FIRST)) == (changes, [])


def test_the_old_version_may_have_moved_farther_since_it_was_told() -> None:
    old = known_of(OLD)
    changes, pane = changes_of("2", FIRST + 25, fires(since=FIRST + 20, value=0.35))
    assert split(changes, old, pane, at(FIRST)) == (changes, [])
    (key,) = old.episodes
    old.episodes[key] = replace(old.episodes[key], value=0.36)
    assert split(changes, old, pane, at(FIRST))[0] == []


@pytest.mark.parametrize(
    ("rollout", "known"),
    [
        ({"serving": "1", "candidate": "2", "stage": "shadow"}, True),
        ({"serving": "2", "previous": "1", "guarding": True}, True),
        ({"serving": "1", "candidate": "3", "stage": "shadow"}, False),
        ({"serving": "2", "candidate": "1", "stage": "shadow"}, False),
        ({}, False),
    ],
)
def test_it_is_known_of_the_version_that_it_is_tried_beside_and_of_no_other(
    rollout: dict[str, Any], known: bool
) -> None:
    state = state_of(rollout)
    changes, pane = changes_of("2", FIRST + 5, fires())
    told, joined = known_changes(state, state.versions["2"], changes, pane)
    assert (told == []) == known
    assert [one.other_version for one in joined] == (["1"] if known else [])


def state_of(rollout: dict[str, Any]) -> MonitorState:
    comparison = VersionComparison(0.0, 0.1, 0.1, 1.0)
    new = VersionState(signals=[], settings="", began=at(FIRST))
    state = MonitorState(versions={"1": known_of(OLD), "2": new})
    state.rollouts = RolloutsState(rollout=RolloutState(comparison=comparison, **rollout))
    return state


def test_it_joins_once_and_is_told_when_it_fires_after_the_end_of_the_other() -> None:
    state = state_of({"serving": "1", "candidate": "2", "stage": "shadow"})
    (change,), pane = changes_of("2", FIRST + 5, fires())
    told, joined = known_changes(state, state.versions["2"], [change], pane)
    assert (told, len(joined)) == ([], 1)
    assert known_changes(state, state.versions["2"], [change], pane) == ([], [])
    state.versions["1"].incidents.clear()
    assert known_changes(state, state.versions["2"], [change], pane) == ([change], [])


def test_with_a_reference_of_its_own_whatever_it_fires_for_is_its_own_change() -> None:
    own = profile().model_copy(update={"version": "2"})
    state = state_of({"serving": "2", "previous": "1", "guarding": True})
    changes, pane = changes_of("2", FIRST + 5, fires())
    pane = replace(pane, layout=layout_of(model_spec(), own, "2"))
    assert known_changes(state, state.versions["2"], changes, pane) == (changes, [])


@pytest.mark.parametrize(
    ("old", "since", "known"),
    [
        pytest.param(OLD, FIRST, True, id="since its first pane"),
        pytest.param(OLD, FIRST + 4, False, id="later"),
        pytest.param(fires("missing", since=20, tier="quality"), FIRST, False, id="of another change"),
    ],
)
def test_an_estimate_that_never_was_otherwise_is_known_where_performance_is(
    old: Finding, since: float, known: bool
) -> None:
    falls = fires("estimated_accuracy", since=since, value=0.05, severity="notice", sure=0.5)
    assert is_known(falls, old) is known
