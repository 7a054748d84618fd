"""Counting: rows into the vector of a pane summary, a chunk at a time."""

import math
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors import sketch
from detectors.layout import (
    DELAY_BUCKETS,
    FIXED,
    INVALID,
    LATENCY_BUCKETS,
    LENGTH_BUCKETS,
    MISSING,
    OUT_OF_RANGE,
    UNSEEN,
    UNSEEN_BUCKETS,
    Counts,
    Layout,
    category,
    delay_seconds,
    segment_code,
)
from detectors.row import Label, Row
from schemas.prediction import FeatureValue

Numbers = npt.NDArray[np.float64]


def count_traffic(layout: Layout, counts: Counts, rows: Sequence[Row]) -> None:
    """Add predictions to the vector of a traffic pane (shape (size,), changed in place)."""
    view = layout.families["traffic"].view
    view(counts, "n")[0] += len(rows)
    view(counts, "unexpected")[0] += sum(row.unexpected for row in rows)
    _count_latency(layout, counts, rows)
    for position, (name, feature) in enumerate(layout.spec.features.items()):
        column = [row.features[position] for row in rows]
        if feature.type == "numeric":
            _count_numeric(layout, counts, name, column)
        elif feature.type in ("categorical", "boolean"):
            _count_categorical(layout, counts, name, column)
        else:
            quality = view(counts, f"quality:{name}")
            missing = sum(value is None for value in column)
            quality[MISSING] += missing
            quality[INVALID] += len(column) - missing - sum(isinstance(value, str) for value in column)
    _count_output(layout, counts, rows)


def count_cohort(layout: Layout, counts: Counts, rows: Sequence[Row]) -> None:
    """Add predictions, labelled or not yet, to the vector of a cohort pane."""
    view = layout.families["cohort"].view
    view(counts, "n")[0] += len(rows)
    for segment, position in _segments(layout):
        cells = [segment_code(layout, segment, row.features[position]) for row in rows]
        _add(view(counts, f"segment_n:{segment}"), np.asarray(cells, dtype=np.int64))


def count_cohort_losses(
    layout: Layout, counts: Counts, joined: Sequence[tuple[Row, Label]], losses: Sequence[float]
) -> None:
    """Add the losses of labelled rows to the vector of a cohort pane that has counted the rows already."""
    view = layout.families["cohort"].view
    fixed_point = _losses(layout, losses)
    if fixed_point is None:
        return
    fixed, bins = fixed_point
    np.add.at(view(counts, "losses"), bins, 1)
    np.add.at(view(counts, "loss_sums"), bins, fixed)
    if layout.classes:
        size = len(layout.classes) + 1
        cells = [class_code(layout, row.label) * size + class_code(layout, label.label) for row, label in joined]
        _add(view(counts, "confusion"), np.asarray(cells, dtype=np.int64))
    for segment, position in _segments(layout):
        cell = np.asarray([segment_code(layout, segment, row.features[position]) for row, _ in joined], dtype=np.int64)
        np.add.at(view(counts, f"segment_losses:{segment}"), cell * layout.loss_bins + bins, 1)
        np.add.at(view(counts, f"segment_loss_sums:{segment}"), cell * layout.loss_bins + bins, fixed)


def count_labels(layout: Layout, counts: Counts, joined: Sequence[tuple[Row, Label]]) -> None:
    """Add feedback on rows to the vector of a label pane: how many, how late, which ratings."""
    view = layout.families["label"].view
    view(counts, "n")[0] += len(joined)
    ratings = [label.rating for _, label in joined if label.rating is not None]
    view(counts, "ratings")[0] += len(ratings)
    view(counts, "rating_sum")[0] += sum(round(rating * FIXED) for rating in ratings)
    delays = np.asarray([delay_seconds(label.time - row.time) for row, label in joined])
    _add(view(counts, "delay"), sketch.buckets(delays, DELAY_BUCKETS))


def count_label_losses(layout: Layout, counts: Counts, losses: Sequence[float]) -> None:
    """Add losses to the vector of a label pane."""
    view = layout.families["label"].view
    view(counts, "labelled")[0] += len(losses)
    fixed_point = _losses(layout, losses)
    if fixed_point is not None:
        fixed, bins = fixed_point
        np.add.at(view(counts, "losses"), bins, 1)
        np.add.at(view(counts, "loss_sums"), bins, fixed)


def class_code(layout: Layout, label: str | None) -> int:
    """Return the code of a class; the last one is for classes that nobody named."""
    if layout.spec.task == "binary":
        return int(label == layout.spec.positive_label)
    return layout.class_codes.get(label or "", len(layout.class_codes))


