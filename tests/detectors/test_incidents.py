"""One change is one incident: it opens with one alert, gathers what moves with it, and ends once."""

from collections.abc import Sequence
from typing import Any

import pytest

from detectors import incidents
from detectors.change_span import span_of
from detectors.episodes import Change, Episode, EpisodeKey, update
from detectors.history import History
from detectors.incidents import Incident, Joined, Told, take
from detectors.signals.signal import Finding, Firing
from detectors.state import decode, encode
from schemas.event_time import Micros
from schemas.reading import Family, Reading, Tier

from .builders import DAY, START, blank_pane, layout_of, model_spec

LAYOUT = layout_of(model_spec(features={"owner": "boolean"}), None)  # panes of a day, labels mature after two


def fires(
    signal: str = "error_rate",
    since: float = 20,
    severity: Any = "alarm",
    tier: Tier = "performance",
    evidence: float = 2.0,
    low: float | None = None,
    high: float | None = None,
    **names: str,
) -> Finding:
    """A signal that fires for a change on day `since`, known to lie between `low` and `high`."""
    reading = Reading(
        signal=signal, tier=tier, detector="e_detector", value=0.3, n=10, status="alarm", evidence=evidence, **names
    )
    ends = {name: None if day is None else at(day) for name, day in (("since_low", low), ("since_high", high))}
    return Finding(reading, Firing(severity, at(since), signal, 0.3, 100, reference=0.1, **ends))


def ends(signal: str = "error_rate", tier: Tier = "performance", **names: str) -> Finding:
    """A signal whose change is over."""
    reading = Reading(signal=signal, tier=tier, detector="e_detector", value=0.1, n=10, status="ok", **names)
    return Finding(reading, recovered=True)


def at(day: float) -> Micros:
    return START + int(day * DAY)


class Said:
    """Episodes and incidents, and what came of them."""

    def __init__(self) -> None:
        self.episodes: dict[EpisodeKey, Episode] = {}
        self.incidents: list[Incident] = []
        self.told: list[Told] = []
        self.joined: list[Joined] = []
        self.history = History()

    def close(self, day: int, *findings: Finding, family: Family = "cohort") -> list[str]:
        """Return what a pane told: `severity signal`."""
        pane = blank_pane(LAYOUT, family, day)
        changes: list[Change] = [c for c in (update(self.episodes, one, pane) for one in findings) if c is not None]
        told, joined = take(self.incidents, changes, pane, self.history)
        self.told += told
        self.joined += joined
        return [
            f"recovered {one.incident.lead[0]}"
            if one.change is None
            else f"{one.change.episode.severity} {one.change.key[0]}"
            for one in told
        ]

    def silent(self) -> list[str]:
        return [one.change.key[0] for one in self.joined]


def test_the_first_firing_is_told_and_those_that_see_the_same_change_join_it() -> None:
    said = Said()
    assert said.close(21, fires("error_rate")) == ["alarm error_rate"]
    assert said.close(22, fires("champion", since=20.5)) == []
    assert said.close(22, fires("drift", since=19, severity="notice", tier="drift"), family="traffic") == []
    assert said.silent() == ["champion", "drift"]
    (incident,) = said.incidents
    assert [key[0] for key in incident.members] == ["error_rate", "champion", "drift"]
    assert {episode.alert for episode in said.episodes.values()} == {incident.alert}


def test_of_several_in_one_pane_the_one_of_most_worth_is_told_and_names_the_others() -> None:
    said = Said()
    notice = fires("estimate", severity="notice", tier="outcomes", evidence=99.0)
    weak, strong = fires("segment", evidence=1.0), fires("error_rate", evidence=3.0)
    quality = fires("missing", tier="quality", evidence=50.0)
    assert said.close(21, notice, weak, quality, strong) == ["alarm error_rate"]
    (incident,) = said.incidents
    assert [key[0] for key, _ in incident.others(incident.lead)] == ["segment", "missing", "estimate"]
    assert said.silent() == []
    assert incident.called == ["model", "pipeline"]


@pytest.mark.parametrize("since", [14.0, 26.0])
def test_a_firing_that_begins_clearly_before_or_after_is_another_change(since: float) -> None:
    said = Said()
    said.close(21, fires("error_rate", low=19, high=21))
    later = fires("champion", since=since, low=since - 1, high=since + 1)
    assert said.close(27, later) == ["alarm champion"]
    assert len({incident.id for incident in said.incidents}) == 2


