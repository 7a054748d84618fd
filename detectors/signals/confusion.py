"""Metrics of a cohort that follow from its confusion matrix: readings, not tests."""

from collections.abc import Iterable

from detectors.layout import FIXED
from detectors.pane import ClosedPane
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.reading import Family, Reading


@register
class Confusion:
    """Accuracy, and for binary tasks precision and recall."""

    families: frozenset[Family] = frozenset({"cohort"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the metrics of the labelled rows."""
        n = int(pane.view("losses").sum())
        # by the losses, which also know whether a class that nobody named was right
        yield _reading(pane, "accuracy", n - int(pane.view("loss_sums").sum()) // FIXED, n)
        if pane.layout.spec.task == "binary":
            size = len(pane.layout.classes) + 1
            matrix = pane.view("confusion").reshape(size, size)  # predicted by actual
            yield _reading(pane, "precision", int(matrix[1, 1]), int(matrix[1].sum()))
            yield _reading(pane, "recall", int(matrix[1, 1]), int(matrix[:, 1].sum()))


def _reading(pane: ClosedPane, signal: str, hits: int, n: int) -> Finding:
    reason = pane.problem or ("no labelled row to take it of" if n == 0 else None)
    if reason is not None:
        return Finding(Reading(signal=signal, tier="performance", value=None, n=0, status="unknown", reason=reason))
    return Finding(Reading(signal=signal, tier="performance", value=hits / n, n=n, status="ok"))
