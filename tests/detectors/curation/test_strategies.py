"""Each strategy ranks first what it is there for."""

import random
from collections.abc import Callable

import pytest

from detectors.challenger import Challenger
from detectors.challenger import LabelledRow as Learnt
from detectors.curation import disagreement, drifted, errors, rare, rules, uncertainty
from detectors.curation.known import Known, Ranking, by_hash
from detectors.layout import Layout
from detectors.loss_regressor import LossRegressor
from detectors.loss_rows import LossRows
from detectors.row import Label, Row
from detectors.sampled_row import SampledRow

from ..builders import DAY, START, TASKS, days, layout_of, model_spec, pane_of, profile_of


def plan(task: str = "binary", profile: bool = True, **changes: object) -> Layout:
    spec = model_spec(task, **changes)
    return layout_of(spec, profile_of(model_spec(task)) if profile else None)


def rows_of(layout: Layout, count: int = 60, shift: float = 0.0) -> list[Row]:
    return [row for row, _ in days(layout.spec, 1, rows=count, shift=shift)]


def known_of(layout: Layout, rows: list[Row], **more: object) -> Known:
    pane = pane_of(layout, "traffic", [(row, None) for row in rows])
    losses = more.pop("losses", None) or LossRows()
    return Known(pane, by_hash(pane.sample), {}, more.pop("complaints", []), losses, **more)  # type: ignore[arg-type]


def ids(ranking: Ranking) -> list[str]:
    assert ranking.problem is None
    return [choice.sampled.row.id for choice in ranking.choices]


def learnt(layout: Layout, count: int, truth: Callable[[Row], str | float]) -> Challenger:
    spec = layout.spec
    types = {name: feature.type for name, feature in spec.features.items()}
    challenger = Challenger(spec.task, types, positive_label=spec.positive_label)
    rows = [row for row, _ in days(spec, 1, rows=count, seed=9)]
    challenger.test_then_train([Learnt(row.features, truth(row)) for row in rows])
    return challenger


# uncertainty


def test_a_score_is_least_sure_at_the_threshold_of_the_model() -> None:
    layout = plan(threshold=0.7)
    rows = rows_of(layout)
    found = ids(uncertainty.uncertainty(known_of(layout, rows)))
    assert found == [row.id for row in sorted(rows, key=lambda row: abs((row.score or 0) - 0.7))]


def test_classes_are_least_sure_where_the_two_likeliest_are_close() -> None:
    layout = plan("multiclass")
    rows, rng = rows_of(layout), random.Random(1)
    for row in rows[10:]:
        row.extras = (0.5, rng.random())
    found = ids(uncertainty.uncertainty(known_of(layout, rows)))
    assert found == [row.id for row in sorted(rows[10:], key=lambda row: row.extras[-1] or 0)]


def test_a_number_is_least_sure_where_the_challengers_models_are_apart() -> None:
    layout = plan("regression")
    rows = rows_of(layout)
    challenger = learnt(layout, 600, lambda row: float(row.features[0]) * (3 if row.features[1] == "east" else 1))
    found = uncertainty.uncertainty(known_of(layout, rows, challenger=challenger))
    spread = [max(votes) - min(votes) for c in found.choices if (votes := challenger.votes(c.sampled.row.features))]
    assert len(found.choices) == len(rows)
    assert sum(spread[:15]) > 1.5 * sum(spread[-15:])


@pytest.mark.parametrize("task", TASKS)
def test_where_nothing_says_how_sure_a_model_is_nothing_is_ranked_and_the_reason_told(task: str) -> None:
    layout = plan(task)
    rows = rows_of(layout)
    for row in rows:
        row.score, row.extras = None, ()
    ranking = uncertainty.uncertainty(known_of(layout, rows))
    assert ranking.choices == []
    assert ranking.problem


# disagreement


def test_rows_on_which_the_challenger_says_another_class_are_ranked_and_no_others() -> None:
    layout = plan()
    rows = rows_of(layout)
    for row in rows:
        row.label = "yes" if float(row.features[0]) > 100 else "no"
    challenger = learnt(layout, 600, lambda row: "yes" if row.features[1] == "north" else "no")
    found = ids(disagreement.disagreement(known_of(layout, rows, challenger=challenger)))
    assert set(found) == {row.id for row in rows if (row.label == "yes") != (challenger.predict(row.features) == "yes")}
    assert 10 < len(found) < 50


def test_numbers_that_differ_most_are_ranked_first() -> None:
    layout = plan("regression")
    rows = rows_of(layout)
    challenger = learnt(layout, 600, lambda row: 50.0)
    found = ids(disagreement.disagreement(known_of(layout, rows, challenger=challenger)))
    by_id = {row.id: abs((row.value or 0) - challenger.predict(row.features)) for row in rows}
    assert found == sorted(by_id, key=by_id.__getitem__, reverse=True)


