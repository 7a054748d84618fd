"""`VersionLosses`: what one version lost on one cohort; and the rows on which two versions can be paired. Pure."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.indicators import loss_histogram
from detectors.layout import LOSS_BINS
from detectors.pane import ClosedPane
from detectors.sampled_row import SampledRow
from detectors.signals.labels import too_few_labels
from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]

ENOUGH_PAIRED = 0.5  # of the smaller version's sampled rows: with fewer, both versions' sums say more than the pairs
SAME_RATINGS = (
    "both versions have the same ratings, which are of the answers that users saw; feedback that names its version, "
    "or a canary, tells them apart"
)


class Histogram(NamedTuple):
    """Rows and sums of their losses by equal bins of [0, 1], each of shape (bins,)."""

    counts: Floats
    sums: Floats


@register
@dataclass
class VersionLosses:
    """What one version lost on one cohort. A loss divided by `scale` lies in [0, 1]."""

    version: str
    start: Micros
    end: Micros
    problem: str | None
    """Why nothing can be read from it."""
    scale: float
    counts: Floats
    sums: Floats
    ids: list[str]
    """Of the labelled rows in the sample."""
    losses: Floats
    """Theirs, in the unit of the loss."""
    ratings: list[tuple[Micros, float | None, str | None]]
    """What rated them, for texts: the same feedback may have joined the rows of both versions."""

    @classmethod
    def of(cls, pane: ClosedPane) -> "VersionLosses":
        """Read a closed cohort."""
        layout = pane.layout
        counts, sums = loss_histogram(layout, pane.counts, "cohort")
        problem = pane.problem
        if problem is None and layout.loss_scale is None:
            problem = f"losses are not counted: no reference profile for version {pane.key.version}"
        problem = problem or too_few_labels(layout, float(counts.sum()), pane.n)
        rows = [sampled for sampled in pane.estimating if sampled.loss is not None]
        return cls(
            pane.key.version,
            pane.start,
            pane.end,
            problem,
            layout.loss_scale or 1.0,
            counts,
            sums,
            [sampled.row.id for sampled in rows],
            np.array([sampled.loss for sampled in rows], dtype=np.float64),
            list(map(_rating, rows)) if layout.spec.task == "text" else [],
        )

    @property
    def labelled(self) -> int:
        """Labelled rows."""
        return int(self.counts.sum())

    @property
    def loss(self) -> float:
        """Sum of the losses, in their unit."""
        return float(self.sums.sum()) * self.scale

    def histogram(self, scale: float) -> Histogram:
        """Return the losses divided by `scale`; by another scale than its own, those of the sample."""
        if scale == self.scale:
            return Histogram(self.counts, self.sums)
        values = np.minimum(self.losses / scale, 1.0)
        bins = np.minimum((values * LOSS_BINS).astype(np.intp), LOSS_BINS - 1)
        counts = np.bincount(bins, minlength=LOSS_BINS).astype(np.float64)
        return Histogram(counts, np.bincount(bins, values, LOSS_BINS).astype(np.float64))


def paired(new: VersionLosses, old: VersionLosses, scale: float) -> tuple[Floats | None, str | None]:
    """Return new less old loss of the rows that both versions predicted, over `scale`: in [-1, 1], in order of id.

    Returns
    -------
    The differences, or None where too few rows are the same; and why even sums say nothing, or None.

    Notes
    -----
    Both samples have the smallest hashes of ids, so rows that both versions predicted are in both or in none: which
    pairs there are depends on ids alone, and on no loss.
    """
    places = {id_: place for place, id_ in enumerate(old.ids)}
    twice = {id_ for ids in (new.ids, old.ids) for id_, times in Counter(ids).items() if times > 1}
    both = sorted((id_, place) for place, id_ in enumerate(new.ids) if id_ in places and id_ not in twice)
    if not both or len(both) < ENOUGH_PAIRED * min(len(new.ids), len(old.ids)):
        return None, None
    mine = np.array([place for _, place in both], dtype=np.intp)
    others = np.array([places[id_] for id_, _ in both], dtype=np.intp)
    if new.ratings:
        told_apart = [new.ratings[i] != old.ratings[j] for i, j in zip(mine.tolist(), others.tolist(), strict=True)]
        if not any(told_apart):
            return None, SAME_RATINGS
        mine, others = mine[told_apart], others[told_apart]
    ours, theirs = (np.minimum(one / scale, 1.0) for one in (new.losses[mine], old.losses[others]))
    return ours - theirs, None


def _rating(sampled: SampledRow) -> tuple[Micros, float | None, str | None]:
    label = sampled.label
    return (0, None, None) if label is None else (label.time, label.rating, label.label)
