"""The contract that every peer validates with: a plain pydantic model, as anyone would write one.

It asks for about what our own contract asks: types, names, ranges, a time with a zone. It knows the ten features of
this one model by name and type, which our contract cannot: that makes it faster, not slower, than a general one.
"""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Features(BaseModel):
    model_config = ConfigDict(extra="forbid")

    income: float
    debt: float
    age: float
    tenure: float
    balance: float
    rate: float
    visits: float
    risk: float
    city: Name
    job: Name


class Output(BaseModel):
    label: Name
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Prediction(BaseModel):
    prediction_id: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    model: Name
    version: Name
    timestamp: AwareDatetime
    features: Features
    output: Output
    latency_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


validate = Prediction.__pydantic_validator__.validate_json
"""bytes → Prediction; `model_validate_json` without its two frames of Python."""
