"""What is enough for a reference of a version's own, and what of its panes is no part of it."""

from dataclasses import replace

import pytest

from detectors.own_reference import OwnReference, unpacked_profile
from detectors.pane import ClosedPane
from detectors.situation import Broken
from detectors.tried_panes import KEPT
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

from .builders import DAY, HOUR, START, LabelledRow, days, layout_of, model_spec, panes_of, profile_of


def panes(spec: ModelSpec, rows: list[LabelledRow]) -> list[ClosedPane]:
    return panes_of(layout_of(spec, profile_of(spec), "2"), rows)


def gathered(closed: list[ClosedPane], broken: tuple[Broken, ...] = (), since: int = START) -> OwnReference:
    own = OwnReference(closed[0].layout, since)
    for pane in closed:
        own.take(pane, broken)
    return own


def adopted(own: OwnReference, layout: object) -> ReferenceProfile:
    assert own.adopt(layout, [])  # type: ignore[arg-type]
    assert own.adopted is not None
    return unpacked_profile(own.adopted)


@pytest.mark.parametrize(("count", "enough"), [(29, False), (31, True)])  # the first label pane comes a day later
def test_it_takes_thirty_panes(count: int, enough: bool) -> None:
    closed = panes(model_spec(), days(model_spec(), count))
    assert gathered(closed).adopt(closed[0].layout, []) == enough


@pytest.mark.parametrize(("hours", "enough"), [(100, False), (168, True)])
def test_it_takes_a_week_of_short_panes_too(hours: int, enough: bool) -> None:
    spec = model_spec(pane="1h", label_maturity="1d")
    rows = [each for each in days(spec, 7, rows=24 * 6) if each[0].time < START + hours * HOUR]
    closed = panes(spec, rows)
    own = gathered(closed)
    assert own.adopt(closed[0].layout, []) == enough
    if enough:
        assert own.adopted is not None
        profile = unpacked_profile(own.adopted)
        assert (profile.panes, profile.rows, profile.labelled) == (168, 7 * 144, 7 * 144)  # all, though 60 are kept
        assert profile.counts["traffic"]["n"] == [7 * 144]


def test_what_the_old_reference_can_judge_and_this_could_not_makes_it_wait() -> None:
    spec = model_spec(segments=["region"])
    rows = days(spec, KEPT)
    for row, _ in rows:
        day = (row.time - START) // DAY
        row.features[1] = "east" if day % 3 == 0 else "north"  # the reference has both on each day
    few = [each for each in rows if each[0].time < START + 40 * DAY]
    assert not gathered(panes(spec, few)).adopt(panes(spec, few)[0].layout, [])
    closed = panes(spec, rows)
    cell = closed[0].layout.codes["region"]["east"]
    assert adopted(gathered(closed), closed[0].layout).few_panes[f"loss:region:{cell}"] == KEPT // 3


def test_panes_that_cannot_be_judged_are_no_part_of_it() -> None:
    spec = model_spec()
    closed = panes(spec, days(spec, 40))
    spoilt = [replace(pane, mismatched=1 if START + 5 * DAY <= pane.start < START + 9 * DAY else 0) for pane in closed]
    profile = adopted(gathered(spoilt), closed[0].layout)
    assert (profile.panes, profile.labelled) == (36, 36 * 50)


def test_cohorts_with_too_few_labels_are_no_part_of_it() -> None:
    spec = model_spec()
    rows = [(row, None if START <= row.time < START + 8 * DAY else label) for row, label in days(spec, 40)]
    profile = adopted(gathered(panes(spec, rows)), panes(spec, rows)[0].layout)
    assert profile.labelled == 32 * 50


def test_broken_data_is_no_part_of_it_whenever_that_is_found_out() -> None:
    spec = model_spec()
    closed = panes(spec, days(spec, 50))
    broken = [Broken(START + 10 * DAY, START + 15 * DAY)]
    own = gathered(closed)
    assert own.adopt(closed[0].layout, broken)
    assert own.adopted is not None
    profile = unpacked_profile(own.adopted)
    assert profile.labelled == 45 * 50
    rows = len(bytes.fromhex(profile.sample["income"]))  # of 2,000 of all 2,500 rows, those of the 45 days
    assert 1_740 < rows < 1_860


def test_what_came_before_the_trial_is_no_part_of_it() -> None:
    spec = model_spec()
    closed = panes(spec, days(spec, 40))
    profile = adopted(gathered(closed, since=START + 5 * DAY), closed[0].layout)
    assert profile.labelled == 35 * 50


def test_traffic_that_no_cohort_has_judged_yet_is_no_part_of_it() -> None:
    spec = model_spec(label_maturity="6d")
    closed = [pane for pane in panes(spec, days(spec, 45)) if pane.due <= START + 45 * DAY]
    profile = adopted(gathered(closed), closed[0].layout)
    assert (profile.panes, profile.labelled) == (39, 39 * 50)


def test_scores_are_calibrated_by_its_own_labels() -> None:
    spec = model_spec()
    closed = panes(spec, days(spec, 40, error=0.4))
    profile, before = adopted(gathered(closed), closed[0].layout), profile_of(spec)
    assert len(profile.calibration) == len(before.calibration)
    assert profile.calibration == sorted(profile.calibration)
    assert profile.calibration[-1] < before.calibration[-1]
