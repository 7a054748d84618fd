"""Guesses which columns of a table a model may have seen, and of which type each is; of the others it says why not.

Guesses are for a first monitor file that a person checks; nothing else may rest on them.
"""

import re
from collections.abc import Iterable, Mapping

from schemas.feature_spec import FeatureType
from streams.table_column import MANY, Column

USERS_RATING = r"(user_?|customer_?|feedback_?)?rating"
"""Names of columns that say what users thought of an answer."""
_PLAIN = frozenset({"0", "1", "true", "false", "yes", "no", "y", "n", "t", "f"})


def features_of(
    columns: Iterable[Column], classes: list[str], predicted: str | None, outcome: str | None
) -> tuple[dict[str, FeatureType], dict[str, str]]:
    """Return the types of the columns that are features, and of those that are none the reason.

    Parameters
    ----------
    columns
        Those that nothing else is known of.
    classes
        Of the answers, as far as they are known.
    predicted, outcome
        Columns of the answers and of what came true, where they were found.
    """
    features: dict[str, Column] = {}
    left_out: dict[str, str] = {}
    for column in columns:
        if not column.values:
            left_out[column.name] = "always empty"
        elif re.fullmatch(r"model(_name)?", column.name, re.IGNORECASE):
            left_out[column.name] = "looks like the model's name; give columns.model where there are several"
        elif re.fullmatch(r"(.+_)?(id|uuid|key)|index|unnamed.*|", column.name, re.IGNORECASE):
            left_out[column.name] = "looks like an id"
        elif re.fullmatch(USERS_RATING, column.name, re.IGNORECASE) and column.numbers():
            left_out[column.name] = "looks like users' ratings, which are 0 to 1: map 1 to 5 stars with (r - 1) / 4"
        else:
            features[column.name] = column
    left_out |= _like_answers(features, classes, predicted, outcome)
    return {name: feature_type(column) for name, column in features.items() if name not in left_out}, left_out


def feature_type(column: Column) -> FeatureType:
    """Return what the values of a feature seem to be."""
    if any(isinstance(cell, list | dict) for cell in column.values):
        return "text"
    distinct = column.distinct
    if set(distinct) <= {"true", "false"}:
        return "boolean"
    if column.numbers():
        return "numeric"
    if column.moments():
        return "datetime"
    if len(distinct) <= MANY or len(distinct) < 0.05 * len(column.values):
        return "categorical"
    return "text"


def _like_answers(
    features: Mapping[str, Column], classes: list[str], predicted: str | None, outcome: str | None
) -> dict[str, str]:
    """Return the columns that may be an answer or an outcome by another name, with what to do: a model learns those.

    Their values are classes, or, where no class is known, those of another column. Values that say little, as 0 and 1
    or yes and no, make no column suspect.
    """
    values = {name: column.distinct for name, column in features.items() if column.repeats()}
    values = {name: own for name, own in values.items() if len(own) > 1 and not set(map(str.lower, own)) <= _PLAIN}
    if classes:
        found = {name: "its values are classes" for name, own in values.items() if set(own) <= set(classes)}
    else:
        found = {
            name: f"it has the values of {', '.join(alike)}"
            for name, own in values.items()
            if (alike := [other for other, theirs in values.items() if other != name and theirs == own])
        }
    roles = [("what the model answered", "--label", predicted), ("what came true", "--outcome", outcome)]
    missing = [(what, option) for what, option, known in roles if known is None] or [(roles[1][0], roles[1][1])]
    what, options = (" or ".join(part) for part in zip(*missing, strict=True))
    return {name: f"{reason}: perhaps it is {what}; name it with {options}" for name, reason in found.items()}
