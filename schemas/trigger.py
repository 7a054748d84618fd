"""`RetrainingTrigger`: the decision to retrain, with its evidence, what waiting costs and what to train on."""

from typing import Any, Literal

from pydantic import Field

from schemas.contract import Record
from schemas.dataset_spec import Sampling
from schemas.decision import Belief
from schemas.event_time import Duration, Timestamp
from schemas.reading import Tier

PolicyName = Literal["ad_hoc", "schedule", "drift", "performance", "cost", "any", "all", "first"]


class Evidence(Record):
    """What one signal contributed to the decision."""

    alert: str | None = Field(None, description="Id of the alert")
    severity: Literal["alarm", "notice"]
    tier: Tier
    signal: str
    feature: str | None = None
    segment: str | None = None
    detector: str
    value: float | None
    reference: float | None = None
    baseline: float | None = None
    n: int = Field(ge=0)
    evidence: float | None = Field(None, description="Weighted wealth of the e-detector; it fires at 1")
    since: Timestamp


class Slice(Record):
    """Rows that must be among the training data."""

    segment: str = Field(description="feature=value")
    reason: str
    rows: int = Field(ge=0, description="Labelled rows seen since the change")
    at_least: int = Field(0, ge=0, description="So many of them, or all where there are fewer")


class MustHaveRows(Record):
    """Rows that are taken from before the window where there are too few in it."""

    where: str = Field(description="Rule, as those of expectations")
    at_least: int = Field(ge=1)


class SamplePlan(Record):
    """How the training set is drawn where the window holds more rows than it may have."""

    method: Sampling
    max_rows: int = Field(ge=1)
    seed: int = Field(ge=0, description="Of the hash that draws: the same trigger gives the same rows")
    half_life: Duration | None = Field(None, description="Of recency")


class Holdout(Record):
    """Rows that are kept for the offline tests: those with the smallest hashes, so no training set ever has them."""

    share: float = Field(gt=0, lt=1)
    max_rows: int = Field(ge=1)
    seed: int = Field(ge=0, description="Of the hash: one for each model, whatever the trigger")


class Window(Record):
    """Event time of predictions, start included, end not."""

    start: Timestamp
    end: Timestamp


class VersionWindow(Window):
    """Part of a window in which the rows of one version are used."""

    version: str


class TrainingData(Record):
    """What to train on."""

    window: Window = Field(description="Predictions since the change point whose labels have matured")
    exclude: list[Window] = Field(default_factory=list, description="Parts of the window in which data was broken")
    versions: list[VersionWindow] = Field(
        default_factory=list,
        description="Whose rows to use when, where the window begins before the trigger's version did: rows of a "
        "shadow repeat those of the version that serves; empty: those of the trigger's version alone",
    )
    labelled_rows: int = Field(ge=0, description="Rows in the window with a label, what is excluded left out")
    slices: list[Slice] = Field(default_factory=list)
    labels_until: Timestamp | None = Field(
        None, description="Labels that came later are not used; default the decision"
    )
    sample: SamplePlan | None = None
    must_have: list[MustHaveRows] = Field(default_factory=list)
    pinned: list[str] = Field(default_factory=list, description="prediction_ids of rows that are always in")
    holdout: Holdout | None = None
    wanted_labels: list[str] = Field(
        default_factory=list,
        description="prediction_ids of rows in the window whose labels were asked for and not given",
    )


class Candidate(Record):
    """An older version: what comes back may be known already. Its loss on the held-out rows says whether it is."""

    version: str
    first: Timestamp = Field(description="Start of the oldest cohort of it that is remembered")
    last: Timestamp = Field(description="End of the newest one")
    rows: int = Field(ge=0, description="Labelled rows of the newest 30 cohorts of it")
    loss: float = Field(description="Their mean loss")
    segments: dict[str, float] = Field(default_factory=dict, description="The same by feature=value (50 rows or more)")


class WaitingCost(Record):
    """What it costs to wait, at the present volume."""

    excess_loss_per_day: float = Field(description="Loss above the reference's mean, summed over a day's predictions")
    cost_per_day: float | None = Field(
        None,
        description="Cost above the reference's mean likewise, by costs.matrix or else by costs.loss, where declared",
    )
    predictions_per_day: float


class RetrainingTrigger(Record):
    """Retrain `model`. A consumer handles each `id` once; it is the idempotency key."""

    id: str
    model: str
    version: str = Field(description="The version that is to be replaced")
    policy: PolicyName
    tier: Tier | None = None
    signal: str | None = Field(None, description="The signal that decided; none for ad hoc and scheduled triggers")
    time: Timestamp = Field(description="Event time of the decision")
    since: Timestamp = Field(description="Estimated start of the change; the window's start where nothing changed")
    reason: str = Field(description="One sentence")
    evidence: list[Evidence] = Field(default_factory=list)
    waiting: WaitingCost | None = None
    train_on: TrainingData
    how: Literal["full", "warm_start", "promote_challenger"]
    decision: str | None = Field(None, description="Id of the decision that it came of")
    belief: Belief = Field("none", description="Why retraining may be hopeless, as far as one can tell")
    candidates: list[Candidate] = Field(
        default_factory=list,
        description="Older versions, the newest first: to be scored on the held-out rows beside what is trained",
    )
    challenger: dict[str, float] | None = Field(
        None, description="Loss of the incremental challenger and of the champion on the same rows"
    )
    provenance: dict[str, Any] = Field(
        default_factory=dict,
        description="Offset ranges of the window by topic and partition; left out of comparisons",
    )
