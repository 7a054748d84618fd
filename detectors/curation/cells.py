"""Cells: rows by bin of a numeric feature or by category, in a pane or the reference, by the codes of `RowCodes`."""

import numpy as np
import numpy.typing as npt

from detectors.distribution import distribution_of
from detectors.layout import Counts, Layout
from detectors.row_codes import RowCodes

Floats = npt.NDArray[np.float64]


def cells_of(layout: Layout, counts: Counts, codes: RowCodes) -> list[Floats]:
    """Return of each feature how many rows of a traffic pane's vector have each code, missing and invalid left out."""
    found = []
    for name, size in zip(codes.names, codes.sizes, strict=True):
        histogram = distribution_of(layout, counts, name).histogram.astype(np.float64)
        cells = np.zeros(size - 1)
        bins = min(len(histogram), size - 1)
        cells[:bins] = histogram[:bins]
        cells[-1] += histogram[bins:].sum()  # codes that share one
        found.append(cells)
    return found
