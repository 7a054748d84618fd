"""`Situation`: all that a decision about retraining may rest on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, History
from detectors.layout import Layout
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Family


@register
@dataclass
class Broken:
    """Event time during which data was broken: an alarm of data quality was open."""

    since: Micros
    until: Micros | None = None
    what: str = ""
    """The defect, in words, such as `missing of age`."""
    episode: str = ""
    """Of the alarm; of open stretches that were put together, the one that people know the first by."""
    incident: str = ""
    """That the alarm belongs to, where it was told."""


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
    step: tuple[Family, Micros] | None = None
    """Family and start of the pane that has closed; None for a command."""
    others: Mapping[str, History] = field(default_factory=dict)
    """Histories of the other versions that are known."""
    broken_of: Mapping[str, Sequence[Broken]] = field(default_factory=dict)
    """When the data of those other versions was broken."""
    tried: str | None = None
    """The version that is in shadow or canary."""
    previous: str | None = None
    """The version that served before, where commands have said so."""
    snoozed: Mapping[str, Micros] = field(default_factory=dict)
    """By signal: until when people do not want to hear of it; the empty name is all of them."""
    declared: Layout | None = None
    """With the reference of the monitor file, where the version has adopted one of its own; else None."""
    unanswered: Callable[[Micros, Micros, int], Sequence[str]] = lambda *_: ()
    """From when to when, and how many at most: prediction_ids of rows whose labels were asked for and did not come."""

    @property
    def by_file(self) -> Layout:
        """The layout with the reference of the monitor file.

        By it go prices that are assumed, and what a version owed when it was born: a reference that is made of its
        birth would make any birth a good one.
        """
        return self.declared or self.layout

    @property
    def judged(self) -> bool:
        """Whether a cohort has just been judged."""
        return self.step is not None and self.step[0] == "cohort"

    @property
    def minimum_labels(self) -> int:
        """Labelled rows that a training needs."""
        return self.layout.spec.retraining.minimum_labels

    @property
    def beginning(self) -> Micros:
        """Start of the oldest cohort that is remembered."""
        cohorts = self.history.cohorts
        return cohorts[0].start if cohorts else self.now

    @property
    def first(self) -> bool:
        """Whether no other version is known to be older."""
        return not any(other.cohorts and other.cohorts[0].start < self.beginning for other in self.others.values())

    def snoozed_until(self, signal: str) -> Micros | None:
        """Return until when a signal, or everything, is snoozed; None where it is not."""
        until = max((self.snoozed[name] for name in {"", signal} if name in self.snoozed), default=self.now)
        return until if until > self.now else None

    @property
    def defect(self) -> Broken | None:
        """What is broken now; None where nothing is."""
        found = [broken for broken in self.broken if broken.until is None]
        return min(found, key=lambda broken: broken.since, default=None)

    @property
    def left_out(self) -> list[Cohort]:
        """Judged cohorts since the data is broken that is broken now: nothing counts them."""
        if self.defect is None:
            return []
        found = [each for each in self.history.since(self.defect.since) if each.problem is None and each.labelled]
        kept = {cohort.start for cohort in self.whole(found)}
        return [each for each in found if each.start not in kept]

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
