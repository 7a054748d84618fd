"""Slices that must be in a training set: segments whose loss rose by more than that of all other rows. Pure."""

import math

from scipy.special import ndtri

from detectors.history import Cohort, segment_means
from detectors.indicators import loss_histogram, of_losses
from detectors.layout import Layout
from detectors.reference import loss_name, vector
from detectors.signals.loss import NAMES
from detectors.signals.signal import Grounds
from detectors.wording import value_text
from schemas.trigger import Slice

SIGNIFICANCE = 0.05  # of all segments together
FEWEST_ROWS = 15  # of a segment, and of the rest, below which the normal approximation says little
AT_LEAST = 200  # rows of a slice, or all it has


def must_have_slices(layout: Layout, cohorts: list[Cohort], max_rows: int) -> list[Slice]:
    """Return the segments whose loss rose by more than that of the rows outside of them, the largest rise first.

    Parameters
    ----------
    cohorts
        Since the change, broken ones left out.
    max_rows
        Of the training set: a slice has at least its share in it.

    Notes
    -----
    Where the loss rises everywhere, every segment's rises. So what is tested is the difference of two rises, that of
    the segment and that of all rows outside of it, in standard errors of the four means, at 5 % over all segments
    (Bonferroni).
    """
    scale, known = layout.loss_scale, segment_means(cohorts)
    totals, before_n = of_losses(layout, vector(layout, "cohort"), "cohort")
    n = sum(cohort.labelled for cohort in cohorts)
    if scale is None or n == 0 or before_n == 0:
        return []
    all_now, all_before = (float(n), sum(c.loss for c in cohorts) / scale), (float(before_n), float(totals[0]))
    tested = {}
    for segment, (rows, mean) in known.items():
        before = _reference(layout, segment)
        inside = (float(rows), mean / scale * rows)
        if before is None or min(rows, n - rows, before[0], before_n - before[0]) < FEWEST_ROWS:
            continue
        tested[segment] = (inside, before, _less(all_now, inside), _less(all_before, before))
    if not tested:
        return []
    needed = -float(ndtri(SIGNIFICANCE / len(tested)))
    name, grounds = NAMES[layout.spec.task], Grounds(layout)
    found = []
    for segment, (inside, before, rest, rest_before) in tested.items():
        rise, rest_rise = _mean(inside) - _mean(before), _mean(rest) - _mean(rest_before)
        feature, _, value = segment.partition("=")
        phi = grounds.dispersion(loss_name(feature, layout.codes[feature][value]))
        error = math.sqrt(phi * sum(_variance(part) for part in (inside, before, rest, rest_before)))
        if rise <= 0 or error == 0 or (rise - rest_rise) / error < needed:
            continue
        now, was, elsewhere = (value_text(name, each * scale) for each in (_mean(inside), _mean(before), rest_rise))
        found.append(
            (
                rise,
                Slice(
                    segment=segment,
                    reason=f"loss {was} → {now}, while that of all other rows moved by {elsewhere}: "
                    f"{(rise - rest_rise) / error:.1f} standard errors, of which {needed:.1f} are needed",
                    rows=int(inside[0]),
                    at_least=min(int(inside[0]), max(AT_LEAST, int(max_rows * inside[0] / n))),
                ),
            )
        )
    return [one for _, one in sorted(found, key=lambda item: (-item[0], item[1].segment))]


def _reference(layout: Layout, segment: str) -> tuple[float, float] | None:
    """Return rows and scaled losses of a segment in the reference; None where it has none."""
    feature, _, value = segment.partition("=")
    if layout.profile is None or value not in layout.codes.get(feature, {}):
        return None
    cell = layout.codes[feature][value]
    counts, sums = loss_histogram(layout, vector(layout, "cohort"), "cohort", feature, cell)
    return (float(counts.sum()), float(sums.sum())) if counts.sum() else None


def _less(whole: tuple[float, float], part: tuple[float, float]) -> tuple[float, float]:
    return whole[0] - part[0], whole[1] - part[1]


def _mean(part: tuple[float, float]) -> float:
    return part[1] / part[0]


def _variance(part: tuple[float, float]) -> float:
    """Return the largest variance that the mean of so many values in [0, 1] with this mean can have."""
    mean = min(max(_mean(part), 0.0), 1.0)
    return mean * (1 - mean) / part[0]