def test_an_interval_decides_and_without_one_a_part_of_the_time_it_took() -> None:
    pane = blank_pane(LAYOUT, "cohort", 27)
    narrow, wide = (fires(low=low, high=high).firing for low, high in ((19, 21), (None, None)))
    assert narrow is not None
    assert wide is not None
    assert span_of("error_rate", narrow, pane) == (at(19), at(21))
    assert span_of("error_rate", wide, pane) == (at(18), at(22))  # found after eight days
    label = span_of("error_rate", narrow, blank_pane(LAYOUT, "label", 27))
    assert label == (at(17), at(21))  # what became known then was predicted up to two days before


def test_an_alarm_that_joins_a_notice_is_told_once_more_under_the_same_episode() -> None:
    said = Said()
    assert said.close(21, fires("adwin", since=22, severity="notice"), family="label") == ["notice adwin"]
    assert said.close(22, fires("error_rate")) == ["alarm error_rate"]
    assert said.close(23, fires("segment")) == []
    first, second = said.told
    assert first.incident is second.incident
    assert (second.incident.severity, second.incident.lead[0]) == ("alarm", "error_rate")
    assert said.incidents[0].id == said.episodes["adwin", None, None, "e_detector", "label"].id


def test_an_alarm_of_more_worth_is_told_and_one_of_less_is_not() -> None:
    said = Said()
    assert said.close(21, fires("confidence", tier="proxies")) == ["alarm confidence"]
    assert said.close(22, fires("drift", tier="drift")) == []
    assert said.close(23, fires("error_rate")) == ["alarm error_rate"]
    assert said.close(24, fires("rating", tier="outcomes")) == ["alarm rating"]
    assert said.close(25, fires("segment")) == []


def test_an_alarm_that_calls_for_other_hands_is_told_whatever_its_worth() -> None:
    said = Said()
    said.close(21, fires("error_rate"))
    assert said.close(22, fires("missing", tier="quality")) == ["alarm missing"]
    assert said.close(22, fires("invalid", tier="quality")) == []
    assert said.close(22, fires("latency", tier="system")) == ["alarm latency"]
    (incident,) = said.incidents
    assert incident.lead[0] == "error_rate"  # it stays what the incident is about


def test_one_change_gives_few_alerts_however_many_signals_fire_in_any_order() -> None:
    said = Said()
    tiers: list[Tier] = ["drift", "system", "proxies", "quality", "performance", "outcomes"]
    for day, tier in enumerate(tiers):
        for number in range(20):
            severity = "notice" if number < 10 else "alarm"
            said.close(21 + day, fires(f"{tier}-{number}", tier=tier, severity=severity, low=19, high=21))
    assert len(said.incidents) == 1
    assert len(said.incidents[0].members) == 120
    assert len(said.told) <= 7


def test_it_is_over_when_the_last_of_its_signals_is() -> None:
    said = Said()
    said.close(21, fires("error_rate"), fires("segment"))
    assert said.close(30, ends("error_rate")) == []
    assert said.close(33, ends("segment")) == ["recovered error_rate"]
    assert said.incidents == []
    over = said.told[-1].incident
    assert over.back is not None
    assert (over.back.value, over.back.time) == (0.1, blank_pane(LAYOUT, "cohort", 30).due)
    assert said.close(40, fires("error_rate", since=39)) == ["alarm error_rate"]
    assert said.incidents[0].id != over.id


def test_a_signal_that_fires_again_for_a_later_change_is_told_though_the_first_lasts() -> None:
    said = Said()
    said.close(21, fires("error_rate"), fires("drift", tier="drift", severity="notice"))
    said.close(30, ends("error_rate"))
    assert said.close(41, fires("error_rate", since=40)) == ["alarm error_rate"]
    assert len(said.incidents) == 2


def test_a_notice_that_becomes_an_alarm_is_told_again() -> None:
    said = Said()
    said.close(21, fires("estimate", severity="notice"))
    assert said.close(22, fires("estimate", severity="notice")) == []
    assert said.close(25, fires("estimate", severity="alarm")) == ["alarm estimate"]
    assert said.close(26, fires("estimate", severity="alarm")) == []
    assert len(said.incidents) == 1


def test_the_end_of_what_was_never_told_says_nothing() -> None:
    said = Said()
    pane = blank_pane(LAYOUT, "cohort", 21)
    assert update(said.episodes, fires(), pane) is not None  # snoozed: it was not handed on
    assert said.close(25, ends()) == []


