"""Outcomes of triggers, against numbers that one can compute by hand."""

from typing import Any

import pytest

from detectors.history import Cohort, History
from detectors.policies.yardstick import yardstick_of
from detectors.rollout import Change, Dropped, RolloutState
from detectors.trigger_outcomes import REMEMBERED, OutcomeState, TriggerOutcomes
from schemas.event_time import from_micros
from schemas.serving import Serving
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger, TrainingData, Window
from schemas.trigger_outcome import TriggerOutcome

from .builders import DAY, START, layouts_of, model_spec, profile_of

SPEC = model_spec(
    costs={"loss": 2.0, "retraining": 300.0},
    retraining={"rollout": {"stage_labels": 200, "guard_labels": 600}, "answer_within": "14d"},
)
CHANGE, ASKED = START + 10 * DAY, START + 20 * DAY


def cohort(day: int, rows: int, errors: int) -> Cohort:
    start = START + day * DAY
    return Cohort(start, start + DAY, rows, rows, float(errors), {}, {}, squares=float(errors))


def history(*cohorts: Cohort) -> History:
    found = History()
    found.cohorts.extend(cohorts)
    return found


def trigger(id_: str = "t", version: str = "1") -> RetrainingTrigger:
    window = Window(start=from_micros(CHANGE), end=from_micros(ASKED))
    return RetrainingTrigger(
        id=id_,
        model="m",
        version=version,
        policy="cost",
        time=from_micros(ASKED),
        since=from_micros(CHANGE),
        reason="It costs.",
        train_on=TrainingData(window=window, labelled_rows=1_000),
        how="full",
    )


class Graded:
    """Outcomes of one trigger over histories that a test writes."""

    def __init__(self, spec: ModelSpec = SPEC, **histories: History) -> None:
        self.histories = {name.removeprefix("v"): each for name, each in histories.items()}
        layouts = layouts_of(spec, profile_of(SPEC))
        self.measure = yardstick_of(layouts.of("m", "1"), 0.95)

        def past(version: str) -> Any:
            return (self.histories[version], layouts.of("m", version)) if version in self.histories else None

        self.outcomes = TriggerOutcomes("m", spec, past)
        self.state, self.rollout = OutcomeState(), RolloutState()
        self.outcomes.asked(self.state, trigger(), ASKED)

    def finished(self, passed: bool = True) -> list[TriggerOutcome]:
        return self.outcomes.finished(self.state, "t", "2", ASKED + DAY, passed=passed, reason="")

    def judged(self, day: float) -> list[TriggerOutcome]:
        return self.outcomes.judged(self.state, self.rollout, START + int(day * DAY))


def old() -> History:
    """10 % before the change, 30 % from day 10 to day 19."""
    return history(*(cohort(d, 100, 10) for d in range(10)), *(cohort(d, 100, 30) for d in range(10, 20)))


def test_held_against_the_old_version_before_where_it_went_silent() -> None:
    graded = Graded(v1=old(), v2=history(*(cohort(d, 100, 10) for d in range(21, 25))))
    graded.finished()
    (outcome,) = graded.judged(25)
    assert (outcome.status, outcome.version, outcome.new_version) == ("helped", "1", "2")
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before.rows, outcome.before.loss) == (1_000, pytest.approx(0.3))
    assert (outcome.after.rows, outcome.after.loss) == (400, pytest.approx(0.1))
    assert outcome.without is not None  # labels mature in two days: on day 20, days 18 and 19 were not judged yet
    assert (outcome.without.rows, outcome.without.loss) == (200, pytest.approx(0.3))
    assert outcome.difference == pytest.approx(-0.2)
    assert outcome.served_rows == 400
    assert outcome.saved == pytest.approx(0.2 * 400 * 2.0)
    assert outcome.retraining_cost == 300.0
    assert not outcome.price_assumed
    assert outcome.regret == pytest.approx(300 - 160)
    # two rows are added to each, one right and one wrong; phi widens what lies in other panes
    p, q, phi = 61 / 202, 41 / 402, graded.measure.dispersion
    half = 1.959964 * (phi * (p * (1 - p) / 202 + q * (1 - q) / 402)) ** 0.5
    assert outcome.difference_low == pytest.approx(q - p - half)
    assert outcome.difference_high == pytest.approx(q - p + half)


