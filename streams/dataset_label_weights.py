"""`LabelWeights`: how many rows a labelled row stands for, by how the other labels of its pane came about.

A row that was drawn for a label with probability p was archived with weight 1 / p. That is how many rows it stands for
if nothing but the draw could have labelled it. Where other rows of the pane have labels too, they stand for themselves,
and what is left for the drawn ones are the rows without a label:

1. Nobody else has a label: the weights stay.
2. Some have: rows that strategies and rules chose, and outcomes that came by themselves. The weights of the drawn rows
   are scaled down until they add up to the rows that nobody else stands for; none falls below 1.
3. Half the pane or more has: a drawn row is then more likely than not one whose label would have come anyway, and each
   row counts once.

A pane is one of a version: p is the same for all rows that one draw took from.

References
----------
Deville and Särndal, "Calibration estimators in survey sampling", Journal of the American Statistical Association 87,
1992.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.event_time import Micros
from streams.arrow_arrays import floats_of
from streams.dataset_tables import Mask, times_of

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
PaneKey = tuple[str, Micros]

MOST = 0.5  # of a pane's rows, with labels that no draw explains: from here on they are what is representative


@dataclass
class _Pane:
    """What is known of the rows of a pane."""

    rows: int = 0
    others: int = 0
    """Labelled rows without a probability, or with that of 1."""
    drawn: Counter[float] = field(default_factory=Counter)
    """Labelled rows by 1 / p. Counted and not summed, so that the order of rows makes no difference."""

    @property
    def factor(self) -> float:
        """What the weights of drawn rows are multiplied by; 0: each counts once."""
        if self.others >= MOST * self.rows:
            return 0.0
        stood_for = math.fsum(weight * count for weight, count in sorted(self.drawn.items()))
        return min(1.0, (self.rows - self.others) / stood_for) if stood_for else 1.0


class LabelWeights:
    """The weights of labelled rows, once all rows of their panes were seen.

    Parameters
    ----------
    pane
        Length of a pane.
    """

    def __init__(self, pane: Micros) -> None:
        self._pane = pane
        self._panes: dict[PaneKey, _Pane] = {}

    def take(self, rows: pa.Table, labelled: Mask) -> None:
        """Take note of rows, labelled or not."""
        weights = floats_of(rows["weight"])
        for key, places in self._by_pane(rows):
            pane = self._panes.setdefault(key, _Pane())
            known = weights[places[labelled[places]]]
            drawn = known[known != 1.0]
            pane.rows += len(places)
            pane.others += len(known) - len(drawn)
            pane.drawn.update(drawn.tolist())

    def override(self, other: "LabelWeights") -> None:
        """Take over what another has seen, in place of what this has seen of the same panes."""
        self._panes |= other._panes

    def on(self, rows: pa.Table) -> pa.Table:
        """Return labelled rows with the weight that they have beside the other labels of their panes."""
        weights = np.array(floats_of(rows["weight"]))
        for key, places in self._by_pane(rows):
            if (pane := self._panes.get(key)) is not None and pane.drawn:
                weights[places] = np.where(weights[places] == 1.0, 1.0, np.maximum(weights[places] * pane.factor, 1.0))
        place = rows.schema.get_field_index("weight")
        return rows.set_column(place, rows.schema.field(place), pa.array(weights))

    def counts(self) -> dict[str, int]:
        """Return the labelled rows that were drawn, by what became of their weights."""
        found: Counter[str] = Counter()
        for pane in self._panes.values():
            factor = pane.factor
            found["as_drawn" if factor == 1 else "scaled_down" if factor else "counted_once"] += pane.drawn.total()
        return {name: found[name] for name in ("as_drawn", "scaled_down", "counted_once")}

    def _by_pane(self, rows: pa.Table) -> Iterator[tuple[PaneKey, Places]]:
        """Yield the places of the rows of each pane."""
        if not len(rows):
            return
        times = times_of(rows)
        starts, of_start = np.unique(times - times % self._pane, return_inverse=True)
        versions = pc.unique(rows["version"])
        of_version = pc.index_in(rows["version"], value_set=versions).to_numpy().astype(np.int64)
        codes = of_version * len(starts) + of_start
        order = np.argsort(codes, kind="stable")
        found, first = np.unique(codes[order], return_index=True)
        names = versions.to_pylist()
        for code, places in zip(found.tolist(), np.split(order, first[1:]), strict=True):
            yield (names[code // len(starts)], int(starts[code % len(starts)])), places
