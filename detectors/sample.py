"""`Sample`: the rows of a pane with the k smallest hashes of their id: uniform, mergeable, the same in any order."""

from collections.abc import Iterable

import msgspec
import numpy as np

from detectors.id_hash import id_hashes
from detectors.row import Label, Row
from schemas.event_time import Micros


class SampledRow(msgspec.Struct, array_like=True, gc=False):
    """A row of the sample with its label, if there is one yet."""

    time: Micros
    """Time of the family: of the prediction (cohort), or of when the label became known (label)."""
    row: Row
    label: Label | None = None
    loss: float | None = None


class Sample:
    """Bottom-k sample of whole rows.

    Parameters
    ----------
    size
        k: rows that are kept at most.
    rows
        Any number of rows. The same row again (id and time) replaces itself.

    Notes
    -----
    Up to `size` rows, the sample is all rows. Which rows are kept depends on their ids alone, so merging samples of
    parts gives the sample of the whole (Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). Where
    hashes are equal, the ids themselves and then the times of the rows decide.
    """

    __slots__ = ("_hashes", "_rows", "size")

    def __init__(self, size: int, rows: Iterable[SampledRow] = ()) -> None:
        self.size = size
        self._rows = list(rows)
        self._hashes = id_hashes([sampled.row.id for sampled in self._rows])[:, 0]

    def merge(self, other: "Sample") -> None:
        """Take in the rows of another sample of the same pane; of the same row, the other's is kept."""
        self._rows = self._rows + other._rows
        self._hashes = np.concatenate((self._hashes, other._hashes))
        if len(self._rows) > 2 * self.size:
            self._prune()

    def rows(self) -> list[SampledRow]:
        """Return the rows in the order of (the family's time, id): the order in which detectors see them."""
        self._prune()
        return sorted(self._rows, key=lambda sampled: (sampled.time, sampled.row.id, sampled.row.time))

    def __len__(self) -> int:
        self._prune()
        return len(self._rows)

    def _prune(self) -> None:
        """Keep the k smallest, each once."""
        order = np.argsort(self._hashes, kind="stable")
        ascending = self._hashes[order]
        if (ascending[1:] == ascending[:-1]).any():
            keys = zip(ascending.tolist(), (self._rows[i].row for i in order.tolist()), strict=True)
            last = {(hash_, row.id, row.time): i for (hash_, row), i in zip(keys, order.tolist(), strict=True)}
            order = np.array([last[key] for key in sorted(last)], dtype=np.intp)
        elif len(order) <= self.size:
            return
        order = order[: self.size]
        self._rows = [self._rows[i] for i in order.tolist()]
        self._hashes = self._hashes[order]
