"""`RetrainingDecision`: what the policies of a model came to, be it yes or no, in numbers that one can check."""

from typing import Literal

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Timestamp

Verdict = Literal["trigger", "held_back", "no", "unknown"]
Belief = Literal["none", "irreducible_noise", "bad_from_birth", "retraining_does_not_help", "retraining_fails"]


class PolicyVerdict(Record):
    """What one policy said."""

    policy: str = Field(description="Its type; of a combination, with the path to it: any/cost")
    verdict: Verdict
    reason: str = Field(description="One sentence")
    numbers: dict[str, float | None] = Field(default_factory=dict, description="What it went by, by name")
    would_change: str | None = Field(None, description="What would have turned the verdict, in numbers")


class RetrainingDecision(Record):
    """One decision: at each judged cohort, and whenever something calls for a retraining or holds it back."""

    id: str
    model: str
    version: str
    time: Timestamp = Field(description="Event time of the decision")
    verdict: Verdict
    reason: str = Field(description="One sentence")
    policies: list[PolicyVerdict]
    trigger: str | None = Field(None, description="Id of the trigger that it raised")
    belief: Belief = Field("none", description="Why retraining may be hopeless, as far as one can tell")
    belief_reason: str | None = Field(None, description="What speaks for that")
