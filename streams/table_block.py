"""`Block`: rows of one table in time order, decoded: level 1's columns, before chunks are cut and offsets given.

Each row has a place in the columns; at the places of `special` rows that are no events nothing means anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.rows import NARROWEST, Rows, concatenated, widened
from schemas.event_time import Micros
from streams.decode import Refusal
from streams.feedback_columns import FeedbackColumns

Int64 = npt.NDArray[np.int64]


class Special(NamedTuple):
    """A row that is no event of its topic's kind, or one whose JSON somebody may want to see."""

    key: bytes
    value: bytes
    """The event as JSON, or what should have been."""
    outcome: Refusal | Micros | None
    """Why it is refused; or the moment, where the row is a watermark. None: it is an event, and is in the columns."""


@dataclass(slots=True)
class Block:
    """Consecutive rows."""

    order: Int64
    """Times for ordering."""
    events: Rows | FeedbackColumns
    """Groups are indices into `versions`; offsets are not yet given."""
    versions: list[tuple[str, str]]
    """Model and version."""
    special: dict[int, Special] = field(default_factory=dict)
    """By position."""

    def __len__(self) -> int:
        return len(self.order)

    def slice(self, start: int, stop: int) -> "Block":
        """Return the rows from `start` to before `stop`."""
        if start == 0 and stop >= len(self):
            return self
        inside = {place - start: rows for place, rows in _inside(self.events).items() if start <= place < stop}
        events = _of_columns(self.events, [column[start:stop] for column in _columns(self.events)], inside)
        special = {place - start: row for place, row in self.special.items() if start <= place < stop}
        return Block(self.order[start:stop], events, self.versions, special)

    def take(self, positions: Int64) -> "Block":
        """Return the rows at `positions`, in that order."""
        places = dict(zip(positions.tolist(), range(len(positions)), strict=True))
        special = {places[place]: row for place, row in self.special.items() if place in places}
        return Block(self.order[positions], self.events.take(positions), self.versions, special)


def joined(blocks: Sequence[Block]) -> Block:
    """Return the rows of blocks of one role, one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    codes: dict[tuple[str, str], int] = {}
    special: dict[int, Special] = {}
    inside: dict[int, Rows] = {}
    groups: list[npt.NDArray[np.int32]] = []
    start = 0
    for block in blocks:
        new = np.array([codes.setdefault(name, len(codes)) for name in block.versions], dtype=np.int32)
        if isinstance(block.events, Rows):
            groups.append(new[block.events.groups] if len(new) else block.events.groups)
        else:
            for place, rows in block.events.inside.items():
                inside[start + place] = _with_groups(rows, new[rows.groups])
        special |= {start + place: row for place, row in block.special.items()}
        start += len(block)
    first = blocks[0].events
    columns = [concatenated(parts) for parts in zip(*(_columns(block.events) for block in blocks), strict=True)]
    events = _of_columns(first, columns, inside)
    if isinstance(events, Rows):
        events.groups = np.concatenate(groups)
    return Block(np.concatenate([block.order for block in blocks]), events, list(codes), special)


def put(events: Rows | FeedbackColumns, places: list[int], more: Rows | FeedbackColumns) -> None:
    """Put each of `more` at its place in `events`."""
    if isinstance(events, Rows) and isinstance(more, Rows):
        width = max(events.numbers.shape[1], more.numbers.shape[1])
        events.numbers = widened(events.numbers, width)
        more = replace(more, numbers=widened(more.numbers, width))
    for column, new in zip(_columns(events), _columns(more), strict=True):
        if isinstance(column, np.ndarray):
            column[places] = new
        else:
            for place, value in zip(places, new, strict=True):
                column[place] = value
    for place, rows in _inside(more).items():
        _inside(events)[places[place]] = rows


def empty_rows(count: int) -> Rows:
    """Return predictions in which nothing stands yet."""
    return Rows(
        groups=np.zeros(count, dtype=np.int32),
        times=np.zeros(count, dtype=np.int64),
        offsets=np.zeros(count, dtype=np.int64),
        hashes=np.zeros((count, 2), dtype=np.uint64),
        ids=[""] * count,
        numbers=np.full((count, NARROWEST), np.nan),
        values=[()] * count,
        said=[None] * count,
        unexpected=np.zeros(count, dtype=bool),
    )


def _columns(events: Rows | FeedbackColumns) -> list[Any]:
    return [getattr(events, column.name) for column in fields(events) if column.name != "inside"]


def _of_columns(like: Rows | FeedbackColumns, columns: list[Any], inside: dict[int, Rows]) -> Rows | FeedbackColumns:
    return Rows(*columns) if isinstance(like, Rows) else FeedbackColumns(*[*columns, inside])


def _inside(events: Rows | FeedbackColumns) -> dict[int, Rows]:
    return {} if isinstance(events, Rows) else events.inside


def _with_groups(rows: Rows, groups: npt.NDArray[np.int32]) -> Rows:
    columns = _columns(rows)
    return Rows(groups, *columns[1:])
