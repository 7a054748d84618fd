"""`FeedbackColumns`: feedback events side by side, as level 1 handles them."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows
from schemas.feedback import Source

StoredSource = Literal["outcome", "user", "annotator", "correction", "annotator_correction"]
"""Who says so; what has the field `correction` is one or the other of the last two, whatever it says of its source."""

SOURCES: tuple[StoredSource, ...] = get_args(StoredSource)
CORRECTIONS: tuple[StoredSource, ...] = ("correction", "annotator_correction")
NO_MODEL = -1
OTHER_MODEL = -2
"""Self-contained feedback may name a model that is not in the monitor file: it contradicts its own prediction."""
NO_VERSION = 0


def corrected(source: Source) -> StoredSource:
    """Return what a source is stored as where its feedback has the field `correction`."""
    return "annotator_correction" if source == "annotator" else "correction"


@dataclass(slots=True)
class FeedbackColumns:
    """Feedback in log order. All columns have the same length."""

    times: npt.NDArray[np.int64]
    """Event time in microseconds."""
    offsets: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    """Of the prediction ids (`detectors.id_hash`). Shape (events, 2)."""
    sources: npt.NDArray[np.int8]
    """Index into SOURCES."""
    models: npt.NDArray[np.int32]
    """Code of the model it is on; NO_MODEL where it does not say, OTHER_MODEL where nobody knows it."""
    versions: npt.NDArray[np.int64]
    """`streams.groups.version_hash` of the version it is on; NO_VERSION where it does not say."""
    labels: list[str | None]
    """The label, or the correction."""
    values: npt.NDArray[np.float64]
    """The number, or the correction as one; NaN: none."""
    ratings: npt.NDArray[np.float64]
    """NaN: none, as in `drawn`."""
    drawn: npt.NDArray[np.float64]
    """Probability with which the row was drawn at random for this label."""
    inside: dict[int, Rows]
    """By position: the one prediction inside self-contained feedback."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: npt.NDArray[np.int64]) -> "FeedbackColumns":
        """Return the events at the positions `chosen`, in that order."""
        positions = chosen.tolist()
        return FeedbackColumns(
            self.times[chosen],
            self.offsets[chosen],
            self.hashes[chosen],
            self.sources[chosen],
            self.models[chosen],
            self.versions[chosen],
            [self.labels[position] for position in positions],
            self.values[chosen],
            self.ratings[chosen],
            self.drawn[chosen],
            {new: self.inside[old] for new, old in enumerate(positions) if old in self.inside},
        )
