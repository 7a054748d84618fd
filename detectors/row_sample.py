"""`RowSample`: which rows of an open pane may be in its sample, by number; level 1's side of `detectors.sample`."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

_EVERYTHING = np.uint64(2**64 - 1)


class RowSample:
    """Bottom-k of row numbers by the first hash of the rows' ids (`detectors.id_hash`).

    Parameters
    ----------
    size
        k: rows that are kept at most, but for those whose hashes equal the k-th smallest. Those are all kept, since
        which of them is in the sample depends on their whole ids; `detectors.sample.Sample` decides.

    Notes
    -----
    The members depend on the rows that were offered, not on their order or on how they were cut into offers. Memory is
    32 bytes a row of the sample at most, and nothing before the first offer.

    Examples
    --------
    >>> sample = RowSample(2)
    >>> sample.offer(np.array([30, 10, 20], dtype=np.uint64), np.array([1, 2, 3]))
    >>> sample.numbers()
    array([2, 3])
    """

    __slots__ = ("_bound", "_hashes", "_limit", "_numbers", "_used", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._hashes: Hashes = np.empty(0, dtype=np.uint64)
        self._numbers: Numbers = np.empty(0, dtype=np.int64)
        self._used = 0
        self._limit = 2 * size
        self._bound = _EVERYTHING  # nothing above it is among the k smallest

    def offer(self, hashes: Hashes, numbers: Numbers) -> None:
        """Offer rows that were not offered before; both shapes are (rows,). The arrays may change afterwards."""
        if self._bound != _EVERYTHING:
            chosen = hashes <= self._bound
            hashes, numbers = hashes[chosen], numbers[chosen]
        if self._used + len(hashes) > self._limit:
            self._prune(
                np.concatenate((self._hashes[: self._used], hashes)),
                np.concatenate((self._numbers[: self._used], numbers)),
            )
            return
        end = self._used + len(hashes)
        if end > len(self._hashes):
            room = min(self._limit, max(64, 2 * end))
            self._hashes.resize(room, refcheck=False)
            self._numbers.resize(room, refcheck=False)
        self._hashes[self._used : end] = hashes
        self._numbers[self._used : end] = numbers
        self._used = end

    def numbers(self) -> Numbers:
        """Return the numbers of the members, ascending."""
        self._settle()
        return np.sort(self._numbers[: self._used])

    def holds(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return for each row that was offered whether it may be in the sample; False is for good."""
        return hashes <= self._bound

    def __len__(self) -> int:
        """Members: k, or all rows if they are fewer; more only where hashes are equal."""
        self._settle()
        return self._used

    def _settle(self) -> None:
        if self._used > self.size:
            self._prune(self._hashes[: self._used], self._numbers[: self._used])

    def _prune(self, hashes: Hashes, numbers: Numbers) -> None:
        """Keep those of more than k rows that are among the k smallest."""
        self._bound = np.partition(hashes, self.size - 1)[self.size - 1]
        kept = hashes <= self._bound
        self._hashes, self._numbers = hashes[kept], numbers[kept]
        self._used = len(self._hashes)
        self._limit = max(2 * self.size, 2 * self._used)
