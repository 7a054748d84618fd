"""Rules are read by a closed list of forms, and what is none says where and what is allowed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.expression import (
    Among,
    Arithmetic,
    Both,
    Comparison,
    Constant,
    Length,
    Missing,
    Name,
    Not,
    names_of,
)
from schemas.rule import LONGEST, RuleError, parse

TYPES = {
    "income": "numeric",
    "odd name": "numeric",
    "region": "categorical",
    "owner": "boolean",
    "note": "text",
    "born": "datetime",
    "Größe": "numeric",
}
NAMES = names_of(TYPES, "binary")
INCOME = Name("number", "income", feature=True)


def number(value: float) -> Constant:
    return Constant("number", value)


def test_a_comparison() -> None:
    assert parse("income >= 0", NAMES) == Comparison(">=", INCOME, number(0))


def test_a_chain_holds_where_all_its_parts_do() -> None:
    expected = Both((Comparison("<=", number(0), INCOME), Comparison("<", INCOME, number(9))))
    assert parse("0 <= income < 9", NAMES) == expected


def test_names_that_are_no_identifiers_stand_in_backticks_or_in_brackets() -> None:
    odd = Name("number", "odd name", feature=True)
    assert parse("`odd name` > 1", NAMES) == parse('feature["odd name"] > 1', NAMES) == Comparison(">", odd, number(1))


def test_backticks_in_text_are_text() -> None:
    found = parse('region in ["`income`", "b"]', NAMES)
    assert isinstance(found, Among)
    assert [value.value for value in found.values] == ["`income`", "b"]


def test_functions_and_negation() -> None:
    note = Name("text", "note", feature=True)
    assert parse("len(note) <= 10", NAMES) == Comparison("<=", Length(note), number(10))
    assert parse("not missing(born)", NAMES) == Not(Missing(Name("moment", "born", feature=True)))
    assert parse("-income < 1", NAMES) == Comparison("<", Arithmetic("-", number(0), INCOME), number(1))
    assert parse("region not in ['a']", NAMES) == Not(parse("region in ['a']", NAMES))


def test_a_feature_goes_before_a_part_of_the_output() -> None:
    assert names_of({"score": "text"}, "binary")["score"].feature
    assert parse("score > 0.5 and prediction == 'yes'", NAMES).kind == "truth"
    assert parse("value > prediction", names_of(TYPES, "regression")).kind == "truth"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "character 1: nothing here"),
        ("Größe > incom", "character 9: no feature is called 'incom' (did you mean 'income'?); names here are"),
        ("income > 'a'", "character 10: a number belongs here, and this is text"),
        ("region == 1", "character 11: text and a number do not compare; classes are text: put them in quotes"),
        ("born == born", "a datetime and a datetime do not compare"),
        ("born > born", "character 1: a number belongs here, and this is a datetime"),
        ("1 < 2", "names at least one feature"),
        ("income", "character 1: true or false belongs here, and this is a number"),
        ("income ** 2 > 1", "character 1: `income ** 2` is not allowed; allowed are comparisons"),
        ("income.real > 1", "character 1: `income.real` is not allowed"),
        ("income > abs(income)", "character 10: `abs(income)` is not allowed"),
        ("missing(income, note)", "is not allowed"),
        ("missing(income + 1)", "character 9: missing() takes the name"),
        ("(lambda: owner)()", "is not allowed"),
        ("[owner for owner in note]", "is not allowed"),
        ("owner if owner else owner", "is not allowed"),
        ("(x := owner)", "is not allowed"),
        ("f'{income}' == region", "is not allowed"),
        ("b'a' == region", "is not allowed"),
        ("u'a' == region", "without a letter"),
        ("income == None", "is not allowed"),
        ("owner is true", "`is` is not allowed"),
        ("income > 1e999", "character 10: a number as large"),
        ("region in note", 'character 11: after `in` stands a list of values, such as ["a", "b"]'),
        ("region in [1]", "character 12: values here are text"),
        ("income > (1", "not a rule"),
        (r"region == 'a\[b'", "character 13: after a backslash"),
        ("income > 1\x00", "not a rule"),
        ("  income > `nobody`", "character 12: no feature is called 'nobody'"),
        ("feature['score'] > 1", "character 1: no feature is called 'score'"),
        ("not " * 100 + "owner", "too deep"),
        ("owner or " * 100 + "owner", f"at most {LONGEST} characters"),
    ],
)
def test_what_is_no_rule_says_where_and_what_is_allowed(rule: str, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(rule, NAMES)
    assert said in str(caught.value)


@pytest.mark.parametrize("rule", ["income ** 2 > 1", "__import__('os').system('true')", "x.y", "(", "1 < 2", ""])
def test_the_form_is_judged_without_names(rule: str) -> None:
    with pytest.raises(RuleError):
        parse(rule)
    assert parse("anything >= 0 and `any other` == 'b'").kind == "truth"


@settings(max_examples=500)
@given(
    st.text(st.sampled_from("income owner region()[]'\"`<>=!+-*/.,:\\\n é𝒳0123 and or not in len missing"), max_size=40)
)
def test_any_text_is_a_rule_or_says_why_not(rule: str) -> None:
    for names in (None, NAMES):
        said = "character "
        try:
            kind: str = parse(rule, names).kind
        except RuleError as error:
            kind, said = "truth", str(error)
        assert kind in ("truth", "any")
        assert said.startswith("character ")
