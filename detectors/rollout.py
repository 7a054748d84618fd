"""`RolloutState`: which version of a model serves, which one is tried, and how far that has come. Pure.

    full ──shadow──► shadow ──promote a share──► canary ──a larger share──► canary ──promote──► full, on guard
      ▲                │                           │                          │                    │
      └────────────────┴──────── roll back ────────┴──────────────────────────┴────────────────────┘

Commands change it (here), and answers of the comparison (`detectors.rollout_stages`). Each change is a `Serving`
record. What cannot be done is refused, with the reason, and changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from detectors.state import register
from detectors.version_comparison import Bound, VersionComparison
from detectors.version_losses import VersionLosses
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros, to_micros
from schemas.rollout_spec import RolloutSpec
from schemas.serving import Serving, Stage

ANNOUNCED = 32  # versions that commands have named; level 2 remembers no more of those that predict


@register
@dataclass
class Warned:
    """People were told that a new version is worse, and are to act."""

    version: str
    alert: str
    """The alert, as JSON; empty where its end is not ours to tell, or there is none."""


@register
@dataclass
class RolloutState:
    """How far the rollout of one model is."""

    serving: str | None = None
    """None while no command has said so: then it is whoever predicts most."""
    candidate: str | None = None
    stage: Stage = "full"
    share: float = 0.0
    previous: str | None = None
    trigger: str | None = None
    """What the candidate came of, or the version on guard."""
    number: int = 0
    time: Micros = 0
    """Event time of the newest change."""
    announced: dict[str, str | None] = field(default_factory=dict)
    """Versions that commands have named, with the triggers that they came of."""
    guarding: bool = False
    """The serving version has just come to serve, and is held against the previous one."""
    comparison: VersionComparison | None = None
    answered: bool = False
    """The present stage has its answer; it waits for people."""
    bound: Bound | None = None
    """What the version on guard is held against where the previous one is silent."""
    credit: float = 0.0
    """What may be staked on the next stage, of the budget of false alarms."""
    credited: Micros | None = None
    """Up to here event time has earned it."""
    window: dict[str, VersionLosses] = field(default_factory=dict)
    """Of the newest cohort: what the two versions lost that are compared, as far as it is not read yet."""
    warned: Warned | None = None

    @property
    def pair(self) -> tuple[str, str] | None:
        """The new and the old version that are compared, or None."""
        if self.serving is None or self.comparison is None:
            return None
        if self.candidate is not None:
            return self.candidate, self.serving
        return None if self.previous is None else (self.serving, self.previous)


@dataclass(frozen=True)
class Refused:
    """A command that cannot be carried out."""

    reason: str


@dataclass(frozen=True)
class Dropped:
    """A version that will not serve, or no longer does."""

    version: str
    trigger: str | None
    reason: str


@dataclass(frozen=True)
class Change:
    """What a command or an answer came to."""

    serving: Serving
    dropped: Dropped | None = None


@dataclass(frozen=True)
class Moment:
    """What a command is carried out in."""

    model: str
    now: Micros
    id: str
    """Of the command, or of what else made the change."""
    seen: Collection[str]
    """Versions that have predicted."""
    primary: str | None
    """The one that is meant where none is named."""


def resume(state: RolloutState, serving: Serving) -> None:
    """Go on from a record of who serves that another monitor published: what is told next has the number after it."""
    state.serving, state.candidate, state.previous = serving.version, serving.candidate, serving.previous
    state.stage, state.share, state.trigger = serving.stage, serving.share, serving.trigger
    state.number, state.time = serving.number, to_micros(serving.time)
    newest = serving.candidate or serving.version
    for version in (serving.previous, serving.version, serving.candidate):
        if version is not None:
            announce(state, version, serving.trigger if version == newest else None)


def announce(state: RolloutState, version: str, trigger: str | None) -> None:
    """Note that there is such a version, and what it came of."""
    state.announced.pop(version, None)
    state.announced[version] = trigger
    while len(state.announced) > ANNOUNCED:
        del state.announced[next(iter(state.announced))]


def shadow(state: RolloutState, moment: Moment, version: str, trigger: str | None, reason: str) -> Change | Refused:
    """Let `version` predict beside the one that serves, unseen."""
    serving = moment.primary
    if serving is None:
        return Refused(f"no version of {moment.model} has predicted yet, so there is none to try another one beside")
    if version == serving:
        return Refused(f"version {version} is the one that serves")
    if version == state.candidate and state.stage == "shadow":
        return Refused(f"version {version} is in shadow already")
    return _try(state, moment, version, "shadow", 0.0, trigger, reason or f"version {version} is tried in shadow")


def promote(
    state: RolloutState, moment: Moment, version: str, share: float, trigger: str | None, reason: str
) -> Change | Refused:
    """Let `version` answer a share of the traffic, or all of it."""
    if version not in moment.seen and version not in state.announced:
        return Refused(
            f"version {version} of {moment.model} has never predicted, and no training and no shadow has named it; "
            f"{_known(moment.seen, state.announced)}"
        )
    serving = moment.primary
    if share < 1:
        if serving is None:
            return Refused(f"no version of {moment.model} has predicted yet: version {version} can only have it all")
        if version == serving:
            return Refused(f"version {version} is the one that serves; roll back what is tried beside it")
        if version == state.candidate and state.stage == "canary" and share == state.share:
            return Refused(f"version {version} answers {share:.0%} already")
        return _try(
            state, moment, version, "canary", share, trigger, reason or f"version {version} answers {share:.0%}"
        )
    if version == serving and state.candidate is None:
        if state.serving is None:  # nobody has said so until now
            state.serving = version
            return _change(state, moment, reason or f"version {version} serves")
        return Refused(f"version {version} serves already")
    if version == serving:
        return _drop(state, moment, reason or f"version {version} goes on serving")
    dropped = None
    if state.candidate not in (None, version):
        dropped = Dropped(state.candidate or "", state.trigger, f"version {version} was promoted instead")
    trigger = _trigger(state, version, trigger)
    known = state.comparison if state.candidate == version else None
    _settle_on(state, version)
    state.previous, state.trigger, state.guarding = serving, trigger, serving is not None
    state.comparison = known  # the two versions stay the same: what was staked goes on
    return _change(state, moment, reason or f"version {version} serves", dropped)


def roll_back(state: RolloutState, moment: Moment, version: str | None, reason: str) -> Change | Refused:
    """Let an older version serve again; without one, whoever served before what was tried or promoted last."""
    serving = moment.primary
    if version is not None and version not in moment.seen and version not in state.announced:
        known = _known(moment.seen, state.announced)
        return Refused(f"version {version} of {moment.model} has never predicted; {known}")
    if version is not None and version == state.candidate:  # to go back to it would be to promote it
        return Refused(
            f"version {version} is tried, and has not served: name none to drop it; promote lets it answer everybody"
        )
    if state.candidate is not None and version in (None, serving):
        said = reason or f"version {state.candidate} was rolled back; version {serving} goes on serving"
        return _drop(state, moment, said)
    target = version or state.previous
    if target is None:
        return Refused(f"no version of {moment.model} is known to have served before {serving or 'any'}: name one")
    if target == serving:
        return Refused(f"version {target} is the one that serves, and nobody is tried beside it")
    said = reason or f"version {target} serves again"
    gone = state.candidate or serving
    trigger = state.trigger if state.candidate is not None or state.guarding else None
    _settle_on(state, target)
    return _change(state, moment, said, None if gone is None else Dropped(gone, trigger, said))


def again(state: RolloutState, moment: Moment, reason: str) -> Change:
    """Say once more who serves, with what is known by now."""
    return _change(state, moment, reason)


def next_share(spec: RolloutSpec, state: RolloutState) -> float:
    """Return the share of the stage that follows: 1 is all of the traffic."""
    return next((share for share in spec.canary if share > state.share), 1.0)


def _try(
    state: RolloutState, moment: Moment, version: str, stage: Stage, share: float, trigger: str | None, reason: str
) -> Change:
    dropped = None
    if state.candidate not in (None, version):
        why = f"version {version} is tried instead"
        dropped = Dropped(state.candidate or "", state.trigger, why)
    trigger = _trigger(state, version, trigger)
    if state.candidate != version:
        previous = state.previous
        _settle_on(state, moment.primary)
        state.previous = previous
    announce(state, version, trigger)
    state.serving, state.candidate, state.trigger = moment.primary, version, trigger
    state.stage, state.share, state.answered, state.guarding = stage, share, False, False
    return _change(state, moment, reason, dropped)


def _drop(state: RolloutState, moment: Moment, reason: str) -> Change:
    dropped = Dropped(state.candidate or "", state.trigger, reason)
    previous = state.previous
    _settle_on(state, moment.primary)
    state.previous = previous
    return _change(state, moment, reason, dropped)


def _settle_on(state: RolloutState, version: str | None) -> None:
    """Let a version serve, with nobody tried beside it."""
    state.serving, state.candidate, state.stage, state.share = version, None, "full", 0.0
    state.previous, state.trigger, state.guarding = None, None, False
    state.comparison, state.bound, state.answered, state.window = None, None, False, {}


def _trigger(state: RolloutState, version: str, given: str | None) -> str | None:
    if given is not None:
        return given
    return state.trigger if state.candidate == version else state.announced.get(version)


def _change(state: RolloutState, moment: Moment, reason: str, dropped: Dropped | None = None) -> Change:
    assert state.serving is not None
    state.number += 1
    state.time = max(state.time, moment.now)
    reason = reason[0].upper() + reason[1:]
    return Change(
        Serving(
            id=deterministic_id("serving", moment.model, moment.id, state.number),
            number=state.number,
            model=moment.model,
            version=state.serving,
            candidate=state.candidate,
            stage=state.stage,
            share=state.share,
            previous=state.previous,
            time=from_micros(state.time),
            reason=reason if reason.endswith((".", "!", "?")) else reason + ".",
            trigger=state.trigger,
        ),
        dropped,
    )


def _known(seen: Collection[str], announced: Collection[str]) -> str:
    known = sorted({*seen, *announced})
    return f"known are {', '.join(known)}" if known else "none is known"
