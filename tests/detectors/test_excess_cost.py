"""Excess cost stays at 0 while nothing changes, calls once a retraining has paid, and says since when."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bounds import dispersion_of, upper_bound, upper_bound_of_bounded_mean, upper_bound_of_mean
from detectors.excess_cost import ExcessCost
from detectors.state import decode, encode


def burnt_in(errors: float = 50, n: int = 500, **options: float) -> ExcessCost:
    cost = ExcessCost(**({"price": 1.0, "retraining_cost": 100.0} | options))  # type: ignore[arg-type]
    cost.update(0, 1, n, errors, errors)
    return cost


def test_nothing_is_judged_in_the_burn_in() -> None:
    cost = ExcessCost(1.0, 1.0)
    for at in range(4):
        cost.update(at, at + 1, 100, 100.0, 100.0)
    assert (cost.bound, cost.since, cost.excess, cost.called, cost.labels) == (None, None, 0.0, False, 400)
    assert not cost.burnt_in


def test_the_cohort_that_completes_the_burn_in_belongs_to_it() -> None:
    cost = ExcessCost(1.0, 100.0)
    cost.update(0, 1, 400, 40.0, 40.0)
    cost.update(1, 2, 400, 60.0, 60.0)
    assert cost.bound == pytest.approx(float(upper_bound(100, 800)))
    assert (cost.since, cost.excess, cost.burnt_in) == (2, 0.0, True)


def test_the_bound_of_errors_is_that_of_clopper_and_pearson_at_the_given_confidence() -> None:
    assert burnt_in(confidence=0.9).bound == pytest.approx(float(upper_bound(50, 500, 0.9)))
    assert burnt_in(dispersion=4.0).bound == pytest.approx(float(upper_bound(50, 500, dispersion=4.0)))


def test_the_bound_of_real_losses_is_in_their_unit() -> None:
    cost = ExcessCost(1.0, 100.0, scale=20.0)
    cost.update(0, 1, 1_000, 2_000.0, 6_000.0)
    assert cost.bound == pytest.approx(20 * upper_bound_of_mean(100.0, 15.0, 1_000.0))


def test_losses_of_which_no_squares_are_known_have_a_bound_that_holds_however_they_are_spread() -> None:
    cost = ExcessCost(1.0, 100.0)
    cost.update(0, 1, 300, 30.0, 30.0)
    cost.update(1, 2, 300, 30.0)
    assert cost.bound == upper_bound_of_bounded_mean(60.0, 600.0)
    assert cost.bound > float(upper_bound(60, 600))


def test_a_burn_in_of_many_cohorts_tells_how_dependent_rows_are() -> None:
    cost = ExcessCost(1.0, 100.0, burn_in=600)
    sums = np.array([0.0, 4.0] * 15)  # days that are all bad or all good
    for at, total in enumerate(sums.tolist()):
        cost.update(at, at + 1, 20, total, total)
    phi = dispersion_of(sums, np.full(30, 20.0), 0.1 * 0.9)
    assert phi > 3
    assert cost.bound == pytest.approx(float(upper_bound(60, 600, dispersion=phi)))


@pytest.mark.parametrize(("held_out", "held_against"), [(0.11, 0.11), (0.3, float(upper_bound(50, 500)))])
def test_loss_is_held_against_the_smaller_bound(held_out: float, held_against: float) -> None:
    assert burnt_in(bound=held_out).bound == pytest.approx(held_against)


def test_a_model_that_is_bad_from_birth_is_seen_in_the_burn_in_where_its_held_out_loss_is_known() -> None:
    cost = ExcessCost(1.0, 100.0, bound=0.1)
    cost.update(7, 8, 400, 200.0, 200.0)
    assert (cost.excess, cost.called, cost.since, cost.burnt_in) == (160.0, True, 7, False)


def test_excess_is_in_cost_and_begins_where_it_was_last_0() -> None:
    cost = burnt_in(price=2.0, retraining_cost=300.0)
    u = cost.bound
    assert u is not None
    cost.update(1, 2, 100, 5.0, 5.0)
    assert (cost.excess, cost.since) == (0.0, 2)
    for at in (2, 3, 4):
        cost.update(at, at + 1, 100, 60.0, 60.0)
    assert cost.excess == pytest.approx(2 * (180 - 300 * u))
    assert (cost.called, cost.since) == (False, 2)
    cost.update(5, 6, 100, 80.0, 80.0)
    assert (cost.called, cost.since, cost.labels) == (True, 2, 1_000)
    cost.update(6, 7, 5_000, 0.0, 0.0)
    assert (cost.excess, cost.called, cost.since) == (0.0, False, 7)


def test_a_cohort_without_labels_changes_nothing() -> None:
    cost = burnt_in()
    before = encode(cost)
    cost.update(1, 2, 0, 0.0, 0.0)
    assert encode(cost) == before


def test_each_retraining_that_did_not_help_doubles_what_the_next_has_to_be_worth() -> None:
    cost = burnt_in()
    cost.update(1, 2, 200, 150.0, 150.0)
    assert cost.called
    cost.back_off(1)
    assert (cost.threshold, cost.called) == (200.0, False)
    cost.back_off(3)
    assert cost.threshold == 800.0
    cost.back_off(0)
    assert cost.called
    cost.back_off(10**6)
    assert not cost.called
    with pytest.raises(ValueError, match="-1"):
        cost.back_off(-1)


def test_a_loss_that_costs_nothing_calls_for_nothing() -> None:
    cost = burnt_in(price=0.0)
    cost.update(1, 2, 500, 500.0, 500.0)
    assert not cost.called


def test_constant_noise_hardly_ever_calls_and_a_rise_soon_does() -> None:
    rng = np.random.default_rng(5)
    stationary, risen = 0, []
    for _ in range(100):
        cost = ExcessCost(1.0, 200.0)
        for at in range(60):
            errors = float(rng.binomial(500, 0.2))
            cost.update(at, at + 1, 500, errors, errors)
        stationary += cost.called
        while not cost.called:
            errors = float(rng.binomial(500, 0.4))
            cost.update(at, at + 1, 500, errors, errors)
            at += 1
        risen.append(at - 59)
    assert stationary <= 12  # where chance put the bound below the mean: five in a hundred, and the luck of the draw
    assert max(risen) <= 6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1), st.floats(0, 1)), max_size=20), st.integers(0, 20))
def test_a_state_goes_on_from_its_snapshot_as_if_nothing_had_been(
    cohorts: list[tuple[int, float, float]], cut: int
) -> None:
    one, other = ExcessCost(1.0, 30.0, burn_in=200), ExcessCost(1.0, 30.0, burn_in=200)
    for at, (n, mean, spread) in enumerate(cohorts):
        if at == cut:
            other = decode(encode(other))
        for each in (one, other):
            each.update(at, at + 1, n, n * mean, n * mean * (mean + spread * (1 - mean)))
    assert encode(one) == encode(other)
    assert one.excess >= 0
    assert one.bound is None or 0 <= one.bound <= 1
