"""`MonitorSpec`: the monitor file, one YAML. `streams.files.load_spec` reads it and words its errors."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, ValidationInfo, field_validator, model_validator

from schemas.archive_spec import ArchiveSpec
from schemas.budget_spec import Budget, MinimumEffect, NoticeWeights, Weights, effects_problem
from schemas.check_spec import checks_problem
from schemas.contract import Label, Name, Probability, Record
from schemas.cost_spec import Costs, matrix_problem
from schemas.detector_spec import DetectorSpec, detectors_problem
from schemas.event_time import SECOND, Duration, Micros, parse_duration
from schemas.expectation import Expectation, expectations_problem
from schemas.feature_spec import FeatureSpec
from schemas.kafka_spec import KafkaSpec
from schemas.label_request_spec import LabelRequestSpec, label_requests_problem
from schemas.proxy_spec import ScoreSpec, TextSpec, proxies_problem
from schemas.retraining_spec import RetrainingSpec
from schemas.table_spec import FilesSpec, PredictionTable, ReferenceTable

Task = Literal["binary", "multiclass", "regression", "text"]


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
    def negative_label(self) -> str:
        """What the other class of a binary task is called where nothing names it."""
        return f"not {self.positive_label}"

    def label_at(self, score: float) -> str:
        """Return the class that a score stands for (binary)."""
        return str(self.positive_label) if score >= self.threshold else self.negative_label

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
        _refuse(detectors_problem(detectors, info.data.get("task")))
        return detectors

    @field_validator("expectations")
    @classmethod
    def _sensible(cls, expectations: list[Expectation], info: ValidationInfo) -> list[Expectation]:
        features = info.data.get("features")
        types = None if features is None else {name: feature.type for name, feature in features.items()}
        _refuse(expectations_problem(expectations, types, info.data.get("task")))
        return expectations

    @field_validator("label_requests")
    @classmethod
    def _askable(cls, requests: LabelRequestSpec, info: ValidationInfo) -> LabelRequestSpec:
        features = info.data.get("features")
        types = None if features is None else {name: feature.type for name, feature in features.items()}
        _refuse(label_requests_problem(requests, types, info.data.get("task"), info.data.get("challenger")))
        return requests

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
        matrix = self.costs.matrix
        _refuse(effects_problem(self.minimum_effect, self.task, priced=matrix is not None))
        if matrix is not None:
            _refuse(matrix_problem(matrix, self.task, self.classes, self.positive_label))
        _refuse(proxies_problem(self.text, self.scores, self.task, self.features))
        types = {name: feature.type for name, feature in self.features.items()}
        _refuse(checks_problem(self.retraining.checks, types, self.task))
        if self.retraining.rollout.automatic and not self.weights.rollout:
            raise ValueError(
                "retraining.rollout.automatic: nothing of the budget is left to find out that a new version is worse; "
                "lower other weights, or give weights.rollout a share"
            )
        if self.maturity > self.label_horizon:
            raise ValueError("label_maturity is longer than label_horizon: labels after the horizon are not joined")
        if self.pane < SECOND:
            raise ValueError("a pane is at least 1s wide")
        return self


def _refuse(problem: str | None) -> None:
    if problem is not None:
        raise ValueError(problem)


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
    archive: ArchiveSpec | None = Field(None, description="Where joined rows are kept; without it no row is kept")
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
