"""Counting: rows into the vector of a pane summary, a chunk of one pane at a time.

The vector is changed in place. Counts and fixed-point sums are integers, so neither the order of rows nor how they are
cut into chunks makes a difference.
"""

from collections.abc import Sequence
from itertools import repeat
from operator import eq

import numpy as np
import numpy.typing as npt

from detectors import sketch
from detectors.activity import count_activity
from detectors.counting_plan import CountingPlan, plan_of
from detectors.expectation_counting import count_expectations
from detectors.layout import LATENCY_BUCKETS, LENGTH_BUCKETS, Counts, Layout
from detectors.numeric_bins import histogram
from detectors.proxy_counting import count_proxies
from detectors.row_shape import LATENCY, OUTPUT, Columns

Floats = npt.NDArray[np.float64]
Micros = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


def count_traffic(layout: Layout, counts: Counts, columns: Columns) -> None:
    """Add predictions to the vector of a traffic pane (shape (size,))."""
    plan, view = plan_of(layout), layout.families["traffic"].view
    view(counts, "n")[0] += len(columns)
    view(counts, "unexpected")[0] += np.count_nonzero(columns.unexpected)
    plan.numeric.count(counts, columns.numbers[:, : plan.numeric.width])
    plan.count_others(counts, columns)
    _count_latency(plan, layout, counts, columns.numbers[:, LATENCY])
    _count_output(plan, layout, counts, columns.said, columns.numbers[:, OUTPUT].copy())
    count_proxies(layout, plan.texts, counts, columns)
    count_activity(layout, counts, columns.times)
    count_expectations(layout, counts, columns)


def count_cohort(layout: Layout, counts: Counts, cells: Codes, said: Codes) -> None:
    """Add predictions, labelled or not yet, to the vector of a cohort pane.

    `cells` is `segment_cells` of the rows, shape (rows, segments); `said` is `said_codes` of their predicted classes.
    """
    plan = plan_of(layout)
    layout.families["cohort"].view(counts, "n")[0] += len(cells)
    if plan.segments:
        shifted = cells + plan.segment_starts
        counts[plan.segment_n] += np.bincount(shifted.ravel(), minlength=len(plan.segment_n))
        if layout.spec.task == "binary":
            positive = shifted[said.astype(np.bool_)].ravel()
            counts[plan.segment_positive] += np.bincount(positive, minlength=len(plan.segment_positive))


def segment_cells(layout: Layout, columns: Columns) -> Codes:
    """Return the cell of each row in each segment, shape (rows, segments): that of its value, or the last one."""
    segments = plan_of(layout).segments
    cells = np.empty((len(columns), len(segments)), dtype=np.int32)
    for segment, (column, coding) in enumerate(segments):
        cells[:, segment] = coding.cells(columns.values[column])
    return cells


def said_codes(layout: Layout, said: Sequence[str | None]) -> Codes:
    """Return the code of each class; the last code is for classes that nobody named. Zeros where there are no classes.

    Binary: 1 for the positive label, 0 for whatever the other class is called.
    """
    if layout.spec.task == "binary":
        positive = map(eq, said, repeat(layout.spec.positive_label))
        return np.fromiter(positive, dtype=np.bool_, count=len(said)).astype(np.int32)
    if layout.spec.task == "multiclass":
        codes = plan_of(layout).class_codes
        named = map(codes.get, said, repeat(len(codes)))
        return np.fromiter(named, dtype=np.int32, count=len(said))
    return np.zeros(len(said), dtype=np.int32)


def _count_latency(plan: CountingPlan, layout: Layout, counts: Counts, latency: Floats) -> None:
    latency = latency[~np.isnan(latency)]
    if not len(latency):
        return
    view = layout.families["traffic"].view
    with np.errstate(over="ignore"):  # what is beyond all numbers is in the last bucket too
        buckets = sketch.buckets(latency * 1_000, LATENCY_BUCKETS)
    view(counts, "latency")[:] += np.bincount(buckets, minlength=LATENCY_BUCKETS)
    if plan.slow_ms is not None:
        slow = view(counts, "slow")
        slow[0] += np.count_nonzero(latency > plan.slow_ms)
        slow[1] += len(latency)


def _count_output(
    plan: CountingPlan, layout: Layout, counts: Counts, said: Sequence[str | None], output: Floats
) -> None:
    view, task = layout.families["traffic"].view, layout.spec.task
    if task in ("binary", "multiclass"):
        codes = said_codes(layout, said)
        classes = view(counts, "classes")
        classes += np.bincount(codes, minlength=len(classes))
        scored = ~np.isnan(output)
        view(counts, "no_score")[0] += len(output) - np.count_nonzero(scored)
        scores = view(counts, "scores")
        if task == "binary":
            bins = len(plan.score_edges) + 1
            positive = codes.astype(np.bool_)
            scores[:bins] += histogram(output[scored & ~positive], plan.score_edges)
            scores[bins:] += histogram(output[scored & positive], plan.score_edges)
        else:
            scores += histogram(output[scored], plan.score_edges)
    elif task == "regression":
        view(counts, "values")[:] += histogram(output, plan.value_edges)
    else:
        _, bits = np.frexp(np.fmax(output, 0.0))
        lengths = np.minimum(bits, LENGTH_BUCKETS - 1)
        view(counts, "lengths")[:] += np.bincount(lengths, minlength=LENGTH_BUCKETS)
