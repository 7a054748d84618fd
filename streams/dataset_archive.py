"""`ArchivedRows`: what a dataset asks of the archive, and `ModelArchive`, which answers it from the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.archive import Archive
from streams.archive_files import ArchiveFiles
from streams.archive_names import DAY, KINDS, Kind, PaneFile, as_day, day_start, model_directory, version_directory
from streams.errors import UserError


class ArchivedRows(Protocol):
    """The archived rows of one model, in any order and in batches."""

    def batches(
        self, start: Micros, end: Micros, *, versions: Sequence[str] | None, labels_until: Micros
    ) -> Iterator[pa.Table]:
        """Yield rows of `archive_schema` whose time lies in [start, end), labelled or not.

        Parameters
        ----------
        versions
            None for all.
        labels_until
            What became known later is not there.
        """
        ...

    def files(self) -> list[tuple[str, int]]:
        """Return the files that were read so far and their sizes in bytes, sorted by name."""
        ...


def require_archive(spec: MonitorSpec) -> None:
    """Refuse a monitor file without an archive.

    Raises
    ------
    UserError
        When it has none: nothing could be trained.
    """
    if spec.archive is None:
        raise UserError(
            "the monitor file has no archive.url: no row was kept to train on. Add it (or name the archive "
            "with --archive), and run the worker or replay again"
        )


class ModelArchive:
    """One model's part of the archive of a monitor file.

    Raises
    ------
    UserError
        When the monitor file names no archive, or nothing here knows its URL.
    """

    def __init__(self, spec: MonitorSpec, base: Path, model: str) -> None:
        require_archive(spec)
        assert spec.archive is not None
        self._archive, self._files = Archive(spec.archive, base), ArchiveFiles(spec.archive, base)
        self._model, self._settings = model, spec.models[model]
        self._read: dict[str, int] = {}

    def batches(
        self, start: Micros, end: Micros, *, versions: Sequence[str] | None, labels_until: Micros
    ) -> Iterator[pa.Table]:
        """Yield the rows of a time, as far as there are days of it, and cohorts that were over at `labels_until`."""
        days = self._archive.days(self._model)
        if not days:
            return
        start = max(start, day_start(days[0]))
        over = labels_until - self._settings.maturity  # what came into the archive later would come as a surprise
        end = min(end, day_start(days[-1]) + DAY + self._settings.pane, over - over % self._settings.pane)
        if start >= end:
            return
        self._note(start, end, versions, labels_until)
        yield from self._archive.batches(
            self._model, self._settings, start, end, versions=versions, labels_until=labels_until
        )

    def files(self) -> list[tuple[str, int]]:
        """Return the files whose panes meet what was asked for, by their paths below the archive's URL."""
        return sorted(self._read.items())

    def _note(self, start: Micros, end: Micros, versions: Sequence[str] | None, labels_until: Micros) -> None:
        """Remember the files of a time: those of rows, and those of labels that came after their cohort was over."""
        wanted = (
            None
            if versions is None
            else {_name(version_directory("rows", self._model, version)) for version in versions}
        )
        for kind in KINDS:
            last = end if kind == "rows" else labels_until
            top = model_directory(kind, self._model)
            for name in self._files.directories(top):
                if wanted is None or name in wanted:
                    for day in self._files.directories(f"{top}/{name}"):
                        self._note_day(kind, f"{top}/{name}/{day}", start, last, labels_until)

    def _note_day(self, kind: Kind, path: str, start: Micros, end: Micros, until: Micros) -> None:
        day = as_day(_name(path))
        if day is None or day_start(day) >= end:
            return
        for file, pane in self._files.panes(path):
            if _meets(pane, start, end) and pane.told_by(kind, until):
                self._read[file] = int(self._files.fs.size(f"{self._files.root}/{file}"))


def _meets(pane: PaneFile, start: Micros, end: Micros) -> bool:
    return pane.start < end and pane.end > start


def _name(path: str) -> str:
    return path.rpartition("/")[2]
