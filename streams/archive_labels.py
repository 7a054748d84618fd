"""`LateLabels`: labels that became known after the rows they are about were archived, put on those rows.

What was known at a moment is asked for by `until`: a label that became known later is not there, so that the same
question has the same answer whenever it is asked.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from detectors.losses import class_keys, losses
from schemas.event_time import Micros
from schemas.spec import ModelSpec
from streams.archive_columns import LABELS_SCHEMA
from streams.archive_files import ArchiveFiles
from streams.archive_merge import groups_between
from streams.archive_schema import MOMENT

_SAID = ("label", "value", "label_corrects", "label_by_user")
_KNOWN = ("label", "value", "rating", "label_time", "label_corrects", "label_by_user", "loss")


class LateLabels:
    """Late labels on predictions with `start` <= time < `end`, as they were known at `until`.

    Parameters
    ----------
    paths
        The files that may hold some.

    Raises
    ------
    UserError
        When a file is gone or damaged.
    """

    def __init__(
        self,
        files: ArchiveFiles,
        paths: Sequence[str],
        spec: ModelSpec,
        start: Micros,
        end: Micros,
        until: Micros | None,
    ) -> None:
        self._spec, self._until = spec, until
        parts = [LABELS_SCHEMA.empty_table()]
        for path in paths:
            parquet = files.open(path)
            groups = list(groups_between(parquet, start, end))
            table = files.reading(path, partial(parquet.read_row_groups, groups))
            times = table["time"].cast(pa.int64())
            parts.append(table.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end))))
        labels = pa.concat_tables(parts)
        if until is not None:
            labels = labels.filter(pc.less_equal(labels["label_time"], _moment(until)))
        later = labels["later"]
        says = pc.or_(pc.is_valid(labels["label"]), pc.is_valid(labels["value"]))
        self._first = _Keyed(labels.filter(pc.and_(says, pc.invert(later))))
        self._rated = _Keyed(labels.filter(pc.is_valid(labels["rating"])))
        self._corrected = _Keyed(labels.filter(later))

    def on(self, rows: pa.Table) -> pa.Table:
        """Return rows of the archive with what was known of them."""
        if self._until is not None:
            rows = _without(rows, pc.fill_null(pc.greater(rows["label_time"], _moment(self._until)), False))
        if not any(map(len, (self._first, self._rated, self._corrected))):
            return rows
        keys = _keys(rows, pc.is_null(rows["prediction_offset"]))
        rows = _told(rows, *self._first.of(keys), _SAID)
        rows = _told(rows, *self._rated.of(keys), ("rating",))
        found, there = self._corrected.of(keys)
        rows = _told(rows, found, there, _SAID)
        return _judged_again(rows, self._spec, there)


class _Keyed:
    """Labels, at most one on each row."""

    def __init__(self, labels: pa.Table) -> None:
        self._labels = labels.combine_chunks()
        self._keys = _keys(labels, labels["self_contained"]).combine_chunks()

    def __len__(self) -> int:
        return len(self._labels)

    def of(self, keys: pa.ChunkedArray) -> tuple[pa.Table, pa.ChunkedArray]:
        """Return the label of each row, null where there is none, and where there is one."""
        found = pc.index_in(keys, value_set=self._keys)
        return self._labels.take(found), pc.is_valid(found)


def _keys(rows: pa.Table, self_contained: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return what names a prediction, as text."""
    time = rows["time"].cast(pa.int64()).cast(pa.string())
    return pc.binary_join_element_wise(
        time, self_contained.cast(pa.string()), rows["version"], rows["prediction_id"], "\x1f"
    )


def _told(rows: pa.Table, found: pa.Table, there: pa.ChunkedArray, names: Sequence[str]) -> pa.Table:
    """Return rows that are told the columns `names` of `found`, where it is `there`."""
    new = {name: pc.if_else(there, found[name], rows[name]) for name in names}
    times = (table["label_time"].cast(pa.int64()) for table in (rows, found))
    new["label_time"] = pc.max_element_wise(*times).cast(MOMENT)
    new["loss"] = pc.coalesce(found["loss"], rows["loss"])
    drawn = pc.fill_null(pc.not_equal(found["weight"], 1.0), False)
    new["weight"] = pc.if_else(drawn, found["weight"], rows["weight"])
    return _with(rows, new)


def _without(rows: pa.Table, unknown: pa.ChunkedArray) -> pa.Table:
    """Return rows of which nothing is known where `unknown` is true."""
    new = {name: pc.if_else(unknown, pa.scalar(None, rows.schema.field(name).type), rows[name]) for name in _KNOWN}
    return _with(rows, new | {"weight": pc.if_else(unknown, 1.0, rows["weight"])})


def _judged_again(rows: pa.Table, spec: ModelSpec, corrected: pa.ChunkedArray) -> pa.Table:
    """Return rows whose loss is that of what corrected them; a text keeps that of its first answer."""
    at = np.flatnonzero(np.asarray(corrected))
    if spec.task == "text" or not len(at):
        return rows
    some = rows.take(at)
    empty = np.full(len(at), np.nan)
    found = losses(
        spec,
        class_keys(spec, some["output_label"].to_pylist()),
        _floats(some["output_value"]),
        class_keys(spec, some["label"].to_pylist()),
        _floats(some["value"]),
        empty,
        np.zeros(len(at), dtype=np.bool_),
    )
    lost = _floats(rows["loss"])
    lost[at] = found
    return _with(rows, {"loss": pa.array(lost, mask=np.isnan(lost))})


def _with(rows: pa.Table, columns: dict[str, pa.ChunkedArray | pa.Array]) -> pa.Table:
    return pa.table([columns.get(name, rows[name]) for name in rows.schema.names], schema=rows.schema)


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    return np.array(column.to_pylist(), dtype=np.float64)  # None is NaN


def _moment(time: Micros) -> pa.Scalar:
    return pa.scalar(time, pa.int64()).cast(MOMENT)
