"""`PolicyState`: what the policies of one model remember, from trigger to trigger and from cohort to cohort."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from detectors.state import register
from schemas.event_time import Micros
from schemas.trigger import PolicyName, RetrainingTrigger

REMEMBERED = 1_000  # triggers
VERSIONS = 32  # of which the policies remember something; level 2 knows no more
CLOCKED: tuple[PolicyName, ...] = ("schedule", "ad_hoc")
FAILED = ("failed", "refused", "unanswered")
FUTILE = (*FAILED, "no_difference", "worse")
STUCK = ("failed", "unanswered")
MOST_BACK_OFF = 30  # beyond, the threshold is more than any retraining is worth

Result = Literal["helped", "no_difference", "worse", "failed", "refused", "unanswered"]
State = TypeVar("State")


@register
@dataclass
class Asked:
    """One trigger, and what became of it."""

    version: str
    policy: PolicyName
    how: str
    time: Micros
    since: Micros
    answered: Micros | None = None
    """Event time of the newest answer of the retraining side."""
    new_version: str | None = None
    """What came of it, where something did."""
    result: Result | None = None
    """None while it is open."""
    rows: int = 0
    """Labelled rows of its window."""
    refits: str | None = None
    """The trigger whose version it trains once more, on what has gathered since the same change."""

    @property
    def planned(self) -> bool:
        """Whether no change called for it: a calendar, a person, or an earlier training that had few rows."""
        return self.policy in CLOCKED or self.refits is not None

    @property
    def futile(self) -> bool:
        """Whether it came to nothing and counts as such."""
        if self.refits is not None:  # that more rows would help was likely, and not promised
            return self.result in STUCK
        return self.result in FUTILE and not self.planned


@register
@dataclass
class VersionPolicies:
    """What the policies remember of one version."""

    nodes: dict[str, Any] = field(default_factory=dict)
    """State of each policy of the tree, by its place in it."""
    held: str | None = None
    """Why a call was held back, at the newest decision."""
    in_row: dict[str, int] = field(default_factory=dict)
    """By place of a policy: newest judged cohorts in a row in which it called."""
    quiet: int | None = None
    """Judged cohorts in a row without a call since the newest trigger; None before there was one."""
    advised: list[str] = field(default_factory=list)
    """Episodes that a fallback was advised for."""


@register
@dataclass
class PolicyState:
    """What the policies of one model remember."""

    now: Micros | None = None
    """Newest event time that was decided at."""
    covered: Micros | None = None
    """End of the newest window that a trigger named; the next scheduled one begins there."""
    triggers: dict[str, Asked] = field(default_factory=dict)
    """The newest triggers by id, oldest first."""
    held_out: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By version: mean loss on held-out rows and how many they were, as its training told."""
    nodes: dict[str, Any] = field(default_factory=dict)
    """State of those policies that are about the model, whatever version serves."""
    versions: dict[str, VersionPolicies] = field(default_factory=dict)

    @property
    def last(self) -> Micros | None:
        """Event time of the newest trigger."""
        return max((asked.time for asked in self.triggers.values()), default=None)

    @property
    def back_off(self) -> int:
        """h: retrainings in a row, up to the newest whose result is known, that brought no significant gain.

        Those that a calendar or a person asked for do not count: nobody promised that they would help. Nor does a refit
        that is no better; one that fails does.
        """
        futile = 0
        for asked in reversed(self.triggers.values()):
            if asked.result == "helped":
                break
            futile += asked.futile
        return min(futile, MOST_BACK_OFF)

    def of(self, version: str) -> VersionPolicies:
        """Return what is remembered of a version."""
        known = self.versions.get(version)
        if known is None:
            known = self.versions[version] = VersionPolicies()
            while len(self.versions) > VERSIONS:
                del self.versions[next(iter(self.versions))]
        return known

    def open_trigger(self, version: str) -> tuple[str, Asked] | None:
        """Return the newest trigger for a version that is neither answered for good nor given up."""
        for id_, asked in reversed(self.triggers.items()):
            if asked.version == version and asked.result is None:
                return id_, asked
        return None

    def tried_for(self, version: str, tried: str | None) -> Asked | None:
        """Return the trigger for a version that the one in shadow or canary came of."""
        born = None if tried is None else self.born_of(tried)
        return born[1] if born is not None and born[1].version == version else None

    def born_of(self, version: str) -> tuple[str, Asked] | None:
        """Return the newest trigger that a version came of; None where none is remembered."""
        for id_, asked in reversed(self.triggers.items()):
            if asked.new_version == version:
                return id_, asked
        return None

    def is_failed(self, trigger: str) -> bool:
        """Whether no new version came of a trigger."""
        asked = self.triggers.get(trigger)
        return asked is not None and asked.result in FAILED

    def note(
        self, trigger: RetrainingTrigger, now: Micros, covered: Micros, since: Micros, refits: str | None = None
    ) -> None:
        """Remember a trigger: when it was, up to where its window goes, and which one it repeats."""
        self.covered = covered
        rows = trigger.train_on.labelled_rows
        self.triggers[trigger.id] = Asked(
            trigger.version, trigger.policy, trigger.how, now, since, rows=rows, refits=refits
        )
        while len(self.triggers) > REMEMBERED:
            del self.triggers[next(iter(self.triggers))]
        self.of(trigger.version).quiet = 0


def node(nodes: dict[str, Any], place: str, kind: type[State], settings: str, fresh: Callable[[], State]) -> State:
    """Return the state of a policy; it begins anew where the monitor file says something else there by now.

    Parameters
    ----------
    place
        Of the policy in the tree.
    settings
        Fingerprint of all settings that its state depends on.
    """
    known = nodes.get(place)
    if not isinstance(known, tuple) or known[0] != settings or not isinstance(known[1], kind):
        known = nodes[place] = (settings, fresh())
    state: State = known[1]
    return state
