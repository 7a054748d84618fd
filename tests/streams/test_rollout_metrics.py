"""Metrics of rollouts follow the state, also where it goes back."""

from detectors.rollout import RolloutState
from detectors.rollouts import RolloutsState
from detectors.version_comparison import VersionComparison
from streams import metrics
from streams.output_metrics import count_outputs
from streams.records import Outgoing
from streams.rollout_metrics import forget_rollout, publish_rollout


def found(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"streamgauge_{name}", labels)


def test_who_serves_and_who_is_tried_and_how_far_that_is() -> None:
    comparison = VersionComparison(0.0, 0.2, 0.1)
    comparison.begin_stage(0.02)
    tried = RolloutState(serving="1", candidate="2", stage="canary", share=0.25, comparison=comparison)
    publish_rollout("r", RolloutsState(rollout=tried))
    assert found("serving_info", model="r", version="1", role="serving") == 1
    assert found("serving_info", model="r", version="2", role="candidate") == 1
    assert (found("rollout_stage", model="r"), found("rollout_share", model="r")) == (2, 0.25)
    assert round(found("rollout_evidence", model="r") or 0, 6) == 0.02
    publish_rollout("r", RolloutsState(rollout=RolloutState(serving="2", previous="1", guarding=True)))
    assert found("serving_info", model="r", version="1", role="serving") is None
    assert found("serving_info", model="r", version="2", role="candidate") is None
    assert found("serving_info", model="r", version="2", role="serving") == 1
    assert (found("rollout_stage", model="r"), found("open_triggers", model="r")) == (3, 0)
    forget_rollout("r")
    assert found("rollout_stage", model="r") is None
    assert found("serving_info", model="r", version="2", role="serving") is None


def test_decisions_advice_and_outcomes_are_counted() -> None:
    count_outputs(
        [
            Outgoing("decisions", b"r", b'{"model": "r", "verdict": "no", "reason": "so"}'),
            Outgoing("advice", b"r", b'{"model": "r", "fallback": "rule"}'),
            Outgoing("outcomes", b"r", b'{"model": "r", "status": "helped"}'),
            Outgoing("serving", b"r", b'{"model": "r"}'),
        ]
    )
    assert found("decisions_total", model="r", verdict="no") == 1
    assert found("advice_total", model="r", fallback="rule") == 1
    assert found("retraining_outcomes_total", model="r", status="helped") == 1
