"""`Heard`: how far event time had come in the topics of a partition some time ago."""

from collections import deque
from collections.abc import Mapping

from schemas.event_time import Micros
from streams.records import Role

STEPS = 100
"""Marks that are kept at most, of `span` seconds."""


class Heard:
    """Marks of the times of one partition. Reads no clock: moments are seconds of one that never goes back.

    Parameters
    ----------
    times, now
        How far both topics have come, and when that was.
    span
        How long ago is asked about, in seconds.
    """

    def __init__(self, times: Mapping[Role, Micros], now: float, span: float) -> None:
        self._marks = deque([(now, dict(times))])
        self._span = span

    def note(self, times: Mapping[Role, Micros], now: float) -> None:
        """Note how far it has come by `now`."""
        if len(self._marks) > 1 and now - self._marks[-2][0] < self._span / STEPS:
            self._marks.pop()  # the newest stands for all since the one before: too late rather than too early
        self._marks.append((now, dict(times)))
        self._forget(now)

    def before(self, now: float) -> Mapping[Role, Micros]:
        """Return how far it had come `span` seconds before `now`, or had been at the first mark."""
        self._forget(now)
        return self._marks[0][1]

    def _forget(self, now: float) -> None:
        while len(self._marks) > 1 and self._marks[1][0] <= now - self._span:
            self._marks.popleft()
