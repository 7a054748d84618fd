"""Performance to expect before labels come, from a pane's scores alone: confidence-based performance estimation (CBPE).

Each score bin has the probability of the positive label (binary) or of being right (multiclass) that isotonic
regression found in the reference. As long as that calibration holds, rows of a bin are that much of a hit. Pure.

Source: NannyML, "Confidence-based performance estimation", documentation of version 0.13. NannyML calibrates only where
cross-validation says that it helps; here it is always done, since scores that are calibrated already stay as they are
but for the steps of the isotonic regression.
"""

import numpy as np
import numpy.typing as npt

from detectors.binned_values import BinnedValues, binned
from detectors.layout import Counts, Layout
from detectors.score_curves import estimated_roc_auc

Floats = npt.NDArray[np.float64]

NAME = "estimate"


def calibration_of(layout: Layout) -> Floats | None:
    """Return the probability of a hit by score bin; None where the reference does not know it."""
    found = np.asarray(layout.profile.calibration if layout.profile else [], dtype=np.float64)
    return found if len(found) == len(layout.score_edges) + 1 else None


def expected_loss(layout: Layout, counts: Counts) -> BinnedValues:
    """Return the loss to expect of the scored rows in the vector of a traffic pane of a calibrated classifier."""
    p = calibration_of(layout)
    if p is None:
        return binned(np.zeros(0), np.zeros(0))
    rows = layout.families["traffic"].view(counts, "scores").astype(np.float64)
    return binned(np.concatenate([p, 1 - p]) if layout.spec.task == "binary" else 1 - p, rows)


def estimated_metrics(layout: Layout, counts: Counts) -> dict[str, float | None]:
    """Return binary metrics to expect, by name, from the vector of a traffic pane; None where one is of no rows."""
    p = calibration_of(layout)
    if p is None or layout.spec.task != "binary":
        return {}
    negative, positive = layout.families["traffic"].view(counts, "scores").reshape(2, -1).astype(np.float64)
    tp, fp, fn = float(positive @ p), float(positive @ (1 - p)), float(negative @ p)
    return {
        "estimated_roc_auc": estimated_roc_auc(negative + positive, p),
        "estimated_precision": tp / (tp + fp) if tp + fp else None,
        "estimated_recall": tp / (tp + fn) if tp + fn else None,
        "estimated_f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
    }
