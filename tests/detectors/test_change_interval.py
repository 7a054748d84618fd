"""The start of a change lies in its interval nearly always, and where nothing changed there is none."""

import numpy as np

from detectors.bet import Bet
from detectors.change_interval import KEPT, RecentPanes
from detectors.state import decode, encode

DAY = 86_400_000_000


def recent(sums: np.ndarray, n: float, first: int = 0) -> RecentPanes:
    panes = RecentPanes(1)
    for i, total in enumerate(sums):
        panes.add(np.array([float(total)]), n, (first + i) * DAY)
    return panes


def test_the_start_lies_in_the_interval_nearly_always() -> None:
    rng, found, widths = np.random.default_rng(1), [], []
    for _ in range(400):
        before = int(rng.integers(10, 40))
        sums = np.concatenate([rng.binomial(100, 0.1, before), rng.binomial(100, 0.2, 12)])
        interval = recent(sums, 100.0).change_interval(0, 1.0)
        assert interval is not None
        low, likeliest, high = (moment // DAY for moment in interval)
        assert low <= likeliest <= high
        found.append(low <= before <= high)
        widths.append(high - low)
    assert np.mean(found) >= 0.93
    assert np.median(widths) <= 4


def test_dispersion_widens_it() -> None:
    sums = np.concatenate([np.full(20, 10), np.full(2, 14), np.full(10, 22)])
    one, four = (recent(sums, 100.0).change_interval(0, phi) for phi in (1.0, 4.0))
    assert one is not None
    assert four is not None
    assert four[0] <= one[0]
    assert four[2] >= one[2]
    assert four[2] - four[0] > one[2] - one[0]


def test_where_nothing_changed_or_fell_there_is_none() -> None:
    assert recent(np.full(30, 10), 100.0).change_interval(0, 1.0) is None
    assert recent(np.repeat([30, 10], 15), 100.0).change_interval(0, 1.0) is None
    assert recent(np.array([40]), 100.0).change_interval(0, 1.0) is None
    assert recent(np.zeros(10), 0.0).change_interval(0, 1.0) is None


def test_only_the_newest_panes_are_kept() -> None:
    panes = recent(np.repeat([10, 30], [100, KEPT - 1]), 100.0)
    interval = panes.change_interval(0, 1.0)
    assert interval is not None
    assert interval[1] == 100 * DAY
    panes.add(np.array([30.0]), 100.0, 300 * DAY)
    assert panes.change_interval(0, 1.0) is None
    assert len(encode(RecentPanes(41))) < 13_000


def test_the_alarm_of_a_bet_tells_it() -> None:
    bet, rng = Bet(np.array([0.12]), 1.0, 90.0 * DAY, np.ones(1)), np.random.default_rng(2)
    sums = np.concatenate([rng.binomial(100, 0.1, 40), rng.binomial(100, 0.25, 20)])
    verdicts = [bet.counts(np.array([float(s)]), 100.0, i * DAY, (i + 1) * DAY) for i, s in enumerate(sums)]
    fired = [verdict for verdict in verdicts if verdict.judgement.fired]
    assert fired
    for verdict in fired:
        assert verdict.since_low is not None
        assert verdict.since_high is not None
        assert verdict.since_low <= verdict.judgement.since <= verdict.since_high
        assert verdict.since_low <= 40 * DAY <= verdict.since_high
    assert all(verdict.since_low is None for verdict in verdicts if not verdict.judgement.fired)


def test_it_is_part_of_the_state() -> None:
    bet = Bet(np.array([0.12, 0.5]), 1.0, 90.0 * DAY, np.ones(2))
    for day in range(80):
        bet.counts(np.array([10.0, 40.0]), 100.0, day * DAY, (day + 1) * DAY)
    for day in range(80, 84):
        bet.counts(np.array([14.0, 40.0]), 100.0, day * DAY, (day + 1) * DAY)
    assert bet.change_interval(0) is not None
    assert decode(encode(bet)).change_interval(0) == bet.change_interval(0)
