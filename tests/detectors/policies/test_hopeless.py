"""Two years with a model that cannot be helped: the cost policy neither fires forever nor goes silent, and says why.

The whole loop goes through the monitor: panes in, triggers out, answers of a retraining side in, outcomes graded there.
"""

import math
from itertools import pairwise

import pytest

from schemas.event_time import from_micros

from ..builders import DAY, START
from .life import (
    BAD,
    GOOD,
    PANE,
    PRICE,
    ROWS,
    Answer,
    changed,
    decisions,
    fails,
    live,
    nobody,
    retrains,
    statuses,
    triggers,
)

MOST = math.ceil(math.log2(2 * 365 * ROWS * (BAD - GOOD) / PRICE)) + 1
"""Triggers of two years, where each costs twice as much as the one before."""


@pytest.mark.parametrize(("answer", "status"), [(fails, "failed"), (nobody, "unanswered")])
def test_a_retraining_that_always_fails(answer: Answer, status: str) -> None:
    watched = live(changed, answer)
    found = triggers(watched)
    assert 3 <= len(found) <= MOST
    waits = [(b.time - a.time).days for a, b in pairwise(found)]
    assert waits[-1] >= 3 * waits[0]
    assert set(statuses(watched)[:-1]) == {status}
    last = decisions(watched)[-1]
    assert last.belief == "retraining_fails"
    assert last.policies[0].numbers["back_off"] == len([one for one in statuses(watched) if one == status])
    assert last.policies[0].would_change  # it has not given up, and says when it calls again


def test_a_retraining_that_never_helps() -> None:
    watched = live(changed, retrains(held_out=GOOD))  # what it promises, and never keeps
    found = triggers(watched)
    assert 3 <= len(found) <= MOST
    assert {"no_difference", "worse"} >= set(statuses(watched)[:-1])
    assert {one.belief for one in decisions(watched)[-20:]} == {"retraining_does_not_help"}
    assert found[-1].belief == "retraining_does_not_help"
    assert {each.version for each in found[-1].candidates} >= {"1"}


def test_irreducible_noise() -> None:
    watched = live(changed, retrains(held_out=BAD), challenger=True)
    assert 1 <= len(triggers(watched)) <= 3  # a new version is held against what it can do, and that is no better
    last = decisions(watched)[-1]
    assert last.belief == "irreducible_noise"
    assert last.belief_reason is not None
    assert "challenger" in last.belief_reason


def test_a_model_bad_from_birth_that_retraining_helps() -> None:
    watched = live(lambda version, day: BAD if version == "1" else GOOD, retrains(held_out=GOOD))
    trigger, refit = triggers(watched)
    beliefs = [(one.version, one.belief) for one in decisions(watched)]
    assert ("1", "bad_from_birth") in beliefs
    assert beliefs[-1] == ("3", "none")
    assert statuses(watched) == ["helped", "no_difference"]
    assert refit.since == trigger.since  # on more rows of the same world, which is no better and no change either
    assert trigger.since <= from_micros(START + 2 * PANE * DAY)


def test_a_new_version_that_was_better_in_its_tests_than_it_is_in_the_world() -> None:
    def loses(version: str, day: int) -> float:
        return {"1": changed(version, day), "2": BAD}.get(version, GOOD)

    watched = live(loses, retrains(held_out=GOOD))
    assert [trigger.version for trigger in triggers(watched)] == ["1", "2", "3"]
    assert statuses(watched) == ["no_difference", "helped", "no_difference"]  # the last one is a refit
    assert ("2", "bad_from_birth") in {(one.version, one.belief) for one in decisions(watched)}
    assert decisions(watched)[-1].belief == "none"
