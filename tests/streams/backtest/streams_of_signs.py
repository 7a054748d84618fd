"""A small world for backtests: the label is the sign of one feature, or its opposite, and a trainer that learns which.

The recorded model says that it is the sign, for ever.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from detectors.build_profile import build_profile
from detectors.layouts import Layouts
from detectors.row import Label, Row
from schemas.event_time import SECOND, parse_duration
from schemas.spec import ModelSpec
from streams.archive_schema import archive_schema
from streams.backtest.candidates import Candidates
from streams.backtest.decision_points import MOST, decision_points
from streams.backtest.history import History
from streams.backtest.prices import prices_of
from streams.errors import UserError
from streams.trainer import Features, ModelOutput

DAY = 86_400 * SECOND
BEGIN = 20_000 * DAY
A_DAY = 80  # rows
NOISE = 0.05


def spec(**changes: object) -> ModelSpec:
    settings: dict[str, object] = {
        "task": "binary",
        "positive_label": "1",
        "features": {"x": "numeric", "group": "categorical"},
        "pane": "1d",
        "label_horizon": "5d",
        "label_maturity": "2d",
        "false_alarms": "1 per 90d",
        "reference": "none.json",
        "challenger": False,
        "costs": {"retraining": 40},
        "retraining": {"minimum_labels": 100, "cooldown": "3d"},
    }
    return ModelSpec.model_validate(settings | changes)


class SignModel:
    def __init__(self, sign: int) -> None:
        self.sign = sign

    def outputs(self, features: Features) -> list[ModelOutput]:
        says = [self.sign * float(row[0] or 0.0) > 0 for row in features]
        return [ModelOutput("1" if yes else "0", 0.9 if yes else 0.1) for yes in says]


def learn(rows: pa.Table) -> SignModel:
    """Learn which sign most rows speak for."""
    truths = np.array(rows["label"].to_pylist()) == "1"
    if truths.all() or not truths.any():
        raise UserError("labels of one class teach nothing")
    agree = truths == (np.array(rows["feature.x"].to_pylist(), dtype=np.float64) > 0)  # a missing one says no
    return SignModel(1 if agree.mean() >= 0.5 else -1)


def table(settings: ModelSpec, signs: Sequence[int], seed: int = 0, unlabelled: float = 0.0) -> pa.Table:
    """Return rows of as many days as there are signs: on each the label is the feature's sign times that."""
    rng = np.random.default_rng(seed)
    n = A_DAY * len(signs)
    times = BEGIN + np.arange(n) * (DAY // A_DAY)
    x = rng.normal(size=n)
    truth = (x * np.repeat(signs, A_DAY) > 0) ^ (rng.random(n) < NOISE)
    known = rng.random(n) >= unlabelled
    moments = pa.timestamp("us", tz="UTC")
    columns = {
        "prediction_id": [f"p{seed}-{i}" for i in range(n)],
        "model": ["m"] * n,
        "version": ["1"] * n,
        "time": pa.array(times, moments),
        "feature.x": x,
        "feature.group": np.where(x > 1, "high", "low").tolist(),
        "output_label": np.where(x > 0, "1", "0").tolist(),
        "output_score": np.where(x > 0, 0.9, 0.1),
        "label": [("1" if one else "0") if there else None for one, there in zip(truth, known, strict=True)],
        "label_time": pa.array(
            [int(time + DAY) if there else None for time, there in zip(times, known, strict=True)], moments
        ),
    }
    schema = archive_schema(settings)
    return pa.Table.from_arrays(
        [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in schema],
        schema=schema,
    )


def layouts(settings: ModelSpec) -> Layouts:
    """Return layouts with a reference of forty good days before the history."""
    rng = np.random.default_rng(99)
    rows = []
    for i in range(40 * A_DAY):
        time, x = BEGIN - 40 * DAY + i * (DAY // A_DAY), float(rng.normal())
        truth = (x > 0) ^ bool(rng.random() < NOISE)
        row = Row(time, f"r{i}", [x, "high" if x > 1 else "low"], "1" if x > 0 else "0", 0.9 if x > 0 else 0.1)
        rows.append((row, Label(time + DAY, "1" if truth else "0")))
    return Layouts({"m": settings}, {"m": {None: build_profile("m", None, settings, rows)}})


def layouts_of(settings: ModelSpec, rows: pa.Table) -> Layouts:
    """Return layouts whose reference is rows of the archive's columns."""
    pairs = []
    for one in rows.to_pylist():
        time = int(one["time"].timestamp() * 1_000_000)
        row = Row(time, one["prediction_id"], [one["feature.x"], one["feature.group"]])
        row.label, row.value = one["output_label"], one["output_value"]
        pairs.append((row, Label(time + DAY, one["label"], one["value"])))
    return Layouts({"m": settings}, {"m": {None: build_profile("m", None, settings, pairs)}})


def candidates(
    settings: ModelSpec, rows: pa.Table, delay: str | None = None, most: int = MOST, learner: object = learn
) -> Candidates:
    history = History("m", settings, rows)
    points = decision_points(history, 0 if delay is None else parse_duration(delay), most)
    prices = prices_of(settings, layouts(settings).of("m", "1"), history)
    return Candidates(history, points, prices, learner, settings.retraining.dataset.holdout)  # type: ignore[arg-type]
