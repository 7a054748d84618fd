"""A part whose start is estimated late has moved with the whole, unless its rows clearly changed after that."""

import pytest

from detectors.history import Cohort, History
from detectors.later_change import changed_later
from detectors.reliability import describe, groups_of

from .builders import DAY, START, layout_of, model_spec, profile_of

SPEC = model_spec(features={"owner": "boolean"}, segments=["owner"])
LAYOUT = layout_of(SPEC, None)
WHOLE = START + 20 * DAY  # all rows changed here
SINCE = START + 30 * DAY  # and here, it is estimated, the segment did


def history_of(before: float, after: float, rows: int = 30, group: str | None = None) -> History:
    """Cohorts of day 10 to 50: a part's error rate from WHOLE to SINCE, and from then on; `rows` a day.

    The part is a segment, or a `group` of scores.
    """
    history = History()
    for day in range(10, 50):
        rate = 0.1 if day < 20 else before if day < 30 else after
        start = START + day * DAY
        part = {group or "owner=true": (rows, rows * rate)}
        segments, hits = ({}, part) if group else (part, {})
        history.cohorts.append(Cohort(start, start + DAY, 100, 100, 20.0, segments, {}, hits=hits))
    return history


@pytest.mark.parametrize(
    ("before", "after", "later"),
    [
        pytest.param(0.3, 0.3, False, id="moved with the whole"),
        pytest.param(0.22, 0.3, False, id="luck between"),
        pytest.param(0.3, 0.5, True, id="rose again"),
        pytest.param(0.1, 0.3, True, id="rose later alone"),
        pytest.param(0.5, 0.3, False, id="came down"),
    ],
)
def test_a_rise_after_the_whole_has_to_be_clear(before: float, after: float, later: bool) -> None:
    assert changed_later(LAYOUT, history_of(before, after), "error_rate", "owner=true", WHOLE, SINCE) is later


def test_few_rows_make_no_rise_clear() -> None:
    assert not changed_later(LAYOUT, history_of(0.1, 0.3, rows=2), "error_rate", "owner=true", WHOLE, SINCE)


@pytest.mark.parametrize(
    ("signal", "segment"),
    [("cost", "owner=true"), ("error_rate", "owner=false"), ("error_rate", "owner=(other or missing)")],
    ids=["another signal", "no rows between", "values that are not looked at by themselves"],
)
def test_what_nothing_is_known_of_is_another_change(signal: str, segment: str) -> None:
    assert changed_later(LAYOUT, history_of(0.3, 0.3), signal, segment, WHOLE, SINCE)


def test_days_that_vary_more_than_chance_make_a_rise_less_clear() -> None:
    steady = profile_of(SPEC)
    varying = steady.model_copy(update={"dispersion": {"loss:owner:1": 4.0}})
    told = [
        changed_later(layout_of(SPEC, profile), history_of(0.2, 0.4), "error_rate", "owner=true", WHOLE, SINCE)
        for profile in (steady, varying)
    ]
    assert told == [True, False]


@pytest.mark.parametrize(
    ("before", "after", "later"),
    [
        pytest.param(0.3, 0.3, False, id="moved with the whole"),
        pytest.param(0.3, 0.5, True, id="rose again"),
        pytest.param(0.5, 0.3, True, id="came down again"),
    ],
)
def test_what_scores_mean_may_have_changed_later_either_way(before: float, after: float, later: bool) -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    group = describe(layout, groups_of(layout)[0])
    history = history_of(before, after, group=group)
    assert changed_later(layout, history, "calibration", group, WHOLE, SINCE) is later
    assert changed_later(layout, history, "calibration", "score=7..8", WHOLE, SINCE)
