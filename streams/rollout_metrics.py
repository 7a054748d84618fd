"""Publishes how far rollouts are: what is read of level 2's state, so that it is right after a restart, too."""

from detectors.rollout import RolloutState
from detectors.rollouts import RolloutsState
from streams import metrics

_STAGES = {"full": 0, "shadow": 1, "canary": 2}
ON_GUARD = 3


def publish_rollout(model: str, state: RolloutsState) -> None:
    """Publish who serves a model, who is tried, and how many triggers are open."""
    rollout = state.rollout
    metrics.SERVING.remove_by_labels({"model": model})
    if rollout.serving is not None:
        metrics.SERVING.labels(model, rollout.serving, "serving").set(1)
    if rollout.candidate is not None:
        metrics.SERVING.labels(model, rollout.candidate, "candidate").set(1)
    metrics.ROLLOUT_STAGE.labels(model).set(stage_of(rollout))
    metrics.ROLLOUT_SHARE.labels(model).set(rollout.share)
    metrics.ROLLOUT_EVIDENCE.labels(model).set(0.0 if rollout.comparison is None else rollout.comparison.evidence)
    metrics.OPEN_TRIGGERS.labels(model).set(state.outcomes.open)


def forget_rollout(model: str) -> None:
    """Drop the series of a model that another worker tells of now."""
    for metric in (
        metrics.SERVING,
        metrics.ROLLOUT_STAGE,
        metrics.ROLLOUT_SHARE,
        metrics.ROLLOUT_EVIDENCE,
        metrics.OPEN_TRIGGERS,
    ):
        metric.remove_by_labels({"model": model})


def stage_of(rollout: RolloutState) -> int:
    """Return the stage as a number that rises as a rollout goes on."""
    return ON_GUARD if rollout.guarding else _STAGES[rollout.stage]
