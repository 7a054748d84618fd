"""Estimates from histograms are compared with estimates from raw rows, NannyML's where it is installed."""

from pathlib import Path

import numpy as np
import pytest

from bench.detection.lines import cbpe
from bench.detection.protocol import generator


def test_one_row_in_a_hundred_is_positive() -> None:
    scores, truth = cbpe._rare(generator("test, cbpe"), 200_000)
    assert truth.mean() == pytest.approx(0.01, abs=0.001)
    assert scores.mean() > 2 * truth.mean()  # not calibrated


def test_the_raw_estimate_is_the_realised_area_where_it_is_calibrated() -> None:
    scores, truth = cbpe._rare(generator("test, cbpe"), 100_000)
    raw = cbpe.RawEstimate(scores, truth)
    assert raw.of(scores) == pytest.approx(cbpe._realised(scores, truth), abs=0.005)


def test_a_histogram_says_what_raw_rows_say() -> None:
    rng = generator("test, cbpe", 1)
    scores, truth = cbpe._rare(rng, 20_000)
    chunk = cbpe._rare(rng, 5_000)[0]
    ours, raw = cbpe.HistogramEstimate(scores, truth).of(chunk), cbpe.RawEstimate(scores, truth).of(chunk)
    assert ours == pytest.approx(raw, abs=0.001)
    assert 0.8 < ours < 0.95


def test_the_realised_area_counts_pairs() -> None:
    scores, truth = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])
    assert cbpe._realised(scores, truth) == (1 + 0.5 + 1 + 1) / 4


def test_a_missing_environment_says_who_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbpe, "NANNYML", cbpe.ROOT / "bench" / "nowhere" / "python")
    with pytest.raises(RuntimeError, match="make bench-detection"):
        cbpe._nannyml("a", "b")
