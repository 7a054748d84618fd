"""Metrics from the vector of a cohort pane, or of the reference. Pure: counts in, numbers out.

Ranking metrics take rows of one score bin for ties, and the median is looked for within a bin of the loss; all others
are exact, but that errors are clipped at `loss_max`, true numbers at four times the reference's reach, and the log loss
of a row at 30 ln 2.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors import intervals
from detectors.indicators import loss_histogram
from detectors.layout import FIXED, Counts, Layout
from detectors.metric_counting import ERROR, LARGEST_LOG_LOSS, SQUARED_ERROR, SQUARED_TRUTH, TRUTH
from detectors.score_curves import average_precision, roc_auc

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """One metric of labelled rows."""

    name: str
    value: float | None
    """None where there is nothing to take it of."""
    n: int
    """Rows that it is taken of."""
    interval: intervals.Interval | None = None
    problem: str | None = None
    """Why it cannot be told, where that is not for want of rows."""


def metrics_of(layout: Layout, counts: Counts) -> list[Metric]:
    """Return the metrics of the task, in a fixed order."""
    task = layout.spec.task
    if task == "binary":
        return [*_binary(layout, counts), *_ranking(layout, counts), *_probabilities(layout, counts)]
    if task == "multiclass":
        return [*_multiclass(layout, counts), *_probabilities(layout, counts)]
    if task == "regression":
        return _regression(layout, counts)
    return []


def segment_metrics(layout: Layout, counts: Counts) -> list[tuple[str, Metric]]:
    """Return precision and recall of a binary task by `feature=value`, for the values that have labelled rows."""
    found = []
    if layout.spec.task == "binary":
        for segment in layout.spec.segments:
            cells = layout.families["cohort"].view(counts, f"segment_confusion:{segment}").reshape(-1, 2, 2)
            for value, matrix in zip(layout.segment_cells(segment), cells, strict=True):
                (_, fn), (fp, tp) = matrix.tolist()
                pair = (_share("precision", tp, tp + fp), _share("recall", tp, tp + fn))
                found += [(f"{segment}={value}", metric) for metric in pair if matrix.any()]
    return found


def hits_by_score(layout: Layout, counts: Counts) -> tuple[Floats, Floats]:
    """Return labelled rows by score bin without and with a hit: positive (binary), or right (multiclass)."""
    misses, hits = layout.families["cohort"].view(counts, "hit_scores").reshape(2, -1).astype(np.float64)
    return misses, hits


def _accuracy(layout: Layout, counts: Counts) -> Metric:
    # by the losses, which also know whether a class that nobody named was right
    losses, sums = loss_histogram(layout, counts, "cohort")
    n = int(losses.sum())
    return _share("accuracy", n - round(float(sums.sum())), n)


def _binary(layout: Layout, counts: Counts) -> list[Metric]:
    matrix = layout.families["cohort"].view(counts, "confusion").reshape(3, 3)  # predicted by actual
    tn, fn, fp, tp = (int(matrix[said, truth]) for said in (0, 1) for truth in (0, 1))
    n = tn + fn + fp + tp
    recall, specificity = _share("recall", tp, tp + fn), _share("specificity", tn, tn + fp)
    balanced = None
    if recall.value is not None and specificity.value is not None:
        balanced = (recall.value + specificity.value) / 2
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return [
        _accuracy(layout, counts),
        _share("precision", tp, tp + fp),
        recall,
        specificity,
        Metric("f1", 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None, n),
        Metric("balanced_accuracy", balanced, n),
        Metric("matthews_correlation", (tp * tn - fp * fn) / math.sqrt(margins) if margins else None, n),
    ]


def _ranking(layout: Layout, counts: Counts) -> list[Metric]:
    negatives, positives = hits_by_score(layout, counts)
    n, positive = int(negatives.sum() + positives.sum()), float(positives.sum())
    area = roc_auc(negatives, positives)
    problem = None
    if n and not len(layout.score_edges):
        area, problem = None, "no reference says where scores are cut into bins"
    interval = None if area is None else intervals.of_roc_auc(area, n - positive, positive)
    precision = None if problem else average_precision(negatives, positives)
    return [
        Metric("roc_auc", area, n, interval, problem),
        Metric("average_precision", precision, n, problem=problem),
    ]


def _probabilities(layout: Layout, counts: Counts) -> list[Metric]:
    view = layout.families["cohort"].view
    n = int(view(counts, "hit_scores").sum())
    brier = float(view(counts, "squared_misses")[0]) / FIXED / n if n else None
    found = [Metric("brier_score", brier, n)]
    if layout.spec.task == "binary":
        surprise = float(view(counts, "log_losses")[0]) / FIXED * LARGEST_LOG_LOSS / n if n else None
        found.append(Metric("log_loss", surprise, n))
    return found


def _multiclass(layout: Layout, counts: Counts) -> list[Metric]:
    size = len(layout.classes) + 1
    if size == 1:
        return [_accuracy(layout, counts)]
    matrix = layout.families["cohort"].view(counts, "confusion").reshape(size, size).astype(np.float64)
    right = np.diagonal(matrix)[:-1]  # the last are classes that nobody named, of which none is known to be right
    said, truth = matrix.sum(axis=1)[:-1], matrix.sum(axis=0)[:-1]
    seen, true, n = said + truth > 0, truth > 0, int(matrix.sum())
    names = ("macro_precision", "macro_recall", "macro_f1")
    if not seen.any():
        return [_accuracy(layout, counts), *(Metric(name, None, n) for name in (*names, "balanced_accuracy"))]
    parts = (_ratio(right, said), _ratio(right, truth), _ratio(2 * right, said + truth))
    macro = [Metric(name, float(part[seen].mean()), n) for name, part in zip(names, parts, strict=True)]
    balanced = float(parts[1][true].mean()) if true.any() else None
    return [_accuracy(layout, counts), *macro, Metric("balanced_accuracy", balanced, n)]


def _regression(layout: Layout, counts: Counts) -> list[Metric]:
    scale, truths = layout.loss_scale, layout.truth_scale
    names = ("mean_absolute_error", "root_mean_squared_error", "mean_error", "median_absolute_error", "r_squared")
    losses, sums = loss_histogram(layout, counts, "cohort")
    n = int(losses.sum())
    if scale is None:
        problem = f"losses are not counted: no reference profile for version {layout.version}"
        return [Metric(name, None, 0, problem=problem) for name in names]
    if not n:
        return [Metric(name, None, 0) for name in names]
    moments = layout.families["cohort"].view(counts, "moments") / FIXED
    absolute, error, square = float(sums.sum()) / n * scale, moments[ERROR] / n * scale, moments[SQUARED_ERROR] / n
    square *= scale * scale
    r_squared: float | None = None
    unscaled: str | None = None
    if truths is None:
        unscaled = "the reference profile knows no range of the true numbers; build it again"
    else:
        spread = (moments[SQUARED_TRUTH] - moments[TRUTH] ** 2 / n) * truths[1] ** 2
        r_squared = float(1 - square * n / spread) if spread > 0 else None
    return [
        Metric(names[0], absolute, n, intervals.of_mean(absolute, square - absolute**2, n)),
        Metric(names[1], math.sqrt(square), n),
        Metric(names[2], float(error), n, intervals.of_mean(float(error), square - error**2, n)),
        Metric(names[3], _median(losses) * scale, n),
        Metric(names[4], r_squared, n, problem=unscaled),
    ]


def _median(histogram: Floats) -> float:
    """Return the median of values in equal bins of [0, 1], taken to lie evenly within a bin."""
    half, reached = histogram.sum() / 2, np.cumsum(histogram)
    bin_ = int(np.searchsorted(reached, half))
    return float((bin_ + (half - reached[bin_] + histogram[bin_]) / histogram[bin_]) / len(histogram))


def _share(name: str, hits: int, n: int) -> Metric:
    return Metric(name, hits / n, n, intervals.of_proportion(hits, n)) if n else Metric(name, None, 0)


def _ratio(part: Floats, whole: Floats) -> Floats:
    result: Floats = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return result
