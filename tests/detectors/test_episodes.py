"""One change is one episode: it begins once, gathers firings, ends once, and the next change is another."""

from detectors.episodes import Change, Episode, EpisodeKey, begin_anew, update
from detectors.signals.signal import Finding, Firing
from schemas.reading import Reading

from .builders import DAY, START, blank_pane, layout_of, model_spec

LAYOUT = layout_of(model_spec(features={"owner": "boolean"}), None)
KEY: EpisodeKey = ("error_rate", None, None, "e_detector", "cohort")


def finding(day: int = -1, value: float = 0.3, recovered: bool = False, **names: str) -> Finding:
    """What a signal found; `day` is when its change began, -1 is no firing."""
    reading = Reading(
        **({"signal": "error_rate", "detector": "e_detector"} | names),
        tier="performance",
        value=value,
        n=10,
        status="alarm" if day >= 0 else "ok",
    )
    firing = Firing("alarm", START + day * DAY, "error rate", value, 100, reference=0.1) if day >= 0 else None
    return Finding(reading, firing, recovered)


class Told:
    """Episodes, and the changes that they told."""

    def __init__(self) -> None:
        self.episodes: dict[EpisodeKey, Episode] = {}

    def take(self, one: Finding, day: int, announce: bool = True) -> Change | None:
        change = update(self.episodes, one, blank_pane(LAYOUT, "cohort", day))
        if change is not None and change.firing is not None and announce:
            change.episode.alert = f"alert {day}"
        return change


def test_a_change_is_told_once_however_often_it_fires() -> None:
    told = Told()
    changes = [told.take(finding(day=2), day) for day in range(3, 9)]
    assert changes[0] is not None
    assert changes[1:] == [None] * 5
    assert told.episodes[KEY].fired == blank_pane(LAYOUT, "cohort", 8).end


def test_a_pane_that_neither_fires_nor_recovers_leaves_it_open() -> None:
    told = Told()
    told.take(finding(day=0), 1)
    assert told.take(finding(), 2) is None
    assert told.take(finding(day=0), 3) is None
    assert told.episodes[KEY].fired == blank_pane(LAYOUT, "cohort", 3).end


def test_its_end_is_told_once_and_only_if_it_began() -> None:
    told = Told()
    assert told.take(finding(recovered=True), 0) is None
    told.take(finding(day=0), 1)
    ended = told.take(finding(recovered=True), 5)
    assert ended is not None
    assert ended.firing is None
    assert told.episodes == {}
    assert told.take(finding(recovered=True), 6) is None


def test_a_new_change_is_a_new_episode() -> None:
    told = Told()
    first = told.take(finding(day=0), 1)
    told.take(finding(recovered=True), 5)
    second = told.take(finding(day=9), 10)
    assert first is not None
    assert second is not None
    assert first.episode.id != second.episode.id


def test_the_same_change_has_the_same_id_in_a_replay() -> None:
    changes = [Told().take(finding(day=0), 1) for _ in range(2)]
    assert changes[0] is not None
    assert changes[0] == changes[1]


def test_signals_features_segments_and_detectors_have_episodes_of_their_own() -> None:
    told = Told()
    names = [{}, {"signal": "missing"}, {"feature": "owner"}, {"segment": "owner=true"}, {"detector": "adwin"}]
    changes = [told.take(finding(day=0, **each), 1) for each in names]
    assert all(changes)
    assert len({change.episode.id for change in changes if change}) == len(told.episodes) == 5


def test_what_was_not_announced_is_told_again_until_it_is() -> None:
    told = Told()
    snoozed = [told.take(finding(day=0), day, announce=False) for day in (1, 2)]
    awake = told.take(finding(day=0), 3)
    assert all(change is not None for change in (*snoozed, awake))
    assert len({change.episode.id for change in (*snoozed, awake) if change}) == 1
    assert told.take(finding(day=0), 4) is None


def test_it_keeps_its_start_and_takes_the_newest_evidence() -> None:
    told = Told()
    told.take(finding(day=2, value=0.3), 4)
    told.episodes[KEY].acknowledged, told.episodes[KEY].trigger = True, "trigger"
    told.take(finding(day=3, value=0.5), 6)
    episode = told.episodes[KEY]
    assert (episode.since, episode.evidence_since) == (START + 2 * DAY, START + 3 * DAY)
    assert (episode.value, episode.reference, episode.acknowledged, episode.trigger) == (0.5, 0.1, True, "trigger")


def test_a_firing_rests_on_what_came_after_the_one_before() -> None:
    told = Told()
    told.take(finding(day=2), 4)
    assert told.episodes[KEY].evidence_from == START + 2 * DAY
    told.take(finding(day=2), 6)
    assert told.episodes[KEY].evidence_from == START + 5 * DAY  # the end of the pane of day 4
    told.take(finding(day=8), 9)
    assert told.episodes[KEY].evidence_from == START + 8 * DAY


def test_an_episode_of_a_detector_that_began_anew_ends_once_it_would_have_fired_again() -> None:
    told = Told()
    told.take(finding(day=10), 13)  # found in four days
    begin_anew(told.episodes)
    assert [told.take(finding(), day) for day in range(14, 21)] == [None] * 7
    ended = told.take(finding(), 21)  # eight days, twice as many
    assert ended is not None
    assert ended.firing is None
    assert told.episodes == {}


def test_one_that_fires_again_after_it_began_anew_goes_on_and_ends_as_the_detector_says() -> None:
    told = Told()
    told.take(finding(day=10), 13)
    begin_anew(told.episodes)
    told.take(finding(), 14)
    told.take(finding(day=14), 15)
    assert [told.take(finding(), day) for day in range(16, 60)] == [None] * 44
    assert told.take(finding(recovered=True), 60) is not None


def test_panes_that_cannot_be_judged_do_not_end_it() -> None:
    told = Told()
    told.take(finding(day=10), 13)
    begin_anew(told.episodes)
    reading = finding().reading.model_copy(update={"status": "unknown", "reason": "no rows"})
    for day in range(14, 60):
        assert told.take(Finding(reading), day) is None
    assert KEY in told.episodes
