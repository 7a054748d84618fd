"""Streams whose truth is known: errors, with and without memory; days; a normal feature in bins."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from bench.detection.protocol import DAILY_SD, WEEKDAY, WEEKEND, Stream

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]


def stationary(rng: np.random.Generator, stream: Stream, n: int) -> Bits:
    """Return n values of a stream, shape (n,)."""
    return binary(rng, np.full(n, stream.mean), stream.correlation)


def changing(rng: np.random.Generator, stream: Stream, before: int, mean: float, after: int) -> Bits:
    """Return a stream whose mean changes after `before` values, shape (before + after,)."""
    return binary(rng, np.repeat([stream.mean, mean], [before, after]), stream.correlation)


def binary(rng: np.random.Generator, means: Floats, correlation: float) -> Bits:
    """Return zeros and ones: P(x = 1 | last x) = mean + correlation · (last x - mean), correlation in [0, 1).

    One uniform number decides: below the smaller of the two probabilities it is 1 whatever came last, above the larger
    one it is 0, and between them the last value is repeated.
    """
    u = rng.random(len(means))
    low, high = means * (1 - correlation), means + correlation * (1 - means)
    low[:1] = high[:1] = means[:1]  # nothing came before the first
    decided = np.maximum.accumulate(np.where((u < low) | (u >= high), np.arange(len(u)), 0))
    result: Bits = (u < low).astype(np.uint8)[decided]
    return result


def daily_rates(rng: np.random.Generator, mean: float, days: int) -> Floats:
    """Return the rate of each day, shape (days,): log-normal round `mean`, higher at weekends."""
    weekly = np.where(np.arange(days) % 7 >= 5, WEEKEND, WEEKDAY)
    rates: Floats = np.clip(mean * np.exp(rng.normal(0, DAILY_SD, days) + DAILY_SD * weekly), 0, 0.9)
    return rates


def normal_histograms(rng: np.random.Generator, edges: Floats, shift: float, rows: int, panes: int) -> Counts:
    """Return the histograms of `panes` panes of `rows` normal values with mean `shift`, shape (panes, bins)."""
    shares = np.diff(np.concatenate([[0.0], ndtr(edges - shift), [1.0]]))
    return rng.multinomial(rows, shares, size=panes)


def pane_sums(values: Bits, pane: int) -> Floats:
    """Return the sums of whole panes, shape (panes,); what is left over is left out."""
    panes = len(values) // pane
    sums: Floats = values[: panes * pane].reshape(panes, pane).sum(axis=1).astype(np.float64)
    return sums
