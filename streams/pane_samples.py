"""`PaneSamples`: the rows that samples of panes hold the numbers of, read back from the logs.

A block of a log holds rows of many models. So what several panes want is read in one pass over the blocks.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat, starmap
from operator import itemgetter
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.row import Label
from detectors.row_sample import RowSample
from detectors.sample import Sample
from detectors.sampled_row import packed_rows
from detectors.summary import PaneKey
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.column_log import Numbers
from streams.pending_log import PendingLog, lifetime_of
from streams.row_log import NOT_JUDGED, TRAFFIC, UNEXPECTED

MOST_ROWS = 16_000
"""Rows that are read in one pass, unless one sample alone is more: packed they take some 7 MB."""

Judgement = tuple[Label | None, float | None]
_Entry = tuple[int, Label, float]
"""Row, label and loss, NaN where there is none."""

_UNKNOWN: Judgement = (None, None)


class _Wanted(NamedTuple):
    """The rows of a sample, or the labels of a label pane's."""

    key: PaneKey
    log: PendingLog
    size: int
    rows: Numbers
    labels: Numbers


class _Found(NamedTuple):
    rows: Numbers
    judgements: Sequence[Judgement]


class PaneSamples:
    """Reads the samples of panes whose rows are in `logs`."""

    def __init__(self, spec: MonitorSpec, logs: Sequence[PendingLog]) -> None:
        self._spec = spec
        self._logs = {log.lifetime: log for log in logs}

    def read(self, panes: Sequence[tuple[PaneKey, RowSample]]) -> Iterator[Sample]:
        """Yield each sample, packed to be sent; of its rows those of self-contained feedback first.

        A sample knows a row by id and time, and keeps the last: a prediction that came by itself too is that one,
        whichever of the two topics was read first.
        """
        begin, rows = 0, 0
        for end, (_, sample) in enumerate(panes):
            if rows and rows + len(sample) > MOST_ROWS:
                yield from self._together(panes[begin:end])
                begin, rows = end, 0
            rows += len(sample)
        yield from self._together(panes[begin:])

    def _together(self, panes: Sequence[tuple[PaneKey, RowSample]]) -> Iterator[Sample]:
        wanted = list(starmap(self._wanted, panes))
        results: dict[int, Sample] = {}
        for log in self._logs.values():
            own = [place for place, one in enumerate(wanted) if one.log is log]
            if own:
                samples = _read(log, [wanted[place] for place in own], self._spec)
                results |= zip(own, samples, strict=True)
        for place in range(len(wanted)):
            yield results.pop(place)

    def _wanted(self, key: PaneKey, sample: RowSample) -> _Wanted:
        log = self._logs[lifetime_of(self._spec.models[key.model], self._spec)]
        numbers = sample.numbers()
        if key.family == "label":
            return _Wanted(key, log, sample.size, numbers[:0], numbers[numbers >= log.labels.first])
        numbers = numbers[numbers >= log.rows.columns.first]  # less where rows were evicted
        if key.family == "traffic":
            return _Wanted(key, log, sample.size, numbers, numbers[:0])
        judged = log.rows.of("judged", numbers)
        return _Wanted(key, log, sample.size, numbers, np.sort(judged[judged != NOT_JUDGED]))


def _read(log: PendingLog, wanted: Sequence[_Wanted], spec: MonitorSpec) -> Iterator[Sample]:
    """Yield what samples of one log want."""
    labels = _distinct([one.labels for one in wanted])
    told = dict(zip(labels.tolist(), log.labels.read(labels), strict=True))
    superseding = _judgements(log, told)
    found = [
        _of_labels(log, one, told, superseding, spec) if one.key.family == "label" else _of_rows(log, one, told, spec)
        for one in wanted
    ]
    numbers = _distinct([one.rows for one in found])
    stored = log.rows.stored(numbers)
    for one, (own, judgements) in zip(wanted, found, strict=True):
        alone = np.argsort((log.rows.of("flags", own) & TRAFFIC) != 0, kind="stable")
        own, judged = own[alone], list(map(judgements.__getitem__, alone.tolist()))
        places: list[int] = np.searchsorted(numbers, own).tolist()
        times: list[Micros] = log.rows.of("time", own).tolist()
        packed = packed_rows(
            times if one.key.family != "label" else map(_known, times, map(itemgetter(0), judged)),
            times,
            ((log.rows.of("flags", own) & UNEXPECTED) != 0).tolist(),
            map(stored.numbers.__getitem__, places),
            map(stored.tails.__getitem__, places),
            map(itemgetter(0), judged),
            map(itemgetter(1), judged),
        )
        yield Sample(one.size, packed, log.rows.of("first_hash", own))


def _known(time: Micros, label: Label | None) -> Micros:
    """Return when both the row and its label were known."""
    return time if label is None else max(time, label.time)


def _of_rows(log: PendingLog, wanted: _Wanted, told: dict[int, _Entry], spec: MonitorSpec) -> _Found:
    """Return the rows of a traffic pane, or of a cohort with the labels that came in time."""
    due, again = wanted.key.due(spec.models[wanted.key.model]), log.labels.again
    in_time = {
        row: (label, loss) for row, label, loss in map(told.__getitem__, wanted.labels.tolist()) if label.time < due
    }
    for row, (label, loss) in in_time.items() if again else ():
        if label.chosen and again.get(row, due) < due:
            in_time[row] = (msgspec.structs.replace(label, chosen=False), loss)
    return _Found(wanted.rows, list(map(in_time.get, wanted.rows.tolist(), repeat(_UNKNOWN))))


def _judgements(log: PendingLog, told: dict[int, _Entry]) -> dict[int, _Entry]:
    """Return by row the label with its loss, for rows of which `told` has a complaint alone, if they have one."""
    alone = {row for row, _, loss in told.values() if loss != loss and row >= log.rows.columns.first}
    judged = log.rows.of("judged", np.array(sorted(alone), dtype=np.int64))
    return {entry[0]: entry for entry in log.labels.read(np.sort(judged[judged != NOT_JUDGED]))}


def _of_labels(
    log: PendingLog, wanted: _Wanted, told: dict[int, _Entry], judged: dict[int, _Entry], spec: MonitorSpec
) -> _Found:
    """Return the rows of labels, with these; a complaint gives way to a label that came by the end of the pane."""
    due = wanted.key.due(spec.models[wanted.key.model])
    entries = []
    for number in wanted.labels.tolist():
        row, label, loss = told[number]
        known = judged.get(row)
        entries.append(known if loss != loss and known is not None and known[1].time < due else (row, label, loss))
    entries = sorted((one for one in entries if one[0] >= log.rows.columns.first), key=lambda one: one[0])
    rows = np.array([row for row, _, _ in entries], dtype=np.int64)
    return _Found(rows, [(label, None if loss != loss else loss) for _, label, loss in entries])


def _distinct(numbers: Sequence[Numbers]) -> Numbers:
    """Return all the numbers, each once, ascending."""
    ascending: Numbers = np.sort(np.concatenate(numbers))
    distinct: Numbers = ascending[np.diff(ascending, prepend=-1) != 0]  # np.unique takes four times as long
    return distinct
