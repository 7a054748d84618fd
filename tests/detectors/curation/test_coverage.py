"""Too few labels ask for more: of a uniform sample, capped, with the probability that they were drawn with."""

import collections

import pytest

from detectors.curation.curation import Curation
from detectors.id_hash import id_hash
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from schemas.event_time import from_micros
from schemas.label_request import LabelRequest

from ..builders import DAY, START, LabelledRow, days, layout_of, model_spec, pane_of, profile_of


def cohort(n: int = 100, labelled: int = 0, first: int = 0, **changes: object):
    spec = model_spec(**changes)
    rows: list[LabelledRow] = list(days(spec, 1, rows=n, first=first))
    rows = [(row, label if i < labelled else None) for i, (row, label) in enumerate(rows)]
    return pane_of(layout_of(spec, profile_of(model_spec())), "cohort", rows, START + first * DAY)


def label_requests(pane: ClosedPane, curation: Curation | None = None) -> list[LabelRequest]:
    return (curation or Curation()).close(pane, [], LossRows()).requests


@pytest.mark.parametrize(("labelled", "asked"), [(0, 20), (49, 20), (50, 0), (100, 0)])
def test_only_a_cohort_with_too_few_labels_asks(labelled: int, asked: int) -> None:
    assert len(label_requests(cohort(labelled=labelled))) == asked


@pytest.mark.parametrize(("per_pane", "asked"), [(0, 0), (7, 7), (500, 90)])
def test_requests_are_capped(per_pane: int, asked: int) -> None:
    requests = label_requests(cohort(labelled=10, label_requests={"per_pane": per_pane}))
    assert len(requests) == asked


def test_those_with_the_smallest_hashes_are_asked_for_and_none_that_is_known() -> None:
    pane = cohort(labelled=30, label_requests={"per_pane": 10})
    waiting = sorted((s.row.id for s in pane.sample if s.label is None), key=id_hash)
    assert [request.prediction_id for request in label_requests(pane)] == waiting[:10]


def test_the_probability_is_that_of_being_drawn() -> None:
    # of 70 rows without a label, 14 are asked for
    requests = label_requests(cohort(labelled=30, label_requests={"per_pane": 14}))
    assert {request.inclusion_probability for request in requests} == {14 / 70}


def test_the_probability_counts_rows_beyond_the_sample() -> None:
    requests = label_requests(cohort(n=400, labelled=100, sample=50, label_requests={"per_pane": 15}))
    assert {request.inclusion_probability for request in requests} == {15 / 300}


def test_every_row_is_as_likely_as_the_others() -> None:
    """Weighted back, requests estimate what they were drawn from: rows by hour of the day."""
    totals: collections.Counter[bool] = collections.Counter()
    for day in range(150):
        for request in label_requests(cohort(n=60, labelled=20, first=day, label_requests={"per_pane": 10})):
            totals[int(request.prediction_id.split("-")[1]) < 40] += 1 / request.inclusion_probability
    # 20 of the 40 that wait are of the first two thirds of the day
    assert totals[True] / 150 == pytest.approx(20, rel=0.1)
    assert totals[False] / 150 == pytest.approx(20, rel=0.1)


def test_a_label_that_would_come_too_late_is_not_asked_for() -> None:
    assert label_requests(cohort(label_maturity=None)) == []  # judged when the horizon has passed
    partly = label_requests(cohort(n=100, label_horizon="60h", label_maturity="48h", label_requests={"per_pane": 10}))
    # judged 72 h after the day began: the 49 rows of after noon can still be answered
    assert {request.inclusion_probability for request in partly} == {10 / 49}
    assert all(int(request.prediction_id.split("-")[1]) > 50 for request in partly)
    assert all(request.deadline > request.time for request in partly)


def test_a_request_shows_what_a_person_needs() -> None:
    pane = cohort(labelled=0, label_requests={"per_pane": 1})
    (request,) = label_requests(pane)
    row = next(s.row for s in pane.sample if s.row.id == request.prediction_id)
    assert request.features == dict(zip(pane.layout.spec.features, row.features, strict=True))
    assert request.output == {"label": row.label, "score": row.score}
    assert request.time == from_micros(pane.due)
    assert request.deadline == from_micros(row.time + 30 * DAY)
    assert label_requests(pane) == [request]


def test_where_losses_are_not_counted_nothing_is_asked_for() -> None:
    spec = model_spec("regression")
    assert label_requests(pane_of(layout_of(spec, None), "cohort", days(spec, 1))) == []


def test_an_empty_cohort_asks_for_nothing() -> None:
    assert label_requests(cohort(n=1, label_requests={"per_pane": 5})) != []
    spec = model_spec()
    assert label_requests(pane_of(layout_of(spec, None), "cohort", [])) == []


def test_a_cohort_asks_for_none_that_was_asked_for_before_and_draws_from_the_others() -> None:
    settings = {"per_pane": 10, "strategies": ["random"]}
    spec = model_spec(label_requests=settings)
    rows: list[LabelledRow] = [(row, None) for row, _ in days(spec, 1, rows=100)]
    curation = Curation()
    layout = layout_of(spec, profile_of(model_spec()))
    before = label_requests(pane_of(layout, "traffic", rows), curation)
    after = label_requests(pane_of(layout, "cohort", rows), curation)
    assert len(before) == len(after) == 10
    assert not {one.id for one in before} & {one.id for one in after}
    assert {one.reason for one in after} == {"coverage"}
    assert {one.inclusion_probability for one in after} == {10 / 90}
    assert {one.detail for one in after} == {"0 of the 100 rows of its pane have a label; 50% are needed"}
