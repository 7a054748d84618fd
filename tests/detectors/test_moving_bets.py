"""Bets against baselines that move: the promise holds while the means keep below them, and a rise is found."""

import numpy as np
import pytest

from detectors.bet import Bet
from detectors.moving_bets import MovingBets
from detectors.state import decode, encode

from .builders import DAY

QUARTER = 90.0 * DAY


def bets_of(count: int = 1, weight: float = 1.0, dispersion: float = 1.0) -> MovingBets:
    return MovingBets(weight, QUARTER, np.full(count, dispersion))


def test_baselines_that_stand_still_are_those_of_a_bet() -> None:
    rng, baselines = np.random.default_rng(0), np.array([0.1, 0.6])
    moving, still = bets_of(2, 0.3, 1.5), Bet(baselines, 0.3, QUARTER, np.full(2, 1.5))
    for day in range(60):
        totals = rng.binomial(200, [0.1 if day < 40 else 0.2, 0.55]).astype(float)
        found = moving.close(baselines, totals, 200.0, day * DAY, (day + 1) * DAY).judgement
        expected = still.counts(totals, 200.0, day * DAY, (day + 1) * DAY).judgement
        assert found.evidence == pytest.approx(expected.evidence)
        assert found.fired == expected.fired


def test_alarms_are_no_more_than_the_budget_allows_whatever_way_the_baselines_move() -> None:
    rng, fired = np.random.default_rng(1), 0
    for _ in range(40):
        bets = bets_of()
        for day in range(180):
            mean = 0.3 + 0.2 * np.sin(day / 5)  # of rows, and known to the baseline: just at the border of the null
            total = float(rng.binomial(100, mean))
            fired += bets.close(np.array([mean]), np.array([total]), 100.0, day * DAY, (day + 1) * DAY).judgement.fired
    assert 0 < fired <= 40 * 2


def test_a_rise_above_a_falling_baseline_is_found_and_dated() -> None:
    bets, rng = bets_of(), np.random.default_rng(2)
    for day in range(60):
        baseline = 0.5 - day / 200
        mean = baseline - 0.02 + 0.2 * (day >= 40)
        total = np.array([float(rng.binomial(200, mean))])
        verdict = bets.close(np.array([baseline]), total, 200.0, day * DAY, (day + 1) * DAY)
        if verdict.judgement.fired:
            break
    assert 40 <= day <= 44
    assert verdict.baseline == pytest.approx(baseline)
    assert verdict.judgement.since == 40 * DAY
    assert verdict.mean > baseline
    assert bets.open


def test_nothing_is_staked_on_a_baseline_near_one_and_it_earns_nothing() -> None:
    bets = bets_of(2)
    for day in range(1_000):
        verdict = bets.close(np.ones(2), np.array([100.0, 100.0]), 100.0, day * DAY, (day + 1) * DAY)
    assert verdict.judgement.evidence == 0


def test_a_change_ends_when_the_mean_is_back_or_when_it_is_settled() -> None:
    for settle in (False, True):
        bets, baseline = bets_of(), np.array([0.2])
        day = 0
        while not bets.close(baseline, np.array([80.0]), 200.0, day * DAY, (day + 1) * DAY).judgement.fired:
            day += 1
        assert bets.open
        if settle:
            bets.settle()
        else:
            verdicts = [bets.close(baseline, np.array([30.0]), 200.0, d * DAY, (d + 1) * DAY) for d in range(9, 19)]
            assert sum(verdict.recovered for verdict in verdicts) == 1
        assert not bets.open


def test_a_very_large_pane_is_no_overflow() -> None:
    bets = bets_of()
    verdict = bets.close(np.array([0.01]), np.array([9e9]), 1e10, 0, DAY)
    assert verdict.judgement.fired
    assert np.isfinite(verdict.judgement.evidence)


def test_the_state_goes_on_exactly() -> None:
    bets, rng = bets_of(3), np.random.default_rng(3)
    panes = rng.binomial(50, 0.25, (40, 3)).astype(float)
    for day in range(20):
        bets.close(np.full(3, 0.3), panes[day], 50.0, day * DAY, (day + 1) * DAY)
    again = decode(encode(bets))
    for day in range(20, 40):
        expected = bets.close(np.full(3, 0.2), panes[day], 50.0, day * DAY, (day + 1) * DAY)
        assert again.close(np.full(3, 0.2), panes[day], 50.0, day * DAY, (day + 1) * DAY) == expected
    assert encode(again) == encode(bets)
