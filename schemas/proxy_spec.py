"""What of a model's outputs is looked at beside what the task asks: generated texts, and scores that come with them."""

import re
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveInt, StringConstraints, field_validator

from schemas.contract import MOST_NAME, Finite, Record

REFUSALS = (
    *("i'm sorry, but i can", "i am sorry, but i can", "i'm sorry, i can", "i'm sorry, but as an ai"),
    *("sorry, but i can", "sorry, i can", "i apologize, but i can", "i apologise, but i can"),
    *("unfortunately, i can't", "unfortunately, i cannot", "unfortunately, i'm unable", "unfortunately, i am unable"),
    *("i can't help", "i cannot help", "i can't assist", "i cannot assist", "i can't provide", "i cannot provide"),
    *("i can't comply", "i cannot comply", "i can't fulfill", "i cannot fulfill", "i can't answer", "i cannot answer"),
    *("i'm unable to", "i am unable to", "i'm not able to", "i am not able to", "i must decline", "i have to decline"),
    *("i won't be able to", "i will not be able to", "as an ai language model"),
)
"""How a text begins that refuses to answer."""

_WORD = re.compile(r"\w+")

Phrase = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class TextSpec(Record):
    """What generated texts are checked for."""

    max_length: PositiveInt | None = Field(
        None,
        description="Characters beyond which a text is oversized; default what 99.9 % of the reference's stay within",
    )
    refusals: list[Phrase] = Field(
        default_factory=lambda: list(REFUSALS),
        max_length=200,
        description="How a text begins that refuses to answer, in any case; default a short English list",
    )
    words: list[Phrase] = Field(
        default_factory=list,
        max_length=2_000,
        description="Words that a text should not have: single whole words, in any case. There is no default list",
    )

    @field_validator("words")
    @classmethod
    def _single(cls, words: list[str]) -> list[str]:
        for word in words:
            if _WORD.fullmatch(word) is None:
                raise ValueError(f"{word!r} is not one word of letters and digits")
        return words


def _nothing(value: Any) -> Any:
    return {} if value is None else value


class AttachedScore(Record):
    """A number that the producer attaches to a prediction (`scores`)."""

    range: tuple[Finite, Finite] | None = Field(None, description="Smallest and largest value in range")

    @field_validator("range")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        if bounds is not None and bounds[0] > bounds[1]:
            raise ValueError(f"minimum {bounds[0]} is above maximum {bounds[1]}")
        return bounds


ScoreSpec = Annotated[AttachedScore, BeforeValidator(_nothing)]
"""Written as a mapping, or as nothing at all."""


def attached(score: str) -> str:
    """Return the name under which an attached score is counted, as a numeric feature would be."""
    return f"score:{score}"


def proxies_problem(text: TextSpec | None, scores: Collection[str], task: str, features: Collection[str]) -> str | None:
    """Return what is wrong with the checks of texts and the attached scores of a model, or None."""
    if text is not None and task != "text":
        return f"text is for models that generate text; this task is {task}"
    for name in scores:
        if len(attached(name)) > MOST_NAME:
            most = MOST_NAME - len(attached(""))
            return f"scores: the name {name!r} is too long; {most} characters fit"
        if attached(name) in features:
            return f"scores: {name!r} would be counted as the feature {attached(name)!r} is; rename one"
    return None
