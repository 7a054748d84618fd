"""Signals together stake no more than there is of alarms and of notices, whatever the model."""

from collections.abc import Iterator

import pytest

from detectors.bet import Bet
from detectors.budget import SEVERITIES, OverspentError, Stake, Staking, even_share, spent, within_budget
from detectors.layout import Layout
from detectors.moving_bets import MovingBets
from detectors.signals.catalogue import signals_of
from schemas.budget_spec import NoticeWeights, Weights

from .builders import TASKS, layout_of, model_spec, profile_of

SEGMENTS = ([], ["region"], ["region", "owner"])


class Reporting:
    """A signal that raises nothing."""


class Betting:
    def __init__(self, *stakes: Stake) -> None:
        self.stakes = stakes


def layouts() -> Iterator[tuple[str, Layout]]:
    everything = {"weights": {"performance": 0.3, "segments": 0.3, "outcomes": 0.1, "quality": 0.1}}
    for task in TASKS:
        for segments in SEGMENTS:
            costs = {"costs": {"matrix": {"yes": {"no": 5}, "no": {"yes": 1}}}} if task == "binary" else {}
            for settings in ({}, everything, costs):
                spec = model_spec(task, segments=segments, **settings)
                for profile in (None, profile_of(spec, panes=10), profile_of(spec)):
                    panes = None if profile is None else profile.panes
                    yield f"{task}, {segments}, {bool(settings)}, {panes} panes", layout_of(spec, profile)


def test_no_model_stakes_more_than_its_budgets() -> None:
    for name, layout in layouts():
        sums = spent(signals_of(layout))
        assert set(sums) == set(SEVERITIES)
        for severity, total in sums.items():
            assert total <= 1 + 1e-9, (name, severity, total)


def test_a_model_with_a_reference_stakes_most_of_both() -> None:
    spec = model_spec(segments=["region"])
    sums = spent(signals_of(layout_of(spec, profile_of(spec))))
    assert sums["alarm"] > 0.4
    assert sums["notice"] > 0.7


def bets_of(signal: object) -> list[tuple[float, float]]:
    """Budget and weight of each bet that a signal holds, however deep."""
    held = vars(signal).values() if hasattr(signal, "__dict__") else ()
    found = []
    for one in held:
        if isinstance(one, Bet):
            found.append((one.detector.budget, one.detector.weight))
        elif isinstance(one, MovingBets):
            found.append((one._budget, one._weight))
        elif type(one).__module__.startswith("detectors."):
            found += bets_of(one)
    return found


def test_whoever_holds_a_bet_says_what_it_stakes() -> None:
    spec = model_spec(segments=["region"], false_alarms="1 per 90d", notices="1 per 30d")
    lengths = {"alarm": spec.false_alarms.length, "notice": spec.notice_budget.length}
    for signal in signals_of(layout_of(spec, profile_of(spec))):
        declared: list[tuple[float, float]] = []
        if isinstance(signal, Staking):
            declared = [(lengths[severity], weight) for severity, weight in signal.stakes if weight]
        held = [(length, weight) for length, weight in bets_of(signal) if weight]
        assert set(held) <= set(declared), type(signal).__name__


def test_the_shares_of_the_monitor_file_are_of_one_budget() -> None:
    for weights in (Weights(), NoticeWeights()):
        assert sum(weights.model_dump().values()) <= 1 + 1e-9


def test_a_share_that_is_handed_out_twice_is_found() -> None:
    signals = [Reporting(), Betting(("alarm", 0.6)), Betting(("alarm", 0.3), ("notice", 1.0))]
    assert within_budget(signals) == signals
    assert spent(signals) == {"alarm": pytest.approx(0.9), "notice": pytest.approx(1.0)}
    with pytest.raises(OverspentError, match=r"1\.5 of the budget of alarms; there is 1: Betting 1\.5"):
        within_budget([*signals, Betting(("alarm", 0.6))])


def test_a_weight_is_shared_evenly_and_nobody_shares_nothing() -> None:
    assert even_share(0.3, 3) == pytest.approx(0.1)
    assert even_share(0.3, 0) == 0.0
