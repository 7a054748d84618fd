"""Words what pydantic finds wrong with a file: one line per problem, with where, what was found and what is allowed.

Never a stack trace, a URL or a name of Python's types.
"""

import re
import types
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from schemas.feature_spec import FeatureSpec

_WRONG_KIND = {
    "string_type": "text",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_SHORT_FORMS: dict[type[BaseModel], tuple[str, ...]] = {FeatureSpec: ("range",)}
"""Keys that a model takes beside its fields."""


def word_problems(error: ValidationError, model: type[BaseModel], data: object) -> list[str]:
    """Return one line for each problem, `path: what was found, what is allowed`, in the order of the file.

    Parameters
    ----------
    error
        What validating `data` against `model` raised.
    """
    found: dict[str, list[tuple[int | None, dict[str, Any]]]] = {}
    candidates: dict[str, list[Any]] = {}
    for problem in error.errors(include_url=False):
        path, branch, types_there = _locate(problem["loc"], model, data)
        if problem["type"] == "union_tag_invalid":
            path += "." + problem["ctx"]["discriminator"].strip("'")
        found.setdefault(path, []).append((branch, dict(problem)))
        candidates.setdefault(path, types_there)
    lines = []
    for path, problems in found.items():
        deeper = any(other.startswith((f"{path}.", f"{path}[")) for other in found)
        if deeper and all(branch is not None and problem["type"] in _WRONG_KIND for branch, problem in problems):
            continue  # another form of the value was meant, and its own problem is listed
        if len(problems) > 1 and all(problem["type"] in _WRONG_KIND for _, problem in problems):
            kinds = " or ".join(dict.fromkeys(_WRONG_KIND[problem["type"]] for _, problem in problems))
            lines.append(_line(path, f"{show(problems[0][1]['input'])} is not {kinds}"))
        else:
            lines += [_line(path, _message(problem, candidates[path])) for _, problem in problems]
    return list(dict.fromkeys(lines))


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` where one of `allowed` is close to `name`, else nothing."""
    by_lower_case = {text.lower(): text for text in allowed}
    close = get_close_matches(str(name).lower(), by_lower_case, n=1, cutoff=0.6)
    return f" (did you mean {by_lower_case[close[0]]!r}?)" if close else ""


def show(value: object) -> str:
    """Return `value` as the file would write it, cut to a readable length."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _line(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message


def _message(problem: dict[str, Any], types_there: list[Any]) -> str:
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    loc = problem["loc"]
    if kind == "missing":
        return f"{str(loc[-1])!r} is missing"
    if kind == "extra_forbidden":
        allowed = [name for each in _models(types_there) for name in (*each.model_fields, *_SHORT_FORMS.get(each, ()))]
        return f"unknown key {str(loc[-1])!r}{did_you_mean(loc[-1], allowed)}; keys here are {', '.join(allowed)}"
    if loc and loc[-1] == "[key]":
        return f"the key {show(value)} is not text; put it in quotes" if kind == "string_type" else _name(value)
    if kind in ("literal_error", "union_tag_invalid"):
        options = re.findall(r"'([^']*)'", context.get("expected") or context["expected_tags"])
        found = context.get("tag", value)
        return f"{show(found)} is not one of {', '.join(options)}"
    if kind == "union_tag_not_found":
        tag = context["discriminator"].strip("'")
        options = [option for each in _models(types_there) for option in _tags(each, tag)]
        return f"{tag!r} is missing; it is one of {', '.join(options)}"
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{show(value)} is a number where text belongs; put it in quotes: '{value}'"
    if kind in _WRONG_KIND:
        return f"{show(value)} is not {_WRONG_KIND[kind]}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{show(value)} is not {words} {context[key]:g}"
    if kind == "value_error":
        message = str(context["error"])
        return message.replace("None", show(None), 1) if value is None else message
    if kind.startswith("string_"):
        return _name(value)
    return f"{show(value)}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _name(value: object) -> str:
    if value == "":
        return "is empty; a name has at least one character"
    return f"{show(value)} is no name: too long, or with control characters in it"


def _locate(loc: tuple[int | str, ...], model: type[BaseModel], data: object) -> tuple[str, int | None, list[Any]]:
    """Return the path as the file's author would write it, the last union's depth, and the types allowed there.

    Pydantic's location also names branches of unions and the list that a single entry was wrapped into: neither
    stands in the file.
    """
    path, branch, kinds = "", None, [model]
    parts = list(loc)
    for position, part in enumerate(parts):
        if part == "[key]":
            continue
        models = _models(kinds)
        if isinstance(part, int) and any(get_origin(kind) is list for kind in kinds):
            kinds = _branches(next(get_args(kind)[0] for kind in kinds if get_origin(kind) is list))
            if not isinstance(data, dict):
                path += f"[{part}]"
                data = data[part] if isinstance(data, list) and part < len(data) else None
            continue
        if len(models) == 1 and part in models[0].model_fields:
            annotation = models[0].model_fields[str(part)].annotation
        elif len(kinds) > 1 and (branched := _branch(kinds, part)):
            kinds, branch = branched, position
            continue
        elif any(get_origin(kind) is dict for kind in kinds):
            annotation = next(get_args(kind)[1] for kind in kinds if get_origin(kind) is dict)
        else:
            break  # an unknown key: the message names it
        missing = position == len(parts) - 1 and isinstance(data, dict) and part not in data
        if missing and models:
            break  # a missing key: the same
        kinds = _branches(annotation)
        path += f".{part}" if path else str(part)
        data = data.get(part) if isinstance(data, dict) else None
    return path, branch, kinds


def _branches(annotation: Any) -> list[Any]:
    """Return the members of a union (of one, for any other type), without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return [each for arg in get_args(annotation) for each in _branches(arg) if each is not type(None)]
    return [annotation]


def _branch(kinds: list[Any], part: object) -> list[Any]:
    """Return the members of a union that pydantic calls `part`: by tag, or by the name of the type."""
    tagged = [kind for kind in _models(kinds) if part in _tags(kind, "type")]
    if tagged:
        return tagged
    if str(part).startswith("dict["):
        return [kind for kind in kinds if get_origin(kind) is dict]
    return [kind for kind in kinds if part in ("str", "constrained-str") and kind is str]


def _tags(model: type[BaseModel], field: str) -> tuple[Any, ...]:
    annotation = model.model_fields[field].annotation if field in model.model_fields else None
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _models(kinds: list[Any]) -> list[type[BaseModel]]:
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
