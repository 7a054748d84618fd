"""`RowShape`: how the rows of one model lie in columns: numbers side by side, everything else apart.

A numeric feature is a float; missing is NaN, and what is no finite number (text, a boolean, NaN, an infinity) is
infinite. `detectors.row.row_of` normalises rows alike, so that both ways of reading an event yield the same row.
"""

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.row import Row, as_number
from schemas.event_time import Micros
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec

OUTPUT, LATENCY = -2, -1
"""The last columns: score, predicted number or length of the text, as the task has it; and latency in ms."""

ENTROPY, MARGIN = -4, -3
"""Columns before them (multiclass): `detectors.uncertainty` of the probabilities of all classes."""

Tail = tuple[str, str | None, tuple[FeatureValue, ...]]
"""What of a row is no number: its id, what it said (predicted class, or the text), and the other features."""

pack_tail: Callable[[Tail], bytes] = msgspec.msgpack.Encoder().encode
unpack_tail: Callable[[bytes], Tail] = msgspec.msgpack.Decoder(Tail).decode


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one model, by column."""

    numbers: npt.NDArray[np.float64]
    """Shape (rows, `RowShape.width`): the numeric features in their order, the attached scores that the monitor file
    declares, ENTROPY and MARGIN (multiclass), then OUTPUT and LATENCY."""
    values: Sequence[Sequence[FeatureValue]]
    """One sequence for each feature that is not numeric, in their order."""
    said: Sequence[str | None]
    """Predicted class, or the text."""
    unexpected: npt.NDArray[np.bool_]
    """Rows with features that the monitor file does not name. Shape (rows,)."""
    times: npt.NDArray[np.int64]
    """Event times in microseconds. Shape (rows,)."""

    def __len__(self) -> int:
        return len(self.said)


class RowShape:
    """Packs the rows of one model and unpacks them."""

    def __init__(self, spec: ModelSpec) -> None:
        kinds = [feature.type for feature in spec.features.values()]
        self.numeric = tuple(position for position, kind in enumerate(kinds) if kind == "numeric")
        self.other = tuple(position for position, kind in enumerate(kinds) if kind != "numeric")
        place = {position: index for index, position in enumerate((*self.numeric, *self.other))}
        order = [place[position] for position in range(len(kinds))]
        self._in_order: Callable[[tuple[FeatureValue, ...]], Iterable[FeatureValue]] = (
            itemgetter(*order) if len(order) > 1 and order != sorted(order) else iter
        )
        """Puts the numeric features and then the others into the order of the monitor file."""
        self.task = spec.task
        self.scores = tuple(spec.scores)
        """Attached scores that are kept."""
        self._no_extras = (None,) * (len(self.scores) + (2 if spec.task == "multiclass" else 0))
        self.width = len(self.numeric) + len(self._no_extras) + 2
        """Numbers of a row."""
        packed = struct.Struct(f"<{self.width}d")
        self.pack, self.unpack = packed.pack, packed.unpack
        """The numbers of a row, as bytes."""

    def numbers(self, row: Row) -> list[float]:
        """Return the numbers of a row."""
        features = [row.features[position] for position in self.numeric]
        return list(map(_number, (*features, *(row.extras or self._no_extras), self._output(row), row.latency_ms)))

    def values(self, row: Row) -> tuple[FeatureValue, ...]:
        """Return the features that are not numeric."""
        return tuple(row.features[position] for position in self.other)

    def said(self, row: Row) -> str | None:
        """Return the predicted class, or the text."""
        return row.text if self.task == "text" else row.label

    def row(
        self,
        id: str,
        time: Micros,
        numbers: Sequence[float],
        values: Sequence[FeatureValue],
        said: str | None,
        unexpected: bool,
    ) -> Row:
        """Return the row that these are the numbers and values of."""
        known: Sequence[float | None] = numbers
        if math.isnan(sum(numbers)):  # something is missing, or broken
            known = [None if math.isnan(number) else number for number in numbers]
        *numeric, output, latency = known
        extras: tuple[float | None, ...] = ()
        if self._no_extras:
            numeric, extras = numeric[: len(self.numeric)], tuple(numeric[len(self.numeric) :])
            extras = () if extras == self._no_extras else extras
        features = list(self._in_order((*numeric, *values)))
        if self.task == "regression":
            return Row(time, id, features, None, None, output, None, 0, latency, unexpected, extras)
        if self.task == "text":
            return Row(time, id, features, None, None, None, said, int(output or 0), latency, unexpected, extras)
        return Row(time, id, features, said, output, None, None, 0, latency, unexpected, extras)

    def columns(
        self,
        numbers: npt.NDArray[np.float64],
        values: Sequence[Sequence[FeatureValue]],
        said: Sequence[str | None],
        unexpected: npt.NDArray[np.bool_],
        times: npt.NDArray[np.int64],
    ) -> Columns:
        """Return rows as columns; their numbers are the last of each row (`detectors.rows.Rows`)."""
        by_column = list(zip(*values, strict=True)) if self.other and values else [() for _ in self.other]
        return Columns(numbers[:, numbers.shape[1] - self.width :], by_column, said, unexpected, times)

    def columns_of(self, rows: Sequence[Row]) -> Columns:
        """Return rows as columns."""
        return self.columns(
            np.array([self.numbers(row) for row in rows], dtype=np.float64).reshape(len(rows), self.width),
            [self.values(row) for row in rows],
            [self.said(row) for row in rows],
            np.array([row.unexpected for row in rows], dtype=bool),
            np.array([row.time for row in rows], dtype=np.int64),
        )

    def _output(self, row: Row) -> float | None:
        if self.task == "regression":
            return row.value
        return row.text_length if self.task == "text" else row.score


def _number(value: FeatureValue) -> float:
    number = as_number(value)
    return math.nan if number is None else number
