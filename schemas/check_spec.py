"""`CheckSpec`: what a candidate must stand before it may be seen by anybody."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from schemas.contract import Name, Probability, Record
from schemas.expectation import Rule
from schemas.expression import names_of
from schemas.rule import RuleError, parse


class Invariance(Record):
    """Changing these features changes no answer, such as a name or an id."""

    features: list[Name] = Field(min_length=1, description="Features whose values are dealt anew")
    tolerance: NonNegativeFloat = Field(0.0, description="How far a score or a value may move")


class CheckSpec(Record):
    """Offline tests of a candidate (`streamgauge check`)."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the comparisons with the champion")
    margin: NonNegativeFloat = Field(
        0.0,
        description="How much more loss than the champion's is put up with over all held-out rows, in the unit of the "
        "loss",
    )
    evidence: Literal["proven", "likely"] = Field(
        "proven",
        description="proven: the whole interval of the difference over all held-out rows must be at most margin. "
        "likely: its estimate must, which for equal models is a throw of a coin; for those who test online anyway",
    )
    slice_margin: NonNegativeFloat | None = Field(
        None,
        description="How much more loss than the champion's is put up with on a slice, in the unit of the loss; "
        "default 0.02, for regression as a share of the champion's mean loss on the held-out rows",
    )
    slices: list[Rule] = Field(default_factory=list, description="Slices beside the segments and the trigger's")
    slice_rows: int = Field(
        50,
        ge=2,
        description="Held-out rows that a slice needs to be judged, or all rows; rows of unequal weights count for as "
        "many as they are worth, (Σ w)² / Σ w²",
    )
    fuzz: NonNegativeInt = Field(500, description="Rows made from the declared types that the candidate must answer")
    invariances: list[Invariance] = Field(default_factory=list, description="What must not matter")
    monotonic: dict[Name, Literal["increasing", "decreasing"]] = Field(
        default_factory=dict, description="Features that move the score or the value one way only (binary, regression)"
    )
    memorize: NonNegativeInt = Field(
        64, description="Rows that the training code must be able to learn by heart; 0 does not try"
    )
    memorized: Probability = Field(0.95, description="Share of them, or of their variance, that it must know then")
    hardest: NonNegativeInt = Field(
        200, description="Points of the past with the largest losses that are kept as tests"
    )
    hardest_margin: NonNegativeFloat | None = Field(
        None,
        description="How much more loss than the champion's is put up with on them, in the unit of the loss; "
        "default 0.05, for regression as a share of the champion's mean loss on the held-out rows",
    )
    leakage: Probability = Field(
        0.99,
        description="A feature that alone takes away this share of the loss of knowing nothing is taken for a leak of "
        "the label; 1: none is",
    )


def checks_problem(checks: CheckSpec, types: Mapping[str, str], task: str) -> str | None:
    """Return what is wrong with the checks of a model, given the types of its features, or None."""
    known = ", ".join(types)
    for place, invariance in enumerate(checks.invariances):
        for name in invariance.features:
            if name not in types:
                return f"retraining.checks.invariances[{place}]: {name!r} is not a feature; those are {known}"
    if checks.monotonic and task not in ("binary", "regression"):
        return f"retraining.checks.monotonic: a {task} model has no one number that a feature could move"
    for name in checks.monotonic:
        if name not in types:
            return f"retraining.checks.monotonic: {name!r} is not a feature; those are {known}"
        if types[name] not in ("numeric", "boolean"):
            return f"retraining.checks.monotonic.{name}: its values have no order; it is {types[name]}, not numeric"
    for place, rule in enumerate(checks.slices):
        try:
            parse(rule, names_of(types, task))
        except RuleError as error:
            return f"retraining.checks.slices[{place}], {error}"
    return None
