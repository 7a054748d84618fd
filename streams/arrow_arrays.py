"""What is asked of an Arrow array: of which kind it is, and its values as numpy arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def distinct(array: Any) -> tuple[npt.NDArray[np.int64], list[Any]]:
    """Return codes and the different values; null is the last one, None."""
    encoded = array.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    return codes, [*encoded.dictionary.to_pylist(), None]


def is_text(array: Any) -> bool:
    """Say whether an array is of text."""
    return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))


def is_float(kind: Any) -> bool:
    """Say whether a type is one of floats that numpy has."""
    return bool(pa.types.is_float64(kind) or pa.types.is_float32(kind))


def is_small(kind: Any) -> bool:
    """Say whether a type is one of whole numbers that fit into 64 bits with a sign."""
    return bool(pa.types.is_integer(kind) and kind != pa.uint64())


def nulls(array: Any) -> Mask:
    """Return which values are null."""
    if array.null_count == 0:
        return np.zeros(len(array), dtype=bool)
    return array.is_null().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def booleans(array: Any) -> Mask:
    """Return booleans; null is False."""
    return array.fill_null(False).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def text_lengths(array: Any) -> npt.NDArray[np.int64]:
    """Return bytes of each text; -1 where there is none."""
    return pc.binary_length(array).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]


def floats_of(array: Any) -> Floats:
    """Return numbers as a new array of floats, NaN for null; whole numbers are rounded to the nearest."""
    if array.null_count == 0:
        return array.to_numpy(zero_copy_only=False).astype(np.float64)  # type: ignore[no-any-return]
    if pa.types.is_integer(array.type):
        whole = array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
        whole[nulls(array)] = np.nan
        return whole  # type: ignore[no-any-return]
    return array.to_numpy(zero_copy_only=False).astype(np.float64)  # type: ignore[no-any-return]


def integers_of(array: Any) -> npt.NDArray[np.int64]:
    """Return 64-bit values, moments among them, as numbers; 0 for null."""
    whole = array if pa.types.is_integer(array.type) else array.view(pa.int64())
    return whole.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]
