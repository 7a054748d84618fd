"""Trainers: who makes a candidate out of a dataset."""

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Duration, parse_duration


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
        min_length=1, description="Program and arguments; {dataset} and {model} stand for the two directories"
    )
    predict: str | None = Field(
        None,
        description="module:function(model directory) that returns a function of a list of feature mappings; found "
        "beside the monitor file or in the model directory. Without it a candidate cannot be checked",
    )
    timeout: Duration = Field(parse_duration("2h"), description="Wall time after which it has failed")


Trainer = Annotated[RiverTrainer | SklearnTrainer | CommandTrainer, Field(discriminator="type")]
