"""What a JSON Schema says for certain about its instances: `cases`, and what can be read off a case.

A case is a list of facts, each a schema without references and unions, all of which hold. Every instance of the schema
satisfies at least one of its cases. A fact that is not understood is left out: a case may be too large, not too small.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import ceil, floor
from typing import Any

from schemas.json_values import TYPES, JsonSchema, equal, type_of

_MOST_CASES = 200
_DEEPEST = 4  # levels of required members that are searched for a contradiction


class Document:
    """One whole schema, within which references are resolved."""

    def __init__(self, root: JsonSchema) -> None:
        self.root = root
        declared = str(root.get("$schema", "")) if isinstance(root, Mapping) else ""
        self.old_draft = "draft-0" in declared  # there, a $ref silences its siblings
        self._nested_ids = isinstance(root, Mapping) and any(_nested_ids(value) for value in root.values())

    def resolve(self, reference: str) -> "Node | None":
        """Return what `reference` points to, or None when it cannot be told."""
        if not reference.startswith("#") or self._nested_ids:
            return None
        node: Any = self.root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, Mapping) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
                node = node[int(name)]
            else:
                return None
        if reference not in ("#", "") and not reference.startswith("#/"):
            return None
        return Node(node, self) if isinstance(node, Mapping | bool) else None


def _nested_ids(value: Any) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value.get("$id"), str) or any(_nested_ids(item) for item in value.values())
    return isinstance(value, list) and any(_nested_ids(item) for item in value)


@dataclass(frozen=True, slots=True)
class Node:
    """A schema and the document it stands in."""

    schema: JsonSchema
    document: Document

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return what the schema says under `keyword`."""
        return self.schema.get(keyword, default) if isinstance(self.schema, Mapping) else default

    def at(self, schema: JsonSchema) -> "Node":
        """Return another schema of the same document."""
        return Node(schema, self.document)


Case = list[Node]
NOWHERE = Document(True)


def fact(schema: JsonSchema) -> Node:
    """Return a schema of our own, without references."""
    return Node(schema, NOWHERE)


def cases(nodes: Iterable[Node]) -> list[Case]:
    """Return the cases of a conjunction of schemas; those that contradict themselves are left out."""
    return [case for case in _product([_cases(node, ()) for node in nodes]) if not contradictory(case)]


def _cases(node: Node, above: tuple[JsonSchema, ...]) -> list[Case]:
    """Return the cases of one schema; `above` are the references it was reached by without going into the instance."""
    if not isinstance(node.schema, Mapping):
        return [[]] if node.schema else []
    schema, parts = node.schema, []
    if "$ref" in schema:
        target = node.document.resolve(str(schema["$ref"]))
        if target is not None and not any(target.schema is seen for seen in above):
            parts.append(_cases(target, (*above, target.schema)))
        if node.document.old_draft:
            return _product(parts)
    parts += [_cases(node.at(part), above) for part in schema.get("allOf", ())]
    for union in ("anyOf", "oneOf"):
        if isinstance(schema.get(union), list):
            parts.append([case for part in schema[union] for case in _cases(node.at(part), above)])
    parts.append([[node]])
    return _product(parts)


def _product(parts: list[list[Case]]) -> list[Case]:
    parts = [part for part in parts if part != [[]]]
    size = 1
    kept = []
    for part in sorted(parts, key=len):
        if size * len(part) > _MOST_CASES:
            break  # too many to look at one by one: these facts are left out
        size *= len(part)
        kept.append(part)
    return [[node for case in combination for node in case] for combination in product(*kept)]


def types(case: Case) -> frozenset[str]:
    """Return the types that an instance may have."""
    allowed = TYPES
    for node in case:
        if node.get("type") is not None:
            allowed &= named_types(node.get("type"))
        values = listed(node)
        if values is not None:
            allowed &= frozenset(type_of(value) for value in values)
        refused = node.get("not")
        if isinstance(refused, Mapping) and set(refused) == {"type"}:
            allowed -= named_types(refused["type"])
    return allowed


def named_types(names: Any) -> frozenset[str]:
    """Return the types that the keyword `type` names."""
    found: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        found |= {"integer", "fraction"} if name == "number" else {name}
    return frozenset(found)


def listed(node: Node) -> list[Any] | None:
    """Return the values that `const` and `enum` of one fact leave, or None where it has neither."""
    values: list[Any] | None = node.get("enum")
    if isinstance(node.schema, Mapping) and "const" in node.schema:
        constant = node.schema["const"]
        return [constant] if values is None or any(equal(constant, value) for value in values) else []
    return values


def finite(case: Case) -> list[Any] | None:
    """Return all values that an instance may have (and perhaps some that it may not), or None where there is no end."""
    allowed = types(case)
    lists = [values for node in case if (values := listed(node)) is not None]
    if not lists:
        if allowed <= {"null", "boolean"}:
            return [value for value in (None, False, True) if type_of(value) in allowed]
        return None
    first, *others = lists
    return [
        value
        for value in first
        if type_of(value) in allowed and all(any(equal(value, other) for other in values) for values in others)
    ]


