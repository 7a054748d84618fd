"""`PartitionCheckpoint`: one transaction of a source partition, from what has changed to what is durable.

The order is the promise: what goes into the archive is durable before the transaction that closes its panes, and that
before anything of it is sent.
"""

from streams.join import Join
from streams.open_panes import OpenPanes
from streams.outbox import Outbox
from streams.partition_archive import PartitionArchive
from streams.partition_state import PartitionState, save_state
from streams.records import Outgoing
from streams.store import Changes, Store


class PartitionCheckpoint:
    """Gathers a transaction in the partition's thread (`seal`), and makes it durable in any (`write`).

    Parameters
    ----------
    archive
        None: nothing is archived.
    """

    def __init__(
        self, store: Store, join: Join, panes: OpenPanes, outbox: Outbox, archive: PartitionArchive | None
    ) -> None:
        self._store = store
        self._join = join
        self._panes = panes
        self._outbox = outbox
        self._archive = archive
        self._sealed: Changes = {}

    def seal(self, state: PartitionState, progress: Outgoing) -> None:
        """Gather the transaction; what changes from now on is in the next one. `progress` is sent after all else."""
        self._outbox.put(progress)
        self._outbox.save()
        self._panes.save()
        self._join.save()
        save_state(self._store, state)
        self._sealed = self._store.seal()
        if self._archive is not None:
            self._archive.prepare(state.clock)

    def write(self) -> None:
        """Make the transaction durable, and before it what goes into the archive.

        Raises
        ------
        Unreachable
            When the archive cannot be written; the same call may be made again.
        """
        if not self._sealed:
            return
        if self._archive is not None:
            self._archive.write(self._store, self._sealed)
        self._store.write(self._sealed)
        self._sealed = {}
        if self._archive is not None:
            self._archive.written()

    def drop(self) -> None:
        """Drop what reading again has yielded so far, sent and archived when it was read first; and what is too old."""
        if self._archive is not None:
            self._archive.forget()
        self._join.sweep()
        self._outbox.clear()

    def rest(self) -> None:
        """Let go of what a rebuild no longer needs: it may read more than fits into memory."""
        self._panes.count()
        self.drop()
        self._join.save()
        self._store.write(self._store.seal())
