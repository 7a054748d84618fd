"""`Sample`: the rows of a pane with the k smallest hashes of their id: uniform, mergeable, the same in any order."""

import hashlib
from collections.abc import Iterable

import msgspec

from detectors.row import Label, Row
from schemas.event_time import Micros


class SampledRow(msgspec.Struct, array_like=True, gc=False):
    """A row of the sample with its label, if there is one yet."""

    time: Micros
    """Time of the family: of the prediction (cohort), or of when the label became known (label)."""
    row: Row
    label: Label | None = None
    loss: float | None = None


def hash_of(prediction_id: str) -> int:
    """Return the 64-bit hash that decides whether a row is in a sample."""
    return int.from_bytes(hashlib.blake2b(prediction_id.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


class Sample:
    """Bottom-k sample of whole rows.

    Parameters
    ----------
    size
        k: rows that are kept at most.

    Notes
    -----
    Up to `size` rows, the sample is all rows. Which rows are kept depends on their ids alone, so merging samples of
    parts gives the sample of the whole (Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).
    """

    __slots__ = ("_bound", "_rows", "size")

    def __init__(self, size: int, rows: Iterable[SampledRow] = ()) -> None:
        self.size = size
        self._rows: dict[tuple[int, str, Micros], SampledRow] = {}
        self._bound: tuple[int, str, Micros] | None = None  # nothing above it can be among the k smallest
        for row in rows:
            self.add(row)

    def add(self, sampled: SampledRow) -> None:
        """Offer a row; the same row again replaces itself."""
        key = (hash_of(sampled.row.id), sampled.row.id, sampled.row.time)
        if self._bound is not None and key > self._bound:
            return
        self._rows[key] = sampled
        if len(self._rows) > 2 * self.size:  # pruned now and then, so that adding costs little
            self._prune()

    def label(self, row: Row, label: Label, loss: float | None) -> None:
        """Give a row of the sample its label; no-op for a row that is not in it."""
        key = (hash_of(row.id), row.id, row.time)
        found = self._rows.get(key)
        if found is not None:
            self._rows[key] = SampledRow(found.time, found.row, label, loss)

    def rows(self) -> list[SampledRow]:
        """Return the rows in the order of (the family's time, id): the order in which detectors see them."""
        self._prune()
        return sorted(self._rows.values(), key=lambda sampled: (sampled.time, sampled.row.id, sampled.row.time))

    def merge(self, other: "Sample") -> None:
        """Take in the rows of another sample of the same pane."""
        for sampled in other._rows.values():
            self.add(sampled)

    def __len__(self) -> int:
        return min(len(self._rows), self.size)

    def _prune(self) -> None:
        if len(self._rows) > self.size:
            kept = sorted(self._rows)[: self.size]
            self._bound = kept[-1]
            self._rows = {key: self._rows[key] for key in kept}