def test_a_window_that_was_chosen_for_being_bad_does_not_make_a_retraining_look_good() -> None:
    """Chance had raised the trigger: what came next is as before, with either version."""
    bad = history(*(cohort(d, 100, 10) for d in range(10)), *(cohort(d, 100, 20) for d in range(10, 18)))
    bad.cohorts.extend(cohort(d, 100, 10) for d in range(18, 21))
    graded = Graded(v1=bad, v2=history(*(cohort(d, 100, 10) for d in range(21, 25))))
    graded.finished()
    (outcome,) = graded.judged(25)
    assert outcome.status == "no_difference"
    assert outcome.before is not None
    assert outcome.before.loss > 0.17
    assert outcome.difference == pytest.approx(0.0)


def test_with_too_few_labels_after_the_decision_what_it_rests_on_has_to_do() -> None:
    few = history(*(cohort(d, 100, 30) for d in range(10, 18)), cohort(19, 50, 5))
    graded = Graded(v1=few, v2=history(*(cohort(d, 100, 10) for d in range(21, 25))))
    graded.finished()
    (outcome,) = graded.judged(25)
    assert (outcome.status, outcome.without) == ("helped", None)
    assert "since the change and before the trigger" in outcome.reason


def test_held_against_the_old_version_in_the_same_panes_where_it_went_on() -> None:
    """The world has become easier by day 21: against before, the new version would seem to have helped."""
    went_on = history(*old().cohorts, *(cohort(d, 100, 10) for d in range(20, 26)))
    graded = Graded(v1=went_on, v2=history(*(cohort(d, 100, 10) for d in range(21, 24))))
    graded.finished()
    (outcome,) = graded.judged(25)
    assert outcome.status == "no_difference"
    assert outcome.without is not None
    assert (outcome.without.rows, outcome.without.loss) == (300, pytest.approx(0.1))
    assert outcome.difference == pytest.approx(0.0)


def test_what_predicts_beside_the_old_version_has_saved_nothing_before_somebody_says_that_it_serves() -> None:
    went_on = history(*old().cohorts, *(cohort(d, 100, 30) for d in range(20, 30)))
    graded = Graded(v1=went_on, v2=history(*(cohort(d, 100, 10) for d in range(21, 24))))
    graded.finished()
    (outcome,) = graded.judged(25)
    assert (outcome.status, outcome.served_rows, outcome.saved, outcome.regret) == ("helped", 0, None, None)
    graded.outcomes.changed(graded.state, Change(serving("full", "2", None, 1)), START + 24 * DAY)
    graded.histories["2"].cohorts.extend(cohort(d, 100, 10) for d in range(24, 27))
    (outcome,) = graded.judged(28)
    assert outcome.served_rows == 300
    assert outcome.regret == pytest.approx(300 - 0.2 * 300 * 2.0)


def test_a_canary_that_grew_into_hard_panes_is_not_called_worse_for_that() -> None:
    """Both versions err alike: on 10 % of the rows of easy panes, on 30 % of those of hard ones."""
    easy, hard = range(20, 24), range(24, 28)
    went_on = history(*old().cohorts, *(cohort(d, 900, 90) for d in easy), *(cohort(d, 500, 150) for d in hard))
    graded = Graded(v1=went_on, v2=history(*(cohort(d, 100, 10) for d in easy), *(cohort(d, 500, 150) for d in hard)))
    graded.finished()
    graded.outcomes.changed(graded.state, Change(serving("canary", "1", "2", 1)), START + 20 * DAY)
    (outcome,) = graded.judged(29)
    assert outcome.status == "no_difference"
    assert outcome.difference == pytest.approx(0.0)
    assert outcome.saved == pytest.approx(0.0)


