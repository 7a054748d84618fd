"""`Archive`: rows of a model as they were predicted, with what became known of them; in one order, whoever asks.

`streams.archive_panes` says what is in it, and `docs/archive.md` how to read it with anything else.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from schemas.archive_spec import ArchiveSpec
from schemas.event_time import Micros
from schemas.spec import ModelSpec
from streams.archive_files import ArchiveFiles
from streams.archive_labels import LateLabels
from streams.archive_merge import merged
from streams.archive_names import DAY, Kind, PaneFile, as_day, day_of, encoded, model_directory
from streams.archive_schema import FEATURE, archive_schema
from streams.errors import UserError


class Archive:
    """Reads the archive of a monitor file.

    Parameters
    ----------
    spec
        Where it is.
    base
        Directory of the monitor file.

    Raises
    ------
    UserError
        When nothing here knows its URL.
    """

    def __init__(self, spec: ArchiveSpec, base: Path) -> None:
        self._files = ArchiveFiles(spec, base)

    def rows(
        self,
        model: str,
        settings: ModelSpec,
        start: Micros,
        end: Micros,
        *,
        versions: Sequence[str] | None = None,
        labels_until: Micros | None = None,
        labelled: bool = False,
    ) -> pa.Table:
        """Return the predictions with `start` <= time < `end`, by (time, prediction_id, version).

        Parameters
        ----------
        settings
            Of the model: its columns are those of `archive_schema`, null where a row was archived without them.
        versions
            Only these; None: all.
        labels_until
            What became known after this is null, and so is what came too late for its cohort, if the pane in which it
            came was not over by then: the answer stays the same from then on. None: all that is known now.
        labelled
            Only rows of which is known what the task asks for.

        Raises
        ------
        UserError
            When there is no archive, or nothing of the model in it; when a file is damaged, or was deleted meanwhile.
        """
        found = self.batches(
            model, settings, start, end, versions=versions, labels_until=labels_until, labelled=labelled
        )
        return pa.concat_tables([archive_schema(settings).empty_table(), *found])

    def batches(
        self,
        model: str,
        settings: ModelSpec,
        start: Micros,
        end: Micros,
        *,
        versions: Sequence[str] | None = None,
        labels_until: Micros | None = None,
        labelled: bool = False,
    ) -> Iterator[pa.Table]:
        """Yield what `rows` returns, some rows at a time, however long the window is.

        In memory are some thousand rows of each file of a pane, and the late labels of one label horizon.
        """
        self._require(model)
        schema = archive_schema(settings)
        panes = self._panes("rows", model, versions, settings, start, end)
        if labels_until is not None:
            panes = [one for one in panes if one[1].told_by("rows", labels_until)]
        _refuse_mixed(self._files.url, panes)
        if not panes:
            return
        start = max(start, min(pane.start for _, pane in panes))
        end = min(end, max(pane.end for _, pane in panes))
        labels_end = end + settings.label_horizon + settings.pane
        labels = self._panes("labels", model, versions, settings, start, labels_end)
        if labels_until is not None:
            labels = [one for one in labels if one[1].told_by("labels", labels_until)]
        step = max(DAY, settings.label_horizon) if labels else end - start
        for begin in range(start, end, step):
            stop = min(begin + step, end)
            mine = [one for one in panes if _meets(one[1], begin, stop)]
            if not mine:
                continue
            paths = [
                path for path, pane in labels if _meets(pane, begin, stop + settings.label_horizon + settings.pane)
            ]
            late = LateLabels(self._files, paths, settings, begin, stop, labels_until)
            for rows in merged(self._files, mine, schema, begin, stop):
                told = late.on(rows)
                yield told.filter(_known(told, settings)) if labelled else told

    def days(self, model: str) -> list[date]:
        """Return the days of which rows of a model are there, in order. A day is that on which a pane begins, in UTC.

        Raises
        ------
        UserError
            When there is no archive, or nothing of the model in it.
        """
        self._require(model)
        found = (as_day(name) for path in self._versions("rows", model, None) for name in self._files.directories(path))
        return sorted({day for day in found if day is not None})

    def features(self, model: str) -> Iterator[pa.Table]:
        """Yield the features of all rows of a model, with `time` and `version`, as they were archived; in no order.

        Raises
        ------
        UserError
            As `rows` does.
        """
        self._require(model)
        for path in self._versions("rows", model, None):
            for day in self._files.directories(path):
                for file, _ in self._files.panes(f"{path}/{day}"):
                    parquet = self._files.open(file)
                    names = [name for name in parquet.schema_arrow.names if name.startswith(FEATURE)]
                    for group in range(parquet.num_row_groups):
                        read = partial(parquet.read_row_group, group, columns=["time", "version", *names])
                        yield self._files.reading(file, read)

    def _require(self, model: str) -> None:
        if self._files.directories(model_directory("rows", model)):
            return
        url = self._files.url
        if not self._files.exists():
            raise UserError(
                f"{url}: no archive is there. Rows come into it when their cohort is over (label_maturity after its "
                "pane): run a worker, or replay, with archive.url in the monitor file"
            )
        known = [name.removeprefix("model_name=") for name in self._files.directories("rows")]
        raise UserError(
            f"{url}: nothing of model {model!r} was archived; there is {', '.join(known) or 'nothing'}. Rows come when "
            "their cohort is over (label_maturity after its pane)"
        )

    def _versions(self, kind: Kind, model: str, versions: Sequence[str] | None) -> list[str]:
        """Return the directories of versions."""
        path = model_directory(kind, model)
        wanted = None if versions is None else {f"model_version={encoded(version)}" for version in versions}
        return [f"{path}/{name}" for name in self._files.directories(path) if wanted is None or name in wanted]

    def _panes(
        self, kind: Kind, model: str, versions: Sequence[str] | None, settings: ModelSpec, start: Micros, end: Micros
    ) -> list[tuple[str, PaneFile]]:
        """Return the files of panes that meet a window."""
        found: list[tuple[str, PaneFile]] = []
        first, last = day_of(start - settings.pane), day_of(end)
        for path in self._versions(kind, model, versions):
            days = {day: name for name in self._files.directories(path) if (day := as_day(name)) is not None}
            before = max((day for day in days if day < first), default=None)  # panes may have been wider once
            for day, name in days.items():
                if first <= day <= last or day == before:
                    found += [one for one in self._files.panes(f"{path}/{name}") if _meets(one[1], start, end)]
        return found


def _meets(pane: PaneFile, start: Micros, end: Micros) -> bool:
    return pane.start < end and pane.end > start


def _refuse_mixed(url: str, panes: Sequence[tuple[str, PaneFile]]) -> None:
    """Refuse an archive that two monitors have written into: its rows would count twice."""
    cuts: dict[Micros, set[int]] = defaultdict(set)
    for _, pane in panes:
        cuts[pane.start].add(pane.partitions)
    for start, found in sorted(cuts.items()):
        if len(found) > 1:
            cut = " and of ".join(map(str, sorted(found)))
            raise UserError(
                f"{url}: the pane of {day_of(start)} was archived from topics of {cut} partitions: two monitors, or a "
                "worker and a replay, wrote into the same place. Give each an archive.url of its own, and delete the "
                "files of one of them (names end in p0of1 where there is one partition)"
            )


def _known(rows: pa.Table, settings: ModelSpec) -> pa.ChunkedArray:
    """Return of which rows is known what the task asks for."""
    if settings.task == "regression":
        return pc.is_valid(rows["value"])
    label = pc.is_valid(rows["label"])
    return pc.or_(label, pc.is_valid(rows["rating"])) if settings.task == "text" else label
