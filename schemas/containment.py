"""`refusals`: what one JSON Schema allows and another refuses.

The writer's schema is taken apart into cases (`schemas.schema_facts`); every keyword of the reader's has to follow from
the facts of each case. Sound, not complete: what cannot be shown to follow is refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas import scalar_refusals as scalars
from schemas import schema_facts as facts
from schemas.json_values import JsonSchema, equal
from schemas.refusal import Refusal, describe, kinds_of, limit, show, type_names
from schemas.schema_facts import Case, Document, Node

_DEEPEST = 60
_MOST_STEPS = 50_000

ANNOTATIONS = frozenset(
    {"$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "$vocabulary", "title", "description", "default"}
    | {"examples", "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "contentSchema"}
    | {"discriminator"}
)
"""Keywords that refuse nothing. (`discriminator` is OpenAPI's; the union beside it does the work.)"""


def refusals(writer: JsonSchema, reader: JsonSchema) -> list[Refusal]:
    """Return what `writer` allows and `reader` refuses, each once; nothing is a proof that there is nothing."""
    if equal(writer, reader):
        return []
    check = _Check()
    found = check.contained([Node(writer, Document(writer))], Node(reader, Document(reader)), "$")
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Frame:
    nodes: list[Node]
    reader: Node

    def same(self, nodes: list[Node], reader: Node) -> bool:
        return (
            self.reader.schema is reader.schema
            and len(self.nodes) == len(nodes)
            and all(a.schema is b.schema for a, b in zip(self.nodes, nodes, strict=True))
        )


_Question = tuple[tuple[int, ...], int]
"""The writer's schemas and the reader's, by identity."""


class _Check:
    """One comparison. Recursive schemas are assumed to fit where the same question is open for a larger instance.

    What was answered with yes may rest on such assumptions, and is forgotten where one of them fails; a no stays one.
    """

    def __init__(self) -> None:
        self._open: list[_Frame] = []
        self._fitting: dict[_Question, _Frame] = {}
        """What was answered with yes, in that order."""
        self._refused: dict[_Question, tuple[_Frame, str, list[Refusal]]] = {}
        """What was answered with no, and where that was."""
        self._steps = 0

    def contained(self, nodes: list[Node], reader: Node, path: str) -> list[Refusal]:
        """Return what an instance that satisfies all of `nodes` may hold that `reader` refuses."""
        nodes = list(
            {id(node.schema): node for node in nodes if node.schema is not True}.values()
        )  # what says something
        if any(frame.same(nodes, reader) for frame in self._open):
            return []
        question = (tuple(id(node.schema) for node in nodes), id(reader.schema))
        if question in self._fitting:
            return []
        if question in self._refused:
            _, where, refused = self._refused[question]
            return [replace(each, path=path + each.path[len(where) :]) for each in refused]
        self._steps += 1
        if len(self._open) > _DEEPEST or self._steps > _MOST_STEPS:
            return [Refusal(path, "too intricate to compare")]
        known, frame = len(self._fitting), _Frame(nodes, reader)  # the frame keeps alive what the ids are of
        self._open.append(frame)
        try:
            found = [refusal for case in facts.cases(nodes) for refusal in self._case(case, reader, path, ())]
        finally:
            self._open.pop()
        if found:
            while len(self._fitting) > known:
                self._fitting.popitem()
            self._refused[question] = frame, path, found
        else:
            self._fitting[question] = frame
        return found

    def _case(self, case: Case, reader: Node, path: str, above: tuple[JsonSchema, ...]) -> list[Refusal]:
        """The same for one case; `above` are the reader's references that led here without going into the instance."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return [Refusal(path, "too intricate to compare")]
        if reader.schema is True or facts.contradictory(case):
            return []
        if not isinstance(reader.schema, Mapping):
            return [Refusal(path, f"{{writer}} allows {describe(case)}, {{reader}} nothing here")]
        values = facts.finite(case)
        if values is not None and not any(node.document is facts.NOWHERE and "const" in node.schema for node in case):  # type: ignore[operator]
            return [
                refusal
                for value in values
                for refusal in self._case([*case, facts.exactly(value)], reader, path, above)
            ]
        found: list[Refusal] = []
        for keyword in reader.schema:
            if keyword not in ANNOTATIONS and not keyword.startswith("x-"):
                found += self._keyword(keyword, case, reader, path, above)
        return found

    def _keyword(
        self, keyword: str, case: Case, reader: Node, path: str, above: tuple[JsonSchema, ...]
    ) -> list[Refusal]:
        value, allowed = reader.get(keyword), facts.types(case)
        match keyword:
            case "$ref":
                target = reader.document.resolve(str(value))
                if target is None or any(target.schema is seen for seen in above):
                    return [Refusal(path, f"{{reader}} refers to {value}, which cannot be followed")]
                return self._case(case, target, path, (*above, target.schema))
            case "allOf":
                return [refusal for part in value for refusal in self._case(case, reader.at(part), path, above)]
            case "anyOf" | "oneOf":
                return self._union(case, [reader.at(part) for part in value], path, above, keyword == "oneOf")
            case "type":
                missing = allowed - facts.named_types(value)
                return [
                    Refusal(path, f"{{writer}} allows {kinds_of(missing)}, {{reader}} only {type_names(value)}")
                ] * bool(missing)
            case "enum" | "const":
                return scalars.listed(case, reader, path)
            case "not":
                if facts.impossible([*case, reader.at(value)]):
                    return []
                return [Refusal(path, f"{{writer}} allows {describe(case)}, and {{reader}} excludes {show(value)}")]
            case "if" | "then" | "else":
                branches = [reader.at(reader.get(name, True)) for name in ("then", "else")]
                if "if" not in reader.schema or not any(self._case(case, part, path, above) for part in branches):  # type: ignore[operator]
                    return []
                return self._unless_repeated(("if", "then", "else"), case, reader, path)
            case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" | "multipleOf":
                return scalars.number(keyword, value, case, path) if allowed & {"integer", "fraction"} else []
            case "minLength" | "maxLength" | "pattern" | "format":
                return scalars.string(keyword, value, case, path) if "string" in allowed else []
            case "minItems" | "maxItems" | "uniqueItems" | "prefixItems" | "items":
                return self._array(keyword, value, case, reader, path) if "array" in allowed else []
            case "contains" | "minContains" | "maxContains":
                relevant = "array" in allowed and "contains" in reader.schema  # type: ignore[operator]
                return self._unless_repeated(("contains", "minContains", "maxContains"), case, reader, path) * relevant
            case "required" | "properties" | "patternProperties" | "additionalProperties" | "propertyNames":
                return self._object(keyword, value, case, reader, path) if "object" in allowed else []
            case "minProperties" | "maxProperties":
                return self._object(keyword, value, case, reader, path) if "object" in allowed else []
            case _:
                return self._unless_repeated((keyword,), case, reader, path)

    def _union(
        self, case: Case, parts: list[Node], path: str, above: tuple[JsonSchema, ...], exclusive: bool
    ) -> list[Refusal]:
        """Some alternative of the reader accepts all of the case; if exclusive, no other one may accept any of it."""
        attempts = [self._case(case, part, path, above) for part in parts]
        for index, attempt in enumerate(attempts):
            others = [part for number, part in enumerate(parts) if number != index]
            if not attempt and (not exclusive or all(facts.impossible([*case, part]) for part in others)):
                return []
        finer = list(_split(case))
        if finer:
            return [refusal for one in finer for refusal in self._union(one, parts, path, above, exclusive)]
        if not all(attempts):
            return [
                Refusal(path, f"{{writer}} allows {describe(case)}, which may match two alternatives of {{reader}}")
            ]
        possible = [
            attempt for attempt, part in zip(attempts, parts, strict=True) if not facts.impossible([*case, part])
        ]
        if len(possible) == 1:
            return possible[0]
        return [
            Refusal(path, f"{{writer}} allows {describe(case)}, which no alternative of {{reader}} accepts for sure")
        ]

    def _array(self, keyword: str, value: Any, case: Case, reader: Node, path: str) -> list[Refusal]:
        longest = facts.most(case, "maxItems")
        if keyword == "minItems":
            return limit(path, keyword, facts.least(case, keyword), value, facts.least(case, keyword) >= value)
        if keyword == "maxItems":
            closed = [len(n.get("prefixItems", [])) for n in case if n.get("items") is False]
            longest = min([longest, *closed])
            return limit(path, keyword, longest, value, longest <= value)
        if keyword == "uniqueItems":
            fits = not value or longest <= 1 or any(node.get(keyword) is True for node in case)
            return [] if fits else [Refusal(path, "{writer} allows equal items, {reader} does not")]
        if keyword == "prefixItems":
            return [
                refusal
                for index, part in enumerate(value)
                if index < longest
                for refusal in self.contained(facts.item(case, index), reader.at(part), f"{path}[{index}]")
            ]
        if not isinstance(value, Mapping | bool):
            return [Refusal(path, "{reader} lists schemas under items, as older drafts did: write prefixItems")]
        start, end = len(reader.get("prefixItems", [])), facts.longest_prefix(case)
        found: list[Refusal] = []
        for index in range(start, max(start, end) + 1):
            if index < longest:
                where = f"{path}[{index}]" if index < end else f"{path}[*]"
                found += self.contained(facts.item(case, index), reader.at(value), where)
        return found

    def _object(self, keyword: str, value: Any, case: Case, reader: Node, path: str) -> list[Refusal]:
        if keyword == "minProperties":
            least = max(facts.least(case, keyword), len(facts.required(case)))
            return limit(path, keyword, least, value, least >= value)
        if keyword == "maxProperties":
            closed = [len(n.get("properties", {})) for n in case if _closed(n)]
            most = min([facts.most(case, keyword), *closed])
            return limit(path, keyword, most, value, most <= value)
        if keyword == "required":
            return [
                Refusal(f"{path}.{name}", "{writer} lets it be left out, {reader} requires it")
                for name in value
                if name not in facts.required(case)
            ]
        if keyword == "properties":
            return [
                refusal
                for name, part in value.items()
                for refusal in self._member(case, name, reader.at(part), f"{path}.{name}")
            ]
        if keyword == "propertyNames":
            return self._member_names(case, reader.at(value), path)
        return self._other_members(keyword, value, case, reader, path)

    def _member(self, case: Case, name: str, reader: Node, path: str) -> list[Refusal]:
        nodes = facts.member(case, name)
        if all(node.schema is True for node in nodes) and reader.schema is not True and nodes:
            found = self.contained(nodes, reader, path)
            unknown = "{writer} lets it hold anything (additionalProperties is open), {reader} does not"
            return [Refusal(path, unknown)] if found else []
        return self.contained(nodes, reader, path)

    def _member_names(self, case: Case, reader: Node, path: str) -> list[Refusal]:
        known = {name for node in case for name in node.get("properties", {})}
        found = [
            refusal
            for name in sorted(known)
            if not facts.impossible(facts.member(case, name))
            for refusal in self._case([facts.exactly(name)], reader, f"{path}.{name} (its name)", ())
        ]
        if not any(_closed(node) for node in case):
            names = [node.at(node.get("propertyNames", True)) for node in case]
            found += self.contained([*names, facts.fact({"type": "string"})], reader, f"{path}.* (names)")
        return found

    def _other_members(self, keyword: str, value: Any, case: Case, reader: Node, path: str) -> list[Refusal]:
        """`additionalProperties` and `patternProperties`: names that the writer knows, its patterns, all others."""
        known = {name for node in case for name in node.get("properties", {})}
        used = {pattern for node in case for pattern, _ in facts.patterns(node)}
        theirs = dict(facts.patterns(reader))
        found: list[Refusal] = []
        if keyword == "additionalProperties":
            rest = reader.at(value)
            for name in sorted(known - reader.get("properties", {}).keys()):
                if not any(facts.matches(pattern, name) for pattern in theirs):
                    found += self.contained(facts.member(case, name), rest, f"{path}.{name}")
            for pattern in sorted(used - theirs.keys()):
                found += self.contained(_by_pattern(case, pattern), rest, f"{path}./{pattern}/")
            return found + self.contained(facts.other_members(case), rest, f"{path}.*")
        for pattern, part in theirs.items():
            for name in sorted(known):
                if facts.matches(pattern, name) is not False:
                    found += self.contained(facts.member(case, name), reader.at(part), f"{path}.{name}")
            for other in sorted(used):
                found += self.contained(_by_pattern(case, other), reader.at(part), f"{path}./{other}/")
            if pattern not in used:
                found += self.contained(facts.other_members(case), reader.at(part), f"{path}./{pattern}/")
        return found

    def _unless_repeated(self, keywords: tuple[str, ...], case: Case, reader: Node, path: str) -> list[Refusal]:
        """A keyword that is not understood here follows only from the same one, word for word."""
        wanted = {keyword: reader.get(keyword) for keyword in keywords}
        simple = '"$' not in json.dumps(wanted) and not keywords[0].startswith(("unevaluated", "$"))
        if simple and any(all(equal(node.get(name), wanted[name]) for name in keywords) for node in case):
            return []
        return [Refusal(path, f"{{reader}} has {keywords[0]}, and {{writer}} does not have the same")]


def _split(case: Case) -> Iterator[Case]:
    """Yield finer cases: by type, or by the values of a member that is always there. Nothing where there are none."""
    allowed = facts.types(case)
    if len(allowed) > 1 and allowed != {"integer", "fraction"}:
        kinds = (allowed - {"integer", "fraction"}) | ({"number"} if allowed & {"integer", "fraction"} else set())
        yield from ([*case, facts.fact({"type": kind})] for kind in sorted(kinds))
        return
    for name in sorted(facts.required(case)):
        children = facts.cases(facts.member(case, name))
        values = [facts.finite(child) for child in children]
        distinct = [value for some in values for value in some or []]
        if all(some is not None for some in values) and 1 < len(distinct) <= 32:
            yield from ([*case, facts.fact({"properties": {name: facts.exactly(value).schema}})] for value in distinct)
            return


def _closed(node: Node) -> bool:
    return node.get("additionalProperties") is False and not node.get("patternProperties")


def _by_pattern(case: Case, pattern: str) -> list[Node]:
    """Return what holds of members whose names match `pattern`."""
    return [node.at(part) for node in case for own, part in facts.patterns(node) if own == pattern]
