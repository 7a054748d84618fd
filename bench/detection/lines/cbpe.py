"""Estimated ROC AUC (CBPE): from the product's histograms, and row by row by others."""

import json
import os
import subprocess
from typing import Any

import numpy as np
import pyarrow.compute as pc
from pyarrow import csv
from scipy.optimize import isotonic_regression
from scipy.special import expit

from bench.cluster import ROOT
from bench.detection.lines.car_loan import EXAMPLE
from bench.detection.protocol import (
    CBPE_CHUNK,
    OBSERVATION,
    SKEWED_CHUNKS,
    SKEWED_DISTORTED,
    SKEWED_LOGIT,
    SKEWED_REFERENCE,
    SKEWED_SD,
    Scale,
)
from bench.detection.streams import Floats
from detectors.build_profile import build_profile
from detectors.counting import count_traffic
from detectors.layout import Layout
from detectors.row import Label, Row
from detectors.row_shape import RowShape
from detectors.score_curves import estimated_roc_auc, roc_auc
from schemas.spec import ModelSpec

NANNYML = ROOT / "bench" / ".venv-nannyml" / "bin" / "python"
SCRIPT = ROOT / "bench" / "peers" / "nannyml_cbpe.py"
POSITIVE = "1"


def cbpe(scale: Scale) -> dict[str, Any]:
    """Return the largest differences, chunk by chunk: to NannyML on car_loan, to raw rows where 1 % are positive."""
    ours, theirs, realised = _car_loan()
    histogram, raw = _skewed(scale)
    chunks = zip(ours, theirs["roc_auc"], realised, strict=True)
    return {
        "car_loan": float(np.abs(np.subtract(ours, theirs["roc_auc"])).max()),
        "skewed": float(np.abs(np.subtract(histogram, raw)).max()),
        "nannyml": theirs["version"],
        "beside": [
            *(
                {
                    "chunk": f"car_loan, {number}",
                    "ours": our,
                    "row by row": their,
                    "difference": abs(our - their),
                    "realised": true,
                }
                for number, (our, their, true) in enumerate(chunks, start=1)
            ),
            {
                "chunk": "skewed, mean of all",
                "ours": float(np.mean(histogram)),
                "row by row": float(np.mean(raw)),
                "difference": float(np.abs(np.subtract(histogram, raw)).mean()),
            },
        ],
    }


class HistogramEstimate:
    """The product's estimate: the profile's calibration, and a pane's histogram of scores."""

    def __init__(self, scores: Floats, truth: Floats) -> None:
        spec = ModelSpec.model_validate(
            {
                "task": "binary",
                "positive_label": POSITIVE,
                "features": {"x": "numeric"},
                "pane": "1d",
                "label_horizon": "1d",
                "false_alarms": "1 per 90d",
                "reference": "profile.json",
            }
        )
        rows = _rows(scores)
        labels = [Label(row.time, str(int(true))) for row, true in zip(rows, truth.tolist(), strict=True)]
        profile = build_profile("m", "1", spec, list(zip(rows, labels, strict=True)))
        self._layout, self._shape = Layout("m", "1", spec, profile), RowShape(spec)
        self._calibration = profile.calibration

    def of(self, scores: Floats) -> float:
        """Return the area under the ROC curve that a chunk's scores promise."""
        family = self._layout.families["traffic"]
        counts = np.zeros(family.size, dtype=np.int64)
        count_traffic(self._layout, counts, self._shape.columns_of(_rows(scores)))
        by_bin = family.view(counts, "scores").reshape(2, -1).sum(axis=0)  # of either predicted class
        return estimated_roc_auc(by_bin, self._calibration) or 0.0


class RawEstimate:
    """The same row by row: isotonic regression on the reference's own scores, between them a straight line."""

    def __init__(self, scores: Floats, truth: Floats) -> None:
        self._scores, rows = np.unique(scores, return_counts=True)
        positive = np.bincount(np.searchsorted(self._scores, scores), weights=truth)
        self._fitted = isotonic_regression(positive / rows, weights=rows.astype(np.float64)).x

    def of(self, scores: Floats) -> float:
        ascending = np.sort(scores)
        p = np.interp(ascending, self._scores, self._fitted)
        return roc_auc(1 - p, p) or 0.0


def _rows(scores: Floats) -> list[Row]:
    """Return rows of a model that says 1 from one half on; a row a second, and a feature that nobody looks at."""
    return [
        Row(number * OBSERVATION, str(number), [0.0], label=str(int(score >= 0.5)), score=score)
        for number, score in enumerate(scores.tolist())
    ]


def _car_loan() -> tuple[list[float], dict[str, Any], list[float]]:
    """Return by chunk our estimate, what NannyML says, and the realised area."""
    tables = {name: EXAMPLE / "data" / f"car_loan_{name}.csv.gz" for name in ("reference", "analysis")}
    reference, analysis = (csv.read_csv(path) for path in tables.values())
    outcomes = csv.read_csv(EXAMPLE / "data" / "car_loan_analysis_target.csv.gz")
    order = pc.index_in(analysis["id"], outcomes["id"])
    truth = outcomes["repaid"].take(order).to_numpy().astype(np.float64)
    scores = analysis["y_pred_proba"].to_numpy()
    ours = HistogramEstimate(reference["y_pred_proba"].to_numpy(), reference["repaid"].to_numpy().astype(np.float64))
    chunks = [slice(start, start + CBPE_CHUNK) for start in range(0, len(scores), CBPE_CHUNK)]
    return (
        [ours.of(scores[c]) for c in chunks],
        _nannyml(*map(str, tables.values())),
        [_realised(scores[c], truth[c]) for c in chunks],
    )


def _nannyml(reference: str, analysis: str) -> dict[str, Any]:
    if not NANNYML.exists():
        raise RuntimeError(f"{NANNYML.relative_to(ROOT)} is missing: make bench-detection installs it")
    done = subprocess.run(
        [str(NANNYML), str(SCRIPT), reference, analysis, str(CBPE_CHUNK)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"},
    )
    if done.returncode:
        raise RuntimeError(f"NannyML: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _realised(scores: Floats, truth: Floats) -> float:
    levels, at = np.unique(scores, return_inverse=True)
    positives = np.bincount(at, weights=truth, minlength=len(levels))
    return roc_auc(np.bincount(at, minlength=len(levels)) - positives, positives) or 0.0


def _skewed(scale: Scale) -> tuple[list[float], list[float]]:
    rng = scale.generator("cbpe, skewed")
    scores, truth = _rare(rng, SKEWED_REFERENCE)
    histogram, raw = HistogramEstimate(scores, truth), RawEstimate(scores, truth)
    chunks = [_rare(rng, CBPE_CHUNK)[0] for _ in range(scale.of(SKEWED_CHUNKS))]
    return [histogram.of(chunk) for chunk in chunks], [raw.of(chunk) for chunk in chunks]


def _rare(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Return scores, and outcomes of which 1 % are positive."""
    p = expit(rng.normal(SKEWED_LOGIT, SKEWED_SD, rows))
    return p**SKEWED_DISTORTED, (rng.random(rows) < p).astype(np.float64)
