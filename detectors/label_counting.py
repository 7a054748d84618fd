"""Counting labels: what became known of rows, into the vectors of label and cohort panes, a pane at a time.

The vector is changed in place. Counts and fixed-point sums are integers, so neither the order of labels nor how they
are cut into chunks makes a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from detectors import sketch
from detectors.counting import Codes, Floats, Micros, said_codes, segment_cells
from detectors.counting_plan import plan_of
from detectors.layout import DELAY_BUCKETS, FIXED, Counts, Layout
from detectors.losses import losses_of
from detectors.metric_counting import count_errors, count_scores, fixed_point, scaled_truths
from detectors.numeric_bins import histogram
from detectors.row import Label, Row
from detectors.row_shape import OUTPUT, RowShape
from schemas.event_time import SECOND

Flags = npt.NDArray[np.bool_]

ACCEPTING = 0.5  # a rating from here on is that of somebody who takes the answer


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Labels that met rows of one model version, by column; shapes are (labels,) unless another one is named."""

    row_times: Micros
    times: Micros
    """When the label became known."""
    losses: Floats
    """NaN where the label does not say (`detectors.losses`)."""
    said: Codes
    """`said_codes` of the predicted classes; zeros where there are no classes, as in `truth`."""
    truth: Codes
    outputs: Floats
    """What `detectors.row_shape.OUTPUT` is: score, predicted number or length of the text. NaN: none."""
    values: Floats
    """True numbers (regression); NaN: none, as in `ratings`."""
    ratings: Floats
    cells: Codes
    """`segment_cells` of the rows, shape (labels, segments)."""
    says: Flags
    """There is a label, not a rating alone."""
    corrects: Flags
    """`Label.corrects`, as in the next two."""
    by_user: Flags
    later: Flags
    differs: Floats
    """Whether what the label says differs from what was predicted: 1 or 0. NaN: it cannot be told."""

    def __len__(self) -> int:
        return len(self.times)

    def take(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "LabelColumns":
        """Return the chosen labels."""
        return LabelColumns(*(getattr(self, column.name)[chosen] for column in fields(self)))


def label_columns(layout: Layout, labelled: Sequence[tuple[Row, Label]]) -> LabelColumns:
    """Return whole rows with their labels as columns."""
    rows, labels = [row for row, _ in labelled], [label for _, label in labelled]
    columns = RowShape(layout.spec).columns_of(rows)
    later = np.array([label.later for label in labels], dtype=np.bool_)
    found = losses_of(layout.spec, labelled)
    says = np.array([_says(layout, label) for label in labels], dtype=np.bool_)
    return LabelColumns(
        row_times=np.array([row.time for row in rows], dtype=np.int64),
        times=np.array([label.time for label in labels], dtype=np.int64),
        losses=np.where(later, np.nan, found),
        said=said_codes(layout, [row.label for row in rows]),
        truth=said_codes(layout, [label.label for label in labels]),
        outputs=columns.numbers[:, OUTPUT],
        values=np.array([label.value for label in labels], dtype=np.float64),  # None is NaN
        ratings=np.array([label.rating for label in labels], dtype=np.float64),
        cells=segment_cells(layout, columns),
        says=says,
        corrects=says & np.array([label.corrects for label in labels], dtype=np.bool_),
        by_user=says & np.array([label.by_user for label in labels], dtype=np.bool_),
        later=later,
        differs=differences(layout, found, says),
    )


def differences(layout: Layout, losses: Floats, says: Flags) -> Floats:
    """Return `LabelColumns.differs` from what the losses would be if no row had been judged before. Shapes (labels,).

    What a text should have been differs from what it was, or nobody would have said so.
    """
    differs = np.where(np.isnan(losses), np.nan, losses > 0) if layout.spec.task != "text" else np.ones(len(losses))
    return np.where(says, differs, np.nan)


def _says(layout: Layout, label: Label) -> bool:
    return (label.value if layout.spec.task == "regression" else label.label) is not None


def count_labels(layout: Layout, counts: Counts, labels: LabelColumns) -> None:
    """Add labels to the vector of a label pane."""
    view = layout.families["label"].view
    view(counts, "n")[0] += len(labels)
    rated = labels.ratings[~np.isnan(labels.ratings)]
    view(counts, "ratings")[0] += len(rated)
    view(counts, "rating_sum")[0] += np.rint(rated * FIXED).astype(np.int64).sum()
    delays = np.maximum((labels.times - labels.row_times) / SECOND, 1.0)  # one second: the smallest bucket
    if labels.later.any():
        delays = delays[~labels.later]  # the row has had its label for long
    view(counts, "timely")[0] += np.count_nonzero(delays * SECOND <= max(layout.spec.maturity, SECOND))
    view(counts, "delay")[:] += np.bincount(sketch.buckets(delays, DELAY_BUCKETS), minlength=DELAY_BUCKETS)
    known = ~np.isnan(labels.losses)
    judged = labels.losses[known]
    view(counts, "labelled")[0] += len(judged)
    _count_users(layout, counts, labels)
    _count_outcomes(layout, counts, labels, known)
    fixed_point = _fixed_losses(layout, judged)
    if fixed_point is not None:
        fixed, bins = fixed_point
        _count_losses(view(counts, "losses"), view(counts, "loss_sums"), bins, fixed)


def count_cohort_labels(layout: Layout, counts: Counts, labels: LabelColumns) -> None:
    """Add labels to the vector of a cohort pane that counts their rows, too (`count_cohort`)."""
    known = ~np.isnan(labels.losses)
    judged = labels if known.all() else labels.take(known)
    fixed_point = _fixed_losses(layout, judged.losses)
    if fixed_point is None or not len(judged):
        return
    fixed, bins = fixed_point
    plan, view = plan_of(layout), layout.families["cohort"].view
    _count_losses(view(counts, "losses"), view(counts, "loss_sums"), bins, fixed)
    if layout.classes:
        confusion = view(counts, "confusion")
        size = len(layout.classes) + 1
        confusion += np.bincount(judged.said.astype(np.intp) * size + judged.truth, minlength=len(confusion))
        hits = judged.truth == 1 if layout.spec.task == "binary" else judged.losses == 0
        count_scores(layout, counts, judged.outputs, hits)
    elif layout.spec.task == "regression":
        count_errors(layout, counts, judged.outputs, judged.values)
    if plan.segments:
        in_segments = (judged.cells + plan.segment_starts) * layout.loss_bins + bins[:, np.newaxis]
        found = np.zeros((2, len(plan.segment_losses)), dtype=np.int64)
        _count_losses(found[0], found[1], in_segments.ravel(), np.repeat(fixed, len(plan.segments)))
        counts[plan.segment_losses] += found[0]
        counts[plan.segment_loss_sums] += found[1]
        if layout.spec.task == "binary":
            in_cells = (judged.cells + plan.segment_starts) * 4 + (judged.said * 2 + judged.truth)[:, np.newaxis]
            counts[plan.segment_confusion] += np.bincount(in_cells.ravel(), minlength=len(plan.segment_confusion))


def _count_users(layout: Layout, counts: Counts, labels: LabelColumns) -> None:
    """Count what users say, and corrections."""
    view = layout.families["label"].view
    view(counts, "complaints")[0] += np.count_nonzero(labels.ratings <= layout.spec.complaint_rating)
    view(counts, "corrections")[:] += np.count_nonzero(labels.corrects), np.count_nonzero(labels.says)
    rated = ~np.isnan(labels.ratings)
    compared = labels.by_user & ~np.isnan(labels.differs)
    accepted = view(counts, "accepted")
    if compared.any():
        rated &= ~compared  # who rates and says what it should have been is one voice
        accepted[2:] += np.count_nonzero(labels.differs[compared] == 0), np.count_nonzero(compared)
    accepted[:2] += np.count_nonzero(labels.ratings[rated] >= ACCEPTING), np.count_nonzero(rated)


def _count_outcomes(layout: Layout, counts: Counts, labels: LabelColumns, known: Flags) -> None:
    """Count what came true, where it was told for the first time."""
    view = layout.families["label"].view
    if layout.classes:
        outcomes = view(counts, "outcomes")
        outcomes += np.bincount(labels.truth[known], minlength=len(outcomes))
    elif layout.truth_scale is not None and len(layout.value_edges):
        values = labels.values[known]
        view(counts, "outcomes")[:] += histogram(values, plan_of(layout).value_edges)
        view(counts, "outcome_sum")[0] += fixed_point(scaled_truths(values, *layout.truth_scale)).sum()


def _fixed_losses(layout: Layout, losses: Floats) -> tuple[Counts, Counts] | None:
    """Return losses in fixed point of [0, 1] and their bins; None where there is no scale."""
    if layout.loss_scale is None:
        return None
    scaled = np.clip(losses / layout.loss_scale, 0, 1)
    bins = np.minimum((scaled * layout.loss_bins).astype(np.int64), layout.loss_bins - 1)
    return np.rint(scaled * FIXED).astype(np.int64), bins


def _count_losses(number: Counts, total: Counts, bins: Counts, fixed: Counts) -> None:
    number += np.bincount(bins, minlength=len(number))
    np.add.at(total, bins, fixed)
