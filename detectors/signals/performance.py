"""Performance beside the loss: metrics, calibration, cost and estimates of a model version, and who stakes what."""

from detectors.layout import Layout
from detectors.signals.calibration import CalibrationError, calibrations
from detectors.signals.cost import Cost
from detectors.signals.estimate import EstimatedPerformance
from detectors.signals.estimated_loss import EstimatedLoss
from detectors.signals.metrics import Metrics
from detectors.signals.signal import Signal


def performances(layout: Layout) -> list[Signal]:
    """Return the signals of performance that the task has, but for the loss itself.

    Where a cost matrix is declared, cost takes half of `weights.performance` from the loss.
    """
    spec = layout.spec
    if spec.task == "regression":
        # with the challenger off, nothing of River's that learns is loaded
        return [Metrics(layout), *([EstimatedLoss(layout)] if spec.challenger else [])]
    if spec.task not in ("binary", "multiclass"):
        return []
    groups = calibrations(layout, spec.weights.calibration)
    found: list[Signal] = [Metrics(layout), *groups, CalibrationError(layout), EstimatedPerformance(layout, groups)]
    if spec.costs.matrix is not None:
        found.append(Cost(layout, spec.weights.performance / 2))
    return found
