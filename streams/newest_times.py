"""`newest_times`: how far event time had come in a topic before each record of a chunk."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schemas.event_time import Micros
from streams.decoded import Decoded
from streams.lost_events import Evicted

NEVER = -(2**62)
"""Before all event times, and far enough from the least integer to subtract from."""


def newest_times(
    decoded: Decoded, evicted: Sequence[Evicted], count: int, before: Micros | None
) -> npt.NDArray[np.int64]:
    """Return the largest event time before each of the `count` records of a chunk, and after the last.

    `before` is that before the first; where nothing has come yet, `NEVER` is.
    """
    times = np.full(count + 1, NEVER, dtype=np.int64)
    times[0] = NEVER if before is None else before
    times[decoded.positions + 1] = decoded.events.times
    for position, time in decoded.watermarks:
        times[position + 1] = time
    for one in evicted:
        times[one.position + 1] = one.time
    newest: npt.NDArray[np.int64] = np.maximum.accumulate(times)
    return newest
