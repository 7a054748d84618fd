"""Event times of a whole column at a time, as `cells.moment` reads those of one cell."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.event_time import EARLIEST, LATEST, SECOND, Micros
from streams import cells
from streams.arrow_arrays import Mask, floats_of, integers_of, is_float, is_text, nulls
from streams.table_batch import Batch

_EXACT = 2**53  # from here on not every whole number is a float
_FIRST = 100  # cells in which one that is a moment is looked for
_DAYS = (19_000_000, 21_000_000)  # numbers that `cells.moment` reads as dates


class Times(NamedTuple):
    """Moments of the rows of a batch."""

    micros: npt.NDArray[np.int64]
    known: Mask
    """Where no moment can be read, this is False and `micros` means nothing."""

    def cells(self) -> list[Micros | None]:
        """Return one for each row."""
        return [time if known else None for time, known in zip(self.micros.tolist(), self.known.tolist(), strict=True)]


def moments(batch: Batch, column: str | None) -> Times:
    """Return the event times in a column."""
    array = batch.arrow(column)
    found = None if array is None else _moments(array)
    if found is None:
        return times_of([cells.moment(cell) for cell in batch.column(column)])
    micros, known = found
    if ((micros < EARLIEST) | (micros >= LATEST))[known].any():  # near the ends of the calendar, or beyond
        return times_of([cells.moment(cell) for cell in batch.column(column)])
    return Times(micros, known)


def zoneless(batch: Batch, column: str | None) -> bool:
    """Return whether the first moment in a column is written without a zone."""
    found = batch.columns.get(column) if column is not None else None
    if found is None:
        return False
    if not isinstance(found, list):
        if pa.types.is_timestamp(found.type):
            return found.type.tz is None
        found = found.slice(0, _FIRST).to_pylist()
    first = next((cell for cell in found if cells.moment(cell) is not None), None)
    return cells.zoneless(first)


def times_of(times: list[Micros | None]) -> Times:
    """Return the moments of rows one by one."""
    known = np.array([time is not None for time in times], dtype=bool)
    return Times(np.array([time or 0 for time in times], dtype=np.int64), known)


def _moments(array: Any) -> tuple[npt.NDArray[np.int64], Mask] | None:
    """Return moments where all cells are read easily."""
    kind = array.type
    null = nulls(array)
    if pa.types.is_timestamp(kind):
        return integers_of(array.cast(pa.timestamp("us", "UTC"), safe=False)), ~null
    if pa.types.is_date32(kind):
        days = integers_of(array.cast(pa.int32()))
        return days * (86_400 * SECOND), ~null
    if is_text(array):
        for zone in ("UTC", None):
            try:
                return integers_of(array.cast(pa.timestamp("us", zone))), ~null
            except pa.ArrowInvalid:
                continue
        return None
    if is_float(kind):
        floats = floats_of(array)
        known = np.isfinite(floats)
        floats[~known] = 0.0
        if (np.abs(floats) >= _EXACT).any() or (floats != np.floor(floats)).any():
            return None
        return _since_epoch(floats.astype(np.int64)), known
    if pa.types.is_integer(kind) and kind != pa.uint64():
        numbers = integers_of(array.cast(pa.int64()))
        low, high = _DAYS
        hard = ((numbers >= low) & (numbers < high)) | (numbers == np.iinfo(np.int64).min)
        return None if hard.any() else (_since_epoch(numbers), ~null)
    return None


def _since_epoch(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    size = np.abs(numbers)
    return np.select(
        [size < 10**11, size < 10**14, size < 10**17], [numbers * SECOND, numbers * 1_000, numbers], numbers // 1_000
    )
