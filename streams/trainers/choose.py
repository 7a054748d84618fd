"""Which trainer makes the candidates of a model, and who reads a model directory back."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from schemas.spec import MonitorSpec
from schemas.trainer_spec import CommandTrainer, RiverTrainer, SklearnTrainer
from schemas.trainer_spec import Trainer as TrainerSpec
from streams.errors import UserError
from streams.known_model import known_model
from streams.trainer import FittedModel, Trainer
from streams.trainers.command import CommandTraining
from streams.trainers.model_meta import read_meta
from streams.trainers.predict_name import require_predict

How = Literal["full", "warm_start", "promote_challenger"]


def trainer_of(
    spec: MonitorSpec,
    model: str,
    base: Path,
    *,
    how: How = "full",
    champion: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Trainer:
    """Return the trainer that a monitor file asks for.

    Parameters
    ----------
    base
        Directory of the monitor file.
    how
        As the trigger says: `promote_challenger` is the River trainer whatever the file names; `warm_start` begins from
        the champion where the trainer can.
    champion
        Model directory of the champion, where it is known.
    stopping
        Asked now and then by a trainer that can be interrupted.

    Raises
    ------
    UserError
        When the file has no such model.
    """
    settings = known_model(spec, model)
    named: TrainerSpec = settings.retraining.trainer
    if how == "promote_challenger":
        named = RiverTrainer(type="river")
    begin = champion if how == "warm_start" else None
    where = f"models.{model}.retraining.trainer"
    if isinstance(named, CommandTrainer):
        return CommandTraining(named, settings, base, where, stopping)
    if isinstance(named, SklearnTrainer):
        from streams.trainers.sklearn import SklearnTraining  # here: it takes a second and 60 MB

        return SklearnTraining(named, settings, where, begin)
    from streams.trainers.river import RiverTraining

    return RiverTraining(settings, begin)


def require_trainers(spec: MonitorSpec, base: Path, file: Path | None = None) -> None:
    """Look at what the monitor file says of trainers, before a trigger comes that needs one.

    Parameters
    ----------
    file
        The monitor file; stands in front of errors.

    Raises
    ------
    UserError
        When an estimator or a program is not there, an estimator has no such parameter, or `predict` names what is
        plainly a slip of the pen.
    """
    prefix = "" if file is None else f"{file}: "
    for model, settings in spec.models.items():
        named, where = settings.retraining.trainer, f"{prefix}models.{model}.retraining.trainer"
        if isinstance(named, CommandTrainer):
            program = named.command[0]
            place = str(base / program) if "/" in program else program
            if shutil.which(place) is None:
                raise UserError(f"{where}.command: there is no program {program!r} that can be run")
            if named.predict is not None:
                require_predict(named.predict, base, f"{where}.predict")
        elif isinstance(named, SklearnTrainer) and (named.estimator or named.parameters) and settings.task != "text":
            from streams.trainers.estimator import new_estimator

            new_estimator(named, settings.task, where)


def load_model(spec: MonitorSpec, model: str, base: Path, directory: Path) -> FittedModel:
    """Return the model of a directory, whichever trainer wrote it.

    Raises
    ------
    UserError
        When it cannot be read, or asked.
    """
    settings = spec.models[model]
    kind = read_meta(directory)["trainer"]
    if kind == "river":
        from streams.trainers.river import RiverTraining

        return RiverTraining(settings).load(directory)
    named, where = settings.retraining.trainer, f"models.{model}.retraining.trainer"
    if kind == "sklearn":
        from streams.trainers.sklearn import SklearnTraining

        named = named if isinstance(named, SklearnTrainer) else SklearnTrainer(type="sklearn")
        return SklearnTraining(named, settings, where).load(directory)
    if kind == "command" and isinstance(named, CommandTrainer):
        return CommandTraining(named, settings, base, where).load(directory)
    raise UserError(f"{directory}: made by a {kind} trainer, and {where} is {named.type} now")
