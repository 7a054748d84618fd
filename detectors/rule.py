"""What a rule (`schemas.rule`) says of rows: which of them keep it and which break it, by column. Pure.

A row about which it cannot be told (a value is missing or of no use, a division by zero) neither keeps nor breaks a
rule, unless the rest of the rule settles it: `missing(x) or x > 0` is true where x is missing. That is Kleene's logic
of three values.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.layout import category
from detectors.row_shape import LATENCY, OUTPUT, Columns, RowShape
from schemas.expression import (
    Among,
    Arithmetic,
    Both,
    Comparison,
    Constant,
    Either,
    Expression,
    Length,
    Missing,
    Name,
    Not,
    Whole,
)
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Texts = Sequence[str | None]


class Verdict(NamedTuple):
    """Which rows a truth holds for and which not; both are false where it cannot be told. Shape (rows,) each."""

    yes: Mask
    no: Mask


class Places:
    """Where the columns of a model's rows lie, by name."""

    def __init__(self, spec: ModelSpec) -> None:
        shape, names = RowShape(spec), list(spec.features)
        self.task = spec.task
        self.types = {name: feature.type for name, feature in spec.features.items()}
        self.numeric = {names[position]: column for column, position in enumerate(shape.numeric)}
        self.others = {names[position]: column for column, position in enumerate(shape.other)}


class Rows:
    """Rows of one model, as rules ask for them: each column is looked up once, however many rules name it."""

    def __init__(self, places: Places, columns: Columns) -> None:
        self._places = places
        self._columns = columns
        self._numbers: dict[Name, Numbers] = {}
        self._texts: dict[Name, Texts] = {}

    def judge(self, rule: Expression) -> Verdict:
        """Return what a rule says of each row."""
        match rule:
            case Constant(value=value):
                return self._all(bool(value))
            case Name():
                column = self._values(rule)
                return Verdict(_flags(value is True for value in column), _flags(value is False for value in column))
            case Not(operand=operand):
                yes, no = self.judge(operand)
                return Verdict(no, yes)
            case Both(parts=parts):
                each = [self.judge(part) for part in parts]
                return Verdict(
                    np.logical_and.reduce([one.yes for one in each]), np.logical_or.reduce([one.no for one in each])
                )
            case Either(parts=parts):
                each = [self.judge(part) for part in parts]
                return Verdict(
                    np.logical_or.reduce([one.yes for one in each]), np.logical_and.reduce([one.no for one in each])
                )
            case Missing(operand=operand):
                missing = self._missing(operand)
                return Verdict(missing, ~missing)
            case Whole(operand=operand):
                numbers = self._number(operand)
                whole = self._wide(np.floor(numbers) == numbers)
                return Verdict(whole, ~whole & ~np.isnan(numbers))
            case Comparison():
                return self._compared(rule)
            case Among(operand=operand, values=values):
                return self._among(operand, [value.value for value in values])
        raise TypeError(f"{rule} is no truth")

    def _compared(self, rule: Comparison) -> Verdict:
        if rule.left.kind == "number":
            left, right = self._number(rule.left), self._number(rule.right)
            opposite = _ORDER[_OPPOSITES[rule.operator]](left, right)
            if rule.operator == "==":  # NaN differs from everything
                opposite = (left < right) | (left > right)
            held = _ORDER[rule.operator](left, right)
            if rule.operator == "!=":
                held = (left < right) | (left > right)
            return Verdict(self._wide(held), self._wide(opposite))
        if rule.left.kind == "truth":
            first, second = self.judge(rule.left), self.judge(rule.right)
            same = (first.yes & second.yes) | (first.no & second.no)
            differs = (first.yes & second.no) | (first.no & second.yes)
        else:
            pairs = list(zip(self._text(rule.left), self._text(rule.right), strict=True))
            same = _flags(a is not None and a == b for a, b in pairs)
            differs = _flags(a is not None and b is not None and a != b for a, b in pairs)
        return Verdict(same, differs) if rule.operator == "==" else Verdict(differs, same)

    def _among(self, operand: Expression, values: list[Any]) -> Verdict:
        if operand.kind == "number":
            numbers = self._number(operand)
            among = self._wide(np.isin(numbers, values))
            return Verdict(among, ~among & ~np.isnan(numbers))
        if operand.kind == "truth":
            yes, no = self.judge(operand)
            none = np.zeros_like(yes)
            return Verdict(
                (yes if True in values else none) | (no if False in values else none),
                (none if True in values else yes) | (none if False in values else no),
            )
        texts = self._text(operand)
        among = np.fromiter(map(frozenset(values).__contains__, texts), dtype=np.bool_, count=len(texts))
        known = ~_flags(text is None for text in texts) if None in texts else self._all(True).yes
        return Verdict(among, known & ~among)

    def _number(self, expression: Expression) -> Numbers:
        """Return numbers, shape (rows,) or (); NaN is unknown."""
        match expression:
            case Constant(value=value):
                return np.float64(value)  # type: ignore[return-value]
            case Name():
                if expression not in self._numbers:
                    numbers = self._raw(expression)
                    self._numbers[expression] = np.where(np.isinf(numbers), np.nan, numbers)
                return self._numbers[expression]
            case Length(operand=Name(name="prediction", feature=False)) if self._places.task == "text":
                return self._columns.numbers[:, OUTPUT]  # the text itself may have been cut
            case Length(operand=operand):
                lengths = [np.nan if text is None else len(text) for text in self._text(operand)]
                return np.array(lengths, dtype=np.float64)
            case Arithmetic():
                left, right = self._number(expression.left), self._number(expression.right)
                with np.errstate(all="ignore"):
                    found = _ARITHMETIC[expression.operator](left, right)
                return np.where(np.isfinite(found), found, np.nan)
        raise TypeError(f"{expression} is no number")

    def _text(self, expression: Expression) -> Texts:
        """Return texts, one for each row; None is unknown."""
        if isinstance(expression, Constant):
            return [str(expression.value)] * len(self._columns)
        if not isinstance(expression, Name):
            raise TypeError(f"{expression} is no text")
        if expression not in self._texts:
            values = self._values(expression)
            plain = self._places.types.get(expression.name) == "text" or not expression.feature
            other: Callable[[FeatureValue], str | None] = (lambda _: None) if plain else _class
            self._texts[expression] = [value if type(value) is str else other(value) for value in values]
        return self._texts[expression]

    def _missing(self, name: Name) -> Mask:
        if name.kind == "number":
            return np.isnan(self._raw(name))
        return _flags(value is None for value in self._values(name))

    def _raw(self, name: Name) -> Numbers:
        """Return a column of numbers: NaN is missing, an infinity is no number."""
        if name.feature:
            return self._columns.numbers[:, self._places.numeric[name.name]]
        return self._columns.numbers[:, LATENCY if name.name == "latency_ms" else OUTPUT]

    def _values(self, name: Name) -> Sequence[FeatureValue]:
        return self._columns.values[self._places.others[name.name]] if name.feature else self._columns.said

    def _wide(self, flags: Any) -> Mask:
        return np.broadcast_to(flags, len(self._columns))

    def _all(self, value: bool) -> Verdict:
        flags = np.full(len(self._columns), value)
        return Verdict(flags, ~flags)


def _class(value: FeatureValue) -> str | None:
    return None if value is None else category(value) or None


def _flags(values: Any) -> Mask:
    return np.fromiter(values, dtype=np.bool_)


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
