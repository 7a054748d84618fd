"""`ObservedFeature`: what the archive holds of one feature, gathered some rows at a time in bounded memory."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.event_time import Micros
from schemas.feature_spec import FeatureType
from streams.archive_columns import as_declared

MOST_VALUES = 100_000
"""Values that quantiles are of: beyond, every second one, then every fourth, and so on."""
MOST_CATEGORIES = 10_000
"""Values of a feature that are counted one by one."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

_TYPES: dict[pa.DataType, FeatureType] = {
    pa.float64(): "numeric",
    pa.bool_(): "boolean",
    pa.string(): "categorical",
}


class ObservedFeature:
    """One feature; of a text the numbers are those of its characters.

    Parameters
    ----------
    kind
        Its type in the monitor file; None: it is not there, and what was archived says.
    """

    def __init__(self, kind: FeatureType | None) -> None:
        self.kind = kind
        self.rows = 0
        """Rows of files that have the feature."""
        self.known = 0
        """Those with a value of its type."""
        self.first: Micros | None = None
        self.last: Micros | None = None
        self.versions: set[str] = set()
        self.low: float | str | None = None
        self.high: float | str | None = None
        self.categories: Counter[str] = Counter()
        self.uncounted = 0
        """Rows with values beyond the most that are counted."""
        self._values: list[np.ndarray] = []
        self._step = 1

    def take(self, column: pa.ChunkedArray, times: pa.ChunkedArray, versions: pa.ChunkedArray) -> None:
        """Take some rows, by column; times are in microseconds."""
        kind = self.kind = self.kind or _TYPES.get(column.type, "text")
        if column.type != {"numeric": pa.float64(), "boolean": pa.bool_()}.get(kind, pa.string()):
            column = pa.chunked_array([as_declared(kind, column)])
        there = pc.is_valid(column)
        self.rows += len(column)
        values = column.filter(there)
        if not len(values):
            return
        bounds = pc.min_max(times.filter(there)).as_py()
        self.first = bounds["min"] if self.first is None else min(self.first, bounds["min"])
        self.last = bounds["max"] if self.last is None else max(self.last, bounds["max"])
        self.versions.update(pc.unique(versions.filter(there)).to_pylist())
        if kind in ("categorical", "boolean"):
            self._count(values)
        elif kind == "datetime":
            self._widen(values)
        else:
            numbers = values if kind == "numeric" else pc.utf8_length(values)
            self._widen(numbers)
            self._keep(numbers)
        self.known += len(values)

    def quantiles(self) -> dict[float, float]:
        """Return quantiles of the numbers; nothing where there are none."""
        if not self._values:
            return {}
        found = np.quantile(np.concatenate(self._values), QUANTILES)
        return dict(zip(QUANTILES, found.tolist(), strict=True))

    def _widen(self, values: pa.ChunkedArray) -> None:
        bounds = pc.min_max(values).as_py()
        self.low = bounds["min"] if self.low is None else min(self.low, bounds["min"])
        self.high = bounds["max"] if self.high is None else max(self.high, bounds["max"])

    def _keep(self, values: pa.ChunkedArray) -> None:
        first = -self.known % self._step
        self._values.append(values.to_numpy().astype(np.float64)[first :: self._step])
        if sum(map(len, self._values)) > MOST_VALUES:
            self._values = [np.concatenate(self._values)[::2]]
            self._step *= 2

    def _count(self, values: pa.ChunkedArray) -> None:
        for entry in pc.value_counts(values.cast(pa.string())).to_pylist():
            if entry["values"] in self.categories or len(self.categories) < MOST_CATEGORIES:
                self.categories[entry["values"]] += entry["counts"]
            else:
                self.uncounted += entry["counts"]
