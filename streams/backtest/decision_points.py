"""`DecisionPoints`: the moments at which a retraining may begin, and the stretches between them.

A decision at a point may use what was known before it, and nothing else. What it decides serves from `delay` later on,
so stretch k + 1 begins there; stretch 0 lies before the first and belongs to the recorded model alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.event_time import Micros
from streams.backtest.history import Flags, History, Positions
from streams.errors import UserError

MOST = 48


@dataclass(frozen=True)
class DecisionPoints:
    """Decision points of a history, in order."""

    moments: npt.NDArray[np.int64]
    """Shape (points,)."""
    delay: Micros
    """From a decision to the new model's first answer."""
    panes: int
    """Judged cohorts of the history; more than points where these were coarsened."""
    edges: npt.NDArray[np.int64]
    """First row of each stretch, and the number of rows at the end. Shape (points + 2,)."""

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def stretches(self) -> int:
        """One more than points."""
        return len(self.moments) + 1

    def rows(self, stretch: int) -> slice:
        """Return the rows of a stretch."""
        return slice(int(self.edges[stretch]), int(self.edges[stretch + 1]))

    def from_birth(self, point: int) -> slice:
        """Return the rows that a model of a point may answer: from the stretch after it to the end."""
        return slice(int(self.edges[point + 1]), int(self.edges[-1]))

    def serves_from(self, point: int) -> Micros:
        """Return when what a point decides takes effect."""
        return int(self.moments[point]) + self.delay

    def next(self, moment: Micros) -> int | None:
        """Return the first point at or after a moment; None after the last."""
        point = int(np.searchsorted(self.moments, moment, side="left"))
        return point if point < len(self.moments) else None


def decision_points(history: History, delay: Micros = 0, most: int = MOST) -> DecisionPoints:
    """Return the moments at which a cohort is judged, evenly thinned to `most`.

    Raises
    ------
    UserError
        When no cohort is judged while rows still come: there is nothing to decide.
    """
    spec = history.spec
    first = history.start // spec.pane * spec.pane
    last = int(history.times[-1])
    dues = np.arange(first + spec.pane + spec.maturity, last + 1, spec.pane, dtype=np.int64)
    judged = np.unique(history.times[history.labelled] // spec.pane) * spec.pane + spec.pane + spec.maturity
    dues = dues[np.isin(dues, judged)]
    if not len(dues):
        raise UserError(
            f"{history.model}: no pane of this history is judged while rows still come, so nothing could have been "
            "decided. A pane is judged at its end plus label_maturity; go through more history, or make pane or "
            "label_maturity shorter"
        )
    moments = dues
    if len(dues) > most:
        moments = dues[np.round(np.linspace(0, len(dues) - 1, most)).astype(np.int64)]
    edges = [0, *np.searchsorted(history.times, moments + delay, side="left").tolist(), len(history)]
    return DecisionPoints(moments, delay, len(dues), np.array(edges, dtype=np.int64))


def matured(history: History, begin: Micros, moment: Micros) -> Flags:
    """Return which rows may be learnt from at a moment: since `begin`, of judged cohorts, with labels known by then.

    A label that is there before its cohort has matured is left alone: the soonest labels are not those of any row.
    """
    spec = history.spec
    end = (moment - spec.maturity) // spec.pane * spec.pane
    found: Flags = (history.times >= begin) & (history.times < end) & (history.known < moment)
    return found


def newest_matured(history: History, moment: Micros, rows: int) -> Micros:
    """Return the time of the oldest of the newest `rows` labelled rows that may be learnt from at a moment."""
    at: Positions = np.flatnonzero(matured(history, history.start, moment))
    return int(history.times[at[max(0, len(at) - rows)]]) if len(at) else history.start
