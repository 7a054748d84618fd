"""What an alert says: what moved, how much, since when, where, and what moved along."""

from typing import Any

import pytest

from detectors.alerting import ALONG, Known, alert_of
from detectors.episodes import Episode, EpisodeKey, update
from detectors.history import History
from detectors.incidents import Incident, take
from detectors.loss_rows import LossRows
from detectors.signals.signal import Finding, Firing
from schemas.alert import Alert, Reason
from schemas.event_time import from_micros
from schemas.reading import Family, Reading

from .builders import DAY, START, blank_pane, layout_of, model_spec, profile_of
from .test_slices import CHANGE, LAYOUT, SEGMENTED, kept

PLAIN = layout_of(model_spec(features={"owner": "boolean"}), None)
REASON = Reason(feature="income", reference=0.6, value=-0.1, low=-0.2, high=0.0, n=800, description="income: moved")


def finding(signal: str = "error_rate", **changes: Any) -> Finding:
    given: dict[str, Any] = {"severity": "alarm", "tier": "performance", "low": None, "high": None} | changes
    reading = Reading(
        signal=signal,
        tier=given["tier"],
        feature=given.get("feature"),
        segment=given.get("segment"),
        detector="e_detector",
        value=0.4,
        n=50,
        status="alarm",
        evidence=given.get("evidence", 2.0),
    )
    ends = {
        name: None if given[end] is None else CHANGE + given[end] * DAY
        for name, end in (("since_low", "low"), ("since_high", "high"))
    }
    return Finding(reading, Firing(given["severity"], CHANGE, signal.replace("_", " "), 0.4, 200, 0.1, **ends))


class Story:
    """Alerts of panes, one after the other."""

    def __init__(
        self, layout: Any = PLAIN, losses: LossRows | None = None, reasons: list[Reason] | None = None
    ) -> None:
        self.layout = layout
        self.known = Known(History(), {}, losses or LossRows(), reasons or [])
        self.episodes: dict[EpisodeKey, Episode] = {}
        self.incidents: list[Incident] = []

    def close(self, day: int, *findings: Finding, family: Family = "cohort") -> list[Alert]:
        pane = blank_pane(self.layout, family, day)
        changes = [change for one in findings if (change := update(self.episodes, one, pane)) is not None]
        told, _ = take(self.incidents, changes, pane, self.known.history)
        return [alert_of(each, pane, self.known) for each in told]


@pytest.mark.parametrize(("low", "high", "said"), [(-2, 1, True), (0, 1, False), (None, None, False)])
def test_the_interval_of_the_start_is_said_where_it_is_wider_than_a_pane(
    low: int | None, high: int | None, said: bool
) -> None:
    (alert,) = Story().close(12, finding(low=low, high=high))
    assert ("95 %" in alert.summary) is said
    assert alert.since == from_micros(CHANGE)
    assert alert.since_low == (None if low is None else from_micros(CHANGE + low * DAY))
    assert alert.since_high == (None if high is None else from_micros(CHANGE + high * DAY))
    if said:
        assert "(95 %: 2019-04-22T00:00:00Z to 2019-04-25T00:00:00Z)" in alert.summary


def test_what_moved_along_is_named_with_its_values_those_of_most_worth_first() -> None:
    drift = finding("feature_drift", feature="owner", tier="drift", severity="notice")
    (alert,) = Story().close(12, drift, finding("missing", tier="quality"), finding())
    assert alert.signal == "error_rate"
    assert [(each.signal, each.feature) for each in alert.along] == [("missing", None), ("feature_drift", "owner")]
    assert (alert.along[0].value, alert.along[0].reference, alert.along[0].n) == (0.4, 0.1, 200)
    assert alert.summary.endswith("; 2 other signals moved along.")


def test_of_very_many_that_moved_along_some_are_named_and_all_counted() -> None:
    (alert,) = Story().close(12, finding(evidence=99.0), *(finding(f"signal_{i}") for i in range(67)))
    assert len(alert.along) == ALONG
    assert alert.along_more == 67 - ALONG
    assert "; 67 other signals moved along" in alert.summary


