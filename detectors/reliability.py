"""Reliability: what came true by groups of score bins, against what their scores say. Pure.

A group holds the bins whose calibrated probabilities lie in one of ten cells, equal after the arcsine transformation:
narrow near 0 and 1, where a probability is known well, and .15 wide in the middle.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.layout import FIXED, Counts, Layout
from detectors.metrics import hits_by_score
from detectors.state import register

Floats = npt.NDArray[np.float64]

CELLS = 10
PREFIX = "calibration:"


@register
@dataclass(frozen=True)
class Group:
    """Neighbouring score bins that promise about the same."""

    number: int
    start: int
    """First bin."""
    end: int
    """First bin after it."""
    least: float
    """Smallest calibrated probability of its bins."""
    most: float
    """Largest."""

    @property
    def bins(self) -> slice:
        """Bins of the group."""
        return slice(self.start, self.end)

    @property
    def name(self) -> str:
        """The name that its dispersion has in the profile."""
        return f"{PREFIX}{self.number}"


def groups_of(layout: Layout) -> list[Group]:
    """Return the groups of a version, from low scores to high ones; none without a calibrated reference."""
    calibration = np.asarray(layout.profile.calibration if layout.profile else [], dtype=np.float64)
    if len(calibration) != len(layout.score_edges) + 1:
        return []
    cells = np.minimum(np.arcsin(np.sqrt(calibration)) / (np.pi / 2) * CELLS, CELLS - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    ends = [*starts[1:].tolist(), len(cells)]
    return [
        Group(number, start, end, float(calibration[start]), float(calibration[end - 1]))
        for number, (start, end) in enumerate(zip(starts.tolist(), ends, strict=True))
    ]


def is_group(name: str) -> bool:
    """Return whether a name in a profile's dispersion is one of a group."""
    return name.startswith(PREFIX)


def hits_of(layout: Layout, counts: Counts, group: Group) -> tuple[float, float]:
    """Return how many labelled rows of a group hit, and how many there are, in the vector of a cohort pane."""
    misses, hits = (float(one[group.bins].sum()) for one in hits_by_score(layout, counts))
    return hits, misses + hits


def describe(layout: Layout, group: Group) -> str:
    """Return the scores of a group as `score=0.1..0.2`; an end that is open is left out."""
    edges = layout.score_edges
    low = f"{edges[group.start - 1]:.4g}" if group.start else ""
    high = f"{edges[group.end - 1]:.4g}" if group.end <= len(edges) else ""
    return f"{'score' if layout.spec.task == 'binary' else 'confidence'}={low}..{high}"


def calibration_error(layout: Layout, counts: Counts) -> tuple[float | None, int]:
    """Return the expected calibration error, and its rows.

    The mean distance between what share of a group's rows hit and their mean score (Naeini, Cooper and Hauskrecht,
    "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015), over the groups above.
    """
    misses, hits = hits_by_score(layout, counts)
    sums = layout.families["cohort"].view(counts, "score_sums") / FIXED
    groups, n = groups_of(layout), int((misses + hits).sum())
    if not groups or not n:
        return None, n
    return float(sum(abs(hits[one.bins].sum() - sums[one.bins].sum()) for one in groups)) / n, n
