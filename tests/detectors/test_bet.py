"""A bet's alarm opens an episode, its recovery closes it, and the next change is told by itself."""

import numpy as np

from detectors.bet import Bet, Verdict

DAY = 86_400_000_000


def bet(baseline: float = 0.1) -> Bet:
    return Bet(np.array([baseline]), 1.0, 90.0 * DAY, np.ones(1))


def feed(one: Bet, rates: list[float], first: int = 0, n: int = 100, seed: int = 0) -> list[Verdict]:
    sums = np.random.default_rng(seed).binomial(n, rates)
    return [
        one.counts(np.array([float(total)]), float(n), (first + i) * DAY, (first + i + 1) * DAY)
        for i, total in enumerate(sums)
    ]


def test_a_change_that_lasts_stays_open() -> None:
    one = bet()
    feed(one, [0.09] * 50)
    assert not one.open
    verdicts = feed(one, [0.3] * 200, first=50)
    assert one.open
    assert sum(v.judgement.fired for v in verdicts) > 1
    assert not any(v.recovered for v in verdicts)


def test_a_change_that_ends_recovers_once() -> None:
    one = bet()
    feed(one, [0.3] * 20)
    verdicts = feed(one, [0.08] * 50, first=20)
    assert [v.recovered for v in verdicts].count(True) == 1
    assert [v.recovered for v in verdicts].index(True) < 5
    assert not one.open


def test_the_midpoint_of_baseline_and_change_tells_recovered_from_not() -> None:
    still, back = bet(), bet()
    for one in (still, back):
        feed(one, [0.5] * 10)
    assert not any(v.recovered for v in feed(still, [0.4] * 100, first=10))
    assert any(v.recovered for v in feed(back, [0.2] * 100, first=10))


def test_a_second_change_begins_when_it_begins_and_not_with_the_first() -> None:
    one = bet()
    feed(one, [0.08] * 30)
    feed(one, [0.5] * 60, first=30)
    feed(one, [0.08] * 30, first=90)
    verdicts = feed(one, [0.4] * 20, first=120)
    fired = next(v.judgement for v in verdicts if v.judgement.fired)
    assert fired.since // DAY >= 118
    assert fired.n <= 100 * 6


def test_recovery_leaves_the_evidence_alone() -> None:
    one, twin = bet(), bet()
    feed(one, [0.3] * 20)
    feed(twin, [0.3] * 20)
    twin._recovery = None  # its episode cannot recover
    for _ in range(30):
        verdicts = [b.counts(np.array([8.0]), 100.0, 0, DAY) for b in (one, twin)]
        assert verdicts[0].judgement.evidence == verdicts[1].judgement.evidence
    assert not one.open


def test_an_empty_pane_ends_nothing() -> None:
    one = bet()
    feed(one, [0.5] * 5)
    assert one.open
    for day in range(50):
        assert not one.counts(np.zeros(1), 0.0, day * DAY, (day + 1) * DAY).recovered