def test_differences_that_vary_from_pane_to_pane_settle_nothing() -> None:
    """The new version is better on some days and worse on others, by far more than rows alone let it."""
    days = range(20, 32)  # of which the first was over before the version was reported
    errors = [10, 60, 50, 10, 60, 10, 10, 60, 10, 10, 60, 10]
    went_on = history(*old().cohorts, *(cohort(d, 100, 40) for d in days))
    graded = Graded(v1=went_on, v2=history(*(cohort(d, 100, n) for d, n in zip(days, errors, strict=True))))
    graded.finished()
    outcome = graded.judged(33)[-1]
    assert outcome.difference == pytest.approx(sum(errors[1:]) / 1_100 - 0.4)
    assert outcome.difference < -0.06
    assert outcome.status == "no_difference"


def test_told_at_stage_labels_and_again_at_guard_labels_with_the_same_id() -> None:
    graded = Graded(v1=old(), v2=history(cohort(21, 150, 60)))
    graded.finished()
    assert graded.judged(24) == []
    graded.histories["2"].cohorts.append(cohort(22, 150, 60))
    (first,) = graded.judged(25)
    assert first.status == "worse"
    assert graded.judged(25.5) == []
    graded.histories["2"].cohorts.append(cohort(23, 150, 20))
    assert graded.judged(26) == []
    graded.histories["2"].cohorts.append(cohort(24, 150, 20))
    (last,) = graded.judged(27)
    assert last.id == first.id
    assert last.after is not None
    assert (last.after.rows, last.after.loss) == (600, pytest.approx(160 / 600))
    assert last.status == "no_difference"
    assert graded.state.triggers == {}
    assert graded.state.settled == {"no_difference": 1}


def test_nobody_answers_and_then_somebody_does() -> None:
    graded = Graded(v1=old())
    assert graded.judged(34) == []
    (outcome,) = graded.judged(35)
    assert (outcome.status, outcome.retraining_cost) == ("unanswered", 0.0)
    assert "within 14d" in outcome.reason
    assert graded.judged(36) == []
    graded.finished()
    graded.histories["2"] = history(*(cohort(d, 100, 10) for d in range(36, 40)))
    (better,) = graded.judged(42)
    assert (better.status, better.id) == ("helped", outcome.id)


def test_taken_up_and_never_heard_of_again() -> None:
    graded = Graded(v1=old())
    graded.outcomes.started(graded.state, "t", START + 30 * DAY)
    assert graded.judged(35) == []
    (outcome,) = graded.judged(45)
    assert (outcome.status, outcome.retraining_cost) == ("failed", 300.0)


def test_failed_and_refused_by_the_checks() -> None:
    graded = Graded(v1=old())
    (outcome,) = graded.outcomes.failed(graded.state, "t", ASKED + DAY, "no memory")
    assert (outcome.status, outcome.reason) == ("failed", "No new version came of it: no memory.")
    assert graded.judged(60) == []
    graded = Graded(v1=old())
    (outcome,) = graded.finished(passed=False)
    assert (outcome.status, outcome.new_version) == ("refused", "2")
    assert graded.outcomes.failed(graded.state, "of nobody", ASKED, "") == []


def test_a_new_version_that_never_predicts() -> None:
    graded = Graded(v1=old())
    graded.finished()
    assert graded.judged(36) == []  # maturity is two days
    (outcome,) = graded.judged(38)
    assert (outcome.status, outcome.reason) == ("unanswered", "Version 2 has not predicted.")


def serving(stage: str, version: str, candidate: str | None, number: int) -> Serving:
    return Serving.model_validate(
        {"id": f"{number}", "number": number, "model": "m", "version": version, "candidate": candidate, "stage": stage}
        | {"share": 0.1 if stage == "canary" else 0.0, "time": from_micros(ASKED), "reason": "So.", "trigger": "t"}
    )


