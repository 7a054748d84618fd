"""`ArchiveWriter`: panes that are over → Parquet files, before the transaction that says that they are over.

After a crash between the two the pane is over again, and the same file is written once more; after a crash behind them
it is there. What a file holds depends on event time alone, so both times it is the same.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from detectors.row_shape import RowShape
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.archive_columns import LABELS_SCHEMA, Known, label_batch, row_batch
from streams.archive_files import ROWS, ArchiveFiles
from streams.archive_names import Kind, PaneFile, directory
from streams.archive_panes import LabelsOver, Over, RowsOver
from streams.archive_retention import Retention
from streams.archive_schema import archive_schema
from streams.archive_store import StoredLabels, StoredRows, is_later, tell
from streams.errors import UserError
from streams.store import Table
from streams.stored_blocks import StoredBlocks

log = logging.getLogger(__name__)

Find = Callable[[Table, Micros], StoredBlocks]
"""Blocks of the table `rows` or `labels`, by the lifetime of their log."""


class ArchiveWriter:
    """Writes the files of one source partition; in any thread, one call at a time.

    With `at_work`, nothing is asked of the archive before the first write, and a write that fails is not tried again:
    who calls does that.

    Raises
    ------
    UserError
        When nothing can be written there.
    """

    def __init__(
        self,
        spec: MonitorSpec,
        base: Path,
        partition: int,
        partitions: int,
        *,
        durable: bool = True,
        at_work: bool = False,
    ) -> None:
        assert spec.archive is not None
        self._spec = spec
        self._partition, self._partitions = partition, partitions
        self._shapes = {name: RowShape(model) for name, model in spec.models.items()}
        self._files = ArchiveFiles(spec.archive, base, durable, () if at_work else None)
        if not at_work:
            try:
                self._files.fs.makedirs(self._files.root, exist_ok=True)
            except Exception as error:  # of the store's library, which need not be an OSError
                raise UserError(f"archive.url: {self._files.url}: cannot be written: {error}") from None
        self._retention = Retention(spec, self._files) if partition == 0 else None
        self.rows = 0
        """Written since this was made."""
        self.labels = 0

    def write(self, over: Sequence[Over], find: Find) -> None:
        """Write the files of panes, durably; again, and to the same end, where that failed.

        Raises
        ------
        Unreachable
            When one cannot be written.
        """
        rows, labels = dict[Micros, StoredRows](), dict[Micros, StoredLabels]()
        for one in over:
            rows.setdefault(one.lifetime, StoredRows(find("rows", one.lifetime)))
            labels.setdefault(one.lifetime, StoredLabels(find("labels", one.lifetime)))
            if isinstance(one, RowsOver):
                self._write_rows(one, rows[one.lifetime], labels[one.lifetime])
            else:
                self._write_labels(one, rows[one.lifetime], labels[one.lifetime])

    def retain(self, complete: Mapping[str, Micros]) -> None:
        """Delete what is too old or too much, if that can be; `complete` is how far event time has come by model."""
        if self._retention is not None:
            try:
                self._retention.apply(complete)
            except Exception as error:  # of any kind: what was archived is safe, and what is too old can wait a day
                log.warning("archive: nothing more is deleted for now: %s", error)

    def told(self, waiting: int) -> str:
        """Return in words what was written, where `waiting` rows are in panes that are open."""
        said = f"archive: {self.rows:,} rows and {self.labels:,} late labels written to {self._files.url}"
        if waiting:
            said += f"; {waiting:,} rows are not there: their cohorts are open where the tables end"
        return said

    def _path(self, over: Over, late: Micros | None) -> str:
        key, spec = over.key, self._spec.models[over.key.model]
        file = PaneFile(key.start, key.end(spec), self._partition, self._partitions, late)
        kind: Kind = "rows" if isinstance(over, RowsOver) else "labels"
        return f"{directory(kind, key.model, key.version, key.start)}/{file.name}"

    def _write_rows(self, over: RowsOver, rows: StoredRows, labels: StoredLabels) -> None:
        spec = self._spec.models[over.key.model]
        known = labels.known(over, over.key.due(spec))
        schema, path = archive_schema(spec), self._path(over, over.late)
        self._files.write(path, schema, self._row_batches(over, rows, known))
        self.rows += len(over.numbers)

    def _row_batches(self, over: RowsOver, rows: StoredRows, known: Known) -> Iterator[pa.RecordBatch]:
        key = over.key
        order = np.lexsort((over.self_contained, over.hashes, over.times))
        for begin in range(0, len(order), ROWS):
            at = order[begin : begin + ROWS]
            yield row_batch(
                self._spec.models[key.model],
                self._shapes[key.model],
                key.model,
                key.version,
                self._partition,
                rows.read(over.numbers[at]),
                known.take(at),
            )

    def _write_labels(self, over: LabelsOver, rows: StoredRows, labels: StoredLabels) -> None:
        parts = [labels for _, labels in labels.read(over.numbers)]
        of = np.concatenate([part.rows for part in parts])
        known, end = Known.nothing(len(of)), 0
        for part in parts:
            tell(known, np.arange(end, end + len(part.rows)), part)
            end += len(part.rows)
        kinds = np.concatenate([part.kinds for part in parts])
        there = np.flatnonzero(np.isin(of, rows.blocks.there(of)))
        if len(there) < len(of):
            log.warning(
                "archive: %d late labels of evicted predictions are missing in %s", len(of) - len(there), over.key
            )
            if not len(there):
                return
        found = rows.read(of[there])
        ids = [tail[0] for tail in found.tails]
        order = np.lexsort((kinds[there], known.times[there], found.self_contained, np.array(ids), found.times))
        key = over.key

        def batches() -> Iterator[pa.RecordBatch]:
            for begin in range(0, len(order), ROWS):
                at = order[begin : begin + ROWS]
                yield label_batch(
                    key.model,
                    key.version,
                    self._partition,
                    [ids[place] for place in at.tolist()],
                    found.times[at],
                    found.self_contained[at],
                    is_later(kinds[there[at]]),
                    known.take(there[at]),
                )

        self._files.write(self._path(over, None), LABELS_SCHEMA, batches())
        self.labels += len(order)
