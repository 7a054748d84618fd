"""The history adds up cohorts by segment and by offset."""

import pytest

from detectors.history import CAPACITY, Cohort, History, offset_ranges, segment_means

from .builders import DAY, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of


def cohort(day: int, **fields: object) -> Cohort:
    given = {"n": 10, "labelled": 8, "loss": 2.0, "segments": {}, "offsets": {}} | fields
    return Cohort(START + day * DAY, START + (day + 1) * DAY, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_it_holds_losses_in_their_unit_by_segment(task: str) -> None:
    spec = model_spec(task, segments=["region"])
    layout = layout_of(spec, profile_of(spec))
    pane = pane_of(layout, "cohort", [(r, label if i % 2 else None) for i, (r, label) in enumerate(days(spec, 1))])
    history = History()
    history.add(pane)
    (found,) = history.cohorts
    losses = {row.row.id: min(row.loss, layout.loss_scale) for row in pane.sample if row.loss is not None}
    assert (found.n, found.labelled) == (50, 25)
    assert found.loss == pytest.approx(sum(losses.values()), abs=1e-5)
    for name, (n, loss) in found.segments.items():
        mine = [row.row.id for row in pane.sample if f"region={row.row.features[1]}" == name and row.label is not None]
        assert n == len(mine)
        assert loss == pytest.approx(sum(losses[name] for name in mine), abs=1e-5)
    assert sum(n for n, _ in found.segments.values()) == 25


def test_a_moment_within_a_cohort_has_the_whole_cohort_after_it() -> None:
    history = History()
    history.cohorts.extend(cohort(day) for day in range(5))
    assert [c.start for c in history.since(START + 3 * DAY + 1)] == [START + 3 * DAY, START + 4 * DAY]
    assert [c.start for c in history.since(START + 3 * DAY)] == [START + 3 * DAY, START + 4 * DAY]


def test_means_are_weighed_by_rows() -> None:
    cohorts = [cohort(0, segments={"a": (10, 1.0), "b": (0, 0.0)}), cohort(1, segments={"a": (30, 7.0)})]
    assert segment_means(cohorts) == {"a": (40, 0.2)}


def test_ranges_of_offsets_span_all_cohorts() -> None:
    cohorts = [
        cohort(0, offsets={0: {"predictions": (3, 9)}, 1: {"predictions": (0, 4)}}),
        cohort(1, offsets={0: {"predictions": (1, 5), "feedback": (7, 7)}}),
    ]
    assert offset_ranges(cohorts) == {"predictions": {"0": [1, 9], "1": [0, 4]}, "feedback": {"0": [7, 7]}}


def test_it_forgets_the_oldest() -> None:
    layout, history = layout_of(model_spec(features={"owner": "boolean"}), None), History()
    for day in range(CAPACITY + 5):
        history.add(blank_pane(layout, "cohort", day))
    assert len(history.cohorts) == CAPACITY
    assert history.cohorts[0].start == START + 5 * DAY
