"""Lineage: what a version and the one before it saw, as one history, in which each pane is counted once. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from detectors.history import Cohort, History
from detectors.situation import Broken, Situation
from schemas.event_time import Micros


class Part(NamedTuple):
    """Event time in which the panes are those of one version."""

    version: str
    start: Micros
    end: Micros


class Lineage(NamedTuple):
    """A situation whose history reaches back before its version did."""

    situation: Situation
    parts: tuple[Part, ...] = ()
    """Whose panes they are, oldest first; empty where all are the version's own."""


def lineage(situation: Situation, before: str) -> Lineage:
    """Return a situation with the panes of its version and of an older one.

    In the shadow and as a canary two versions have the same panes, and rows of the one repeat those of the other: a
    pane is taken from the version whose data was whole, then from that which has more labelled rows of it, then from
    the newer one. Data that was broken is broken for the panes of the version whose data it was.

    Parameters
    ----------
    before
        The older version. What is forgotten of it is not there.
    """
    own, older = situation.layout.version, situation.others.get(before)
    if older is None or before == own or not older.cohorts:
        return Lineage(situation)
    broken = {own: situation.broken, before: situation.broken_of.get(before, ())}
    chosen: dict[Micros, tuple[str, Cohort]] = {cohort.start: (before, cohort) for cohort in older.cohorts}
    for cohort in situation.history.cohorts:
        rival = chosen.get(cohort.start)
        if rival is None or _worth(cohort, broken[own]) >= _worth(rival[1], broken[before]):
            chosen[cohort.start] = (own, cohort)
    history = History()
    parts: list[Part] = []
    for _, (version, cohort) in sorted(chosen.items()):
        history.cohorts.append(cohort)
        if parts and parts[-1].version == version:
            parts[-1] = parts[-1]._replace(end=cohort.end)
        else:
            parts.append(Part(version, cohort.start, cohort.end))
    history.compared = situation.history.compared
    stretches = [
        stretch for part in parts for one in broken[part.version] if (stretch := _within(one, part, part is parts[-1]))
    ]
    return Lineage(replace(situation, history=history, broken=stretches), tuple(parts))


def _worth(cohort: Cohort, broken: Sequence[Broken]) -> tuple[bool, int]:
    whole = not any(b.since < cohort.end and (b.until is None or b.until > cohort.start) for b in broken)
    return whole, cohort.labelled


def _within(broken: Broken, part: Part, last: bool) -> Broken | None:
    """Return what of a broken stretch lies in a part; what is open goes on in the last one alone."""
    if broken.since >= part.end and not last:
        return None
    if broken.until is not None and broken.until <= part.start:
        return None
    until = broken.until if last else min(part.end, part.end if broken.until is None else broken.until)
    return Broken(max(broken.since, part.start), until)
