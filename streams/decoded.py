"""What a chunk of a source topic decodes to. Positions are those of the records in the chunk."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows
from schemas.event_time import Micros
from streams.decode import Refusal
from streams.feedback_columns import FeedbackColumns


@dataclass(slots=True)
class Decoded:
    """Every record of the chunk is in exactly one of these."""

    positions: npt.NDArray[np.int64]
    """Of the events, ascending."""
    events: Rows | FeedbackColumns
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    watermarks: list[tuple[int, Micros]] = field(default_factory=list)
    evicted: list[int] = field(default_factory=list)
    """Of versions beyond `streams.groups.MOST_GROUPS`."""
