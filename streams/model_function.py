"""A function of somebody's that answers rows of features: found by its name, asked, and its answers read.

An answer is a class (text, a whole number or a boolean), the probability of the positive class (a float, binary), a
number (regression), or a mapping with some of label, score, value and probabilities, as in prediction events.
"""

import math
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from schemas.contract import normalise_label
from schemas.spec import ModelSpec
from streams.errors import UserError
from streams.trainer import Features, ModelOutput


def function_named(name: str, where: str, imported: Callable[[str], ModuleType], example: str) -> Any:
    """Return the function that `module:function` names.

    Parameters
    ----------
    where
        What its user named it by; stands in front of errors.
    imported
        Finds the module by its name.
    example
        Such a name, for the error.

    Raises
    ------
    UserError
        When there is none.
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise UserError(f"{where}: {name!r} is not module:function, such as {example}")
    try:
        found = getattr(imported(module), function, None)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{where}: {name}: no module named {error.name!r}, neither beside the monitor file nor among what is "
            "installed"
        ) from None
    except Exception as error:  # somebody's module: anything
        raise UserError(f"{where}: {name}: importing {module} failed: {worded(error)}") from None
    if not callable(found):
        raise UserError(f"{where}: {name}: {module} has no function {function!r}")
    return found


def asked(function: Any, settings: ModelSpec, features: Features, where: str) -> list[ModelOutput]:
    """Return what a function answers for each row, which it is given as a mapping of features.

    Raises
    ------
    UserError
        When it fails, answers another number of rows, or what is no answer of a model of this task.
    """
    rows = [dict(zip(settings.features, row, strict=True)) for row in features]
    try:
        answers = list(function(rows))
    except Exception as error:  # somebody's code: anything
        raise UserError(f"{where}: it failed: {worded(error)}") from None
    if len(answers) != len(rows):
        raise UserError(f"{where}: it answered {len(answers)} times for {len(rows)} rows")
    return [_output(answer, settings, where) for answer in answers]


def worded(error: Exception) -> str:
    """Return what somebody's code raised, in one line."""
    return f"{type(error).__name__}: {error}"


def _output(answer: Any, settings: ModelSpec, where: str) -> ModelOutput:
    """Return an answer with all its parts; a number that is none (NaN) is handed on, for somebody to say so."""
    given = answer.item() if hasattr(answer, "item") else answer  # a number of numpy's
    try:
        found = _of_mapping(given, settings) if isinstance(given, Mapping) else _of_scalar(given, settings)
        if any(part is not None for part in found):
            return found
    except (TypeError, ValueError):
        pass
    raise UserError(f"{where}: {answer!r:.100} is no output of a {settings.task} model")


def _of_scalar(answer: Any, settings: ModelSpec) -> ModelOutput:
    if settings.task == "regression":
        return ModelOutput(value=float(answer))
    if settings.task == "binary" and isinstance(answer, float):
        return ModelOutput(score=answer)
    return ModelOutput(label=_label(answer))


def _of_mapping(answer: Mapping[str, Any], settings: ModelSpec) -> ModelOutput:
    label = None if answer.get("label") is None else _label(answer["label"])
    score, value = (None if answer.get(name) is None else float(answer[name]) for name in ("score", "value"))
    given, shares = answer.get("probabilities"), None
    if isinstance(given, Mapping) and given:
        shares = {str(normalise_label(name)): float(share) for name, share in given.items()}
    if shares is None or settings.task not in ("binary", "multiclass"):
        return ModelOutput(label, score, value, shares)
    positive = str(settings.positive_label)
    if settings.task == "binary" and positive in shares:  # the threshold decides which class that is
        return ModelOutput(label, shares[positive] if score is None else score, value, shares)
    known = {name: share for name, share in shares.items() if not math.isnan(share)}
    if label is None and known:
        label = max(sorted(known), key=known.__getitem__)
    if settings.task == "multiclass" and score is None and label is not None:
        score = shares.get(label)
    return ModelOutput(label, score, value, shares)


def _label(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError("no label")
    return str(normalise_label(value))
