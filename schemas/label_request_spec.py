"""`LabelRequestSpec`: which rows are worth a label, and how many labels may be asked for."""

from typing import Literal

from pydantic import Field

from schemas.contract import Name, Probability, Record
from schemas.event_time import Duration
from schemas.expectation import Rule

Strategy = Literal["random", "uncertainty", "disagreement", "drifted", "rare", "errors"]


class LabelRule(Record):
    """Rows that a person should see, whatever else is known of them."""

    name: Name = Field(description="The reason that stands in the request")
    when: Rule = Field(description="Which rows, such as: amount > 10000 and 0.4 <= score <= 0.6")


class LabelRequestSpec(Record):
    """Whether labels are asked for, of which rows, within which budget."""

    per_pane: int = Field(
        20, ge=0, description="Requests for a cohort with too few labels, and by rules and strategies; 0 asks for none"
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
        default_factory=list, description="Rows of every traffic pane that a person should see, first of all"
    )
    answer_within: Duration | None = Field(
        None, description="Deadline of a request after it is made; default, and at most, the label_horizon of its row"
    )
