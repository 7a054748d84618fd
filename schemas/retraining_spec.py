"""The `retraining` block of a model: from the trigger to the new version that serves."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from schemas.budget_spec import Budget
from schemas.check_spec import CheckSpec
from schemas.contract import Record
from schemas.dataset_spec import DatasetSpec
from schemas.event_time import Duration, parse_duration
from schemas.policy_spec import CostPolicy, Policy
from schemas.rollout_spec import RolloutSpec
from schemas.trainer_spec import SklearnTrainer, Trainer

Fallback = Literal["previous_version", "challenger", "rule"]


class FallbackSpec(Record):
    """What is advised at once, before any retraining, where bad predictions are dear."""

    times: PositiveFloat = Field(
        2.0, description="Advise when the mean loss since the change is so many times that of the reference"
    )
    cost_per_day: NonNegativeFloat | None = Field(
        None, description="And when a day costs at least this more than it did, where costs are declared"
    )
    prefer: tuple[Fallback, ...] = Field(
        ("previous_version", "challenger", "rule"),
        description="In this order; what is not there, or was worse, is passed over",
    )
    rule: str | None = Field(None, max_length=500, description="What to do instead, in your words: refer to a person")


class IncrementalSpec(Record):
    """When the incremental challenger is promoted instead of a full training: the data changes too fast for one."""

    changes: PositiveInt = Field(2, description="So many triggers")
    within: Duration = Field(parse_duration("30d"), description="in so much event time are rapid change")


def _default_policies() -> list[Policy]:
    return [CostPolicy(type="cost")]


class RetrainingSpec(Record):
    """When to retrain, on what, who does it, and how its result comes to serve.

    Any policy may fire. Ad hoc triggers (a command) always do, and nothing holds them back.
    """

    policies: list[Policy] = Field(
        default_factory=_default_policies, description="What may raise a trigger: each is enough"
    )
    cooldown: Duration = Field(parse_duration("7d"), description="Least event time between two triggers of one model")
    rate: Budget | None = Field(None, description="At most this many triggers of one model, such as 4 per 90d")
    calls: PositiveInt = Field(1, description="Judged cohorts in a row in which a policy has to call for a retraining")
    quiet: int = Field(
        0, ge=0, description="Judged cohorts in a row without a call before the same version may trigger again"
    )
    minimum_labels: int = Field(500, ge=0, description="Fewer labelled rows since the change are not worth a training")
    answer_within: Duration = Field(
        parse_duration("14d"), description="A trigger that nobody has answered by then counts as failed"
    )
    fallback: FallbackSpec = Field(default_factory=FallbackSpec)
    incremental: IncrementalSpec = Field(default_factory=IncrementalSpec)
    dataset: DatasetSpec = Field(default_factory=DatasetSpec)
    trainer: Trainer = Field(
        default_factory=lambda: SklearnTrainer(type="sklearn"), description="Who makes a candidate out of a dataset"
    )
    checks: CheckSpec = Field(default_factory=CheckSpec)
    rollout: RolloutSpec = Field(default_factory=RolloutSpec)
