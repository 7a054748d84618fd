"""The estimator that a monitor file names: found, checked and made, or a sentence that says what is wrong with it."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor

from schemas.spec import Task
from schemas.trainer_spec import SklearnTrainer
from streams.errors import UserError
from streams.spec_errors import did_you_mean, show
from streams.trainers.table_encoder import Taken

DEFAULTS: Mapping[str, str] = {
    "binary": "sklearn.ensemble.HistGradientBoostingClassifier",
    "multiclass": "sklearn.ensemble.HistGradientBoostingClassifier",
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
}
SEED = 0
SHOWN = 20  # names in a message


def estimator_name(spec: SklearnTrainer, task: Task) -> str:
    """Return module and class: those that are named, or the default of the task."""
    return spec.estimator or DEFAULTS.get(task, DEFAULTS["binary"])


def new_estimator(spec: SklearnTrainer, task: Task, where: str) -> Any:
    """Return an estimator with its parameters, seeded where it draws at random: the same rows give the same model.

    Parameters
    ----------
    where
        Path of the trainer in the monitor file, for messages.

    Raises
    ------
    UserError
        When there is no such class, it is no estimator for the task, or it has no such parameter.
    """
    name = estimator_name(spec, task)
    kind = _class_of(name, task, where)
    for method in ("fit", "predict", "get_params", "set_params"):
        if not callable(getattr(kind, method, None)):
            raise UserError(f"{where}.estimator: {name} is no estimator: it has no {method}()")
    known = _parameters(kind)
    for parameter in spec.parameters:
        if known is not None and parameter not in known:
            hint = did_you_mean(parameter, known)
            shown = ", ".join(sorted(known)[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
            raise UserError(f"{where}.parameters: {name} has no parameter {parameter!r}{hint}; it has {shown}")
    try:
        estimator = kind(**spec.parameters)
    except Exception as error:  # third-party constructors
        raise UserError(f"{where}: {name} cannot be made: {error}") from None
    wanted, fits = ("a regressor", is_regressor) if task == "regression" else ("a classifier", is_classifier)
    if not fits(estimator):
        raise UserError(f"{where}.estimator: {name} is not {wanted}, and the task is {task}")
    if "random_state" in estimator.get_params(deep=False) and "random_state" not in spec.parameters:
        estimator.set_params(random_state=SEED)
    return estimator


def with_codes(estimator: Any, codes: list[int], where: str) -> Any:
    """Return the estimator, told which columns are codes of classes."""
    if codes and takes(estimator).codes:
        try:
            estimator.set_params(categorical_features=codes)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from None
    return estimator


def takes(estimator: Any) -> Taken:
    """Return what an estimator takes as it is: missing values, and codes of classes."""
    codes = type(estimator).__name__.startswith("HistGradientBoosting")
    tags = getattr(estimator, "__sklearn_tags__", None)
    try:
        missing = bool(tags().input_tags.allow_nan) if tags is not None else False
    except AttributeError:  # an estimator of another library, with tags of its own
        missing = False
    return Taken(missing, codes)


def takes_weights(method: Any) -> bool:
    """Return whether `fit` or `partial_fit` has `sample_weight`."""
    return "sample_weight" in inspect.signature(method).parameters


def _class_of(name: str, task: Task, where: str) -> Any:
    module, _, attribute = name.rpartition(".")
    if not module:
        raise UserError(
            f"{where}.estimator: {show(name)} is not module.Class, such as {DEFAULTS.get(task, DEFAULTS['binary'])}"
        )
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"{where}.estimator: no module {module!r} ({error}); is its package installed?") from None
    except Exception as error:  # somebody's module
        raise UserError(f"{where}.estimator: importing {module} failed: {type(error).__name__}: {error}") from None
    kind = getattr(found, attribute, None)
    if not inspect.isclass(kind):
        wanted = RegressorMixin if task == "regression" else ClassifierMixin
        classes = [
            each
            for each in dir(found)
            if inspect.isclass(known := getattr(found, each, None)) and issubclass(known, wanted)
        ]
        raise UserError(f"{where}.estimator: {module} has no class {attribute!r}{did_you_mean(attribute, classes)}")
    return kind


def _parameters(kind: Any) -> set[str] | None:
    """Return the parameters of a constructor; None where it takes any."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return None
    return {each.name for each in parameters} - {"self"}
