"""`by_value`: the positions of each value of a column, so that what is asked by value is asked once."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


def by_value(values: npt.NDArray[np.int64] | npt.NDArray[np.int32]) -> Iterator[tuple[int, Positions]]:
    """Yield each value and the positions at which it stands, ascending."""
    if not len(values):
        return
    if values[0] == values[-1] and (values == values[0]).all():
        yield int(values[0]), np.arange(len(values), dtype=np.int64)
        return
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    yield from zip(ordered[begins].tolist(), np.split(order, begins[1:]), strict=True)
