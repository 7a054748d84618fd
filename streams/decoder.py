"""`Decoder`: the records of a source topic → columns, a chunk at a time.

Two decoders, one judge. The contract (`streams.decode` and `streams.fit`) is the only authority; a typed decoder,
stricter than it in every respect, reads what is ordinary, and all that it refuses goes to the contract record by
record. What comes out does not depend on which of them read a record, nor on how the log was cut into chunks.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.layouts import Layouts
from detectors.rows import Rows, joined_rows
from schemas.event_time import SECOND, Micros, to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams.cloudevents import unwrap
from streams.decode import Refusal, decode
from streams.decoded import Decoded
from streams.fast_feedback import FastFeedback
from streams.fast_predictions import FastPredictions, Part
from streams.fast_times import Flags
from streams.fast_types import FastTypes
from streams.fit import Fit
from streams.groups import Groups
from streams.judged import feedback_of, merged_feedback, one_by_one, rows_of
from streams.records import Headers, RecordBatch, Role

Positions = npt.NDArray[np.int64]

_UNREADABLE = b""  # stands for what only the contract may look at
_STRUCTURED = b'"specversion"'
_MILLISECOND = SECOND // 1_000
_FAR = 1 << 52  # milliseconds; later than any event
HOT = 500
"""Events at a time that are objects; after that they are columns. So many stay in the processor's cache meanwhile."""
_UNDECLARED = "unknown field"  # in what msgspec says
_REFUSES = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)

