"""Costs of predictions by the declared matrix, from the confusion counts of a cohort. Pure."""

import numpy as np
import numpy.typing as npt

from detectors.binned_values import BinnedValues, binned
from detectors.layout import Counts, Layout

Floats = npt.NDArray[np.float64]

COST = "cost"


def largest_cost(layout: Layout) -> float | None:
    """Return the largest cost in the declared matrix; None where none is declared, or no class is known."""
    matrix = layout.spec.costs.matrix
    if matrix is None or not layout.classes:
        return None
    return max(cost for row in matrix.values() for cost in row.values())


def costed(layout: Layout, counts: Counts) -> BinnedValues | None:
    """Return the costs over the largest one in the vector of a cohort pane; None where there is no matrix.

    Rows with a class that is not declared are left out: nobody said what they cost.
    """
    largest = largest_cost(layout)
    if largest is None:
        return None
    size = len(layout.classes)
    rows = layout.families["cohort"].view(counts, "confusion").reshape(size + 1, size + 1)[:-1, :-1]
    return binned((_matrix(layout) / largest).ravel(), rows.ravel().astype(np.float64))


def cost_sum(layout: Layout, counts: Counts) -> tuple[int, float] | None:
    """Return rows and the sum of their costs, in the unit of the matrix; None where there is no matrix."""
    found, largest = costed(layout, counts), largest_cost(layout)
    return None if found is None or largest is None else (found.n, found.total * largest)


def _matrix(layout: Layout) -> Floats:
    """Return the cost of each cell, shape (classes, classes), predicted by actual, as confusion counts are."""
    declared = layout.spec.costs.matrix or {}
    codes = dict(layout.class_codes)
    if layout.spec.task == "binary":  # code 0 is the other class, whatever it is called
        others = set(declared).union(*declared.values())
        codes = dict.fromkeys(others, 0) | {layout.spec.positive_label or "": 1}
    costs = np.zeros((len(layout.classes), len(layout.classes)))
    for actual, row in declared.items():
        for predicted, cost in row.items():
            costs[codes[predicted], codes[actual]] = cost
    return costs
