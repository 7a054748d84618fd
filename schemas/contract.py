"""What all contracts share: strictness, labels and deterministic ids. Imports nothing of ours."""

import hashlib
import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema


class Event(BaseModel):
    """An event that somebody else writes: fields we do not know are ignored, so that producers may evolve."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, ser_json_inf_nan="null")


class Record(BaseModel):
    """An event or file that we write, or a configuration that we read: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


def normalise_label(value: Any) -> Any:
    """Return a label as text, so that `1`, `1.0` and `"1"` are the same class; booleans become `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a label is text, a whole number or a boolean")
        return str(int(value)) if value.is_integer() else repr(value)
    return value


Label = Annotated[
    str,
    BeforeValidator(normalise_label),
    StringConstraints(min_length=1, max_length=256),
    WithJsonSchema({"type": ["string", "integer", "number", "boolean"], "description": "A class; compared as text"}),
]

MOST_NAME = 128  # characters
Name = Annotated[str, StringConstraints(min_length=1, max_length=MOST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def deterministic_id(*parts: object) -> str:
    """Return 32 hexadecimal digits that depend on `parts` alone: a replayed step yields the same id."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
