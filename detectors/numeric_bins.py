"""`NumericBins`: counts the numeric features and attached scores of a layout, all rows of a chunk at a time.

A column is sorted once; then each bin, and each thing that can be wrong with a value, is the difference of two
positions in it. That costs a tenth of looking for the bin of each value.
"""

import numpy as np
import numpy.typing as npt

from detectors.layout import FIXED, INVALID, MISSING, OUT_OF_RANGE, Counts, Layout

Floats = npt.NDArray[np.float64]

BLOCK = 4_096  # rows at a time: what is worked on stays in the cache

_LARGEST = np.finfo(np.float64).max


class NumericBins:
    """What of a layout its numeric features, then its attached scores are counted by; it keeps no counts."""

    def __init__(self, layout: Layout) -> None:
        view = layout.families["traffic"].sections
        self._bounds: list[Floats] = []
        changes: list[tuple[int, int, int]] = []
        scales, sums = [], []
        first = 2  # positions 0 and 1 are no rows and all rows
        for name, edges in layout.edges.items():
            low, high = layout.range_of(name)
            # positions: -infinities | below the range | up to its end | up to each edge | finite | no NaN
            bounds = np.concatenate(([-np.inf, np.nextafter(low, -np.inf), high], edges, [_LARGEST, np.inf]))
            bounds[:-1] = np.minimum(bounds[:-1], _LARGEST)
            self._bounds.append(bounds)
            infinite, below, within, numbers = first, first + 1, first + 2, first + len(bounds) - 1
            finite = numbers - 1
            quality, histogram = view[f"quality:{name}"].start, view[f"histogram:{name}"].start
            changes += [
                (quality + MISSING, numbers, 1),
                (quality + INVALID, 0, infinite),
                (quality + INVALID, finite, numbers),
                (quality + OUT_OF_RANGE, infinite, below),
                (quality + OUT_OF_RANGE, within, finite),
            ]
            ends = range(first + 3, numbers)  # of the bins; `finite` is the end of the last one
            changes += [(histogram + bin_, end - 1 if bin_ else infinite, end) for bin_, end in enumerate(ends)]
            scale = sum_scale(layout, name)
            scales.append(np.inf if scale is None else scale)  # anything finite over infinity adds 0
            sums.append(view[f"sum:{name}"].start)
            first += len(bounds)
        self.width = len(self._bounds)
        """Columns that are counted."""
        self._targets, self._starts, self._ends = np.array(changes, dtype=np.intp).reshape(-1, 3).T.copy()
        self._scales = np.array(scales).reshape(-1, 1)
        self._sums = np.array(sums, dtype=np.intp)

    def count(self, counts: Counts, numbers: Floats) -> None:
        """Add rows (shape (rows, width)) to the vector of a traffic pane."""
        if self._bounds:
            for start in range(0, len(numbers), BLOCK):
                self._count(counts, np.ascontiguousarray(numbers[start : start + BLOCK].T))

    def _count(self, counts: Counts, columns: Floats) -> None:
        ordered = np.sort(columns, axis=1)
        found = [
            column.searchsorted(bounds, side="right") for column, bounds in zip(ordered, self._bounds, strict=True)
        ]
        positions = np.concatenate(((0, columns.shape[1]), *found))
        np.add.at(counts, self._targets, positions[self._ends] - positions[self._starts])
        scaled = np.where(np.isfinite(columns), columns, 0.0)
        with np.errstate(over="ignore"):
            scaled /= self._scales
        np.maximum(scaled, -1.0, out=scaled)
        np.minimum(scaled, 1.0, out=scaled)
        scaled *= FIXED
        np.rint(scaled, out=scaled)
        counts[self._sums] += scaled.astype(np.int64).sum(axis=1)


def sum_scale(layout: Layout, feature: str) -> float | None:
    """Return what a numeric feature is divided by to be clipped to [-1, 1] and summed; None: it is not summed."""
    bounds = layout.profile.ranges.get(feature) if layout.profile else None
    if bounds is None:
        return None
    return 4 * max(abs(bounds[0]), abs(bounds[1]), 1e-300)  # four times the reference's reach, so that drift is seen


def histogram(values: Floats, edges: Floats) -> Counts:
    """Return how many values (shape (n,)) each bin holds; NaN falls in the last one. Bins are closed on the right."""
    found = np.full(len(edges) + 1, len(values), dtype=np.int64)
    found[:-1] = np.sort(values).searchsorted(edges, side="right")
    found[1:] -= found[:-1].copy()
    return found
