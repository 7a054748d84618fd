"""`SklearnTraining`: an estimator of scikit-learn's, or one that is like those, behind `TableEncoder`."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sklearn
from threadpoolctl import threadpool_limits

from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec
from schemas.trainer_spec import SklearnTrainer
from streams.dataset import TRAIN, read_rows
from streams.errors import UserError
from streams.trainer import Features, FittedModel, ModelOutput
from streams.trainers.estimator import estimator_name, new_estimator, takes, takes_weights, with_codes
from streams.trainers.model_meta import read_meta, write_meta
from streams.trainers.skops_file import packed, unpacked
from streams.trainers.table_encoder import TableEncoder
from streams.trainers.training_rows import TrainingRows, training_rows
from streams.trainers.warm_start import Warm, warm_started

FILE = "model.skops"
TYPE = "sklearn"
MOST_NOTES = 20


class SklearnTraining:
    """Fits the estimator that the monitor file names.

    One thread adds up floats, so that the model does not depend on how many cores there are; `n_jobs` still holds.

    Parameters
    ----------
    where
        Path of the trainer in the monitor file, for messages.
    champion
        Model directory to begin from; None for a full training.
    """

    incremental = False

    def __init__(self, spec: SklearnTrainer, settings: ModelSpec, where: str, champion: Path | None = None) -> None:
        self._spec, self._settings, self._where, self._champion = spec, settings, where, champion
        self._name = estimator_name(spec, settings.task)

    def train(self, dataset: Path, model: Path) -> None:
        """Fit on `train.parquet`; write the estimator, and in `meta.json` its encoder and what happened."""
        fitted = self._fitted(training_rows(self._settings, read_rows(dataset, TRAIN)), self._champion)
        (model / FILE).write_bytes(packed(fitted.estimator, self._package(self._name)))
        write_meta(
            model,
            TYPE,
            self._settings,
            estimator=self._name,
            parameters=self._spec.parameters,
            rows=fitted.rows,
            encoder=fitted.encoder.parts,
            other_label=fitted.other_label,
            warm_starts=fitted.warm_starts,
            notes=fitted.notes,
            made_with={"scikit-learn": sklearn.__version__},
        )

    def fit(self, rows: pa.Table) -> FittedModel:
        """Fit on rows in memory, from nothing."""
        fitted = self._fitted(training_rows(self._settings, rows), None)
        return SklearnModel(self._settings, fitted.estimator, fitted.encoder, fitted.other_label)

    def load(self, model: Path) -> FittedModel:
        """Read a model directory of `train`."""
        estimator, meta = self._read(model)
        return SklearnModel(self._settings, estimator, TableEncoder(meta["encoder"]), meta["other_label"])

    def _read(self, model: Path) -> tuple[Any, dict[str, Any]]:
        meta = read_meta(model, self._settings)
        name = str(meta.get("estimator", ""))
        if meta["trainer"] != TYPE or self._package(name) not in ("sklearn", self._package(self._name)):
            raise UserError(f"{model}: made by {name or meta['trainer']}, and {self._where} names {self._name}")
        try:
            return unpacked((model / FILE).read_bytes(), self._package(name)), meta
        except OSError as error:
            raise UserError(f"{model / FILE}: cannot be read: {error.strerror}") from None
        except UserError as error:
            made = meta["made_with"]["scikit-learn"]
            hint = (
                ""
                if made == sklearn.__version__
                else f"; it was made with scikit-learn {made}, not {sklearn.__version__}"
            )
            raise UserError(f"{model / FILE}: {error}{hint}") from None

    def _fitted(self, rows: TrainingRows, champion: Path | None) -> "_Fitted":
        settings, notes = self._settings, []
        estimator = new_estimator(self._spec, settings.task, self._where)
        text = [name for name, feature in settings.features.items() if feature.type == "text"]
        if len(text) == len(settings.features):
            raise UserError(f"{self._where}: all features are text, which it cannot use; a command trainer can")
        notes += [f"left out, being text: {', '.join(text)}"] if text else []
        truths, other = self._truths(rows)
        with warnings.catch_warnings(record=True) as said, threadpool_limits(1):  # sums of floats by one thread
            warnings.simplefilter("always")
            try:
                warm = self._warm(champion, estimator, rows, truths, notes)
                if warm is None:
                    encoder = TableEncoder.fitted(settings, rows.columns, takes(estimator))
                    estimator = with_codes(estimator, encoder.codes, self._where)
                    numbers = encoder.encode(list(settings.features), rows.columns)
                    estimator.fit(numbers, truths, **_weights(estimator.fit, rows, notes))
                    warm = Warm(estimator, encoder, 0)
            except UserError:
                raise
            except Exception as error:  # somebody's parameters and rows, in somebody's estimator
                raise UserError(f"{self._where}: {self._name} failed on {len(rows):,} rows: {error}") from None
        notes += dict.fromkeys(str(each.message).partition("\n")[0] for each in said)
        return _Fitted(warm.estimator, warm.encoder, other, warm.warm_starts, len(rows), notes[:MOST_NOTES])

    def _warm(
        self, champion: Path | None, estimator: Any, rows: TrainingRows, truths: Any, notes: list[str]
    ) -> Warm | None:
        """Go on from the champion, if that can be done; else say in a note why the training is a full one."""
        if champion is None:
            return None
        try:
            before, meta = self._read(champion)
        except UserError as error:
            notes.append(f"a full training: the champion cannot be begun from: {error}")
            return None
        encoder = TableEncoder(meta["encoder"])
        numbers = encoder.encode(list(self._settings.features), rows.columns)
        done = warm_started(before, estimator, numbers, truths, rows.weights, int(meta["warm_starts"]))
        if isinstance(done, str):
            notes.append(f"a full training: {done}")
            return None
        notes.append("begun from the champion")
        return Warm(done, encoder, int(meta["warm_starts"]) + 1)

    def _truths(self, rows: TrainingRows) -> tuple[npt.NDArray[Any], str | None]:
        """Return what is learnt, and the name of the class that is not the positive one (binary)."""
        settings = self._settings
        if isinstance(rows.truths, np.ndarray):
            return rows.truths, None
        if settings.task == "multiclass":
            return np.array(rows.truths), None
        others = sorted({truth for truth in rows.truths if truth != settings.positive_label})
        other = others[0] if len(others) == 1 else settings.negative_label
        return np.array([int(truth == settings.positive_label) for truth in rows.truths]), other

    @staticmethod
    def _package(name: str) -> str:
        return name.partition(".")[0]


class _Fitted(NamedTuple):
    estimator: Any
    encoder: TableEncoder
    other_label: str | None
    warm_starts: int
    rows: int
    notes: list[str]


class SklearnModel:
    """An estimator that answers rows of features."""

    def __init__(self, settings: ModelSpec, estimator: Any, encoder: TableEncoder, other_label: str | None) -> None:
        self._settings, self._estimator, self._encoder, self._other = settings, estimator, encoder, other_label

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return label and score (binary), label, score and probabilities (multiclass), or value (regression)."""
        if not features:
            return []
        columns: list[Sequence[FeatureValue]] = list(zip(*features, strict=True))
        numbers = self._encoder.encode(list(self._settings.features), columns)
        if self._settings.task == "regression":
            return [ModelOutput(value=float(value)) for value in np.ravel(self._estimator.predict(numbers))]
        if not hasattr(self._estimator, "predict_proba"):
            return [ModelOutput(label=self._label(found)) for found in self._estimator.predict(numbers).tolist()]
        shares = self._estimator.predict_proba(numbers).tolist()
        classes = self._estimator.classes_.tolist()
        if self._settings.task == "binary":
            place = classes.index(1)
            return [self._binary(row[place]) for row in shares]
        return [self._multiclass(classes, row) for row in shares]

    def _label(self, found: Any) -> str:
        if self._settings.task == "multiclass":
            return str(found)
        return str(self._settings.positive_label if found == 1 else self._other)

    def _binary(self, score: float) -> ModelOutput:
        return ModelOutput(label=self._label(int(score >= self._settings.threshold)), score=score)

    def _multiclass(self, classes: list[Any], shares: list[float]) -> ModelOutput:
        best = max(range(len(classes)), key=shares.__getitem__)
        by_class = {str(name): share for name, share in zip(classes, shares, strict=True)}
        return ModelOutput(label=str(classes[best]), score=shares[best], probabilities=by_class)


def _weights(method: Any, rows: TrainingRows, notes: list[str]) -> dict[str, Any]:
    """Return the keyword for the rows' weights, where they differ and the estimator takes them."""
    if np.ptp(rows.weights) < EVEN:
        return {}
    if takes_weights(method):
        return {"sample_weight": rows.weights}
    notes.append("the rows' weights are not used: fit has no sample_weight")
    return {}


EVEN = 1e-9  # weights of mean 1 that differ by less are alike