def test_what_is_in_shadow_has_saved_nothing_and_a_canary_has() -> None:
    graded = Graded(v1=old(), v2=history(*(cohort(d, 100, 10) for d in range(21, 24))))
    graded.finished()
    graded.outcomes.changed(graded.state, Change(serving("shadow", "1", "2", 1)), START + 21 * DAY)
    (outcome,) = graded.judged(25)
    assert (outcome.status, outcome.served_rows, outcome.saved, outcome.regret) == ("helped", 0, None, None)
    graded.outcomes.changed(graded.state, Change(serving("canary", "1", "2", 2)), START + 24 * DAY)
    graded.histories["2"].cohorts.extend(cohort(d, 100, 10) for d in range(24, 27))
    (outcome,) = graded.judged(28)
    assert outcome.served_rows == 300
    assert outcome.saved == pytest.approx(0.2 * 300 * 2.0)


def test_an_outcome_of_the_shadow_is_not_the_last_word_on_what_was_saved() -> None:
    went_on = history(*old().cohorts, *(cohort(d, 100, 30) for d in range(20, 28)))
    graded = Graded(v1=went_on, v2=history(*(cohort(d, 100, 10) for d in range(21, 28))))
    graded.finished()
    graded.outcomes.changed(graded.state, Change(serving("shadow", "1", "2", 1)), START + 21 * DAY)
    (outcome,) = graded.judged(28)  # 700 labels, and 600 are enough
    assert (outcome.served_rows, outcome.saved) == (0, None)
    graded.outcomes.changed(graded.state, Change(serving("full", "2", None, 2)), START + 28 * DAY)
    graded.histories["2"].cohorts.extend(cohort(d, 100, 10) for d in range(28, 33))
    assert graded.judged(33) == []
    graded.histories["2"].cohorts.append(cohort(33, 100, 10))
    (last,) = graded.judged(34)
    assert (last.id, last.served_rows) == (outcome.id, 600)
    assert last.saved == pytest.approx(0.2 * 600 * 2.0)
    assert graded.state.settled == {"helped": 1}


def test_rolled_back_it_is_refused_with_what_is_known() -> None:
    went_on = history(*old().cohorts, *(cohort(d, 100, 10) for d in range(20, 26)))
    graded = Graded(v1=went_on, v2=history(cohort(21, 90, 45)))
    graded.finished()
    dropped = Dropped("2", "t", "version 2 was rolled back: too many errors")
    (outcome,) = graded.outcomes.changed(
        graded.state,
        Change(serving("full", "1", None, 3).model_copy(update={"trigger": None}), dropped),
        START + 23 * DAY,
    )
    assert (outcome.status, outcome.reason) == ("refused", "Version 2 was rolled back: too many errors.")
    assert outcome.after is not None
    assert outcome.after.rows == 90
    assert outcome.difference == pytest.approx(0.4)
    assert graded.judged(60) == []


def test_a_matrix_of_costs_is_what_is_compared_where_there_is_one() -> None:
    spec = model_spec(
        costs={"matrix": {"yes": {"no": 10}, "no": {"yes": 1}}, "retraining": 50},
        retraining={"rollout": {"stage_labels": 200, "guard_labels": 600}},
    )
    dear = [Cohort(START + d * DAY, START + (d + 1) * DAY, 100, 100, 20.0, {}, {}, 100, 110.0) for d in range(10, 20)]
    cheap = [Cohort(START + d * DAY, START + (d + 1) * DAY, 100, 100, 20.0, {}, {}, 100, 20.0) for d in range(21, 25)]
    graded = Graded(spec, v1=history(*dear), v2=history(*cheap))
    graded.finished()
    (outcome,) = graded.judged(25)
    assert outcome.before is not None
    assert outcome.before.loss == pytest.approx(1.1)
    assert outcome.saved == pytest.approx(0.9 * 400)
    assert outcome.regret == pytest.approx(50 - 360)


def test_the_oldest_triggers_make_room() -> None:
    graded = Graded(v1=old())
    for number in range(REMEMBERED + 5):
        graded.outcomes.asked(graded.state, trigger(f"t{number}"), ASKED)
    assert len(graded.state.triggers) == REMEMBERED
    assert graded.state.open == REMEMBERED
