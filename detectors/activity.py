"""When in its pane a prediction was made: equal cells of the pane, and how long they stay empty."""

import numpy as np
import numpy.typing as npt

from detectors.layout import Counts, Layout
from detectors.proxy_sections import ACTIVITY_CELLS


def count_activity(layout: Layout, counts: Counts, times: npt.NDArray[np.int64]) -> None:
    """Add the times of predictions of one pane (microseconds) to its vector."""
    cells = times % layout.spec.pane * ACTIVITY_CELLS // layout.spec.pane
    layout.families["traffic"].view(counts, "activity")[:] += np.bincount(cells, minlength=ACTIVITY_CELLS)


def silences(cells: Counts) -> tuple[int, int]:
    """Return how many cells in a row are empty: at the end, and at most anywhere."""
    filled = np.flatnonzero(cells)
    if not len(filled):
        return len(cells), len(cells)
    gaps = np.diff(filled, prepend=-1, append=len(cells)) - 1
    return int(gaps[-1]), int(gaps.max())
