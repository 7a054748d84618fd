"""`Policy`: the contract of all policies, and what they answer."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from detectors.episodes import Episode, EpisodeKey
from detectors.policies.state import PolicyState
from detectors.situation import Situation
from detectors.state import register
from schemas.decision import Verdict
from schemas.event_time import Micros
from schemas.reading import Tier
from schemas.trigger import PolicyName

Cause = tuple[EpisodeKey, Episode]


@register
@dataclass(frozen=True)
class PolicyCall:
    """What one policy says of a version at one moment. `trigger` here means that it calls for a retraining."""

    name: PolicyName
    path: str
    """Name, with those of the combinations above it: `any/cost`."""
    verdict: Verdict
    reason: str
    """One sentence, without its stop."""
    numbers: dict[str, float | None] = field(default_factory=dict)
    would_change: str | None = None
    since: Micros | None = None
    """Estimated start of what it calls for."""
    causes: list[Cause] = field(default_factory=list)
    """Episodes that the call rests on."""
    tier: Tier | None = None
    signal: str | None = None
    how: Literal["promote_challenger"] | None = None
    """Where no other kind of retraining answers the call."""
    standing: bool = False
    """What it calls for goes on, but was answered already."""
    paced: bool = False
    """It weighs by itself how often it calls; else futile retrainings lengthen the cooldown."""
    clocked: bool = False
    """It goes by a calendar or a count, in which there is no noise to wait out."""
    refits: str | None = None
    """The trigger whose version is to be trained once more; a call that knows of a newer change goes before it."""
    parts: tuple["PolicyCall", ...] = ()
    """Of a combination: what its policies said."""


class Policy(Protocol):
    """Judges one model version.

    `judge` is called whenever a pane of the version has closed, in the total order of level 2. It takes up what is new
    since it was last asked and keeps it in `state`; asked twice about the same moment, it answers the same. It must not
    raise, and it does not ask whether anything holds a call back: `detectors.policies.guards` does.
    """

    @property
    def name(self) -> PolicyName:
        """Its type."""
        ...

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return what it says, and why."""
        ...

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Take note that a trigger was raised for the version; `called` says whether its own call is answered by it."""
        ...
