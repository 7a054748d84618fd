"""The language of rules: `0 <= income <= 1e6 and region in ["north", "south"]` → a typed tree. Evaluates nothing.

Text is read by Python's parser and every node that is not on the list below is refused, so a rule can neither call
anything nor reach anything but the features and the output of its row. `detectors.rule` says what a tree means.
"""

import ast
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal

from schemas.expression import (
    Among,
    Arithmetic,
    Both,
    Comparison,
    Constant,
    Either,
    Expression,
    Kind,
    Length,
    Missing,
    Name,
    Not,
    Whole,
)

LONGEST = 500  # characters of a rule
DEEPEST = 40  # nodes within nodes
SHOWN = 12  # names in a message

FORMS = (
    "allowed are comparisons, and, or, not, + - * /, numbers, text, true, false, `x in [...]`, missing(x), len(x), "
    "whole(x), and names of features"
)

_WORDS: dict[Kind, str] = {
    "number": "a number",
    "text": "text",
    "truth": "true or false",
    "moment": "a datetime",
    "any": "anything",
}


class RuleError(ValueError):
    """A rule that is none: where, what was found, and what is allowed."""

    def __init__(self, position: int, what: str) -> None:
        super().__init__(f"character {position + 1}: {what}")


def parse(rule: str, names: Mapping[str, Name] | None = None) -> Expression:
    """Return the tree of a rule; without `names`, only its form is checked.

    Raises
    ------
    RuleError
        When it is no rule: with the position, what was found there and what is allowed.

    Examples
    --------
    >>> from schemas.expression import names_of
    >>> parse("income >= 0", names_of({"income": "numeric"}, "binary"))  # doctest: +ELLIPSIS
    Comparison(operator='>=', left=Name(kind='number', name='income', feature=True), right=Constant(...), ...)
    """
    if len(rule) > LONGEST:
        raise RuleError(LONGEST, f"a rule has at most {LONGEST} characters")
    return _Reader(rule, names).read()


