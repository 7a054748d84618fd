"""`GuardedAdwin`: River's ADWIN, safe against values that would silence it for good. Order matters; pure."""

from collections.abc import Sequence
from typing import ClassVar

from river._river_rust.drift import AdaptiveWindowing  # the package `river.drift` would bring scipy.stats with it

from detectors.state_classes import register

LARGEST = 1e100  # ADWIN squares values: past about 1e150 its variance is infinite, and it never alarms again
_CLOCK, _BUCKETS, _SHORTEST, _GRACE = 32, 5, 5, 10  # the defaults of River's ADWIN


@register
class GuardedAdwin:
    """ADWIN over one signal, whose alarms are at exactly the rows at which River's, run by hand, are.

    A NaN, an infinity, or a value beyond ±1e100 is never fed: one alone keeps ADWIN silent for good. It is counted in
    `skipped`, and rows are numbered as if it were not there.

    Parameters
    ----------
    delta
        Significance value of ADWIN, in (0, 1): smaller is quieter.

    Attributes
    ----------
    position : int
        Rows fed so far.
    skipped : int
        Values refused so far.
    alarms : int
        Alarms so far.
    rose : bool
        Whether the mean went up at the last alarm: ADWIN's mean before that row against its mean after the cut.

    Notes
    -----
    As River does, it starts with an empty window at the row after an alarm. Memory is logarithmic in the width.

    References
    ----------
    Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", SIAM International Conference on Data
    Mining, 2007.

    Examples
    --------
    >>> detector = GuardedAdwin()
    >>> detector.feed([0.0] * 500 + [float("nan")] + [1.0] * 500)
    [511]
    >>> detector.rose, detector.skipped, detector.position
    (True, 1, 1000)
    """

    binary: ClassVar[bool] = False
    two_sided: ClassVar[bool] = True

    def __init__(self, delta: float = 0.002) -> None:
        if not 0 < delta < 1:
            raise ValueError(f"delta is {delta}; it lies between 0 and 1")
        self._delta = delta
        self._window = self._new()
        self._fired = False
        self.position = 0
        self.skipped = 0
        self.alarms = 0
        self.rose = False

    def _new(self) -> AdaptiveWindowing:
        return AdaptiveWindowing(self._delta, _CLOCK, _BUCKETS, _SHORTEST, _GRACE)

    @property
    def width(self) -> int:
        """Rows in the window."""
        return int(self._window.get_width())

    @property
    def mean(self) -> float:
        """Mean of the window; 0 when it is empty."""
        return _mean(self._window)

    def update(self, value: float) -> bool:
        """Feed one value, in any unit; return whether drift was detected at this row."""
        if not -LARGEST <= value <= LARGEST:
            self.skipped += 1
            return False
        if self._fired:
            self._window = self._new()
        window = self._window
        before = _mean(window)
        self._fired = bool(window.update(value))
        self.position += 1
        if not self._fired:
            return False
        self.alarms += 1
        self.rose = _mean(window) > before
        return True

    def feed(self, values: Sequence[float]) -> list[int]:
        """Feed values in order; return the positions of alarms, counted from 0 over all rows ever fed."""
        return [self.position - 1 for value in values if self.update(value)]


def _mean(window: AdaptiveWindowing) -> float:
    width = window.get_width()
    return float(window.get_total() / width) if width else 0.0
