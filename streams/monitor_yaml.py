"""Reads YAML as its author meant it: no key twice, and only `true` and `false` are booleans.

Scalars follow YAML 1.2. By YAML 1.1, which PyYAML reads, `positive_label: no` is a boolean, `classes: [010]` is 8 and
an unquoted date is no text; here `no`, `010` and the date stay what was written. Nothing here knows what keys mean.
"""

import re
from typing import Any

import yaml

from streams.errors import UserError


class _Loader(yaml.SafeLoader):
    """`yaml.safe_load`'s loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  replaces the inherited

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str | int | float | bool | type(None)):
                raise UserError(f"line {line}: a key is text, not a list or a mapping")
            if key in lines:
                raise UserError(f"line {line}: the key {key!r} stands here a second time; first in line {lines[key]}")
            lines[key] = line
        return super().construct_mapping(node, deep)


_RESOLVERS: list[tuple[str, str, str]] = [
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", "<"),
]
for _tag, _pattern, _first in _RESOLVERS:
    letters = ["" if letter == "\0" else letter for letter in _first]
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), letters)


def read_yaml(text: str) -> Any:
    """Return what `text` holds.

    Raises
    ------
    UserError
        With the line, when it is not YAML or a key stands twice in one mapping.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = ", ".join(part for part in (error.problem, error.context) if part)
        raise UserError(f"{where}not YAML: {what}") from None
    except yaml.YAMLError as error:
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError) as error:
        raise UserError(f"not YAML that can be read: {error}") from None
