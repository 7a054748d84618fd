"""The drift policy calls when enough distributions have moved at once."""

from detectors.episodes import EpisodeKey
from detectors.policies.state import PolicyState

from ..situations import PERFORMANCE, episode, fires, quiet, situation, spec_of


def test_drift_fires_when_enough_distributions_have_moved() -> None:
    spec = spec_of([{"type": "drift", "features": 2}])
    keys: list[EpisodeKey] = [
        ("feature_drift", "income", None, "cdf_bets", "traffic"),
        ("prediction_drift", None, None, "cdf_bets", "traffic"),
    ]
    moved = {key: episode(8 + i, "drift", "notice") for i, key in enumerate(keys)}
    quiet(PolicyState(), situation(spec, 20, {keys[0]: moved[keys[0]]}))
    trigger = fires(PolicyState(), situation(spec, 20, moved))
    assert (trigger.policy, trigger.signal, trigger.tier) == ("drift", "feature_drift", "drift")
    assert "2 distributions drifted" in trigger.reason
    assert len(trigger.evidence) == 2


def test_drift_does_not_fire_for_a_performance_policy() -> None:
    moved = {("feature_drift", "income", None, "cdf_bets"): episode(8, "drift", "notice")}
    quiet(PolicyState(), situation(spec_of(PERFORMANCE), 20, moved))
