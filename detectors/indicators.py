"""Indicators: the 0/1 questions about a row that e-detectors bet on, and their sums over a pane or the reference.

A distribution is watched through its indicators: for each edge b of an ordered one, x <= b and x > b; for each
category, x = c and x != c; and x is missing. If the distribution stays within τ of the reference in Kolmogorov's
distance, every one of their means stays within τ of the reference's.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.layout import FIXED, QUALITY, UNSEEN_BUCKETS, Counts, Layout
from schemas.reading import Family

Floats = npt.NDArray[np.float64]


class Indicators(NamedTuple):
    """Sums of J indicators over the same n rows."""

    totals: Floats
    n: float


def of_feature(layout: Layout, counts: Counts, feature: str) -> Indicators:
    """Return the indicators of a feature's distribution in the vector of a traffic pane."""
    view = layout.families["traffic"].view
    histogram = view(counts, f"histogram:{feature}")
    n = float(view(counts, "n")[0])
    if feature in layout.edges:
        return _ordered(histogram, n)
    return _categories(np.append(histogram[:-UNSEEN_BUCKETS], histogram[-UNSEEN_BUCKETS:].sum()), n)


def of_prediction(layout: Layout, counts: Counts) -> Indicators:
    """Return the indicators of the predictions' distribution: scores, classes, values or lengths."""
    histogram, ordered = prediction_histogram(layout, counts)
    n = float(layout.families["traffic"].view(counts, "n")[0])
    return _ordered(histogram, n) if ordered else _categories(histogram, n)


def prediction_histogram(layout: Layout, counts: Counts) -> tuple[Counts, bool]:
    """Return the histogram that predictions are watched by, and whether its bins are ordered."""
    view = layout.families["traffic"].view
    if layout.spec.task == "regression":
        return view(counts, "values"), True
    if layout.spec.task == "text":
        return view(counts, "lengths"), True
    if layout.spec.task == "binary" and len(layout.score_edges):
        return view(counts, "scores").reshape(2, -1).sum(axis=0), True
    return view(counts, "classes"), False


def describe(layout: Layout, feature: str | None, bet: int) -> str:
    """Return in words what an indicator of a feature (None: of the prediction) asks, such as `car_value <= 20000`."""
    name = feature or "prediction"
    if feature is not None and feature in layout.edges:
        edges = [f"{edge:.6g}" for edge in layout.edges[feature]]
    elif feature is not None:
        return _describe_category(name, [*layout.codes[feature], "a value the reference does not have"], bet)
    elif layout.spec.task == "regression":
        edges = [f"{edge:.6g}" for edge in layout.value_edges]
    elif layout.spec.task == "binary" and len(layout.score_edges):
        name, edges = "score", [f"{edge:.6g}" for edge in layout.score_edges]
    elif layout.spec.task == "text":
        name, edges = "text length", [str(2**power - 1) for power in range(32)]
    elif layout.spec.task == "binary":
        other = layout.spec.negative_label
        return _describe_category(name, [other, layout.spec.positive_label or "", "?"], bet)
    else:
        return _describe_category(name, [*layout.classes, "a class the reference does not have"], bet)
    if bet == 2 * len(edges):
        return f"{name} missing or invalid"
    return f"{name} <= {edges[bet]}" if bet < len(edges) else f"{name} > {edges[bet - len(edges)]}"


def of_losses(layout: Layout, counts: Counts, family: Family, segment: str | None = None, cell: int = 0) -> Indicators:
    """Return the sum of losses scaled to [0, 1], and the labelled rows: of all, or of one cell of a segment."""
    losses, sums = loss_histogram(layout, counts, family, segment, cell)
    return Indicators(np.array([sums.sum()]), float(losses.sum()))


def loss_histogram(
    layout: Layout, counts: Counts, family: Family, segment: str | None = None, cell: int = 0
) -> tuple[Floats, Floats]:
    """Return labelled rows and sums of their losses in [0, 1] by bin of the loss, each of shape (bins,)."""
    view = layout.families[family].view
    if segment is None:
        losses, sums = view(counts, "losses"), view(counts, "loss_sums")
    else:
        part = slice(cell * layout.loss_bins, (cell + 1) * layout.loss_bins)
        losses = view(counts, f"segment_losses:{segment}")[part]
        sums = view(counts, f"segment_loss_sums:{segment}")[part]
    return losses.astype(np.float64), sums / FIXED


def of_quality(layout: Layout, counts: Counts, feature: str, kind: int) -> Indicators:
    """Return how many values of a feature are missing, invalid, out of range or unseen (`kind` indexes QUALITY)."""
    view = layout.families["traffic"].view
    return Indicators(
        view(counts, f"quality:{feature}")[kind : kind + 1].astype(np.float64), float(view(counts, "n")[0])
    )


def quality_name(feature: str, kind: int) -> str:
    """Return the name of a quality indicator in the profile's dispersion."""
    return f"quality:{feature}:{QUALITY[kind]}"


def _ordered(histogram: Counts, n: float) -> Indicators:
    edges = len(histogram) - 1
    totals = np.empty(2 * edges + 1)
    upto = histogram.cumsum()
    valid = upto.item(edges)
    totals[:edges] = upto[:edges]
    np.subtract(valid, upto[:edges], out=totals[edges:-1])
    totals[-1] = n - valid
    return Indicators(totals, n)


def _categories(histogram: Counts, n: float) -> Indicators:
    each = histogram.astype(np.float64)
    return Indicators(np.concatenate([each, histogram.sum() - each, [n - histogram.sum()]]), n)


def _describe_category(name: str, values: list[str], bet: int) -> str:
    if bet == 2 * len(values):
        return f"{name} missing or invalid"
    return f"{name} = {values[bet]}" if bet < len(values) else f"{name} other than {values[bet - len(values)]}"
