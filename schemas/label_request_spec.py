"""`LabelRequestSpec`: which rows are worth a label, and how many labels may be asked for."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from schemas.contract import Name, Probability, Record
from schemas.event_time import Duration
from schemas.expectation import Rule
from schemas.expression import names_of
from schemas.rule import RuleError, parse

Strategy = Literal["random", "uncertainty", "disagreement", "drifted", "rare", "errors"]


class LabelRule(Record):
    """Rows that a person should see, whatever else is known of them."""

    name: Name = Field(description="The reason that stands in the request")
    when: Rule = Field(description="Which rows, such as: amount > 10000 and 0.4 <= score <= 0.6")


class LabelRequestSpec(Record):
    """Whether labels are asked for, of which rows, within which budget."""

    per_pane: int = Field(
        20,
        ge=0,
        le=2_000,
        description="Requests for a cohort with too few labels, and by rules and strategies; 0 asks for none",
    )
    strategies: list[Strategy] = Field(
        default_factory=list,
        description="Which rows are asked for of every traffic pane, whether labels come by themselves or not. Empty: "
        "only rows of cohorts with too few labels, at random",
    )
    random_share: Probability = Field(
        0.3, description="Part of the budget that is drawn at random, so that estimates can be weighted back"
    )
    rules: list[LabelRule] = Field(
        default_factory=list,
        max_length=20,
        description="Rows of every traffic pane that a person should see, first of all",
    )
    answer_within: Duration | None = Field(
        None, description="Deadline of a request after it is made; default, and at most, the label_horizon of its row"
    )


def label_requests_problem(
    spec: LabelRequestSpec, types: Mapping[str, str] | None, task: str | None, challenger: bool | None
) -> str | None:
    """Return what is wrong with the label requests of a model, given the types of its features, or None."""
    named: dict[str, list[str]] = {"strategy": [*spec.strategies], "rule": [rule.name for rule in spec.rules]}
    for what, names in named.items():
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            return f"a {what} stands here once; used twice: {', '.join(twice)}"
    if task == "text" and "uncertainty" in spec.strategies:
        return "strategies: how sure a text is, nobody knows: uncertainty is for the other tasks"
    if "disagreement" in spec.strategies and (task == "text" or challenger is False):
        why = "a text model has none" if task == "text" else "it is turned off (challenger: false)"
        return f"strategies: disagreement is with the challenger, and {why}"
    if types is None or task is None:  # they have problems of their own
        return None
    known = names_of(types, task)
    for rule in spec.rules:
        try:
            parse(rule.when, known)
        except RuleError as error:
            return f"rules: when of {rule.name!r}, {error}"
    return None
