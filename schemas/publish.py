"""What the outside world reads of our contracts: JSON Schemas (2020-12) and an AsyncAPI document, as text.

Generated from the models, never edited. Where a model accepts more than its fields say (shorthands of the monitor file)
or less (at least one of several fields), the schema is amended here, so that it accepts what the contract accepts.
Writes no files: `streamgauge schema export` does.
"""

import json
from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.asyncapi import asyncapi
from schemas.catalogue import CONTRACTS, Contract
from schemas.event_time import format_duration
from schemas.examples import EXAMPLES

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Return the text of every published file by its name: the same text for the same contracts."""
    files = {
        f"{name}.schema.json": json.dumps(json_schema(contract), indent=2, ensure_ascii=False) + "\n"
        for name, contract in CONTRACTS.items()
    }
    return {**files, "asyncapi.yaml": asyncapi()}


def json_schema(contract: Contract) -> Schema:
    """Return the JSON Schema of one contract.

    What we write is described as open (`additionalProperties` is left out): a consumer that validates keeps working
    when we add a field.
    """
    schema: Schema = contract.adapter.json_schema(mode=contract.mode, schema_generator=_Generator)
    definitions = {name: _amended(name, node) for name, node in schema.pop("$defs", {}).items()}
    schema = _amended(contract.title, schema)
    whole: Schema = {"$schema": DIALECT, "$id": contract.urn, "title": contract.title, **schema}
    if contract.name in EXAMPLES:
        whole["examples"] = [EXAMPLES[contract.name]]
    if definitions:
        whole["$defs"] = definitions
    _tidy(whole, open_objects=contract.mode == "serialization")
    return whole


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - `Prediction Id` says nothing new
        return False


def _tidy(node: Any, *, open_objects: bool) -> None:
    """Write default durations as people do, and open the objects that we write."""
    if isinstance(node, list):
        for item in node:
            _tidy(item, open_objects=open_objects)
    elif isinstance(node, dict):
        if node.get("type") == "string" and type(node.get("default")) is int:
            node["default"] = format_duration(node["default"])
        if open_objects and node.get("additionalProperties") is False:
            del node["additionalProperties"]
        patterns = node.get("patternProperties", {})
        if len(patterns) == 1 and "additionalProperties" not in node:  # a mapping: its keys have to match
            [(pattern, value)] = node.pop("patternProperties").items()
            node["propertyNames"] = {**node.get("propertyNames", {}), "pattern": pattern}
            node["additionalProperties"] = value
        for name, item in node.items():
            if name not in ("examples", "default", "const", "enum"):
                _tidy(item, open_objects=open_objects)


def _amended(title: str, node: Schema) -> Schema:
    amend = _AMENDMENTS.get(title)
    return node if amend is None else amend(node)


def _at_least_one(*names: str) -> Callable[[Schema], Schema]:
    def amend(node: Schema) -> Schema:
        given = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
        return {**node, "anyOf": given}

    return amend


def _feature(node: Schema) -> Schema:
    properties = dict(node["properties"])
    properties["range"] = {
        "type": "array",
        "prefixItems": [{"type": ["number", "null"]}, {"type": ["number", "null"]}],
        "items": False,
        "minItems": 2,
        "description": "Short for minimum and maximum",
    }
    return {
        "description": node["description"],
        "anyOf": [properties["type"], {**node, "properties": properties}],
    }


def _budget(node: Schema) -> Schema:
    short = {
        "type": "string",
        "pattern": r"^\s*\d+(\.\d+)?\s+per\s+\S.*$",
        "examples": ["1 per 90d"],
    }
    return {"description": node["description"], "anyOf": [short, node]}


def _files(node: Schema) -> Schema:
    properties = {
        name: {"anyOf": [field["items"], field]} if "items" in field else field
        for name, field in node["properties"].items()
    }
    return {**node, "properties": properties}


def _not_empty(name: str) -> Callable[[Schema], Schema]:
    def amend(node: Schema) -> Schema:
        return {**node, "properties": {**node["properties"], name: {**node["properties"][name], "minProperties": 1}}}

    return amend


_AMENDMENTS: dict[str, Callable[[Schema], Schema]] = {
    "Output": _at_least_one("label", "score", "probabilities", "value", "text"),
    "Feedback": _at_least_one("label", "value", "rating", "correction"),
    "FeatureSpec": _feature,
    "Budget": _budget,
    "FilesSpec": _files,
    "ModelSpec": _not_empty("features"),
    "MonitorSpec": _not_empty("models"),
}
