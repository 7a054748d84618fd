"""Rows whose features are not as the monitor file declares them: the few of a pane that say which and how.

A bottom-k sample by the hash of the id: which rows are in it depends on their ids alone, so that neither the order of
rows nor how they are cut makes a difference, and merging is a union that is cut.
"""

from collections.abc import Iterable

ROWS = 16
"""Rows of a pane."""
NAMES = 32
"""Features of a row, the first by name."""

OddRow = tuple[int, tuple[tuple[str, str], ...]]
"""First hash of the row's id, and the features that are not as declared, by name, each with the type that was found."""


def smallest(rows: Iterable[OddRow]) -> list[OddRow]:
    """Return the rows with the smallest hashes, each once, in order."""
    return sorted(set(rows))[:ROWS]


def odd_row(hash_: int, features: Iterable[tuple[str, str]]) -> OddRow:
    """Return a row with what is odd about it."""
    return hash_, tuple(sorted(set(features))[:NAMES])
