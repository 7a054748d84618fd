"""Bias: how far the values of a segment lie apart in what is predicted of them and in how wrong that is.

Readings with intervals over the newest cohorts, not tests: they stake nothing and raise nothing.
"""

from collections import deque
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors import indicators
from detectors.layout import FIXED, Counts, Layout
from detectors.pane import ClosedPane
from detectors.reference import moments, vector
from detectors.score_interval import Estimate, critical, difference, mean_interval, wilson
from detectors.signals.labels import too_few_labels
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.reading import Family, Reading

WINDOW = 30  # newest cohorts: one alone says little of a value that is rare
FEWEST = 30  # rows of a value, of those that a rate is taken of; fewer, and its interval says nothing

Tallies = npt.NDArray[np.int32] | npt.NDArray[np.float64]
"""Of each value of a segment: rows, and how many of them hit, shape (2, values); of losses their sum and the sum of
their squares, shape (3, values)."""


class _Rate(NamedTuple):
    signal: str
    of: str
    """What is compared, and over which rows."""


RATES = {
    "binary": (
        _Rate("demographic_parity", "share of positive predictions"),
        _Rate("equal_opportunity", "true positive rate"),
        _Rate("predictive_parity", "precision"),
        _Rate("error_parity", "error rate"),
    ),
    "multiclass": (_Rate("error_parity", "error rate"),),
    "regression": (_Rate("loss_parity", "mean absolute error"),),
    "text": (_Rate("loss_parity", "mean loss"),),
}
"""By task. Demographic parity: Dwork et al., "Fairness through awareness", ITCS 2012. Equal opportunity: Hardt, Price
and Srebro, "Equality of opportunity in supervised learning", NeurIPS 2016. Predictive parity: Chouldechova, "Fair
prediction with disparate impact", Big Data 5(2), 2017."""