class _Reader:
    def __init__(self, rule: str, names: Mapping[str, Name] | None) -> None:
        self._text = re.sub(r"[\t\n\r\f\v]", " ", rule)
        self._names = names
        self._skipped = len(self._text) - len(self._text.lstrip())
        self._named = False

    def read(self) -> Expression:
        if not self._text.strip():
            raise RuleError(0, f"nothing here; {FORMS}")
        if (odd := _ODD_ESCAPE.search(self._text)) is not None:  # Python would warn of it
            raise RuleError(odd.end() - 2, "after a backslash stands a quote, a backslash, or one of b f n r t u")
        try:
            tree = ast.parse(_plain(self._text.lstrip()), mode="eval")
        except SyntaxError as error:
            raise RuleError(self._skipped + max((error.offset or 1) - 1, 0), f"not a rule: {error.msg}") from None
        except (ValueError, MemoryError, RecursionError) as error:
            raise RuleError(0, f"not a rule: {error}") from None
        found = self._truth(tree.body, 0)
        if not self._named:
            raise RuleError(0, "a rule names at least one feature or part of the output")
        return found

    def _at(self, node: ast.expr) -> int:
        before = _plain(self._text.lstrip()).encode()[: node.col_offset]  # Python counts bytes
        return self._skipped + len(before.decode())

    def _truth(self, node: ast.expr, depth: int) -> Expression:
        return self._of_kind(node, "truth", depth)

    def _of_kind(self, node: ast.expr, kind: Kind, depth: int) -> Expression:
        found = self._expression(node, depth)
        if not _fits(found.kind, kind):
            raise RuleError(self._at(node), f"{_WORDS[kind]} belongs here, and this is {_WORDS[found.kind]}")
        return found

    def _expression(self, node: ast.expr, depth: int) -> Expression:
        if depth > DEEPEST:
            raise RuleError(self._at(node), "too deep; make it several rules")
        match node:
            case ast.Constant(value=bool() | int() | float() | str()):
                return self._constant(node)
            case ast.Name(id="true" | "True"):
                return Constant("truth", True)
            case ast.Name(id="false" | "False"):
                return Constant("truth", False)
            case ast.Name():
                return self._name(node)
            case ast.Subscript(value=ast.Name(id="feature"), slice=ast.Constant(value=str())):
                return self._name(node)
            case ast.UnaryOp(op=ast.Not()):
                return Not(self._truth(node.operand, depth + 1))
            case ast.UnaryOp(op=ast.USub()):
                return Arithmetic("-", Constant("number", 0.0), self._of_kind(node.operand, "number", depth + 1))
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = (self._of_kind(part, "number", depth + 1) for part in (node.left, node.right))
                return Arithmetic(_ARITHMETIC[type(node.op)], left, right)
            case ast.BoolOp():
                parts = tuple(self._truth(part, depth + 1) for part in node.values)
                return Both(parts) if isinstance(node.op, ast.And) else Either(parts)
            case ast.Compare():
                return self._chain(node, depth)
            case ast.Call(func=ast.Name(id="missing" | "len" | "whole"), args=[operand], keywords=[]):
                return self._call(node, operand, depth)
        raise RuleError(self._at(node), f"{_shown(node)} is not allowed; {FORMS}")

    def _constant(self, node: ast.Constant) -> Constant:
        value = node.value
        if isinstance(value, bool):
            return Constant("truth", value)
        if isinstance(value, str):
            if node.kind is not None:
                raise RuleError(self._at(node), "text stands in quotes, without a letter before them")
            return Constant("text", value)
        try:
            number = float(value)  # type: ignore[arg-type]
        except OverflowError:
            number = float("inf")
        if number in (float("inf"), float("-inf")):
            raise RuleError(self._at(node), "a number as large as this is none that a feature can have")
        return Constant("number", number)

    def _name(self, node: ast.expr) -> Name:
        position = self._at(node)
        if isinstance(node, ast.Subscript):
            name = str(node.slice.value)  # type: ignore[attr-defined]
        elif self._text[position] == "`":
            name = self._text[position + 1 : self._text.index("`", position + 1)]
        else:
            name = node.id  # type: ignore[attr-defined]
        self._named = True
        if self._names is None:
            return Name("any", name, feature=True)
        found = self._names.get(name)
        if found is None or (isinstance(node, ast.Subscript) and not found.feature):
            close = get_close_matches(name, self._names, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            shown = ", ".join(list(self._names)[:SHOWN]) + (", ..." if len(self._names) > SHOWN else "")
            raise RuleError(position, f"no feature is called {name!r}{hint}; names here are {shown}")
        return found

    def _chain(self, node: ast.Compare, depth: int) -> Expression:
        operands = [node.left, *node.comparators]
        parts: list[Expression] = []
        for operator, left, right in zip(node.ops, operands, operands[1:], strict=False):
            if isinstance(operator, ast.In | ast.NotIn):
                among = self._among(left, right, depth)
                parts.append(Not(among) if isinstance(operator, ast.NotIn) else among)
            elif type(operator) in _COMPARISONS:
                parts.append(self._comparison(_COMPARISONS[type(operator)], left, right, depth))
            else:
                raise RuleError(self._at(right), f"`is` is not allowed; {FORMS}")
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _comparison(self, operator: str, left: ast.expr, right: ast.expr, depth: int) -> Expression:
        if operator in ("==", "!="):
            first, second = self._expression(left, depth + 1), self._expression(right, depth + 1)
            if not _fits(first.kind, second.kind) or "moment" in (first.kind, second.kind):
                hint = (
                    "; classes are text: put them in quotes" if {first.kind, second.kind} == {"text", "number"} else ""
                )
                raise RuleError(self._at(right), f"{_WORDS[first.kind]} and {_WORDS[second.kind]} do not compare{hint}")
        else:
            first, second = (self._of_kind(part, "number", depth + 1) for part in (left, right))
        return Comparison(operator, first, second)  # type: ignore[arg-type]

    def _among(self, left: ast.expr, right: ast.expr, depth: int) -> Among:
        operand = self._expression(left, depth + 1)
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            raise RuleError(self._at(right), 'after `in` stands a list of values, such as ["a", "b"]')
        values = []
        for each in right.elts:
            value = self._expression(each, depth + 1)
            if isinstance(value, Arithmetic) and isinstance(value.right, Constant) and isinstance(each, ast.UnaryOp):
                value = Constant("number", -float(value.right.value))
            if not isinstance(value, Constant) or not _fits(operand.kind, value.kind) or operand.kind == "moment":
                raise RuleError(self._at(each), f"values here are {_WORDS[operand.kind]}, each written out")
            values.append(value)
        return Among(operand, tuple(values))

    def _call(self, node: ast.Call, argument: ast.expr, depth: int) -> Expression:
        function = node.func.id  # type: ignore[attr-defined]
        if function == "missing":
            name = self._expression(argument, depth + 1)
            if not isinstance(name, Name):
                raise RuleError(self._at(argument), "missing() takes the name of a feature or of a part of the output")
            return Missing(name)
        if function == "whole":
            return Whole(self._of_kind(argument, "number", depth + 1))
        return Length(self._of_kind(argument, "text", depth + 1))


_ARITHMETIC: dict[type[ast.operator], Literal["+", "-", "*", "/"]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]+`")


_ODD_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[^\\'\"bfnrtu]")


def _plain(text: str) -> str:
    """Return a rule with each name in backticks replaced by one that Python can read, of the same length."""
    return _QUOTED.sub(lambda found: "_" * len(found[0]) if found[0][0] == "`" else found[0], text)


def _fits(kind: Kind, wanted: Kind) -> bool:
    return kind == wanted or "any" in (kind, wanted)


def _shown(node: ast.expr) -> str:
    try:
        text = ast.unparse(node)
    except (ValueError, RecursionError):
        text = type(node).__name__
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"