def exactly(value: Any) -> Node:
    """Return a fact that holds of `value` alone, spelled out so that every keyword can be judged by it."""
    schema: dict[str, Any] = {"const": value}
    if isinstance(value, str):
        schema |= {"minLength": len(value), "maxLength": len(value)}
    elif isinstance(value, Mapping):
        members = {name: exactly(item).schema for name, item in value.items()}
        schema |= {"properties": members, "required": list(value), "additionalProperties": False}
        schema |= {"minProperties": len(value), "maxProperties": len(value)}
    elif isinstance(value, list):
        schema |= {"prefixItems": [exactly(item).schema for item in value], "items": False}
        schema |= {"minItems": len(value), "maxItems": len(value)}
    elif isinstance(value, int | float) and not isinstance(value, bool):
        schema |= {"minimum": value, "maximum": value}
    return fact(schema)


def member(case: Case, name: str) -> list[Node]:
    """Return what has to hold of the member `name`, when it is there."""
    found = []
    for node in case:
        here = [node.at(node.get("properties", {})[name])] if name in node.get("properties", {}) else []
        here += [node.at(part) for pattern, part in patterns(node) if matches(pattern, name) is True]
        if not here and all(matches(pattern, name) is False for pattern, _ in patterns(node)):
            here = [node.at(node.get("additionalProperties", True))]
        found += here
    return found


def other_members(case: Case) -> list[Node]:
    """Return what has to hold of a member that no fact names, and whose name matches no pattern."""
    return [node.at(node.get("additionalProperties", True)) for node in case]


def patterns(node: Node) -> Iterator[tuple[str, JsonSchema]]:
    """Yield the patterns of member names, with what holds of those members."""
    yield from node.get("patternProperties", {}).items()


def matches(pattern: str, text: str) -> bool | None:
    """Return whether `pattern` matches somewhere in `text`; None when Python cannot read it."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return None


def item(case: Case, index: int) -> list[Node]:
    """Return what has to hold of the item at `index`; beyond every prefix it is what holds of all others."""
    found = []
    for node in case:
        prefix = node.get("prefixItems", [])
        rest = node.get("items", True)
        if index < len(prefix):
            found.append(node.at(prefix[index]))
        elif isinstance(rest, Mapping | bool):
            found.append(node.at(rest))
    return found


def longest_prefix(case: Case) -> int:
    """Return the largest number of items that a fact treats one by one."""
    return max((len(node.get("prefixItems", [])) for node in case), default=0)


def required(case: Case) -> set[str]:
    """Return the members that are always there."""
    return {name for node in case for name in node.get("required", ())}


def least(case: Case, keyword: str) -> float:
    """Return the largest lower limit (`minLength`, `minItems`, `minProperties`)."""
    return max((node.get(keyword, 0) for node in case), default=0)


def most(case: Case, keyword: str) -> float:
    """Return the smallest upper limit (`maxLength`, `maxItems`, `maxProperties`)."""
    return min((node.get(keyword, float("inf")) for node in case), default=float("inf"))


Bound = tuple[float, bool]
"""A bound of a number, and whether the bound itself is out."""


def lower(case: Case) -> Bound:
    """Return the lower bound of a number."""
    bounds = [(node.get("minimum"), False) for node in case] + [(node.get("exclusiveMinimum"), True) for node in case]
    bound = max((bound for bound in bounds if _is_number(bound[0])), default=(float("-inf"), False))
    if "fraction" not in types(case) and abs(bound[0]) != float("inf"):
        return (floor(bound[0]) + 1 if bound[1] else ceil(bound[0]), False)
    return bound


def upper(case: Case) -> Bound:
    """Return the upper bound of a number."""
    bounds = [(node.get("maximum"), False) for node in case] + [(node.get("exclusiveMaximum"), True) for node in case]
    bound = min(
        (bound for bound in bounds if _is_number(bound[0])),
        default=(float("inf"), False),
        key=lambda b: (b[0], not b[1]),
    )
    if "fraction" not in types(case) and abs(bound[0]) != float("inf"):
        return (ceil(bound[0]) - 1 if bound[1] else floor(bound[0]), False)
    return bound


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def contradictory(case: Case, depth: int = 0) -> bool:
    """Return whether it is certain that no instance satisfies the case."""
    if any(node.schema is False for node in case):
        return True
    allowed = types(case)
    if not allowed or finite(case) == []:
        return True
    if allowed <= {"integer", "fraction"}:
        (low, low_out), (high, high_out) = lower(case), upper(case)
        return low > high or (low == high and (low_out or high_out))
    if allowed == {"string"}:
        return least(case, "minLength") > most(case, "maxLength")
    if allowed == {"array"}:
        return least(case, "minItems") > most(case, "maxItems")
    if allowed == {"object"} and depth < _DEEPEST:
        return any(impossible(member(case, name), depth + 1) for name in required(case))
    return False


def impossible(nodes: Iterable[Node], depth: int = 0) -> bool:
    """Return whether it is certain that no instance satisfies all of `nodes`."""
    return all(contradictory(case, depth) for case in _product([_cases(node, ()) for node in nodes]))
