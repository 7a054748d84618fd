"""`History`: rows of one model with what became known of them, by column, as every part of a backtest asks for them."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from detectors.id_hash import id_hashes
from detectors.losses import class_keys, losses
from detectors.row_shape import LATENCY, OUTPUT, Columns, RowShape
from schemas.event_time import LATEST, Micros
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec
from streams.archive_schema import FEATURE, SCORE
from streams.arrow_arrays import floats_of, integers_of
from streams.backtest.answers import Answers
from streams.errors import UserError

MOST_ROWS = 200_000  # newest; each candidate answers them all, and there are hundreds of candidates

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class History:
    """Rows in time order, oldest first. Shapes are (rows,).

    Parameters
    ----------
    table
        Rows of `streams.archive_schema`, in any order. Where several versions answered one prediction (a shadow), the
        version with most rows is taken for the one that people saw.
    tell
        Takes what a person should know of what was left out.

    Raises
    ------
    UserError
        When there are no rows, or no row has a label.
    """

    def __init__(
        self, model: str, spec: ModelSpec, table: pa.Table, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        table = _once(table.sort_by([("time", "ascending"), ("prediction_id", "ascending")]), tell).combine_chunks()
        if table.num_rows > MOST_ROWS:
            tell(f"the newest {MOST_ROWS:,} of {table.num_rows:,} rows are gone through: a backtest holds them all")
            table = table.slice(table.num_rows - MOST_ROWS).combine_chunks()
        if not table.num_rows:
            raise UserError(f"{model}: no rows in this history; is it the right table, or the right archive?")
        self.model, self.spec, self.table = model, spec, table
        self.shape = RowShape(spec)
        self.times: npt.NDArray[np.int64] = _moments(table["time"])
        self.ids: list[str] = table["prediction_id"].to_pylist()
        self.hashes: npt.NDArray[np.uint64] = id_hashes(self.ids)[:, 0].copy()
        self.versions: list[str] = table["version"].to_pylist()
        self.numbers: Floats = self._numbers()
        names = [list(spec.features)[position] for position in self.shape.other]
        self.others: list[npt.NDArray[np.object_]] = [_objects(table[FEATURE + name]) for name in names]
        labelled = spec.task in ("binary", "multiclass")
        self.recorded = Answers(
            _objects(table["output_label"]) if labelled else np.full(table.num_rows, None, dtype=object),
            self.numbers[:, OUTPUT].copy(),
        )
        self.label_names: list[str | None] = table["label"].to_pylist()
        self.values: Floats = floats_of(table["value"].combine_chunks())
        self.ratings: Floats = floats_of(table["rating"].combine_chunks())
        told = _moments(table["label_time"], LATEST)
        self.corrects, self.by_user = (
            np.array([bool(flag) for flag in table[name].to_pylist()], dtype=np.bool_)
            for name in ("label_corrects", "label_by_user")
        )
        self.truth_keys = class_keys(spec, self.label_names) if labelled else np.zeros(len(self), dtype=np.int64)
        self.losses: Floats = np.where(told < LATEST, self.losses_of(self.recorded, np.arange(len(self))), np.nan)
        self.labelled: Flags = ~np.isnan(self.losses)
        self.known: npt.NDArray[np.int64] = np.where(self.labelled, np.maximum(told, self.times), LATEST)
        """When the label became known, and no sooner than the row; never, for a row without one."""
        if not self.labelled.any():
            raise UserError(
                f"{model}: none of {len(self):,} rows has a label, so nothing can be said of what mistakes cost; "
                "name the table with what came true under files.feedback"
            )

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def start(self) -> Micros:
        """Time of the oldest row."""
        return int(self.times[0])

    @property
    def end(self) -> Micros:
        """Newest moment that is known: of a row or of a label."""
        return max(int(self.times[-1]), int(self.known[self.labelled].max()))

    def losses_of(self, answers: Answers, at: Positions) -> Floats:
        """Return the loss of answers to the rows `at`; NaN where nothing is known, or nothing was answered."""
        classes = self.spec.task in ("binary", "multiclass")
        nothing = np.zeros(len(at), dtype=np.int64)
        return losses(
            self.spec,
            class_keys(self.spec, answers.said.tolist()) if classes else nothing,
            answers.outputs,
            self.truth_keys[at],
            self.values[at],
            np.full(len(at), np.nan),
            nothing.astype(np.bool_),
        )

    def columns(self, at: Positions, answers: Answers | None) -> Columns:
        """Return rows as level 1 counts them; with `answers` in place of the recorded ones, where there are any.

        Latency and attached scores stay as they were recorded: nobody knows those of a model that never ran, and
        leaving them out would look like a broken producer. How sure it is of all classes is not recorded in rows.
        """
        numbers = self.numbers[at]
        said = self.recorded.said[at]
        if answers is not None:
            said, numbers[:, OUTPUT] = answers.said, answers.outputs
        return Columns(
            numbers,
            [column[at].tolist() for column in self.others],
            said.tolist(),
            np.zeros(len(at), dtype=np.bool_),
            self.times[at],
        )

    def features(self, at: Positions) -> list[tuple[FeatureValue, ...]]:
        """Return the features of rows, in the order of the monitor file; None is missing."""
        rows = self.table.select([FEATURE + name for name in self.spec.features]).take(pa.array(at))
        by_column = [column.to_pylist() for column in rows.columns]
        return list(zip(*by_column, strict=True))

    def _numbers(self) -> Floats:
        names = list(self.spec.features)
        numbers = np.full((self.table.num_rows, self.shape.width), np.nan)
        sources = [FEATURE + names[position] for position in self.shape.numeric]
        for column, name in enumerate([*sources, *(SCORE + one for one in self.shape.scores)]):
            numbers[:, column] = floats_of(self.table[name].combine_chunks())
        output = "output_value" if self.spec.task == "regression" else "output_score"
        numbers[:, OUTPUT] = floats_of(self.table[output].combine_chunks())
        numbers[:, LATENCY] = floats_of(self.table["latency_ms"].combine_chunks())
        return numbers


def _once(table: pa.Table, tell: Callable[[str], None]) -> pa.Table:
    """Return each prediction once."""
    ids, versions = table["prediction_id"].to_pylist(), table["version"].to_pylist()
    if len(set(ids)) == len(ids):
        return table
    sizes = Counter(versions)
    kept: dict[str, int] = {}
    for place, (id, version) in enumerate(zip(ids, versions, strict=True)):
        known = kept.get(id)
        if known is None or (sizes[version], versions[known]) > (sizes[versions[known]], version):
            kept[id] = place
    tell(f"{len(ids) - len(kept):,} rows are second answers to a prediction (a shadow) and are left out")
    return table.take(pa.array(sorted(kept.values())))


def _moments(column: pa.ChunkedArray, missing: Micros = 0) -> npt.NDArray[np.int64]:
    array = column.combine_chunks()
    moments = integers_of(array)
    moments[array.is_null().to_numpy(zero_copy_only=False)] = missing
    return moments


def _objects(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    objects = np.empty(len(column), dtype=object)
    objects[:] = column.to_pylist()
    return objects
