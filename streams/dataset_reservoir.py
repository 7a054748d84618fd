"""`Reservoir`: the rows with the smallest keys of a stream, in bounded memory and whatever the order of the stream."""

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
_KEY = "\x1fkey"  # no column of the archive: names of features have no control characters


class Reservoir:
    """Keeps `size` rows with the smallest keys, and knows the next key after them.

    Parameters
    ----------
    size
        Rows to keep.

    Attributes
    ----------
    offered : int
        Rows seen.

    Notes
    -----
    Of rows with one prediction id, that with the smallest key is kept. Memory: at most about three times `size` rows.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.offered = 0
        self._parts: list[pa.Table] = []
        self._held = 0

    def offer(self, rows: pa.Table, keys: Floats) -> None:
        """Take in rows; keys have the shape (rows,) and are finite."""
        if len(rows) == 0:
            return
        self.offered += len(rows)
        self._parts.append(rows.append_column(_KEY, pa.array(keys)))
        self._held += len(rows)
        if self._held > 2 * self.size + 10_000:
            self._prune()

    def take(self, count: int | None = None) -> tuple[pa.Table | None, float]:
        """Return the rows with the smallest keys, smallest first, and the next key; infinity where there is no more.

        Parameters
        ----------
        count
            How many, at most `size`; all that are kept by default.
        """
        self._prune()
        if not self._parts:
            return None, math.inf
        count = self.size if count is None else min(count, self.size)
        kept = self._parts[0]
        following = kept[_KEY][count].as_py() if len(kept) > count else math.inf
        return kept.slice(0, count).drop_columns(_KEY), following

    def _prune(self) -> None:
        """Drop what is beyond the smallest, but for the one whose key comes next."""
        if not self._parts:
            return
        rows = pa.concat_tables(self._parts)
        order = pc.sort_indices(rows, [(_KEY, "ascending"), ("prediction_id", "ascending"), ("version", "ascending")])
        ids = rows["prediction_id"].take(order).combine_chunks()
        codes = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        first = np.sort(np.unique(codes, return_index=True)[1])  # of each id, the smallest key
        self._parts = [rows.take(order.take(pa.array(first[: self.size + 1])))]
        self._held = len(self._parts[0])
