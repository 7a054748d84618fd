"""`PartitionArchive`: one source partition's part of the archive: gathered with a transaction, written before it."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from detectors.summary import PaneKey
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.archive_panes import ArchivePanes, Over
from streams.event_clock import EventClock
from streams.groups import Groups
from streams.pending_log import PendingLog
from streams.store import Changes, Store, Table
from streams.stored_blocks import StoredBlocks

if TYPE_CHECKING:  # without an archive, none of its libraries load
    from streams.archive_writer import ArchiveWriter


class PartitionArchive:
    """Takes what panes that are over hold, and writes it; `prepare` in the partition's thread, `write` in any."""

    def __init__(self, writer: "ArchiveWriter", spec: MonitorSpec, groups: Groups, logs: Sequence[PendingLog]) -> None:
        self._writer = writer
        self._spec = spec
        self.panes = ArchivePanes(spec, groups, logs)
        self._leaving: list[Over] = []
        self._complete: dict[str, Micros] = {}
        """Event time of each model, once there is one."""

    def prepare(self, clock: EventClock) -> None:
        """Note what goes into the archive with the transaction that was sealed, and how far event time is."""
        self._leaving = self.panes.take()
        marks = {name: clock.complete(model, self._spec) for name, model in self._spec.models.items()}
        self._complete = {name: mark for name, mark in marks.items() if mark is not None}

    def write(self, store: Store, sealed: Changes) -> None:
        """Write the files, durably, before the transaction `sealed`.

        Raises
        ------
        Unreachable
            When one cannot be written; the same call may be made again.
        """
        if self._leaving:
            self._writer.write(self._leaving, partial(_stored_blocks, store, sealed))
            self._leaving = []

    def written(self) -> None:
        """Delete what is too old or too much, now that the transaction is durable."""
        if self._complete:
            self._writer.retain(self._complete)

    def forget(self) -> None:
        """Drop what was gathered while the partition was rebuilt: it was written then, and this is not all of it."""
        self.panes.take()

    def waiting(self, open_: Sequence[PaneKey]) -> int:
        """Return how many rows wait for the end of their cohort."""
        return self.panes.open_rows(open_)


def _stored_blocks(store: Store, sealed: Changes, table: Table, log: int) -> StoredBlocks:
    return StoredBlocks(store, sealed, table, log)
