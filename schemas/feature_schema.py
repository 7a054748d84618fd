"""The features of a model as a JSON Schema, and how compatible two of them are."""

from collections.abc import Mapping
from typing import Any

from schemas.compatibility import Incompatibility, compare
from schemas.json_values import JsonSchema
from schemas.schema_change import Compatibility

_JSON: dict[str, list[str]] = {
    "numeric": ["number", "null"],
    "text": ["string", "null"],
    "datetime": ["string", "null"],
    "boolean": ["boolean", "null"],
    "categorical": ["string", "number", "boolean", "null"],
    "null": ["null"],
}


def feature_schema(types: Mapping[str, str], always: frozenset[str]) -> dict[str, Any]:
    """Return the JSON Schema of features, given the type of each and which of them every event has.

    It is closed: what is compared is which features there are, not which ones a reader would put up with.
    """
    return {
        "type": "object",
        "properties": {name: {"type": _JSON[kind]} for name, kind in types.items()},
        "required": sorted(always & types.keys()),
        "additionalProperties": False,
    }


def compatibility(before: JsonSchema, after: JsonSchema) -> tuple[Compatibility, list[Incompatibility]]:
    """Return the class of a change of a schema, and what breaks by it."""
    breaks = compare(before, after, "FULL")
    directions = {one.direction for one in breaks}
    if not directions:
        return "FULL", breaks
    if len(directions) == 2:
        return "NONE", breaks
    return ("FORWARD" if "BACKWARD" in directions else "BACKWARD"), breaks