# The contract's parser refuses numbers of more than 4,300 digits, however small they are. So long a run of digits
# shows in every 64th byte.
_LONGEST_NUMBER = 4_300
_STRIDE = 64
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (_LONGEST_NUMBER // _STRIDE - 1))


class _Typed(NamedTuple):
    """Events that the typed decoder accepted, and where they stand in the chunk."""

    positions: Positions
    events: list[Any]
    undeclared: set[int]
    """Positions of what it refused for a field that nobody declared."""


class _Judged(NamedTuple):
    """What the contract said, in log order."""

    positions: Positions
    """Of the events."""
    events: list[Prediction | Feedback]
    refused: list[tuple[int, Refusal]]
    watermarks: list[tuple[int, Micros]]


class Decoder:
    """Records of a source topic → columns. What it remembers makes it faster and never changes a result."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts, groups: Groups) -> None:
        self._spec = spec
        self._groups = groups
        self._fit = Fit(spec, layouts)
        self._predictions = FastPredictions(spec, layouts, groups.shapes)
        self._feedback = FastFeedback(spec, layouts)
        self._max_skew = min(spec.limits.max_skew, 2**63 - 1)
        self._ordinary = min(spec.limits.max_event_bytes, _LONGEST_NUMBER)
        self.judged = 0
        """Records that went to the contract since this decoder was made."""

    def decode(self, role: Role, records: RecordBatch) -> Decoded:
        """Return a chunk by column; each record is in exactly one place. Never raises, whatever the records hold."""
        return self._decode_predictions(records) if role == "predictions" else self._decode_feedback(records)

    def _decode_predictions(self, records: RecordBatch) -> Decoded:
        data = self._data(records)
        typed, parts = _Typed(records.offsets[:0], [], set()), list[Part]()
        for start in range(0, len(data), HOT):
            piece = self._typed(self._predictions.types, data[start : start + HOT], records.headers, start)
            if piece.events:
                parts.append(self._predictions.apart(piece.events))
            typed.undeclared.update(piece.undeclared)
            typed = typed._replace(positions=np.concatenate((typed.positions, piece.positions)))
        fast, rows, versions = typed.positions, rows_of([], records.offsets[:0], self._spec, self._groups), list[str]()
        if parts:
            rows, versions, fit = self._predictions.read(parts, records.offsets[fast])
            fit &= self._in_time(rows.times, records.timestamps[fast])
            if not fit.all():
                kept = np.flatnonzero(fit)
                rows, fast, versions = rows.take(kept), fast[kept], _picked(versions, kept)
        judged = self._judge("predictions", records, fast, typed)
        if judged.events:
            predictions = [event for event in judged.events if isinstance(event, Prediction)]
            more = rows_of(predictions, records.offsets[judged.positions], self._spec, self._groups)
            fast, order = _in_log_order(fast, judged.positions)
            rows = joined_rows((rows, more)).take(order)
            versions = _picked([*versions, *(event.version for event in predictions)], order)
        evicted: list[int] = []
        if len(rows) and not (live := self._code(rows, versions)).all():
            evicted = fast[~live].tolist()
            rows, fast = rows.take(np.flatnonzero(live)), fast[live]
        return Decoded(fast, rows, judged.refused, judged.watermarks, evicted)

    def _decode_feedback(self, records: RecordBatch) -> Decoded:
        typed = self._typed(self._feedback.types, self._data(records), records.headers, 0)
        fast, columns = typed.positions, feedback_of([], records.offsets[:0], self._groups, [])
        if typed.events:
            columns, fit = self._feedback.read(typed.events, records.offsets[fast])
            fit &= self._in_time(columns.times, records.timestamps[fast])
            if not fit.all():
                chosen = np.flatnonzero(fit)
                columns, fast = columns.take(chosen), fast[chosen]
        judged = self._judge("feedback", records, fast, typed)
        evicted: list[int] = []
        if judged.events:
            events = [event for event in judged.events if isinstance(event, Feedback)]
            more = feedback_of(
                events, records.offsets[judged.positions], self._groups, self._inside(events, records, judged.positions)
            )
            if lost := [place for place, rows in more.inside.items() if rows.groups[0] < 0]:
                evicted = judged.positions[lost].tolist()
                kept = np.delete(np.arange(len(events)), lost)
                more, judged = more.take(kept), judged._replace(positions=judged.positions[kept])
            fast, order = _in_log_order(fast, judged.positions)
            columns = merged_feedback(columns, more, order)
        return Decoded(fast, columns, judged.refused, judged.watermarks, evicted)

    def _typed(self, types: FastTypes, data: Sequence[bytes], headers: Sequence[Headers] | None, start: int) -> _Typed:
        """Return what the typed decoder makes of the records from position `start` on, as far as it accepts them."""
        types.refresh()
        read = types.decode
        events: list[Any] = []
        refused, undeclared = list[int](), set[int]()
        rest = map(read, data)
        while True:
            try:
                events.extend(rest)  # what came before an error stays in the list
                break
            except _REFUSES as error:
                position = len(events)
                opened = headers is not None and bool(headers[start + position])
                event = None if opened else _structured(read, data[position])
                events.append(event)
                if event is None:
                    refused.append(position)
                    if _UNDECLARED in str(error):
                        undeclared.add(start + position)
        positions = np.arange(start, start + len(events))
        if refused:
            positions = np.delete(positions, refused)
            events = [event for event in events if event is not None]
        return _Typed(positions, events, undeclared)

    def _data(self, records: RecordBatch) -> Sequence[bytes]:
        """Return the JSON of each record."""
        data: list[bytes] = list(records.values)  # type: ignore[arg-type]
        try:
            longest = max(map(len, data), default=0)
        except TypeError:  # some have no value
            data = [_UNREADABLE if value is None else value for value in records.values]
            longest = max(map(len, data))
        if longest > self._ordinary:
            data = [value if self._readable(value) else _UNREADABLE for value in data]
        if records.headers is not None:
            for position, headers in enumerate(records.headers):
                if headers and data[position]:
                    try:
                        data[position] = unwrap(data[position], headers)
                    except ValueError:
                        data[position] = _UNREADABLE
        return data

    def _readable(self, value: bytes) -> bool:
        if len(value) > self._spec.limits.max_event_bytes:
            return False
        return len(value) <= _LONGEST_NUMBER or _LONG_NUMBER.search(value[::_STRIDE]) is None

    def _in_time(self, times: npt.NDArray[np.int64], stamps: npt.NDArray[np.int64]) -> Flags:
        """Say which events are not too far ahead of their records, as far as those have a time."""
        ahead = times - np.minimum(stamps, _FAR) * _MILLISECOND
        in_time: Flags = (stamps < 0) | (ahead <= self._max_skew)
        return in_time

    def _judge(self, role: Role, records: RecordBatch, fast: Positions, typed: _Typed) -> _Judged:
        """Have the contract judge all records but those of `fast`."""
        types = self._predictions.types if role == "predictions" else self._feedback.types
        positions, judged = list[int](), _Judged(fast[:0], [], [], [])
        if len(fast) == len(records):
            return judged
        self.judged += len(records) - len(fast)
        for position in np.delete(np.arange(len(records)), fast).tolist():
            record = records[position]
            event = decode(role, record, self._spec)
            if isinstance(event, Watermark):
                judged.watermarks.append((position, to_micros(event.timestamp)))
                continue
            if not isinstance(event, Refusal):
                event = self._fit.problem(event) or event
            if isinstance(event, Refusal):
                judged.refused.append((position, event))
                continue
            positions.append(position)
            judged.events.append(event)
            if position in typed.undeclared and record.value is not None:
                types.learn(unwrap(record.value, record.headers))
        return judged._replace(positions=np.array(positions, dtype=np.int64))

    def _code(self, rows: Rows, versions: list[str]) -> Flags:
        """Put the codes of model versions where those of models stand; say which rows have one."""
        names, groups = self._groups.models, self._groups
        models = rows.groups.tolist()
        pairs: list[Any]
        if len(set(versions)) == 1:
            pairs = models
            found = {model: groups.code(names[model], versions[0]) for model in dict.fromkeys(models)}
        else:
            pairs = list(zip(models, versions, strict=True))
            found = {pair: groups.code(names[pair[0]], pair[1]) for pair in dict.fromkeys(pairs)}
        codes = {pair: -1 if code is None else code for pair, code in found.items()}
        if len(codes) == 1:
            rows.groups = np.full(len(rows), next(iter(codes.values())), dtype=np.int32)
        else:
            rows.groups = np.array(list(map(codes.__getitem__, pairs)), dtype=np.int32)
        return rows.groups >= 0

    def _inside(self, events: list[Feedback], records: RecordBatch, positions: Positions) -> list[Rows | None]:
        """Return the prediction inside each event at `positions`, where there is one; its group is -1 without room."""
        inside: list[Rows | None] = [None] * len(events)
        found = {place: event.prediction for place, event in enumerate(events) if event.prediction is not None}
        if found:
            predictions = list(found.values())
            rows = rows_of(predictions, records.offsets[positions[list(found)]], self._spec, self._groups)
            self._code(rows, [prediction.version for prediction in predictions])
            for place, row in zip(found, one_by_one(rows), strict=True):
                inside[place] = row
        return inside


def _structured(read: Callable[[bytes], Any], value: bytes) -> Any:
    """Return the event inside a structured CloudEvent, or None."""
    if _STRUCTURED not in value:
        return None
    try:
        return read(unwrap(value, ()))
    except _REFUSES:
        return None


def _in_log_order(first: Positions, second: Positions) -> tuple[Positions, Positions]:
    """Return both, ascending, and the order that makes them so."""
    positions = np.concatenate((first, second))
    order = np.argsort(positions)
    return positions[order], order


def _picked(texts: list[str], chosen: Positions) -> list[str]:
    return [texts[position] for position in chosen.tolist()]