def _count_latency(layout: Layout, counts: Counts, rows: Sequence[Row]) -> None:
    latency = np.asarray([row.latency_ms for row in rows if row.latency_ms is not None], dtype=np.float64)
    if not len(latency):
        return
    view = layout.families["traffic"].view
    with np.errstate(over="ignore"):  # what is beyond all numbers is in the last bucket too
        _add(view(counts, "latency"), sketch.buckets(latency * 1_000, LATENCY_BUCKETS))
    threshold = layout.profile.slow_ms if layout.profile else None
    if threshold is not None:
        view(counts, "slow")[:] += (int((latency > threshold).sum()), len(latency))


def _count_numeric(layout: Layout, counts: Counts, name: str, column: list[FeatureValue]) -> None:
    view = layout.families["traffic"].view
    quality = view(counts, f"quality:{name}")
    numbers = [value for value in column if type(value) is float or type(value) is int]
    missing = sum(value is None for value in column)
    values = np.asarray(numbers, dtype=np.float64)
    finite = values[np.isfinite(values)]
    quality[MISSING] += missing
    quality[INVALID] += len(column) - missing - len(finite)
    low, high = layout.range_of(name)
    quality[OUT_OF_RANGE] += int(((finite < low) | (finite > high)).sum())
    _add(view(counts, f"histogram:{name}"), np.searchsorted(layout.edges[name], finite, side="left"))
    scale = sum_scale(layout, name)
    if scale is not None:
        with np.errstate(over="ignore"):
            scaled = np.clip(finite / scale, -1, 1)
        view(counts, f"sum:{name}")[0] += int(np.rint(scaled * FIXED).astype(np.int64).sum())


def sum_scale(layout: Layout, feature: str) -> float | None:
    """Return what a numeric feature is divided by to be clipped to [-1, 1] and summed; None: it is not summed."""
    bounds = layout.profile.ranges.get(feature) if layout.profile else None
    if bounds is None:
        return None
    return 4 * max(abs(bounds[0]), abs(bounds[1]), 1e-300)  # four times the reference's reach, so that drift is seen


def _count_categorical(layout: Layout, counts: Counts, name: str, column: list[FeatureValue]) -> None:
    view = layout.families["traffic"].view
    quality = view(counts, f"quality:{name}")
    codes, allowed = layout.codes[name], layout.allowed(name)
    boolean = layout.spec.features[name].type == "boolean"
    cells = []
    for value in column:
        if value is None:
            quality[MISSING] += 1
        elif (boolean and not isinstance(value, bool)) or (isinstance(value, float) and not math.isfinite(value)):
            quality[INVALID] += 1
        else:
            text = category(value)
            code = codes.get(text)
            if code is None:
                code = len(codes) + zlib.crc32(text.encode(errors="surrogatepass")) % UNSEEN_BUCKETS
                quality[UNSEEN] += allowed is None and bool(codes)
            if allowed is not None:
                quality[UNSEEN] += text not in allowed
            cells.append(code)
    _add(view(counts, f"histogram:{name}"), np.asarray(cells, dtype=np.int64))


def _count_output(layout: Layout, counts: Counts, rows: Sequence[Row]) -> None:
    view, task = layout.families["traffic"].view, layout.spec.task
    if task in ("binary", "multiclass"):
        codes = np.asarray([class_code(layout, row.label) for row in rows], dtype=np.int64)
        _add(view(counts, "classes"), codes)
        scored = np.asarray([row.score is not None for row in rows], dtype=bool)
        view(counts, "no_score")[0] += int((~scored).sum())
        scores = np.asarray([row.score for row in rows if row.score is not None], dtype=np.float64)
        bins = np.searchsorted(layout.score_edges, scores, side="left")
        if task == "binary":
            bins = bins + codes[scored] * (len(layout.score_edges) + 1)
        _add(view(counts, "scores"), bins)
    elif task == "regression":
        values = np.asarray([row.value for row in rows], dtype=np.float64)
        _add(view(counts, "values"), np.searchsorted(layout.value_edges, values, side="left"))
    else:
        lengths = [min(row.text_length.bit_length(), LENGTH_BUCKETS - 1) for row in rows]
        _add(view(counts, "lengths"), np.asarray(lengths, dtype=np.int64))


def _losses(layout: Layout, losses: Sequence[float]) -> tuple[Counts, Counts] | None:
    """Return losses in fixed point of [0, 1] and their bins; None where there is no scale."""
    if layout.loss_scale is None:
        return None
    scaled = np.clip(np.asarray(losses, dtype=np.float64) / layout.loss_scale, 0, 1)
    bins = np.minimum((scaled * layout.loss_bins).astype(np.int64), layout.loss_bins - 1)
    return np.rint(scaled * FIXED).astype(np.int64), bins


def _segments(layout: Layout) -> list[tuple[str, int]]:
    order = list(layout.spec.features)
    return [(segment, order.index(segment)) for segment in layout.spec.segments]


def _add(section: Counts, cells: npt.NDArray[np.int64]) -> None:
    section += np.bincount(cells, minlength=len(section))[: len(section)]
