"""`FeatureSpec`: what the monitor file says of one feature."""

from typing import Any, Literal

from pydantic import Field, model_validator

from schemas.contract import Label, Record

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
