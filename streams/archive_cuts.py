"""`require_own_cut`: whether a replay would write over what is in an archive, or put the same rows there once more.

Files are named after pane and partitions: one that is cut in the same way is written over, and any other one stays, so
that its rows would count twice.
"""

from pathlib import Path

from schemas.event_time import Micros, format_duration
from schemas.spec import MonitorSpec
from streams.archive_files import ArchiveFiles
from streams.archive_names import as_day, day_start, model_directory
from streams.errors import UserError


def require_own_cut(spec: MonitorSpec, base: Path, start: Micros, end: Micros) -> None:
    """Look at what the archive has of the time of a replay's tables, from `start` to `end`, before anything is written.

    Raises
    ------
    UserError
        When rows of that time stand there by panes of another length, or by more partitions than one.
    """
    if spec.archive is None:
        return
    files = ArchiveFiles(spec.archive, base)
    for model, settings in spec.models.items():
        top = model_directory("rows", model)
        for version in files.directories(top):
            for name in files.directories(f"{top}/{version}"):
                day = as_day(name)
                if day is None or day_start(day) > end:
                    continue
                for path, pane in files.panes(f"{top}/{version}/{name}"):
                    if pane.start > end or pane.end <= start:
                        continue
                    if pane.partitions != 1:
                        cut = f"from topics of {pane.partitions} partitions, so by a worker"
                    elif pane.end - pane.start != settings.pane:
                        cut = (
                            f"by panes of {format_duration(pane.end - pane.start)}, and the monitor file has "
                            f"{format_duration(settings.pane)} now"
                        )
                    else:
                        continue
                    raise UserError(
                        f"{files.url}: {path} was archived {cut}: a replay would not write over it, and rows would "
                        "count twice. Give the replay a place of its own with --archive DIR, or delete what is there"
                    )
