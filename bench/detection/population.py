"""A model whose rows are drawn from a known law: twenty features, a calibrated score, and what came true."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.special import expit, ndtr

from bench.detection.protocol import (
    CATEGORICAL,
    DAY,
    LABEL_DELAY_DAYS,
    MISSING,
    MODEL_SAMPLE,
    NUMERIC,
    QUARTER,
    RATED,
    VALUES,
)
from schemas.spec import ModelSpec

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MODEL = "m"
CATEGORIES = "abcdef"  # the first VALUES of them; the next is one that no reference has
STEEPNESS = 3.0  # of the score: at 3 the model errs in one row of six
CLASSES = ("no", "yes")  # by truth
SEGMENT = "c0"


def model_spec(**changes: Any) -> ModelSpec:
    """Return the model's entry in the monitor file: panes of a day, every signal that is on by default."""
    features = {f"x{i}": "numeric" for i in range(NUMERIC)} | {f"c{i}": "categorical" for i in range(CATEGORICAL)}
    return ModelSpec.model_validate(
        {
            "task": "binary",
            "positive_label": "yes",
            "features": features,
            "segments": [SEGMENT],
            "pane": "1d",
            "label_horizon": "30d",
            "label_maturity": f"{LABEL_DELAY_DAYS}d",
            "false_alarms": f"1 per {QUARTER}d",
            "sample": MODEL_SAMPLE,
            "traffic_sample": MODEL_SAMPLE,
            "reference": "profile.json",
            "retraining": {"policies": []},
        }
        | changes
    )


@dataclass(frozen=True)
class Rows:
    """Rows in the order of their times, by column; shapes are (rows,) unless another one is named."""

    times: Times
    numbers: Floats
    """Shape (rows, NUMERIC + 2): numeric features, score, latency in ms."""
    categories: npt.NDArray[np.int64]
    """Shape (rows, CATEGORICAL): numbers of CATEGORIES."""
    truth: Flags
    known: Times
    """When the label became known."""
    ratings: Floats
    """NaN: not rated."""
    ranks: Floats
    """Rows of a pane with the smallest are in its sample."""

    @property
    def scores(self) -> Floats:
        return self.numbers[:, NUMERIC]

    @property
    def said(self) -> Flags:
        return self.scores >= 0.5

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Law:
    """How features hang together: with each other, and with those of the row before."""

    correlation: float = 0.0
    """Of any two features of a row (Gaussian copula)."""
    memory: float = 0.0
    """Of a feature with the same one in the row before: AR(1), panes are no borders."""

    def latent(self, rng: np.random.Generator, rows: int) -> Floats:
        """Return standard normal values, shape (rows, features)."""
        features = NUMERIC + CATEGORICAL
        own = rng.standard_normal((rows, features))
        if self.correlation:
            shared = rng.standard_normal((rows, 1))
            own = self.correlation**0.5 * shared + (1 - self.correlation) ** 0.5 * own
        if self.memory:
            own[1:] *= (1 - self.memory**2) ** 0.5
            own = lfilter([1.0], [1.0, -self.memory], own, axis=0)
        result: Floats = own
        return result


def draw(rng: np.random.Generator, rows_a_day: Sequence[int], *, first_day: int = 0, law: Law | None = None) -> Rows:
    """Return days of rows, evenly spaced within each; labels are known LABEL_DELAY_DAYS after their rows."""
    n = sum(rows_a_day)
    latent = (law or Law()).latent(rng, n)
    score = expit(STEEPNESS * (0.8 * latent[:, 0] + 0.6 * latent[:, 1]))
    numbers = np.empty((n, NUMERIC + 2))
    numbers[:, :NUMERIC] = np.where(rng.random((n, NUMERIC)) < MISSING, np.nan, latent[:, :NUMERIC])
    numbers[:, NUMERIC], numbers[:, NUMERIC + 1] = score, rng.exponential(20.0, n)
    truth = rng.random(n) < score
    times = np.concatenate(
        [(first_day + day) * DAY + np.arange(rows) * (DAY // rows) for day, rows in enumerate(rows_a_day)]
    )
    content = rng.random(n) < np.where((score >= 0.5) == truth, 0.9, 0.5)
    return Rows(
        times=times,
        numbers=numbers,
        categories=np.minimum((ndtr(latent[:, NUMERIC:]) * VALUES).astype(np.int64), VALUES - 1),
        truth=truth,
        known=times + LABEL_DELAY_DAYS * DAY,
        ratings=np.where(rng.random(n) < RATED, content.astype(np.float64), np.nan),
        ranks=rng.random(n),
    )
