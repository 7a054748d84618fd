"""Candidates: older versions that may serve again, with what they lost when they did. Pure."""

from detectors.history import History, segment_means
from detectors.situation import Situation
from schemas.event_time import from_micros
from schemas.trigger import Candidate

LATEST = 30  # cohorts by which a version is told
MOST = 10  # versions
FEWEST_ROWS = 50  # of a segment


def candidates(situation: Situation) -> list[Candidate]:
    """Return the versions that began before this one, the one that was seen last first."""
    found = [
        candidate
        for name, history in situation.others.items()
        if (candidate := _candidate(name, history)) is not None and history.cohorts[0].start < situation.beginning
    ]
    found.sort(key=lambda one: (-one.last.timestamp(), one.version))
    return found[:MOST]


def _candidate(name: str, history: History) -> Candidate | None:
    cohorts = [cohort for cohort in history.cohorts if cohort.problem is None][-LATEST:]
    rows = sum(cohort.labelled for cohort in cohorts)
    if rows == 0:
        return None
    means = segment_means(cohorts)
    return Candidate(
        version=name,
        first=from_micros(history.cohorts[0].start),
        last=from_micros(history.cohorts[-1].end),
        rows=rows,
        loss=sum(cohort.loss for cohort in cohorts) / rows,
        segments={segment: mean for segment, (n, mean) in sorted(means.items()) if n >= FEWEST_ROWS},
    )
