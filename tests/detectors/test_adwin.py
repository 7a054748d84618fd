"""`GuardedAdwin` is River's ADWIN, alarm for alarm, and nothing silences it."""

import math
import random

import pytest
from river.drift import ADWIN

from detectors.adwin import GuardedAdwin
from detectors.state import decode, encode


def stream(seed: int = 1, rows: int = 12_000) -> list[float]:
    rng = random.Random(seed)
    return [float(rng.random() < (0.1, 0.3, 0.05, 0.2)[4 * i // rows]) for i in range(rows)]


def by_hand(values: list[float], delta: float = 0.002) -> list[int]:
    adwin, alarms = ADWIN(delta=delta), []
    for i, value in enumerate(values):
        adwin.update(value)
        if adwin.drift_detected:
            alarms.append(i)
    return alarms


@pytest.mark.parametrize("delta", [0.002, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_alarms_are_at_the_rows_of_river_run_by_hand(seed: int, delta: float) -> None:
    values = stream(seed)
    expected = by_hand(values, delta)
    assert expected
    assert GuardedAdwin(delta).feed(values) == expected


@pytest.mark.parametrize("seed", range(3))
def test_its_window_is_that_of_river_at_every_row(seed: int) -> None:
    rng = random.Random(seed)
    adwin, detector, rose = ADWIN(), GuardedAdwin(), list[bool]()
    for i in range(6_000):
        value = rng.gauss((0.0, 3.0, -1.0)[i // 2_000], 1.0)
        before = adwin.estimation
        adwin.update(value)
        assert detector.update(value) is adwin.drift_detected
        assert (detector.width, detector.mean) == (adwin.width, adwin.estimation)
        if adwin.drift_detected:
            rose.append(adwin.estimation > before)
            assert detector.rose is rose[-1]
    assert {*rose} == {True, False}


def test_feeding_in_pieces_changes_nothing() -> None:
    values = stream()
    detector, alarms = GuardedAdwin(), []
    for start in range(0, len(values), 997):
        alarms += detector.feed(values[start : start + 997])
    assert alarms == by_hand(values)
    assert detector.position == len(values)
    assert detector.alarms == len(alarms)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_a_bad_value_is_skipped_and_silences_nothing(bad: float) -> None:
    values = stream()
    detector = GuardedAdwin()
    assert detector.update(bad) is False
    assert detector.feed([*values[:5_000], bad, bad, *values[5_000:]]) == by_hand(values)
    assert (detector.skipped, detector.position) == (3, len(values))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e300])
def test_river_alone_is_silenced_by_it(bad: float) -> None:
    assert by_hand([bad, *stream()]) == []


@pytest.mark.parametrize(("first", "second", "rose"), [(0.0, 1.0, True), (1.0, 0.0, False)])
def test_it_says_whether_the_mean_rose(first: float, second: float, rose: bool) -> None:
    detector = GuardedAdwin()
    assert detector.feed([first] * 500 + [second] * 40)
    assert detector.rose is rose


def test_width_and_mean_are_those_of_the_window() -> None:
    detector = GuardedAdwin()
    assert (detector.width, detector.mean) == (0, 0.0)
    detector.feed([1.0, 2.0, 6.0])
    assert (detector.width, detector.mean) == (3, 3.0)


def test_restored_it_goes_on_as_the_original() -> None:
    values = stream(rows=20_000)
    original = GuardedAdwin()
    original.feed(values[:9_990])
    restored = decode(encode(original))
    assert restored.feed(values[9_990:]) == original.feed(values[9_990:]) != []
    assert encode(restored) == encode(original)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0, math.nan])
def test_a_delta_that_is_no_probability_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        GuardedAdwin(delta)
