"""Whether a segment rose after the whole had: if not, its rise is the whole's, however late it was found.

The start of a segment's change is estimated from few rows. Where luck was good for a week, the week after looks like
the beginning of another change, and the interval of the estimate may well lie after the true start.
"""

import math

from scipy.special import ndtri

from detectors.history import Cohort, History
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.reference import loss_name, moments, vector
from detectors.signals.loss import NAMES
from detectors.signals.signal import Grounds
from schemas.event_time import Micros

LEVEL = 0.05  # at which some segment is taken to have risen later, though each moved with the whole


def rose_later(layout: Layout, history: History, signal: str, segment: str, whole: Micros, since: Micros) -> bool:
    """Return whether a segment's mean loss since `since` is clearly above its own from `whole` until then.

    The start is the likeliest of all panes since `whole`, and the segment may be any: Bonferroni over both.

    Parameters
    ----------
    signal, segment
        What fired: the name of the signal, and `feature=value`.
    whole
        Start of the change of all rows.
    since
        Start of the segment's change, later than `whole`.

    Returns
    -------
    bool
        True, too, where nothing speaks for the same change: the segment had no labelled rows between the two, or it is
        not the mean loss of a segment that fired.
    """
    feature, _, value = segment.partition("=")
    if signal != NAMES[layout.spec.task] or layout.loss_scale is None or feature not in layout.spec.segments:
        return True  # a group of scores is a part of the rows, too, but no segment
    if value not in layout.segment_values(feature):
        return True
    cohorts = history.since(whole)
    rows_before, before = _loss([cohort for cohort in cohorts if cohort.end <= since], segment)
    rows_after, after = _loss([cohort for cohort in cohorts if cohort.end > since], segment)
    if not rows_before or not rows_after:
        return True
    cell = layout.segment_values(feature).index(value)
    pooled = (before + after) / (rows_before + rows_after) / layout.loss_scale
    dispersion = Grounds(layout).dispersion(loss_name(feature, cell))
    variance = dispersion * _variance(layout, feature, cell, pooled) * (1 / rows_before + 1 / rows_after)
    rise = (after / rows_after - before / rows_before) / layout.loss_scale
    tried = len(cohorts) * sum(len(layout.segment_values(name)) for name in layout.spec.segments)
    return rise > -float(ndtri(LEVEL / tried)) * math.sqrt(variance)


def _loss(cohorts: list[Cohort], segment: str) -> tuple[int, float]:
    """Return labelled rows of a segment, and the sum of their losses."""
    parts = [cohort.segments[segment] for cohort in cohorts if segment in cohort.segments]
    return sum(n for n, _ in parts), sum(loss for _, loss in parts)


def _variance(layout: Layout, feature: str, cell: int, mean: float) -> float:
    """Return the variance of a loss in [0, 1]: by its mean where it is right or wrong, else as in the reference."""
    if layout.loss_bins > 1:
        counts, sums = loss_histogram(layout, vector(layout, "cohort"), "cohort", feature, cell)
        n, total, squares = moments(counts, sums)
        if n:
            return max(0.0, squares / n - (total / n) ** 2)
    return mean * (1 - mean)
