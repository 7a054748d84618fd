"""`LossRows`: the newest labelled rows of sampled cohorts, as codes: what a search for slices looks at.

All sums are of whole numbers, so that the order of rows makes no difference to the last bit.
"""

import copy

import numpy as np
import numpy.typing as npt

from detectors.pane import ClosedPane
from detectors.row_codes import Codes, RowCodes
from detectors.state import register
from schemas.event_time import Micros

ROWS = 4_000  # that are kept, of all panes together
PER_PANE = 500  # so that rows of at least eight panes are kept: some from before the change
SCALE = 65_535  # of a loss in [0, 1], kept as two bytes

Floats = npt.NDArray[np.float64]


@register
class LossRows:
    """The newest labelled rows of sampled cohorts, oldest first: their codes and losses. A few bytes a row."""

    def __init__(self) -> None:
        self._codes: Codes = np.zeros((0, 0), dtype=np.uint8)
        self._losses: npt.NDArray[np.uint16] = np.zeros(0, dtype=np.uint16)
        self._panes: list[tuple[Micros, int]] = []
        """Start of each pane, and its rows that are kept."""

    def add(self, pane: ClosedPane) -> None:
        """Take the labelled rows of a closed cohort; of more than `PER_PANE`, some that lie evenly over it."""
        scale = pane.layout.loss_scale
        if pane.problem is not None or scale is None:
            return
        known = [(sampled.row, sampled.loss) for sampled in pane.sample if sampled.loss is not None]
        if len(known) > PER_PANE:
            known = [known[i * len(known) // PER_PANE] for i in range(PER_PANE)]
        if not known:
            return
        codes = RowCodes(pane.layout).of([row for row, _ in known])
        scaled = np.clip(np.array([loss for _, loss in known], dtype=np.float64) / scale, 0, 1)
        losses = np.rint(np.nan_to_num(scaled, nan=0.0) * SCALE).astype(np.uint16)
        if self._codes.shape[1] != codes.shape[1]:  # the first rows, or features that are others than they were
            self._codes, self._losses, self._panes = codes[:0], self._losses[:0], []
        old, keep = self._codes, ROWS - len(codes)
        self._codes = np.concatenate((old[-keep:], codes))
        self._losses = np.concatenate((self._losses[-keep:], losses))
        self._panes.append((pane.start, len(codes)))
        gone = sum(rows for _, rows in self._panes) - len(self._losses)
        while gone > 0:
            start, rows = self._panes.pop(0)
            if rows > gone:
                self._panes.insert(0, (start, rows - gone))
            gone -= rows

    def __len__(self) -> int:
        return len(self._losses)

    def all(self) -> "Rows":
        """Return all rows that are kept."""
        return Rows(self._codes, self._losses)

    def split(self, change: Micros, sure: Micros, width: Micros) -> tuple["Rows", "Rows"]:
        """Return the rows of panes that end by `sure`, and those of panes that end after `change`."""
        panes = np.array(self._panes, dtype=np.int64).reshape(-1, 2)
        ends = np.repeat(panes[:, 0] + width, panes[:, 1])
        before, after = ends <= sure, ends > change
        return Rows(self._codes[before], self._losses[before]), Rows(self._codes[after], self._losses[after])


class Rows:
    """Rows with their losses as whole numbers."""

    def __init__(self, codes: Codes, losses: npt.NDArray[np.uint16]) -> None:
        self.codes, self.losses = codes.astype(np.intp), losses.astype(np.float64)
        self.n, self.loss = float(len(losses)), float(self.losses.sum())

    def chosen(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """Return the rows where `mask`, of shape (rows,), is true."""
        found = copy.copy(self)
        found.codes, found.losses = self.codes[mask], self.losses[mask]
        found.n, found.loss = float(len(found.losses)), float(found.losses.sum())
        return found

    def histogram(self, place: int, size: int) -> tuple[Floats, Floats]:
        """Return rows and losses by code of a feature."""
        codes = self.codes[:, place]
        counts = np.bincount(codes, minlength=size).astype(np.float64)
        return counts, np.bincount(codes, self.losses, size).astype(np.float64)

    def table(self, places: tuple[int, int], maps: tuple[npt.NDArray[np.intp], ...]) -> tuple[Floats, Floats]:
        """Return rows and losses by the codes of two features, each put through its map."""
        first, second = (codes[self.codes[:, place]] for place, codes in zip(places, maps, strict=True))
        shape = tuple(int(codes.max()) + 1 for codes in maps)
        cells = first * shape[1] + second
        size = shape[0] * shape[1]
        counts = np.bincount(cells, minlength=size).astype(np.float64).reshape(shape)
        return counts, np.bincount(cells, self.losses, size).astype(np.float64).reshape(shape)
