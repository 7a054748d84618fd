"""`in_time_order`: the batches of a table whose rows are in any order, as batches in time order.

Where rows are only a little out of order, batches are read once and held until their turn has come. Where they are far
out of order, the table is read several times, and of each pass `HELD` rows are kept. Memory: those, twice for moments,
and 20 bytes for each row of the table.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.table_batch import Batch, joined

HELD = 100_000  # rows

Int64 = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.signedinteger[Any]]


def in_time_order(times: Int64, batches: Callable[[], Iterator[Batch]], rows: int) -> Iterator[tuple[Batch, Int64]]:
    """Yield the rows of a table and their times in time order, those of equal times in the table's order.

    Parameters
    ----------
    times
        Of each row, in the table's order.
    batches
        Reads the table from its start.
    rows
        In a batch that is yielded, at most.
    """
    small = np.int32 if len(times) < 2**31 else np.int64
    order: Ranks = np.argsort(times, kind="stable").astype(small)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order), dtype=small)
    most = int((np.maximum.accumulate(order) - np.arange(len(order), dtype=small)).max(initial=0))
    step = len(order) if most <= HELD else HELD
    done = 0
    for low in range(0, len(order), max(step, 1)):
        for batch in _one_pass(ranks, order[low : low + step], low, batches(), rows):
            yield batch, times[order[done : done + batch.rows]]
            done += batch.rows


def _one_pass(ranks: Ranks, order: Ranks, low: int, batches: Iterator[Batch], rows: int) -> Iterator[Batch]:
    """Yield the rows of ranks from `low` on, as many as `order` has; `order` says where they stand."""
    reach = np.maximum.accumulate(order)  # how far the table must have been read for a rank to be there
    high, done, read = low + len(order), low, 0
    held: list[Batch] = []
    held_ranks: list[Ranks] = []
    for batch in batches:
        mine = ranks[read : read + batch.rows]
        read += batch.rows
        wanted = np.flatnonzero((mine >= low) & (mine < high))
        if len(wanted):
            held.append(batch if len(wanted) == batch.rows else batch.take(wanted))
            held_ranks.append(mine[wanted])
        ready = low + int(np.searchsorted(reach, read))
        if ready - done < rows and ready < high:
            continue
        everything, all_ranks = joined(held), np.concatenate(held_ranks)
        held, held_ranks = [], []
        place = np.argsort(all_ranks)
        for start in range(0, ready - done, rows):
            yield everything.take(place[start : min(start + rows, ready - done)])
        rest = np.sort(place[ready - done :])
        if len(rest):
            held, held_ranks = [everything.take(rest)], [all_ranks[rest]]
        del everything
        done = ready
        if done == high:
            return
