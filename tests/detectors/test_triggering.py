"""A trigger says what waiting costs, and what to train on and how."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.costs import cost_sum
from detectors.episodes import EpisodeKey
from detectors.history import Cohort, History
from detectors.policies.decide import decide_ad_hoc
from detectors.policies.state import Asked, PolicyState
from detectors.reference import vector
from detectors.situation import Broken
from detectors.wording import value_text
from schemas.event_time import from_micros

from .builders import DAY, START, layout_of, model_spec, profile_of
from .situations import OVERALL, PERFORMANCE, episode, fires, history, situation, spec_of


def test_waiting_costs_the_excess_loss_at_the_present_volume() -> None:
    spec = spec_of(PERFORMANCE)
    layout = layout_of(spec, profile_of(spec))
    assert layout.profile is not None
    counts = layout.profile.counts["cohort"]
    reference = sum(counts["loss_sums"]) / 2**30 / sum(counts["losses"])
    past = history(20, n=200, labelled=150, errors=60.0)  # .4 of the labelled rows
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, past))
    assert trigger.waiting is not None
    assert trigger.waiting.predictions_per_day == 200
    assert trigger.waiting.excess_loss_per_day == pytest.approx(200 * (0.4 - reference))
    assert trigger.waiting.cost_per_day == pytest.approx(3.0 * 200 * (0.4 - reference))


def test_waiting_costs_nothing_where_nothing_got_worse_and_has_no_price_where_none_is_declared() -> None:
    spec = model_spec(retraining={"policies": PERFORMANCE, "minimum_labels": 0})
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, history(errors=0.0)))
    assert trigger.waiting is not None
    assert (trigger.waiting.excess_loss_per_day, trigger.waiting.cost_per_day) == (0.0, None)


@pytest.mark.parametrize("signal", ["cost", "estimated_accuracy"])
def test_what_is_no_loss_is_told_by_its_own_value_even_where_broken_data_is_left_out(signal: str) -> None:
    key: EpisodeKey = (signal, *OVERALL[1:])
    cause = episode(5, evidence_from=START + 15 * DAY, value=0.77)
    broken = [Broken(START + 8 * DAY, START + 15 * DAY)]
    trigger = fires(PolicyState(), replace(situation(spec_of(PERFORMANCE), 20, {key: cause}), broken=broken))
    assert value_text(signal, 0.77) in trigger.reason


def test_a_cost_matrix_says_what_waiting_costs() -> None:
    costs = {"loss": 3.0, "matrix": {"yes": {"no": 10.0}, "no": {"yes": 2.0}}}
    spec = model_spec(retraining={"policies": PERFORMANCE, "minimum_labels": 0}, costs=costs)
    before = cost_sum(layout_of(spec, profile_of(spec)), vector(layout_of(spec, profile_of(spec)), "cohort"))
    assert before is not None
    past = history(20, n=200, labelled=150, errors=60.0, costed=100, cost=300.0)
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, past))
    assert trigger.waiting is not None
    assert trigger.waiting.cost_per_day == pytest.approx(200 * (3.0 - before[1] / before[0]))


def test_slices_are_the_segments_that_rose_by_more_than_all_rows_did() -> None:
    spec = spec_of(PERFORMANCE)
    segments = {"region=north": (20, 12.0), "region=south": (20, 5.0), "region=east": (10, 1.0)}
    past = history(20, n=50, errors=18.0, segments=segments)
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, past))
    assert [(one.segment, one.rows) for one in trigger.train_on.slices] == [("region=north", 200)]
    assert "→ 60.00 %" in trigger.train_on.slices[0].reason


def test_a_training_is_a_full_one_and_begins_warm_only_where_somebody_asks_for_it_with_too_few_rows() -> None:
    spec = spec_of(PERFORMANCE, minimum_labels=100)
    assert fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, history(n=10))).how == "full"
    for rows, how in ((99, "warm_start"), (100, "full")):
        one = situation(spec, 20, past=history(1, n=rows))
        trigger = decide_ad_hoc(PolicyState(), one, "c", "because", one.now).trigger
        assert trigger is not None
        assert trigger.how == how


def test_offsets_of_the_window_stand_under_provenance() -> None:
    past = history(20)
    past.cohorts = type(past.cohorts)(
        (
            Cohort(c.start, c.end, c.n, c.labelled, c.loss, {}, {0: {"predictions": (10 * i, 10 * i + 9)}})
            for i, c in enumerate(past.cohorts)
        ),
        maxlen=1_000,
    )
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, past))
    assert trigger.provenance == {"offsets": {"predictions": {"0": [100, 199]}}}


def test_evidence_is_told_as_it_is() -> None:
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10, evidence=np.pi)}))
    (evidence,) = trigger.evidence
    assert (evidence.value, evidence.reference, evidence.n, evidence.alert) == (0.3, 0.1, 500, "alert")
    assert evidence.evidence == pytest.approx(np.pi)


# the dataset that it names


def test_it_names_the_sample_the_holdout_and_the_rows_that_must_be_in() -> None:
    dataset = {
        "sample": "recency",
        "max_rows": 5_000,
        "must_have": [{"where": "income > 100", "at_least": 50}],
        "pinned": ["row 1"],
        "holdout": 0.3,
        "holdout_rows": 900,
    }
    spec = spec_of(PERFORMANCE, dataset=dataset)
    data = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)})).train_on
    assert data.labels_until == from_micros(START + 20 * DAY)
    assert data.sample is not None
    assert (data.sample.method, data.sample.max_rows) == ("recency", 5_000)
    assert data.sample.half_life == 10 * DAY // 4  # a quarter of the window
    assert [(one.where, one.at_least) for one in data.must_have] == [("income > 100", 50)]
    assert data.pinned == ["row 1"]
    assert data.holdout is not None
    assert (data.holdout.share, data.holdout.max_rows) == (0.3, 900)


def test_a_sample_is_drawn_for_each_trigger_and_the_holdout_for_all_of_a_model() -> None:
    def seeds(now: int) -> tuple[int, int]:
        data = fires(PolicyState(), situation(spec_of(PERFORMANCE), now, {OVERALL: episode(10)})).train_on
        assert data.sample is not None
        assert data.holdout is not None
        return data.sample.seed, data.holdout.seed

    assert seeds(20) == seeds(20)
    (first, held_out), (second, held_out_again) = seeds(20), seeds(21)
    assert first != second
    assert held_out == held_out_again  # or what one keeps for its tests the next would train on
    assert all(0 <= seed < 2**32 for seed in seeds(20))


def test_labels_that_were_asked_for_and_did_not_come_are_still_wanted() -> None:
    asked = {START + 12 * DAY: "late", START + 3 * DAY: "too old", START + 15 * DAY: "other"}

    def unanswered(start: int, end: int, most: int) -> list[str]:
        return [name for moment, name in sorted(asked.items()) if start <= moment < end][:most]

    one = situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, unanswered=unanswered)
    assert fires(PolicyState(), one).train_on.wanted_labels == ["late", "other"]


# who could serve instead


def test_older_versions_stay_candidates_with_what_they_lost_when_they_served() -> None:
    segments = {"region=north": (40, 8.0), "region=south": (1, 1.0)}
    others = {
        "1": history(8, errors=10.0, first=-20, segments=segments),
        "2": history(3, errors=2.0, first=-5),
        "4": history(3, errors=2.0, first=15),  # younger than the version at hand
        "5": History(),
    }
    one = situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, version="3", others=others)
    found = fires(PolicyState(), one).candidates
    assert [(each.version, each.rows, each.loss) for each in found] == [("2", 150, 0.04), ("1", 400, 0.2)]
    assert (found[1].first, found[1].last) == (from_micros(START - 20 * DAY), from_micros(START - 12 * DAY))
    assert found[1].segments == {"region=north": 0.2}  # of the other there are eight rows


# how


def how(state: PolicyState | None = None, comparison: dict[str, float] | None = None, **retraining: Any) -> str:
    spec = spec_of(PERFORMANCE, cooldown="1s", **retraining)
    past = history(40)
    one = situation(spec, 40, {OVERALL: episode(10)}, past, comparison=comparison)
    return fires(state or PolicyState(), one).how


def test_a_challenger_that_beats_a_broken_champion_is_no_reason_to_pass_the_trainer_over() -> None:
    better = {"challenger": 0.2, "champion": 0.4, "rows": 1_000.0}
    assert how() == how(comparison=better) == "full"
    assert how(changes(20), better) == "promote_challenger"
    assert how(changes(20), better | {"rows": 100.0}) == "full"  # too few to tell


def changes(*days: int, result: Any = "helped", policy: Any = "performance") -> PolicyState:
    state = PolicyState()
    for number in days:
        state.triggers[f"t{number}"] = Asked("0", policy, "full", START + number * DAY, START, result=result)
    return state


def test_changes_that_come_too_fast_for_a_training_promote_a_challenger_that_is_no_worse() -> None:
    alike = {"challenger": 0.4, "champion": 0.4, "rows": 1_000.0}
    worse = {"challenger": 0.41, "champion": 0.4, "rows": 1_000.0}
    assert how(changes(20), alike) == "promote_challenger"  # this one is the second within 30 days
    assert how(changes(20), worse) == "full"
    assert how(changes(20), None) == "full"
    assert how(changes(5), alike) == "full"  # too long ago
    assert how(changes(20), alike, incremental={"changes": 3}) == "full"
    assert how(changes(15, 20), alike, incremental={"changes": 3}) == "promote_challenger"
    assert how(changes(20, policy="schedule"), alike) == "full"  # a calendar is no change
    assert how(changes(20, result="failed"), alike) == "full"  # the same change again
