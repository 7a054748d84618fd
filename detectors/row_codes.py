"""`RowCodes`: sampled rows as small numbers, the bin of each feature, so that many of them fit into a snapshot."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.categories import coding_of
from detectors.layout import Layout
from detectors.row import Row
from detectors.row_shape import RowShape

Codes = npt.NDArray[np.uint8]

MOST = 256  # codes of a feature: one byte; categories beyond share one


class RowCodes:
    """Codes the features of a layout that have bins: numeric, categorical and boolean ones.

    A numeric feature has its bins in ascending order, any other its known categories and then all others as one. The
    last code of each is for values that are missing or invalid.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._shape = RowShape(layout.spec)
        features = list(layout.spec.features)
        self._numeric = {features[position]: column for column, position in enumerate(self._shape.numeric)}
        self._others = {features[position]: column for column, position in enumerate(self._shape.other)}
        self.names = [name for name in features if name in layout.edges or name in layout.codes]
        self.sizes = [self._bins(name) + 1 for name in self.names]
        """Codes of each feature."""

    def ordered(self, name: str) -> bool:
        """Return whether the bins of a feature have an order."""
        return name in self._layout.edges

    def of(self, rows: Sequence[Row]) -> Codes:
        """Return the codes of rows, shape (rows, features)."""
        columns = self._shape.columns_of(rows)
        codes = np.zeros((len(rows), len(self.names)), dtype=np.uint8)
        for place, (name, size) in enumerate(zip(self.names, self.sizes, strict=True)):
            if name in self._numeric:
                values = columns.numbers[:, self._numeric[name]]
                found = np.searchsorted(self._layout.edges[name], values, side="left")
                codes[:, place] = np.where(np.isfinite(values), np.minimum(found, size - 2), size - 1)
            else:
                coding = coding_of(self._layout, name)
                outcomes = coding.outcomes(columns.values[self._others[name]])
                broken = outcomes >= 2 * coding.bins
                codes[:, place] = np.where(broken, size - 1, np.minimum(outcomes % coding.bins, size - 2))
        return codes

    def describe(self, place: int, first: int, last: int) -> str:
        """Return in words what the codes from `first` to `last` of a feature are, such as `20 < age <= 30`."""
        name, size = self.names[place], self.sizes[place]
        if first == size - 1:
            return f"{name} missing or invalid"
        if not self.ordered(name):
            known = list(self._layout.codes[name])
            return f"{name} = {known[first]}" if first < min(len(known), size - 2) else f"{name} = any other value"
        edges = [f"{edge:.6g}" for edge in self._layout.edges[name]]
        if first == 0:
            return f"{name} <= {edges[last]}" if last < len(edges) else f"{name} is a number"
        if last == size - 2:
            return f"{name} > {edges[first - 1]}"
        return f"{edges[first - 1]} < {name} <= {edges[last]}"

    def _bins(self, name: str) -> int:
        if name in self._numeric:
            return min(len(self._layout.edges[name]) + 1, MOST - 1)
        return min(len(self._layout.codes[name]) + 1, MOST - 1)
