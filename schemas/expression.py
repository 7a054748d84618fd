"""The tree of a rule: what `schemas.rule` reads and `detectors.rule` evaluates. Every node says of what kind it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "text", "truth", "moment", "any"]
"""Type of an expression. A moment can only be missing. `any` is that of a name where no names are known yet."""

OUTPUTS: dict[str, dict[str, Kind]] = {
    "binary": {"prediction": "text", "score": "number", "latency_ms": "number"},
    "multiclass": {"prediction": "text", "score": "number", "latency_ms": "number"},
    "regression": {"prediction": "number", "value": "number", "latency_ms": "number"},
    "text": {"prediction": "text", "latency_ms": "number"},
}
"""By task: what a rule may call what the model answered, unless a feature has that name."""

_OF_TYPE: dict[str, Kind] = {
    "numeric": "number",
    "categorical": "text",
    "boolean": "truth",
    "text": "text",
    "datetime": "moment",
}


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, or true and false."""

    kind: Kind
    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Name:
    """A feature, or a part of the output."""

    kind: Kind
    name: str
    feature: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left operator right`, of numbers; a minus before a number is 0 - it."""

    operator: Literal["+", "-", "*", "/"]
    left: "Expression"
    right: "Expression"
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class Length:
    """Characters of a text."""

    operand: "Expression"
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether a name has no value."""

    operand: Name
    kind: Kind = "truth"


@dataclass(frozen=True, slots=True)
class Whole:
    """Whether a number is a whole one."""

    operand: "Expression"
    kind: Kind = "truth"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two of one kind; only numbers have an order."""

    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    left: "Expression"
    right: "Expression"
    kind: Kind = "truth"


@dataclass(frozen=True, slots=True)
class Among:
    """Whether an expression is one of some constants."""

    operand: "Expression"
    values: tuple[Constant, ...]
    kind: Kind = "truth"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    operand: "Expression"
    kind: Kind = "truth"


@dataclass(frozen=True, slots=True)
class Both:
    """All of some truths."""

    parts: tuple["Expression", ...]
    kind: Kind = "truth"


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of some truths."""

    parts: tuple["Expression", ...]
    kind: Kind = "truth"


Expression = Constant | Name | Arithmetic | Length | Missing | Whole | Comparison | Among | Not | Both | Either


def names_of(types: Mapping[str, str], task: str) -> dict[str, Name]:
    """Return what rules of a model may name, given the type of each feature."""
    outputs = {name: Name(kind, name, feature=False) for name, kind in OUTPUTS[task].items()}
    return outputs | {name: Name(_OF_TYPE[kind], name, feature=True) for name, kind in types.items()}
