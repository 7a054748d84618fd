"""What a rule says of columns is what it says of each row by itself, in plain code with three truth values."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.row import Row, row_of
from detectors.row_shape import RowShape
from detectors.rule import Places, Rows
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
    names_of,
)
from schemas.prediction import Prediction
from schemas.rule import parse

from .builders import model_spec

FEATURES = {"income": "numeric", "debt": "numeric", "region": "categorical", "owner": "boolean", "note": "text"}
SPEC = model_spec(features=FEATURES)
NAMES = names_of(FEATURES, "binary")


def event(features: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"output": {"label": "yes", "score": 0.7}, **more}
    return {"prediction_id": "1", "model": "m", "timestamp": "2019-01-01T00:00:00Z", "features": features, **given}


def said(rule: str, features: dict[str, Any], **more: Any) -> bool | None:
    """What a rule says of one row; None: it cannot be told."""
    row = row_of(Prediction.model_validate(event(features, **more)), SPEC)
    verdict = Rows(Places(SPEC), RowShape(SPEC).columns_of([row])).judge(parse(rule, NAMES))
    assert not (verdict.yes & verdict.no).any()
    return True if verdict.yes[0] else False if verdict.no[0] else None


@pytest.mark.parametrize(
    ("rule", "features", "expected"),
    [
        ("income >= 0", {"income": 0}, True),
        ("income >= 0", {"income": -1}, False),
        ("income >= 0", {}, None),
        ("income >= 0", {"income": "12"}, None),
        ("income != 3", {}, None),
        ("not income != 3", {}, None),
        ("income == 3", {"income": 3.0}, True),
        ("0 < income <= 3", {"income": 4}, False),
        ("income / debt < 2", {"income": 1, "debt": 0}, None),
        ("income * 1e300 * 1e300 > 0", {"income": 1}, None),
        ("missing(income) or income > 5", {}, True),
        ("missing(income)", {"income": "not a number"}, False),
        ("not missing(income) and income > 5", {}, False),
        ("income > 5 or debt > 5", {"debt": 6}, True),
        ("income > 5 and debt > 5", {"debt": 1}, False),
        ("income > 5 or debt > 5", {"debt": 1}, None),
        ("region in ['north', '1']", {"region": 1}, True),
        ("region not in ['north']", {"region": "north"}, False),
        ("region not in ['north']", {}, None),
        ("region == 'true'", {"region": True}, True),
        ("region != note", {"region": "a", "note": "a"}, False),
        ("region != note", {"region": "a"}, None),
        ("owner", {"owner": True}, True),
        ("not owner", {"owner": True}, False),
        ("owner", {"owner": "yes"}, None),
        ("owner == false", {"owner": False}, True),
        ("owner in [true]", {"owner": False}, False),
        ("missing(owner)", {}, True),
        ("len(note) <= 3", {"note": "four"}, False),
        ("len(note) <= 3", {"note": 4}, None),
        ("len(region) == 5", {"region": "north"}, True),
        ("whole(income)", {"income": 2.5}, False),
        ("whole(income)", {}, None),
        ("income in [1, -2]", {"income": -2}, True),
        ("income in [1, -2]", {}, None),
        ("score >= 0.5 and prediction == 'yes'", {}, True),
        ("latency_ms < 5", {}, None),
        ("(prediction == 'yes') == (score >= 0.5)", {}, True),
    ],
)
def test_what_a_rule_says_of_a_row(rule: str, features: dict[str, Any], expected: bool | None) -> None:
    assert said(rule, features) is expected


def test_the_length_of_a_generated_text_is_that_of_the_whole_text() -> None:
    spec = model_spec("text", features={"x": "numeric"})
    prediction = Prediction.model_validate(event({}, output={"text": "long " * 1_000}))
    columns = RowShape(spec).columns_of([row_of(prediction, spec)])
    rule = parse("len(prediction) == 5000", names_of({"x": "numeric"}, "text"))
    assert Rows(Places(spec), columns).judge(rule).yes.tolist() == [True]


# Against plain code

NUMBER = st.one_of(st.none(), st.sampled_from([0.0, 1.0, -1.5, 2.0, 1e308, math.inf]))
ROWS = st.lists(
    st.tuples(
        NUMBER,
        NUMBER,
        st.sampled_from([None, "a", "b", 1, 1.0, True, math.inf]),
        st.sampled_from([None, True, False, 1, "true"]),
        st.sampled_from([None, "a", "", "bb", 3]),
    ),
    max_size=6,
)


def numbers(depth: int) -> st.SearchStrategy[Expression]:
    leaves: st.SearchStrategy[Expression] = st.sampled_from(
        [NAMES["income"], NAMES["debt"], NAMES["score"], Constant("number", 1.0), Length(NAMES["note"])]
    )
    if not depth:
        return leaves
    inner = numbers(depth - 1)
    return leaves | st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)  # type: ignore[arg-type]


def truths(depth: int) -> st.SearchStrategy[Expression]:
    texts = st.sampled_from([NAMES["region"], NAMES["note"], NAMES["prediction"], Constant("text", "a")])
    orders, sames = st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.sampled_from(["==", "!="])
    leaves = st.one_of(
        st.just(NAMES["owner"]),
        st.builds(Comparison, orders, numbers(2), numbers(2)),  # type: ignore[arg-type]
        st.builds(Comparison, sames, texts, texts),  # type: ignore[arg-type]
        st.builds(Missing, st.sampled_from(list(NAMES.values()))),
        st.builds(Whole, numbers(1)),
        st.just(Among(NAMES["region"], (Constant("text", "a"), Constant("text", "1")))),
        st.just(Among(NAMES["debt"], (Constant("number", 2.0),))),
    )
    if not depth:
        return leaves
    inner = truths(depth - 1)
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    compared = st.builds(Comparison, sames, inner, inner)  # type: ignore[arg-type]
    return st.one_of(leaves, st.builds(Not, inner), st.builds(Both, parts), st.builds(Either, parts), compared)


def value(expression: Expression, row: dict[str, Any]) -> Any:
    """The value of an expression for one row, or None where it has none."""
    match expression:
        case Constant(value=found):
            return found
        case Name(kind=kind, name=name):
            return clean(kind, row[name], categorical=name == "region")
        case Length(operand=operand):
            text = value(operand, row)
            return None if text is None else len(text)
        case Arithmetic(operator=operator, left=left, right=right):
            a, b = value(left, row), value(right, row)
            if a is None or b is None or (operator == "/" and b == 0):
                return None
            found = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()
            return found if math.isfinite(found) else None
        case Missing(operand=operand):
            return row[operand.name] is None
        case Whole(operand=operand):
            number = value(operand, row)
            return None if number is None else float(number).is_integer()
        case Among(operand=operand, values=values):
            found = value(operand, row)
            return None if found is None else found in [one.value for one in values]
        case Not(operand=operand):
            truth = value(operand, row)
            return None if truth is None else not truth
        case Both(parts=parts) | Either(parts=parts):
            settles = isinstance(expression, Either)
            each = [value(part, row) for part in parts]
            return settles if settles in each else None if None in each else not settles
        case Comparison(operator=operator, left=left, right=right):
            a, b = value(left, row), value(right, row)
            if a is None or b is None:
                return None
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[operator]
    raise AssertionError(expression)


def clean(kind: str, found: Any, *, categorical: bool) -> Any:
    if kind == "number":
        return found if type(found) in (int, float) and math.isfinite(found) else None
    if kind == "truth":
        return found if isinstance(found, bool) else None
    if categorical and found in (1, True) and not isinstance(found, str):
        return "true" if found is True else "1"
    return found if isinstance(found, str) else None


@settings(max_examples=400, deadline=None)
@given(truths(2), ROWS)
def test_columns_say_what_rows_say(rule: Expression, drawn: list[tuple[Any, ...]]) -> None:
    rows = [Row(0, str(i), list(features), label="yes", score=0.5) for i, features in enumerate(drawn)]
    verdict = Rows(Places(SPEC), RowShape(SPEC).columns_of(rows)).judge(rule)
    for place, features in enumerate(drawn):
        row = dict(zip(FEATURES, features, strict=True)) | {"score": 0.5, "prediction": "yes", "latency_ms": None}
        expected = value(rule, row)
        assert (bool(verdict.yes[place]), bool(verdict.no[place])) == (expected is True, expected is False)