@pytest.mark.parametrize("count", [None, 50])
def test_a_challenger_that_has_learnt_little_is_not_asked(count: int | None) -> None:
    layout = plan()
    challenger = None if count is None else learnt(layout, count, lambda row: "yes")
    assert disagreement.disagreement(known_of(layout, rows_of(layout), challenger=challenger)).problem


# drifted


def test_rows_of_the_category_that_rose_most_are_ranked_first() -> None:
    layout = plan()
    rows = rows_of(layout, 400)
    for i, row in enumerate(rows):
        if i % 2:
            row.features[1] = "west"  # unknown before, half of all rows now
    ranking = drifted.drifted(known_of(layout, rows))
    first = ranking.choices[0]
    assert first.sampled.row.features[1] == "west"
    assert first.detail == "region = any other value: 50.0 % of the pane, 0.0 % of the reference"
    assert {choice.sampled.row.features[1] for choice in ranking.choices} == {"west"}


def test_rows_like_the_reference_are_not_drifted_nor_are_values_that_are_missing() -> None:
    layout = plan()
    rows = rows_of(layout, 400)
    assert drifted.drifted(known_of(layout, rows)).problem == drifted.NOT_RISEN
    for row in rows[:200]:
        row.features[1] = None
    ranking = drifted.drifted(known_of(layout, rows))
    assert all(choice.sampled.row.features[1] is not None for choice in ranking.choices)


def test_without_a_reference_nothing_has_drifted() -> None:
    layout = plan(profile=False)
    assert drifted.drifted(known_of(layout, rows_of(layout))).problem == "there is no reference profile"


# rare


def test_rows_of_the_rarest_cell_are_ranked_first() -> None:
    layout = plan()
    rows = rows_of(layout)
    rows[7].features[1] = "west"
    rows[8].features[1] = None
    ranking = rare.rare(known_of(layout, rows))
    assert ids(ranking) == [rows[7].id]
    assert ranking.choices[0].detail == (
        "region = any other value: 0 of 2,000 rows of the reference and of recent labels"
    )


def test_what_has_been_labelled_of_late_is_rare_no_more() -> None:
    layout = plan()
    rows = rows_of(layout)
    rows[7].features[1] = "west"
    labelled = days(layout.spec, 1, rows=300)
    for row, _ in labelled:
        row.features[1] = "west"
    losses = LossRows()
    losses.add(pane_of(layout, "cohort", labelled))
    assert ids(rare.rare(known_of(layout, rows, losses=losses))) == []


# errors


def test_complaints_come_first_and_then_rows_like_those_that_went_wrong() -> None:
    layout = plan()
    labelled = days(layout.spec, 1, rows=400, error=0.05)
    for row, label in labelled:
        if row.features[1] == "east":
            label.label = "no" if row.label == "yes" else "yes"
    losses = LossRows()
    losses.add(pane_of(layout, "cohort", labelled))
    rows = rows_of(layout)
    old = Row(START - DAY, "old", rows[0].features, "yes", 0.9)
    complaint = SampledRow(START, old, Label(START, rating=0.1))
    ranking = errors.errors(known_of(layout, rows, losses=losses, complaints=[complaint]))
    assert ranking.choices[0].sampled is complaint
    assert ranking.choices[0].detail == "rated 0.1, and nobody has said what is right"
    assert {choice.sampled.row.features[1] for choice in ranking.choices[1:]} == {"east"}


def test_of_numbers_the_largest_error_to_expect_comes_first() -> None:
    layout = plan("regression")
    regressor = LossRegressor({name: one.type for name, one in layout.spec.features.items()}, 100.0)
    for row, _ in days(layout.spec, 1, rows=1_500, seed=4):
        regressor.learn(row.features, row.value, 20.0 if row.features[1] == "south" else 1.0)
    ranking = errors.errors(known_of(layout, rows_of(layout), regressor=regressor))
    regions = [choice.sampled.row.features[1] for choice in ranking.choices]
    south = regions.count("south")
    assert regions[:south] == ["south"] * south


def test_before_there_are_labels_or_complaints_nobody_knows_of_errors() -> None:
    layout = plan()
    assert errors.errors(known_of(layout, rows_of(layout))).problem == errors.TOO_FEW


# rules


def test_rules_take_turns() -> None:
    settings = {"rules": [{"name": "a", "when": "income > 0"}, {"name": "b", "when": "income > 118"}]}
    layout = plan(label_requests=settings)
    sampled = [SampledRow(row.time, row) for row in rows_of(layout, 6)]
    pane = pane_of(layout, "traffic", [])
    known = Known(pane, [], {"a": sampled[:4], "b": sampled[4:]}, [], LossRows())
    assert [name for name, _ in rules.rules(known)] == ["a", "b", "a", "b", "a", "a"]
