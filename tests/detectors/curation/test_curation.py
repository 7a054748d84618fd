"""What a version remembers of its requests: what was asked for, what was answered, and who complained."""

from detectors.curation import curation as module
from detectors.curation.curation import Curation
from detectors.layout import Layout
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from schemas.label_request import LabelRequest

from ..builders import DAY, HOUR, START, LabelledRow, days, layout_of, model_spec, pane_of, profile_of


def plan(task: str = "binary", **label_requests: object) -> Layout:
    spec = model_spec(task, label_requests={"per_pane": 10, "strategies": ["random"]} | label_requests)
    return layout_of(spec, profile_of(model_spec(task)))


def close(curation: Curation, pane: ClosedPane) -> list[LabelRequest]:
    return curation.close(pane, [], LossRows()).requests


def traffic(layout: Layout, day: int = 0) -> tuple[ClosedPane, list[Row]]:
    rows = [row for row, _ in days(layout.spec, 1, first=day)]
    return pane_of(layout, "traffic", [(row, None) for row in rows], START + day * DAY), rows


def test_what_was_asked_for_is_unanswered_until_a_label_comes_newest_first() -> None:
    layout, curation = plan(), Curation()
    requests = []
    for day in range(3):
        requests += close(curation, traffic(layout, day)[0])
    ids = [one.prediction_id for one in sorted(requests, key=lambda one: one.prediction_time, reverse=True)]
    assert curation.unanswered(START, START + 3 * DAY, 1_000) == ids
    assert curation.unanswered(START, START + 3 * DAY, 7) == ids[:7]
    assert len(curation.unanswered(START + DAY, START + 2 * DAY, 1_000)) == 10
    by_id = {row.id: row for row in traffic(layout, 1)[1]}
    answered = [one.prediction_id for one in requests if one.prediction_id in by_id][:4]
    labelled: list[LabelledRow] = [(by_id[id], Label(START + 3 * DAY + HOUR, label="yes")) for id in answered]
    assert close(curation, pane_of(layout, "label", labelled, START + 3 * DAY)) == []
    assert curation.unanswered(START, START + 3 * DAY, 1_000) == [id for id in ids if id not in answered]


def test_a_label_that_is_known_when_the_pane_closes_is_not_asked_for() -> None:
    layout, curation = plan(per_pane=50), Curation()
    pane, rows = traffic(layout)
    labelled: list[LabelledRow] = [(row, Label(row.time + 1, label="yes")) for row in rows[:20]]
    close(curation, pane_of(layout, "label", labelled))
    requests = close(curation, pane)
    assert {one.prediction_id for one in requests} == {row.id for row in rows[20:]}
    assert {one.inclusion_probability for one in requests} == {1.0}, "the draw is all rows; some are known already"


def test_a_label_comes_from_the_pane_of_the_same_time_and_from_no_other() -> None:
    layout, curation = plan(per_pane=50), Curation()
    first, rows = traffic(layout)
    close(curation, pane_of(layout, "label", [(row, Label(row.time + 1, label="yes")) for row in rows]))
    assert close(curation, first) == []
    assert len(close(curation, traffic(layout, 1)[0])) == 50


def complained(layout: Layout, rows: list[Row], day: int, label: str | None = None) -> ClosedPane:
    known = [(row, Label(START + day * DAY + HOUR, label=label, rating=0.1, by_user=True)) for row in rows]
    return pane_of(layout, "label", known, START + day * DAY)


def test_who_complains_of_an_old_row_is_asked_with_the_next_traffic_once() -> None:
    layout, curation = plan(strategies=["errors"], random_share=0.0), Curation()
    old = traffic(layout)[1][:3]
    assert close(curation, complained(layout, old, 2)) == []
    requests = close(curation, traffic(layout, 2)[0])
    assert {one.prediction_id for one in requests if "rated" in (one.detail or "")} == {row.id for row in old}
    assert close(curation, traffic(layout, 3)[0]) == []
    close(curation, complained(layout, old, 4))
    assert close(curation, traffic(layout, 4)[0]) == []


def test_a_complaint_that_says_what_is_right_needs_no_other_label() -> None:
    layout, curation = plan(strategies=["errors"], random_share=0.0), Curation()
    close(curation, complained(layout, traffic(layout)[1][:3], 2, label="yes"))
    assert close(curation, traffic(layout, 2)[0]) == []


def test_a_complaint_of_a_row_past_its_horizon_is_let_go() -> None:
    layout, curation = plan(strategies=["errors"], random_share=0.0), Curation()
    close(curation, complained(layout, traffic(layout)[1][:3], 40))
    assert close(curation, traffic(layout, 40)[0]) == []


def test_a_text_with_a_bad_rating_may_be_asked_for_and_its_rating_is_no_answer() -> None:
    layout, curation = plan("text", strategies=["errors"], random_share=0.0), Curation()
    old = traffic(layout)[1][:2]
    pane = complained(layout, old, 2)
    close(curation, pane)
    ids = {one.prediction_id for one in close(curation, traffic(layout, 2)[0]) if "rated" in (one.detail or "")}
    assert ids == {row.id for row in old}
    rated = [(row, Label(START + 2 * DAY + HOUR, rating=0.1)) for row in old]
    close(curation, pane_of(layout, "cohort", rated))
    assert set(curation.unanswered(START, START + DAY, 10)) == ids


def test_what_another_version_has_asked_for_is_not_asked_for_again() -> None:
    layout, first, shadow = plan(), Curation(), Curation()
    pane, rows = traffic(layout)
    asked = {one.prediction_id for one in close(first, pane)}
    assert len(asked) == 10
    assert shadow.close(pane, [], LossRows(), [first]).requests == [], "the draw is of the same rows"
    cohort = pane_of(layout, "cohort", [(row, None) for row in rows])
    after = shadow.close(cohort, [], LossRows(), [first]).requests
    assert len(after) == 10
    assert not asked & {one.prediction_id for one in after}
    assert {one.inclusion_probability for one in after} == {10 / 40}


def test_what_is_remembered_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "ASKED", 25)
    layout, curation = plan(), Curation()
    for day in range(5):
        close(curation, traffic(layout, day)[0])
    assert len(curation.unanswered(START, START + 5 * DAY, 1_000)) == 25
    assert curation.unanswered(START, START + 2 * DAY, 1_000) == []
