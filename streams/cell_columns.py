"""What `cells` says of one cell, for a whole column at a time: numbers as numpy arrays, text as Python strings.

Each function reads a column as `cells` and then the contract would, or marks the cells about which it is not sure:
those rows are made events and judged one by one. So nothing here decides what is right, only what is plain.
"""

import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue
from streams import cells
from streams.arrow_arrays import (
    Floats,
    Mask,
    booleans,
    distinct,
    floats_of,
    is_float,
    is_small,
    is_text,
    nulls,
    text_lengths,
)
from streams.cells import Cell
from streams.table_batch import Batch

MOST_ID = 512  # bytes; of fewer bytes the contract's limit, in characters, can not be passed
_EXACT = 2**53  # from here on not every whole number is a float
_NUMBER = 40  # bytes of a number, a moment or null in JSON, and more
_FEW = 4  # a column is coded where each of its values stands in so many rows


class Numbers(NamedTuple):
    """Numbers of a column."""

    values: Floats
    """As they are, NaN and infinities among them; NaN where there is none."""
    null: Mask
    odd: Mask


class Coded(NamedTuple):
    """Text of a column."""

    codes: npt.NDArray[np.int64]
    """Index into `values` of each row; -1, the last one, is an empty cell."""
    values: list[Cell]
    """Each value once, converted; what is not text too. The last one is None."""

    def expand(self) -> list[Cell]:
        """Return one for each row."""
        return objects(self.values)[self.codes].tolist()  # type: ignore[no-any-return]

    @property
    def none(self) -> Mask:
        """Which rows have no value."""
        return np.array([value is None for value in self.values], dtype=bool)[self.codes]

    def where(self, holds: Callable[[Cell], bool]) -> Mask:
        """Return the rows whose value is not None and of which something holds."""
        found = [value is not None and holds(value) for value in self.values]
        return np.array(found, dtype=bool)[self.codes]

    def among(self, known: Collection[str]) -> Mask:
        """Return the rows whose value is one of `known`."""
        return self.where(lambda value: isinstance(value, str) and value in known)

    def numbers(self, number: Callable[[Cell], int]) -> npt.NDArray[np.int64]:
        """Return a number for each row, that of its value; None has one, too."""
        return np.array([number(value) for value in self.values], dtype=np.int64)[self.codes]


def missing(batch: Batch, column: str | None) -> Mask:
    """Return which cells of an outcome say that nothing is known."""
    array = batch.arrow(column)
    if array is not None and pa.types.is_floating(array.type):
        return np.isnan(floats_of(array))
    if array is not None and (pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)):
        return nulls(array)
    if array is not None and is_text(array):
        codes, values = distinct(array)
        return np.array([*map(cells.missing, values)], dtype=bool)[codes]
    return np.array([cells.missing(cell) for cell in batch.column(column)], dtype=bool)


def numbers(batch: Batch, column: str | None) -> Numbers:
    """Return the numbers in a column, as `cells.number` reads them."""
    array = batch.arrow(column)
    if column not in batch.columns:
        return Numbers(np.full(batch.rows, np.nan), np.ones(batch.rows, dtype=bool), np.zeros(batch.rows, dtype=bool))
    if array is not None:
        kind = array.type
        if is_float(kind):
            return Numbers(floats_of(array), nulls(array), np.zeros(batch.rows, dtype=bool))
        if pa.types.is_integer(kind):
            values = floats_of(array)
            return Numbers(values, nulls(array), np.abs(values) >= _EXACT)
        if is_text(array) and (read := _read_floats(array)) is not None:
            null = nulls(array)
            return Numbers(read, null, ~(null | np.isfinite(read)))
    read_one = [_number(cells.number(cell)) for cell in batch.column(column)]
    return Numbers(
        np.array([math.nan if number is None else number for number in read_one], dtype=np.float64),
        np.array([number is None for number in read_one], dtype=bool),
        np.array([number is not None and not math.isfinite(number) for number in read_one], dtype=bool),
    )


def feature_numbers(batch: Batch, name: str, typed: bool) -> tuple[Floats, Mask | None]:
    """Return a numeric feature as a `RowShape` holds it: NaN is missing, what is no finite number is infinite."""
    if name not in batch.columns:
        return np.full(batch.rows, np.nan), None
    array = batch.arrow(name)
    if array is not None:
        kind = array.type
        if is_float(kind):
            return _packed(floats_of(array), nulls(array)), None
        if pa.types.is_integer(kind):
            return floats_of(array), None
        if pa.types.is_boolean(kind) or (typed and is_text(array)):
            return np.where(nulls(array), np.nan, np.inf), None
        if is_text(array) and (read := _read_floats(array)) is not None:
            return _packed(read, nulls(array)), None
    convert = cells.feature("numeric", typed)
    plain, odd = _plain([convert(cell) for cell in batch.column(name)])
    packed = [math.nan if value is None else value if _is_number(value) else math.inf for value in plain]
    floats = np.array(packed, dtype=np.float64)
    return _packed(floats, np.isnan(floats)), odd


def feature_values(batch: Batch, name: str, kind: FeatureType, typed: bool) -> tuple[list[FeatureValue], Mask | None]:
    """Return a feature that is not numeric, one value for each row."""
    if name not in batch.columns:
        return [None] * batch.rows, None
    array = batch.arrow(name)
    convert = cells.feature(kind, typed)
    if array is not None:
        if is_text(array):
            codes, values = distinct(array)
            if kind == "boolean":
                return objects([convert(value) for value in values])[codes].tolist(), None
            if len(values) * _FEW <= batch.rows:
                return objects(values)[codes].tolist(), None
            return array.to_pylist(), None
        if pa.types.is_boolean(array.type):
            return array.to_pylist(), None
        if kind != "boolean" and (is_float(array.type) or is_small(array.type)):
            return array.to_pylist(), None
    return _plain([convert(cell) for cell in batch.column(name)])


