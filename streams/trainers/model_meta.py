"""`meta.json` of a model directory: what a trainer has to know to ask the model again. Plain data."""

import json
from pathlib import Path
from typing import Any

from schemas.spec import ModelSpec
from streams.errors import UserError

META = "meta.json"
FORMAT = 1


def write_meta(directory: Path, trainer: str, settings: ModelSpec, **rest: Any) -> None:
    """Write what a model is of: its trainer, task and features, and whatever else the trainer says."""
    meta = {
        "format": FORMAT,
        "trainer": trainer,
        "task": settings.task,
        "positive_label": settings.positive_label,
        "features": {name: feature.type for name, feature in settings.features.items()},
        **rest,
    }
    (directory / META).write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_meta(directory: Path, settings: ModelSpec | None = None) -> dict[str, Any]:
    """Return it.

    Parameters
    ----------
    settings
        Of the model that will be asked: its task and features have to be those that the model was made for.

    Raises
    ------
    UserError
        When it is missing, damaged, or of another task or other features.
    """
    path = directory / META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise ValueError(f"format {meta['format']} is not {FORMAT}")
        task, features = meta["task"], dict(meta["features"])
    except FileNotFoundError:
        raise UserError(f"{directory}: no model directory: it has no {META}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not what a trainer of this version wrote ({error}); train the model again") from None
    if settings is not None and task != settings.task:
        raise UserError(f"{path}: a {task} model, and the task is {settings.task} now; train it again")
    for name, kind in features.items() if settings is not None else ():
        now = settings.features.get(name) if settings is not None else None
        if now is None or now.type != kind:
            said = "is no feature any more" if now is None else f"was {kind} and is {now.type} now"
            raise UserError(f"{path}: {name!r} {said}; train the model again")
    return dict(meta)
