"""`known_model`: the model that somebody names, or what the monitor file has instead."""

from schemas.spec import ModelSpec, MonitorSpec
from streams.errors import UserError
from streams.spec_errors import did_you_mean


def known_model(spec: MonitorSpec, model: str) -> ModelSpec:
    """Return the settings of a model.

    Raises
    ------
    UserError
        When the monitor file has no such model.
    """
    settings = spec.models.get(model)
    if settings is None:
        raise UserError(no_model(spec, model))
    return settings


def no_model(spec: MonitorSpec, model: str) -> str:
    """Return that the monitor file has no such model, with the name that may have been meant."""
    known = ", ".join(spec.models)
    return f"no model {model!r} in the monitor file{did_you_mean(model, spec.models)}; it has {known}"
