"""`Expectation`: what a person knows of their data, as a rule about each row, and how many rows must keep it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from schemas.contract import Name, Probability, Record
from schemas.expression import names_of
from schemas.rule import LONGEST, RuleError, parse

Dimension = Literal["accuracy", "completeness", "consistency", "timeliness", "validity", "integrity"]
"""Of data quality. Each has a number of its own."""

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)


def _of_a_rules_form(rule: str) -> str:
    parse(rule)
    return rule


Rule = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_of_a_rules_form)]


class Expectation(Record):
    """What each row should keep, such as `income >= 0`."""

    name: Name = Field(description="What readings and alerts call it")
    dimension: Dimension = Field(description="Which of the six numbers of data quality it counts in")
    rule: Rule = Field(description="What holds of a row; see docs/signals/quality.md")
    at_least: Probability | None = Field(
        None, description="Share of the rows that must keep it; the default is what the reference says"
    )


def expectations_problem(
    expectations: Sequence[Expectation], types: Mapping[str, str] | None, task: str | None
) -> str | None:
    """Return what is wrong with the expectations of a model, given the types of its features, or None."""
    names = [expectation.name for expectation in expectations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"each expectation has a name of its own; used twice: {', '.join(twice)}"
    if types is None or task is None:  # they have problems of their own
        return None
    known = names_of(types, task)
    for expectation in expectations:
        try:
            parse(expectation.rule, known)
        except RuleError as error:
            return f"the rule of {expectation.name!r}, {error}"
    return None
