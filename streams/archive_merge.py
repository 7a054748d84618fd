"""`merged`: rows of many files of the archive in one order, by time, with a group of rows of each open file in memory.

Files are ascending in time; they overlap, since each source partition and version has its own.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.event_time import Micros, to_micros
from schemas.feature_spec import FeatureType
from streams.archive_columns import as_declared
from streams.archive_files import ArchiveFiles
from streams.archive_names import PaneFile
from streams.archive_schema import FEATURE

ORDER = [
    ("time", "ascending"),
    ("prediction_id", "ascending"),
    ("version", "ascending"),
    ("prediction_offset", "ascending"),
]
"""The total order. The last tells a prediction from feedback with the same one inside, which comes after it."""


def merged(
    files: ArchiveFiles,
    panes: Sequence[tuple[str, PaneFile]],
    schema: pa.Schema,
    start: Micros,
    end: Micros,
) -> Iterator[pa.Table]:
    """Yield the rows with `start` <= time < `end` in the total order, some at a time.

    Parameters
    ----------
    panes
        The files, by path.
    schema
        Columns of what is yielded: null where a file has no such column, or the value is not of that type.

    Raises
    ------
    UserError
        When a file is gone or damaged.
    """
    waiting = deque(sorted(panes, key=lambda one: (one[1].start, one[0])))
    open_: list[_Open] = []
    while waiting or open_:
        frontier = min((one.frontier for one in open_), default=end)
        next_start = waiting[0][1].start if waiting else end
        until = min(frontier, next_start) if waiting else frontier
        ready = [part for one in open_ if len(part := one.before(until))]
        if ready:
            yield pa.concat_tables(ready).sort_by(ORDER)
        open_ = [one for one in open_ if not one.done]
        if waiting and next_start <= frontier:
            open_.append(_Open(files, waiting.popleft()[0], schema, start, end))
        elif open_:
            min(open_, key=lambda one: one.frontier).read_on()


class _Open:
    """A file that is being read."""

    def __init__(self, files: ArchiveFiles, path: str, schema: pa.Schema, start: Micros, end: Micros) -> None:
        self._files, self._path, self._schema = files, path, schema
        self._start, self._end = start, end
        self._parquet = files.open(path)
        self._groups = deque(groups_between(self._parquet, start, end))
        self._rows = schema.empty_table()
        self._times: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.frontier: Micros = start
        """All rows before it have been read."""
        self.read_on()

    @property
    def done(self) -> bool:
        """Whether all of it was read and handed on."""
        return not self._groups and not len(self._rows)

    def read_on(self) -> None:
        """Read another group."""
        if self._groups:
            wanted = [name for name in self._schema.names if name in self._parquet.schema_arrow.names]
            group = self._groups.popleft()
            table = self._files.reading(self._path, lambda: self._parquet.read_row_group(group, columns=wanted))
            times = _micros(table)
            table = conformed(table.slice(*_between(times, self._start, self._end)), self._schema)
            self._rows = pa.concat_tables([self._rows, table])
            self._times = _micros(self._rows)
        if not self._groups:
            self.frontier = self._end
        elif len(self._times):
            self.frontier = int(self._times[-1])

    def before(self, time: Micros) -> pa.Table:
        """Return what was read of the rows before `time`; they are handed on."""
        count = int(np.searchsorted(self._times, time, side="left"))
        part, self._rows, self._times = self._rows.slice(0, count), self._rows.slice(count), self._times[count:]
        return part


def groups_between(parquet: pq.ParquetFile, start: Micros, end: Micros) -> Iterator[int]:
    """Yield the groups of rows that may hold a `time` from `start` to before `end`."""
    metadata = parquet.metadata
    column = parquet.schema_arrow.names.index("time")
    for group in range(metadata.num_row_groups):
        found = metadata.row_group(group).column(column).statistics
        if found is None or not found.has_min_max or (to_micros(found.max) >= start and to_micros(found.min) < end):
            yield group


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with the columns of a monitor file that may have been another one when they were archived."""
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(len(table), field.type))
        elif table.schema.field(field.name).type == field.type:
            columns.append(table[field.name])
        elif field.name.startswith(FEATURE):
            columns.append(as_declared(_TYPES.get(field.type, "text"), table[field.name]))
        else:
            columns.append(table[field.name].cast(field.type))
    return pa.table(columns, schema=schema)


_TYPES: dict[pa.DataType, FeatureType] = {pa.float64(): "numeric", pa.bool_(): "boolean", pa.string(): "categorical"}


def _micros(table: pa.Table) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = table["time"].cast(pa.int64()).to_numpy()
    return found


def _between(times: npt.NDArray[np.int64], start: Micros, end: Micros) -> tuple[int, int]:
    """Return offset and length of the ascending times from `start` to before `end`."""
    first, last = np.searchsorted(times, [start, end], side="left").tolist()
    return first, last - first