def coded(batch: Batch, column: str | None, convert: Callable[[Cell], Cell]) -> Coded:
    """Return the text in a column, each different cell converted once. Empty cells are not asked about."""
    if column is None or column not in batch.columns:
        return Coded(np.full(batch.rows, -1, dtype=np.int64), [None])
    array = batch.arrow(column)
    if array is not None and (
        is_text(array) or is_float(array.type) or pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)
    ):
        codes, values = distinct(array)
        return Coded(codes, [None if value is None else convert(value) for value in values])
    indices: dict[str, int] = {}
    converted: list[Cell] = []
    codes = np.full(batch.rows, -1, dtype=np.int64)
    for row, cell in enumerate(batch.column(column)):
        value = None if cell is None else convert(cell)
        if value is None:
            continue
        if isinstance(value, str):
            codes[row] = indices.setdefault(value, len(converted))
            if codes[row] < len(converted):
                continue
        else:
            codes[row] = len(converted)
        converted.append(value)
    return Coded(codes, [*converted, None])


def ids(batch: Batch, column: str) -> list[Cell]:
    """Return the prediction ids in a column, as `cells.identifier` reads them."""
    array = batch.arrow(column)
    if array is not None and pa.types.is_integer(array.type):
        return array.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
    if array is None or not is_text(array):
        return [cells.identifier(cell) for cell in batch.column(column)]
    found: list[Cell] = array.to_pylist()
    if pc.any(pc.match_substring(array, ".0")).as_py():  # perhaps a whole number with a decimal point
        for row in np.flatnonzero(booleans(pc.match_substring_regex(array, r"\.0+\s*$"))).tolist():
            found[row] = cells.identifier(found[row])
    return found


def identifiers(batch: Batch, column: str) -> tuple[list[str], Mask]:
    """Return the prediction ids in a column, and the rows that have no plain one: empty text stands there."""
    found = ids(batch, column)
    array = batch.arrow(column)
    if array is not None and is_text(array):
        lengths = text_lengths(array)
        odd = (lengths < 1) | (lengths > MOST_ID)
    else:
        plain = [isinstance(id, str) and 0 < len(id) <= MOST_ID and _speakable(id) is id for id in found]
        odd = ~np.array(plain, dtype=bool)
    for row in np.flatnonzero(odd).tolist():
        found[row] = ""
    return found, odd


def texts(batch: Batch, column: str | None) -> tuple[list[str | None], Mask | None]:
    """Return free text, None where there is none."""
    array = batch.arrow(column)
    if array is not None and is_text(array):
        return array.to_pylist(), None
    if column not in batch.columns:
        return [None] * batch.rows, None
    found = [_speakable(cells.text(cell)) for cell in batch.column(column)]
    odd = np.array([not (text is None or isinstance(text, str)) for text in found], dtype=bool)
    return [text if isinstance(text, str) else None for text in found], odd


def longest(batch: Batch, column: str) -> int:
    """Return how many bytes of JSON a cell of a column takes at most; one that is no plain text counts as a number."""
    array = batch.arrow(column)
    if array is not None:
        return _NUMBER + (6 * (pc.max(pc.binary_length(array)).as_py() or 0) if is_text(array) else 0)
    return int(lengths(batch, column).max(initial=_NUMBER))


def lengths(batch: Batch, column: str) -> npt.NDArray[np.int64]:
    """Return the same of each cell."""
    array = batch.arrow(column)
    if array is not None:
        text = 6 * np.maximum(text_lengths(array), 0) if is_text(array) else 0
        return np.full(batch.rows, _NUMBER) + text
    sizes = [12 * len(cell) if isinstance(cell, str) else 0 for cell in batch.column(column)]
    return np.array(sizes, dtype=np.int64) + _NUMBER


def objects(values: list[Any]) -> npt.NDArray[np.object_]:
    """Return an array of `values` as they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _read_floats(array: Any) -> Floats | None:
    """Return the numbers that texts are, NaN for null; None where one of them is no number, or hard to read."""
    try:
        return floats_of(array.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def _packed(values: Floats, null: Mask) -> Floats:
    return np.where(null, np.nan, np.where(np.isfinite(values), values + 0.0, np.inf))


def _plain(values: list[Cell]) -> tuple[list[FeatureValue], Mask]:
    """Return converted cells as the contract reads them from JSON, and which are not plain."""
    odd = np.zeros(len(values), dtype=bool)
    read: list[FeatureValue] = []
    for row, value in enumerate(values):
        kind = type(value)
        if kind is msgspec.Raw:
            value = float(bytes(value))
        elif kind is int:
            odd[row] = not -(2**63) <= value < 2**63
        elif kind is str:
            odd[row] = _speakable(value) is not value
        else:
            odd[row] = not (value is None or kind is float or kind is bool)
        if odd[row]:
            value = None
        read.append(value)
    return read, odd


def _number(cell: Cell) -> float | None:
    """Return a number that `cells.number` gave; NaN where it is none, or none that is plain."""
    if cell is None or type(cell) is float:
        return cell
    return float(cell) if type(cell) is int and abs(cell) < _EXACT else math.nan


def _is_number(value: FeatureValue) -> bool:
    return type(value) is float or type(value) is int


def _speakable(cell: Cell) -> Cell:
    """Return text that UTF-8 has, and any other cell, as it is; else what is no text."""
    if isinstance(cell, str) and not cell.isascii():
        try:
            cell.encode()
        except UnicodeEncodeError:
            return cells.NAN
    return cell
