"""The `detectors` of a model: which of River's detectors watch the losses as labels become known, and how.

None, unless the monitor file names some: what they raise obeys no budget.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveInt, model_validator

from schemas.contract import Record

Share = Annotated[float, Field(gt=0, lt=1)]
WindowSize = Annotated[int, Field(ge=2, le=10_000)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AdwinSpec(Record):
    """ADWIN: the mean over a window as long as it stays the same. Any loss."""

    type: Literal["adwin"] = Field(description="The kind of detector")
    delta: Share = Field(0.002, description="Significance; smaller is quieter")


class KswinSpec(Record):
    """KSWIN: the newest rows against a random choice of older ones, by Kolmogorov and Smirnov's test. Any loss."""

    type: Literal["kswin"] = Field(description="The kind of detector")
    alpha: Share = Field(0.0001, description="Significance of the test that each row makes; smaller is quieter")
    window_size: WindowSize = Field(300, description="Rows that it looks back on")
    stat_size: PositiveInt = Field(100, description="The newest of them, which are compared with as many of the others")
    seed: int = Field(1, ge=0, description="Seed of the choice")

    @model_validator(mode="after")
    def _enough_to_choose_from(self) -> "KswinSpec":
        if self.window_size < 2 * self.stat_size:
            raise ValueError(f"window_size {self.window_size} is less than twice stat_size {self.stat_size}")
        return self


class PageHinkleySpec(Record):
    """Page and Hinkley's test: a running sum of how far the loss is from its mean, in its deviations. Any loss."""

    type: Literal["page_hinkley"] = Field(description="The kind of detector")
    min_instances: PositiveInt = Field(30, description="Rows before it may fire")
    delta: NonNegativeFloat = Field(0.1, allow_inf_nan=False, description="Changes to put up with, in deviations")
    threshold: Above0 = Field(50.0, description="Sum at which it fires, in deviations; larger is quieter")
    alpha: Annotated[float, Field(gt=0, le=1)] = Field(0.9999, description="Weight of the sum so far at each row")


class DdmSpec(Record):
    """DDM: the error rate against its lowest so far. Right or wrong."""

    type: Literal["ddm"] = Field(description="The kind of detector")
    warm_start: PositiveInt = Field(30, description="Rows before it may fire")
    drift_threshold: Above0 = Field(3.0, description="Standard errors above the lowest rate at which it fires")


class EddmSpec(Record):
    """EDDM: the rows between two errors against the most so far. Right or wrong."""

    type: Literal["eddm"] = Field(description="The kind of detector")
    warm_start: PositiveInt = Field(30, description="Errors before it may fire")
    beta: Share = Field(0.9, description="Share of the most at which it fires; smaller is quieter")


class FhddmSpec(Record):
    """FHDDM: the accuracy of a sliding window against the best so far. Right or wrong."""

    type: Literal["fhddm"] = Field(description="The kind of detector")
    sliding_window_size: WindowSize = Field(100, description="Rows in the window")
    confidence_level: Share = Field(0.000001, description="Significance; smaller is quieter")
    short_window_size: PositiveInt | None = Field(
        None, description="Rows of a second, shorter window that looks for sudden changes"
    )

    @model_validator(mode="after")
    def _shorter(self) -> "FhddmSpec":
        if self.short_window_size is not None and self.short_window_size > self.sliding_window_size:
            raise ValueError(
                f"short_window_size {self.short_window_size} is above sliding_window_size {self.sliding_window_size}"
            )
        return self


class HddmASpec(Record):
    """HDDM_A: the error rate of all rows against its lowest so far, by Hoeffding's bound. Right or wrong."""

    type: Literal["hddm_a"] = Field(description="The kind of detector")
    drift_confidence: Share = Field(0.001, description="Significance; smaller is quieter")
    two_sided_test: bool = Field(False, description="Whether it sees falls too")


class HddmWSpec(Record):
    """HDDM_W: the same with a mean in which newer rows weigh more, by McDiarmid's bound. Right or wrong."""

    type: Literal["hddm_w"] = Field(description="The kind of detector")
    drift_confidence: Share = Field(0.001, description="Significance; smaller is quieter")
    lambda_val: Share = Field(0.05, description="Weight of the newest row in the mean")
    two_sided_test: bool = Field(False, description="Whether it sees falls too")


AnyDetector = AdwinSpec | KswinSpec | PageHinkleySpec | DdmSpec | EddmSpec | FhddmSpec | HddmASpec | HddmWSpec
DetectorName = Literal["adwin", "kswin", "page_hinkley", "ddm", "eddm", "fhddm", "hddm_a", "hddm_w"]

ANY_LOSS: tuple[DetectorName, ...] = ("adwin", "kswin", "page_hinkley")
"""Those that take any loss; the others ask for right or wrong."""


def _by_name(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


DetectorSpec = Annotated[
    AnyDetector,
    Field(discriminator="type"),
    BeforeValidator(
        _by_name, json_schema_input_type=DetectorName | Annotated[AnyDetector, Field(discriminator="type")]
    ),
]
"""Written as a name alone, or as a mapping."""


def detectors_problem(detectors: list[AnyDetector], task: str | None) -> str | None:
    """Return why a model of this task cannot have these detectors, or None."""
    names = [detector.type for detector in detectors]
    for name in names:
        if names.count(name) > 1:
            return f"{name!r} is there twice"
        if task in ("regression", "text") and name not in ANY_LOSS:
            return f"{name!r} asks for right or wrong, and a {task} model may have {', '.join(ANY_LOSS)}"
    return None
