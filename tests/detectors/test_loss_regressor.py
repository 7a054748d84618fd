"""The loss to expect is learnt: by feature and by what was predicted, without bias, whatever the values are."""

import math
import random

import numpy as np
import pytest

from detectors.loss_regressor import LossRegressor
from detectors.state import decode, encode


def learnt(rows: int = 4_000, largest: float = 50.0) -> LossRegressor:
    """Errors twice as large in the south, and growing with the prediction."""
    rng, regressor = random.Random(0), LossRegressor({"region": "categorical"}, largest)
    for _ in range(rows):
        region, predicted = rng.choice(["north", "south"]), rng.uniform(0, 10)
        loss = abs(rng.gauss(0, (1 + predicted / 5) * (2 if region == "south" else 1)))
        regressor.learn([region], predicted, loss)
    return regressor


def test_it_tells_large_errors_from_small_ones() -> None:
    regressor = learnt()
    south, north = regressor.predict(["south"], 8.0), regressor.predict(["north"], 8.0)
    assert south > 1.3 * north
    assert regressor.predict(["north"], 9.5) > regressor.predict(["north"], 0.5)


def test_on_average_it_is_right_though_losses_are_skewed() -> None:
    rng, regressor = random.Random(1), LossRegressor({"x": "numeric"}, 1e3)
    errors = []
    for i in range(12_000):
        x, loss = rng.gauss(0, 1), rng.expovariate(1.0) ** 2
        if i >= 4_000:
            errors.append(regressor.predict([x], x) - loss)
        regressor.learn([x], x, loss)
    assert abs(np.mean(errors)) < 4 * np.std(errors) / math.sqrt(len(errors))


@pytest.mark.parametrize("value", [None, "text", float("nan"), float("inf"), 1e308, True])
def test_any_value_gives_a_loss_within_bounds(value: object) -> None:
    regressor = learnt(500)
    regressor.learn([value], 1e300, math.inf)  # type: ignore[list-item]
    for predicted in (None, 1e308, -1e308, 0.0):
        assert 0 <= regressor.predict([value], predicted) <= 50.0  # type: ignore[list-item]


def test_a_snapshot_goes_on_as_the_original() -> None:
    regressor = learnt(800)
    again = decode(encode(regressor))
    for one in (regressor, again):
        one.learn(["south"], 3.0, 2.0)
    assert again.predict(["north"], 4.0) == regressor.predict(["north"], 4.0)
