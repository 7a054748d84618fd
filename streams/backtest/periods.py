"""Periods that a schedule can name, and the courses of retraining by them, whatever happens."""

from dataclasses import dataclass

import numpy as np

from schemas.event_time import SECOND, Micros
from streams.backtest.candidates import Candidates
from streams.backtest.course import Course
from streams.backtest.decision_points import DecisionPoints, matured, newest_matured

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
PHASES = 4  # at most, of a period: what a period costs depends on where it happens to begin
MOST = 4  # periods


@dataclass(frozen=True)
class Period:
    """A time from one retraining to the next."""

    name: str
    length: Micros
    cron: str


LADDER = (
    Period("hour", HOUR, "0 * * * *"),
    Period("6 hours", 6 * HOUR, "0 */6 * * *"),
    Period("day", DAY, "0 3 * * *"),
    Period("week", 7 * DAY, "0 3 * * 1"),
    Period("half month", 15 * DAY, "0 3 1,15 * *"),
    Period("month", 30 * DAY, "0 3 1 * *"),
    Period("quarter", 91 * DAY, "0 3 1 */3 *"),
    Period("half year", 182 * DAY, "0 3 1 1,7 *"),
)


def periods_of(points: DecisionPoints, span: Micros) -> list[Period]:
    """Return the periods that a history can tell apart: not shorter than its decision points, at least twice in it."""
    spacing = int(np.diff(points.moments).max()) if len(points) > 1 else span
    return [one for one in LADDER if spacing <= one.length <= span // 2][-MOST:]


def phases_of(period: Period, points: DecisionPoints) -> list[Micros]:
    """Return the moments at which the first retraining may fall, evenly over the period."""
    spacing = int(np.diff(points.moments).min()) if len(points) > 1 else period.length
    count = max(1, min(PHASES, period.length // spacing))
    return [int(points.moments[0]) + period.length * phase // count for phase in range(count)]


def by_period(candidates: Candidates, period: Period, first: Micros, window: int | None) -> Course:
    """Return the course of retraining every period, on the newest `window` labelled rows, or on all so far.

    A time at which fewer rows than minimum_labels are known is passed over.
    """
    history, points, course = candidates.history, candidates.points, Course(candidates)
    least = max(1, history.spec.retraining.minimum_labels)
    when = first
    while (point := points.next(when)) is not None:
        moment = int(points.moments[point])
        if int(matured(history, history.start, moment).sum()) >= least:
            begin = history.start if window is None else newest_matured(history, moment, window)
            course.retrain(when, begin, f"every {period.name}")
        when += period.length
    return course