def test_an_alarm_of_performance_says_in_which_slice() -> None:
    losses = kept(lambda features: 0.5 if features[2] == "north" else 0.1)
    (alert,) = Story(LAYOUT, losses).close(16, finding())
    assert alert.slice is not None
    assert alert.slice.conditions == ["region = north"]
    assert "most of it where region = north: " in alert.summary
    (segment,) = Story(LAYOUT, losses).close(16, finding(segment="region=north"))
    assert segment.slice == alert.slice
    assert "most of it" not in segment.summary  # the sentence is about that slice already
    (notice,) = Story(LAYOUT, losses).close(16, finding(severity="notice"))
    assert notice.slice is None


def test_an_alarm_of_a_segment_that_is_not_the_whole_rise_looks_within_it() -> None:
    layout = layout_of(SEGMENTED, profile_of(SEGMENTED))
    (spread,) = Story(layout, kept(lambda _: 0.4)).close(16, finding(segment="region=north"))
    assert spread.slice is not None
    assert spread.slice.description.startswith("within region=north: spread over all its rows")
    assert "spread" not in spread.summary
    (part,) = Story(layout, kept(lambda features: 0.7 if features[3] else 0.1)).close(
        16, finding(segment="region=north")
    )
    assert "most of it where owner = true: " in part.summary
    assert "of the labelled rows of region=north" in part.summary


def test_a_rise_of_all_rows_is_said_in_the_record_and_not_in_the_sentence() -> None:
    (alert,) = Story(LAYOUT, kept(lambda _: 0.4)).close(16, finding())
    assert alert.slice is not None
    assert alert.slice.conditions == []
    assert "spread" not in alert.summary


@pytest.mark.parametrize(("tier", "named"), [("performance", True), ("drift", True), ("quality", False)])
def test_reasons_stand_in_alerts_of_performance_and_drift(tier: str, named: bool) -> None:
    (alert,) = Story(reasons=[REASON]).close(12, finding(tier=tier))
    assert bool(alert.reasons) is named


def test_the_end_names_what_is_back_and_when() -> None:
    story = Story()
    (first,) = story.close(12, finding(), finding("segment_loss", evidence=1.0))
    ended = [
        Finding(
            Reading(signal=name, tier="performance", detector="e_detector", value=0.12, n=50, status="ok"),
            recovered=True,
        )
        for name in ("error_rate", "segment_loss")
    ]
    assert story.close(20, ended[0]) == []
    (over,) = story.close(25, ended[1])
    assert (over.severity, over.recovered_from, over.episode) == ("recovered", "alarm", first.episode)
    assert (over.signal, over.value, over.n) == ("error_rate", 0.12, 50)
    assert over.summary == (
        "Error rate is back: 12.00 % when it was over, on 2019-05-07T00:00:00Z, 40.00 % during the change, "
        "and with it 1 other signal. It had changed on 2019-04-24T00:00:00Z."
    )
    assert [each.signal for each in over.along] == ["segment_loss"]
    assert over.id != first.id


def test_a_change_among_labels_says_that_its_start_is_by_when_they_became_known() -> None:
    story = Story()
    (alert,) = story.close(12, finding(), family="label")
    assert " over 200 rows, among labels that became known since 2019-04-24T00:00:00Z." in alert.summary
    back = Reading(signal="error_rate", tier="performance", detector="e_detector", value=0.12, n=50, status="ok")
    (over,) = story.close(20, Finding(back, recovered=True), family="label")
    assert over.summary.endswith("It had changed among labels that became known since 2019-04-24T00:00:00Z.")


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (
            "expectation:text_length is there",
            "Rows that break text_length is there: back to 0.00 % in this pane, 40.00 %",
        ),
        ("outcome_rate:cat_a", "Outcome rate cat_a is back: 0.00 % in this pane, 40.00 % during the change."),
    ],
)
def test_the_end_of_a_broken_rule_or_of_one_class_says_what_is_back(signal: str, said: str) -> None:
    story = Story()
    story.close(12, finding(signal, tier="quality"))
    back = Reading(signal=signal, tier="quality", detector="e_detector", value=0.0, n=50, status="ok")
    (over,) = story.close(14, Finding(back, recovered=True))
    assert over.summary.startswith(said)


def test_an_estimate_is_told_in_the_unit_of_what_it_estimates() -> None:
    spec = model_spec("regression")
    layout = layout_of(spec, profile_of(spec))
    (alert,) = Story(layout).close(12, finding("estimated_absolute_error"))
    assert "from 0.1 to 0.4" in alert.summary
    assert START < CHANGE
