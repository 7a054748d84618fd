"""`compare` finds what breaks, says where, and never calls compatible what is not."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.catalogue import CONTRACTS
from schemas.compatibility import compare
from schemas.publish import json_schema

OPEN = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
CLOSED = {**OPEN, "additionalProperties": False}


def with_property(schema: dict[str, Any], name: str, value: Any, *, required: bool = False) -> dict[str, Any]:
    names = [*schema.get("required", []), name] if required else schema.get("required", [])
    return {**schema, "properties": {**schema["properties"], name: value}, "required": names}


TEXT, NUMBER, INTEGER, NULL = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "null"}
NULLABLE = {"anyOf": [TEXT, NULL]}
CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": INTEGER}, "required": ["kind"]}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "tricks": TEXT}, "required": ["kind"]}
TREE = {
    "$ref": "#/$defs/tree",
    "$defs": {"tree": {"type": "object", "properties": {"value": NUMBER, "next": {"$ref": "#/$defs/tree"}}}},
}
NARROW_TREE = {
    "$ref": "#/$defs/tree",
    "$defs": {"tree": {"type": "object", "properties": {"value": INTEGER, "next": {"$ref": "#/$defs/tree"}}}},
}


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        pytest.param(OPEN, OPEN, True, True, id="nothing changed"),
        pytest.param(CLOSED, with_property(CLOSED, "b", TEXT), True, False, id="optional added, closed"),
        pytest.param(
            CLOSED, with_property(CLOSED, "b", TEXT, required=True), False, False, id="required added, closed"
        ),
        pytest.param(OPEN, with_property(OPEN, "b", TEXT), False, True, id="optional added, open"),
        pytest.param(OPEN, with_property(OPEN, "b", True), True, True, id="anything added, open"),
        pytest.param(OPEN, with_property(OPEN, "b", True, required=True), False, True, id="required added, open"),
        pytest.param(
            {**OPEN, "additionalProperties": TEXT},
            with_property({**OPEN, "additionalProperties": TEXT}, "b", TEXT),
            True,
            True,
            id="added as additionalProperties said",
        ),
        pytest.param(
            {**OPEN, "additionalProperties": TEXT},
            with_property({**OPEN, "additionalProperties": TEXT}, "b", NUMBER),
            False,
            False,
            id="added against additionalProperties",
        ),
        pytest.param(OPEN, CLOSED, False, True, id="closed"),
        pytest.param(OPEN, {**OPEN, "required": []}, True, False, id="no longer required"),
        pytest.param(INTEGER, NUMBER, True, False, id="integer to number"),
        pytest.param(NUMBER, {"type": ["integer", "number"]}, True, True, id="integer is a number"),
        pytest.param(TEXT, NULLABLE, True, False, id="nullable"),
        pytest.param(NULLABLE, {"type": ["string", "null"]}, True, True, id="two ways to say nullable"),
        pytest.param({"enum": ["a"]}, {"enum": ["a", "b"]}, True, False, id="enum grown"),
        pytest.param({"const": "a"}, {"enum": ["a"]}, True, True, id="const is an enum of one"),
        pytest.param({"enum": ["a", 1]}, {"type": ["string", "integer"]}, True, False, id="enum to types"),
        pytest.param({"enum": ["ab"]}, {"type": "string", "minLength": 2}, True, False, id="enum within bounds"),
        pytest.param({"enum": [1, True]}, {"enum": [1]}, False, True, id="true is not 1"),
        pytest.param({"type": "boolean"}, {"enum": [True, False]}, True, True, id="booleans are two"),
        pytest.param({**NUMBER, "minimum": 0}, {**NUMBER, "minimum": -1}, True, False, id="minimum lowered"),
        pytest.param({**NUMBER, "exclusiveMinimum": 0}, {**NUMBER, "minimum": 0}, True, False, id="bound let in"),
        pytest.param({**INTEGER, "exclusiveMinimum": 0}, {**INTEGER, "minimum": 1}, True, True, id="integer bounds"),
        pytest.param(
            {**INTEGER, "maximum": 9}, {**INTEGER, "exclusiveMaximum": 10}, True, True, id="integer bounds up"
        ),
        pytest.param({**INTEGER, "multipleOf": 4}, {**INTEGER, "multipleOf": 2}, True, False, id="multipleOf"),
        pytest.param({**TEXT, "maxLength": 5}, {**TEXT, "maxLength": 9}, True, False, id="maxLength raised"),
        pytest.param(TEXT, {**TEXT, "pattern": "^a"}, False, True, id="pattern added"),
        pytest.param(TEXT, {**TEXT, "format": "date-time"}, False, True, id="format added"),
        pytest.param(
            {"type": "array", "items": INTEGER, "maxItems": 3},
            {"type": "array", "items": NUMBER},
            True,
            False,
            id="items",
        ),
        pytest.param(
            {"type": "array", "prefixItems": [INTEGER, TEXT], "items": False},
            {"type": "array", "maxItems": 2},
            True,
            False,
            id="prefixItems",
        ),
        pytest.param({"type": "array"}, {"type": "array", "uniqueItems": True}, False, True, id="uniqueItems"),
        pytest.param({"anyOf": [CAT, DOG]}, {"oneOf": [CAT, DOG]}, True, True, id="discriminated either way"),
        pytest.param({"oneOf": [CAT]}, {"oneOf": [CAT, DOG]}, True, False, id="alternative added"),
        pytest.param(
            {"anyOf": [{**TEXT, "maxLength": 3}, TEXT]},
            {"oneOf": [{**TEXT, "maxLength": 3}, TEXT]},
            False,
            True,
            id="alternatives that overlap",
        ),
        pytest.param(NARROW_TREE, TREE, True, False, id="recursive"),
        pytest.param(
            {"type": "object", "additionalProperties": INTEGER, "propertyNames": {"maxLength": 3}},
            {"type": "object", "additionalProperties": NUMBER, "propertyNames": {"maxLength": 4}},
            True,
            False,
            id="mapping",
        ),
        pytest.param(
            {"type": "object", "patternProperties": {"^x": INTEGER}, "additionalProperties": False},
            {"type": "object", "patternProperties": {"^x": NUMBER}, "additionalProperties": False},
            True,
            False,
            id="patternProperties",
        ),
        pytest.param(TEXT, {**TEXT, "not": {"const": "a"}}, False, True, id="not"),
        pytest.param(NULLABLE, {"not": {"type": "integer"}}, True, False, id="not a type"),
        pytest.param(TEXT, {**TEXT, "frobnicate": 1}, False, True, id="unknown keyword"),
        pytest.param(TEXT, {"$ref": "https://example.com/x"}, False, False, id="reference to elsewhere"),
        pytest.param(TEXT, {**TEXT, "description": "x", "x-own": 1}, True, True, id="annotations"),
        pytest.param({"allOf": [TEXT, {"minLength": 2}]}, {**TEXT, "minLength": 1}, True, False, id="allOf"),
        pytest.param(False, TEXT, True, False, id="nothing to something"),
        pytest.param({"$ref": "#"}, TEXT, False, False, id="a reference to itself"),
    ],
)
def test_each_rule(old: Any, new: Any, backward: bool, forward: bool):
    assert (compare(old, new, "BACKWARD") == []) is backward
    assert (compare(old, new, "FORWARD") == []) is forward
    assert (compare(old, new, "FULL") == []) is (backward and forward)


def test_findings_say_where_what_and_who():
    old = with_property(OPEN, "deep", {"type": "array", "items": NULLABLE})
    new = with_property(OPEN, "deep", {"type": "array", "items": TEXT})
    [finding] = compare(old, new, "FULL")
    assert finding.path == "$.deep[*]"
    assert finding.change == "the old schema allows null, the new one only string"
    assert str(finding).endswith("(BACKWARD: readers with the new schema refuse such old data)")


def test_transitive_looks_at_all_older_versions():
    versions = [{"enum": [1, 2]}, {"enum": [1]}]
    new = {"enum": [1, 3]}
    assert compare(versions, new, "BACKWARD") == []
    [finding] = compare(versions, new, "BACKWARD_TRANSITIVE")
    assert (finding.version, finding.path) == (-2, "$")
    assert len(compare(versions, new, "FULL_TRANSITIVE")) == 3


def test_braces_in_values_are_shown_as_they_are():
    [finding] = compare({"const": {"a": 1}}, {"const": {"a": 2}})
    assert '{"a": 1}' in finding.change


@pytest.mark.parametrize("broken", [{"properties": []}, {"type": 3}, {"required": 1, "type": "object"}])
def test_what_is_no_schema_is_refused(broken: Any):
    with pytest.raises(ValueError, match="JSON Schema"):
        compare(OPEN, broken)


@pytest.mark.parametrize("name", CONTRACTS)
def test_contracts_are_compatible_with_themselves_spelled_differently(name: str):
    schema = json_schema(CONTRACTS[name])
    assert compare(schema, {**schema, "description": "other"}, "FULL") == []


def test_a_new_command_is_backward_compatible_only():
    new = json_schema(CONTRACTS["command"])
    old = {**new, "oneOf": new["oneOf"][:-1]}
    assert compare(old, new, "BACKWARD") == []
    assert compare(old, new, "FORWARD") != []


values = st.sampled_from([None, True, False, 0, 1, 2, 1.0, 0.5, -1, "", "a", "b", "ab", "abc"])
instances = st.recursive(
    values,
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "ab"]), children, max_size=3)
    ),
    max_leaves=5,
)
small = st.integers(0, 3)
leaves: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([True, False, {}, {"$ref": "#/$defs/d"}]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={
            "minimum": small,
            "maximum": small,
            "exclusiveMinimum": small,
            "exclusiveMaximum": small,
            "multipleOf": st.integers(1, 2),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"minLength": small, "maxLength": small, "pattern": st.sampled_from(["a", "^a"])},
    ),
    st.fixed_dictionaries({"enum": st.lists(values, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"const": instances}),
    st.fixed_dictionaries({"minimum": small, "minLength": small}),
    st.fixed_dictionaries(
        {
            "type": st.lists(
                st.sampled_from(["null", "boolean", "integer", "number", "string", "object", "array"]), min_size=1
            )
        }
    ),
)
names = st.sampled_from(["a", "b", "c"])


def composite(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(names, children, max_size=2)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={
                "properties": members,
                "required": st.lists(names, max_size=2, unique=True),
                "additionalProperties": children,
                "patternProperties": st.dictionaries(st.sampled_from(["a", "^b", "c$"]), children, max_size=1),
                "propertyNames": st.sampled_from([{"maxLength": 1}, {"pattern": "a"}, {"enum": ["a", "b"]}]),
                "minProperties": small,
                "maxProperties": small,
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("array")},
            optional={
                "items": children,
                "prefixItems": st.lists(children, min_size=1, max_size=2),
                "minItems": small,
                "maxItems": small,
                "uniqueItems": st.booleans(),
                "contains": children,
            },
        ),
        st.fixed_dictionaries({"anyOf": st.lists(children, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(children, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(children, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": children}),
        st.fixed_dictionaries({"if": children, "then": children}, optional={"else": children}),
        st.fixed_dictionaries({"anyOf": st.lists(children, min_size=1, max_size=2), "properties": members}),
    )


bodies = st.recursive(leaves, composite, max_leaves=6)
schemas = st.builds(
    lambda body, definition: {"$ref": "#/$defs/b", "$defs": {"b": body, "d": definition}},
    bodies,
    st.one_of(
        leaves.filter(lambda leaf: leaf != {"$ref": "#/$defs/d"}),
        st.just({"type": "object", "properties": {"a": {"$ref": "#/$defs/d"}}}),
        st.just({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/d"}]}}),
    ),
)


def mutated(schema: Any, pick: Any) -> Any:
    """A relative of `schema`: unrelated ones are hardly ever compatible, and prove little."""
    if isinstance(schema, dict):
        changed = {name: mutated(value, pick) if pick(3) == 0 else value for name, value in schema.items()}
        keywords = [name for name in changed if name not in ("type", "$ref", "$defs", "b", "d")]
        if keywords and pick(3) == 0:
            changed.pop(keywords[pick(len(keywords))])
        if changed.get("type") == "integer" and pick(2):
            changed["type"] = "number"
        return changed
    if isinstance(schema, list) and schema and pick(3) == 0:
        return [*schema, schema[0]]
    if isinstance(schema, int) and not isinstance(schema, bool):
        return max(0, schema + pick(3) - 1)
    return schema


@st.composite
def pairs(draw: Any) -> tuple[Any, Any]:
    old = draw(schemas)
    if draw(st.integers(0, 3)) == 0:
        return old, draw(schemas)
    new = mutated(old, lambda n: draw(st.integers(0, n - 1)))
    return (old, new) if draw(st.booleans()) else (new, old)


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pairs(), st.lists(instances, min_size=5, max_size=25))
@example(({"type": "number"}, {"type": "integer"}), [0.5])
def test_what_is_called_compatible_is(pair: tuple[Any, Any], data: list[Any]):
    old, new = pair
    try:
        Draft202012Validator.check_schema(new)
        Draft202012Validator.check_schema(old)
    except Exception:
        return
    if compare(old, new, "BACKWARD"):
        return
    writer, reader = Draft202012Validator(old), Draft202012Validator(new)
    for value in data:
        if writer.is_valid(value):
            assert reader.is_valid(value), f"{value!r} is valid under old alone"
