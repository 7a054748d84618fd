"""What every policy keeps to, over half a year of changes, broken data, snoozes and answers that come or do not."""

import random
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from detectors.episodes import Episode, EpisodeKey
from detectors.history import History
from detectors.policies.answers import failed, finished, note_outcome, started
from detectors.policies.decide import Decided, decide
from detectors.policies.state import PolicyState
from detectors.policies.tree import policies_of
from detectors.situation import Broken, Situation
from detectors.state import decode, encode
from schemas.command import CommandAdapter
from schemas.event_time import Micros, to_micros
from schemas.spec import ModelSpec

from ..builders import DAY, START, model_spec
from ..situations import OVERALL, cohort, compared, day, episode, outcome, situation

COSTS = {"loss": 1.0, "retraining": 60.0}
COST = {"type": "cost", "burn_in": 300}
PERFORMANCE = {"type": "performance"}
FLOOR = {"type": "performance", "floor": 0.25}
DRIFT = {"type": "drift", "features": 1}
CRON = {"type": "schedule", "cron": "0 0 * * 1"}
LABELS = {"type": "schedule", "every_labels": 900}
POLICIES: dict[str, list[dict[str, Any]]] = {
    "cost": [COST],
    "performance": [PERFORMANCE],
    "floor": [FLOOR],
    "drift": [DRIFT],
    "cron": [CRON],
    "labels": [LABELS],
    "any": [{"type": "any", "of": [COST, DRIFT]}],
    "all": [{"type": "all", "of": [PERFORMANCE, DRIFT], "within": "30d"}],
    "first": [{"type": "first", "of": [COST, CRON]}],
    "tree": [{"type": "first", "of": [{"type": "all", "of": [COST, DRIFT], "within": "60d"}, FLOOR]}, LABELS],
}
DAYS = 180
INCOME: EpisodeKey = ("feature_drift", "income", None, "cdf_bets", "traffic")
BROKEN = [(60, 70), (120, 131)]
SNOOZED = (95, 110)
MINIMUM = 250


@dataclass
class World:
    """What happens, day by day, and what the monitor has told of it."""

    state: PolicyState = field(default_factory=PolicyState)
    episodes: dict[EpisodeKey, Episode] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    history: History = field(default_factory=History)


def settings_of(kind: str, **retraining: Any) -> ModelSpec:
    settings = {"policies": POLICIES[kind], "cooldown": "5d", "minimum_labels": MINIMUM, "answer_within": "8d"}
    return model_spec(segments=["region"], costs=COSTS, retraining=settings | retraining)


def happens(world: World, today: int) -> None:
    rng = random.Random(today)
    bad = any(first <= today < last for first, last in ((30, 60), (80, 118), (140, 170)))
    errors = sum(rng.random() < (0.4 if bad else 0.1) for _ in range(50))
    problem = "label coverage: 2 of 50 rows" if today % 37 == 5 else None
    world.history.cohorts.append(cohort(today, 50, float(errors), problem=problem))
    world.history.compared.append(compared(today, 50, float(errors), 6.0))
    for first, last in BROKEN:
        if today == first:
            world.broken.append(Broken(START + today * DAY))
        if today == last:
            world.broken[-1].until = START + today * DAY
    for first, last in ((33, 60), (83, 118), (143, 170)):
        if today == first:
            world.episodes[OVERALL] = episode(first - 3, id=f"alarm {first}")
            world.episodes[INCOME] = episode(first - 1, "drift", "notice", id=f"drift {first}")
        if today == last:
            world.episodes.clear()
        if first < today < last and today % 9 == 0 and OVERALL in world.episodes:  # it fires again
            world.episodes[OVERALL].evidence_from = START + (today - 2) * DAY


def sees(world: World, spec: ModelSpec, today: int) -> Situation:
    first, last = SNOOZED
    snoozed = {"": START + last * DAY} if first <= today < last else {}
    return situation(
        spec, today, world.episodes, world.history, world.broken, snoozed=snoozed, step=("cohort", START + today * DAY)
    )


def answers(world: World, decided: Decided, today: int) -> None:
    """The retraining side: it fails, helps, does nothing, is late, or says nothing, in turn."""
    if decided.trigger is None:
        return
    trigger, kind = decided.trigger.id, len(world.state.triggers) % 5
    if kind == 0:
        failed(world.state, trigger)
    elif kind == 1:
        command = {"type": "retraining_finished", "id": "c", "model": "m", "timestamp": day(today), "trigger": trigger}
        finished(world.state, CommandAdapter.validate_python(command | {"new_version": "2"}))
        note_outcome(world.state, outcome(trigger, "helped", "2"))
    elif kind == 2:
        note_outcome(world.state, outcome(trigger, "no_difference", "2"))
    elif kind == 3:
        started(world.state, trigger)


