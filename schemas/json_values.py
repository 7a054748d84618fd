"""JSON values as JSON Schema sees them: their types, and when two are the same."""

from collections.abc import Mapping
from typing import Any

JsonSchema = Mapping[str, Any] | bool

TYPES = frozenset({"null", "boolean", "object", "array", "string", "integer", "fraction"})
"""JSON's types, with `number` split in two: 1 and 1.0 are integers."""


def type_of(value: Any) -> str:
    """Return the type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else "fraction"
    return "object" if isinstance(value, Mapping) else "array"


def equal(a: Any, b: Any) -> bool:
    """Return whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)
