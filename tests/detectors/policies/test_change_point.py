"""The likeliest split dates a change where the last zero of a sum does not."""

import numpy as np
import pytest

from detectors.bounds import upper_bound
from detectors.excess_cost import ExcessCost
from detectors.policies.change_point import change_point

ROWS, BEFORE, TRIALS = 150, 0.05, 200


def dated(after: float, rng: np.random.Generator) -> tuple[float, float] | None:
    """Return by how many panes the last zero and the likeliest split miss a change; None where none was called."""
    change = 12
    mistakes = rng.binomial(ROWS, np.where(np.arange(400) < change, BEFORE, after)).astype(float)
    u = BEFORE if rng.random() < 0.5 else float(upper_bound(rng.binomial(500, BEFORE), 500))
    cost = ExcessCost(price=1.0, retraining_cost=120.0, bound=u)
    for pane, errors in enumerate(mistakes):
        cost.update(pane, pane + 1, ROWS, errors, errors)
        if cost.called:
            assert cost.since is not None
            if pane < change:
                return None
            seen = mistakes[cost.since : pane + 1]
            best = change_point(np.full(len(seen), float(ROWS)), seen, u)
            assert best is not None
            return abs(cost.since - change), abs(cost.since + best - change)
    return None


@pytest.mark.parametrize(("after", "most"), [(0.1, 1.0), (0.2, 0.0), (0.5, 0.0)])
def test_it_dates_a_change_better_than_the_last_zero_of_the_sum(after: float, most: float) -> None:
    rng = np.random.default_rng(7)
    found = np.array([errors for _ in range(TRIALS) if (errors := dated(after, rng)) is not None])
    assert len(found) > 0.9 * TRIALS
    (zero, split), (zero_mean, split_mean) = np.median(found, axis=0), found.mean(axis=0)
    assert split <= most
    assert split < zero
    assert split_mean < 0.6 * zero_mean
    assert np.quantile(found[:, 1], 0.9) <= np.quantile(found[:, 0], 0.9)


def test_it_is_the_pane_whose_later_mean_is_the_least_likely() -> None:
    rows = np.array([100.0, 50, 200, 80, 120])
    sums = np.array([6.0, 2, 13, 30, 40])
    u = 0.05

    def gain(first: int) -> float:
        n, total = rows[first:].sum(), sums[first:].sum()
        m = total / n
        return float(n * (m * np.log(m / u) + (1 - m) * np.log((1 - m) / (1 - u)))) if m > u else -np.inf

    assert change_point(rows, sums, u) == max(range(5), key=gain) == 3


def test_a_change_in_the_first_pane_and_one_in_the_last_are_seen() -> None:
    rows = np.full(6, 100.0)
    assert change_point(rows, np.full(6, 30.0), 0.1) == 0
    assert change_point(rows, np.array([5.0, 5, 5, 5, 5, 30]), 0.1) == 5


def test_where_no_mean_is_above_the_bound_there_is_no_change() -> None:
    assert change_point(np.full(5, 100.0), np.full(5, 9.0), 0.1) is None
    assert change_point(np.array([]), np.array([]), 0.1) is None
    assert change_point(np.zeros(3), np.zeros(3), 0.1) is None


def test_panes_without_a_row_change_nothing() -> None:
    rows, sums = np.array([100.0, 0, 100, 0]), np.array([5.0, 0, 40, 0])
    assert change_point(rows, sums, 0.1) in (1, 2)
    assert change_point(rows[[0, 2]], sums[[0, 2]], 0.1) == 1


def test_all_or_nothing_is_a_mean_like_any_other() -> None:
    rows = np.full(4, 10.0)
    assert change_point(rows, np.array([0.0, 0, 10, 10]), 0.0) == 2
    assert change_point(rows, np.array([0.0, 0, 0, 10]), 1e-9) == 3


@pytest.mark.parametrize("scale", [1e-3, 1.0, 250.0])
def test_it_does_not_depend_on_the_unit_of_the_loss(scale: float) -> None:
    rng = np.random.default_rng(3)
    losses = np.concatenate([rng.beta(1, 9, (20, ROWS)), rng.beta(1, 4, (10, ROWS))]).sum(axis=1)
    assert change_point(np.full(30, float(ROWS)), scale * losses, scale * 0.1, 0.0, scale) == 20


def test_differences_of_two_losses_have_a_change_point_too() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.integers(-1, 2, (20, ROWS)), rng.choice([0, 0, 1, 1], (15, ROWS))]).sum(axis=1)
    assert change_point(np.full(35, float(ROWS)), values.astype(float), 0.0, -1.0, 1.0) == 20
