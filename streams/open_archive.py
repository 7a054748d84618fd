"""`open_archive`: the archive's writer, where the monitor file has an archive; else none of its libraries load."""

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.spec import MonitorSpec

if TYPE_CHECKING:
    from streams.archive_writer import ArchiveWriter


def open_archive(
    spec: MonitorSpec, base: Path, partition: int, partitions: int, *, durable: bool = True, at_work: bool = False
) -> "ArchiveWriter | None":
    """Return what writes the archive of a source partition; None where the monitor file has none.

    Parameters
    ----------
    at_work
        In a worker that runs: the first write shows whether the archive can be written, and who calls tries again.

    Raises
    ------
    UserError
        When nothing can be written there.
    """
    if spec.archive is None:
        return None
    from streams.archive_writer import ArchiveWriter

    return ArchiveWriter(spec, base, partition, partitions, durable=durable, at_work=at_work)
