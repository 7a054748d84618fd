"""What holds of every strategy, for every task: deterministic, within the budget, in time, and no row twice."""

import random
from collections import Counter
from typing import Any

import pytest

from detectors.curation.curation import Curation
from detectors.curation.draw import STRATEGIES
from detectors.layout import Layout
from detectors.loss_rows import LossRows
from detectors.state import decode, encode
from schemas.event_time import to_micros
from schemas.label_request import LabelRequest

from ..builders import (
    DAY,
    HOUR,
    START,
    TASKS,
    LabelledRow,
    blank_pane,
    days,
    layout_of,
    model_spec,
    pane_of,
    panes_of,
    profile_of,
)
from .curated import Curated

ALL = ("random", *STRATEGIES)
NOT_OF_TEXT = ("uncertainty", "disagreement")
ASKING = [(task, name) for task in TASKS for name in ALL if task != "text" or name not in NOT_OF_TEXT]


def layout(task: str, strategies: list[str], profile: bool = True, **changes: Any) -> Layout:
    requests = {"strategies": strategies, "per_pane": 12, "random_share": 0.25} | changes.pop("label_requests", {})
    spec = model_spec(task, label_requests=requests, **changes)
    return layout_of(spec, profile_of(spec) if profile else None)


def rows_of(plan: Layout, count: int = 12) -> list[LabelledRow]:
    """Days of which a third of the rows has a label within hours, a third days later, and the rest none."""
    rng = random.Random(3)
    half = count // 2
    rows = days(plan.spec, half) + days(plan.spec, count - half, first=half, shift=1.5, error=0.4)
    found: list[LabelledRow] = []
    for i, (row, label) in enumerate(rows):
        row.extras = (0.5, rng.random()) if plan.spec.task == "multiclass" else ()
        if i % 11 == 0:
            row.features[1] = "west"  # which the reference has never seen
        label.time = row.time + (HOUR if i % 3 == 0 else 2 * DAY)
        found.append((row, None if i % 3 == 2 else label))
    return found


def asked(plan: Layout, rows: list[LabelledRow]) -> list[LabelRequest]:
    watched = Curated.of(plan)
    return watched.close(panes_of(plan, rows))


@pytest.mark.parametrize(("task", "name"), ASKING)
def test_a_strategy_keeps_the_rules_of_asking(task: str, name: str) -> None:
    plan = layout(task, [name], label_horizon="6d", label_requests={"answer_within": "36h"})
    rows = rows_of(plan)
    requests = asked(plan, rows)
    assert requests == asked(plan, rows)
    assert {one.reason for one in requests} >= {"random", name}
    per_moment = Counter((one.time, one.reason == "coverage") for one in requests)
    assert max(per_moment.values()) <= 12
    assert len({one.id for one in requests}) == len({one.prediction_id for one in requests}) == len(requests)
    labels = {row.id: label.time for row, label in rows if label is not None}
    for one in requests:
        made, until, born = (to_micros(moment) for moment in (one.time, one.deadline, one.prediction_time))
        assert born < made < until == min(born + 6 * DAY, made + 36 * HOUR)
        assert labels.get(one.prediction_id, made) >= made, "its label was known"
        assert one.detail


@pytest.mark.parametrize("task", TASKS)
def test_all_strategies_and_rules_together_share_the_budget(task: str) -> None:
    names = [name for name in ALL if task != "text" or name not in NOT_OF_TEXT]
    rules = [{"name": "high", "when": "income > 118"}, {"name": "here", "when": 'region == "north" and income > 105'}]
    plan = layout(task, names, label_requests={"per_pane": 20, "rules": rules})
    requests = [one for one in asked(plan, rows_of(plan)) if one.reason != "coverage"]
    assert max(Counter(one.time for one in requests).values()) == 20
    assert {one.reason for one in requests} == {"rule", *names}
    assert {one.rule for one in requests} == {"high", "here", None}
    assert all((one.rule is not None) == (one.reason == "rule") for one in requests)
    assert all(one.inclusion_probability is not None for one in requests if one.reason == "random")
    assert all(one.inclusion_probability is None for one in requests if one.reason in STRATEGIES)


def test_what_one_strategy_does_not_use_the_others_get() -> None:
    plan = layout("binary", ["uncertainty", "disagreement"])  # nothing was learnt yet: no challenger to disagree with
    watched = Curated.of(plan)
    requests = watched.close(panes_of(plan, [(row, None) for row, _ in days(plan.spec, 1)]))
    assert watched.idle == {"disagreement": "the challenger has learnt from fewer than 200 labelled rows"}
    traffic = Counter(one.reason for one in requests if one.reason != "coverage")
    assert traffic == {"random": 3, "uncertainty": 9}


@pytest.mark.parametrize(("task", "name"), ASKING)
@pytest.mark.parametrize("case", ["no profile", "empty pane", "values missing", "mismatched"])
def test_a_strategy_does_without_what_is_not_there(task: str, name: str, case: str) -> None:
    plan = layout(task, [name], profile=case != "no profile")
    rows = rows_of(plan, 4)
    if case == "values missing":
        for row, _ in rows:
            row.features = [None] * len(row.features)
            row.label = row.score = row.value = None
            row.extras = ()
    watched = Curated.of(plan)
    watched.close(panes_of(plan, rows))
    last = [] if case == "empty pane" else [(row, None) for row, _ in days(plan.spec, 1, first=4)]
    requests = watched.close([pane_of(plan, "traffic", last, START + 4 * DAY, mismatched=int(case == "mismatched"))])
    assert len(requests) <= 12
    assert bool(requests) == bool(last), "the random share at least is asked for"


def test_a_dropped_pane_asks_for_nothing() -> None:
    plan = layout("binary", list(ALL))
    assert Curation().close(blank_pane(plan, "traffic", n=50), [], LossRows()).requests == []


@pytest.mark.parametrize("task", TASKS)
def test_a_restart_from_the_snapshot_asks_for_the_same(task: str) -> None:
    names = [name for name in ALL if task != "text" or name not in NOT_OF_TEXT]
    plan = layout(task, names)
    panes = panes_of(plan, rows_of(plan))
    straight, restarted = Curated.of(plan), Curated.of(plan)
    straight.close(panes)
    for pane in panes:
        state = (restarted.signals, restarted.losses, restarted.curation)
        restarted.signals, restarted.losses, restarted.curation = decode(encode(state))
        restarted.close([pane])
    assert restarted.requests == straight.requests
    assert encode(restarted.curation) == encode(straight.curation)


def test_no_budget_and_no_strategy_ask_for_nothing() -> None:
    rules = [{"name": "all", "when": "income > 0"}]
    rows: list[LabelledRow] = [(row, None) for row, _ in days(model_spec(), 2)]
    assert asked(layout("binary", list(ALL), label_requests={"per_pane": 0, "rules": rules}), rows) == []
    assert {one.reason for one in asked(layout("binary", []), rows)} == {"coverage"}
