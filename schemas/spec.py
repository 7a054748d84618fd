"""`MonitorSpec`: the monitor file, one YAML. `streams.files.load_spec` reads it and words its errors."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.contract import MOST_NAME, Label, Name, Probability, Record
from schemas.cost_spec import Costs, matrix_problem
from schemas.detector_spec import DetectorSpec, detectors_problem
from schemas.event_time import SECOND, Duration, Micros, format_duration, parse_duration
from schemas.expectation import Expectation, expectations_problem
from schemas.kafka_spec import KafkaSpec
from schemas.proxy_spec import ScoreSpec, TextSpec, attached
from schemas.retraining_spec import RetrainingSpec
from schemas.table_spec import FilesSpec, PredictionTable, ReferenceTable

Task = Literal["binary", "multiclass", "regression", "text"]
FeatureType = Literal["numeric", "categorical", "boolean", "text", "datetime"]


class FeatureSpec(Record):
    """What a feature may hold. Written as a type alone, or as a mapping."""

    type: FeatureType
    allowed: list[Label] | None = Field(None, description="Values a categorical feature may have; others are unseen")
    minimum: float | None = Field(None, description="Smallest value in range (numeric)")
    maximum: float | None = Field(None, description="Largest value in range (numeric)")
    nullable: bool = Field(True, description="Whether a missing value is a value; if not, it counts as a violation")

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value}
        if isinstance(value, dict) and "range" in value:
            bounds = value["range"]
            if not isinstance(bounds, list | tuple) or len(bounds) != 2:
                raise ValueError("range has two numbers: [minimum, maximum]")
            return {
                **{k: v for k, v in value.items() if k != "range"},
                "minimum": bounds[0],
                "maximum": bounds[1],
            }
        return value

    @model_validator(mode="after")
    def _fits(self) -> "FeatureSpec":
        if (self.minimum is not None or self.maximum is not None) and self.type != "numeric":
            raise ValueError(f"range is for numeric features; this one is {self.type}")
        if self.allowed is not None and self.type not in ("categorical", "boolean"):
            raise ValueError(f"allowed is for categorical features; this one is {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


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


def _check_sum(weights: Record) -> None:
    total = sum(weights.model_dump().values())
    if total > 1 + 1e-9:
        raise ValueError(f"the weights sum to {total:.3f}, and the budget is only 1")


class Weights(Record):
    """Shares of the false-alarm budget. They sum to at most 1; what is not given to anybody is not spent."""

    performance: Probability = Field(0.25, description="Loss over all rows")
    segments: Probability = Field(0.15, description="Loss by segment, shared evenly")
    outcomes: Probability = Field(
        0.20, description="Ratings, complaints, acceptance, corrections and overrides, shared evenly"
    )
    quality: Probability = Field(0.20, description="Missing, invalid, out-of-range and unseen values, shared evenly")
    calibration: Probability = Field(0.05, description="What scores promise against what comes true, shared evenly")
    estimates: Probability = Field(0.05, description="Estimates, once they are graded below the minimum effect")
    system: Probability = Field(0.10, description="Latency")

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


class LabelRequestSpec(Record):
    """Whether labels are asked for when too few come."""

    per_pane: int = Field(20, ge=0, description="Requests for a cohort with too few labels; 0 asks for none")


class ModelSpec(Record):
    """One monitored model."""

    task: Task
    features: dict[Name, FeatureSpec] = Field(description="Type of each feature, by name")
    classes: list[Label] | None = Field(None, description="Classes (binary, multiclass); else those of the reference")
    positive_label: Label | None = Field(None, description="The class that score is the probability of (binary)")
    threshold: Probability = Field(
        0.5, description="Score from which on the positive label is predicted, where no label is sent"
    )
    segments: list[Name] = Field(
        default_factory=list, description="Categorical or boolean features to look at by value"
    )
    pane: Duration = Field(description="Width of a pane in event time")
    lateness: Duration = Field(parse_duration("1h"), description="How far events may be out of order, in event time")
    label_horizon: Duration = Field(description="How long a prediction waits for its feedback")
    label_maturity: Duration | None = Field(
        None, description="A cohort is judged this long after its pane; default label_horizon"
    )
    complaint_rating: Probability = Field(0.25, description="A rating of at most this is a complaint")
    label_coverage: Probability = Field(0.5, description="Below this share of labelled rows a cohort is not judged")
    false_alarms: Budget = Field(description="Expected false alarms: at most this many")
    notices: Budget | None = Field(None, description="Expected false notices; default as false_alarms")
    weights: Weights = Field(default_factory=Weights)
    notice_weights: NoticeWeights = Field(default_factory=NoticeWeights)
    minimum_effect: MinimumEffect = Field(default_factory=MinimumEffect)
    reference: str | dict[Name, str] = Field(description="Profile file, or one for each version")
    costs: Costs = Field(default_factory=Costs)
    retraining: RetrainingSpec = Field(default_factory=RetrainingSpec)
    challenger: bool = Field(True, description="Whether an incremental model learns beside the champion")
    sample: PositiveInt = Field(2_000, le=20_000, description="Rows of a pane that order-dependent detectors see")
    traffic_sample: PositiveInt = Field(
        200, le=2_000, description="Rows of a traffic pane that joint drift, estimates of a loss and explanations see"
    )
    recent: PositiveInt = Field(
        14,
        le=400,
        description="Panes with rows that make up the recent past of a pane; it ends as many panes before that pane",
    )
    detectors: list[DetectorSpec] = Field(
        default_factory=list,
        description="River's detectors of a changed loss, which raise notices as labels become known, on top of the "
        "budget of notices: each its name, or a mapping of its parameters",
    )
    label_requests: LabelRequestSpec = Field(default_factory=LabelRequestSpec)
    expectations: list[Expectation] = Field(
        default_factory=list, description="Rules that rows of good data keep: each its name, dimension and rule"
    )
    producer: Name | None = Field(
        None, description="Categorical or boolean feature that names who produced a row; producers are compared"
    )
    text: TextSpec | None = Field(None, description="What generated texts are checked for (text)")
    scores: dict[Name, ScoreSpec] = Field(
        default_factory=dict, description="Numbers that the producer attaches to predictions, by name"
    )
    reference_max_age: Duration | None = Field(
        None, description="Nothing is judged by a reference whose newest row is older than this"
    )

    @property
    def maturity(self) -> Micros:
        """How long after its pane a cohort is judged."""
        return self.label_horizon if self.label_maturity is None else self.label_maturity

    @property
    def notice_budget(self) -> Budget:
        """The budget of notices."""
        return self.notices or self.false_alarms

    @field_validator("features")
    @classmethod
    def _some(cls, features: dict[str, FeatureSpec]) -> dict[str, FeatureSpec]:
        if not features:
            raise ValueError("name at least one feature")
        return features

    @field_validator("detectors")
    @classmethod
    def _fitting(cls, detectors: list[DetectorSpec], info: ValidationInfo) -> list[DetectorSpec]:
        problem = detectors_problem(detectors, info.data.get("task"))
        if problem is not None:
            raise ValueError(problem)
        return detectors

    @field_validator("expectations")
    @classmethod
    def _sensible(cls, expectations: list[Expectation], info: ValidationInfo) -> list[Expectation]:
        features = info.data.get("features")
        types = None if features is None else {name: feature.type for name, feature in features.items()}
        problem = expectations_problem(expectations, types, info.data.get("task"))
        if problem is not None:
            raise ValueError(problem)
        return expectations

    @field_validator("producer")
    @classmethod
    def _of_categories(cls, producer: str | None, info: ValidationInfo) -> str | None:
        features = info.data.get("features")
        if producer is None or features is None:
            return producer
        if producer not in features:
            raise ValueError(f"{producer!r} is not a feature; those are {', '.join(features)}")
        if features[producer].type not in ("categorical", "boolean"):
            raise ValueError(f"{producer!r} is {features[producer].type}; a producer is categorical or boolean")
        return producer

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSpec":
        if self.task == "binary" and self.positive_label is None:
            raise ValueError("a binary task needs positive_label")
        if self.task != "binary" and self.positive_label is not None:
            raise ValueError(f"positive_label is for binary tasks; this one is {self.task}")
        if (
            self.task == "binary"
            and self.classes is not None
            and (len(self.classes) != 2 or self.positive_label not in self.classes)
        ):
            raise ValueError("classes of a binary task are two, positive_label among them")
        if self.classes is not None and self.task in ("regression", "text"):
            raise ValueError(f"classes are for classification; this task is {self.task}")
        for name in self.segments:
            if name not in self.features:
                raise ValueError(f"segment {name!r} is not a feature; those are {', '.join(self.features)}")
            if self.features[name].type not in ("categorical", "boolean"):
                raise ValueError(f"segment {name!r} is {self.features[name].type}; a segment is categorical or boolean")
        self._effects_fit()
        if self.costs.matrix is not None:
            problem = matrix_problem(self.costs.matrix, self.task, self.classes, self.positive_label)
            if problem is not None:
                raise ValueError(problem)
        elif self.minimum_effect.cost:
            raise ValueError("minimum_effect.cost does nothing without costs.matrix")
        self._proxies_fit()
        if self.maturity > self.label_horizon:
            raise ValueError("label_maturity is longer than label_horizon: labels after the horizon are not joined")
        if self.pane < SECOND:
            raise ValueError("a pane is at least 1s wide")
        return self

    def _proxies_fit(self) -> None:
        if self.text is not None and self.task != "text":
            raise ValueError(f"text is for models that generate text; this task is {self.task}")
        for name in self.scores:
            if len(attached(name)) > MOST_NAME:
                most = MOST_NAME - len(attached(""))
                raise ValueError(f"scores: the name {name!r} is too long; {most} characters fit")
            if attached(name) in self.features:
                raise ValueError(f"scores: {name!r} would be counted as the feature {attached(name)!r} is; rename one")

    def _effects_fit(self) -> None:
        own = {"regression": "absolute_error", "text": "rating"}.get(self.task, "error_rate")
        for name in ("error_rate", "absolute_error"):
            if name != own and getattr(self.minimum_effect, name):
                allowed = ", ".join(dict.fromkeys((own, "rating", "drift", "joint", "quality", "latency")))
                raise ValueError(f"minimum_effect.{name} does nothing for a {self.task} model; give one of {allowed}")


_OUTPUTS: dict[Task, tuple[str, ...]] = {
    "binary": ("label", "score"),
    "multiclass": ("label", "probabilities"),
    "regression": ("value",),
    "text": ("text",),
}
"""Columns of which one holds what a model of this task answered."""


class Limits(Record):
    """What is refused, and what is kept at most."""

    max_skew: Duration = Field(
        parse_duration("1h"), description="An event time may be this far ahead of its Kafka timestamp"
    )
    max_bad_share: Probability = Field(
        0.5, description="The worker stops when more of a partition than this is refused"
    )
    max_bad_window: PositiveInt = Field(1_000, description="Newest records of a partition that max_bad_share looks at")
    max_event_bytes: PositiveInt = Field(1_000_000, description="Larger events are dead-lettered")
    max_pending: PositiveInt = Field(
        2_000_000,
        description="Predictions of a source partition that are kept for their feedback, and feedback that waits for "
        "its prediction; about 100 bytes of memory each. Beyond, the oldest are evicted",
    )
    idle_after: Duration = Field(
        parse_duration("1m"), description="Wall time without records after which a partition is idle"
    )


def _names(value: Any) -> Any:
    if isinstance(value, dict) and not value:
        raise ValueError("name at least one model")
    return value


class MonitorSpec(Record):
    """The monitor file."""

    kafka: KafkaSpec = Field(default_factory=KafkaSpec)
    models: Annotated[dict[Name, ModelSpec], BeforeValidator(_names)]
    files: FilesSpec | None = Field(None, description="How tables become events, for replay, send and reference only")
    limits: Limits = Field(default_factory=Limits)

    @model_validator(mode="after")
    def _feedback_says_what_the_task_asks(self) -> "MonitorSpec":
        for number, table in enumerate(self.files.feedback if self.files else []):
            model = table.model or (next(iter(self.models)) if len(self.models) == 1 else None)
            if model not in self.models:
                continue
            task, columns = self.models[model].task, table.columns
            needed = {"regression": columns.value, "text": columns.rating}.get(task, columns.label)
            if needed is None and columns.correction is None and columns.rating is None:
                name = {"regression": "value", "text": "rating"}.get(task, "label")
                raise ValueError(f"files.feedback[{number}].columns: a {task} model learns what came true from {name}")
        return self

    @model_validator(mode="after")
    def _predictions_say_what_the_task_asks(self) -> "MonitorSpec":
        files = self.files or FilesSpec()
        named: dict[str, Sequence[PredictionTable | ReferenceTable]]
        named = {"reference": files.reference, "predictions": files.predictions}
        for name, tables in named.items():
            for number, table in enumerate(tables):
                model = table.model or (next(iter(self.models)) if len(self.models) == 1 else None)
                if model not in self.models:
                    continue
                task = self.models[model].task
                if all(getattr(table.columns, column) is None for column in _OUTPUTS[task]):
                    place = f"files.{name}" + (f"[{number}]" if len(tables) > 1 else "")
                    needed = " or ".join(_OUTPUTS[task])
                    raise ValueError(f"{place}.columns: a {task} model answers with {needed}; name its column")
        return self

    @property
    def feedback_lateness(self) -> Micros:
        """Lateness of the feedback topic: feedback need not name its model, so the longest one holds for all."""
        return max(model.lateness for model in self.models.values())
