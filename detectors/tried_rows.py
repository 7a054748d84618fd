"""`TriedRows`: a uniform sample of the rows that a version was tried on, as codes and scores. Pure, and bounded."""

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.pane import ClosedPane
from detectors.row_codes import Codes, RowCodes
from detectors.state import register
from detectors.top_bottom import output_of
from schemas.event_time import Micros

SAMPLED = 2_000  # as a reference has that is built of rows (`detectors.build_profile`)


Scores = npt.NDArray[np.float64]


@register
class TriedRows:
    """The rows with the smallest hashes of their ids, of all traffic panes together.

    Each pane brings the smallest of its own. Where those are not all of its rows, what lies beyond its largest hash is
    not known of that pane: such rows are of no pane, so that a busy one is not passed over.
    """

    def __init__(self) -> None:
        self._hashes: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self._times: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._scores: npt.NDArray[np.float64] = np.zeros(0, dtype=np.float64)
        self._codes: Codes = np.zeros((0, 0), dtype=np.uint8)
        self._known: int = 2**64 - 1
        """Up to this hash the rows of all panes are known."""

    def add(self, pane: ClosedPane) -> None:
        """Take the sample of a traffic pane."""
        rows, coder = [sampled.row for sampled in pane.sample], RowCodes(pane.layout)
        if not rows:
            return
        hashes = id_hashes([row.id for row in rows])[:, 0]
        if not pane.complete:
            self._known = min(self._known, int(hashes.max()))
        limit = self._known if len(self._hashes) < SAMPLED else min(self._known, int(self._hashes[-1]))
        chosen = np.flatnonzero(hashes <= np.uint64(limit)).tolist()
        taken = [rows[i] for i in chosen]
        codes = coder.of(taken)
        scores = np.array([output_of(pane.layout, row) for row in taken], dtype=np.float64)
        times = np.array([row.time for row in taken], dtype=np.int64)
        if self._codes.shape[1] != codes.shape[1]:
            self._codes = codes[:0]
        self._keep(
            np.concatenate((self._hashes, hashes[chosen])),
            np.concatenate((self._times, times)),
            np.concatenate((self._scores, scores)),
            np.concatenate((self._codes, codes)),
        )

    def _keep(
        self,
        hashes: npt.NDArray[np.uint64],
        times: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float64],
        codes: Codes,
    ) -> None:
        order = np.lexsort((times, hashes))[:SAMPLED]
        order = order[hashes[order] <= np.uint64(self._known)]
        self._hashes, self._times = hashes[order].copy(), times[order].copy()
        self._scores, self._codes = scores[order].copy(), codes[order].copy()

    def within(self, first: Micros, until: Micros, broken: list[tuple[Micros, Micros | None]]) -> tuple[Codes, Scores]:
        """Return codes and scores of the rows of `first` to before `until`, those of broken stretches left out.

        In the order of their hashes: a half of them is as good a sample as the other.
        """
        chosen = (self._times >= first) & (self._times < until)
        for since, end in broken:
            chosen &= (self._times < since) | (np.zeros_like(chosen) if end is None else self._times >= end)
        return self._codes[chosen], self._scores[chosen]
