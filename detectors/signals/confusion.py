"""Metrics of a cohort that follow from its confusion matrix: readings, not tests."""

from collections.abc import Iterable

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
        size = len(pane.layout.classes) + 1
        matrix = pane.view("confusion").reshape(size, size)  # predicted by actual
        n = int(matrix.sum())
        if pane.layout.spec.task == "binary":
            hits, predicted, actual = int(matrix[1, 1]), int(matrix[1].sum()), int(matrix[:, 1].sum())
            right = hits + int(matrix[0, 0])
            yield _reading("accuracy", right, n)
            yield _reading("precision", hits, predicted)
            yield _reading("recall", hits, actual)
        else:
            yield _reading("accuracy", int(matrix.diagonal()[:-1].sum()), n)


def _reading(signal: str, hits: int, n: int) -> Finding:
    if n == 0:
        reason = "no labelled row to take it of"
        return Finding(Reading(signal=signal, tier="performance", value=None, n=0, status="unknown", reason=reason))
    return Finding(Reading(signal=signal, tier="performance", value=hits / n, n=n, status="ok"))
