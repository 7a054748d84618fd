"""Stretches of broken data: one for each alarm, told together, and taken back one by one."""

from detectors.broken_data import MOST, note, stretches, take_back
from detectors.episodes import Change, Episode, EpisodeKey
from detectors.signals.signal import Firing
from detectors.situation import Broken
from schemas.reading import Reading

from .situations import episode

KEY: EpisodeKey = ("missing", "age", None, "e_detector", "traffic")


def change(one: Episode, *, begins: bool = True) -> Change:
    reading = Reading(signal="missing", tier="quality", feature="age", value=0.3, n=9, status="alarm")
    return Change(KEY, one, reading, Firing("alarm", one.since, "missing", 0.3, 9) if begins else None)


def alarm(name: str, since: int, **fields: object) -> Episode:
    one = episode(tier="quality", **fields)
    one.id, one.since = name, since
    return one


def spans(broken: list[Broken]) -> list[tuple[int, int | None]]:
    return [(one.since, one.until) for one in stretches(broken)]


def test_what_overlaps_is_one_stretch_which_is_open_while_an_alarm_is() -> None:
    broken: list[Broken] = []
    first, second = alarm("a", 10), alarm("b", 8)
    note(broken, change(first), 12, still=True)
    note(broken, change(first), 13, still=True)  # told late, once more
    note(broken, change(second), 14, still=True)
    assert spans(broken) == [(8, None)]
    assert stretches(broken)[0].what == "missing of age and 1 more"
    note(broken, change(first, begins=False), 20, still=True)
    assert spans(broken) == [(8, None)]
    note(broken, change(second, begins=False), 25, still=False)
    assert spans(broken) == [(8, 25)]
    note(broken, change(alarm("c", 30)), 31, still=True)
    assert spans(broken) == [(8, 25), (30, None)]


def test_a_stretch_is_taken_back_from_its_start_and_others_stay() -> None:
    broken: list[Broken] = []
    note(broken, change(alarm("a", 10)), 12, still=True)
    note(broken, change(alarm("b", 15)), 17, still=True)
    take_back(broken, "a")
    assert spans(broken) == [(15, None)]
    assert stretches(broken)[0].episode == "b"
    take_back(broken, "b")
    assert broken == []


def test_data_that_is_right_is_not_broken_when_its_alarm_is_told_again() -> None:
    broken: list[Broken] = []
    note(broken, change(alarm("a", 10, data_is_right=True)), 12, still=False)
    assert broken == []


def test_their_number_is_bounded() -> None:
    broken: list[Broken] = []
    note(broken, change(alarm("open", 0)), 1, still=True)
    for number in range(5 * MOST):
        one = alarm(str(number), 10 * number)
        note(broken, change(one), 10 * number + 1, still=True)
        note(broken, change(one, begins=False), 10 * number + 20, still=True)  # each overlaps the next
    assert len(broken) <= MOST + 1
    assert spans(broken) == [(0, None)]


def test_a_stretch_of_an_older_state_ends_with_the_last_alarm() -> None:
    broken = [Broken(5)]
    note(broken, change(alarm("a", 3), begins=False), 9, still=False)
    assert spans(broken) == [(5, 9)]
