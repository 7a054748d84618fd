"""`Distribution`: the histogram by which a feature, or the prediction, is watched for drift."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors import distances, indicators
from detectors.layout import UNSEEN_BUCKETS, Counts, Layout


class Distribution(NamedTuple):
    """Rows by bin, without those that are missing or invalid."""

    histogram: Counts
    ordered: bool
    edges: npt.NDArray[np.float64] | None
    """Upper bounds of all bins but the last, in the unit of the value; None where the bins have none."""

    def effects(self, current: "Distribution") -> dict[str, float]:
        """Return the distances from this one to another of the same bins."""
        return distances.effects_between(self.histogram, current.histogram, self.edges, ordered=self.ordered)


def watched(layout: Layout) -> list[str | None]:
    """Return the features that have a distribution, and None for the prediction."""
    return [
        *(name for name, one in layout.spec.features.items() if one.type in ("numeric", "categorical", "boolean")),
        None,
    ]


def distribution_of(layout: Layout, counts: Counts, feature: str | None) -> Distribution:
    """Return the distribution of a feature, or of the prediction (None), in the vector of a traffic pane."""
    if feature is None:
        histogram, ordered = indicators.prediction_histogram(layout, counts)
        edges = {"regression": layout.value_edges, "binary": layout.score_edges}.get(layout.spec.task)
        return Distribution(histogram, ordered, edges if ordered else None)
    histogram = layout.families["traffic"].view(counts, f"histogram:{feature}")
    if feature in layout.edges:
        return Distribution(histogram, ordered=True, edges=layout.edges[feature])
    merged = np.append(histogram[:-UNSEEN_BUCKETS], histogram[-UNSEEN_BUCKETS:].sum())
    return Distribution(merged, ordered=False, edges=None)


def indicators_of(layout: Layout, counts: Counts, feature: str | None) -> indicators.Indicators:
    """Return the indicators of a feature, or of the prediction (None), in the vector of a traffic pane."""
    if feature is None:
        return indicators.of_prediction(layout, counts)
    return indicators.of_feature(layout, counts, feature)


def bet_names(feature: str | None, bets: int) -> list[str]:
    """Return the names of its indicators in the profile's dispersion."""
    name = "prediction" if feature is None else f"feature:{feature}"
    return [name] if bets == 1 else [f"{name}:{bet}" for bet in range(bets)]
