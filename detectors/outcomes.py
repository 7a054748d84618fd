"""What users say and what came true, in the vector of a label pane: the shares that signals watch."""

from collections.abc import Callable, Sequence

import numpy as np

from detectors.indicators import Indicators
from detectors.layout import FIXED, Counts, Layout
from detectors.reference import rating_shortfall

RATED, SAID = 0, 1
"""Ways to accept an answer, or not: by a rating, and by saying what it should have been."""


def complaints(layout: Layout, counts: Counts) -> Indicators:
    """Return the ratings that are complaints (`complaint_rating`), of all ratings."""
    view = layout.families["label"].view
    return Indicators(view(counts, "complaints").astype(np.float64), float(view(counts, "ratings")[0]))


def refusals(layout: Layout, counts: Counts, ways: Sequence[int] = (RATED, SAID)) -> Indicators:
    """Return the users' feedback that does not accept the answer, of that in `ways`."""
    accepted = layout.families["label"].view(counts, "accepted").reshape(2, 2)[list(ways)]
    agreeing, all_ = accepted.sum(axis=0)
    return Indicators(np.array([float(all_ - agreeing)]), float(all_))


def corrections(layout: Layout, counts: Counts) -> Indicators:
    """Return the corrections, of all feedback that says a label."""
    correcting, all_ = layout.families["label"].view(counts, "corrections")
    return Indicators(np.array([float(correcting)]), float(all_))


def overrides(layout: Layout, counts: Counts) -> Indicators:
    """Return the labels of users, and corrections, that differ from what the model said; of all of them."""
    return refusals(layout, counts, [SAID])


OUTCOMES: dict[str, Callable[[Layout, Counts], Indicators]] = {
    "rating": rating_shortfall,
    "complaint_rate": complaints,
    "acceptance_rate": refusals,
    "correction_rate": corrections,
    "override_rate": overrides,
}
"""By signal: what rises when things get worse. Of ratings and acceptance that is what is missing to 1."""


def of_labels(layout: Layout, counts: Counts) -> Indicators:
    """Return the indicators of what came true: each class and all others, or below and above each edge of the values.

    A model that generates text has none.
    """
    histogram = layout.families["label"].view(counts, "outcomes")
    n = float(histogram.sum())
    if not layout.classes:
        below = np.cumsum(histogram)[:-1].astype(np.float64)
        return Indicators(np.concatenate([below, n - below]), n)
    each = histogram.astype(np.float64)[1:2] if layout.spec.task == "binary" else histogram.astype(np.float64)
    return Indicators(np.concatenate([each, n - each]), n)


def describe_label(layout: Layout, bet: int) -> str:
    """Return in words what an indicator of `of_labels` asks, such as `outcome = yes`."""
    if not layout.classes:
        edges = [f"{edge:.6g}" for edge in layout.value_edges]
        return f"outcome <= {edges[bet]}" if bet < len(edges) else f"outcome > {edges[bet - len(edges)]}"
    names = [*layout.classes, "a class the reference does not have"]
    if layout.spec.task == "binary":
        names = names[1:2]
    return f"outcome = {names[bet]}" if bet < len(names) else f"outcome other than {names[bet - len(names)]}"


def mean_outcome(layout: Layout, counts: Counts) -> float | None:
    """Return the mean of the true numbers (regression), each clipped by `truth_scale`; None where there is none."""
    view, scale = layout.families["label"].view, layout.truth_scale
    n = 0 if scale is None else int(view(counts, "outcomes").sum())
    if scale is None or n == 0:
        return None
    middle, reach = scale
    return middle + reach * (float(view(counts, "outcome_sum")[0]) / FIXED / n)
