"""River's exponentially weighted mean comes back as it was, and damaged numbers do not come back."""

import math
import random

import pytest
from river.stats import EWMean

from detectors.state import StateError, decode, encode
from detectors.weighted_mean import mean_from, mean_numbers


@pytest.mark.parametrize("rows", [0, 1, 200])
def test_restored_it_goes_on_as_the_original(rows: int) -> None:
    mean, rng = EWMean(0.05), random.Random(rows)
    for _ in range(rows):
        mean.update(rng.random())
    restored = decode(encode(mean))
    for _ in range(100):
        assert restored.get() == mean.get()
        value = rng.random()
        restored.update(value)
        mean.update(value)
    assert encode(restored) == encode(mean)


def test_its_numbers_are_those_of_river() -> None:
    mean = EWMean(0.25)
    for value in (1.0, 0.0):
        mean.update(value)
    assert mean_numbers(mean._ewmean) == (0.75, 0.25, True)


@pytest.mark.parametrize(
    "numbers",
    [
        (math.nan, 0.1, True),
        (math.inf, 0.1, True),
        (0.5, 1.5, True),
        (0.5, math.nan, True),
        (0.5, 0.1, 1),
        (1, 0.1, True),
    ],
)
def test_damaged_numbers_are_refused(numbers: tuple[object, object, object]) -> None:
    with pytest.raises(StateError, match="damaged"):
        mean_from(*numbers)
