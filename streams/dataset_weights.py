"""How often a row is sampled beside others, before there are too many of them: its selection weight."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.event_time import Micros
from schemas.spec import ModelSpec
from schemas.trigger import SamplePlan
from streams.arrow_arrays import floats_of
from streams.dataset_rules import segment_rows

Floats = npt.NDArray[np.float64]

DRIFTED, LOSS, UNCERTAIN = 1.0, 4.0, 1.0
"""What a row of a drifted slice, one of the largest loss and one of the highest uncertainty have beyond the 1 of each
row. No row is over seven times as likely as another: the weights that undo it stay in [1, 7] times the least."""

LARGEST = 1e100  # of a loss, so that their sum is finite


class SelectionWeights:
    """Weights by the method of the sample, each above 0.

    Parameters
    ----------
    end, half_life
        End of the window; and how much older a row is that is sampled half as often (recency).
    slices
        Drifted slices, each feature=value (importance).
    mean_loss
        Of the window, where the loss has no bound (importance, regression).
    """

    def __init__(
        self,
        settings: ModelSpec,
        sample: SamplePlan,
        end: Micros,
        half_life: Micros,
        slices: Sequence[str],
        mean_loss: float,
    ) -> None:
        self._settings, self._method = settings, sample.method
        self._end, self._half_life, self._slices, self._mean = end, half_life, slices, mean_loss

    def of(self, rows: pa.Table) -> Floats:
        """Return the weights, shape (rows,); a row's weight does not depend on other rows."""
        if self._method == "recency":
            ages = self._end - rows["time"].cast(pa.int64()).to_numpy()
            return np.asarray(np.exp2(-np.minimum(ages / self._half_life, 1_000.0)))  # 2**-1000 is above 0
        weights = np.ones(len(rows))
        if self._method == "importance":
            drifted = np.zeros(len(rows), dtype=np.bool_)
            for segment in self._slices:
                drifted |= segment_rows(self._settings, segment, rows)
            weights += DRIFTED * drifted + LOSS * self._losses(rows) + UNCERTAIN * self._uncertainty(rows)
        return weights

    def _losses(self, rows: pa.Table) -> Floats:
        losses = np.minimum(np.nan_to_num(floats_of(rows["loss"]), nan=0.0, posinf=LARGEST), LARGEST)
        if self._settings.task != "regression":
            return np.asarray(np.clip(losses, 0.0, 1.0))
        return losses / (losses + self._mean) if self._mean > 0 else np.zeros(len(rows))

    def _uncertainty(self, rows: pa.Table) -> Floats:
        if self._settings.task not in ("binary", "multiclass"):
            return np.zeros(len(rows))
        scores = np.clip(floats_of(rows["output_score"]), 0.0, 1.0)
        found = 4 * scores * (1 - scores) if self._settings.task == "binary" else 1 - scores
        return np.nan_to_num(found, nan=0.0)


def mean_loss(batches: Iterable[pa.Table]) -> float:
    """Return the mean loss over batches of rows, to the last bit whatever their order; 0 where none is known."""
    count = 0

    def known() -> Iterator[float]:
        nonlocal count
        for rows in batches:
            losses = np.minimum(floats_of(rows["loss"]), LARGEST)
            losses = losses[np.isfinite(losses)]
            count += len(losses)
            yield from losses.tolist()

    total = math.fsum(known())
    return total / count if count else 0.0
