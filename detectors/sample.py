"""`Sample`: the rows of a pane with the k smallest hashes of their id: uniform, mergeable, the same in any order.

Rows stay packed, as they travel; only those that are asked for, or whose hashes are equal, are unpacked.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.id_hash import Hashes
from detectors.row_shape import RowShape
from detectors.sampled_row import SampledRow, id_and_time, sampled_row
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import ModelSpec

_NONE: Hashes = np.empty(0, dtype=np.uint64)


def sample_size(spec: ModelSpec, family: Family) -> int:
    """Return how many rows the sample of a pane holds at most."""
    return spec.traffic_sample if family == "traffic" else spec.sample


class Sample:
    """Bottom-k sample of whole rows.

    Parameters
    ----------
    size
        k: rows that are kept at most.
    packed
        Any number of packed rows (`detectors.sampled_row`). The same row again (id and time) replaces itself.
    hashes
        Of the id of each the first hash (`detectors.id_hash`). Shape (rows,).

    Notes
    -----
    Up to `size` rows, the sample is all rows. Which rows are kept depends on their ids alone, so merging samples of
    parts gives the sample of the whole (Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). Where
    hashes are equal, the ids themselves and then the times of the rows decide.
    """

    __slots__ = ("_hashes", "_packed", "size")

    def __init__(self, size: int, packed: Iterable[msgspec.Raw] = (), hashes: Hashes = _NONE) -> None:
        self.size = size
        self._packed = list(packed)
        self._hashes = hashes

    def merge(self, other: "Sample") -> None:
        """Take in the rows of another sample of the same pane; of the same row, the other's is kept."""
        self._packed = self._packed + other._packed
        self._hashes = np.concatenate((self._hashes, other._hashes))
        if len(self._packed) > 2 * self.size:
            self._prune()

    def packed(self) -> tuple[list[msgspec.Raw], Hashes]:
        """Return the rows, packed, with their first hashes, in the order of (hash, id, time)."""
        self._prune()
        return self._packed, self._hashes

    def rows(self, shape: RowShape) -> list[SampledRow]:
        """Return the rows in the order of (the family's time, id): the order in which detectors see them."""
        self._prune()
        rows = [sampled_row(shape, packed) for packed in self._packed]
        return sorted(rows, key=lambda sampled: (sampled.time, sampled.row.id, sampled.row.time))

    def __len__(self) -> int:
        self._prune()
        return len(self._packed)

    def _prune(self) -> None:
        """Keep the k smallest, each once, in order."""
        hashes = self._hashes
        if len(hashes) <= self.size and (hashes[1:] > hashes[:-1]).all():
            return
        order = np.argsort(hashes, kind="stable")
        ascending = hashes[order]
        equal = ascending[1:] == ascending[:-1]
        if equal.any():
            order = self._decided(order, equal)
        order = order[: self.size]
        self._packed = [self._packed[i] for i in order.tolist()]
        self._hashes = hashes[order]

    def _decided(self, order: npt.NDArray[np.intp], equal: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        """Return an order by hash with each row once, by id and time where the hash `equal`s that of the next one."""
        shared = np.zeros(len(order), dtype=np.bool_)
        shared[1:] = equal
        shared[:-1] |= equal
        last: dict[tuple[int, str, Micros], int] = {}
        for i in order[shared].tolist():
            last[int(self._hashes[i]), *id_and_time(self._packed[i])] = i
        once = np.concatenate((order[~shared], np.array([last[key] for key in sorted(last)], dtype=np.intp)))
        return once[np.argsort(self._hashes[once], kind="stable")]
