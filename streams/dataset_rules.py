"""Which rows of the archive a rule holds for, and which are of a segment."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from detectors.row_shape import LATENCY, OUTPUT, Columns, RowShape
from detectors.rule import Places, Rows
from schemas.expression import names_of
from schemas.rule import RuleError, parse
from schemas.spec import ModelSpec
from streams.archive_schema import FEATURE, SCORE
from streams.arrow_arrays import floats_of
from streams.errors import UserError

Mask = npt.NDArray[np.bool_]
_OUTPUT = {"binary": "output_score", "multiclass": "output_score", "regression": "output_value"}


class RowRule:
    """A rule such as those of expectations, for rows of `archive_schema`.

    Raises
    ------
    UserError
        When it is no rule, or names what the model has not.
    """

    def __init__(self, settings: ModelSpec, rule: str) -> None:
        self.text = rule
        self._settings, self._places = settings, Places(settings)
        try:
            types = {name: feature.type for name, feature in settings.features.items()}
            self._tree = parse(rule, names_of(types, settings.task))
        except RuleError as error:
            raise UserError(f"rule {rule!r}: {error}") from None

    def holds(self, rows: pa.Table) -> Mask:
        """Return for which rows it surely holds. Shape (rows,)."""
        return Rows(self._places, _columns(self._settings, rows)).judge(self._tree).yes

    def breaks(self, rows: pa.Table) -> Mask:
        """Return for which rows it surely does not hold. Shape (rows,)."""
        return Rows(self._places, _columns(self._settings, rows)).judge(self._tree).no


def segment_rows(settings: ModelSpec, segment: str, rows: pa.Table) -> Mask:
    """Return which rows are of a segment, written feature=value; none where there is no such feature."""
    name, _, value = segment.partition("=")
    if name not in settings.features:
        return np.zeros(len(rows), dtype=np.bool_)
    column = rows[FEATURE + name]
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "true", "false")
    same = pc.fill_null(pc.equal(pc.cast(column, pa.string()), value), False)
    return np.asarray(same.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _columns(settings: ModelSpec, rows: pa.Table) -> Columns:
    shape, names = RowShape(settings), list(settings.features)
    numbers = np.full((len(rows), shape.width), np.nan)
    taken = [FEATURE + names[position] for position in shape.numeric] + [SCORE + name for name in shape.scores]
    for place, name in enumerate(taken):
        numbers[:, place] = floats_of(rows[name])
    said = rows["output_text" if settings.task == "text" else "output_label"].to_pylist()
    if settings.task == "text":
        numbers[:, OUTPUT] = [np.nan if text is None else len(text) for text in said]
    else:
        numbers[:, OUTPUT] = floats_of(rows[_OUTPUT[settings.task]])
    numbers[:, LATENCY] = floats_of(rows["latency_ms"])
    values = [rows[FEATURE + names[position]].to_pylist() for position in shape.other]
    times = rows["time"].cast(pa.int64()).to_numpy()
    return Columns(numbers, values, said, np.zeros(len(rows), dtype=np.bool_), times)
