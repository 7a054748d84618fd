"""`Refusal`: something that one schema allows and another does not, and the words for it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas import schema_facts as facts
from schemas.json_values import TYPES
from schemas.schema_facts import Case


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the writer's schema allows and the reader's refuses; `{writer}` and `{reader}` stand for them."""

    path: str
    text: str


def limit(path: str, keyword: str, found: float, wanted: float, fits: bool) -> list[Refusal]:
    """Return nothing when a limit `fits`, else what the two limits are."""
    has = "no" if found in (0, float("inf")) else f"{found}"
    return [] if fits else [Refusal(path, f"{{writer}} has {has} {keyword}, {{reader}} {wanted}")]


def describe(case: Case) -> str:
    """Return what the instances of a case have in common, in words."""
    values = facts.finite(case)
    if values is not None:
        return show_all(values)
    text = kinds_of(facts.types(case))
    for name in sorted(facts.required(case)):
        exact = [node.get("const") for node in facts.member(case, name) if isinstance(node.get("const"), str)]
        if exact:
            return f"{text} with {name} {show(exact[0])}"
    return text


def kinds_of(types: Iterable[str]) -> str:
    """Return types in words."""
    kinds = set(types)
    if kinds == TYPES:
        return "anything"
    if {"integer", "fraction"} <= kinds:
        kinds = (kinds - {"integer", "fraction"}) | {"number"}
    return " or ".join(sorted(kind.replace("fraction", "number with a fraction") for kind in kinds)) or "nothing"


def type_names(value: Any) -> str:
    """Return what the keyword `type` names, in words."""
    return " or ".join([value] if isinstance(value, str) else value)


def show(value: Any) -> str:
    """Return a value as short JSON, safe in a format string."""
    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= 80 else f"{text[:77]}..."
    return text.replace("{", "{{").replace("}", "}}")


def show_all(values: list[Any]) -> str:
    """Return the first of some values."""
    return ", ".join(show(value) for value in values[:10]) + (", ..." if len(values) > 10 else "")