@register
class Bias:
    """All rates of one segment."""

    families: frozenset[Family] = frozenset({"cohort"})

    def __init__(self, segment: str) -> None:
        self._segment = segment
        self._newest: deque[tuple[int, int, npt.NDArray[np.int32], Tallies]] = deque(maxlen=WINDOW)
        """Of each cohort its rows, how many are labelled, the values that have rows, and the tallies at those."""

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the largest difference between two values of the segment over the newest cohorts, for each rate."""
        layout = pane.layout
        if pane.problem is None and pane.n:
            tallies = _tallies(layout, pane.counts, self._segment)
            filled = np.flatnonzero(pane.view(f"segment_n:{self._segment}")[:-1])
            labelled = int(pane.view("losses").sum())
            self._newest.append((pane.n, labelled, filled.astype(np.int32), tallies[:, :, filled]))
        reference = _tallies(layout, vector(layout, "cohort"), self._segment)
        total = np.zeros(reference.shape)
        for _, _, there, tallies in self._newest:
            total[:, :, there] += tallies
        for rate, now, before in zip(RATES[layout.spec.task], total, reference, strict=True):
            yield Finding(self._reading(pane, rate, now, before))

    def _reading(self, pane: ClosedPane, rate: _Rate, now: Tallies, before: Tallies) -> Reading:
        layout, segment = pane.layout, self._segment
        values = layout.segment_values(segment)
        enough = np.flatnonzero(now[0] >= FEWEST).tolist()
        reading = Reading(signal=rate.signal, tier="drift", segment=segment, value=None, n=0, status="unknown")
        problem = pane.problem
        if problem is None and rate.signal == "loss_parity" and layout.loss_scale is None:
            problem = f"losses are not counted: no reference profile for version {layout.version}"
        if problem is None and rate.signal != "demographic_parity":
            problem = self._few_labels(layout)
        if problem is None and len(enough) < 2:
            problem = (
                f"{len(enough)} of {len(values)} values of {segment} have {FEWEST} rows to take the {rate.of} of in "
                f"the newest {len(self._newest)} cohorts; two are needed"
            )
        if problem is not None:
            return reading.model_copy(update={"reason": problem})
        scale = 1.0 if layout.loss_scale is None or rate.signal != "loss_parity" else layout.loss_scale
        high, low, apart = largest_difference(now, enough)
        few = [values[cell] for cell in range(len(values)) if 0 < now[0, cell] < FEWEST]
        detail = f"{rate.of} of {values[high]} ({now[0, high]:,.0f} rows) "
        detail += f"above that of {values[low]} ({now[0, low]:,.0f})"
        if few:
            detail += f"; left out with fewer than {FEWEST} rows: {', '.join(few)}"
        known = min(before[0, high], before[0, low]) >= FEWEST
        then = float(before[1, high] / before[0, high] - before[1, low] / before[0, low]) if known else None
        return reading.model_copy(
            update={
                "value": apart.value * scale,
                "low": apart.low * scale,
                "high": apart.high * scale,
                "n": int(now[0, high] + now[0, low]),
                "status": "ok",
                "reference": None if then is None else then * scale,
                "effect": None if then is None else (apart.value - then) * scale,
                "detail": detail,
            }
        )

    def _few_labels(self, layout: Layout) -> str | None:
        """Return that too few of the newest rows are labelled, or None: which ones are may differ by value."""
        n, labelled = sum(cohort[0] for cohort in self._newest), sum(cohort[1] for cohort in self._newest)
        return too_few_labels(layout, labelled, n)


def biases(layout: Layout) -> list[Bias]:
    """Return the bias signals of a version: one for each segment of which two values are known."""
    return [Bias(segment) for segment in layout.spec.segments if len(layout.segment_values(segment)) > 1]


def largest_difference(tallies: Tallies, cells: list[int]) -> tuple[int, int, Estimate]:
    """Return the two cells whose rates lie farthest apart, the higher first, and by how much.

    The interval is one of those for all pairs of `cells`, which hold at once: that these two were chosen is paid for.
    """
    z = critical(len(list(combinations(cells, 2))))
    rates = {cell: tallies[1, cell] / tallies[0, cell] for cell in cells}
    high, low = max(cells, key=rates.__getitem__), min(cells, key=rates.__getitem__)
    if high == low:
        high, low = cells[:2]  # all are the same
    return high, low, difference(_estimate(tallies[:, high], z), _estimate(tallies[:, low], z))


def _estimate(tally: Tallies, z: float) -> Estimate:
    n, total, *squares = tally.tolist()
    return mean_interval(total, squares[0], n, z) if squares else wilson(total, n, z)


def _tallies(layout: Layout, counts: Counts, segment: str) -> Tallies:
    """Return the tallies of each rate in the vector of a cohort pane, shape (rates, 2 or 3, values)."""
    view, values = layout.families["cohort"].view, len(layout.segment_values(segment))
    losses, sums = (view(counts, f"segment_{name}:{segment}") for name in ("losses", "loss_sums"))
    if layout.spec.task == "binary":
        rows, positive = (view(counts, f"segment_{name}:{segment}")[:values] for name in ("n", "positive"))
        matrix = view(counts, f"segment_confusion:{segment}").reshape(-1, 2, 2)[:values]  # by said and by true class
        hits, labelled, wrong = matrix[:, 1, 1], matrix.sum(axis=(1, 2)), matrix[:, 0, 1] + matrix[:, 1, 0]
        pairs = [(rows, positive), (matrix[:, :, 1].sum(axis=1), hits), (matrix[:, 1].sum(axis=1), hits)]
        return np.array([*pairs, (labelled, wrong)], dtype=np.int32)
    if layout.spec.task == "multiclass":
        return np.array([(losses[:values], sums[:values] // FIXED)], dtype=np.int32)
    cells = (indicators.loss_histogram(layout, counts, "cohort", segment, cell) for cell in range(values))
    return np.array([moments(*cell) for cell in cells]).T[np.newaxis]
