"""Rules that are inferred hold of every row that they were inferred from, and are few."""

import random
from typing import Any

import pytest

from detectors.infer_expectations import MOST_PAIRS, infer_expectations
from detectors.row import Row
from detectors.row_shape import RowShape
from detectors.rule import Places, Rows
from schemas.expression import names_of
from schemas.rule import parse
from schemas.spec import ModelSpec

from .builders import model_spec


def rows(spec: ModelSpec, count: int = 300, **columns: Any) -> list[Row]:
    rng = random.Random(0)
    return [Row(0, str(i), [columns[name](i, rng) for name in spec.features], label="yes") for i in range(count)]


def rules(spec: ModelSpec, found: list[Row]) -> list[str]:
    inferred = infer_expectations(spec, found)
    names = names_of({name: feature.type for name, feature in spec.features.items()}, spec.task)
    for one in inferred:
        verdict = Rows(Places(spec), RowShape(spec).columns_of(found)).judge(parse(one.expectation.rule, names))
        assert not verdict.no.any(), one
    # as a monitor file takes them; and once they are declared there is nothing to add
    given = spec.model_dump(mode="json", exclude={"expectations"})
    declared = ModelSpec.model_validate({**given, "expectations": [one.expectation.model_dump() for one in inferred]})
    assert infer_expectations(declared, found) == []
    return [one.expectation.rule for one in inferred]


def test_presence_range_whole_numbers_and_categories() -> None:
    spec = model_spec(features={"age": "numeric", "odd name": "numeric", "if": "categorical", "note": "text"})
    found = rows(
        spec,
        age=lambda i, rng: 20 + i % 50,
        **{"odd name": lambda i, rng: rng.uniform(-3, 3) if i % 3 else None, "if": lambda i, rng: "ab"[i % 2]},
        note=lambda i, rng: None,
    )
    assert rules(spec, found) == [
        "not missing(age)",
        "not missing(`if`)",
        "0 <= age <= 74",
        "whole(age)",
        "-3.6 <= `odd name` <= 3.6",
        '`if` in ["a", "b"]',
    ]


def test_what_is_declared_is_not_inferred_again() -> None:
    spec = model_spec(
        features={
            "x": {"type": "numeric", "range": [0, 1], "nullable": False},
            "c": {"type": "categorical", "allowed": ["a", "b"], "nullable": False},
        }
    )
    assert rules(spec, rows(spec, x=lambda i, rng: rng.random(), c=lambda i, rng: "ab"[i % 2])) == []


def test_an_order_that_always_holds_though_it_need_not() -> None:
    spec = model_spec(features={"low": "numeric", "high": "numeric", "far": "numeric"})
    found = rows(
        spec,
        low=lambda i, rng: float(i % 100),
        high=lambda i, rng: i % 100 + rng.random() * 50,
        far=lambda i, rng: 1e6 + rng.random(),  # above both, as a matter of course
    )
    assert [rule for rule in rules(spec, found) if rule.count("<=") == 1] == ["low <= high"]


def test_few_orders_are_told() -> None:
    spec = model_spec(features={f"x{i}": "numeric" for i in range(9)})
    found = rows(spec, **{f"x{k}": (lambda i, rng, k=k: float((i % 100) * (k + 1))) for k in range(9)})
    assert sum(rule.count("<=") == 1 for rule in rules(spec, found)) == MOST_PAIRS


@pytest.mark.parametrize("value", [None, float("inf"), 5.0, 1e308, -1e308, 5e-324])
def test_nothing_is_said_of_what_says_nothing(value: float | None) -> None:
    spec = model_spec(features={"x": "numeric", "c": "categorical"})
    found = rows(
        spec, x=lambda i, rng: value if i % 2 else (0.0 if value in (5e-324,) else value), c=lambda i, rng: str(i)
    )
    assert [rule for rule in rules(spec, found) if "c" in rule and "in [" in rule] == []
    assert rules(spec, found[:50]) == []


def test_categories_of_any_text_make_a_rule() -> None:
    odd = ["\n", 'a "b"', "\\d", "é\u2028", "`", "\x01", "\U0001d4b3"]
    spec = model_spec(features={"c`d": "categorical"})
    (present, known) = rules(spec, rows(spec, **{"c`d": lambda i, rng: odd[i % len(odd)]}))
    assert present == 'not missing(feature["c`d"])'
    assert known.startswith('feature["c`d"] in [')
