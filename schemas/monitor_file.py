"""`docs/monitor-file.md`: every key of the monitor file, with its type, its default and a sentence.

Generated from the models, never edited; `make schemas` writes it anew.
"""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.budget_spec import Budget
from schemas.event_time import format_duration
from schemas.feature_spec import FeatureSpec
from schemas.policy_spec import AllPolicy, AnyPolicy, FirstPolicy
from schemas.spec import ModelSpec, MonitorSpec

Node = dict[str, Any]

_DURATION = "30m"  # stands among the examples of lengths of time, and of nothing else

_BEGINNING = """# The monitor file, key by key

Made by `make schemas` from the models in `schemas/`; do not edit it here. The README has an example, and
[`schemas/published/monitor_spec.schema.json`](../schemas/published/monitor_spec.schema.json) is for editors.

A key without a default has to be there. A *duration* is written `30s`, `15m`, `1h`, `7d` or `1d 12h`: event time where
nothing else is said. A *class* is text, a whole number or a boolean, and is compared as text. Paths are relative to the
monitor file."""

_EXTRA: dict[type[BaseModel], str] = {
    FeatureSpec: "As in `income: numeric`. `range: [0, 120]` is short for `minimum` and `maximum`.",
    Budget: "Or as a mapping, of these keys.",
}
_SAID: dict[tuple[type[BaseModel], str], str] = {
    (MonitorSpec, "models"): "The monitored models, by name",
    (ModelSpec, "task"): "What the model answers",
    (FeatureSpec, "type"): "What its values are",
    (Budget, "count"): "How many",
    (Budget, "period"): "In how much event time",
}
"""Where a model's field says nothing of itself."""
_COMBINATIONS = (AllPolicy, AnyPolicy, FirstPolicy)
"""Models that hold others of their own kind."""


def monitor_file() -> str:
    """Return the page: the same text for the same models."""
    schema = MonitorSpec.model_json_schema()
    found: dict[type[BaseModel], list[str]] = {}
    _collect(MonitorSpec, "", found)
    return "\n".join([_BEGINNING, *(line for each in _sorted(found) for line in _section(each, found[each], schema))])


def _collect(model: type[BaseModel], path: str, found: dict[type[BaseModel], list[str]]) -> None:
    """Note every model in the monitor file, with where it stands; the nodes of a tree stand where its root does."""
    found.setdefault(model, []).append(path)
    for name, field in model.model_fields.items():
        place = f"{path}.{name}" if path else name
        for inner, suffix in _models(field.annotation):
            if model not in _COMBINATIONS:
                _collect(inner, place + suffix, found)


def _models(annotation: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, suffix
    origin = get_origin(annotation)
    suffix += ".<name>" if origin is dict else "[]" if origin is list else ""
    for inner in get_args(annotation):
        yield from _models(inner, suffix)


def _sorted(found: dict[type[BaseModel], list[str]]) -> list[type[BaseModel]]:
    """Return the models as they are met, what is about models first and the rest block by block."""
    first = [each for each in found if found[each][0].split(".")[0].split("[")[0] in ("", "models")]
    return [*first, *(each for each in found if each not in first)]


def _section(model: type[BaseModel], paths: list[str], schema: Node) -> Iterator[str]:
    node = schema if model is MonitorSpec else schema["$defs"][model.__name__]
    title = ", ".join(f"`{path}`" for path in paths) if paths != [""] else "The top"
    kind = node["properties"].get("type", {}).get("const")
    title += f" of type `{kind}`" if kind else ""
    intro = " ".join(" ".join(text.split()) for text in (model.__doc__ or "", _EXTRA.get(model, "")) if text)
    yield from ("", f"## {title}", "", intro, "", "| key | type | default | |", "|---|---|---|---|")
    for name, field in model.model_fields.items():
        cells = (f"`{name}`", _type(node["properties"][name]), _default(field), _sentence(model, name, field))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    text = field.description or _SAID.get((model, name))
    if text is None:
        inner = next((each for each, _ in _models(field.annotation)), None)
        text = None if inner is None else " ".join((inner.__doc__ or "").split()).split(". ")[0]
    if not text:
        raise ValueError(f"{model.__name__}.{name} has no description")
    return text.rstrip(".") + "."


def _type(node: Node) -> str:
    """Return a type of JSON Schema in words."""
    if "$ref" in node:
        return "text or mapping" if node["$ref"].endswith(("/Budget", "/FeatureSpec")) else "mapping"
    options: list[Node] = [*node.get("anyOf", []), *node.get("oneOf", [])]
    options = [each for each in options if each.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(_type(each) for each in options))
    if "enum" in node or "const" in node:
        return " or ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    kind = node.get("type")
    if isinstance(kind, list):
        return "class"
    if kind == "array" and "prefixItems" in node:
        return "[" + ", ".join(_type(item) for item in node["prefixItems"]) + "]"
    if kind == "array":
        return f"list of {_plural(_type(node['items']))}"
    if kind == "object":
        values = node.get("additionalProperties") or next(iter(node["patternProperties"].values()))
        if values is True:
            return "mapping of names to anything"
        return f"mapping of names to {_plural(_type(values))}"
    if kind == "string":
        return "duration" if _DURATION in node.get("examples", []) else "text"
    return {"boolean": "`true` or `false`", "integer": "whole number", "number": "number"}[str(kind)] + _bounds(node)


def _plural(kind: str) -> str:
    plurals = {"mapping": "mappings", "class": "classes", "text": "texts", "text or mapping": "texts or mappings"}
    return plurals.get(kind, kind.replace("mapping of", "mappings of", 1))


def _bounds(node: Node) -> str:
    low, above, high = node.get("minimum"), node.get("exclusiveMinimum"), node.get("maximum")
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    given = (("at least", low), ("above", above), ("at most", high), ("below", node.get("exclusiveMaximum")))
    return "".join(f", {word} {bound:,}" for word, bound in given if bound is not None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(_listed, value))}]`"
    if isinstance(value, int) and not isinstance(value, bool) and _is_duration(field):
        return f"`{format_duration(value)}`"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _listed(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{" + ", ".join(f"{name}: {inner}" for name, inner in value.model_dump().items()) + "}"
    return json.dumps(value)


def _is_duration(field: FieldInfo) -> bool:
    return any(_DURATION in (getattr(each, "json_schema", None) or {}).get("examples", []) for each in field.metadata)
