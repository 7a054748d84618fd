"""`Rows`: predictions of any models side by side, as level 1 handles them: columns, nothing decided yet."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.prediction import FeatureValue

Floats = npt.NDArray[np.float64]

NARROWEST = 2
"""Numbers of a row without numeric features: its output and its latency."""


@dataclass(slots=True)
class Rows:
    """Predictions in log order. All columns have the same length."""

    groups: npt.NDArray[np.int32]
    """Code of the model version, as `streams.groups.Groups` gives them."""
    times: npt.NDArray[np.int64]
    """Event time in microseconds."""
    offsets: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    """Of the prediction ids (`detectors.id_hash`). Shape (rows, 2)."""
    ids: list[str]
    numbers: Floats
    """Shape (rows, at least the widest row). A row's numbers, as the `RowShape` of its model has them, are the last."""
    values: list[tuple[FeatureValue, ...]]
    """Features that are not numeric."""
    said: list[str | None]
    """Predicted class, or the text."""
    unexpected: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, chosen: npt.NDArray[np.int64]) -> "Rows":
        """Return the rows at the positions `chosen`, in that order."""
        positions = chosen.tolist()

        def picked(column: Sequence[object]) -> list[object]:
            return [column[position] for position in positions]

        return Rows(
            self.groups[chosen],
            self.times[chosen],
            self.offsets[chosen],
            self.hashes[chosen],
            picked(self.ids),  # type: ignore[arg-type]
            self.numbers[chosen],
            picked(self.values),  # type: ignore[arg-type]
            picked(self.said),  # type: ignore[arg-type]
            self.unexpected[chosen],
        )


def joined_rows(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts (at least one), one after the other; their groups mean the same."""
    return Rows(*(concatenated([getattr(part, column.name) for part in parts]) for column in fields(Rows)))


def concatenated(parts: Sequence[Any]) -> Any:
    """Return parts of one column (at least one), arrays or lists, as one."""
    if isinstance(parts[0], np.ndarray):
        return stacked(parts) if parts[0].ndim > 1 else np.concatenate(parts)
    return list(chain.from_iterable(parts))


def stacked(parts: Sequence[Floats]) -> Floats:
    """Return the rows of all parts (at least one), each as far to the right as it goes; NaN stands before it."""
    widest = max(part.shape[1] for part in parts)
    if all(part.shape[1] == widest for part in parts):
        return np.concatenate(parts)
    return np.concatenate([widened(part, widest) for part in parts])


def widened(numbers: Floats, width: int) -> Floats:
    """Return rows of `width` columns, with NaN on the left where there was none."""
    if numbers.shape[1] == width:
        return numbers
    wide = np.full((len(numbers), width), np.nan)
    wide[:, width - numbers.shape[1] :] = numbers
    return wide
