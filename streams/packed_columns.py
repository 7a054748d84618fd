"""Columns of a log in memory ↔ their bytes in a block: little-endian, whatever the machine."""

from collections.abc import Mapping

import numpy as np

from streams.column_log import Column, ColumnLog

Kinds = Mapping[str, str]
"""By column: its type in a block, as numpy names it."""


def empty(kinds: Kinds) -> dict[str, Column]:
    """Return columns with nothing in them."""
    return {name: np.zeros(0, np.dtype(kind)) for name, kind in kinds.items()}


def packed(log: ColumnLog, kinds: Kinds, begin: int, end: int) -> dict[str, bytes]:
    """Return the entries from `begin` to below `end`; zeros where they are gone from memory, which is below `first`."""
    kept = min(max(begin, log.base), end)
    entries = slice(kept - log.base, end - log.base)
    return {
        name: bytes(np.dtype(kind).itemsize * (kept - begin)) + log.column(name)[entries].astype(kind).tobytes()
        for name, kind in kinds.items()
    }


def unpacked(columns: Mapping[str, bytes], kinds: Kinds) -> dict[str, Column]:
    """Return columns as they were packed."""
    return {name: np.frombuffer(columns[name], kind) for name, kind in kinds.items()}
