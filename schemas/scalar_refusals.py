"""Keywords of single values: enumerations, bounds of numbers, lengths and patterns of strings.

Each function returns what a case allows and the reader refuses.
"""

from fractions import Fraction
from typing import Any

from schemas import schema_facts as facts
from schemas.json_values import equal, type_of
from schemas.refusal import Refusal, describe, limit, show, show_all
from schemas.schema_facts import Case, Node


def listed(case: Case, reader: Node, path: str) -> list[Refusal]:
    """`enum` and `const`."""
    allowed = facts.listed(reader) or []
    values = facts.finite(case)
    if values is None:
        return [Refusal(path, f"{{writer}} allows any {describe(case)}, {{reader}} only {show_all(allowed)}")]
    return [
        Refusal(path, f"{{writer}} allows {show(value)}, {{reader}} only {show_all(allowed)}")
        for value in values
        if not any(equal(value, other) for other in allowed)
    ]


def number(keyword: str, value: Any, case: Case, path: str) -> list[Refusal]:
    """Bounds and `multipleOf`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [Refusal(path, f"{{reader}} has a {keyword} that is no number")]
    if keyword == "multipleOf":
        exact = [node.get("const") for node in case if type_of(node.get("const")) in ("integer", "fraction")]
        steps = exact or [node.get("multipleOf") for node in case if node.get("multipleOf")]
        steps += [1] if "fraction" not in facts.types(case) else []
        if any(Fraction(str(step)) % Fraction(str(value)) == 0 for step in steps):
            return []
        return [Refusal(path, f"{{writer}} allows numbers that are no multiples of {value}, {{reader}} does not")]
    if "inimum" in keyword:
        bound, out = facts.lower(case)
        fits = bound > value or (bound == value and (out or keyword == "minimum"))
    else:
        bound, out = facts.upper(case)
        fits = bound < value or (bound == value and (out or keyword == "maximum"))
    side = "down to" if "inimum" in keyword else "up to"
    wide = "any number" if abs(bound) == float("inf") else f"numbers {side} {bound}"
    return [] if fits else [Refusal(path, f"{{writer}} allows {wide}, {{reader}} has {keyword} {value}")]


def string(keyword: str, value: Any, case: Case, path: str) -> list[Refusal]:
    """Lengths, `pattern` and `format`."""
    if keyword == "minLength":
        return limit(path, keyword, facts.least(case, keyword), value, facts.least(case, keyword) >= value)
    if keyword == "maxLength":
        return limit(path, keyword, facts.most(case, keyword), value, facts.most(case, keyword) <= value)
    if any(node.get(keyword) == value for node in case):
        return []
    exact = [node.get("const") for node in case if isinstance(node.get("const"), str)]
    if keyword == "pattern" and any(facts.matches(value, text) for text in exact):
        return []
    what = show(exact[0]) if exact else "strings"
    return [Refusal(path, f"{{writer}} allows {what} without {keyword} {show(value)}, which {{reader}} has")]
