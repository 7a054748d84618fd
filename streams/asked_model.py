"""`asked_model`: a model that somebody names: a model directory of `retrain`, or a function of theirs."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.prediction_function import PredictionFunction
from streams.trainer import FittedModel, Trainer
from streams.trainers.choose import load_model, trainer_of


def asked_model(
    spec: MonitorSpec, base: Path, model: str, what: str, option: str
) -> tuple[FittedModel, Trainer | None]:
    """Return a model, and what trains such models where the monitor file knows.

    Parameters
    ----------
    what
        Path or file: URL of a model directory, or module:function.
    option
        What the user calls it, for errors.

    Raises
    ------
    UserError
        When it is neither, or cannot be loaded.
    """
    path = model_path(what)
    if path.is_dir():
        return load_model(spec, model, base, path), trainer_of(spec, model, base)
    if ":" in what and not path.exists():
        return PredictionFunction(what, spec.models[model], base, option), None
    raise UserError(f"{option} {what}: neither a model directory nor module:function, such as scoring:predict")


def model_path(what: str) -> Path:
    """Return the path that a path or a file: URL names."""
    return Path(unquote(urlsplit(what).path) if what.startswith("file:") else what)
