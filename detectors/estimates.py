"""Performance to expect before labels come, from a pane's scores alone: confidence-based performance estimation (CBPE).

Each score bin has the probability of the positive label (binary) or of being right (multiclass) that isotonic
regression found in the reference. As long as that calibration holds, rows of a bin are that much of a hit. Pure.

Source: NannyML, "Confidence-based performance estimation", documentation of version 0.13. NannyML calibrates only where
cross-validation says that it helps; here it is always done, since scores that are calibrated already stay as they are
but for the steps of the isotonic regression.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.layout import Counts, Layout
from detectors.score_curves import estimated_roc_auc

Floats = npt.NDArray[np.float64]

BINS = 20  # of the expected loss of a row, by which evidence is gathered
NAME = "estimate"


class ExpectedLoss(NamedTuple):
    """Rows by bin of the loss to expect of them."""

    counts: Floats
    sums: Floats
    squares: float
    """Sum of the squares, exactly."""

    @property
    def n(self) -> int:
        """Rows with a score."""
        return int(self.counts.sum())

    @property
    def total(self) -> float:
        """Errors to expect."""
        return float(self.sums.sum())


def calibration_of(layout: Layout) -> Floats | None:
    """Return the probability of a hit by score bin; None where the reference does not know it."""
    found = np.asarray(layout.profile.calibration if layout.profile else [], dtype=np.float64)
    return found if len(found) == len(layout.score_edges) + 1 else None


def expected_loss(layout: Layout, counts: Counts) -> ExpectedLoss:
    """Return the loss to expect of the scored rows in the vector of a traffic pane of a calibrated classifier."""
    p = calibration_of(layout)
    if p is None:
        return ExpectedLoss(np.zeros(BINS), np.zeros(BINS), 0.0)
    rows = layout.families["traffic"].view(counts, "scores").astype(np.float64)
    loss = np.concatenate([p, 1 - p]) if layout.spec.task == "binary" else 1 - p
    bins = np.minimum((loss * BINS).astype(np.int64), BINS - 1)
    return ExpectedLoss(
        np.bincount(bins, weights=rows, minlength=BINS).astype(np.float64),
        np.bincount(bins, weights=rows * loss, minlength=BINS).astype(np.float64),
        float(rows @ (loss * loss)),
    )


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
