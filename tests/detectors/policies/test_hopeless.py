"""Two years with a model that cannot be helped: the cost policy neither fires forever nor goes silent, and says why.

The whole loop goes through the monitor: panes in, triggers out, answers of a retraining side in, outcomes graded there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from detectors.pane import ClosedPane
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision
from schemas.event_time import Micros, from_micros, rfc3339
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome

from ..builders import DAY, SECOND, START, Watched, days, layout_of, model_spec, panes_of, profile_of

PANE = 4  # days
ROWS = 25  # a day
YEARS = 2 * 365 // PANE  # panes
CHANGE = 120  # day
PRICE = 100.0
GOOD, BAD = 0.1, 0.4

Answer = Callable[["Life", RetrainingTrigger, Micros], None]


@dataclass
class Life:
    """A model over two years: which version serves, and what it loses."""

    spec: ModelSpec
    loses: Callable[[str, int], float]
    """Error rate by version and day."""
    answer: Answer
    version: str = "1"
    commands: int = 0
    waiting: list[tuple[Micros, dict[str, Any]]] = field(default_factory=list)

    def live(self) -> Watched:
        """Two years."""
        watched = Watched.of(self.spec, profile_of(self.spec, panes=160, rows=ROWS))
        for number in range(YEARS):
            for pane in self._panes(number):
                self._send(watched, pane.due)
                for output in watched.close([pane]):
                    if isinstance(output, RetrainingTrigger):
                        self.answer(self, output, pane.due)
        return watched

    def say(self, moment: Micros, **fields: Any) -> None:
        """Send a command as soon as event time has come to a moment."""
        self.waiting.append((moment, fields))

    def _panes(self, number: int) -> list[ClosedPane]:
        first = number * PANE
        rows = days(self.spec, PANE, ROWS, seed=number, first=first, error=self.loses(self.version, first))
        for row, label in rows:
            assert label is not None
            label.time = row.time + SECOND
        layout = layout_of(self.spec, profile_of(self.spec, panes=160, rows=ROWS), self.version)
        return [pane for pane in panes_of(layout, rows) if pane.key.family != "traffic"]

    def _send(self, watched: Watched, now: Micros) -> None:
        for moment, fields in [one for one in self.waiting if one[0] <= now]:
            self.waiting.remove((moment, fields))
            self.commands += 1
            given = {"id": f"c{self.commands}", "model": "m", "timestamp": rfc3339(now), **fields}
            watched.state, outputs = watched.monitor.command(watched.state, CommandAdapter.validate_python(given))
            watched.outputs += outputs
            if fields["type"] == "promote":
                self.version = fields["version"]


def nobody(life: Life, trigger: RetrainingTrigger, now: Micros) -> None:
    """Does not answer."""


def fails(life: Life, trigger: RetrainingTrigger, now: Micros) -> None:
    """Fails two days later."""
    life.say(now + 2 * DAY, type="retraining_failed", trigger=trigger.id)


def retrains(held_out: float) -> Answer:
    """Has a new version three days later, which serves at once."""

    def answer(life: Life, trigger: RetrainingTrigger, now: Micros) -> None:
        version = str(int(life.version) + 1)
        finished = {"trigger": trigger.id, "new_version": version, "held_out_loss": held_out, "held_out_rows": 2_000}
        life.say(now + 3 * DAY, type="retraining_finished", checks="passed", **finished)
        life.say(now + 3 * DAY, type="promote", version=version, trigger=trigger.id)

    return answer


def live(loses: Callable[[str, int], float], answer: Answer, **changes: Any) -> Watched:
    costs = {"loss": 1.0, "retraining": PRICE}
    retraining = {"minimum_labels": 200, "rollout": {"stage_labels": 300, "guard_labels": 300}}
    settings: dict[str, Any] = {"costs": costs, "retraining": retraining, "challenger": False} | changes
    return Life(model_spec(pane=f"{PANE}d", **settings), loses, answer).live()


def changed(version: str, day: int) -> float:
    return GOOD if day < CHANGE else BAD


def triggers(watched: Watched) -> list[RetrainingTrigger]:
    return [output for output in watched.outputs if isinstance(output, RetrainingTrigger)]


def decisions(watched: Watched) -> list[RetrainingDecision]:
    return [output for output in watched.outputs if isinstance(output, RetrainingDecision)]


def statuses(watched: Watched) -> list[str]:
    newest = {output.trigger: output.status for output in watched.outputs if isinstance(output, TriggerOutcome)}
    return [newest.get(trigger.id, "open") for trigger in triggers(watched)]


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
    (trigger,) = triggers(watched)
    beliefs = [(one.version, one.belief) for one in decisions(watched)]
    assert ("1", "bad_from_birth") in beliefs
    assert beliefs[-1] == ("2", "none")
    assert statuses(watched) == ["helped"]
    assert trigger.since <= from_micros(START + 2 * PANE * DAY)


def test_a_new_version_that_was_better_in_its_tests_than_it_is_in_the_world() -> None:
    def loses(version: str, day: int) -> float:
        return {"1": changed(version, day), "2": BAD}.get(version, GOOD)

    watched = live(loses, retrains(held_out=GOOD))
    assert [trigger.version for trigger in triggers(watched)] == ["1", "2"]
    assert statuses(watched)[-1] == "helped"
    assert ("2", "bad_from_birth") in {(one.version, one.belief) for one in decisions(watched)}
    assert decisions(watched)[-1].belief == "none"