def run(kind: str, *, restart: int | None = None, **retraining: Any) -> list[tuple[int, Decided]]:
    spec, world, told = settings_of(kind, **retraining), World(), []
    for today in range(DAYS):
        if today == restart:
            world = decode(encode((world.state, world.episodes, world.broken, world.history)))
            world = World(*world)
        happens(world, today)
        decided = decide(world.state, sees(world, spec, today))
        answers(world, decided, today)
        told.append((today, decided))
    return told


@cache
def told_of(kind: str) -> list[tuple[int, Decided]]:
    return run(kind)


def fired(told: list[tuple[int, Decided]]) -> list[int]:
    return [today for today, decided in told if decided.trigger is not None]


@pytest.mark.parametrize("kind", POLICIES)
def test_the_same_days_give_the_same_decisions(kind: str) -> None:
    assert run(kind) == told_of(kind)


@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.parametrize("restart", [34, 64, 100, 146])
def test_a_snapshot_in_the_middle_changes_nothing(kind: str, restart: int) -> None:
    assert run(kind, restart=restart) == told_of(kind)


@pytest.mark.parametrize("kind", POLICIES)
def test_it_fires_but_never_on_broken_data_nor_while_it_is_snoozed(kind: str) -> None:
    found = fired(told_of(kind))
    assert found
    silent = [*BROKEN, SNOOZED]
    assert not [today for today in found if any(first <= today < last for first, last in silent)]


@pytest.mark.parametrize("kind", POLICIES)
def test_it_never_fires_with_fewer_labels_than_the_minimum_or_within_the_cooldown(kind: str) -> None:
    triggers = [decided.trigger for _, decided in told_of(kind) if decided.trigger is not None]
    assert min(trigger.train_on.labelled_rows for trigger in triggers) >= MINIMUM
    times = [to_micros(trigger.time) for trigger in triggers]
    assert all(later - earlier >= 5 * DAY for earlier, later in pairwise(times))
    assert fired(run(kind, minimum_labels=1_000_000)) == []


@pytest.mark.parametrize("kind", POLICIES)
def test_no_broken_cohort_is_trained_on(kind: str) -> None:
    for _, decided in told_of(kind):
        if decided.trigger is None:
            continue
        data = decided.trigger.train_on
        start, end = to_micros(data.window.start), to_micros(data.window.end)
        left_out: list[tuple[Micros, Micros]] = [(to_micros(one.start), to_micros(one.end)) for one in data.exclude]
        for first, last in BROKEN:
            for number in range(first, last):
                moment = START + number * DAY
                if start <= moment < end:
                    assert any(since <= moment < until for since, until in left_out)


@pytest.mark.parametrize("kind", POLICIES)
def test_each_judged_cohort_has_one_decision_that_can_be_read(kind: str) -> None:
    told = told_of(kind)
    decisions = [decided.decision for _, decided in told]
    assert None not in decisions
    assert max(Counter(decision.id for decision in decisions if decision).values()) == 1
    for _, decided in told:
        decision, trigger = decided.decision, decided.trigger
        assert decision is not None
        assert decision.reason.endswith(".")
        assert not decision.reason[0].islower()
        assert (decision.verdict == "trigger") == (trigger is not None) == (decision.trigger is not None)
        assert (decision.verdict == "held_back") == (decided.held_back is not None)
        assert all(each.reason.endswith(".") for each in decision.policies)
        assert all(each.would_change for each in decision.policies if each.verdict in ("no", "unknown"))
        if trigger is not None:
            assert (trigger.id, trigger.decision) == (decision.trigger, decision.id)


@pytest.mark.parametrize("kind", POLICIES)
def test_asked_twice_it_says_the_same(kind: str) -> None:
    spec, world = settings_of(kind), World()
    for today in range(DAYS):
        happens(world, today)
        one = sees(world, spec, today)
        for policy in policies_of(spec.retraining.policies):
            assert policy.judge(world.state, one) == policy.judge(world.state, one)
        answers(world, decide(world.state, one), today)


@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.parametrize("other", ["cost", "all", "tree"])
def test_another_monitor_file_in_the_middle_is_taken_up_without_harm(kind: str, other: str) -> None:
    world = World()
    for today in range(120):
        spec = settings_of(kind if today < 50 else other)
        happens(world, today)
        decide(world.state, sees(world, spec, today))
    places = set(world.state.of("1").nodes) | set(world.state.nodes)
    assert places <= {"0", "0.0", "0.0.0", "0.0.1", "0.1", "1"}
    assert encode(decode(encode(world.state))) == encode(world.state)


@pytest.mark.parametrize("kind", POLICIES)
def test_nothing_is_known_and_nothing_fires(kind: str) -> None:
    decided = decide(PolicyState(), situation(settings_of(kind), 3, past=History()))
    assert decided.trigger is None
    assert decided.decision is not None