def test_an_acknowledged_incident_is_told_to_others_and_when_it_is_over_and_to_nobody_twice() -> None:
    said = Said()
    said.close(21, fires("error_rate"))
    said.incidents[0].acknowledged = True
    assert said.close(22, fires("complaint_rate", tier="outcomes")) == []  # of more worth, for the same people
    assert said.silent() == ["complaint_rate"]
    assert said.close(23, fires("missing", tier="quality"), family="traffic") == ["alarm missing"]  # for other people
    assert not said.incidents[0].acknowledged  # what was told now, nobody has seen
    said.incidents[0].acknowledged = True
    said.close(30, ends("error_rate"), ends("complaint_rate", tier="outcomes"))
    assert said.close(31, ends("missing", tier="quality"), family="traffic") == ["recovered error_rate"]


def test_an_acknowledged_notice_is_told_when_it_becomes_an_alarm() -> None:
    said = Said()
    said.close(21, fires("drift", severity="notice", tier="drift"))
    said.incidents[0].acknowledged = True
    assert said.close(22, fires("error_rate")) == ["alarm error_rate"]
    assert not said.incidents[0].acknowledged


def test_the_number_of_open_incidents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "MOST", 3)
    said = Said()
    for number in range(6):
        day = 20 + 20 * number
        said.close(day + 1, fires(f"signal-{number}", since=day, low=day, high=day))
    assert [incident.lead[0] for incident in said.incidents] == ["signal-3", "signal-4", "signal-5"]


def test_the_order_of_findings_in_a_pane_makes_no_difference() -> None:
    findings = [fires("b"), fires("a"), fires("c", since=2), fires("d", severity="notice", tier="drift")]

    def run(order: Sequence[Finding]) -> bytes:
        said = Said()
        said.close(21, *order)
        return encode([(each.id, each.alert, each.lead, sorted(each.members)) for each in said.incidents])

    assert run(findings) == run(findings[::-1])


def test_incidents_survive_a_snapshot() -> None:
    said = Said()
    said.close(21, fires("error_rate"), fires("segment"))
    said.close(30, ends("error_rate"))
    assert decode(encode(said.incidents)) == said.incidents


def test_the_notice_of_an_estimate_belongs_to_the_alarm_of_what_it_estimates_however_late() -> None:
    said = Said()
    said.close(21, fires("error_rate", low=19, high=21))
    late = fires("estimated_accuracy", since=35, severity="notice")
    assert said.close(36, late, family="traffic") == []
    assert said.close(36, fires("drift", since=35, severity="notice", tier="drift"), family="traffic") == [
        "notice drift"
    ]


@pytest.mark.parametrize(("signal", "told"), [("joint_drift", []), ("other_drift", ["notice other_drift"])])
def test_what_is_learnt_first_may_have_begun_as_long_before_as_it_was_found_after(signal: str, told: list[str]) -> None:
    said = Said()
    said.close(21, fires("feature_drift", low=19, high=21, severity="notice", tier="drift"), family="traffic")
    late = fires(signal, since=24, severity="notice", tier="drift")
    assert said.close(25, late, family="traffic") == told  # found two days after its start, two days before it: 22


def test_two_families_may_judge_the_same_loss() -> None:
    said = Said()
    said.close(21, fires("error_rate", severity="notice"), family="label")
    said.close(22, fires("error_rate"))
    assert said.close(30, ends("error_rate"), family="label") == []
    assert said.close(31, ends("error_rate")) == ["recovered error_rate"]


@pytest.mark.parametrize(("begins", "told"), [(26, []), (30, ["alarm error_rate"])], ids=["badly known", "later"])
def test_a_segment_moves_with_the_whole_unless_it_began_after_that_was_told(begins: float, told: list[str]) -> None:
    said = Said()
    said.close(27, fires("error_rate", since=20, low=19, high=21))
    assert said.close(40, fires("error_rate", segment="region=north", low=begins, since=begins + 1)) == told


def test_a_segment_of_another_signal_is_told_by_itself() -> None:
    said = Said()
    said.close(27, fires("error_rate", since=20, low=19, high=21))
    assert said.close(40, fires("cost", segment="region=north", low=26, since=27)) == ["alarm cost"]


def test_of_an_expectation_and_a_features_own_check_the_feature_is_named() -> None:
    said = Said()
    rule = fires("expectation:x is there", tier="quality", evidence=1e200)
    assert said.close(21, rule, fires("missing", tier="quality", evidence=1e100, feature="x"), family="traffic") == [
        "alarm missing"
    ]
