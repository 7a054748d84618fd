"""How many false alarms are put up with, who may spend how much of that, and what is too small for any."""

import re
from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from schemas.contract import Probability, Record
from schemas.event_time import Duration, format_duration

_BUDGET = re.compile(r"^\s*(\d+(?:\.\d+)?)\s+per\s+(.+)$")


class Budget(Record):
    """How many false alarms are put up with: `1 per 90d`."""

    count: PositiveFloat
    period: Duration

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = _BUDGET.match(value)
            if match is None:
                raise ValueError(f"{value!r} is not a budget such as 1 per 90d")
            return {"count": float(match[1]), "period": match[2]}
        return value

    @property
    def length(self) -> float:
        """Event time in microseconds in which one false alarm is put up with."""
        return self.period / self.count

    def __str__(self) -> str:
        return f"{self.count:g} per {format_duration(self.period)}"


class Weights(Record):
    """Shares of the false-alarm budget. They sum to at most 1; what is not given to anybody is not spent."""

    performance: Probability = Field(0.25, description="Loss over all rows")
    segments: Probability = Field(0.15, description="Loss by segment, shared evenly")
    outcomes: Probability = Field(
        0.15, description="Ratings, complaints, acceptance, corrections and overrides, shared evenly"
    )
    quality: Probability = Field(
        0.20, description="Missing, invalid, out-of-range and unseen values and expectations, shared evenly"
    )
    calibration: Probability = Field(0.05, description="What scores promise against what comes true, shared evenly")
    estimates: Probability = Field(0.05, description="Estimates, once they are graded below the minimum effect")
    system: Probability = Field(0.10, description="Latency, and what was rejected, shared evenly")
    rollout: Probability = Field(
        0.05,
        description="That a new version is worse than the one it replaces; where it is not given, what the others "
        "leave, if that is less",
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_room(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "rollout" in value:
            return value
        shares = [value.get(name, field.default) for name, field in cls.model_fields.items() if name != "rollout"]
        if any(isinstance(share, bool) or not isinstance(share, int | float) for share in shares):
            return value  # what is wrong with it is told by its name
        own = cls.model_fields["rollout"].default
        return value | {"rollout": min(own, max(0.0, round(1 - sum(shares), 9)))}

    @model_validator(mode="after")
    def _sum(self) -> "Weights":
        _check_sum(self)
        return self


class NoticeWeights(Record):
    """Shares of the budget of notices. They sum to at most 1; what is not given to anybody is not spent."""

    performance: Probability = Field(0.20, description="Loss as labels become known")
    estimates: Probability = Field(0.05, description="Estimated performance, before labels come")
    proxies: Probability = Field(0.10, description="Confidence, repeated, empty and refused outputs, attached scores")
    features: Probability = Field(0.30, description="Drift of each feature, shared evenly")
    predictions: Probability = Field(0.10, description="Drift of the predictions")
    labels: Probability = Field(0.05, description="Drift of the labels")
    joint: Probability = Field(0.10, description="Drift of all features jointly")
    recent: Probability = Field(0.10, description="Drift against the recent past, shared evenly")

    @model_validator(mode="after")
    def _sum(self) -> "NoticeWeights":
        _check_sum(self)
        return self


class MinimumEffect(Record):
    """What is too small to care about; no alarm rests on less."""

    error_rate: Probability = Field(0.0, description="Rise of the error rate (binary, multiclass)")
    absolute_error: NonNegativeFloat = Field(
        0.0, description="Rise of the mean absolute error (regression), in its unit"
    )
    rating: Probability = Field(0.0, description="Fall of the mean rating (text)")
    calibration: Probability = Field(
        0.05, description="Change of the probability of the positive class, or of being right, at like scores"
    )
    cost: NonNegativeFloat = Field(0.0, description="Rise of the mean cost, in the unit of costs.matrix")
    outcomes: Probability = Field(
        0.02, description="Rise of the rates of complaints, corrections and overrides; fall of that of acceptance"
    )
    drift: Probability = Field(
        0.02, description="Largest distance between distribution functions that is still the same"
    )
    joint: Probability = Field(
        0.05, description="Largest distance in total variation between all features jointly that is still the same"
    )
    quality: Probability = Field(
        0.01, description="Rise of the share of missing, invalid, out-of-range or unseen values"
    )
    latency: Probability = Field(0.05, description="Rise of the share of predictions slower than the reference's 95 %")
    proxies: Probability = Field(
        0.02, description="Fall of the mean confidence; rise of the share of repeated, empty or refused outputs"
    )
    rejected: Probability = Field(0.01, description="Share of predictions that are refused, duplicates or late")


def effects_problem(effect: MinimumEffect, task: str, *, priced: bool) -> str | None:
    """Return which minimum effect does nothing for a model of this task, `priced` by a matrix of costs; or None."""
    own = {"regression": "absolute_error", "text": "rating"}.get(task, "error_rate")
    for name in ("error_rate", "absolute_error"):
        if name != own and getattr(effect, name):
            allowed = ", ".join(dict.fromkeys((own, "rating", "drift", "joint", "outcomes", "quality", "latency")))
            return f"minimum_effect.{name} does nothing for a {task} model; give one of {allowed}"
    if effect.cost and not priced:
        return "minimum_effect.cost does nothing without costs.matrix"
    return None


def _check_sum(weights: Record) -> None:
    total = sum(weights.model_dump().values())
    if total > 1 + 1e-9:
        raise ValueError(f"the weights sum to {total:.3f}, and the budget is only 1")
