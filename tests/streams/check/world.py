"""A small world for the offline tests: loans whose repayment goes by income, models that answer by formula."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.prediction import FeatureValue
from schemas.spec import MonitorSpec
from streams.archive_schema import FEATURE, archive_schema
from streams.check.checked_rows import CheckedRows
from streams.check.context import CheckContext
from streams.trainer import Features, ModelOutput

Formula = Callable[[Mapping[str, FeatureValue]], ModelOutput]

FEATURES: dict[str, Any] = {
    "income": {"type": "numeric", "minimum": 0},
    "age": "numeric",
    "region": "categorical",
    "owner": "boolean",
}
DAY = 86_400_000_000


def spec_of(task: str = "binary", checks: dict[str, Any] | None = None, **more: Any) -> MonitorSpec:
    """Return a monitor file with one model, `loan`."""
    model: dict[str, Any] = {
        "task": task,
        "features": FEATURES,
        "segments": ["region"],
        "pane": "1d",
        "label_horizon": "7d",
        "false_alarms": "1 per 90d",
        "reference": "loan.profile.json",
        "retraining": {"checks": checks or {}, "trainer": {"type": "sklearn", "parameters": {"max_iter": 30}}},
    }
    if task == "binary":
        model["positive_label"] = "1"
    return MonitorSpec.model_validate({"models": {"loan": model | more}})


class Model:
    """Answers each row by a formula of its features."""

    def __init__(self, spec: MonitorSpec, formula: Formula) -> None:
        self._names, self._formula = list(spec.models["loan"].features), formula

    def outputs(self, features: Features) -> list[ModelOutput]:
        return [self._formula(dict(zip(self._names, row, strict=True))) for row in features]


def number(value: FeatureValue, default: float = 50.0) -> float:
    """A value as a number that no formula breaks on."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def probability(income: float) -> float:
    """Probability that a loan is repaid."""
    return 1 / (1 + math.exp(-min(max((income - 50) / 5, -50.0), 50.0)))


def good(row: Mapping[str, FeatureValue]) -> ModelOutput:
    """The best answer there is (binary)."""
    return ModelOutput(score=probability(number(row["income"])))


def guess(row: Mapping[str, FeatureValue]) -> ModelOutput:
    """A champion that has seen better days: it goes by age, a little (binary)."""
    return ModelOutput(score=0.5 + 0.3 * math.tanh((number(row["age"], 40.0) - 40) / 10))


def rows(
    spec: MonitorSpec,
    count: int = 600,
    seed: int = 0,
    *,
    champion: Formula | None = guess,
    truth: Callable[[Mapping[str, FeatureValue], np.random.Generator], str | float] | None = None,
) -> pa.Table:
    """Return labelled rows of the archive, with the champion's recorded answers."""
    settings = spec.models["loan"]
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        features: dict[str, FeatureValue] = {
            "income": float(max(rng.normal(50, 15), 0.0)),
            "age": float(rng.normal(40, 10)),
            "region": ["north", "south", "west"][int(rng.integers(3))],
            "owner": bool(rng.integers(2)),
        }
        said = champion(features) if champion else ModelOutput()
        real = truth(features, rng) if truth else _truth(settings.task, features, rng)
        row: dict[str, Any] = {FEATURE + name: value for name, value in features.items()}
        row |= {
            "prediction_id": f"{seed}-{i}",
            "model": "loan",
            "version": "1",
            "time": (i * 40 * DAY) // count,
            "output_label": said.label,
            "output_score": said.score,
            "output_value": said.value,
            "label": real if isinstance(real, str) else None,
            "value": real if isinstance(real, float) else None,
            "weight": 1.0,
        }
        made.append(row)
    schema = archive_schema(settings)
    return pa.table([pa.array([row.get(field.name) for row in made], field.type) for field in schema], schema=schema)


def _truth(task: str, row: Mapping[str, FeatureValue], rng: np.random.Generator) -> str | float:
    income = number(row["income"])
    if task == "regression":
        return 3 * income + float(rng.normal(0, 2))
    if task == "multiclass":
        return "low" if income < 40 else "middle" if income < 60 else "high"
    return str(int(rng.random() < probability(income)))


def with_column(table: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    """Return a table with other values in one column."""
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))


def context(spec: MonitorSpec, candidate: Formula, table: pa.Table | None = None, **more: Any) -> CheckContext:
    """Return the context of a test, with recorded answers as the champion's unless one is given."""
    settings = spec.models["loan"]
    if isinstance(more.get("train"), pa.Table):
        more["train"] = CheckedRows.in_order(settings, more["train"])
    if callable(more.get("champion")):
        more["champion"] = Model(spec, more["champion"])
    held_out = CheckedRows.of(settings, rows(spec) if table is None else table, "1")
    return CheckContext(
        model="loan", spec=settings, candidate=Model(spec, candidate), holdout=held_out, **{"id": "this check"} | more
    )
