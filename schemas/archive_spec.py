"""`ArchiveSpec`: where joined rows are kept, for training sets and for people."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveInt, WithJsonSchema

from schemas.contract import Record
from schemas.event_time import Duration

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?\s*$", re.IGNORECASE)
_POWER = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: Any) -> Any:
    """Return bytes of a size such as `500 MB`, `20 GiB` or a whole number.

    Raises
    ------
    ValueError
        When it is none.
    """
    if not isinstance(text, str):
        return text
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 500 MB or 20 GiB")
    unit = (match[2] or "").upper()
    return int(float(match[1]) * (1024 if unit.endswith("I") else 1000) ** _POWER[unit.rstrip("I")])


Size = Annotated[
    PositiveInt,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _SIZE.pattern}]}),
]


class ArchiveSpec(Record):
    """Rows with what became known of them, as Parquet, by model, version and day."""

    url: str = Field(description="A directory beside the monitor file, or any URL that fsspec knows, such as s3://...")
    retention: Duration | None = Field(None, description="Days that ended this long ago, in event time, are deleted")
    max_bytes: Size | None = Field(None, description="Beyond this the oldest days are deleted")
