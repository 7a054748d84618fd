"""`select`: the rows that a trigger names, out of the archive.

Memory is bounded by the sizes that the plan names, whatever the volume. Which rows come out depends on their ids, times
and contents alone: not on the order in which the archive yields them.

A row is sampled when its uniform number over its selection weight is below a threshold: the first such quotient that is
left out. Must-have rows have thresholds of their own on the same uniform numbers, so the probability that a row is in
is the largest of them, and its inverse undoes the sampling without bias.

References
----------
Duffield, Lund and Thorup, "Priority sampling for estimation of arbitrary subset sums", Journal of the ACM 54(6), 2007.
Cohen, Kaplan and Sen, "Coordinated weighted sampling for estimating aggregates over multiple weight assignments", VLDB
2009.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from streams.archive_schema import archive_schema
from streams.arrow_arrays import floats_of
from streams.dataset_archive import ArchivedRows
from streams.dataset_elsewhere import from_elsewhere
from streams.dataset_hash import uniforms
from streams.dataset_label_weights import LabelWeights
from streams.dataset_offsets import SeenOffsets
from streams.dataset_plan import DatasetPlan
from streams.dataset_tables import ids_of, in_order, total_rows, united
from streams.dataset_window import COUNTS, Window


@dataclass(frozen=True)
class Selection:
    """The rows of a dataset, each part by (time, prediction_id), and how they came to be it."""

    train: pa.Table
    """Its `weight` says how many labelled rows of the window a row stands for."""
    holdout: pa.Table
    unlabelled: pa.Table
    reasons: dict[str, int]
    """Rows of `train` by the first reason that holds: pinned, must_have (from before the window), window, slice."""
    counts: dict[str, int]
    """Rows of the window by what became of them."""
    threshold: float | None
    """Of the sample; None where all rows are in."""
    shortages: list[str]
    """What could not be had, in sentences."""
    offsets: SeenOffsets
    label_weights: LabelWeights


def select(plan: DatasetPlan, archive: ArchivedRows) -> Selection:
    """Return the rows that a plan names."""
    schema = archive_schema(plan.settings)
    window = Window(plan, archive)
    elsewhere = from_elsewhere(plan, archive, window)
    outside = total_rows([elsewhere.pinned, elsewhere.must_have])
    sampled = _sampled(plan, window, max(plan.sample.max_rows - outside, 0))
    train, reasons = united(
        {"pinned": elsewhere.pinned, "must_have": elsewhere.must_have, "window": sampled.rows}, schema
    )
    if sampled.by_slice:
        reasons |= {"window": reasons["window"] - sampled.by_slice, "slice": sampled.by_slice}
    return Selection(
        train=train,
        holdout=window.label_weights.on(in_order(window.held_out.take()[0], schema)),
        unlabelled=in_order(window.unlabelled.take()[0], schema),
        reasons={reason: count for reason, count in reasons.items() if count},
        counts={name: window.counts[name] for name in COUNTS},
        threshold=None if math.isinf(sampled.threshold) else sampled.threshold,
        shortages=[*elsewhere.shortages, *_too_many(plan, train), *_fewer_than_said(plan, window)],
        offsets=window.offsets,
        label_weights=window.label_weights,
    )


class _Sampled(NamedTuple):
    rows: pa.Table | None
    threshold: float
    by_slice: int
    """Rows that only a slice or a must-have rule brought in."""


def _sampled(plan: DatasetPlan, window: Window, capacity: int) -> _Sampled:
    """Return the rows of the window that are trained on: all, or a sample with weights that undo it."""
    if window.counts["trainable"] <= capacity:
        everything, _ = window.rest.take()
        return _Sampled(None if everything is None else window.label_weights.on(everything), math.inf, 0)
    must = {name: reservoir.take() for name, reservoir in window.must_have.items()}
    reserved = total_rows(rows for rows, _ in must.values())
    sample, threshold = window.rest.take(max(capacity - reserved, 0))
    rows, _ = united({"": sample} | {name: found for name, (found, _) in must.items()}, archive_schema(plan.settings))
    rows = window.label_weights.on(rows)
    own = window.weights.of(rows)
    by_sample = np.minimum(own * threshold, 1.0)
    chance = by_sample
    for each in plan.must_have:
        chance = np.maximum(chance, each.rows(plan.settings, rows) * min(must[each.name][1], 1.0))
    # Recency is meant, not undone: there, only that a must-have brought a row in is.
    undoing = by_sample / chance if plan.sample.method == "recency" else 1.0 / chance
    weights = pa.array(floats_of(rows["weight"]) * undoing)
    draws = uniforms(ids_of(rows), "sample", plan.sample.seed)
    place = rows.schema.get_field_index("weight")
    return _Sampled(
        rows.set_column(place, rows.schema.field(place), weights), threshold, int((draws / own >= threshold).sum())
    )


def _too_many(plan: DatasetPlan, train: pa.Table) -> list[str]:
    if len(train) <= plan.sample.max_rows:
        return []
    return [f"pinned and must-have rows alone are {len(train):,}, more than max_rows ({plan.sample.max_rows:,})"]


def _fewer_than_said(plan: DatasetPlan, window: Window) -> list[str]:
    said, found = plan.trigger.train_on.labelled_rows, window.counts["labelled"]
    if found >= said:
        return []
    return [f"the trigger counted {said:,} labelled rows in its window, and the archive has {found:,}"]
