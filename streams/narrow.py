"""Whole numbers of a block on disk: the lowest, and how far above it each is, in as few bytes as that takes."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_HEAD = struct.Struct("<qB")  # the lowest, and the bytes of each


def narrow(values: npt.NDArray[Any]) -> bytes:
    """Return signed integers, of any shape, as bytes.

    Examples
    --------
    >>> len(narrow(np.array([7, 7, 7]))), len(narrow(np.array([1_000_000, 1_000_255])))
    (9, 11)
    """
    if not values.size:
        return _HEAD.pack(0, 0)
    lowest, highest = int(values.min()), int(values.max())
    size = _size(highest - lowest)
    if size == 0:
        return _HEAD.pack(lowest, 0)
    above = values.astype("<i8") - lowest  # beyond 2^63 it wraps round, and back again when it is read
    return _HEAD.pack(lowest, size) + above.astype(f"<u{size}").tobytes()


def widen(packed: bytes, count: int) -> npt.NDArray[np.int64]:
    """Return the `count` integers that `narrow` was given."""
    lowest, size = _HEAD.unpack_from(packed)
    if size == 0:
        return np.full(count, lowest, dtype=np.int64)
    values: npt.NDArray[np.int64] = np.frombuffer(packed, f"<u{size}", offset=_HEAD.size).astype(np.int64)
    values += lowest
    return values


def _size(span: int) -> int:
    if span == 0:
        return 0
    return next(size for size in (1, 2, 4, 8) if span < 1 << 8 * size)
