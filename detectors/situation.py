"""`Situation`: all that a decision about retraining may rest on."""

from dataclasses import dataclass

from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, History
from detectors.layout import Layout
from detectors.state import register
from schemas.event_time import Micros


@register
@dataclass
class Broken:
    """Event time during which data was broken: an alarm of data quality was open."""

    since: Micros
    until: Micros | None = None


@dataclass(frozen=True)
class Situation:
    """All that a decision may rest on: one model version, at one moment of event time."""

    layout: Layout
    now: Micros
    episodes: dict[EpisodeKey, Episode]
    history: History
    broken: list[Broken]
    comparison: dict[str, float] | None
    """Recent losses of challenger and champion."""
    primary: bool = True
    """Whether this is the version that calendars are about: the serving one, else the one with most predictions."""

    @property
    def minimum_labels(self) -> int:
        """Labelled rows that a training needs."""
        return self.layout.spec.retraining.minimum_labels

    @property
    def beginning(self) -> Micros:
        """Start of the oldest cohort that is remembered."""
        cohorts = self.history.cohorts
        return cohorts[0].start if cohorts else self.now

    def whole(self, cohorts: list[Cohort]) -> list[Cohort]:
        """Return the cohorts in which no data was broken."""
        return [
            cohort
            for cohort in cohorts
            if not any(b.since < cohort.end and (b.until is None or b.until > cohort.start) for b in self.broken)
        ]

    def whole_since(self, since: Micros) -> Micros:
        """Return from when on, `since` at the earliest, no data was broken any more."""
        return max([since, *(broken.until for broken in self.broken if broken.until is not None)])
