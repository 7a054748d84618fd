"""Trainers: who makes a candidate out of a dataset."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from schemas.contract import Record
from schemas.event_time import Duration, parse_duration

PLACEHOLDERS = ("dataset", "model")
_NAMED = re.compile(r"(?<![{$])\{([A-Za-z_]\w*)\}(?!\})")
_BRACES = re.compile(r"\{(?P<literal>\{[A-Za-z_]\w*\})\}|" + _NAMED.pattern)


class RiverTrainer(Record):
    """The incremental challenger, as it stands once it has learnt the dataset in the order of time."""

    type: Literal["river"] = Field(description="The kind of trainer")


class SklearnTrainer(Record):
    """An estimator of scikit-learn's, behind an encoder of the declared features."""

    type: Literal["sklearn"] = Field(description="The kind of trainer")
    estimator: str = Field(
        "",
        description="Module and class, such as sklearn.ensemble.HistGradientBoostingClassifier, which is the default "
        "(HistGradientBoostingRegressor for regression)",
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of its constructor")


class CommandTrainer(Record):
    """A program of yours: it is given the dataset's directory and writes a model directory."""

    type: Literal["command"] = Field(description="The kind of trainer")
    command: list[str] = Field(
        min_length=1,
        description="Program and arguments; {dataset} and {model} stand for the two directories, and {{word}} for "
        "{word} as it is",
    )
    predict: str | None = Field(
        None,
        description="module:function(model directory) that returns a function of a list of feature mappings; found "
        "beside the monitor file or in the model directory. Without it a candidate cannot be checked",
    )
    timeout: Duration = Field(parse_duration("2h"), description="Wall time after which it has failed")

    @field_validator("command")
    @classmethod
    def _known_placeholders(cls, command: list[str]) -> list[str]:
        for part in command:
            for name in _NAMED.findall(part):
                if name not in PLACEHOLDERS:
                    known = " and ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                    raise ValueError(
                        f"unknown placeholder {{{name}}}; {known} are known (write {{{{{name}}}}} for the braces "
                        "themselves)"
                    )
        return command


def filled(part: str, places: Mapping[str, str]) -> str:
    """Return an argument of a command with the two directories in it.

    Examples
    --------
    >>> filled("--data={dataset}/train.parquet", {"dataset": "/d", "model": "/m"}), filled("{{x}}", {})
    ('--data=/d/train.parquet', '{x}')
    """
    return _BRACES.sub(lambda found: found["literal"] or places.get(found[2], found[0]), part)


Trainer = Annotated[RiverTrainer | SklearnTrainer | CommandTrainer, Field(discriminator="type")]
