"""Builders of what policies decide on: histories by the numbers of each day, open episodes, situations and answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, Compared, History
from detectors.policies.decide import Decided, decide
from detectors.policies.state import PolicyState
from detectors.situation import Broken, Situation
from schemas.event_time import from_micros, rfc3339
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome

from .builders import DAY, START, layout_of, model_spec, profile_of

PERFORMANCE = [{"type": "performance"}]
COST = [{"type": "cost"}]
OVERALL: EpisodeKey = ("error_rate", None, None, "e_detector", "cohort")
NORTH: EpisodeKey = ("error_rate", None, "region=north", "e_detector", "cohort")
SOUTH: EpisodeKey = ("error_rate", None, "region=south", "e_detector", "cohort")


def spec_of(
    policies: Sequence[dict[str, Any]], task: str = "binary", costs: Any = None, **retraining: Any
) -> ModelSpec:
    settings = {"policies": policies, "cooldown": "7d", "minimum_labels": 100} | retraining
    return model_spec(task, segments=["region"], costs={"loss": 3.0} if costs is None else costs, retraining=settings)


def episode(since: int = 10, tier: str = "performance", severity: str = "alarm", **fields: Any) -> Episode:
    moment = START + since * DAY
    given: dict[str, Any] = {
        "id": f"episode {since}",
        "severity": severity,
        "tier": tier,
        "since": moment,
        "evidence_since": moment,
        "evidence_from": moment,
        "fired": moment,
        "value": 0.3,
        "reference": 0.1,
        "baseline": 0.12,
        "n": 500,
        "evidence": 1.5,
        "alert": "alert",
    }
    return Episode(**given | fields)


def cohort(day: int, n: int = 50, loss: float = 5.0, **fields: Any) -> Cohort:
    given = {"n": n, "labelled": n, "loss": loss, "segments": {}, "offsets": {}, "squares": loss} | fields
    return Cohort(START + day * DAY, START + (day + 1) * DAY, **given)


def history(days: int = 20, n: int = 50, errors: float = 5.0, first: int = 0, **fields: Any) -> History:
    """So many days of as many rows and errors."""
    found = History()
    found.cohorts.extend(cohort(first + day, n, errors, **fields) for day in range(days))
    return found


def risen(days: int, change: int, before: float = 5.0, after: float = 20.0, n: int = 50) -> History:
    """Days whose errors change on one of them."""
    found = History()
    found.cohorts.extend(cohort(day, n, before if day < change else after) for day in range(days))
    return found


def compared(day: int, n: int, champion: float, challenger: float) -> Compared:
    """Losses of both on a day."""
    return Compared(START + day * DAY, START + (day + 1) * DAY, n, n, champion, challenger)


def situation(
    spec: ModelSpec,
    now: int = 20,
    episodes: dict[EpisodeKey, Episode] | None = None,
    past: History | None = None,
    broken: list[Broken] | None = None,
    *,
    version: str = "1",
    profile: ReferenceProfile | None = None,
    **fields: Any,
) -> Situation:
    """What is known on a day, when a cohort has just been judged."""
    layout = layout_of(spec, profile_of(spec) if profile is None else profile, version)
    kept = history() if past is None else past
    one = Situation(layout, START + now * DAY, {} if episodes is None else episodes, kept, broken or [], None)
    return replace(one, **{"step": ("cohort", START + (now - 3) * DAY)} | fields)


def days_of(trigger: RetrainingTrigger) -> tuple[float, ...]:
    window = trigger.train_on.window
    return tuple((moment - from_micros(START)).total_seconds() / 86_400 for moment in (window.start, window.end))


def fires(state: PolicyState, one: Situation) -> RetrainingTrigger:
    decided = decide(state, one)
    assert decided.trigger is not None, decided
    return decided.trigger


def held(state: PolicyState, one: Situation) -> str:
    decided = decide(state, one)
    assert decided.trigger is None
    assert decided.held_back is not None, decided
    return decided.held_back


def quiet(state: PolicyState, one: Situation) -> Decided:
    """A decision that is neither a trigger nor held back."""
    decided = decide(state, one)
    assert decided.trigger is None, decided.trigger
    assert decided.held_back is None, decided.held_back
    return decided


def day(number: float) -> str:
    return rfc3339(START + round(number * DAY))


def outcome(trigger: str, status: str, new_version: str | None = None) -> TriggerOutcome:
    return TriggerOutcome.model_validate(
        {
            "id": f"outcome of {trigger}",
            "trigger": trigger,
            "model": "m",
            "version": "1",
            "new_version": new_version,
            "time": day(0),
            "status": status,
            "reason": "because",
            "retraining_cost": 100.0,
        }
    )
