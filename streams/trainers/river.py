"""`RiverTraining`: the incremental challenger, once it has learnt a dataset in the order of time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from detectors.challenger import OTHER, Challenger, LabelledRow
from detectors.state import StateError, decode, encode
from schemas.spec import ModelSpec
from streams.dataset import TRAIN, read_rows
from streams.errors import UserError
from streams.trainer import Features, FittedModel, ModelOutput
from streams.trainers.model_meta import read_meta, write_meta
from streams.trainers.training_rows import TrainingRows, training_rows

FILE = "challenger.state"
TYPE = "river"


class RiverTraining:
    """Trains a challenger. It knows no weights of rows, and neither text nor datetime features.

    Parameters
    ----------
    champion
        Model directory of a challenger that goes on learning; None begins with a new one.
    """

    incremental = True

    def __init__(self, settings: ModelSpec, champion: Path | None = None) -> None:
        self._settings, self._champion = settings, champion

    def train(self, dataset: Path, model: Path) -> None:
        """Learn `train.parquet` in the order of time; write the challenger's state and `meta.json`."""
        rows = training_rows(self._settings, read_rows(dataset, TRAIN))
        challenger, since, notes = self._begun()
        learnt = _learnt(challenger, rows, since)
        (model / FILE).write_bytes(encode(challenger))
        write_meta(
            model,
            TYPE,
            self._settings,
            rows=learnt,
            learnt_until=max(int(rows.times.max()), since or 0),
            notes=[*notes, *_left_out(self._settings)],
        )

    def fit(self, rows: pa.Table) -> FittedModel:
        """Learn rows in memory, from nothing."""
        challenger = self._new()
        _learnt(challenger, training_rows(self._settings, rows), None)
        return RiverModel(self._settings, challenger)

    def load(self, model: Path) -> FittedModel:
        """Read a model directory of `train`."""
        return RiverModel(self._settings, self._read(model)[0])

    def _read(self, model: Path) -> tuple[Challenger, int]:
        meta = read_meta(model, self._settings)
        if meta["trainer"] != TYPE or list(meta["features"]) != list(self._settings.features):
            raise UserError(f"{model}: no challenger of these features; train it again")
        try:
            challenger = decode((model / FILE).read_bytes())
        except (OSError, StateError) as error:
            raise UserError(f"{model / FILE}: cannot be read: {error}") from None
        if not isinstance(challenger, Challenger):
            raise UserError(f"{model / FILE}: no challenger")
        return challenger, int(meta["learnt_until"])

    def _begun(self) -> tuple[Challenger, int | None, list[str]]:
        """Return the challenger to train, the newest row that it knows, and notes."""
        if self._champion is None:
            return self._new(), None, []
        try:
            challenger, until = self._read(self._champion)
        except UserError as error:
            return self._new(), None, [f"a full training: the champion cannot be begun from: {error}"]
        return challenger, until, ["begun from the champion; rows that it had seen were passed over"]

    def _new(self) -> Challenger:
        if self._settings.task == "text":
            raise UserError("a text model has no challenger: set retraining.trainer to a command that trains it")
        types = {name: feature.type for name, feature in self._settings.features.items()}
        return Challenger(self._settings.task, types, positive_label=self._settings.positive_label)


class RiverModel:
    """A challenger that answers rows of features, without learning from them."""

    def __init__(self, settings: ModelSpec, challenger: Challenger) -> None:
        self._settings, self._challenger = settings, challenger

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return the label, or the value (regression); a challenger knows no probabilities."""
        answers = [self._challenger.predict(row) for row in features]
        if self._settings.task == "regression":
            return [ModelOutput(value=float(answer)) for answer in answers]
        return [ModelOutput(label=None if answer == OTHER else str(answer)) for answer in answers]


def _learnt(challenger: Challenger, rows: TrainingRows, since: int | None) -> int:
    """Learn the rows after a moment, oldest first, and return how many there were."""
    order = np.argsort(rows.times, kind="stable").tolist()
    times, truths = rows.times.tolist(), list(rows.truths)

    def labelled() -> Iterator[LabelledRow]:
        for place in order:
            if since is None or times[place] > since:
                yield LabelledRow([column[place] for column in rows.columns], truths[place])

    return challenger.test_then_train(labelled()).learnt


def _left_out(settings: ModelSpec) -> list[str]:
    names = [name for name, feature in settings.features.items() if feature.type in ("text", "datetime")]
    return [f"left out, being text or a datetime: {', '.join(names)}"] if names else []
